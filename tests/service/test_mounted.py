"""The application in another program: mounted under a path, started and cancelled by its host."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from guanxi.accounts.account import Account, Card
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import DOCUMENTED
from guanxi.operations import accounts
from guanxi.operations.sessions import issue
from guanxi.service.app import Application
from guanxi.service.auth import SessionGate
from guanxi.service.config import Settings
from guanxi.service.exchange import ASGI, Caller, Exchange, Gate, Observer, Scope
from guanxi.service.handling import Refused, Service
from guanxi.service.request import Headers, Pairs
from guanxi.stores import open_store
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store, StoreUnavailable
from guanxi.testing import running
from tests.service.client import Answer, call, fresh, modify, send
from tests.service.faults import Faulty
from tests.service.some_pages import LANGUAGE, PAGES
from tests.stores.engines import ENGINES, Engine

Message = MutableMapping[str, Any]


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


def scope_of(path: str, query: str = "", **more: Any) -> Message:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [],
        **more,
    }


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def answer_of(application: ASGI, scope: Message) -> Answer:
    """Call an ASGI application in this process and return its response."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await application(scope, nothing, send)
    [head, body] = sent
    headers = {name.decode(): value.decode() for name, value in head["headers"]}
    return Answer(head["status"], headers, body["body"])


class Everybody(Gate):
    """A gate of a host's own: the host says in the scope who calls."""

    async def caller(
        self,
        endpoint: Endpoint,
        scope: Scope,
        headers: Headers,
        pairs: Pairs,
        values: Mapping[str, str],
    ) -> Caller:
        if "user" not in scope:
            raise Refused(-101)
        return Caller(scope["user"], None, "192.0.2.7")


def with_everybody(
    store: Store, observers: Sequence[Observer] = (), request_seconds: float = 20
) -> Application:
    settings = Settings(profile=DOCUMENTED, request_seconds=request_seconds)
    return Application(Service(store, settings), Everybody(), observers)


# --- a path, a start and a stop ---


def under(path: str) -> Callable[[ASGI], ASGI]:
    return lambda application: Starlette(routes=[Mount(path, application)])


def test_mounted_under_a_path() -> None:
    with running(wrap=under("/graph")) as service:
        caller, other = fresh(service, 2)
        assert send(service.base_url, "GET", e.NAV.path).status == 404
        service.base_url += "/graph"
        assert call(service, e.NAV, caller).data["mid"] == caller.mid
        assert modify(service, caller, other.mid, 1).code == 0
        assert call(service, e.SPACE_PAGE, caller, {"mid": other.mid}).status == 200
        unknown = send(service.base_url, "GET", "/nope")
        assert unknown.code == -404
        reason, _, _ = unknown.reason.partition("; near: ")  # which the emulator adds
        assert reason == "path: no endpoint has it; /graph/docs lists them"
        assert send(service.base_url, "POST", e.NAV.path).headers["allow"] == "GET, HEAD"
        for path in {*PAGES} - {"/", LANGUAGE}:
            assert send(service.base_url, "GET", path).status == 200
        assert send(service.base_url, "GET", "/").headers["location"] == "/graph/docs"
        page = send(service.base_url, "GET", "/docs").raw.decode()
        assert '="/' not in page, "its links lead below the path"


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("", e.NAV.path, 200),
        ("/graph", f"/graph{e.NAV.path}", 200),
        ("/graph/", f"/graph{e.NAV.path}", 200),
        ("/graph", e.NAV.path, 200),  # from servers whose path lacks the root
        ("/x", e.NAV.path, 404),  # is /web-interface/nav below /x
        ("/graph", f"/graphs{e.NAV.path}", 404),
        ("/graph", "/graph", 404),
    ],
)
def test_the_root_path(root: str, path: str, status: int, tmp_path: Path) -> None:
    async def answered() -> Answer:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        try:
            application = with_everybody(store)
            return await answer_of(application, scope_of(path, user=1, root_path=root))
        finally:
            await store.close()

    assert asyncio.run(answered()).status == status


def test_the_lifespan_of_a_host(tmp_path: Path) -> None:
    sent: list[str] = []

    async def taking_part() -> None:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            return {"type": next(messages)}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await with_everybody(store)({"type": "lifespan"}, receive, send)
        with pytest.raises(ValueError, match="websocket"):
            await with_everybody(store)({"type": "websocket"}, receive, send)
        await store.close()

    asyncio.run(taking_part())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


class Later:
    """A store that is opened after the application over it was constructed."""

    secret = b""
    opened: Store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened, name)


def test_constructed_before_a_loop_runs(engine: Engine) -> None:
    later = Later()
    application = with_everybody(cast(Store, later))

    async def answered() -> Answer:
        later.opened = await engine.open(lambda: 1_700_000_000 * 10**9)
        try:
            await accounts.put(later.opened, 1, Card(name="u1"))
            return await answer_of(application, scope_of(e.NAV.path, user=1))
        finally:
            await later.opened.close()

    for _ in range(2):  # the second loop begins after the first one was closed
        assert asyncio.run(answered()).data["uname"] == "u1"


def test_a_second_loop_is_refused(tmp_path: Path) -> None:
    with asyncio.Runner() as one, asyncio.Runner() as other:
        store = one.run(open_store(str(tmp_path / "s.db"), create=True))
        application = with_everybody(store)
        one.run(answer_of(application, scope_of("/nope")))
        with pytest.raises(RuntimeError, match="another event loop"):
            other.run(answer_of(application, scope_of("/nope")))
        one.run(store.close())


# --- a gate and observers ---


def test_a_gate_of_the_host_and_observers(tmp_path: Path) -> None:
    seen: list[Exchange] = []

    async def exchanged() -> list[Answer]:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        await accounts.put(store, 1, Card(name="u1"))
        application = with_everybody(store, [seen.append])
        requests = [
            scope_of(e.RELATION.path, "fid=2", user=1),
            scope_of(e.RELATION.path, "fid=2"),
            scope_of(e.COOKIE_INFO.path, user=1),
            scope_of(e.CORRESPOND.path.replace("{correspond_path}", "00"), user=1),
            scope_of("/nope"),
        ]
        try:
            return [await answer_of(application, request) for request in requests]
        finally:
            await store.close()

    answers = asyncio.run(exchanged())
    assert [answer.code for answer in answers] == [0, -101, -101, -101, -404]
    assert answers[-1].reason == "path: no endpoint has it", "no documentation is served"
    assert [(one.name, one.caller.mid, one.code, one.status) for one in seen] == [
        (e.RELATION.name, 1, 0, 200),
        (e.RELATION.name, 0, -101, 200),
        (e.COOKIE_INFO.name, 1, -101, 200),  # it has no session of the store
        (e.CORRESPOND.name, 1, -101, 404),
        ("none", 0, -404, 404),
    ]
    assert [one.body for one in seen] == [answer.raw for answer in answers]
    assert len({one.request_id for one in seen}) == 5
    assert seen[0].params.fid == 2
    assert seen[0].caller.address == "192.0.2.7"
    assert all(one.seconds > 0 for one in seen)


def test_a_caller_of_the_host_without_an_account(engine: Engine) -> None:
    """Each write on relations is refused with the reason, and is no error of the service."""
    group, one = "tagid=5", "fids=2"
    writes = [
        (e.MODIFY, "fid=2&act=1&re_src=11"),
        (e.CREATE_GROUP, "tag=g"),
        (e.RENAME_GROUP, f"{group}&name=g"),
        (e.DELETE_GROUP, group),
        (e.SET_MEMBERS, f"{one}&tagids=0"),
        (e.COPY_MEMBERS, f"{one}&tagids=0"),
        (e.MOVE_MEMBERS, f"{one}&beforeTagids=0&afterTagids=0"),
    ]

    async def answered() -> list[Answer]:
        store = await engine.open(lambda: 1_700_000_000 * 10**9)
        await accounts.put(store, 2, Card(name="u2"))
        application = with_everybody(store)
        try:
            return [
                await answer_of(application, scope_of(endpoint.path, query, user=1, method="POST"))
                for endpoint, query in writes
            ]
        finally:
            await store.close()

    for answer in asyncio.run(answered()):
        assert (answer.status, answer.code) == (200, 40061)
        assert answer.reason == "the caller has no account in the store"


def test_the_services_own_gate_knows_session_and_address(tmp_path: Path) -> None:
    seen: list[Exchange] = []

    async def exchanged() -> None:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        try:
            await accounts.put(store, 1, Card(name="u1"))
            limits, now = DOCUMENTED.limits, int(time.time())
            token = (await issue(store, 1, TokenKind.COOKIE, limits, now)).token
            service = Service(store, Settings(profile=DOCUMENTED))
            application = Application(service, SessionGate(service), [seen.append])
            sent = [(b"cookie", f"SESSDATA={token}".encode())]
            await answer_of(application, scope_of(e.FRIENDS.path, headers=sent, client=("::1", 9)))
            await answer_of(application, scope_of(e.FRIENDS.path))
        finally:
            await store.close()

    asyncio.run(exchanged())
    signed_in, nobody = (one.caller for one in seen)
    assert (signed_in.mid, signed_in.address) == (1, "::1")
    assert signed_in.session is not None
    assert signed_in.session.mid == 1
    assert nobody == Caller()


# --- cancellation ---


class Held:
    """An application over an open store that holds every read."""

    def __init__(self, store: Store, request_seconds: float) -> None:
        self.faulty = Faulty(store)
        self.faulty.held = True
        self.application = with_everybody(cast(Store, self.faulty), request_seconds=request_seconds)

    async def answer(self) -> Answer:
        return await answer_of(self.application, scope_of(e.NAV.path, user=1))


async def _with_held(
    engine: Engine, work: Callable[[Held], Awaitable[None]], request_seconds: float = 20
) -> None:
    store = await engine.open(lambda: 1_700_000_000 * 10**9)
    try:
        await work(Held(store, request_seconds))
    finally:
        await store.close()


def test_a_hosts_time_limit_is_raised_to_the_host(engine: Engine) -> None:
    async def limited(held: Held) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await held.answer()

    asyncio.run(_with_held(engine, limited))


def test_a_cancelled_task_ends_cancelled(engine: Engine) -> None:
    async def cancelled(held: Held) -> None:
        task = asyncio.create_task(held.answer())
        while not held.faulty.called.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(_with_held(engine, cancelled))


def test_a_task_group_ends_with_its_first_error(engine: Engine) -> None:
    async def grouped(held: Held) -> None:
        async def fail() -> None:
            while not held.faulty.called.is_set():
                await asyncio.sleep(0)
            raise LookupError

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(held.answer())
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as caught:
            await both()
        assert caught.group_contains(LookupError)

    asyncio.run(_with_held(engine, grouped))


def test_the_services_own_time_limit_is_an_answer(engine: Engine) -> None:
    async def late(held: Held) -> None:
        answer = await held.answer()
        assert (answer.status, answer.code) == (504, -504)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0, "the host's task goes on as if nothing had happened"

    asyncio.run(_with_held(engine, late, request_seconds=0.05))


def test_a_body_that_the_host_does_not_wait_for(tmp_path: Path) -> None:
    """While a body is read, the host's cancellation is no HTTP 408 either."""

    async def posted() -> None:
        store = await open_store(str(tmp_path / "s.db"), create=True)

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            raise AssertionError("nothing is sent")

        try:
            scope = {**scope_of(e.MODIFY.path), "method": "POST"}
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(with_everybody(store)(scope, never, send), 0.05)
        finally:
            await store.close()

    asyncio.run(posted())


def test_a_body_without_the_optional_keys_of_asgi(tmp_path: Path) -> None:
    body = b"fid=2&act=1&re_src=11"

    async def answered(*messages: Message) -> int:
        waiting = [{"type": "http.request", **message} for message in messages]
        sent: list[Message] = []

        async def receive() -> Message:
            return waiting.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        kind = [(b"content-type", b"application/x-www-form-urlencoded")]
        post = scope_of(e.MODIFY.path, method="POST", headers=kind, user=1)
        store = await open_store(str(tmp_path / "s.db"), create=True)
        try:
            for mid in (1, 2):
                await accounts.put(store, mid, Card(name=f"u{mid}"))
            await with_everybody(store)(post, receive, send)
        finally:
            await store.close()
        return int(json.loads(sent[1]["body"])["code"])

    assert asyncio.run(answered({"body": body})) == 0
    assert asyncio.run(answered({"body": body, "more_body": True}, {})) == 22014


class Stubborn(Layer):
    """A store whose read fails with an error of its own when it is cancelled."""

    async def account(self, _mid: int) -> Account | None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise StoreUnavailable("cut off") from None
        raise AssertionError


def test_a_late_request_whose_store_answers_the_cancellation(engine: Engine) -> None:
    async def late(held: Held) -> None:
        application = with_everybody(Stubborn(held.faulty.store), request_seconds=0.05)
        answer = await answer_of(application, scope_of(e.MY_INFO.path, user=1))
        assert answer.code == -503
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(_with_held(engine, late))


#: A store that is never reached, and so belongs to no loop.
_NOTHING = cast(Store, SimpleNamespace(secret=b"secret"))


def test_a_new_loop_after_one_that_was_closed_with_a_request() -> None:
    held = Held(_NOTHING, 0.05)
    first = asyncio.new_event_loop()
    pending = first.create_task(held.answer())
    while not held.faulty.called.is_set():
        first.run_until_complete(asyncio.sleep(0))
    first.close()
    assert asyncio.run(held.answer()).code == -504
    with suppress(RuntimeError):  # the loop of what it waits for is closed
        pending.get_coro().close()


def test_another_thread_is_refused_while_requests_run() -> None:
    held = Held(_NOTHING, 20)

    async def both() -> None:
        running_request = asyncio.create_task(held.answer())
        while not held.faulty.called.is_set():
            await asyncio.sleep(0)
        held.faulty.held, held.faulty.error = False, StoreUnavailable("no store")
        # This task keeps its loop busy meanwhile, so that the loop has a current task.
        with ThreadPoolExecutor(1) as thread:
            refused = thread.submit(lambda: asyncio.run(held.answer()))
            with pytest.raises(RuntimeError, match="another event loop"):
                refused.result()
        assert (await running_request).code == -503

    asyncio.run(both())
