"""The two pages that clients read."""

from __future__ import annotations

import json
import time
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


@pytest.mark.parametrize("data", ["", "{", "%7B", "[" * 60_000])
def test_data_that_is_not_json_raises_value_error(data: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        access_id_of(f'<script id="__RENDER_DATA__">{data}</script>')


def test_the_first_element_with_the_id_counts() -> None:
    page = (
        '<DIV class="x">no</DIV><div class="y" id=\'1-name\'>first</DIV><div id="1-name">no</div>'
    )
    assert refresh_csrf_of(page) == "first"
    assert refresh_csrf_of('<divide id="1-name">no</divide>') is None
    assert access_id_of('<script>id="__RENDER_DATA__"</script>') is None


@pytest.mark.parametrize(
    "page",
    [
        '<div id="1-name"',
        '<div id="1-name">no end',
        f'<div id="1-name">{"a" * 65_537}</div>',
        f'<div id="1-name">&#{"9" * 5000};</div>',
    ],
)
def test_a_page_with_an_unreadable_csrf_returns_none(page: str) -> None:
    assert refresh_csrf_of(page) is None


@pytest.mark.parametrize(
    "piece",
    [
        "<script",
        "<script ",
        '<script id="__RENDER_DATA__"',
        '<script id="__RENDER_DATA__">',
        "<script>",
        "<div",
        '<div id="1-name"',
        '<div id="1-name">',
        '<div id="1-name"></',
    ],
)
def test_the_time_for_a_page_grows_with_its_length(piece: str) -> None:
    def seconds(count: int) -> float:
        page, start = piece * count, time.thread_time()
        access_id_of(page)
        refresh_csrf_of(page)
        return time.thread_time() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (500, 10_000))
    assert many < 100 * max(few, 2e-5)  # 20 times the length; a quadratic time is 400 times


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
