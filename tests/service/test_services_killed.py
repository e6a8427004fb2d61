"""A service whose worker, or supervisor, or both are killed under load."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from random import Random
from time import sleep
from urllib.parse import urlencode

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.graph.pair import Modify
from guanxi.stores import open_store
from guanxi.testing import SignedIn, running
from tests.service.client import send
from tests.service.test_restarts import Service, serving
from tests.service.test_workers import until, workers_of
from tests.stores.owners import OWNERS, TARGETS, Lists, State, next_act, state_of
from tests.stores.world import faults


def kill_worker(service: Service) -> None:
    """Kill one of two workers; the other one goes on, and a new one is started."""
    before = workers_of(service.process.pid)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(now := workers_of(service.process.pid)) == 2 and killed not in now, 60)
    assert service.logged("worker ended")


def kill_supervisor(service: Service) -> None:
    """Kill the parent; its workers answer what they have, and end."""
    workers = workers_of(service.process.pid)
    service.process.kill()
    service.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def kill_all(service: Service) -> None:
    """Kill the parent and its workers."""
    workers = workers_of(service.process.pid)
    for pid in (service.process.pid, *workers):
        os.kill(pid, signal.SIGKILL)
    service.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


#: How often the service is killed; ``make kills`` sets it.
TIMES = int(os.environ.get("GUANXI_TEST_KILLS", "9"))
KILLS: list[Callable[[Service], None]] = [kill_worker, kill_supervisor, kill_all]


class Client(threading.Thread):
    """An owner that follows, unfollows, blocks and unblocks, until a request has no response."""

    def __init__(self, url: str, session: SignedIn, before: Lists, draw: Random) -> None:
        super().__init__(daemon=True)
        self._url, self._session, self._draw = url, session, draw
        #: What the owner has if the last write was not done, and if it was.
        self.before = self.after = before
        self.answers = 0
        self.stopped = threading.Event()
        self.codes: set[int] = set()

    def run(self) -> None:
        while not self.stopped.is_set():
            act, after = next_act(self._session.mid, self.before, self._draw)
            if not isinstance(act, Modify):
                continue
            self.after = after
            try:
                code = self._write(act)
            except (OSError, HTTPException):
                return
            self.codes.add(code)
            if code == 0:
                self.before, self.answers = after, self.answers + 1
            elif code != errors.ServiceUnavailable.number:  # then nothing was done
                return
            self.after = self.before

    def _write(self, act: Modify) -> int:
        fields = {"fid": act.target, "act": int(act.act), "csrf": self._session.bili_jct}
        headers = {
            "Cookie": self._session.cookie,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(fields).encode()
        return send(self._url, "POST", e.MODIFY.path, body=body, headers=headers).code


@contextmanager
def load(url: str, sessions: list[SignedIn], state: State, draw: Random) -> Iterator[list[Client]]:
    """Let all owners write during the block."""
    clients = [
        Client(url, session, state[session.mid], Random(draw.random())) for session in sessions
    ]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.stopped.set()
    for client in clients:
        client.join(60)
        assert not client.is_alive(), "somebody waits for ever"


async def stored(path: Path) -> tuple[State, list[str]]:
    store = await open_store(str(path))
    try:
        return await state_of(store), await faults(store)
    finally:
        await store.close()


@pytest.mark.long
def test_no_kill_under_load_loses_an_answered_write(tmp_path: Path) -> None:
    path, draw, kills = tmp_path / "s.db", Random(19), (KILLS * TIMES)[:TIMES]
    with running(store=path) as first:
        first.add_accounts(*OWNERS, *TARGETS)
        sessions = [first.sign_in(owner) for owner in OWNERS]
    state, _ = asyncio.run(stored(path))
    answers = 0
    while kills:
        with serving(tmp_path, "--metrics", "127.0.0.1:0") as service:
            while kills and service.process.poll() is None:
                with load(service.url, sessions, state, draw) as clients:
                    sleep(draw.uniform(0.05, 0.4))
                    kills.pop(0)(service)
                found, wrong = asyncio.run(stored(path))
                assert wrong == []
                for client in clients:
                    owner = client._session.mid
                    assert found[owner] in (client.before, client.after)
                    assert client.codes <= {0, errors.ServiceUnavailable.number}
                    answers += client.answers
                state = found
    assert answers > len(sessions)
