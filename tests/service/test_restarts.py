"""Workers that are replaced one by one (SIGHUP), under load, without a request that fails.

A request fails if its connection is refused, or closed before its whole response: the clients here
repeat nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.service import pool, rates
from guanxi.service.config import Settings
from guanxi.service.listening import bind
from guanxi.service.metrics import shared
from guanxi.service.pool import Pool, ServiceError, WorkerPlan
from guanxi.stores.port import Store
from tests.cli.runner import COMMAND, ENGLISH, with_store
from tests.counts import count
from tests.service.client import send
from tests.service.test_workers import until, workers_of

_PATH = f"{e.STAT.path}?vmid=1"


class Service:
    """``guanxi serve`` in a process, with its log lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.urls: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        until(lambda: len(self.urls) >= 2 or process.poll() is not None)
        assert process.poll() is None, self.lines
        self.url = self.urls[0]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            words = line.split()
            self.urls += [word for word in words if word.startswith(("http://", "unix:"))]

    def logged(self, event: str) -> int:
        """Return how many log lines there are of an event."""
        return sum(f'"event":"{event}"' in line for line in self.lines)

    def restart(self) -> None:
        """Replace the workers, and wait until all are."""
        before, done = workers_of(self.process.pid), self.logged("workers replaced")
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.logged("workers replaced") > done, 60)
        after = workers_of(self.process.pid)
        assert not before & after
        assert len(before) == len(after)


@contextmanager
def serving(folder: Path, *options: str, stdin: int = subprocess.DEVNULL) -> Iterator[Service]:
    """Run ``guanxi serve`` with two workers and an address for metrics."""
    argv = ["serve", "--store", str(folder / "s.db"), "--port", "0", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv, *options],
        stdin=stdin,
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    ) as process:
        try:
            yield Service(process)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


class Client(threading.Thread):
    """Sends requests until it is stopped; ``reuses`` a connection as long as the service lets it.

    It waits ``pause`` seconds between two.
    """

    def __init__(self, url: str, *, reuses: bool, pause: float) -> None:
        super().__init__(daemon=True)
        self._url, self._reuses, self._pause = url, reuses, pause
        self.stopped = threading.Event()
        self.answered = self.closed = 0
        self.failures: list[str] = []

    def run(self) -> None:
        where = urlsplit(self._url)
        assert where.hostname is not None
        connection = HTTPConnection(where.hostname, where.port, timeout=30)
        while not self.stopped.is_set():
            try:
                connection.request("GET", _PATH)
                response = connection.getresponse()
                body = json.loads(response.read())
            except Exception as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if response.status != 200 or body["code"]:
                self.failures.append(f"{response.status} {body}")
            self.answered += 1
            if response.getheader("connection") == "close":
                self.closed += 1
            if not self._reuses:
                connection.close()
            self.stopped.wait(self._pause)
        connection.close()


@pytest.mark.long
def test_no_request_fails_while_workers_are_replaced(tmp_path: Path) -> None:
    restarts = count(short=2, long=20)
    with serving(tmp_path, "--metrics", "127.0.0.1:0") as service:
        clients = [
            *(Client(service.url, reuses=True, pause=0.005) for _ in range(2)),
            *(Client(service.url, reuses=False, pause=0.005) for _ in range(2)),
            Client(service.url, reuses=True, pause=0.4),
        ]
        for client in clients:
            client.start()
        for _ in range(restarts):
            service.restart()
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join(30)
        assert [client.failures for client in clients] == [[]] * len(clients)
        assert all(client.answered > restarts for client in clients)
        kept = [client for client in clients if client._reuses]
        assert sum(client.closed for client in kept) >= restarts, "no worker had a connection"
        answered = sum(client.answered for client in clients)
        text = send(service.urls[-1].removesuffix("/metrics"), "GET", "/metrics").raw.decode()
        assert f'code="0",endpoint="{e.STAT.name}"}} {answered}.0' in text, "all are counted"
        assert service.logged("worker ended") == 0


def request(connection: socket.socket, *, first: bool = True) -> None:
    """Send a request, or only the second part of its head."""
    head = f"GET {_PATH} HTTP/1.1\r\nHost: a.example\r\n"
    connection.sendall((head * first + "\r\n").encode())


def response(connection: socket.socket) -> tuple[int, bool]:
    """Return the status of the next response, and whether it closes the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    head = received.decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    while length:
        length -= len(connection.recv(length))
    return int(head.split()[1]), "connection: close" in head


@pytest.mark.long
def test_a_replaced_worker_answers_the_connections_that_it_has(tmp_path: Path) -> None:
    """One without a request, one with a part of one, and one that is kept after a response."""
    with serving(tmp_path, "--metrics", "127.0.0.1:0") as service, ExitStack() as stack:
        where = urlsplit(service.url)
        address = where.hostname, where.port
        idle, partial, kept = (
            [stack.enter_context(socket.create_connection(address, 30)) for _ in range(4)]
            for _ in range(3)
        )
        for connection in partial:
            connection.sendall(f"GET {_PATH} HTTP/1.1\r\nHost: a.example\r\n".encode())
        for connection in kept:
            request(connection)
            assert response(connection) == (200, False)
        service.process.send_signal(signal.SIGHUP)
        until(lambda: len(workers_of(service.process.pid)) == 3)
        first = set(partial)
        waiting = {*idle, *partial, *kept}
        while waiting:  # until each has met a worker that is replaced
            for connection in list(waiting):
                request(connection, first=connection not in first)
                first.discard(connection)
                status, closes = response(connection)
                assert status == 200
                if closes:
                    waiting.remove(connection)
                    assert connection.recv(1) == b""
            time.sleep(0.02)
        until(lambda: service.logged("workers replaced") == 1)


@pytest.mark.long
def test_a_connection_without_a_request_is_closed_in_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics", "127.0.0.1:0") as service:
        where = urlsplit(service.url)
        with socket.create_connection((where.hostname, where.port), 60) as connection:
            service.restart()
            assert connection.recv(1) == b""


@pytest.mark.long
def test_the_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text('metrics = "127.0.0.1:0"\nallowed_hosts = ["old.example"]\n')

    def status(host: str) -> int:
        return send(service.url, "GET", _PATH, headers={"Host": host}).status

    with serving(tmp_path, "--config", str(file)) as service:
        assert (status("old.example"), status("new.example")) == (200, 421)
        file.write_text('allowed_hosts = ["new.example"]\n')
        service.restart()
        assert {status("old.example") for _ in range(8)} == {421}
        assert {status("new.example") for _ in range(8)} == {200}
        file.write_text('\nalowed_hosts = ["other.example"]\n')
        workers = workers_of(service.process.pid)
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.logged("workers not replaced"))
        assert workers_of(service.process.pid) == workers
        [line] = [json.loads(one) for one in service.lines if "not replaced" in one]
        assert line["reason"] == (
            f"bad setting alowed_hosts: unknown; did you mean allowed_hosts? ({file} line 2)"
        )
        assert status("new.example") == 200


@pytest.mark.long
def test_a_stop_while_workers_are_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--metrics", "127.0.0.1:0") as service:
        before = workers_of(service.process.pid)
        service.process.send_signal(signal.SIGHUP)
        until(lambda: workers_of(service.process.pid) - before)
        service.process.terminate()
        assert service.process.wait(20) == 0
        assert service.logged("worker ended") == 0


@asynccontextmanager
async def one_worker(store: str) -> AsyncIterator[Pool]:
    with (
        shared(2) as (metrics, _),
        rates.shared() as counted,
        bind("127.0.0.1", 0) as listener,
    ):
        workers = Pool(WorkerPlan(store, Settings(), listener.fileno(), metrics, counted))
        await workers.start(1)
        yield workers
        await workers.stop()
    assert workers_of(os.getpid()) == set()


def test_workers_go_on_if_no_other_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = str(tmp_path / "s.db")
    with_store(store, _nothing)

    async def replace() -> None:
        async with one_worker(store) as workers:
            before = workers_of(os.getpid())
            monkeypatch.setattr(sys, "executable", "/bin/false")
            with pytest.raises(ServiceError):
                await workers.replace(Settings())
            assert workers_of(os.getpid()) == before

    asyncio.run(replace())


def test_a_replaced_worker_that_hangs_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = str(tmp_path / "s.db")
    with_store(store, _nothing)
    monkeypatch.setattr(pool, "DRAIN_SECONDS", 0.1)
    monkeypatch.setattr(pool, "_STOP_SECONDS", 0.1)

    async def replace() -> None:
        async with one_worker(store) as workers:
            (old,) = workers_of(os.getpid())
            os.kill(old, signal.SIGSTOP)
            await workers.replace(Settings())
            (new,) = workers_of(os.getpid())
            assert new != old
            monkeypatch.undo()  # the new one may take its time

    asyncio.run(replace())


async def _nothing(_: Store) -> None:
    pass


def test_one_process_says_that_it_cannot_be_replaced(tmp_path: Path) -> None:
    options = ("--workers", "1", "--metrics", "127.0.0.1:0")
    with serving(tmp_path, *options) as service:
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.logged("workers not replaced"))
        assert send(service.url, "GET", _PATH).status == 200


@pytest.mark.long
def test_a_closed_terminal_ends_the_service(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        with serving(tmp_path, "--metrics", "127.0.0.1:0", stdin=theirs) as service:
            service.process.send_signal(signal.SIGHUP)
            assert service.process.wait(20) == 0
    finally:
        os.close(ours)
        os.close(theirs)


#: Runs the service with a descriptor as systemd passes a socket.
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
from guanxi.cli import main
main()
"""


def activated(folder: Path, listener: socket.socket, name: str) -> subprocess.Popen[str]:
    argv = ["serve", "--store", str(folder / "s.db"), "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", _ACTIVATE, str(listener.fileno()), *argv],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | ENGLISH | {"NOTIFY_SOCKET": f"@{name}"},
        pass_fds=[listener.fileno()],
        text=True,
    )


@pytest.mark.long
def test_clients_of_a_socket_of_systemd_wait_for_the_next_process(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        for _ in range(2):
            with (
                socket.create_connection(address, 60) as client,  # before the process runs
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
            ):
                request(client)
                notified.settimeout(60)
                notified.bind("\0" + (name := secrets.token_hex()))
                with activated(tmp_path, listener, name) as process:
                    try:
                        assert response(client)[0] == 200
                        assert notified.recv(64) == b"READY=1"
                    finally:
                        process.terminate()
                        process.wait(20)
                assert process.returncode == 0


@pytest.mark.long
def test_a_unix_socket_has_clients_and_is_left_by_none(tmp_path: Path) -> None:
    path = tmp_path / "guanxi.sock"
    options = ("--host", f"unix:{path}", "--metrics", "127.0.0.1:0", "--workers", "1")
    for _ in range(2):  # the second process replaces the socket of the first, which was killed
        with serving(tmp_path, *options) as service:
            assert service.url == f"unix:{path}"
            assert path.stat().st_mode & 0o777 == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(30)
                client.connect(str(path))
                request(client)
                assert response(client)[0] == 200
            other = subprocess.run(
                [sys.executable, "-c", COMMAND, "serve", "--host", f"unix:{path}"],
                env=os.environ | ENGLISH,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert f"unix:{path} is in use" in other.stderr
            os.kill(service.process.pid, signal.SIGKILL)
            service.process.wait()
