"""Commands whose PostgreSQL is locked, silent or lost."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory
from threading import Event, Thread
from urllib.parse import quote

import asyncpg
import pytest

from guanxi import Credential, SyncClient
from guanxi.contract.errors import ApiException
from guanxi.stores.postgresql import PostgreSQLStore
from guanxi.stores.postgresql.connections import Connection
from tests import postgres
from tests.cli.runner import in_a_process, output_of, with_store
from tests.cli.test_stores import MIDS, serving, sign_in_all, stored_edges

SOCKET = ".s.PGSQL.5432"


class Proxy:
    """A Unix socket in front of a server's, which can stop carrying anything."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._server, self._open = server, Event()
        self._open.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen(64)
        self._sockets = [self._listener]
        self._threads: list[Thread] = []
        self._run(self._accept)

    def stall(self) -> None:
        self._open.clear()

    def close(self) -> None:
        self._open.set()
        for one in self._sockets:
            _shut(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _run(self, work: Callable[..., None], *args: object) -> None:
        self._threads.append(Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, server = self._listener.accept()[0], socket.socket(socket.AF_UNIX)
                self._sockets += client, server
                self._open.wait()
                server.connect(str(self._server / SOCKET))
                self._run(self._carry, client, server)
                self._run(self._carry, server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._open.wait()
                target.sendall(data)
        _shut(source)
        _shut(target)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):  # it is already
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def _held(address: str, mode: str) -> Iterator[None]:
    """Hold the lock of two tables in another session."""
    with ThreadPoolExecutor(1) as thread:
        runner = thread.submit(asyncio.Runner).result()

        async def lock() -> asyncpg.Connection[asyncpg.Record]:
            connection = await asyncpg.connect(address)
            await connection.execute(f"BEGIN; LOCK TABLE relation, tally IN {mode} MODE")
            return connection

        connection = thread.submit(runner.run, lock()).result()
        try:
            yield
        finally:
            thread.submit(runner.run, connection.close()).result()
            thread.submit(runner.close).result()


@pytest.mark.parametrize("how", ["locked", pytest.param("stalled", marks=pytest.mark.long)])
def test_a_signal_stops_a_service_whose_server_holds_it_up(address: str, how: str) -> None:
    sessions = with_store(address, sign_in_all)
    server = postgres.own_server()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        proxy = Proxy(folder, server.folder)
        stack.callback(proxy.close)
        behind = address.replace(quote(str(server.folder), safe=""), quote(str(folder), safe=""))
        assert behind != address
        process, url = stack.enter_context(serving(behind, 1))

        def follow(mid: int, other: int) -> str:
            credential = Credential(sessions[mid].token, sessions[mid].bili_jct)
            try:
                with SyncClient(base_url=url, credential=credential, timeout=30) as client:
                    client.relation.modify(other, 1)
            except ApiException as error:
                return type(error).__name__
            return "followed"

        assert follow(1, 2) == "followed"  # the service has connections
        clients = stack.enter_context(ThreadPoolExecutor(len(MIDS)))
        if how == "locked":
            stack.enter_context(_held(address, "EXCLUSIVE"))
        else:
            proxy.stall()
        following = [clients.submit(follow, mid, 1) for mid in MIDS[1:]]
        time.sleep(0.5)  # so that they are in the queue
        assert not any(one.done() for one in following)
        process.send_signal(SIGTERM)
        # 0: it ended before the timer that ends it in any case.
        assert process.wait(30) == 0
        assert "followed" not in [one.result() for one in following]
    assert with_store(address, stored_edges) == {(1, 2)}


@pytest.mark.parametrize("command", ["check", "copy"])
def test_a_check_or_copy_that_loses_its_server_says_so(
    address: str, command: str, tmp_path: Path
) -> None:
    """The status differs from that of faults: nothing is known of the store."""
    output_of("store", "init", address)
    schema = address.rpartition("search_path=")[2]
    waiting = f"FROM pg_locks WHERE NOT granted AND relation = '{schema}.relation'::regclass"
    argv = {
        "check": ["check", "--store", address],
        "copy": ["store", "copy", address, str(tmp_path / "s.db")],
    }[command]
    with ThreadPoolExecutor(1) as thread, _held(address, "ACCESS EXCLUSIVE"):
        running = thread.submit(in_a_process, *argv)
        while not postgres.sql(f"SELECT count(*) {waiting}"):
            assert not running.done()
        postgres.sql(f"SELECT count(pg_terminate_backend(pid)) {waiting}")
        result = running.result()
    assert (result.returncode, result.stdout) == (3, "")
    assert "the server does not answer; the" in result.stderr
    assert "did not finish" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_cancelled_check_does_not_wait_for_a_silent_server(address: str) -> None:
    server = postgres.own_server()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        proxy = Proxy(folder, server.folder)
        stack.callback(proxy.close)
        behind = address.replace(quote(str(server.folder), safe=""), quote(str(folder), safe=""))

        async def cancelled() -> bool:
            store = await PostgreSQLStore.open(behind, create=True)
            begun = asyncio.Event()

            async def sleep(connection: Connection) -> AsyncIterator[None]:
                begun.set()
                await connection.execute("SELECT pg_sleep(600)")
                yield

            async def check() -> None:
                async for _ in store.stream(sleep):
                    pass

            checking = asyncio.create_task(check())
            await begun.wait()
            proxy.stall()
            checking.cancel()
            await asyncio.wait([checking], timeout=30)
            ended = checking.done()
            while not checking.done():
                checking.cancel()
                await asyncio.sleep(0.01)
            await store.close()
            return ended

        assert asyncio.run(cancelled())
