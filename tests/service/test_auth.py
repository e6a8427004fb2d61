"""Who may call what: sessions, csrf, app tokens, the two signatures, and the header rule."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from guanxi.accounts.account import Card, State
from guanxi.accounts.secrets import (
    DAY,
    Session,
    TokenKind,
    appsec,
    bili_jct,
    digest,
    new_app,
    new_token,
    session_digest,
)
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Body, Endpoint, Login
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.sign import app_sign
from guanxi.operations import accounts
from guanxi.operations.sessions import issue
from guanxi.service import auth
from guanxi.service.config import Settings
from guanxi.service.handling import Refused, Service
from guanxi.stores import open_store
from guanxi.stores.port import Store
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import (
    Answer,
    call,
    contents,
    follow,
    fresh,
    modify,
    raw,
    secret_of,
    send,
    signed,
)
from tests.service.scene import Scene
from tests.stores.engines import Clock

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def put_session(
    service: RunningService, mid: int, *, kind: TokenKind = TokenKind.COOKIE, expires: int
) -> SignedIn:
    token = new_token()

    async def put(store: Store) -> str:
        session = Session(digest=digest(token), mid=mid, kind=kind, created=1, expires=expires)
        await store.open_session(session)
        return bili_jct(store.secret, token)

    return SignedIn(mid, token, service.do(put))


# --- actor by endpoint ---

#: Nobody need sign in for these to be reached; it is their handler that refuses nobody.
_OWN_REFUSAL = (e.NAV, e.FAN_REPORT)
ACTORS = ("nobody", "cookie", "access_key", "bad cookie", "expired", "app token as cookie")


def as_actor(actor: str, scene: Scene, endpoint: Endpoint) -> Answer:
    fields: dict[str, object] = scene.fields(endpoint)
    service, mid = scene.service, scene.caller.mid
    match actor:
        case "cookie":
            return scene.call(endpoint)
        case "access_key":
            return call(service, endpoint, None, {**fields, "access_key": service.access_key(mid)})
        case "bad cookie":
            return call(service, endpoint, SignedIn(mid, "0" * 64, "0" * 32), fields)
        case "expired":
            expired = put_session(service, mid, expires=int(time.time()))
            return call(service, endpoint, expired, fields)
        case "app token as cookie":
            token = service.access_key(mid)
            csrf = bili_jct(secret_of(service), token)
            return call(service, endpoint, SignedIn(mid, token, csrf), fields)
        case _:
            return call(service, endpoint, None, fields)


@pytest.mark.parametrize("actor", ACTORS)
def test_credentials_that_each_endpoint_accepts(actor: str, documented: RunningService) -> None:
    for endpoint in ENDPOINTS:
        answer = as_actor(actor, Scene(documented), endpoint)
        way = {"cookie": COOKIE, "access_key": ACCESS_KEY}.get(actor)
        known = way in endpoint.auth
        if endpoint.login is Login.REQUIRED:
            expected = 0 if known else -101
        else:
            expected = -101 if endpoint in _OWN_REFUSAL and not known else 0
        status = 404 if expected and endpoint.body is Body.HTML else 200
        assert (answer.status, answer.code) == (status, expected), (endpoint.name, answer.raw)


def test_the_reason_of_a_missing_or_invalid_session(documented: RunningService) -> None:
    [caller] = fresh(documented)
    key = documented.access_key(caller.mid)
    for session, fields, reason in [
        (None, {}, "not signed in: send the cookie SESSDATA or the parameter access_key"),
        (SignedIn(caller.mid, "x", ""), {}, "SESSDATA: no session has it"),
        (SignedIn(caller.mid, key, ""), {}, "SESSDATA: this is the access_key"),
        (caller, {"access_key": "x"}, "access_key: no session has it"),
        (caller, {"access_key": caller.sessdata}, "access_key: this is the SESSDATA"),
    ]:
        answer = call(documented, e.FRIENDS, session, fields)
        assert (answer.code, answer.message) == (-101, "账号未登录")
        assert answer.reason.startswith(reason)
        assert caller.sessdata not in answer.reason
        assert key not in answer.reason
    only_cookies = call(documented, e.MY_INFO, None, {"access_key": key})
    assert (only_cookies.code, only_cookies.reason) == (
        -101,
        "not signed in: send the cookie SESSDATA",
    )


def test_the_reason_of_an_expired_session() -> None:
    now = time.time_ns()
    with running(clock=lambda: now) as service:
        [caller] = fresh(service)
        assert call(service, e.FRIENDS, caller).code == 0
        now += DOCUMENTED.limits.session_days * DAY * 10**9
        answer = call(service, e.FRIENDS, caller)
        assert (answer.code, answer.reason) == (
            -101,
            "SESSDATA: the session has expired; sign in again",
        )


@pytest.mark.parametrize(
    "cookie",
    [
        "SESSDATA={}",
        "a=b; SESSDATA={}; c=d",
        "SESSDATA={};bili_jct=",
        "x;;SESSDATA={};=y",
        "SESSDATA={}; SESSDATA=other",
        "sessdata=other; SESSDATA={}",
    ],
)
def test_cookies_as_clients_send_them(cookie: str, documented: RunningService) -> None:
    [caller] = fresh(documented)
    sent = {"Cookie": cookie.format(caller.sessdata)}
    assert call(documented, e.NAV, headers=sent).data["mid"] == caller.mid
    escaped = "".join(f"%{ord(letter):02X}" for letter in caller.sessdata)
    assert call(documented, e.NAV, headers={"Cookie": cookie.format(escaped)}).code == 0


def test_cookies_in_several_lines(documented: RunningService) -> None:
    [caller] = fresh(documented)
    lines = [f"SESSDATA={caller.sessdata}", "bili_jct=x", "buvid3=y"]
    for order in (lines, lines[::-1]):
        cookie = "".join(f"Cookie: {line}\r\n" for line in order)
        head = f"GET {e.NAV.path} HTTP/1.1\r\nHost: localhost\r\n{cookie}Connection: close\r\n\r\n"
        body = raw(documented.base_url, head.encode()).partition(b"\r\n\r\n")[2]
        assert json.loads(body)["data"]["mid"] == caller.mid


@pytest.mark.parametrize(
    "cookie",
    ["", ";", "SESSDATA", "SESSDATA=", "SESSDATA=%", "SESSDATA=\xff\xfe", "SESSDATA=" + "x" * 8000],
)
def test_cookies_without_a_session(cookie: str, documented: RunningService) -> None:
    assert call(documented, e.FRIENDS, headers={"Cookie": cookie}).code == -101


# --- sessions end ---


def test_sign_out_counts_within_a_second(clocked: RunningService, clock: Clock) -> None:
    [caller] = fresh(clocked)
    assert call(clocked, e.FRIENDS, caller).code == 0
    assert clocked.do(lambda store: store.close_session(session_digest(caller.sessdata)))
    clock.advance(1)
    assert call(clocked, e.FRIENDS, caller).code == -101


def test_sign_out_counts_although_the_clock_stands_still(
    clocked: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    [caller] = fresh(clocked)
    assert call(clocked, e.FRIENDS, caller).code == 0
    assert clocked.do(lambda store: store.close_session(session_digest(caller.sessdata)))
    monkeypatch.setattr(auth, "monotonic", lambda: time.monotonic() + 1)
    assert call(clocked, e.FRIENDS, caller).code == -101


def test_a_long_credential_is_not_cached(clocked: RunningService, clock: Clock) -> None:
    [caller] = fresh(clocked)
    sent = {"Cookie": f"SESSDATA={caller.sessdata}; x={'y' * 1_024}"}
    for _ in range(2):
        assert call(clocked, e.NAV, headers=sent).data["mid"] == caller.mid
    assert clocked.do(lambda store: store.close_session(session_digest(caller.sessdata)))
    clock.advance(1)
    assert call(clocked, e.FRIENDS, headers=sent).code == -101


def test_each_kind_of_token_works_one_way_only(documented: RunningService) -> None:
    """Not even right after it did, while it is trusted."""
    [caller] = fresh(documented)
    cookie = f"SESSDATA={caller.sessdata}"
    assert call(documented, e.FRIENDS, headers={"Cookie": cookie}).code == 0
    assert call(documented, e.FRIENDS, None, {"access_key": cookie}).code == -101
    assert call(documented, e.FRIENDS, None, {"access_key": caller.sessdata}).code == -101
    key = documented.access_key(caller.mid)
    assert call(documented, e.FRIENDS, None, {"access_key": key}).code == 0
    for cookie in (key, f"SESSDATA={key}"):
        assert call(documented, e.FRIENDS, headers={"Cookie": cookie}).code == -101


def test_the_session_caches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MAX_ENTRIES", 3)
    asyncio.run(_many_callers(tmp_path / "s.db"))


async def _many_callers(path: Path) -> None:
    clock = Clock()
    store = await open_store(str(path), create=True, clock=clock)
    gate = auth.SessionGate(Service(store, Settings(profile=DOCUMENTED), clock))

    async def caller(cookie: str) -> int:
        headers = {b"cookie": cookie.encode()}
        return (await gate.caller(e.FRIENDS, {}, headers, [], {})).mid

    try:
        token, cookie = "", ""
        for mid in range(1, 8):
            await accounts.put(store, mid, Card(name=f"u{mid}"))
            now = clock.ns // 10**9
            token = (await issue(store, mid, TokenKind.COOKIE, DOCUMENTED.limits, now)).token
            for other in range(3):
                cookie = f"SESSDATA={token}; x={other}"
                assert await caller(cookie) == mid
                assert len(gate._trusted) <= 3
                assert len(gate._credentials) <= 3
        clock.advance(1)
        assert await store.close_session(session_digest(token))
        with pytest.raises(Refused):
            await caller(cookie)
        assert cookie.encode() not in gate._credentials
    finally:
        await store.close()


def test_a_trusted_session_expires_in_time(clocked: RunningService, clock: Clock) -> None:
    [account] = fresh(clocked)
    caller = put_session(clocked, account.mid, expires=clock.ns // 10**9 + 1)
    assert call(clocked, e.FRIENDS, caller).code == 0
    clock.ns = (clock.ns // 10**9 + 1) * 10**9  # less than a second later
    assert call(clocked, e.FRIENDS, caller).code == -101


def test_a_clock_that_steps_back_ends_no_sign_out(clocked: RunningService, clock: Clock) -> None:
    """A session that was read in the future is read again."""
    [caller] = fresh(clocked)
    assert call(clocked, e.FRIENDS, caller).code == 0
    assert clocked.do(lambda store: store.close_session(session_digest(caller.sessdata)))
    clock.advance(-60)
    assert call(clocked, e.FRIENDS, caller).code == -101
    clock.advance(60)


def test_a_deregistered_account_has_no_session(clocked: RunningService, clock: Clock) -> None:
    [caller] = fresh(clocked)
    clocked.set_state(caller.mid, State.DEREGISTERED)
    clock.advance(1)
    assert call(clocked, e.FRIENDS, caller).code == -101
    with pytest.raises(ValueError, match="deregistered"):
        clocked.sign_in(caller.mid)
    with pytest.raises(ValueError, match="does not exist"):
        clocked.sign_in(2**62)


def test_what_comes_before_the_refusal_of_a_banned_account(documented: RunningService) -> None:
    scene = Scene(documented)
    documented.set_state(scene.caller.mid, State.BANNED)
    third = scene.third.mid
    batch = scene.call(e.BATCH_MODIFY, fids=f"{third},{scene.other.mid},{third}")
    assert (batch.code, batch.data) == (-102, {"failed_fids": [third, scene.other.mid]})
    for endpoint, field in ((e.MODIFY, {"act": 3}), (e.EDIT, {"birthday": "2001-02-29"})):
        assert scene.call(endpoint, **field).code == -400, "a wrong request comes first"
        assert scene.call(endpoint).code == -102
    assert scene.call(e.MODIFY, act=5, csrf="x").code == -111, "so does the csrf"


# --- csrf ---

_WRITES = [endpoint for endpoint in ENDPOINTS if endpoint.writes]


@pytest.mark.parametrize("endpoint", _WRITES, ids=lambda one: one.name)
def test_csrf_is_the_sessions_own(endpoint: Endpoint, documented: RunningService) -> None:
    scene = Scene(documented)
    caller = scene.caller
    again = documented.sign_in(caller.mid)
    right = f"SESSDATA={caller.sessdata}"
    before = contents(documented)

    def answer(csrf: str | None, cookie: str) -> int:
        pairs = list(scene.fields(endpoint).items())
        if csrf is not None:
            pairs.append(("csrf", csrf))
        body = urlencode(pairs).encode()
        headers = {"Cookie": cookie, **_FORM}
        return send(documented.base_url, "POST", endpoint.path, body=body, headers=headers).code

    for csrf in (None, "", "0" * 32, again.bili_jct, caller.bili_jct.upper(), caller.sessdata):
        assert answer(csrf, right) == -111
        assert answer(csrf, f"{right}; bili_jct={csrf}") == -111, (
            "form and cookie agree: not enough"
        )
    for cookie in ("", "0" * 32, again.bili_jct):
        assert answer(caller.bili_jct, f"{right}; bili_jct={cookie}") == -111
    assert contents(documented) == before
    assert answer(caller.bili_jct, right) == 0
    assert contents(documented) != before


def test_missing_and_wrong_csrf_have_different_reasons(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    fields = f"fid={other.mid}&act=1&re_src=11"
    missing = call(documented, e.MODIFY, caller, f"{fields}&csrf=")
    assert missing.reason == "csrf: missing; send the value of the cookie bili_jct"
    wrong = call(documented, e.MODIFY, caller, f"{fields}&csrf=x")
    hint = "send the bili_jct that came with SESSDATA"
    assert wrong.reason == f"csrf: not this session's bili_jct; {hint}"
    cookie = {"Cookie": f"SESSDATA={caller.sessdata}; bili_jct={other.bili_jct}"}
    foreign = call(documented, e.MODIFY, caller, fields, headers=cookie)
    assert foreign.reason == f"bili_jct: not this session's cookie; {hint}"
    for answer in (missing, wrong, foreign):
        assert (answer.code, answer.message) == (-111, "csrf校验失败")
        assert caller.bili_jct not in answer.reason


def test_csrf_in_the_query(documented: RunningService) -> None:
    """It counts as one in the form does, unless the form has one too."""
    caller, other = fresh(documented, 2)
    headers = {"Cookie": caller.cookie, **_FORM}
    form = f"fid={other.mid}&act=1&re_src=11"
    for query, body, code in [
        ("csrf=", form, -111),
        ("csrf=x", form, -111),
        (f"csrf={caller.bili_jct}", f"{form}&csrf=x", -111),
        (f"csrf={caller.bili_jct}", f"{form}&csrf=", -111),
        (f"csrf={caller.bili_jct}", form, 0),
        ("csrf=x", f"fid={other.mid}&act=2&re_src=11&csrf={caller.bili_jct}", 0),
    ]:
        answer = send(
            documented.base_url,
            "POST",
            e.MODIFY.path,
            query=query,
            body=body.encode(),
            headers=headers,
        )
        assert answer.code == code, (query, body)


def test_an_access_key_needs_no_csrf_and_decides(documented: RunningService) -> None:
    caller, other, third = fresh(documented, 3)
    key = documented.access_key(caller.mid)
    fields = {"fid": other.mid, "act": 1, "re_src": 11}
    assert call(documented, e.MODIFY, None, fields, query={"access_key": key}).code == 0
    # Next to another account's cookie, the key determines the caller.
    fields["fid"] = third.mid
    assert call(documented, e.MODIFY, other, {**fields, "access_key": key}).code == 0
    counts = call(documented, e.STAT, caller, {"vmid": caller.mid}).data
    assert counts["following"] == 2
    cookie = {"Cookie": caller.cookie}
    assert call(documented, e.FRIENDS, None, {"access_key": "x"}, headers=cookie).code == -101
    assert call(documented, e.FRIENDS, None, {"access_key": ""}, headers=cookie).code == 0
    # SESSDATA is no access_key.
    assert call(documented, e.FRIENDS, None, {"access_key": caller.sessdata}).code == -101


# --- signatures ---


@pytest.mark.parametrize("endpoint", [e.FRIENDS, e.MODIFY, e.STAT], ids=lambda one: one.name)
def test_an_app_signature_is_verified_when_sent(
    endpoint: Endpoint, documented: RunningService
) -> None:
    scene = Scene(documented)
    appkey, secret = new_app(secret_of(documented))
    base = {**scene.fields(endpoint), "access_key": documented.access_key(scene.caller.mid)}
    pairs = [(name, str(value)) for name, value in base.items()] + [("appkey", appkey)]
    right = [*pairs, ("sign", app_sign(pairs, secret))]
    for wrong, reason in (
        ([*pairs, ("sign", app_sign(pairs, appsec(b"another store", appkey)))], "sign: wrong"),
        ([*pairs, ("sign", "")], "sign: missing"),
        (pairs, "sign: missing"),
        ([pair for pair in right if pair[0] != "appkey"], "appkey: missing"),
        ([*right, ("added", "1")], "sign: wrong"),
    ):
        answer = call(documented, endpoint, None, wrong)
        assert (answer.code, answer.message) == (-403, "访问权限不足")
        assert answer.reason.startswith(reason)
    assert call(documented, endpoint, None, right).code == 0


def test_the_app_host_verifies_a_signature_too(documented: RunningService) -> None:
    """Nobody need sign in there; an appkey and sign are verified all the same."""
    [owner] = fresh(documented)
    appkey, secret = new_app(secret_of(documented))
    pairs = [("vmid", str(owner.mid)), ("appkey", appkey)]
    right = [*pairs, ("sign", app_sign(pairs, secret))]
    assert call(documented, e.APP_FOLLOWINGS, None, right).code == 0
    for wrong in (pairs, right[::2], [*right, ("added", "1")], [*pairs, ("sign", "0" * 32)]):
        assert call(documented, e.APP_FOLLOWINGS, None, wrong).code == -403


def test_a_form_may_be_signed_across_its_query(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    appkey, secret = new_app(secret_of(documented))
    query = [("access_key", documented.access_key(caller.mid)), ("appkey", appkey), ("ts", "1")]
    form = [("fid", str(other.mid)), ("act", "1"), ("re_src", "11")]
    query.append(("sign", app_sign(query + form, secret)))
    assert call(documented, e.MODIFY, None, form, query=query).code == 0
    # It covers the fields that count: one that the form hides can be changed, no other can.
    again = [("fid", str(other.mid)), ("act", "2"), ("re_src", "11")]
    signed = [
        ("sign", app_sign(query[:-1] + again, secret)) if n == "sign" else (n, v) for n, v in query
    ]
    swapped = [("fid", str(other.mid)), ("act", "1"), ("re_src", "11")]
    assert call(documented, e.MODIFY, None, swapped, query=[*signed, ("act", "2")]).code == -403
    assert call(documented, e.MODIFY, None, again, query=[*signed, ("act", "1")]).code == 0
    assert call(documented, e.MODIFY, None, again, query=[*signed, ("ts", "1")]).code == -403


def test_wbi_keys_of_today_and_yesterday(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    cookie = {"Cookie": caller.cookie}

    def code(pairs: list[tuple[str, str]]) -> int:
        path, base = e.MUTUAL.path, documented.base_url
        return send(base, "GET", path, query=pairs, headers=cookie).code

    right = signed(documented, {"mid": other.mid})
    assert code(right) == 0
    assert code(right[::-1]) == 0, "the order in the address is free"
    assert code(signed(documented, {"mid": other.mid}, days_ago=1)) == 0
    assert code(signed(documented, {"mid": other.mid, "web_location": "1 a(b)*!'"})) == 0
    for stale in (2, 30, -1, -2):
        assert code(signed(documented, {"mid": other.mid}, days_ago=stale)) == -403
    for wrong in (
        right[:-1],
        [("mid", str(other.mid))],
        [*right[:-1], ("w_rid", "0" * 32)],
        [*right[:-1], ("w_rid", "é")],
        [("mid", str(caller.mid)), *right[1:]],
        [*right, ("added", "1")],
        [pair for pair in right if pair[0] != "wts"],
    ):
        assert code(wrong) == -403
    # The order of checks: -101, then -403, then -400.
    assert call(documented, e.MUTUAL, None, {"mid": "x"}).code == -101
    assert code([("mid", "x")]) == -403
    assert code(signed(documented, {"mid": "x"})) == -400
    # A client that receives -403 fetches the keys from nav, also without a session.
    nav = call(documented, e.NAV).data
    assert nav["isLogin"] is False
    names = [nav["wbi_img"][key].rsplit("/", 1)[-1] for key in ("img_url", "sub_url")]
    assert all(len(name) == 36 and name.endswith(".png") for name in names)


@pytest.mark.holds("relation.legacy_mutual")
def test_the_legacy_address_ignores_a_signature(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    follow(documented, caller, other)
    follow(documented, other, caller)
    for extra in ({}, {"w_rid": "wrong", "wts": "1"}):
        data = call(documented, e.LEGACY_MUTUAL, caller, {"mid": other.mid, **extra}).data
        assert data["relation"].pop("is_followed") is False
        assert data["be_relation"].pop("is_followed") is False
        assert data == call(documented, e.MUTUAL, caller, {"mid": other.mid}).data


# --- the header rule of the documented profile ---

_PASS = [
    {},
    {"Referer": "https://www.bilibili.com/"},
    {"Referer": "https://space.bilibili.com/1/fans/fans"},
    {"Referer": "https://bilibili.com"},
    {"Referer": "http://user@WWW.BILIBILI.COM:443/x"},
    {"Referer": ""},
    {"User-Agent": ""},
    {"User-Agent": "guanxi/0.1"},
]
_STOP = [
    {"Referer": "https://example.com/"},
    {"Referer": "https://bilibili.com.example.com/"},
    {"Referer": "https://notbilibili.com/"},
    {"Referer": "https://example.com/bilibili.com"},
    {"Referer": "https://bilibili.com@example.com/"},
    {"Referer": "bilibili.com"},
    {"Referer": "https://[bilibili.com/"},
    {"Referer": "\xff"},
    {"User-Agent": "python-requests/2"},
    {"User-Agent": "Mozilla (CPython)"},
    {"User-Agent": "PYTHON", "Referer": "https://www.bilibili.com/"},
]


@pytest.mark.parametrize("endpoint", [e.FOLLOWERS, e.FOLLOWINGS], ids=lambda one: one.name)
def test_the_header_rule(
    endpoint: Endpoint, documented: RunningService, open_service: RunningService
) -> None:
    [caller] = fresh(documented)
    for headers in _PASS:
        assert call(documented, endpoint, caller, {"vmid": 1}, headers=headers).code == 0, headers
    for headers in _STOP:
        answer = call(documented, endpoint, caller, {"vmid": 1}, headers=headers)
        assert (answer.status, answer.code) == (200, -352), headers
        assert "data" not in answer.body
        # It comes before everything else, and nowhere else.
        assert call(documented, endpoint, None, {}, headers=headers).code == -352
        assert call(documented, e.FRIENDS, caller, headers=headers).code == 0
    [caller] = fresh(open_service)
    for headers in _PASS + _STOP:
        assert call(open_service, endpoint, caller, {"vmid": 1}, headers=headers).code == 0


def test_order_of_checks(documented: RunningService) -> None:
    """-101, -111, -400, -102, then the rules."""
    caller, other = fresh(documented, 2)
    documented.set_state(caller.mid, State.BANNED)
    wrong = {"fid": "x", "act": 1, "re_src": 11}
    assert call(documented, e.MODIFY, None, {**wrong, "csrf": "x"}).code == -101
    assert call(documented, e.MODIFY, caller, {**wrong, "csrf": "x"}).code == -111
    assert call(documented, e.MODIFY, caller, wrong).code == -400
    assert modify(documented, caller, caller.mid, 1).code == -102
    documented.set_state(caller.mid, State.NORMAL)
    assert modify(documented, caller, caller.mid, 1).code == 22001
    assert modify(documented, caller, other.mid, 1).code == 0
