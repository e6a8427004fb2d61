"""Tests of the combinations that the short form runs."""

from __future__ import annotations

from tests.counts import few


def test_few_combinations_have_every_value() -> None:
    rows = few("abcde", [1, 2], [None])
    assert len(rows) == 5
    assert {row[0] for row in rows} == {"a", "b", "c", "d", "e"}
    assert {row[1] for row in rows} == {1, 2}
    assert {row[2] for row in rows} == {None}
    assert rows == few("abcde", [1, 2], [None]), "a failure can be repeated"
