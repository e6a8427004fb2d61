"""Conversion of video ids: the pairs of the wire catalogue, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.ids import aid_of, bvid_of

PAIRS = [
    (170001, "BV17x411w7KC"),
    (37896701, "BV18t411q7zz"),
    (311606079, "BV1XN411K7g9"),
    (585275804, "BV1sz4y1y7KJ"),
]


@pytest.mark.parametrize(("aid", "bvid"), PAIRS)
def test_known_pairs_convert(aid: int, bvid: str) -> None:
    assert bvid_of(aid) == bvid
    assert aid_of(bvid) == aid


@given(st.integers(1, 2**51 - 1))
def test_conversion_round_trips(aid: int) -> None:
    assert aid_of(bvid_of(aid)) == aid


@pytest.mark.parametrize("text", ["", "BV1", "av17x411w7KC", "BV17x411w7K0", "BV17x411w7KCC"])
def test_an_invalid_bvid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a bvid"):
        aid_of(text)
