"""Bounds of what anybody may send, signed in or not, and the work that the rest of it costs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from hashlib import md5
from types import FrameType
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.contract.sign import wbi_sign, wbi_verify
from guanxi.service.handling import Refused
from guanxi.service.request import cookies, fields
from guanxi.testing import RunningService
from tests.service.client import call, fresh, raw, send

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("extra", [98, 99])
def test_a_query_and_a_form_have_100_fields(documented: RunningService, extra: int) -> None:
    caller, other = fresh(documented, 2)
    query = f"vmid={caller.mid}&" + "&".join(["a=1"] * (extra + 1))
    answer = send(documented.base_url, "GET", e.STAT.path, query=query)
    within = (200, 0, ""), (400, -400, "query: at most 100 fields")
    assert (answer.status, answer.code, answer.reason) == within[extra > 98]
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}&" + "&".join("a" * (extra - 2))
    answer = send(
        documented.base_url,
        "POST",
        e.MODIFY.path,
        body=form.encode(),
        headers={"Cookie": caller.cookie, **_FORM},
    )
    within = (200, 0, ""), (400, -400, "body: at most 100 fields")
    assert (answer.status, answer.code, answer.reason) == within[extra > 98]


def test_a_script_with_too_many_fields_gets_no_callback(documented: RunningService) -> None:
    query = "callback=f&vmid=1" + "&" * 99
    answer = send(documented.base_url, "GET", e.FOLLOWINGS.path, query=query)
    assert (answer.status, answer.code) == (400, -400)


def test_a_request_has_200_cookies(documented: RunningService) -> None:
    """Chromium keeps 180 of a site, and sends all of them."""
    [caller] = fresh(documented)
    for others, code in ((198, 0), (199, -400)):
        cookie = "a=%41; " * others + caller.cookie
        answer = call(documented, e.NAV, None, headers={"Cookie": cookie})
        assert (answer.status, answer.code) == ((200, 0) if code == 0 else (400, -400))
        assert answer.reason == ("Cookie: at most 200 cookies" if code else "")


def test_a_request_has_200_headers(documented: RunningService) -> None:
    for count, status in ((198, b"200"), (199, b"400")):
        head = (
            b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + b"a:\r\n" * count
        )
        answer = raw(documented.base_url, head + b"\r\n")
        assert answer.split()[1] == status
        assert (b"head: at most 200 headers" in answer) is (count == 199)


def _calls(work: Callable[[], Any]) -> int:
    """Return how many functions, of Python and of C, a call of ``work`` calls."""
    made = 0

    def count(_frame: FrameType, happened: str, _argument: object) -> None:
        nonlocal made
        made += happened in ("call", "c_call")

    gc.collect()
    gc.disable()  # what it finalizes would be counted
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return made


@pytest.mark.parametrize(
    "text", [b"%41", b"%22", b"%e4%bd%a0", b"+", b'"', b"*!", b"a%", b"%%41"], ids=repr
)
def test_the_calls_for_a_long_value_do_not_grow_with_it(text: bytes) -> None:
    def work(times: int) -> Callable[[], Any]:
        def parse_and_verify() -> None:
            pairs, _ = fields(b"a=" + text * times, frozenset())
            wbi_verify([*pairs, ("w_rid", "0" * 32)], "m" * 32, "n" * 32)
            cookies(b"x=" + text * times + b"; SESSDATA=" + text * times, 200)

        return parse_and_verify

    work(2_000)()
    assert _calls(work(20_000)) == _calls(work(2_000))


@given(st.binary(max_size=60))
def test_unescaping_is_that_of_the_standard_library(value: bytes) -> None:
    escaped = quote_plus(value).encode()
    pairs, invalid = fields(b"a=" + escaped, frozenset("a"))
    try:
        text = unquote_to_bytes(escaped.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        assert invalid is not None
        assert pairs == []
    else:
        assert pairs == [("a", text)]


@given(st.lists(st.tuples(st.text(), st.text())))
def test_a_signature_covers_the_documented_encoding(pairs: list[tuple[str, str]]) -> None:
    pairs = [pair for pair in pairs if pair[0] != "w_rid"]
    dropped = str.maketrans("", "", "!'()*")
    documented = "&".join(
        f"{quote(name, safe='')}={quote(value.translate(dropped), safe='')}"
        for name, value in sorted(pairs)
    )
    plain = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(pairs))
    assert wbi_sign(pairs, "m") == md5((documented + "m").encode()).hexdigest()
    for query in (documented, plain):
        w_rid = md5((query + "m").encode()).hexdigest()
        assert wbi_verify([*pairs, ("w_rid", w_rid)], "other", "m")


def test_only_the_cookies_that_are_read_are_returned() -> None:
    header = b'a=%41; SESSDATA="x%2Cy"; bili_jct=%zz; SESSDATA=second; DedeUserID=5;b'
    assert cookies(header, 6) == {"SESSDATA": "x,y", "bili_jct": "%zz", "DedeUserID": "5"}
    with pytest.raises(Refused):
        cookies(header, 5)
