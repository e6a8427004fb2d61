"""Administration over HTTP: what it does, and that nobody without the token does it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from guanxi.accounts.account import DEREGISTERED_CARD, Privacy
from guanxi.accounts.secrets import appsec
from guanxi.contract import endpoints as e
from guanxi.stores.port import StoreTimeout, StoreUnavailable
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.service.client import Answer, call, fresh, modify, raw, secret_of, send
from tests.service.faults import faulty_service
from tests.service.logged import logged
from tests.stores.engines import Clock


@pytest.fixture(scope="module")
def service(clock: Clock) -> Iterator[RunningService]:
    with running(clock=clock) as one:
        yield one


def admin(
    service: RunningService,
    method: str,
    path: str,
    payload: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    bearer = {"Authorization": f"Bearer {service.admin_token}"}
    body = None if payload is None else json.dumps(payload).encode()
    return send(service.admin_url, method, path, body=body, headers=bearer | dict(headers or {}))


VERBS = [
    ("GET", "/accounts"),
    ("GET", "/accounts/1"),
    ("GET", "/accounts/1/relations"),
    ("GET", "/accounts/1/export"),
    ("GET", "/accounts/1/sessions"),
    ("DELETE", "/accounts/1/sessions/2"),
    ("PUT", "/accounts/1"),
    ("PUT", "/accounts/1/privacy"),
    ("PUT", "/accounts/1/state"),
    ("POST", "/accounts/1/sessions"),
    ("DELETE", "/accounts/1/sessions"),
    ("DELETE", "/accounts/1"),
    ("GET", "/accounts/1/erasure"),
    ("PUT", "/accounts"),
    ("GET", "/mids"),
    ("GET", "/keys"),
    ("GET", "/accounts/1/requests"),
    ("PUT", "/accounts/1/requests/2"),
    ("DELETE", "/accounts/1/requests/2"),
    ("GET", "/accounts/1/sent-requests"),
    ("DELETE", "/accounts/1/sent-requests/2"),
    ("GET", "/accounts/1/mutes"),
    ("PUT", "/accounts/1/mutes/2"),
    ("DELETE", "/accounts/1/mutes/2"),
    ("GET", "/accounts/1/suggestions"),
    ("PUT", "/accounts/1/dismissals/2"),
    ("DELETE", "/accounts/1/dismissals/2"),
    ("POST", "/sessions/revoke"),
    ("POST", "/apps"),
    ("GET", "/changes"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_requests_without_the_token_are_refused(
    method: str, path: str, service: RunningService
) -> None:
    token = service.admin_token
    for given in ("", "Bearer", "Bearer ", f"Bearer {token}x", f"Basic {token}", token, "Bearer é"):
        answer = admin(service, method, path, headers={"Authorization": given})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    # The public address knows none of it, token or not.
    bearer = {"Authorization": f"Bearer {token}"}
    assert send(service.base_url, method, path, headers=bearer).status == 404


def test_an_accounts_life(service: RunningService, clock: Clock) -> None:
    card = {"name": "名字", "sign": "签名", "vip_type": 1, "live": 1}
    assert admin(service, "GET", "/accounts/7").status == 404
    assert admin(service, "PUT", "/accounts/7/state", {"state": "banned"}).status == 404
    assert admin(service, "POST", "/accounts/7/sessions", {}).status == 404
    assert admin(service, "PUT", "/accounts/7", {"card": card}).status == 200
    account = admin(service, "GET", "/accounts/7").body
    assert account["card"] == {**account["card"], **card}
    assert (account["mid"], account["state"], account["tally"]["follower"]) == (7, "normal", 0)

    issued = admin(service, "POST", "/accounts/7/sessions").body
    session = SignedIn(7, issued["sessdata"], issued["bili_jct"])
    assert issued["expires"] > time.time() + 100 * 86_400
    assert call(service, e.NAV, session).data["uname"] == "名字"
    assert admin(service, "PUT", "/accounts/8", {}).status == 200
    assert modify(service, session, 8, 1).code == 0

    hidden = {"hide_followings": True, "refuse_follows": True}
    assert admin(service, "PUT", "/accounts/8/privacy", hidden).status == 200
    assert call(service, e.FOLLOWINGS, session, {"vmid": 8}).code == 22115
    # A new card leaves privacy as it is, unless it comes with it.
    assert admin(service, "PUT", "/accounts/8", {"card": {"name": "八"}}).status == 200
    assert admin(service, "GET", "/accounts/8").body["privacy"]["hide_followings"] is True
    assert admin(service, "PUT", "/accounts/8", {"privacy": {}}).status == 200
    assert call(service, e.FOLLOWINGS, session, {"vmid": 8}).code == 22115
    shown = {"privacy": {"hide_followings": False}}
    assert admin(service, "PUT", "/accounts/8", shown).status == 200
    assert call(service, e.FOLLOWINGS, session, {"vmid": 8}).code == 0

    assert admin(service, "PUT", "/accounts/7/state", {"state": "banned"}).status == 200
    assert modify(service, session, 8, 2).code == -102
    assert admin(service, "PUT", "/accounts/7/state", {"state": "normal"}).status == 200
    assert modify(service, session, 8, 2).code == 0
    assert admin(service, "PUT", "/accounts/7/state", {"state": "deregistered"}).status == 200
    assert admin(service, "POST", "/accounts/7/sessions").status == 409
    clock.advance(1)
    assert call(service, e.NAV, session).code == -101


def test_a_put_leaves_omitted_fields_unchanged(service: RunningService) -> None:
    def current() -> dict[str, Any]:
        body: dict[str, Any] = admin(service, "GET", "/accounts/30").body
        return body

    card = {"name": "三十", "sign": "签名", "vip_type": 2, "official_type": 1}
    first = {"card": card, "privacy": {"hide_followers": True}}
    assert admin(service, "PUT", "/accounts/30", first).status == 200
    whole = current()
    bodies: list[dict[str, object]] = [{}, {"card": {}}, {"privacy": {}}]
    for nothing in bodies:
        assert admin(service, "PUT", "/accounts/30", nothing).status == 200
        assert current() == whole
    assert admin(service, "PUT", "/accounts/30/privacy", {}).status == 200
    assert current() == whole
    assert admin(service, "PUT", "/accounts/30", {"card": {"name": "新"}}).status == 200
    assert current() == {**whole, "card": {**whole["card"], "name": "新"}}
    refuses = {"refuse_follows": True}
    assert admin(service, "PUT", "/accounts/30/privacy", refuses).status == 200
    assert current()["privacy"] == {**whole["privacy"], **refuses}
    shows = {"privacy": {"hide_followers": False}}
    assert admin(service, "PUT", "/accounts/30", shows).status == 200
    assert current()["privacy"] == {**whole["privacy"], **refuses, "hide_followers": False}
    before = current()
    for path in ("/accounts/30", "/accounts/30/privacy", "/accounts/30/state"):
        assert admin(service, "PUT", path).status == 400, "an empty body"
    assert current() == before


def test_concurrent_puts_lose_no_change(service: RunningService) -> None:
    service.add_accounts(31)
    changes = [{"card": {name: 1}} for name in ("face_nft", "vip_type", "vip_status", "live")]
    with ThreadPoolExecutor(len(changes)) as pool:
        for _ in range(count(3, 30)):
            reset = {"card": dict.fromkeys(("face_nft", "vip_type", "vip_status", "live"), 0)}
            assert admin(service, "PUT", "/accounts/31", reset).status == 200
            put = partial(admin, service, "PUT", "/accounts/31")
            assert [answer.status for answer in pool.map(put, changes)] == [200] * 4
            card = admin(service, "GET", "/accounts/31").body["card"]
            assert [card[name] for one in changes for name in one["card"]] == [1] * 4


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("name", ["x" * 65], ["", "名" * 64]),
        ("sign", ["x" * 513], ["x" * 512]),
        ("official_desc", ["x" * 513], ["x" * 512]),
        ("face", ["x" * 2049], ["x" * 2048]),
        ("live_url", ["x" * 2049], ["x" * 2048]),
        ("nft_icon", ["x" * 2049], ["x" * 2048]),
        ("official_type", [2**63, -2, 2, "1", 0.5], [-1, 0, 1]),
        ("vip_type", [2**64, -1, 3], [0, 1, 2]),
        ("vip_due_ms", [-5, 2**53 + 1, 2**63], [0, 2**53]),
        ("vip_status", [-1, 2, 2**63], [0, 1]),
        ("live", [-1, 99, True], [0, 1]),
        ("face_nft", [-1, 7, 2**70], [0, 1]),
    ],
)
def test_a_card_has_bounds(
    field: str, wrong: list[object], right: list[object], service: RunningService
) -> None:
    for value in right:
        assert admin(service, "PUT", "/accounts/40", {"card": {field: value}}).status == 200
        assert admin(service, "GET", "/accounts/40").body["card"][field] == value
    for value in wrong:
        answer = admin(service, "PUT", "/accounts/40", {"card": {field: value}})
        assert (answer.status, f"$.card.{field}" in answer.body["error"]) == (400, True), value
    assert admin(service, "GET", "/accounts/40").body["card"][field] == right[-1]


def test_a_deregistered_account_cannot_be_restored(service: RunningService) -> None:
    service.add_accounts(50)
    path = "/accounts/50/state"
    assert admin(service, "PUT", path, {"state": "deregistered"}).status == 200
    for state in ("banned", "normal"):
        answer = admin(service, "PUT", path, {"state": state})
        assert (answer.status, "deregistered" in answer.body["error"]) == (409, True)
    for body in ({"card": {"name": "again"}}, {}):
        answer = admin(service, "PUT", "/accounts/50", body)
        assert (answer.status, "deregistered" in answer.body["error"]) == (409, True)
    account = admin(service, "GET", "/accounts/50").body
    assert (account["state"], account["card"]["name"]) == ("deregistered", DEREGISTERED_CARD.name)
    assert admin(service, "PUT", path, {"state": "deregistered"}).status == 200


def test_unusual_paths_are_refused(service: RunningService) -> None:
    with logged() as lines:
        for mid in ("9" * 5000, "9" * 19, "0", "-1", "1.0", "+1", "%31%32x", "%EF%BC%91", "%C2%B2"):
            answer = admin(service, "GET", f"/accounts/{mid}")
            assert (answer.status, list(answer.body)) == (404, ["error"])
            nobody = admin(service, "GET", f"/accounts/{mid}", headers={"Authorization": ""})
            assert nobody.status == 401
            assert nobody.body == {"error": "missing or wrong bearer token"}
    assert lines.getvalue() == ""


def test_one_or_all_sessions_are_revoked(service: RunningService, clock: Clock) -> None:
    service.add_accounts(20)
    one, two, three = (service.sign_in(20) for _ in range(3))
    key = admin(service, "POST", "/accounts/20/sessions", {"kind": "app"}).body["access_key"]
    assert call(service, e.FRIENDS, None, {"access_key": key}).code == 0
    revoked = {"token": one.sessdata}
    assert admin(service, "POST", "/sessions/revoke", revoked).body == {"closed": 1}
    assert admin(service, "POST", "/sessions/revoke", revoked).body == {"closed": 0}
    assert call(service, e.FRIENDS, one).code == -101
    assert call(service, e.FRIENDS, two).code == 0
    assert admin(service, "DELETE", "/accounts/20/sessions").body == {"closed": 3}
    clock.advance(1)
    assert call(service, e.FRIENDS, two).code == -101
    assert call(service, e.FRIENDS, three).code == -101
    assert call(service, e.FRIENDS, None, {"access_key": key}).code == -101


def test_a_new_app_has_an_appkey_and_an_appsec(service: RunningService) -> None:
    pair = admin(service, "POST", "/apps").body
    assert pair["appsec"] == appsec(secret_of(service), pair["appkey"])
    assert pair["appkey"] != admin(service, "POST", "/apps").body["appkey"]


@pytest.mark.parametrize(
    ("method", "path", "payload", "status"),
    [
        ("PUT", "/accounts/0", {}, 404),
        ("PUT", f"/accounts/{2**63}", {}, 404),
        ("PUT", "/accounts/x", {}, 404),
        ("PUT", "/accounts/1", {"card": {"nam": "x"}}, 400),
        ("PUT", "/accounts/1", {"card": {"name": 5}}, 400),
        ("PUT", "/accounts/1", {"crd": {}}, 400),
        ("PUT", "/accounts/1", {"card": {"name": "x" * 70_000}}, 413),
        ("PUT", "/accounts/5/privacy", {"hide_following": True}, 400),
        ("PUT", "/accounts/5/state", {"state": "gone"}, 400),
        ("PUT", "/accounts/5/state", {}, 400),
        ("POST", "/accounts/5/sessions", {"kind": "x"}, 400),
        ("POST", "/sessions/revoke", {}, 400),
        ("POST", "/metrics", {}, 405),
        ("GET", "/nope", None, 404),
    ],
)
def test_errors_have_a_status_and_a_reason(
    method: str, path: str, payload: object, status: int, service: RunningService
) -> None:
    service.add_accounts(5)
    answer = admin(service, method, path, payload)
    assert (answer.status, list(answer.body)) == (status, ["error"])


@pytest.mark.parametrize("body", [b"{", b'{"card": {"name": "\xff"}}', b"\xff"])
def test_a_body_that_is_not_json(body: bytes, service: RunningService) -> None:
    headers = {"Authorization": f"bearer {service.admin_token}"}
    answer = send(service.admin_url, "PUT", "/accounts/59", body=body, headers=headers)
    assert (answer.status, list(answer.body)) == (400, ["error"])
    assert admin(service, "GET", "/accounts/59").status == 404


def test_a_store_that_fails(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (broken, store), logged() as lines:
        store.error = StoreUnavailable("the disk is full")
        answer = admin(broken, "GET", "/accounts/1")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        store.error = StoreTimeout("no answer in time")
        answer = admin(broken, "PUT", "/accounts/1", {})
        assert (answer.status, "retry-after" in answer.headers) == (504, False)
        store.error = RuntimeError("what only the inside knows")
        answer = admin(broken, "PUT", "/accounts/1", {})
        assert (answer.status, list(answer.body)) == (504, ["error"])
        answer = admin(broken, "GET", "/accounts/1")
        assert (answer.status, list(answer.body)) == (503, ["error"])
        assert "inside" not in answer.raw.decode() + lines.getvalue()


def test_metrics(service: RunningService) -> None:
    def counted(endpoint: str, code: int) -> float:
        text = admin(service, "GET", "/metrics").raw.decode()
        line = f'guanxi_requests_total{{code="{code}",endpoint="{endpoint}"}} '
        return sum(float(one.removeprefix(line)) for one in text.splitlines() if line in one)

    before = counted(e.NAV.name, -101), counted("none", -404), counted(e.STAT.name, -400)
    for _ in range(3):
        call(service, e.NAV)
    send(service.base_url, "GET", "/nope")
    call(service, e.STAT, None, {"vmid": "x"})
    after = counted(e.NAV.name, -101), counted("none", -404), counted(e.STAT.name, -400)
    assert [a - b for a, b in zip(after, before, strict=True)] == [3, 1, 1]
    text = admin(service, "GET", "/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert 'guanxi_request_seconds_count{endpoint="web.nav"}' in text.raw.decode()


def test_each_following_that_begins_is_counted(service: RunningService) -> None:
    def counted() -> float:
        text = admin(service, "GET", "/metrics").raw.decode()
        return float(re.findall(r"^guanxi_follows_total (.+)$", text, re.M)[0])

    caller, *others, approving = fresh(service, 5)
    service.set_privacy(approving.mid, Privacy(approve_followers=True))
    before = counted()
    assert modify(service, caller, others[0].mid, 1).code == 0
    fids = ",".join(str(one.mid) for one in (*others, approving))
    batch = {"fids": fids, "act": 1, "re_src": 11}
    assert call(service, e.BATCH_MODIFY, caller, batch).data["failed_fids"] == [
        others[0].mid,
        approving.mid,
    ]
    assert call(service, e.BATCH_MODIFY, caller, {**batch, "act": 5}).code == 0
    assert counted() - before == 3, "neither a block, nor one that was refused"


def test_half_a_body_is_no_error_of_the_service(documented: RunningService) -> None:
    head = (
        "PUT /accounts/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        f"Authorization: Bearer {documented.admin_token}\r\n\r\n"
    )
    with logged() as lines:
        assert raw(documented.admin_url, head.encode() + b"{", half=True) == b""
        assert send(documented.admin_url, "GET", "/metrics").status == 401
    assert lines.getvalue() == ""


def test_ill_formed_text_anywhere_in_a_body_is_refused(documented: RunningService) -> None:
    body = b'{"card": {"name": "n", "sign": ""}, "privacy": {"hide_followings": true}}'
    bearer = {"Authorization": f"Bearer {documented.admin_token}"}
    for at in range(len(body) + 1):
        broken = body[:at] + b"\xff" + body[at:]
        answer = send(documented.admin_url, "PUT", "/accounts/1", body=broken, headers=bearer)
        assert answer.status == 400, broken
