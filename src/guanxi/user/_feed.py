"""The part of ``User`` that is about the feed: dynamics of both generations, picture posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from guanxi.contract import endpoints as e
from guanxi.contract.enums import OpusType
from guanxi.contract.errors import AnswerException
from guanxi.sdk import answers
from guanxi.user._about import About

if TYPE_CHECKING:
    from guanxi.user._shapes import DynamicPage, OpusPage

#: What an older dynamic holds as JSON in a text.
_TEXTS = ("card", "extend_json")


class Feed(About):
    """What the user posted."""

    async def get_dynamics(self, offset: int | str = 0, need_top: bool = False) -> dict[str, Any]:
        """The user's dynamics in the shape of older clients (000, get_dynamics).

        Args:
            offset: the last answer's ``next_offset``; 0 to begin. Go on while ``has_more`` is 1.
            need_top: the pinned one before all others.

        ``card`` and ``extend_json`` of each in ``cards`` are decoded; at the end there is no
        ``cards``.
        """
        try:
            place = int(offset)
        except (TypeError, ValueError):
            raise ValueError(f"offset: {offset!r} is no whole number") from None
        page: dict[str, Any] = await self._call(
            e.OLD_DYNAMICS,
            {"host_uid": self._uid, "offset_dynamic_id": place, "need_top": need_top},
        )
        for number, card in enumerate(answers.at(page, "cards") or ()):
            for name in _TEXTS:
                if isinstance(text := answers.at(card, name), str):
                    card[name] = _decoded(text, f"$.data.cards[{number}].{name}")
        return page

    async def get_dynamics_new(self, offset: str = "") -> DynamicPage:
        """The user's dynamics, the newest first (000, get_dynamics_new).

        Args:
            offset: the last answer's; empty to begin. Go on while ``has_more`` is true.
        """
        page: DynamicPage = await self._call(e.DYNAMICS, {"host_mid": self._uid, "offset": offset})
        return page

    async def get_opus(self, type_: OpusType = OpusType.ALL, offset: str = "") -> OpusPage:
        """The user's picture posts, the newest first (000, get_opus).

        Args:
            type_: all, those of articles, or the others.
            offset: the last answer's; empty to begin. Go on while ``has_more`` is true.
        """
        page: OpusPage = await self._call(
            e.OPUS, {"host_mid": self._uid, "offset": offset, "type": type_}
        )
        return page


def _decoded(text: str, path: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise AnswerException("not JSON", path=path, endpoint=e.OLD_DYNAMICS.name) from None
