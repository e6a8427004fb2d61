"""What a page elsewhere can do with the cookies of its visitor, and which cookies are set."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Does, Endpoint, Login
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import Settings
from guanxi.service.handlers import login
from guanxi.testing import RunningService, running
from tests.service.client import call, contents
from tests.service.scene import Scene
from tests.service.test_auth import put_session

FRIEND = "https://friend.example"
FOREIGN_SITE = "Sec-Fetch-Site: a page of another origin sent this"
FOREIGN_ORIGIN = "Origin: a page of another origin sent this"


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with running(settings=Settings(profile=DOCUMENTED, cors_origins=(FRIEND,))) as service:
        yield Scene(service)


#: Headers that browsers send, and the reason of a refusal; "" for none. The host is "SELF".
SENT: list[tuple[dict[str, str], str]] = [
    ({}, ""),
    ({"Sec-Fetch-Site": "same-origin"}, ""),
    ({"Sec-Fetch-Site": "same-site"}, ""),
    ({"Sec-Fetch-Site": "none"}, ""),
    ({"Sec-Fetch-Site": "cross-site"}, FOREIGN_SITE),
    ({"Sec-Fetch-Site": ""}, FOREIGN_SITE),
    ({"Sec-Fetch-Site": "Same-Origin"}, FOREIGN_SITE),
    ({"Sec-Fetch-Site": "cross-site", "Origin": FRIEND}, ""),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://www.bilibili.com"}, FOREIGN_SITE),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://SELF"}, FOREIGN_SITE),
    ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, ""),
    ({"Origin": "http://SELF"}, ""),
    ({"Origin": "https://SELF"}, ""),
    ({"Origin": FRIEND}, ""),
    ({"Origin": "https://www.bilibili.com"}, ""),
    ({"Origin": "https://bilibili.com"}, ""),
    ({"Origin": "null"}, FOREIGN_ORIGIN),
    ({"Origin": "https://evil.example"}, FOREIGN_ORIGIN),
    ({"Origin": f"{FRIEND}.evil.example"}, FOREIGN_ORIGIN),
    ({"Origin": "http://SELF.evil.example"}, FOREIGN_ORIGIN),
    ({"Origin": "https://evilbilibili.com"}, FOREIGN_ORIGIN),
    ({"Origin": "https://bilibili.com.evil.example"}, FOREIGN_ORIGIN),
]


@pytest.mark.parametrize(("sent", "reason"), SENT)
def test_which_pages_may_act_with_a_cookie(sent: dict[str, str], reason: str, scene: Scene) -> None:
    """A write of another site is refused although it has the csrf; its read is nobody's."""
    service, host = scene.service, urlsplit(scene.service.base_url).netloc
    headers = {name: value.replace("SELF", host) for name, value in sent.items()}
    fields = scene.fields(e.MODIFY) | {"act": 7}  # answers 0 and changes nothing
    write = call(service, e.MODIFY, scene.caller, fields, headers=headers)
    assert (write.code, write.reason) == (-111 if reason else 0, reason)
    read = call(service, e.FRIENDS, scene.caller, headers=headers)
    assert (read.code, read.reason) == (-101 if reason else 0, reason)
    nav = call(service, e.NAV, scene.caller, headers=headers)
    assert nav.code == (-101 if reason else 0)


def test_no_endpoint_serves_another_sites_page(scene: Scene) -> None:
    """Each endpoint answers such a request with a cookie as it answers nobody, or refuses it."""
    service, headers = scene.service, {"Sec-Fetch-Site": "cross-site"}
    before = contents(service)
    for endpoint in ENDPOINTS:
        fields = scene.fields(endpoint)
        answer = call(service, endpoint, scene.caller, fields, headers=headers)
        if endpoint.login is Login.REQUIRED:
            code = -111 if endpoint.writes else -101
            assert answer.code == code, endpoint.name
            assert answer.reason == FOREIGN_SITE
        else:
            nobody = call(service, endpoint, None, fields)
            assert _steady(answer.raw) == _steady(nobody.raw), endpoint.name
    assert contents(service) == before


def _steady(raw: bytes) -> bytes:
    """Return the response if it does not differ from one request to the next."""
    varying = (b'"qrcode_key"', b'"b_3"', b"access_id", b'"request_id"')
    return b"" if any(name in raw for name in varying) else raw


def test_an_access_key_is_not_sent_by_browsers(scene: Scene) -> None:
    """So that it counts wherever the request is from."""
    key = scene.service.access_key(scene.caller.mid)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    fields = {**scene.fields(e.MODIFY), "act": 7, "access_key": key}
    assert call(scene.service, e.MODIFY, None, fields, headers=headers).code == 0


def test_what_comes_first(scene: Scene) -> None:
    """No session is -101, and a right origin replaces no csrf."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    expired = put_session(scene.service, scene.caller.mid, expires=2)
    assert call(scene.service, e.MODIFY, expired, scene.fields(e.MODIFY), headers=headers).code == (
        -101
    )
    same = {"Sec-Fetch-Site": "same-origin", "Origin": scene.service.base_url}
    fields = {**scene.fields(e.MODIFY), "csrf": ""}
    assert call(scene.service, e.MODIFY, scene.caller, fields, headers=same).code == -111


# --- cookies ---


def _cookies(service: RunningService, headers: dict[str, str]) -> dict[str, list[str]]:
    """Return the attributes of the cookies that a sign-in and a refresh set, by name."""
    scene = Scene(service)
    key = call(service, e.QR_GENERATE, headers=headers).data["qrcode_key"]
    service.agree(key, scene.caller.mid)
    found = {}
    for answer in (
        call(service, e.QR_POLL, None, {"qrcode_key": key}, headers=headers),
        call(
            service, e.COOKIE_REFRESH, scene.caller, scene.fields(e.COOKIE_REFRESH), headers=headers
        ),
    ):
        assert answer.code == 0
        # The client of these tests keeps the last of several headers; the module joins none.
        name, _, rest = answer.headers["set-cookie"].partition("=")
        found[name] = rest.split("; ")[1:]
    return found


@pytest.mark.parametrize(
    ("trusted", "proto", "is_secure"),
    [
        (("127.0.0.1",), "https", True),
        (("127.0.0.1",), "HTTPS", True),
        (("127.0.0.1",), "https, http", True),
        (("127.0.0.1",), "http", False),
        (("127.0.0.1",), "", False),
        ((), "https", False),
        (("10.0.0.0/8",), "https", False),
    ],
)
def test_cookies_are_secure_behind_https(
    trusted: tuple[str, ...], proto: str, is_secure: bool
) -> None:
    """Only a trusted proxy says so: over http a browser would not send such a cookie back."""
    settings = Settings(profile=DOCUMENTED, trusted_proxies=trusted)
    with running(settings=settings) as service:
        for attributes in _cookies(service, {"X-Forwarded-Proto": proto}).values():
            assert ("Secure" in attributes) == is_secure
            assert "SameSite=Lax" in attributes
            assert "Path=/" in attributes
            assert not any(one.startswith("Domain") for one in attributes)


def test_only_the_session_is_hidden_from_pages() -> None:
    """bili_jct is read by the page, which has to repeat it; DedeUserID is no secret."""
    made = login.session_cookies("T", "J", 7, 3)
    assert made == (
        "SESSDATA=T; Path=/; Max-Age=259200; SameSite=Lax; HttpOnly",
        "bili_jct=J; Path=/; Max-Age=259200; SameSite=Lax",
        "DedeUserID=7; Path=/; Max-Age=259200; SameSite=Lax",
    )


def test_nothing_that_reads_changes_what_others_see(scene: Scene) -> None:
    """Lax cookies come with a link that is followed: no GET may do what its visitor does not."""
    safe = {"login.qr_poll"}  # which needs a key that the caller has
    for endpoint in ENDPOINTS:
        if endpoint.method != "GET" or endpoint.name in safe:
            continue
        assert endpoint.does is Does.READ, endpoint.name
        before = contents(scene.service)
        _follow_link(scene, endpoint)
        assert contents(scene.service) == before, endpoint.name


def _follow_link(scene: Scene, endpoint: Endpoint) -> None:
    headers = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    call(scene.service, endpoint, scene.caller, scene.fields(endpoint), headers=headers)
