"""How much of a list may be seen, and where a walk goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.limits import ALL, DOCUMENTED, OPEN
from guanxi.graph.lists import (
    Position,
    Window,
    decode_cursor,
    encode_cursor,
    visible_followings,
    window,
)


@pytest.mark.parametrize(
    ("pn", "ps", "visible", "seen"),
    [
        (1, 50, 100, Window(0, 50)),
        (2, 50, 100, Window(50, 50)),
        (3, 50, 100, Window(100, 0)),
        (2, 60, 100, Window(60, 40)),
        (1, 100, 100, Window(0, 100)),
        (21, 50, 1000, Window(1000, 0)),
        (2**63 - 1, 100, ALL, Window(ALL, 0)),
    ],
)
def test_window(pn: int, ps: int, visible: int, seen: Window) -> None:
    assert window(pn, ps, visible) == seen


@given(st.integers(1, 40), st.integers(1, 100), st.integers(0, 1000))
def test_windows_tile_what_is_visible(pages: int, ps: int, visible: int) -> None:
    seen = [
        position
        for pn in range(1, pages + 1)
        for one in [window(pn, ps, visible)]
        for position in range(one.offset, one.offset + one.limit)
    ]
    assert seen == list(range(min(pages * ps, visible)))


def test_ones_own_followings_are_all_visible_and_anothers_are_not() -> None:
    assert visible_followings(DOCUMENTED.limits, own=True) == ALL
    assert visible_followings(DOCUMENTED.limits, own=False) == 100
    assert visible_followings(OPEN.limits, own=False) == 10_000


@given(
    st.builds(
        Position, st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 2**32 - 1)
    )
)
def test_a_cursor_is_read_back(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


def test_an_empty_cursor_begins() -> None:
    assert decode_cursor("") is None


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!", "AAAA", "关系", encode_cursor(Position(1, 2)) + "AAAA"]
)
def test_other_texts_are_no_cursors(cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(cursor)


def test_a_cursor_past_every_mid_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor("_" * 27)


@given(st.text(max_size=64))
def test_no_text_breaks_it(cursor: str) -> None:
    try:
        decode_cursor(cursor)
    except ValueError:
        return
