"""Who may administer what: every route with every scope, and what is recorded of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.routing import Route

from guanxi.accounts.administrators import AdminToken, Scope, new_admin_token
from guanxi.accounts.secrets import digest
from guanxi.contract.limits import DOCUMENTED
from guanxi.operations import admin_tokens
from guanxi.service import admin, admitting
from guanxi.service.administering import Administered
from guanxi.service.config import ConfiguredToken, Settings
from guanxi.service.handling import Service
from guanxi.stores.port import Store, StoreTimeout, StoreUnavailable
from guanxi.testing import RunningService, running
from tests.service.client import Answer, secret_of, send
from tests.service.faults import faulty_service
from tests.service.logged import logged
from tests.stores.engines import Clock

ROUTES = [
    (method, route.path)
    for route in admin.application(
        Administered(Service(None, Settings()), bytes),  # type: ignore[arg-type]
        "0" * 16,
    ).routes
    if isinstance(route, Route)
    for method in sorted((route.methods or set()) - {"HEAD"})
]
SCOPES = [
    frozenset(scopes) for size in range(1, len(Scope) + 1) for scopes in combinations(Scope, size)
]


@pytest.fixture(scope="module")
def service(clock: Clock) -> Iterator[RunningService]:
    with running(clock=clock) as one:
        one.add_accounts(1, 2, 7, 8)
        yield one


def made(
    service: RunningService, name: str, *scopes: Scope, days: int | None = None, now: int = 0
) -> str:
    """Make a token in the store; return its text."""
    now = now or int(time.time())
    text: str = service.do(
        lambda store: admin_tokens.new_token(store, name, scopes, days, now)
    ).text
    return text


def ask(
    service: RunningService,
    token: str,
    method: str,
    path: str,
    payload: object = None,
    *,
    query: Mapping[str, object] | None = None,
) -> Answer:
    body = None if payload is None else json.dumps(payload).encode()
    bearer = {"Authorization": f"Bearer {token}"}
    return send(service.admin_url, method, path, query=query or "", body=body, headers=bearer)


def filled(path: str) -> str:
    """Return a route's path with its parameters filled in."""
    values = {"mid": "7", "target": "8"}  # a walk erases the first one
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: values.get(found[1], "nobody"), path)


def needed(method: str, path: str) -> set[Scope]:
    """Return the scopes that permit a route, by hand."""
    if path == "/metrics":
        return {Scope.METRICS, Scope.READ}
    return {Scope.READ} if method == "GET" else {Scope.WRITE}


@pytest.mark.parametrize("scopes", SCOPES, ids="+".join)
def test_every_route_needs_its_scope(scopes: frozenset[Scope], service: RunningService) -> None:
    name = "+".join(scopes).replace("+", "-") + ".walk"
    token = made(service, name, *scopes)
    assert len(ROUTES) > 25
    for method, path in ROUTES:
        answer = ask(service, token, method, filled(path))
        if needed(method, path) & scopes:
            assert answer.status not in (401, 403), (method, path)
        else:
            assert answer.status == 403, (method, path)
            wanted = " or ".join(scope for scope in Scope if scope in needed(method, path))
            if path == "/metrics":
                wanted = "metrics or read"
            assert answer.body == {"error": f"the token {name} lacks the scope {wanted}"}


def test_a_wrong_an_expired_and_a_revoked_token_are_refused_at_every_route(
    service: RunningService, clock: Clock
) -> None:
    expired = made(service, "expired", *Scope, days=1, now=clock.ns // 10**9 - 86_400)
    revoked = made(service, "revoked", *Scope)
    assert ask(service, revoked, "GET", "/accounts/1").status == 200
    service.do(lambda store: admin_tokens.revoke(store, "revoked"))
    time.sleep(1.01)
    own = service.admin_token
    wrong = [new_admin_token(), "", revoked[:-1], own[:-1], own + "x", own.upper() + "x", "é"]
    for method, path in ROUTES:
        for token in (expired, revoked, wrong[len(path) % len(wrong)]):
            answer = ask(service, token, method, filled(path))
            assert answer.status == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert ask(service, expired, "GET", "/metrics").body == {
        "error": "the token expired has expired"
    }
    for token in wrong:
        assert ask(service, token, "GET", "/metrics").status == 401


def test_a_token_ends_while_it_is_in_use(service: RunningService, clock: Clock) -> None:
    token = made(service, "short", Scope.READ, days=1, now=clock.ns // 10**9)
    clock.advance(86_399)
    assert ask(service, token, "GET", "/accounts/1").status == 200
    clock.advance(1)
    assert ask(service, token, "GET", "/accounts/1").status == 401


def test_a_reading_token_sees_no_secret(service: RunningService) -> None:
    reader = made(service, "reads-all", Scope.READ)
    session, key = service.sign_in(1), service.access_key(1)
    app = ask(service, service.admin_token, "POST", "/apps").body
    secrets = [session.sessdata, session.bili_jct, key, app["appsec"], service.admin_token, reader]
    secrets += [digest(one).hex() for one in (session.sessdata, key, reader)]
    secrets.append(secret_of(service).hex())
    for method, path in ROUTES:
        if method == "GET":
            answer = ask(service, reader, method, filled(path))
            shown = answer.raw.decode() + repr(answer.headers)
            assert not [one for one in secrets if one in shown], path
    everything = ask(service, reader, "GET", "/audit", query={"limit": 100})
    assert everything.status == 200
    assert not [one for one in secrets if one in everything.raw.decode()]


def test_the_settings_have_tokens_too(clock: Clock) -> None:
    texts = {name: new_admin_token() for name in ("prometheus", "old")}
    ends = datetime.fromtimestamp(clock.ns // 10**9, UTC)
    settings = Settings(
        profile=DOCUMENTED,
        admin_tokens={
            "prometheus": ConfiguredToken(digest(texts["prometheus"]).hex(), [Scope.METRICS]),
            "old": ConfiguredToken(digest(texts["old"]).hex(), [Scope.READ], ends),
        },
    )
    assert texts["prometheus"] not in repr(settings)
    assert settings.admin_tokens["prometheus"].sha256 not in repr(settings)
    with running(settings=settings, clock=clock) as service:
        assert ask(service, texts["prometheus"], "GET", "/metrics").status == 200
        assert ask(service, texts["prometheus"], "GET", "/accounts/1").status == 403
        assert ask(service, texts["old"], "GET", "/metrics").status == 401
    later = replace(settings.admin_tokens["old"], expires=ends + timedelta(seconds=1))
    settings = replace(settings, admin_tokens={"old": later})
    with running(settings=settings, clock=clock) as service:
        assert ask(service, texts["old"], "GET", "/metrics").status == 200


def test_tokens_are_made_and_ended_over_http(service: RunningService, clock: Clock) -> None:
    now = clock.ns // 10**9
    body: dict[str, Any] = {"name": "colleague", "scopes": ["read", "write"], "days": 2}
    answer = ask(service, service.admin_token, "POST", "/tokens", body)
    assert (answer.body["name"], answer.body["expires"]) == ("colleague", now + 2 * 86_400)
    token = answer.body["token"]
    assert ask(service, service.admin_token, "POST", "/tokens", body).status == 409
    # A token makes none that may more, or lasts longer, than it does.
    more = {"name": "more", "scopes": ["metrics"], "days": 1}
    assert ask(service, token, "POST", "/tokens", more).body == {
        "error": "the token colleague lacks the scope metrics"
    }
    for days in (3, None):
        longer = {"name": "longer", "scopes": ["read"], "days": days}
        assert ask(service, token, "POST", "/tokens", longer).status == 403
    less = {"name": "less", "scopes": ["read"], "days": 1}
    assert ask(service, token, "POST", "/tokens", less).status == 200
    listed = ask(service, token, "GET", "/tokens").body["tokens"]
    assert [one["scopes"] for one in listed if one["name"] in ("colleague", "less")] == [
        ["read", "write"],
        ["read"],
    ]
    assert {*listed[0]} == {"name", "scopes", "created", "expires"}
    assert ask(service, token, "DELETE", "/tokens/less").status == 200
    assert ask(service, token, "DELETE", "/tokens/less").status == 404
    for wrong in (
        {"name": "configured", "scopes": ["read"]},
        {"name": "a b", "scopes": ["read"]},
        {"name": "none", "scopes": []},
    ):
        assert ask(service, service.admin_token, "POST", "/tokens", wrong).status == 409
    for invalid in ({"name": "x", "scopes": ["all"]}, {"name": "x", "scopes": ["read"], "days": 0}):
        assert ask(service, service.admin_token, "POST", "/tokens", invalid).status == 400


def entries(service: RunningService, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(
        service, service.admin_token, "GET", "/audit", query={"limit": 100, **query}
    ).body["audit"]
    return found


def test_every_change_is_in_the_audit_log_and_no_read_is(service: RunningService) -> None:
    token = made(service, "audited", *Scope)
    answers = {}
    for method, path in ROUTES:
        answer = ask(service, token, method, filled(path))
        if method != "GET":
            answers[f"{method} {path}"] = answer
    found = {entry["what"]: entry for entry in entries(service, token="audited")}
    assert found.keys() == answers.keys()
    for what, answer in answers.items():
        entry = found[what]
        assert entry["status"] == answer.status
        assert entry["request_id"] == answer.headers["x-request-id"]
        assert entry["mid"] == (7 if "{mid}" in what else None)
        assert entry["target"] == (8 if "{target}" in what else None)
        assert abs(entry["time_ms"] - service._clock() // 10**6) < 3_600_000
    ids = {entry["request_id"] for entry in found.values()}
    assert len(ids) == len(answers) > 15


def test_an_entry_says_which_account_and_what_became_of_it(service: RunningService) -> None:
    token = made(service, "detailed", *Scope)
    session = service.sign_in(2)
    mid = ask(service, token, "PUT", "/accounts", {"key": "audit-key"}).body["mid"]
    ask(service, token, "PUT", "/accounts/2/state", {"state": "banned"})
    ask(service, token, "PUT", "/accounts/2/state", {"state": "normal"})
    issued = ask(service, token, "POST", "/accounts/2/sessions", {"kind": "app"}).body
    ask(service, token, "POST", "/sessions/revoke", {"token": session.sessdata})
    ask(service, token, "PUT", "/accounts/99/privacy", {"hide_followers": True})
    ask(service, token, "POST", "/logins/agree", {"key": "0" * 32, "mid": 2})
    shown = [
        (one["what"], one["mid"], one["detail"], one["status"])
        for one in entries(service, token="detailed")[::-1]
    ]
    assert shown == [
        ("PUT /accounts", mid, "", 200),
        ("PUT /accounts/{mid}/state", 2, "banned", 200),
        ("PUT /accounts/{mid}/state", 2, "normal", 200),
        ("POST /accounts/{mid}/sessions", 2, "app", 200),
        ("POST /sessions/revoke", 2, "", 200),
        ("PUT /accounts/{mid}/privacy", 99, "", 404),
        ("POST /logins/agree", 2, "", 409),
    ]
    everything = json.dumps(entries(service))
    for secret in (session.sessdata, session.bili_jct, issued["access_key"], token, "audit-key"):
        assert secret not in everything


def test_the_log_is_read_page_by_page(service: RunningService) -> None:
    token = made(service, "paged", *Scope)
    for _ in range(7):
        ask(service, token, "PUT", "/accounts/2/privacy", {})
    whole = entries(service, token="paged")
    assert len(whole) == 7
    paged: list[dict[str, Any]] = []
    after: dict[str, object] = {}
    while True:
        page = ask(
            service, token, "GET", "/audit", query={"limit": 3, "token": "paged", **after}
        ).body
        paged += page["audit"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert paged == whole
    assert [one["number"] for one in paged] == sorted((n["number"] for n in paged), reverse=True)
    about_one = entries(service, mid=2)
    assert about_one
    assert {one["mid"] for one in about_one} == {2}
    for wrong in ({"limit": 0}, {"mid": "x"}, {"after": "-1"}, {"who": "a"}):
        assert ask(service, token, "GET", "/audit", query=wrong).status == 400


@pytest.mark.parametrize(
    ("error", "status"), [(StoreUnavailable("full"), 503), (StoreTimeout("late"), 504)]
)
def test_what_cannot_be_recorded_is_not_done(error: Exception, status: int, tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        service.add_accounts(1)
        store.verbs, store.error = frozenset({"append_audit"}), error
        token, banned = service.admin_token, {"state": "banned"}
        with logged():
            assert ask(service, token, "PUT", "/accounts/1/state", banned).status == status
        store.error = None
        assert ask(service, token, "GET", "/accounts/1").body["state"] == "normal"
        assert entries(service) == []


def test_what_was_done_and_lost_its_outcome_has_an_entry(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        service.add_accounts(1)
        store.verbs, store.error = frozenset({"end_audit"}), StoreUnavailable("full")
        token, banned = service.admin_token, {"state": "banned"}
        with logged() as lines:
            answer = ask(service, token, "PUT", "/accounts/1/state", banned)
        assert answer.status == 200, "it was done"
        assert "outcome of an act is not in the audit log" in lines.getvalue()
        assert ask(service, token, "GET", "/accounts/1").body["state"] == "banned"
        [entry] = entries(service)
        assert (entry["mid"], entry["status"]) == (1, None)


def test_a_write_that_may_have_happened_is_recorded_as_that(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        service.add_accounts(1)
        store.verbs, store.error = frozenset({"edit_account"}), StoreTimeout("late")
        with logged():
            banned = {"state": "banned"}
            token = service.admin_token
            assert ask(service, token, "PUT", "/accounts/1/state", banned).status == 504
            store.error = RuntimeError("unexpected")
            assert ask(service, token, "PUT", "/accounts/1/state", banned).status == 504
        store.error = None
        assert [one["status"] for one in entries(service)] == [None, 504]


def test_a_revoked_token_is_refused_within_a_second(service: RunningService) -> None:
    token = made(service, "revocable", Scope.READ)
    assert ask(service, token, "GET", "/accounts/1").status == 200
    service.do(lambda store: admin_tokens.revoke(store, "revocable"))
    time.sleep(1.01)
    assert ask(service, token, "GET", "/accounts/1").status == 401


def test_unknown_tokens_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tokens that the store has are kept, and no more than so many of them."""
    monkeypatch.setattr(admitting, "_MOST_KEPT", 10)

    async def fill(store: Store) -> list[int]:
        gate = admitting.Admission(Service(store, Settings()), "0" * 16)
        sizes = []
        for number in range(15):
            text = new_admin_token()
            stored = AdminToken(
                name=f"many{number}",
                digest=digest(text),
                scopes=frozenset({Scope.READ}),
                created=0,
            )
            await store.put_admin_token(stored)
            assert await gate.token(f"Bearer {text}") == stored
            sizes.append(len(gate._kept))
        for _ in range(20):
            with pytest.raises(Exception, match="401"):
                await gate.token(f"bearer {new_admin_token()}")
        assert len(gate._kept) == sizes[-1]
        return sizes

    with running() as other:
        sizes = other.do(fill)
    assert max(sizes) == 10
    assert sizes[-1] == 5
