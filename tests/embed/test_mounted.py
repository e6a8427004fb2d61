"""The application in a host that signs its users in: who calls, from where, and what it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from guanxi.accounts.account import Card, State
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Does
from guanxi.contract.limits import OPEN, Limits
from guanxi.embed import mounted
from guanxi.embed.mounted import Mounted, application
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.operations import accounts
from guanxi.operations.sessions import issue
from guanxi.service.config import Settings
from guanxi.service.exchange import Scope
from guanxi.service.routes import routes
from guanxi.stores.port import Store
from tests.service.client import Answer
from tests.service.test_mounted import Message, answer_of, scope_of
from tests.stores.engines import ENGINES, START, Clock, Engine

T = TypeVar("T")

FOLLOW = b"fid=2&act=1&re_src=11"
SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


def in_scope(scope: Scope) -> int | None:
    """Return the mid that a host's middleware has left."""
    user: int | None = scope.get("user")
    return user


def on_store(engine: Engine, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    async def opened() -> T:
        store = await engine.open(Clock())
        try:
            for mid in (1, 2, 3):
                await accounts.put(store, mid, Card(name=f"u{mid}"))
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(opened())


async def follow(application: Mounted, headers: Mapping[str, str], user: int | None = 1) -> Answer:
    sent = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"my.example:8000")]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = scope_of(e.MODIFY.path, method="POST", user=user, headers=sent)
    return await posted(application, scope, FOLLOW)


async def posted(application: Mounted, scope: Message, body: bytes) -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await application(scope, receive, send)
    [head, body_sent] = sent
    headers = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answer(head["status"], headers, body_sent["body"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (SAME, 0),
        ({"sec-fetch-site": "none"}, 0),
        ({"sec-fetch-site": "same-site"}, -111),
        ({"sec-fetch-site": "cross-site"}, -111),
        ({"sec-fetch-site": "cross-site", "origin": "https://my.example:8000"}, -111),
        ({"origin": "https://my.example:8000"}, 0),
        ({"origin": "https://MY.example:8000"}, 0),
        ({"origin": "https://my.example"}, -111),  # another port is another origin
        ({"origin": "https://evil.example"}, -111),
        ({"origin": "null"}, -111),  # a sandboxed frame
        ({"origin": "https://friend.example", "sec-fetch-site": "cross-site"}, 0),  # by CORS
        ({}, 0),  # no browser, and no cookie that one might have added
        ({"authorization": "Bearer x"}, 0),
        ({"cookie": "session=x"}, -111),
        ({"cookie": "session=x", **SAME}, 0),
    ],
)
def test_a_change_comes_from_the_same_origin(
    headers: dict[str, str], code: int, tmp_path: Path
) -> None:
    async def work(store: Store) -> tuple[Answer, int]:
        settings = Settings(cors_origins=("https://friend.example",))
        answer = await follow(application(store, caller=in_scope, settings=settings), headers)
        return answer, (await store.tally(1)).following

    answer, following = on_store(ENGINES["sqlite"](tmp_path), work)
    assert (answer.code, following) == (code, int(code == 0))
    if code:
        assert answer.reason.startswith(("Origin:", "Sec-Fetch-Site:"))


@pytest.mark.parametrize(
    ("site", "sees"),
    [("same-origin", True), ("none", True), ("same-site", True), ("cross-site", False)],
)
def test_a_page_of_another_site_reads_as_nobody(site: str, sees: bool, engine: Engine) -> None:
    """As a script of another site could, by JSONP, if the host's cookies were sent with it."""

    async def work(store: Store) -> Answer:
        scope = scope_of(e.NAV.path, user=1, headers=[(b"sec-fetch-site", site.encode())])
        return await answer_of(application(store, caller=in_scope), scope)

    answer = on_store(engine, work)
    assert answer.code == (0 if sees else -101)


def test_the_host_names_the_caller(engine: Engine) -> None:
    async def later(scope: Scope) -> int | None:
        await asyncio.sleep(0)
        return in_scope(scope)

    async def work(store: Store) -> list[int]:
        seen = []
        for caller in (in_scope, later):
            mounted = application(store, caller=caller)
            named = await answer_of(mounted, scope_of(e.NAV.path, user=2))
            nobody = await answer_of(mounted, scope_of(e.NAV.path, user=None))
            seen += [named.data["mid"], nobody.code, (await follow(mounted, SAME, None)).code]
        return seen

    assert on_store(engine, work) == [2, -101, -101] * 2


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ("1", "TypeError"),
        (True, "TypeError"),
        (0, "ValueError"),
        (-1, "ValueError"),
        (2**63, "ValueError"),
    ],
)
def test_what_is_no_mid_calls_nothing(
    named: Any, error: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(store: Store) -> tuple[Answer, int]:
        answer = await follow(application(store, caller=lambda _: named), SAME)
        return answer, (await store.tally(1)).following

    answer, following = on_store(ENGINES["sqlite"](tmp_path), work)
    assert (answer.code, answer.status, following) == (-504, 504, 0)
    assert error in caplog.text


def test_states_of_the_caller(engine: Engine) -> None:
    async def work(store: Store) -> list[int]:
        mounted = application(store, caller=in_scope)
        codes = []
        for state in (State.NORMAL, State.BANNED, State.DEREGISTERED):
            await accounts.set_state(store, 1, state)
            read = await answer_of(mounted, scope_of(e.NAV.path, user=1))
            public = await answer_of(mounted, scope_of(e.STAT.path, "vmid=2", user=1))
            wrote = await follow(mounted, SAME)
            codes += [read.code, public.code, wrote.code]
        return codes

    assert on_store(engine, work) == [0, 0, 0, 0, 0, -102, -101, 0, -101]


def test_endpoints_that_sign_in_are_not_there(tmp_path: Path) -> None:
    signing_in = [route.endpoint for route in routes(OPEN).values() if route.endpoint.signs_in]
    assert signing_in

    async def work(store: Store) -> list[tuple[int, str]]:
        mounted, seen = application(store, caller=in_scope), []
        for endpoint in signing_in:
            path = endpoint.path.replace("{correspond_path}", "00")
            scope = scope_of(path, user=1, method=endpoint.method)
            answer = await answer_of(mounted, scope)
            seen.append((answer.status, answer.reason))
        return seen

    assert all(endpoint.does is Does.SIGN_IN for endpoint in signing_in)
    for status, reason in on_store(ENGINES["sqlite"](tmp_path), work):
        assert status == 404
        assert "signs its users in" in reason


def test_no_credential_of_the_store_counts(engine: Engine) -> None:
    async def work(store: Store) -> Answer:
        issued = await issue(store, 1, TokenKind.COOKIE, Limits(), START // 10**9)
        cookie = f"SESSDATA={issued.token}; bili_jct={issued.bili_jct}"
        scope = scope_of(e.NAV.path, headers=[(b"cookie", cookie.encode())])
        return await answer_of(application(store, caller=in_scope), scope)

    assert on_store(engine, work).code == -101


def test_visits_are_written_without_a_lifespan(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounted, "_VISIT_SECONDS", 0.05)

    async def work(store: Store) -> list[int]:
        app = application(store, caller=in_scope)
        assert (await follow(app, SAME)).code == 0
        visited = await answer_of(app, scope_of(e.SPACE_INFO.path, "mid=2", user=1))
        assert visited.code == 0
        visits = [0]
        until = asyncio.get_running_loop().time() + 10
        while not visits[0] and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
            page = await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, Window(0, 10))
            visits = [row.visits for row in page.rows]
        return visits

    assert on_store(engine, work) == [1]


def test_its_metrics_are_the_hosts_to_show(tmp_path: Path) -> None:
    async def work(store: Store) -> tuple[Answer, Answer]:
        app = application(store, caller=in_scope)
        assert (await follow(app, SAME)).code == 0
        shown = await answer_of(app, scope_of("/metrics"))
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        await app.metrics(scope_of("/metrics"), receive, send)
        return shown, Answer(sent[0]["status"], {}, sent[1]["body"])

    public, shown = on_store(ENGINES["sqlite"](tmp_path), work)
    assert public.status == 404
    assert b'guanxi_requests_total{code="0",endpoint="relation.modify"} 1.0' in shown.raw
