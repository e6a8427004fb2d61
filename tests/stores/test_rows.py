"""``Rows``, which stores columns, behaves like any sequence of ``Row``."""

from __future__ import annotations

import pytest

from guanxi.stores.port import Row, Rows

EXTRA = Row(2, 20, groups=(7,), visits=3)
EXPECTED = [Row(1, 10), EXTRA, Row(3, 30, mutual=True)]


def test_rows_are_a_sequence() -> None:
    rows = Rows((1, 2, 3), (10, 20, 30), (0, 0, 1), {1: EXTRA})
    assert [*rows] == EXPECTED
    assert rows == EXPECTED
    assert rows == Rows([1, 2, 3], [10, 20, 30], [False, False, True], {1: EXTRA})
    assert rows != EXPECTED[:2]
    assert rows != "rows"
    assert (rows[0], rows[-1], rows[-2]) == (EXPECTED[0], EXPECTED[2], EXTRA)
    assert rows[::-1] == EXPECTED[::-1]
    assert rows[1:9] == EXPECTED[1:]
    assert repr(rows) == f"Rows({EXPECTED})"
    with pytest.raises(IndexError):
        _ = rows[3]
    with pytest.raises(TypeError):
        hash(rows)


def test_rows_may_be_empty() -> None:
    assert Rows() == []
    assert not Rows()
