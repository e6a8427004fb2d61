"""The two pages that clients read."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.pages import (
    access_id_ends,
    access_id_of,
    refresh_csrf_of,
    refresh_page,
    space_page,
)

ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def token(claims: object) -> str:
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{payload}.signature"


@given(ASCII)
def test_the_access_id_round_trips(access_id: str) -> None:
    assert access_id_of(space_page(access_id)) == access_id


@given(ASCII)
def test_the_csrf_round_trips(csrf: str) -> None:
    assert refresh_csrf_of(refresh_page(csrf)) == csrf


def test_the_data_may_be_percent_encoded() -> None:
    data = quote(json.dumps({"access_id": "a.b.c", "more": [1]}))
    page = f'<html><script type="application/json" id="__RENDER_DATA__">\n{data}\n</script></html>'
    assert access_id_of(page) == "a.b.c"


@pytest.mark.parametrize("data", ["{}", '{"access_id": 7}', "[]", '"text"'])
def test_a_page_without_an_access_id_returns_none(data: str) -> None:
    assert access_id_of(f'<script id="__RENDER_DATA__">{data}</script>') is None


def test_a_page_without_data_returns_none() -> None:
    assert access_id_of("<html></html>") is None
    assert refresh_csrf_of("<html></html>") is None
    assert refresh_csrf_of('<div id="1-name"> </div>') is None


@pytest.mark.parametrize("data", ["", "{", "%7B", "[" * 100_000])
def test_data_that_is_not_json_raises_value_error(data: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        access_id_of(f'<script id="__RENDER_DATA__">{data}</script>')


def test_an_access_id_contains_its_expiry() -> None:
    assert access_id_ends(token({"iat": 1_700_000_000, "ttl": 3600})) == 1_700_003_600


@pytest.mark.parametrize(
    "access_id",
    [
        "",
        "one",
        "a.!.c",
        "a.签.c",
        token([]),
        token({"iat": 1}),
        token({"iat": "1", "ttl": 2}),
        token(7),
    ],
)
def test_a_malformed_access_id_has_no_expiry(access_id: str) -> None:
    assert access_id_ends(access_id) is None
