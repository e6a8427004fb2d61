"""Sessions of pages: each of its own browser, for 12 hours, and not more than a thousand."""

from __future__ import annotations

from http.cookies import SimpleCookie

from starlette.requests import Request
from starlette.responses import Response

from guanxi.web.sessions import Sessions

COOKIE = "guanxi_test"


def request(token: str = "", scheme: str = "http", root: str = "") -> Request:
    headers = [(b"cookie", f"{COOKIE}={token}".encode()), (b"host", b"s")]
    scope = {"type": "http", "scheme": scheme, "path": "/", "headers": headers, "root_path": root}
    return Request({**scope, "method": "GET", "query_string": b"", "server": ("s", 80)})


def opened(sessions: Sessions[str], value: str, by: Request | None = None) -> SimpleCookie:
    response = Response()
    sessions.open(by or request(), response, value)
    return SimpleCookie(response.headers["set-cookie"])


def test_each_browser_has_its_own() -> None:
    sessions: Sessions[str] = Sessions(COOKIE)
    first, second = (opened(sessions, value)[COOKIE] for value in ("a", "b"))
    assert first["samesite"] == "strict"
    assert first["httponly"]
    assert not first["secure"]
    assert first["path"] == "/"
    assert sessions.of(request(first.value)) == "a"
    assert sessions.of(request(second.value)) == "b"
    assert sessions.of(request()) is None
    assert sessions.of(request(first.value[:-1])) is None
    sessions.close(request(first.value))
    assert sessions.of(request(first.value)) is None
    assert sessions.of(request(second.value)) == "b"
    assert first.value not in repr(sessions)


def test_behind_https_and_below_a_path() -> None:
    cookie = opened(Sessions(COOKIE), "a", request(scheme="https", root="/graph/"))[COOKIE]
    assert cookie["secure"]
    assert cookie["path"] == "/graph"


def test_it_ends_after_twelve_hours() -> None:
    now = 0.0
    sessions: Sessions[str] = Sessions(COOKIE, lambda: now)
    token = opened(sessions, "a")[COOKIE].value
    now = 12 * 3_600
    assert sessions.of(request(token)) == "a"
    now += 1
    assert sessions.of(request(token)) is None
    now = 0.0
    assert sessions.of(request(token)) is None, "it is forgotten"


def test_the_oldest_of_more_than_a_thousand_ends() -> None:
    sessions: Sessions[str] = Sessions(COOKIE)
    tokens = [opened(sessions, str(number))[COOKIE].value for number in range(1_001)]
    assert sessions.of(request(tokens[0])) is None
    assert sessions.of(request(tokens[1])) == "1"
    assert sessions.of(request(tokens[-1])) == "1000"
