"""Count what a walk over a list has met, and compare it with what the server says the list has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.errors import AnswerException, ListIncomplete
from guanxi.sdk import answers


class Tallied:
    """What a run over the pages of one list has met so far.

    ``params`` are those of every page, ``first`` those of the run's first page. ``keeps``: keep the
    items, for the error, unless the run goes by cursor and so reaches every item. ``resumed``: the
    run began after a page of an earlier one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        params: Mapping[str, Any],
        first: Mapping[str, Any],
        *,
        keeps: bool,
        resumed: bool,
    ) -> None:
        self.endpoint = endpoint
        #: How many items of the list the run has met, those of earlier runs included.
        self.met = 0
        #: The least total that a page had: a list that shrank is complete with what it still has.
        self.total: int | None = None
        self.by_cursor = False
        #: The server refused a further page.
        self.too_deep = False
        self._items: list[Any] = []
        self._keeps = keeps and bool(endpoint.pages.total or endpoint.pages.count)
        #: Whether the number of items before the run's first page is unknown.
        self._vague = resumed and endpoint.paging is not Paging.NUMBERED
        self._size = _page_size(endpoint, params)
        self._counted: set[object] = set()
        self._end = 0
        self._totals: list[int] = []
        if resumed and not self._vague:
            self.met = (first.get(endpoint.pages.number, 1) - 1) * self._size

    def add(self, data: Any, position: Mapping[str, Any], items: list[Any], new: list[Any]) -> bool:
        """Count a page, whose parameters are ``position``; return whether it has anything new.

        ``new`` are those of its ``items`` that no earlier page had.
        """
        pages = self.endpoint.pages
        if position.get("cursor") or isinstance(answers.at(data, "cursor"), str):
            self.by_cursor, self._items = True, []
        elif self._keeps:
            self._items += new
        length, fresh = len(items), len(new)
        counted = answers.at(data, pages.counted) if pages.counted else None
        if isinstance(counted, list):
            before = len(self._counted)
            self._counted.update(map(repr, counted))
            length = len(counted)
            fresh = length if len(self._counted) > before else 0
        self.met += fresh
        self._end = (position.get(pages.number, 1) - 1) * self._size + length
        self.add_total(answers.at(data, pages.total) if pages.total else None)
        return fresh > 0

    def add_total(self, total: object) -> None:
        """Note how many items the server says the list has; ignore what is no number."""
        if isinstance(total, int):
            self._totals.append(total)
            self.total = min(self._totals)

    def check(self) -> None:
        """Raise ``ListIncomplete`` if the run, which has ended, met fewer items than the total.

        Its ``cut`` is True if the last page says so itself: its total is past its end.
        """
        if self.by_cursor or self._vague or self.total is None or self.met >= self.total:
            return
        numbered = self.endpoint.paging is Paging.NUMBERED
        past_end = self._totals[-1] > self._end if numbered else len(set(self._totals)) == 1
        raise ListIncomplete(
            self._items, self.total, cut=self.too_deep or past_end, endpoint=self.endpoint.name
        )


def _page_size(endpoint: Endpoint, params: Mapping[str, Any]) -> int:
    """Return how many items a page of a list has, by its parameters or the contract's default."""
    given = params.get(endpoint.pages.size)
    if given is None:  # inspecting a struct costs more than reading a page
        for field in fields(endpoint.params):
            if field.encode_name == endpoint.pages.size:
                given = field.default
    return given if isinstance(given, int) else 1


def items_path(endpoint: Endpoint) -> str:
    """Return the path of a list's first array for error messages, as ``$.data.list[...]``."""
    return ".".join(part for part in ("$.data", endpoint.pages.items[0]) if part) + "[...]"


def items_of(data: Any, endpoint: Endpoint) -> list[Any]:
    """Return the items of a page, of all its arrays in order; a missing array counts as empty.

    Raise ``AnswerException`` if one of them is not an array.
    """
    found: list[Any] = []
    for path in endpoint.pages.items:
        # By cursor, an endpoint whose data is an array returns an object with a list instead.
        items = answers.at(data, path or ("list" if isinstance(data, dict) else ""))
        if items is None and isinstance(data, dict):
            continue
        if not isinstance(items, list):
            raise AnswerException("the list is not an array", path="$.data", endpoint=endpoint.name)
        found += items
    return found


def check_whole(data: Any, endpoint: Endpoint) -> None:
    """Raise ``ListIncomplete`` if a list in one response has fewer items than its total says.

    Its items are those of the response, undecoded. Data of another shape is not checked.
    """
    items, total = answers.at(data, endpoint.pages.items[0]), answers.at(data, endpoint.pages.total)
    if isinstance(items, list) and isinstance(total, int) and len(items) < total:
        raise ListIncomplete(items, total, cut=True, endpoint=endpoint.name)
