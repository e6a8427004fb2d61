"""The part of ``User`` for the feed: dynamics in both formats, and picture posts."""

from __future__ import annotations

from typing import Any

import msgspec

from guanxi.contract import endpoints as e
from guanxi.contract.enums import OpusType
from guanxi.contract.errors import AnswerException, ArgsException
from guanxi.sdk import answers
from guanxi.user import _types as t
from guanxi.user._about import About

#: The fields of an older dynamic that are strings of JSON.
_JSON_FIELDS = ("card", "extend_json")


class Feed(About):
    """Methods for what the user posted."""

    async def get_dynamics(self, offset: int | str = 0, need_top: bool = False) -> dict[str, Any]:
        """Return one page of the user's dynamics, newest first, in the older clients' format (000).

        Args:
            offset: the previous page's ``next_offset``; 0 for the first page. The last page has
                ``has_more`` 0.
            need_top: True to put the pinned dynamic at the head of the first page.

        ``card`` and ``extend_json`` of each item in ``cards`` are decoded from JSON; an empty page
        has no ``cards``. Raises ``ValueError`` if ``offset`` is not an integer from 0, or
        ``ApiException``.
        """
        try:
            position = int(offset)
        except (TypeError, ValueError):
            raise ArgsException(f"offset: {offset!r} is not an integer") from None
        page: dict[str, Any] = await self._call_endpoint(
            e.OLD_DYNAMICS,
            {"host_uid": self.uid, "offset_dynamic_id": position, "need_top": need_top},
        )
        for number, card in enumerate(answers.at(page, "cards") or ()):
            for name in _JSON_FIELDS:
                if isinstance(text := answers.at(card, name), str):
                    card[name] = _decoded(text, f"$.data.cards[{number}].{name}")
        return page

    async def get_dynamics_new(self, offset: str = "") -> t.DynamicPage:
        """Return one page of the user's dynamics, newest first (000).

        The pinned dynamic is at the head of the first page.

        Args:
            offset: the previous page's; empty for the first page. The last page has ``has_more``
                False.

        Raises ``ValueError`` if ``offset`` is not 0 to 19 digits, or ``ApiException``.
        """
        page: t.DynamicPage = await self._call_endpoint(
            e.DYNAMICS, {"host_mid": self.uid, "offset": offset}
        )
        return page

    async def get_opus(self, type_: OpusType = OpusType.ALL, offset: str = "") -> t.OpusPage:
        """Return one page of the user's picture posts, newest first (000).

        Args:
            type_: all, only those of articles, or only the others.
            offset: the previous page's; empty for the first page. The last page has ``has_more``
                False.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.OpusPage = await self._call_endpoint(
            e.OPUS, {"host_mid": self.uid, "offset": offset, "type": type_}
        )
        return page


def _decoded(text: str, path: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise AnswerException(
            "the string is not JSON", path=path, endpoint=e.OLD_DYNAMICS.name
        ) from None
