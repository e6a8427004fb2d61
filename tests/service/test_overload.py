"""Overload: what is refused, how, and that everything else is as before."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import OPEN
from guanxi.service import overload
from guanxi.service.answers import bad_request
from guanxi.service.app import Application
from guanxi.service.config import Settings
from guanxi.service.exchange import Exchange, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.handling import Service
from guanxi.service.listening import Served, bind, serving
from guanxi.service.metrics import Metrics
from guanxi.service.server import application_of
from guanxi.stores import open_store
from tests.service.logged import lines_of, logged
from tests.service.test_accepting import LOOPS, NewLoop, connected, empty, response, run

_GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
_POST = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n"
_PROBE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
_REFUSAL = ([(b"content-length", b"7"), (b"retry-after", b"1")], b"refused")


def refused(scope: Scope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
    headers, body = _REFUSAL
    return None if scope["path"] == "/livez" else ([*headers], body)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn admit two requests, once one of more was seen, however short."""
    monkeypatch.setattr(overload, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(overload, "STANDING_SECONDS", 0.0)
    monkeypatch.setattr(overload, "FEWEST", 2)


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Keep the event loop busy, as an answer does."""
    time.sleep(0.002)
    await empty(scope, receive, send)


@asynccontextmanager
async def overloaded(listener: socket.socket) -> AsyncIterator[list[socket.socket]]:
    """Serve; yield connections that were answered, and of which each turn admits two."""
    with connected(listener, 10) as clients:
        async with serving(Served(slow, listener, bad_request, refused)):
            for _ in range(4):
                for client in clients:
                    client.sendall(_GET)
                found = [await response(client) for client in clients]
                if any(b" 503 " in one for one in found):
                    yield [*clients]
                    return
            raise AssertionError("nothing was refused")


def statuses(found: list[bytes]) -> list[int]:
    return [int(one[9:12]) for one in found]


async def answers(clients: list[socket.socket], requests: list[bytes]) -> list[bytes]:
    """Send a request on each connection, all before the service reads one; return the responses."""
    for client, request in zip(clients, requests, strict=True):
        client.sendall(request)
    return [await response(client) for client in clients]


@pytest.mark.usefixtures("strict")
@LOOPS
def test_a_turn_admits_the_first_and_refuses_the_others(new_loop: NewLoop) -> None:
    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, logged() as lines:
            async with overloaded(listener) as clients:
                found = await answers(clients, [_GET] * 10)
                assert statuses(found) == [200, 200, *[503] * 8]
                for one in found[2:]:
                    head, _, body = one.partition(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\ndate: ")
                    assert head.endswith(b"\r\ncontent-length: 7\r\nretry-after: 1")
                    assert body == b"refused"
                # The connections are as good as before: each alone is answered.
                for client in clients:
                    assert statuses(await answers([client], [_GET])) == [200]
            assert [line["event"] for line in lines_of(lines)] == ["overloaded"]

    run(new_loop, work)


@pytest.mark.usefixtures("strict")
def test_what_must_be_answered_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    expects = _POST + b"Expect: 100-continue\r\n\r\n"

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener:
            async with overloaded(listener) as clients:
                sent = [_GET, _GET, _PROBE, expects, _GET + _GET, *[_GET] * 5]
                found = await answers(clients, sent)
                assert statuses(found) == [200, 200, 200, 200, *[503] * 6]

    run(asyncio.new_event_loop, work)


@pytest.mark.usefixtures("strict")
@LOOPS
def test_a_request_behind_another_waits_for_its_response(new_loop: NewLoop) -> None:
    async def work() -> None:
        with bind("127.0.0.1", 0) as listener:
            async with overloaded(listener) as clients:
                found = await answers(clients, [_GET, _GET + _GET, *[_GET] * 8])
                assert statuses(found) == [200, 200, *[503] * 8]
                behind = found[1].partition(b"\r\n\r\n")[2] or await response(clients[1])
                assert statuses([behind]) == [200]

    run(new_loop, work)


@pytest.mark.usefixtures("strict")
def test_bursts_with_pauses_are_no_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.0
    monkeypatch.setattr(overload, "STANDING_SECONDS", 5.0)
    monkeypatch.setattr(overload, "CALM_SECONDS", 1_000.0)
    monkeypatch.setattr(overload, "monotonic", lambda: now)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal now
        now += 0.1
        await empty(scope, receive, send)

    async def work() -> None:
        nonlocal now
        with bind("127.0.0.1", 0) as listener, connected(listener, 10) as clients:
            async with serving(Served(app, listener, bad_request, refused)):
                for _ in range(4):
                    assert statuses(await answers([*clients], [_GET] * 10)) == [200] * 10
                    now += 10

    run(asyncio.new_event_loop, work)


@pytest.mark.usefixtures("strict")
@LOOPS
def test_the_body_of_a_refused_request_is_no_request(new_loop: NewLoop) -> None:
    body = _GET[:40].ljust(40, b"x")

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener:
            async with overloaded(listener) as clients:
                found = await answers(clients, [*[_GET] * 9, _POST + b"\r\n" + body[:10]])
                assert statuses(found)[-1] == 503
                clients[9].sendall(body[10:] + _PROBE)
                assert statuses([await response(clients[9])]) == [200]

    run(new_loop, work)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    "request_", [_GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
                 b"GET /x HTTP/1.0\r\n\r\n"], ids=["close", "HTTP/1.0"],
)  # fmt: skip
def test_a_refused_request_closes_its_connection_as_it_says(request_: bytes) -> None:
    async def work() -> None:
        with bind("127.0.0.1", 0) as listener:
            async with overloaded(listener) as clients:
                found = await answers(clients, [*[_GET] * 9, request_])
                assert statuses(found)[-1] == 503
                assert b"\r\nconnection: close\r\n" in found[-1]
                assert await response(clients[9]) == b""

    run(asyncio.new_event_loop, work)


@pytest.mark.usefixtures("strict")
def test_overload_ends_when_nothing_was_refused_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, logged() as lines:
            async with overloaded(listener) as clients:
                assert statuses(await answers(clients, [_GET] * 10))[2:] == [503] * 8
                monkeypatch.setattr(overload, "CALM_SECONDS", 0.0)
                assert statuses(await answers(clients[:1], [_GET])) == [200]
                events = [(line["event"], line["level"]) for line in lines_of(lines)]
                assert events == [("overloaded", "warning"), ("no longer overloaded", "warning")]
                assert lines_of(lines)[1]["refused"] == 16

    run(asyncio.new_event_loop, work)


@pytest.mark.parametrize("setting", ["FEWEST", "STANDING_SECONDS", "TURN_SECONDS"])
@pytest.mark.usefixtures("strict")
def test_a_burst_a_short_turn_and_few_connections_are_no_overload(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overload, setting, 1_000)

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, connected(listener, 10) as clients:
            async with serving(Served(slow, listener, bad_request, refused)):
                for _ in range(4):
                    assert statuses(await answers([*clients], [_GET] * 10)) == [200] * 10

    run(asyncio.new_event_loop, work)


# --- what the application answers ---


@asynccontextmanager
async def an_application(folder: Path, **settings: Any) -> AsyncIterator[Application]:
    store = await open_store(str(folder / "store.db"), create=True)
    try:
        yield application_of(Service(store, Settings(profile=OPEN, **settings)), Metrics())
    finally:
        await store.close()


def a_scope(method: str, path: str, query: bytes = b"") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(b"origin", b"https://app.example")],
        "http_version": "1.1",
    }


def test_each_endpoint_refuses_as_it_refuses_when_its_store_is_busy(tmp_path: Path) -> None:
    seen: list[Exchange] = []

    async def work() -> None:
        async with an_application(tmp_path, cors_origins=("https://app.example",)) as application:
            application.observe(seen.append)
            for endpoint in ENDPOINTS:
                answer = application.overloaded(a_scope(endpoint.method, endpoint.path))
                assert answer is not None, endpoint.name
                headers, body = dict(answer[0]), answer[1]
                assert headers[b"retry-after"] == b"1"
                assert headers[b"content-length"] == b"%d" % len(body)
                assert headers[b"content-type"].startswith(b"application/json")
                assert headers[b"access-control-allow-origin"] == b"https://app.example"
                decoded = json.loads(body)
                assert decoded["code"] == -503, endpoint.name
                assert "too many requests at once" in decoded["reason"]
            assert [one.name for one in seen] == [one.name for one in ENDPOINTS]
            assert {(one.code, one.status) for one in seen} == {(-503, 503)}

    asyncio.run(work())


def test_probes_pages_and_what_has_no_endpoint_are_answered(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_application(tmp_path) as application:
            for method, path in (
                ("GET", "/livez"),
                ("GET", "/readyz"),
                ("GET", "/none"),
                ("POST", "/livez"),
                ("OPTIONS", e.MODIFY.path),
            ):
                assert application.overloaded(a_scope(method, path)) is None, path

    asyncio.run(work())


def test_a_refused_head_has_no_body(tmp_path: Path) -> None:
    async def work() -> None:
        async with an_application(tmp_path) as application:
            whole = application.overloaded(a_scope("GET", e.STAT.path))
            head = application.overloaded(a_scope("HEAD", e.STAT.path))
            assert whole is not None
            assert head is not None
            assert head == (whole[0], b"")

    asyncio.run(work())
