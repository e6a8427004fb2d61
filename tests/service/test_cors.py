"""Pages of other origins: none may read a response, unless the settings allow its origin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import OPEN
from guanxi.service.config import Settings
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import Answer, call, contents, fresh, send

_ALLOWED, _OTHER = "https://app.example.com", "https://evil.example"
_CORS = "access-control-"


@pytest.fixture(scope="module")
def shared(documented: RunningService) -> Iterator[RunningService]:
    """A service that allows two origins; pages of the second exist: those of ``documented``."""
    settings = Settings(profile=OPEN, cors_origins=(_ALLOWED, documented.base_url))
    with running(settings=settings) as service:
        yield service


def cors_of(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(_CORS)}


def preflight(base_url: str, path: str, origin: str, method: str = "POST") -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,x-requested-with",
    }
    return send(base_url, "OPTIONS", path, headers=headers)


@pytest.mark.parametrize("origin", [_ALLOWED, _OTHER, "null", ""])
def test_closed_by_default(origin: str, open_service: RunningService) -> None:
    for path in (e.NAV.path, e.MODIFY.path, "/nope", "/docs"):
        answers = [
            send(open_service.base_url, method, path, headers={"Origin": origin})
            for method in ("GET", "POST", "HEAD", "OPTIONS")
        ]
        for answer in [*answers, preflight(open_service.base_url, path, origin)]:
            assert cors_of(answer) == {}
            assert "vary" not in answer.headers
    assert preflight(open_service.base_url, e.MODIFY.path, origin).status == 405


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_a_preflight_of_an_allowed_origin(endpoint: Endpoint, shared: RunningService) -> None:
    answer = preflight(shared.base_url, endpoint.path, _ALLOWED, endpoint.method)
    assert (answer.status, answer.raw, answer.headers["vary"]) == (204, b"", "origin")
    assert cors_of(answer) == {
        _CORS + "allow-origin": _ALLOWED,
        _CORS + "allow-credentials": "true",
        _CORS + "allow-methods": "POST" if endpoint.method == "POST" else "GET, HEAD",
        _CORS + "allow-headers": "content-type,x-requested-with",
        _CORS + "max-age": "7200",
    }


@pytest.mark.parametrize(
    "origin", [_OTHER, "null", "", f"{_ALLOWED}/", f"{_ALLOWED}:443", f"{_ALLOWED}.evil.example"]
)
def test_a_preflight_of_another_origin(origin: str, shared: RunningService) -> None:
    answer = preflight(shared.base_url, e.MODIFY.path, origin)
    assert (answer.status, cors_of(answer)) == (405, {})


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (_OTHER, f"Origin: '{_OTHER}' is not in cors_origins"),
        (f"{_ALLOWED}/", f"Origin: '{_ALLOWED}/' is not in cors_origins"),
        (f"https://{'x' * 33}", f"Origin: 'https://{'x' * 32}'... is not in cors_origins"),
        ("https://\xe9.example", "Origin: it is not in cors_origins"),
        ("", "method: must be POST"),
    ],
)
def test_a_refused_preflight_names_its_origin(
    origin: str, reason: str, shared: RunningService, open_service: RunningService
) -> None:
    for service in (shared, open_service):
        answer = preflight(service.base_url, e.MODIFY.path, origin)
        assert (answer.status, answer.code, answer.reason) == (405, -400, reason)
        assert answer.headers["allow"] == "POST"
    page = preflight(shared.base_url, "/docs", origin, "GET")
    assert (page.status, page.reason) == (405, "method: must be GET or HEAD")
    plain = send(shared.base_url, "OPTIONS", e.NAV.path, headers={"Origin": _OTHER})
    assert (plain.status, plain.reason) == (405, "method: must be GET or HEAD")


def test_what_is_no_preflight(shared: RunningService) -> None:
    plain = send(shared.base_url, "OPTIONS", e.MODIFY.path, headers={"Origin": _ALLOWED})
    assert (plain.status, plain.headers["allow"]) == (405, "POST")
    assert preflight(shared.base_url, "/nope", _ALLOWED).status == 404


@pytest.mark.parametrize("origin", [_ALLOWED, _OTHER, "null"])
def test_responses_and_errors(origin: str, shared: RunningService) -> None:
    """An error may be read as well: a page must be able to show why."""
    [caller] = fresh(shared)
    headers = {"Origin": origin}
    answers = [
        call(shared, e.NAV, caller, headers=headers),
        call(shared, e.NAV, headers=headers),
        call(shared, e.MODIFY, caller, {"fid": "x"}, headers=headers),
        call(shared, e.MODIFY, caller, {"fid": 1, "csrf": "x"}, headers=headers),
        send(shared.base_url, "POST", e.MODIFY.path, body=b"{}", headers=headers),
        send(shared.base_url, "GET", e.MODIFY.path, headers=headers),
        send(shared.base_url, "GET", "/nope", headers=headers),
        send(shared.base_url, "HEAD", e.NAV.path, headers=headers),
    ]
    assert [one.status for one in answers[:4]] == [200] * 4
    expected = {
        _CORS + "allow-origin": _ALLOWED,
        _CORS + "allow-credentials": "true",
        _CORS + "expose-headers": "retry-after, x-request-id",
    }
    for answer in answers:
        assert answer.headers["vary"] == "origin"
        assert cors_of(answer) == (expected if origin == _ALLOWED else {})


def test_without_an_origin_the_response_says_that_it_varies(shared: RunningService) -> None:
    answer = call(shared, e.NAV)
    assert (answer.headers["vary"], cors_of(answer)) == ("origin", {})


def test_neither_pages_nor_administration(shared: RunningService) -> None:
    headers = {"Origin": _ALLOWED, "Authorization": f"Bearer {shared.admin_token}"}
    for base_url, path in [
        (shared.base_url, "/docs"),
        (shared.base_url, "/healthz"),
        (shared.admin_url, "/metrics"),
    ]:
        assert send(base_url, "GET", path, headers=headers).status == 200
        for answer in (
            send(base_url, "GET", path, headers=headers),
            preflight(base_url, path, _ALLOWED, "GET"),
        ):
            assert _CORS + "allow-methods" not in answer.headers
            assert answer.status in (200, 405)
            if answer.status == 200:
                assert cors_of(answer) == {}


_FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(
  async (response) => done({status: response.status, body: await response.json()}),
  (error) => done({error: error.name}));
"""


def fetched(browser: Chrome, url: str, **options: Any) -> dict[str, Any]:
    """Return what a script of the current page gets with ``fetch``."""
    options = {"credentials": "include", **options}
    result: dict[str, Any] = browser.execute_async_script(_FETCH, url, options)
    return result


def open_page(browser: Chrome, base_url: str, caller: SignedIn) -> None:
    """Open a page of an origin, with the caller's cookies, which belong to all ports of a host."""
    browser.get(f"{base_url}/healthz")
    browser.delete_all_cookies()
    for name, value in (("SESSDATA", caller.sessdata), ("bili_jct", caller.bili_jct)):
        browser.add_cookie({"name": name, "value": value, "sameSite": "Lax"})


@pytest.mark.browser
def test_a_page_of_an_allowed_origin_reads_and_writes(
    browser: Chrome, shared: RunningService, documented: RunningService
) -> None:
    caller, other = fresh(shared, 2)
    open_page(browser, documented.base_url, caller)
    nav = fetched(browser, shared.base_url + e.NAV.path)
    assert (nav["status"], nav["body"]["data"]["mid"]) == (200, caller.mid)
    form = f"fid={other.mid}&act=1&re_src=11&csrf={caller.bili_jct}"
    kind = {"Content-Type": "application/x-www-form-urlencoded", "X-Requested-With": "fetch"}
    url = shared.base_url + e.MODIFY.path
    done = fetched(browser, url, method="POST", body=form, headers=kind)
    assert done["body"]["code"] == 0, done
    relation = call(shared, e.RELATION, caller, {"fid": other.mid})
    assert relation.data["attribute"] == 2
    again = fetched(browser, url, method="POST", body=f"{form}x", headers=kind)
    assert again["body"]["code"] == -111, "an error is read as well"
    assert fetched(browser, f"{shared.base_url}/nope")["status"] == 404
    anonymous = fetched(browser, shared.base_url + e.NAV.path, credentials="omit")
    assert anonymous["body"]["code"] == -101


@pytest.mark.browser
def test_a_page_of_an_allowed_origin_signs_in(
    browser: Chrome, shared: RunningService, documented: RunningService
) -> None:
    """Its cookies come from the service, and its script reads csrf from one of them."""
    [caller] = fresh(shared)
    browser.get(f"{documented.base_url}/healthz")
    browser.delete_all_cookies()
    key = fetched(browser, shared.base_url + e.QR_GENERATE.path)["body"]["data"]["qrcode_key"]
    shared.agree(key, caller.mid)
    polled = fetched(browser, f"{shared.base_url}{e.QR_POLL.path}?qrcode_key={key}")
    assert polled["body"]["data"]["code"] == 0
    [csrf] = re.findall("bili_jct=([0-9a-f]+)", browser.execute_script("return document.cookie"))
    form = f"notice=hello&csrf={csrf}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    url = shared.base_url + e.SET_NOTICE.path
    done = fetched(browser, url, method="POST", body=form, headers=kind)
    assert done["body"]["code"] == 0, done
    assert call(shared, e.SPACE_NOTICE, caller, {"mid": caller.mid}).data == "hello"


@pytest.mark.browser
def test_a_page_of_another_origin_is_blocked(
    browser: Chrome, shared: RunningService, open_service: RunningService
) -> None:
    caller, other = fresh(shared, 2)
    before = contents(shared)
    open_page(browser, open_service.base_url, caller)
    blocked = {"error": "TypeError"}
    assert fetched(browser, shared.base_url + e.NAV.path) == blocked
    url, form = shared.base_url + e.MODIFY.path, f"fid={other.mid}&act=1&re_src=11"
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    assert fetched(browser, url, method="POST", body=form, headers=plain) == blocked
    asking = {**plain, "X-Requested-With": "fetch"}
    form += f"&csrf={caller.bili_jct}"
    assert fetched(browser, url, method="POST", body=form, headers=asking) == blocked
    assert fetched(browser, f"{shared.base_url}/docs") == blocked
    assert contents(shared) == before
