"""Windows of visible rows, and cursors."""

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

CURSOR = encode_cursor(Position(1, 2))


@pytest.mark.parametrize(
    ("pn", "ps", "visible", "expected"),
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
def test_a_page_is_cut_to_the_visible_rows(
    pn: int, ps: int, visible: int, expected: Window
) -> None:
    assert window(pn, ps, visible) == expected


@given(st.integers(1, 40), st.integers(1, 100), st.integers(0, 1000))
def test_pages_cover_every_visible_row_once(pages: int, ps: int, visible: int) -> None:
    windows = [window(pn, ps, visible) for pn in range(1, pages + 1)]
    rows = [row for page in windows for row in range(page.offset, page.offset + page.limit)]
    assert rows == list(range(min(pages * ps, visible)))


def test_others_see_fewer_followings_than_the_owner() -> None:
    assert visible_followings(DOCUMENTED.limits, own=True) == ALL
    assert visible_followings(DOCUMENTED.limits, own=False) == 100
    assert visible_followings(OPEN.limits, own=False) == 10_000


@given(
    st.builds(
        Position, st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 2**63 - 1)
    )
)
def test_a_cursor_decodes_to_its_position(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


def test_an_empty_cursor_is_the_start() -> None:
    assert decode_cursor("") is None


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "AAAA",
        "关系",
        CURSOR + "AAAA",
        CURSOR[:8] + "!" + CURSOR[8:],
        CURSOR + "====",
        CURSOR[:8] + "\n" + CURSOR[8:],
    ],
)
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor(cursor)


def test_a_cursor_with_a_number_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        decode_cursor("_" * 32)


@given(st.text(max_size=64))
def test_any_text_decodes_or_raises_value_error(cursor: str) -> None:
    try:
        decode_cursor(cursor)
    except ValueError:
        return
