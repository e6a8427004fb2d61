"""Workers that are replaced one by one (SIGHUP), under load, without a request that fails.

A request fails if its connection is refused, or closed before its whole response: the clients here
repeat nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from guanxi.contract import endpoints as e
from tests.cli.runner import COMMAND, ENGLISH
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

    It waits ``pause`` seconds between two, and writes them in two parts if ``in_parts``.
    """

    def __init__(self, url: str, *, reuses: bool, pause: float = 0.0) -> None:
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
            if self._pause:
                self.stopped.wait(self._pause)
        connection.close()


def test_no_request_fails_while_workers_are_replaced(tmp_path: Path) -> None:
    restarts = count(short=3, long=20)
    with serving(tmp_path, "--metrics", "127.0.0.1:0") as service:
        clients = [
            *(Client(service.url, reuses=True) for _ in range(3)),
            *(Client(service.url, reuses=False) for _ in range(3)),
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
