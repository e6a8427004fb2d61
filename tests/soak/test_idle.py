"""Idle connections: what they cost, that they end, and what happens when handles are used up."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path

import pytest

from guanxi.service import listening
from guanxi.service.answers import bad_request
from guanxi.service.exchange import Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.listening import Served, bind, serving
from tests.counts import count
from tests.service.test_accepting import LOOPS, NewLoop, connected, empty, response, run
from tools.soak.client import get
from tools.soak.idle import holding, most_handles
from tools.soak.service import Running
from tools.soak.service import serving as a_service
from tools.soak.watch import family, usage
from tools.soak.world import Model, fill

#: The most bytes of an idle connection, over all processes of the service.
_BYTES = 10 * 1024
_GET = get("/x/relation/stat", vmid=1)


def answered(service: Running) -> bytes:
    """Return the response to a request on a new connection."""
    with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
        connection.sendall(_GET)
        return connection.recv(65_536)


def used(service: Running) -> tuple[int, int]:
    """Return the bytes and the handles of a service's processes."""
    found = [usage(pid) for pid in family(service.pid)]
    return sum(one.anonymous for one in found), sum(one.handles for one in found)


def wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.long
def test_idle_connections_are_small_and_hold_up_nobody(tmp_path: Path) -> None:
    number = count(600, 10_000)
    store = str(tmp_path / "idle.db")
    asyncio.run(fill(store, Model(1, 10), 1_700_000_000))
    with a_service(store, tmp_path, "--workers", "2", handles=most_handles()) as service:
        with holding(service.port, 100):  # what the first ones load is no cost of a connection
            pass
        before, handles = used(service)
        with holding(service.port, number) as held:
            after, open_handles = used(service)
            assert open_handles >= handles + number - 100
            assert after - before <= number * _BYTES
            for _ in range(20):
                assert answered(service).startswith(b"HTTP/1.1 200")
            assert held.closed() == 0
        wait_until(lambda: used(service)[1] <= handles)


@LOOPS
def test_idle_connections_are_closed(new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_IDLE_SECONDS", 0.05)

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, connected(listener, 20) as clients:
            async with serving(Served(empty, listener, bad_request)):
                handles = len(os.listdir("/proc/self/fd"))
                for client in clients:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                for client in clients:
                    assert (await response(client)).startswith(b"HTTP/1.1 200")
                for client in clients:
                    assert await response(client) == b""
                async with asyncio.timeout(30):
                    while len(os.listdir("/proc/self/fd")) > handles:
                        await asyncio.sleep(0.01)

    run(new_loop, work)


class Kept:
    """What a request holds, such as its cookies."""


@LOOPS
def test_an_idle_connection_keeps_nothing_of_its_last_request(new_loop: NewLoop) -> None:
    """Neither the scope, with its cookies, nor what the application noted in the task's context."""
    noted: ContextVar[Kept] = ContextVar("noted")
    alive: list[weakref.ref[Kept]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            kept = Kept()
            alive.append(weakref.ref(kept))
            if len(alive) % 2:
                scope["kept"] = kept
            else:
                noted.set(kept)
        await empty(scope, receive, send)

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, connected(listener, 2) as clients:
            async with serving(Served(app, listener, bad_request)):
                for client in clients:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert (await response(client)).startswith(b"HTTP/1.1 200")
                await asyncio.sleep(0)
                gc.collect()
                assert len(alive) == 4
                assert [one() for one in alive] == [None] * 4

    run(new_loop, work)


def test_a_worker_without_handles_lets_clients_wait_and_works_on(tmp_path: Path) -> None:
    """Of 200 handles a process leaves 100 to connections; an administrator can still come in."""
    store = str(tmp_path / "few.db")
    asyncio.run(fill(store, Model(1, 10), 1_700_000_000))

    with a_service(store, tmp_path, handles=200) as service, ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 30))
            for _ in range(130)
        ]
        for client in clients:
            client.sendall(_GET)
        for client in clients[:100]:
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        for client in clients[100:]:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        assert usage(service.pid).handles < 200
        with socket.create_connection(("127.0.0.1", service.admin_port), 30) as administrator:
            administrator.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert administrator.recv(65_536).startswith(b"HTTP/1.1 ")
        for client in clients[:30]:
            client.close()
        for client in clients[100:]:
            client.settimeout(30)
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
