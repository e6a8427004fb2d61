"""The signatures: the vectors of the wire catalogue, and what a verifier accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.sign import (
    app_sign,
    app_verify,
    key_of_url,
    mixin_key,
    wbi_sign,
    wbi_verify,
)

IMG, SUB = "7cd084941338484aae1ad9425b84077c", "4932caff0ff746eab6f01bf08b70ac45"
MIXIN = "ea1db124af3c7062474693fa704f4ff8"
KEYWORD = [("keyword", "你好 a(b)"), ("mid", "1850091"), ("wts", "1700000000")]
APPKEY, APPSEC = "0123456789abcdef", "fedcba9876543210fedcba9876543210"
APP = [("id", "114514"), ("str", "1919810"), ("test", "你好 世界"), ("appkey", APPKEY)]


def test_the_mixin_key_of_two_keys() -> None:
    assert mixin_key(IMG, SUB) == MIXIN


@pytest.mark.parametrize(
    ("pairs", "w_rid"),
    [
        (
            [("foo", "114"), ("bar", "514"), ("zab", "1919810"), ("wts", "1702204169")],
            "8f6f2b5b3d485fe1886cec6a0be8c5d4",
        ),
        (
            [("mid", "1850091"), ("web_location", "1550101"), ("wts", "1700000000")],
            "df965cebb485aba5a5fdd25a3db7bef5",
        ),
        (
            [
                ("dm_cover_img_str", "CD"),
                ("dm_img_inter", '{"ds":[],"wh":[0,0,0],"of":[0,0,0]}'),
                ("dm_img_list", "[]"),
                ("dm_img_str", "AB"),
                ("keyword", ""),
                ("mid", "1850091"),
                ("order", "pubdate"),
                ("order_avoided", "1"),
                ("platform", "web"),
                ("pn", "1"),
                ("ps", "30"),
                ("tid", "0"),
                ("w_webid", "WEBID"),
                ("web_location", "1550101"),
                ("wts", "1700000000"),
            ],
            "bca949287089ad774d4ab5278ffe5508",
        ),
        (KEYWORD, "7fe1b8b4798476988b6fdac437d2bfe1"),
    ],
)
def test_wbi_signatures_equal_the_known_vectors(pairs: list[tuple[str, str]], w_rid: str) -> None:
    assert wbi_sign(pairs, MIXIN) == w_rid
    assert wbi_verify([*pairs, ("w_rid", w_rid)], MIXIN)


def test_the_encoding_of_other_clients_is_accepted() -> None:
    assert wbi_verify([*KEYWORD, ("w_rid", "ff17d07fcbcaa83eb35c87ff551f3725")], MIXIN)


def test_the_app_signature_equals_the_known_vector() -> None:
    assert app_sign(APP, APPSEC) == "306f898ef42b51e9a6c4172222273cdb"
    assert app_verify([*APP, ("sign", "306f898ef42b51e9a6c4172222273cdb")], APPSEC)


@pytest.mark.parametrize("given", [None, "", "0" * 32, "签名"])
def test_missing_and_wrong_signatures_are_refused(given: str | None) -> None:
    wbi = KEYWORD if given is None else [*KEYWORD, ("w_rid", given)]
    app = APP if given is None else [*APP, ("sign", given)]
    assert not wbi_verify(wbi, MIXIN)
    assert not app_verify(app, APPSEC)


pairs = st.dictionaries(st.text(min_size=1), st.text(), max_size=5).map(
    lambda found: [(k, v) for k, v in found.items() if k not in ("w_rid", "sign")]
)


@given(pairs, st.text(min_size=1))
def test_a_signature_is_valid_for_its_values_only(signed: list[tuple[str, str]], more: str) -> None:
    w_rid, sign = wbi_sign(signed, MIXIN), app_sign(signed, APPSEC)
    assert wbi_verify([("w_rid", w_rid), *signed], MIXIN)
    assert not wbi_verify([("w_rid", w_rid), *signed], MIXIN[::-1])
    assert app_verify([("sign", sign), *signed], APPSEC)
    assert not app_verify([("sign", sign), *signed, ("more", more)], APPSEC)


def test_an_iterator_of_pairs_is_verified() -> None:
    assert wbi_verify(iter([*KEYWORD, ("w_rid", wbi_sign(KEYWORD, MIXIN))]), MIXIN)
    assert app_verify(iter([*APP, ("sign", app_sign(APP, APPSEC))]), APPSEC)


def test_the_key_in_a_url() -> None:
    assert key_of_url(f"https://example.com/bfs/wbi/{IMG}.png") == IMG
