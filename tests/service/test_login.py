"""Signing in by a code, and new cookies for old."""

from __future__ import annotations

import http.client
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi.accounts import secrets, tokens
from guanxi.accounts.account import State
from guanxi.accounts.secrets import DAY, Session, TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.pages import refresh_csrf_of
from guanxi.operations.sessions import issue
from guanxi.stores.port import Store, StoreUnavailable
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.service.content_fixtures import Answer, ask, read, secret_of, someone
from tests.service.faults import faulty_service

_WAITING, _ENDED = 86101, 86038


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


def _begun(service: RunningService) -> str:
    code = read(service, e.QR_GENERATE)
    assert len(code.qrcode_key) == 32
    assert code.qrcode_key in code.url
    key: str = code.qrcode_key
    return key


def _poll(service: RunningService, key: str) -> tuple[Answer, Any]:
    answer = ask(service, e.QR_POLL, qrcode_key=key)
    assert answer.code == 0
    return answer, answer.body["data"]


def _session(answer: Answer) -> SignedIn:
    given = answer.cookies
    return SignedIn(int(given["DedeUserID"]), given["SESSDATA"], given["bili_jct"])


# --- by a code ---


def test_qr_sign_in(service: RunningService) -> None:
    somebody, key = someone(service), _begun(service)
    waiting, data = _poll(service, key)
    assert (data["code"], data["refresh_token"], waiting.cookies) == (_WAITING, "", {})
    service.agree(key, somebody.mid)
    answer, data = _poll(service, key)
    assert data["code"] == 0
    assert abs(data["timestamp"] - time.time() * 1000) < 60_000
    session = _session(answer)
    assert session.mid == somebody.mid
    assert read(service, e.MY_INFO, session).mid == somebody.mid
    assert ask(service, e.SET_NOTICE, session, notice="真的登录了").code == 0
    refresh = tokens.refresh_token(secret_of(service), session.sessdata)
    assert data["refresh_token"] == refresh


def test_the_cookies_of_a_sign_in(service: RunningService) -> None:
    key = _begun(service)
    service.agree(key, someone(service).mid)
    answer, _ = _poll(service, key)
    given = {
        value.partition("=")[0]: value.split("; ")[1:]
        for name, value in answer.headers
        if name == "set-cookie"
    }
    lasting = ["Path=/", f"Max-Age={180 * DAY}", "SameSite=Lax"]
    assert given == {
        "SESSDATA": [*lasting, "HttpOnly"],
        "bili_jct": lasting,
        "DedeUserID": lasting,
    }


def test_a_code_signs_in_once(service: RunningService) -> None:
    key = _begun(service)
    service.agree(key, someone(service).mid)
    assert _poll(service, key)[1]["code"] == 0
    again, data = _poll(service, key)
    assert (data["code"], again.cookies) == (_ENDED, {})


def test_a_used_code_cannot_be_confirmed_again(service: RunningService) -> None:
    """Not by the same account either: who photographed the code has nothing to confirm."""
    somebody, other, key = someone(service), someone(service), _begun(service)
    service.agree(key, somebody.mid)
    assert _poll(service, key)[1]["code"] == 0
    for one in (somebody, other):
        with pytest.raises(ValueError, match="was used"):
            service.agree(key, one.mid)
        answer, data = _poll(service, key)
        assert (data["code"], answer.cookies) == (_ENDED, {})


def test_a_second_scanner_changes_nothing(service: RunningService) -> None:
    """The screen signs in as the account that confirmed first, not as the last."""
    first, second, key = someone(service), someone(service), _begun(service)
    service.agree(key, first.mid)
    service.agree(key, first.mid)
    with pytest.raises(ValueError, match="another account has confirmed it"):
        service.agree(key, second.mid)
    assert _administer(service, {"key": key, "mid": second.mid}).status == 409
    assert _session(_poll(service, key)[0]).mid == first.mid


def test_of_polls_at_once_one_signs_in(service: RunningService) -> None:
    somebody, key = someone(service), _begun(service)
    service.agree(key, somebody.mid)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: _poll(service, key), range(16)))
    assert sorted(data["code"] for _, data in answers) == [0, *[_ENDED] * 15]
    assert sum(bool(answer.cookies) for answer, _ in answers) == 1


def test_a_key_differs_from_every_key_that_others_have_made(service: RunningService) -> None:
    """Of 80 random bits; a key whose text differs only in how base64 is written is none."""
    secret, now = secret_of(service), int(time.time())
    keys = {tokens.qr_key(secret, now) for _ in range(2_000)}
    assert len(keys) == 2_000
    raw = [urlsafe_b64decode(key) for key in keys]
    assert {one[:4] for one in raw} == {now.to_bytes(4)}
    for index in range(4, 14):  # each byte of the nonce has many values
        assert len({one[index] for one in raw}) > 200
    key = keys.pop()
    for other in (f"{key}=", f"{key} ", f"{key[:-1]}\n{key[-1]}", key.swapcase()):
        assert ask(service, e.QR_POLL, qrcode_key=other).code == -400


def test_a_code_signs_in_the_account_that_confirmed_it(service: RunningService) -> None:
    one, other = _begun(service), _begun(service)
    assert one != other
    service.agree(one, someone(service).mid)
    assert _poll(service, other)[1]["code"] == _WAITING


def test_a_code_expires(service: RunningService) -> None:
    somebody, secret, now = someone(service), secret_of(service), int(time.time())
    young, old = tokens.qr_key(secret, now - 150), tokens.qr_key(secret, now - 181)
    assert _poll(service, young)[1]["code"] == _WAITING
    answer, data = _poll(service, old)
    assert (data["code"], answer.cookies) == (_ENDED, {})
    with pytest.raises(ValueError, match="expired"):
        service.agree(old, somebody.mid)


@pytest.mark.parametrize("key", ["", "x", "0" * 32, "字" * 32, "a" * 513])
def test_an_invalid_code(service: RunningService, key: str) -> None:
    assert ask(service, e.QR_POLL, qrcode_key=key).code == -400
    with pytest.raises(ValueError, match="QR code"):
        service.agree(key, someone(service).mid)


def test_a_confirmation_survives_a_store_that_fails(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        somebody, key = someone(service), _begun(service)
        service.agree(key, somebody.mid)
        store.verbs, store.error = frozenset({"open_session"}), StoreUnavailable("it is busy")
        assert ask(service, e.QR_POLL, qrcode_key=key).code == -503
        store.error = None
        answer, data = _poll(service, key)
        assert (data["code"], _session(answer).mid) == (0, somebody.mid)


def test_accounts_that_cannot_confirm_a_code(service: RunningService) -> None:
    deregistered, key = someone(service), _begun(service)
    service.set_state(deregistered.mid, State.DEREGISTERED)
    for mid in (deregistered.mid, 9_999_999_999):
        with pytest.raises(ValueError, match=r"does not exist|is deregistered"):
            service.agree(key, mid)
    assert _poll(service, key)[1]["code"] == _WAITING


def test_an_account_deregistered_after_confirming_is_not_signed_in(service: RunningService) -> None:
    somebody, key = someone(service), _begun(service)
    service.agree(key, somebody.mid)
    service.set_state(somebody.mid, State.DEREGISTERED)
    answer = ask(service, e.QR_POLL, qrcode_key=key)
    assert answer.cookies == {}
    assert answer.body["data"]["code"] == _WAITING


def _administer(service: RunningService, payload: object, *, token: str | None = None) -> Answer:
    address = urlsplit(service.admin_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        bearer = {"Authorization": f"Bearer {token or service.admin_token}"}
        connection.request("POST", "/logins/agree", json.dumps(payload), bearer)
        answer = connection.getresponse()
        return Answer(answer.status, [], answer.read())
    finally:
        connection.close()


def test_confirming_a_code_by_administration(service: RunningService) -> None:
    somebody, key = someone(service), _begun(service)
    assert _administer(service, {"key": key, "mid": somebody.mid}, token="no").status == 401
    assert _poll(service, key)[1]["code"] == _WAITING
    answer = _administer(service, {"key": key, "mid": somebody.mid})
    assert (answer.status, answer.body) == (200, {})
    assert _session(_poll(service, key)[0]).mid == somebody.mid
    for payload, status in (
        ({"key": "x", "mid": somebody.mid}, 409),
        ({"key": _begun(service), "mid": 9_999_999_999}, 404),
        ({"key": key, "mid": 0}, 404),
        ({"key": key, "mid": 2**63}, 404),
        ({"key": key}, 400),
        ({"key": key, "mid": 1, "more": 1}, 400),
    ):
        assert _administer(service, payload).status == status


# --- new cookies ---


def test_cookie_info(service: RunningService) -> None:
    me = someone(service)
    info = read(service, e.COOKIE_INFO, me)
    assert not info.refresh
    assert abs(info.timestamp - time.time() * 1000) < 60_000
    assert ask(service, e.COOKIE_INFO).code == -101


def test_an_old_session_should_be_refreshed(service: RunningService) -> None:
    me, now, token = someone(service), int(time.time()), secrets.new_token()
    old = Session(
        digest=secrets.digest(token),
        mid=me.mid,
        kind=TokenKind.COOKIE,
        created=now - 91 * DAY,
        expires=now + 89 * DAY,
    )
    service.do(lambda store: store.open_session(old))
    assert read(service, e.COOKIE_INFO, SignedIn(me.mid, token, "")).refresh


def test_cookies_of_a_session_that_just_expired(service: RunningService) -> None:
    """A session is cached for a second, but no new session is made from an expired one."""
    me = someone(service)
    assert ask(service, e.COOKIE_INFO, me).code == 0
    service.do(lambda store: store.close_sessions(me.mid))
    assert ask(service, e.COOKIE_INFO, me).code == -101
    deregistered = someone(service)
    fields = {
        "refresh_csrf": _csrf(service, deregistered),
        "refresh_token": tokens.refresh_token(secret_of(service), deregistered.sessdata),
    }
    service.set_state(deregistered.mid, State.DEREGISTERED)
    answer = ask(service, e.COOKIE_REFRESH, deregistered, **fields)
    assert (answer.code, answer.cookies) == (-101, {})


def _csrf(service: RunningService, session: SignedIn) -> str:
    page = ask(service, e.CORRESPOND, session, correspond_path="00ff" * 64)
    assert page.status == 200
    assert page.header("content-type") == "text/html; charset=utf-8"
    csrf = refresh_csrf_of(page.raw.decode())
    assert csrf is not None
    return csrf


@pytest.mark.parametrize("path", ["xyz", "AB", "a", "a" * 1026, "%20"])
def test_no_page_at_another_path(service: RunningService, path: str) -> None:
    answer = ask(service, e.CORRESPOND, someone(service), correspond_path=path)
    assert (answer.status, answer.code) == (404, -404)


def test_the_page_requires_a_session(service: RunningService) -> None:
    answer = ask(service, e.CORRESPOND, correspond_path="00")
    assert (answer.status, answer.code) == (404, -101)


def _sessions(service: RunningService, *tokens: str) -> list[bool]:
    async def there(store: Store) -> list[bool]:
        return [await store.session(secrets.session_digest(one)) is not None for one in tokens]

    return service.do(there)


def test_refresh(service: RunningService) -> None:
    me, secret = someone(service), secret_of(service)
    old = tokens.refresh_token(secret, me.sessdata)
    answer = ask(service, e.COOKIE_REFRESH, me, refresh_csrf=_csrf(service, me), refresh_token=old)
    assert answer.code == 0
    new = _session(answer)
    assert new.mid == me.mid
    assert new.sessdata != me.sessdata
    data = answer.body["data"]
    assert data["refresh_token"] == tokens.refresh_token(secret, new.sessdata) != old
    assert _sessions(service, me.sessdata, new.sessdata) == [True, True]
    confirmed = ask(service, e.CONFIRM_REFRESH, new, refresh_token=old)
    assert confirmed.body == {"code": 0, "message": "0", "ttl": 1}
    assert _sessions(service, me.sessdata, new.sessdata) == [False, True]
    assert read(service, e.MY_INFO, new).mid == me.mid
    again = ask(service, e.CONFIRM_REFRESH, new, refresh_token=old)
    assert (again.code, again.reason) == (-400, "refresh_token: its session is closed already")


def test_a_refresh_token_is_used_once(service: RunningService) -> None:
    me = someone(service)
    old = tokens.refresh_token(secret_of(service), me.sessdata)
    fields = {"refresh_csrf": _csrf(service, me), "refresh_token": old}
    new = _session(ask(service, e.COOKIE_REFRESH, me, **fields))
    again = ask(service, e.COOKIE_REFRESH, me, **fields)
    assert (again.code, again.cookies) == (86095, {})
    assert again.reason == "refresh_token: used before; a refresh returns a new one"
    assert _sessions_of(service, me.mid) == 2
    # The first use is still the one that counts.
    assert ask(service, e.CONFIRM_REFRESH, new, refresh_token=old).code == 0
    assert _sessions_of(service, me.mid) == 1


def test_of_refreshes_at_once_one_succeeds(service: RunningService) -> None:
    me = someone(service)
    old = tokens.refresh_token(secret_of(service), me.sessdata)
    fields = {"refresh_csrf": _csrf(service, me), "refresh_token": old}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: ask(service, e.COOKIE_REFRESH, me, **fields), range(count(8, 64)))
        )
    assert sorted(answer.code for answer in answers)[:2] == [0, 86095]
    assert {answer.code for answer in answers} == {0, 86095}
    assert _sessions_of(service, me.mid) == 2


def _signed_in_before(service: RunningService) -> tuple[SignedIn, dict[str, str]]:
    """Return a session whose token has no mid, and the fields of its refresh."""
    me, token, secret = someone(service), secrets.new_token(), secret_of(service)
    limits, now = DOCUMENTED.limits, int(time.time())
    issued = service.do(
        lambda store: issue(store, me.mid, TokenKind.COOKIE, limits, now, token=token)
    )
    mine = SignedIn(me.mid, token, issued.bili_jct)
    refresh = tokens.refresh_token(secret, token)
    assert len(refresh) == 96
    return mine, {"refresh_csrf": _csrf(service, mine), "refresh_token": refresh}


def test_a_token_without_a_mid_is_refreshed(service: RunningService) -> None:
    """Tokens of before they had one sign in until they end, and a refresh gives a new one."""
    old, fields = _signed_in_before(service)
    assert read(service, e.MY_INFO, old).mid == old.mid
    new = _session(ask(service, e.COOKIE_REFRESH, old, **fields))
    assert secrets.mid_of(secrets.session_digest(new.sessdata)) == old.mid
    assert ask(service, e.COOKIE_REFRESH, old, **fields).code == 86095
    confirmed = ask(service, e.CONFIRM_REFRESH, new, refresh_token=fields["refresh_token"])
    assert confirmed.code == 0
    assert _sessions(service, old.sessdata, new.sessdata) == [False, True]


def test_a_refresh_of_before_is_confirmed_and_not_repeated(service: RunningService) -> None:
    old, fields = _signed_in_before(service)
    refresh = fields["refresh_token"]
    token = tokens.successor(secret_of(service), refresh, None)
    limits, now = DOCUMENTED.limits, int(time.time())
    issued = service.do(
        lambda store: issue(store, old.mid, TokenKind.COOKIE, limits, now, token=token)
    )
    again = ask(service, e.COOKIE_REFRESH, old, **fields)
    assert (again.code, again.cookies) == (86095, {})
    new = SignedIn(old.mid, token, issued.bili_jct)
    assert ask(service, e.CONFIRM_REFRESH, new, refresh_token=refresh).code == 0
    assert _sessions(service, old.sessdata, token) == [False, True]


def _sessions_of(service: RunningService, mid: int) -> int:
    async def number(store: Store) -> int:
        return len([session async for session in store.sessions() if session.mid == mid])

    return service.do(number)


def test_a_refresh_is_confirmed_with_its_own_token_only(service: RunningService) -> None:
    me, secret = someone(service), secret_of(service)
    old = tokens.refresh_token(secret, me.sessdata)
    fields = {"refresh_csrf": _csrf(service, me), "refresh_token": old}
    new, bystander = _session(ask(service, e.COOKIE_REFRESH, me, **fields)), service.sign_in(me.mid)
    for caller, wrong in (
        (new, old[:80] + "0" * 32),  # a digest of a session of the account, and no proof
        (new, old[:-1] + ("0" if old[-1] != "0" else "1")),
        (new, tokens.refresh_token(secret, bystander.sessdata)),
        (new, tokens.refresh_token(secret, new.sessdata)),
        (bystander, old),
        (me, old),
    ):
        answer = ask(service, e.CONFIRM_REFRESH, caller, refresh_token=wrong)
        reason = "refresh_token: not the one that this session was opened with"
        assert (answer.code, answer.reason) == (-400, reason)
    assert _sessions(service, me.sessdata, new.sessdata, bystander.sessdata) == [True] * 3
    assert ask(service, e.CONFIRM_REFRESH, new, refresh_token=old).code == 0


def test_sign_ins_close_the_oldest_sessions() -> None:
    with running(limits={"sessions": 3}) as service:
        me = someone(service)
        chain = [me]
        for _ in range(4):
            last = chain[-1]
            refresh = tokens.refresh_token(secret_of(service), last.sessdata)
            fields = {"refresh_csrf": _csrf(service, last), "refresh_token": refresh}
            chain.append(_session(ask(service, e.COOKIE_REFRESH, last, **fields)))
        assert _sessions_of(service, me.mid) == 3
        service.sign_in(me.mid)
        service.access_key(me.mid)
        assert _sessions_of(service, me.mid) == 3


def test_refresh_refuses(service: RunningService) -> None:
    me, other, secret = someone(service), someone(service), secret_of(service)
    mine, csrf = tokens.refresh_token(secret, me.sessdata), _csrf(service, me)
    theirs = tokens.refresh_token(secret, other.sessdata)
    for wrong in (
        {"refresh_csrf": csrf, "refresh_token": theirs},
        {"refresh_csrf": _csrf(service, other), "refresh_token": mine},
        {"refresh_csrf": csrf, "refresh_token": mine[:-1] + "x"},
        {"refresh_csrf": "字", "refresh_token": mine},
    ):
        answer = ask(service, e.COOKIE_REFRESH, me, **wrong)
        assert (answer.code, answer.cookies) == (86095, {})
    right = {"refresh_csrf": csrf, "refresh_token": mine}
    assert ask(service, e.COOKIE_REFRESH, **right).code == -101
    assert ask(service, e.COOKIE_REFRESH, me, **right, csrf="x").code == -111
    for wrong in ({"refresh_csrf": csrf}, {"refresh_token": mine}, {**right, "source": "app"}):
        assert ask(service, e.COOKIE_REFRESH, me, **wrong).code == -400
    assert ask(service, e.COOKIE_REFRESH, me, **right).code == 0


def test_a_session_of_another_account_cannot_be_closed(service: RunningService) -> None:
    me, other = someone(service), someone(service)
    theirs = tokens.refresh_token(secret_of(service), other.sessdata)
    for wrong in (theirs, "x", "0" * 96, "0" * 112, "字" * 96):
        assert ask(service, e.CONFIRM_REFRESH, me, refresh_token=wrong).code == -400
    assert _sessions(service, other.sessdata, me.sessdata) == [True, True]
    assert ask(service, e.CONFIRM_REFRESH, refresh_token=theirs).code == -101
    assert ask(service, e.CONFIRM_REFRESH, me, refresh_token=theirs, csrf="x").code == -111
