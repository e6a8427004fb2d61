"""The pace of an account at a host, over clients, event loops, threads and processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from guanxi import Client, Credential, Pace, SyncClient, sync, user
from guanxi.sdk.settings import request_settings
from guanxi.sdk.turns import POLL, Turn
from tests.sdk.recorder import (
    SIGNED_IN,
    Answer,
    FakeSyncClock,
    Kind,
    Received,
    Recorder,
    SyncScript,
    envelope,
    recording,
)

BUSY = Answer(envelope(None, -799, "请求过于频繁"))


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


# --- Within a process ---


def test_ten_clients_in_a_row_pause_as_one(kind: Kind) -> None:
    transport = kind.script(kind.clock())
    for _ in range(10):
        kind.do(lambda c: c.call("relation.groups"), transport=transport, clock=transport.clock)
    assert min(gaps(transport.times)) >= 1


def test_a_write_of_another_client_waits_longer(kind: Kind) -> None:
    transport = kind.script(kind.clock())
    settings: dict[str, Any] = {"transport": transport, "clock": transport.clock}
    for _ in range(5):
        kind.do(lambda c: c.call("relation.groups"), **settings)
        kind.do(lambda c: c.call("relation.modify"), **settings)
    assert min(gaps(transport.times)[::2]) >= 2


@pytest.mark.parametrize(
    "other",
    [
        {"credential": Credential("another", "jct")},
        {"base_url": "https://example.org"},
    ],
)
def test_another_account_or_host_does_not_wait(kind: Kind, other: dict[str, Any]) -> None:
    transport = kind.script(kind.clock())
    settings: dict[str, Any] = {"transport": transport, "clock": transport.clock}
    kind.do(lambda c: c.call("relation.groups"), **settings)
    kind.do(lambda c: c.call("relation.groups"), **settings, **other)
    assert gaps(transport.times) == [0.0]


@pytest.mark.parametrize("base_url", ["https://app.biliapi.net", "https://API.bilibili.com."])
def test_the_documents_hosts_and_a_renewed_session_are_one(kind: Kind, base_url: str) -> None:
    transport = kind.script(kind.clock())
    settings: dict[str, Any] = {"transport": transport, "clock": transport.clock}
    for session, base in (("old", ""), ("new", base_url)):
        account = Credential(session, dedeuserid="42")
        kind.do(lambda c: c.call("relation.groups"), credential=account, base_url=base, **settings)
    assert min(gaps(transport.times)) >= 1


def test_all_clients_of_an_account_wait_for_a_busy_server(kind: Kind) -> None:
    transport = kind.script(kind.clock(), BUSY, Answer(envelope("data")))
    settings: dict[str, Any] = {"transport": transport, "clock": transport.clock}
    postponed: list[float] = []

    class Other(Exception):
        pass

    # The first client gives up within its wait, so that only the turn can hold up the second.
    sleep = transport.clock.sleep

    def stop(seconds: float) -> Any:
        if seconds >= 5:
            postponed.append(transport.clock.now + seconds)
            raise Other
        return sleep(seconds)

    transport.clock.sleep = stop
    with pytest.raises(Other):
        kind.do(lambda c: c.call("relation.groups"), **settings)
    transport.clock.sleep = sleep
    assert kind.do(lambda c: c.call("relation.groups"), **settings) == "data"
    assert transport.times[1] >= postponed[0]


class SharedClock(FakeSyncClock):
    """A fake clock for several threads."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self.lock:
            super().sleep(seconds)
        time.sleep(0)


def test_eight_threads_pause_as_one() -> None:
    clock = SharedClock()
    transport = SyncScript(clock)  # which fails on two requests at the same time

    def use(_: int) -> None:
        with SyncClient(transport=transport, clock=clock, credential=SIGNED_IN) as client:
            client.call("relation.groups")
            client.call("relation.groups")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert len(transport.times) == 16
    assert min(gaps(transport.times)) >= 1 - 1e-6


# --- Real clocks ---

PAUSE = 0.05


class Arrivals:
    """A handler that records when each request arrives, and when its response is sent."""

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []

    def __call__(self, request: Received) -> Answer:
        self.begins.append(time.monotonic())
        time.sleep(0.005)
        self.ends.append(time.monotonic())
        return Answer(envelope([]))

    def shortest(self) -> float:
        """Return the shortest time between a response and the request after it."""
        return min(begin - end for begin, end in zip(self.begins[1:], self.ends, strict=False))


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


@pytest.fixture
def foreign(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Yield a server that answers for far.test, which is no own host; pauses are 0.05 s."""
    monkeypatch.setattr(Pace, "pause", lambda self, writes: PAUSE)
    monkeypatch.setenv("GUANXI_BASE_URL", "http://far.test")
    with recording(arrivals) as server:
        monkeypatch.setitem(request_settings._values, "proxy", server.url)
        yield server


def test_calls_of_sync_in_a_row_pause(foreign: Recorder, arrivals: Arrivals) -> None:
    for _ in range(10):
        assert sync(user.get_self_special_followings(SIGNED_IN)) == []
    assert len(arrivals.begins) == 10
    assert arrivals.shortest() >= PAUSE


def test_two_event_loops_and_threads_pause_as_one(foreign: Recorder, arrivals: Arrivals) -> None:
    async def use() -> None:
        async with Client(proxy=foreign.url, credential=SIGNED_IN) as client:
            await asyncio.gather(*(client.call("relation.groups") for _ in range(2)))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: asyncio.run(use()), range(3)))
    asyncio.run(use())
    assert len(arrivals.begins) == 8
    assert arrivals.shortest() >= PAUSE


PROCESS = """
import sys
from guanxi import Credential, Pace, SyncClient
Pace.pause = lambda self, writes: 0.05
account = Credential("sess-secret", "jct-secret")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    with SyncClient(base_url="http://far.test", proxy=sys.argv[1], credential=account) as client:
        client.call("relation.groups")
"""


@pytest.mark.parametrize("state", ["shared", os.devnull])
def test_processes_of_one_user_pause_as_one(arrivals: Arrivals, tmp_path: Path, state: str) -> None:
    folder = tmp_path / state if state == "shared" else Path(state)
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"XDG_STATE_HOME": str(folder), "PYTHONPATH": paths}
    with recording(arrivals) as server:
        processes = [
            subprocess.Popen(
                [sys.executable, "-W", "error", "-c", PROCESS, server.url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
            )
            for _ in range(3 if state == "shared" else 1)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert len(arrivals.begins) == 3 * len(processes)
    assert arrivals.shortest() >= PAUSE
    if state == "shared":
        (file,) = (folder / "guanxi" / "pace").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        assert "secret" not in file.name + file.read_text()


# --- The file ---


def test_a_turn_is_shared_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "guanxi" / "pace" / "turn"
    first, second = Turn(path), Turn(path)
    assert first.take(100.0, 2.0) == 0.0
    assert second.take(100.0, 2.0) == POLL
    assert first.take(100.0, 2.0) == POLL
    first.finish(101.0)
    assert second.take(101.5, 2.0) == 1.5
    assert first.take(101.5, 5.0) == 4.5
    assert second.take(103.0, 2.0) == 0.0
    second.finish(103.0)
    first.postpone(120.0)
    assert second.take(110.0, 2.0) == 10.0
    assert second.take(120.0, 2.0) == 0.0


def test_a_turn_that_another_process_has_is_postponed_for_all(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    sending, busy, third = Turn(path), Turn(path), Turn(path)
    assert sending.take(100.0, 2.0) == 0.0
    busy.postpone(120.0)
    assert third.take(101.0, 2.0) == POLL
    sending.finish(101.0)
    assert third.take(110.0, 2.0) == 10.0
    assert sending.take(110.0, 2.0) == 10.0
    assert third.take(120.0, 2.0) == 0.0
    left = tmp_path / "turn.free"
    assert (left.read_text(), left.stat().st_mode & 0o777) == ("120.0\n", 0o600)


@pytest.mark.parametrize("left", [b"", b"x", b"nan", b"5000.0\n", b"\xff" * 1000])
def test_a_damaged_word_is_ignored(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "turn.free").write_bytes(left)
    assert Turn(tmp_path / "turn").take(100.0, 2.0) == 0.0


@pytest.mark.parametrize(
    "content", [b"", b"x", b"nan", b"1 2 3", b"5000.0 5000.0\n", b"\xff" * 1000]
)
def test_a_damaged_file_or_one_of_before_a_restart_is_ignored(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "turn"
    path.write_bytes(content)
    turn = Turn(path)
    assert turn.take(100.0, 2.0) == 0.0
    turn.finish(101.0)
    assert path.read_text() == "101.0 -inf\n"


def test_a_file_that_cannot_be_opened_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for path in (folder, link, Path(os.devnull) / "x"):
        turn = Turn(path)
        assert turn.take(100.0, 2.0) == 0.0
        turn.finish(100.0)
        assert turn.take(101.0, 2.0) == 1.0
    assert not (tmp_path / "target").exists()


def test_a_process_that_is_killed_gives_its_turn_back(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    source = (
        "import os, sys; from pathlib import Path; from guanxi.sdk.turns import Turn\n"
        "assert Turn(Path(sys.argv[1])).take(100.0, 2.0) == 0.0; os.kill(os.getpid(), 9)"
    )
    paths = os.pathsep.join(one for one in sys.path if one)
    done = subprocess.run(
        [sys.executable, "-c", source, str(path)],
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == -9
    assert Turn(path).take(100.0, 2.0) == 0.0
