"""Whether staging an import finds out that its rows are in the order of the lists."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import apsw
import pytest
from msgspec.structs import replace

from guanxi.stores.port import EdgeRow, PlainFollow, PlainFollows
from guanxi.stores.sqlite.bulk import stage

_SORTED: list[PlainFollow] = [(1, 5, 9), (1, 7, 6), (1, 7, 8), (2, 5, 3), (2, 5, 4)]


def is_sorted(rows: Iterable[EdgeRow]) -> bool:
    with closing(apsw.Connection(":memory:")) as db:
        return stage(db, rows, 1_000, None)


@pytest.mark.parametrize("first", range(1, 5))
def test_sorted_follows(first: int) -> None:
    rows = PlainFollows([_SORTED[:first], _SORTED[first:]])
    assert is_sorted(rows)
    assert is_sorted([replace(row, finer=0, time=row.finer) for row in rows])


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("first", range(1, 5))
def test_unsorted_follows(at: int, first: int) -> None:
    follows = [*_SORTED]
    follows[at], follows[at + 1] = follows[at + 1], follows[at]
    assert not is_sorted(PlainFollows([follows[:first], follows[first:]]))


def test_edges_with_more_are_not_known_to_be_sorted() -> None:
    row = EdgeRow(follower=1, followed=2, time=3)
    assert is_sorted([row])
    assert not is_sorted([replace(row, special=True)])
