"""Long tables: blocks that are loaded while one scrolls, and addresses that keep a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

#: How many rows a block has at most: 3,000 rows in one page took Chromium ten times as long as 300.
BLOCK = 200


class Block(NamedTuple, Generic[T]):
    """Some rows of a table, and the address of the next ones, "" after the last."""

    rows: Sequence[T]
    next: str


def block_of(rows: Sequence[T], start: int, address: str, size: int = BLOCK) -> Block[T]:
    """Return the block of the rows read from index ``start`` on, at most ``size`` of them.

    Whoever reads one more knows whether others follow. ``address`` is where the rows are read;
    ``start=`` is appended for the next block.
    """
    more = with_query(address, {"start": str(start + size)}) if len(rows) > size else ""
    return Block(rows[:size], more)


def with_query(address: str, values: Mapping[str, str]) -> str:
    """Return an address with values appended to its query; empty ones are left out."""
    query = urlencode({name: value for name, value in values.items() if value != ""})
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{query}"


def whole_number(text: str, *, default: int = 0, most: int = 2**63 - 1) -> int:
    """Return a number of a query, at least 0 and at most ``most``; ``default`` if it is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)):
        return default
    return min(int(text), most)
