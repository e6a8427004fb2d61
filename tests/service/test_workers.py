"""Processes: several workers over one store, those that die, and how a service ends."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apsw
import pytest

from guanxi.contract import endpoints as e
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.service import pool
from guanxi.service.config import Settings
from guanxi.service.pool import ServiceError, WorkerPlan
from guanxi.service.server import Plan, serve
from guanxi.stores.port import EdgeRow, Fault, Store
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.service.client import call, fresh, modify, send
from tests.service.logged import logged

ROOT = Path(__file__).parents[2]
#: A script that serves in a separate process and prints its URL as a JSON line.
_SERVE = """
import json, sys
from pathlib import Path
from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import Settings
from guanxi.service import pool, server
from guanxi.service.config import Settings
from guanxi.service.server import Plan, serve
def ready(service):
    print(json.dumps({"url": service.url}), flush=True)
settings = Settings(profile=DOCUMENTED)
sys.executable = sys.argv[3]
serve(Plan(sys.argv[1], settings, workers=int(sys.argv[2])), ready)
"""


def starting(store: Path, workers: int, python: str) -> subprocess.Popen[str]:
    """Start a service in a session of its own, whose workers are started by ``python``."""
    return subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(store), str(workers), python],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


@contextmanager
def served(store: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with starting(store, workers, sys.executable) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def workers_of(pid: int) -> set[int]:
    """Return the pids of a process's live workers."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread, or a worker, that ended meanwhile
            for child in (task / "children").read_text().split():
                if "guanxi.service.worker" in Path(f"/proc/{child}/cmdline").read_text():
                    found.add(int(child))
    return found


def until(true: Any, seconds: float = 30.0) -> None:
    """Wait until ``true()`` is true; raise AssertionError after ``seconds``."""
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("the condition did not become true in time")


def metrics(service: RunningService) -> dict[str, float]:
    bearer = {"Authorization": f"Bearer {service.admin_token}"}
    text = send(service.admin_url, "GET", "/metrics", headers=bearer).raw.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def _faults(store: Store) -> list[Fault]:
    return [fault async for fault in store.check()]


def test_metrics_are_summed_over_workers() -> None:
    with running(workers=2) as service:
        [caller] = fresh(service)
        for _ in range(100):
            assert call(service, e.FRIENDS, caller).code == 0
        samples = metrics(service)
        line = f'guanxi_requests_total{{code="0",endpoint="{e.FRIENDS.name}"}}'
        assert samples[line] == 100
        seconds = f'guanxi_request_seconds_count{{endpoint="{e.FRIENDS.name}"}}'
        assert samples[seconds] == 100
        assert not [name for name in samples if caller.sessdata in name or str(caller.mid) in name]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_page_lists_every_metric(workers: int) -> None:
    page = (ROOT / "docs" / "service.md").read_text("utf-8")
    listed = re.findall(r"^\| `(guanxi_\w+)` \| \S", page, re.M)
    with running(workers=workers) as service:
        bearer = {"Authorization": f"Bearer {service.admin_token}"}
        call(service, e.NAV)
        text = send(service.admin_url, "GET", "/metrics", headers=bearer).raw.decode()
    exposed = re.findall(r"^# TYPE (\w+)", text, re.M)
    # The client library adds the time at which each metric began.
    assert sorted(listed) == sorted(name for name in exposed if not name.endswith("_created"))


def test_a_killed_worker_is_restarted_and_its_counts_stay() -> None:
    with running(workers=2) as service:
        caller, other = fresh(service, 2)
        for _ in range(20):
            assert call(service, e.FRIENDS, caller).code == 0
        before = workers_of(os.getpid())
        assert len(before) == 2
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(workers_of(os.getpid())) == 2 and killed not in workers_of(os.getpid()))
        assert modify(service, caller, other.mid, 1).code == 0
        for _ in range(20):
            assert call(service, e.FRIENDS, caller).code == 0
        line = f'guanxi_requests_total{{code="0",endpoint="{e.FRIENDS.name}"}}'
        assert metrics(service)[line] == 40
    assert workers_of(os.getpid()) == set()


def test_a_removed_temporary_folder_breaks_neither_answers_nor_restarts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with served(tmp_path / "store.db", 2) as (process, url):
        shutil.rmtree(temporary)
        for killed in workers_of(process.pid):
            os.kill(killed, signal.SIGKILL)
            until(lambda: killed not in (now := workers_of(process.pid)) and len(now) == 2)  # noqa: B023 - called at once
        assert send(url, "GET", e.STAT.path, query={"vmid": "1"}).status == 200


#: Runs a command with a full TMPDIR: a file system of its own, with a page left, in which Python's
#: trial of the folder succeeds. Exits with 99 where an ordinary user may not mount one.
_FULL = """
mount -t tmpfs -o size=8k tmpfs "$TMPDIR" || exit 99
head -c 4096 /dev/zero > "$TMPDIR/full"
exec "$@"
"""


@contextmanager
def serving_with_metrics(
    folder: Path, *before: str
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run ``guanxi serve``, after ``before``; yield it, its URL and that of the metrics."""
    command = "import sys; from guanxi.cli import main; sys.exit(main())"
    argv = ["serve", "--port", "0", "--workers", "2", "--metrics", "127.0.0.1:0"]
    store = str(folder / "store.db")
    with subprocess.Popen(
        [*before, sys.executable, "-c", command, *argv, "--store", store],
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            printed = ""
            while "/metrics" not in printed and (line := process.stderr.readline()):
                printed += line
            if "/metrics" not in printed and process.wait(30) == 99:
                pytest.skip("this user may not mount a file system of its own")
            urls = re.findall(r"http://[\d.:]+", printed)
            assert len(urls) >= 2, printed
            yield process, urls[0], urls[-1]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "temporary",
    ["missing", *(pytest.param(one, marks=pytest.mark.long) for one in ("a file", "full"))],
)
def test_a_service_needs_no_temporary_folder(
    temporary: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "temporary"
    monkeypatch.setenv("TMPDIR", str(path))
    before: list[str] = []
    if temporary == "a file":
        path.touch()
    if temporary == "full":
        if shutil.which("unshare") is None:
            pytest.skip("unshare is not installed")
        path.mkdir()
        before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _FULL, "sh"]
    with serving_with_metrics(tmp_path, *before) as (process, url, metrics_url):
        for _ in range(2):  # before and after a restart of both workers
            for _ in range(20):
                assert send(url, "GET", e.STAT.path, query={"vmid": "1"}).status == 200
            for killed in workers_of(process.pid):
                os.kill(killed, signal.SIGKILL)
                until(lambda: killed not in (now := workers_of(process.pid)) and len(now) == 2)  # noqa: B023 - called at once
        text = send(metrics_url, "GET", "/metrics").raw.decode()
        assert f'endpoint="{e.STAT.name}"}} 40.0' in text


def test_a_worker_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ServiceError, match="did not start"), running(workers=2):
        raise AssertionError("it cannot run")


@pytest.mark.parametrize("program", ["/bin/false", "/there/is/no/python"])
def test_a_failed_restart_is_repeated(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_FIRST_PAUSE", 0.05)
    with running(workers=2) as service, logged() as lines:
        python = sys.executable
        monkeypatch.setattr(sys, "executable", program)
        os.kill(min(workers_of(os.getpid())), signal.SIGKILL)
        until(lambda: lines.getvalue().count("worker not started") >= 2)
        assert call(service, e.NAV).code == -101, "the other one answers"
        monkeypatch.setattr(sys, "executable", python)
        until(lambda: len(workers_of(os.getpid())) == 2)


@pytest.fixture
def hanging(tmp_path: Path) -> str:
    """A program that never becomes ready, in place of a worker."""
    program = tmp_path / "hanging"
    program.write_text("#!/bin/sh\nread plan\nread never\n")
    program.chmod(0o700)
    return str(program)


@pytest.mark.parametrize("real", [True, False])
def test_ctrl_c_while_workers_start(tmp_path: Path, hanging: str, *, real: bool) -> None:
    """As in a terminal, the signal reaches the whole process group."""
    python = sys.executable if real else hanging
    with starting(tmp_path / "store.db", 3, python) as process:
        until(lambda: process.poll() is not None or len(workers_of(process.pid)) == 3)
        workers = workers_of(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        try:
            printed, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, printed, errors) == (0, "", "")
    # A worker that was killed is there until init has read its status.
    until(lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])


def test_no_start_goes_on_after_one_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "first-fails"
    program.write_text('#!/bin/sh\nmkdir "$0.first" && exit 1\nread plan\nread never\n')
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))

    async def start() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            # The program never uses its shared memory: any descriptor will do.
            descriptor = listener.fileno()
            plan = WorkerPlan(str(tmp_path / "s.db"), Settings(), *[descriptor] * 3)
            started = pool.Pool(plan)
            with pytest.raises(ServiceError):
                await started.start(3)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            await started.stop()
        assert workers_of(os.getpid()) == set()

    asyncio.run(start())


def test_a_worker_that_hangs_at_its_start_is_ended(
    monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    monkeypatch.setattr(pool, "_FIRST_PAUSE", 0.05)
    with running(workers=2) as service, logged() as lines:
        python = sys.executable
        monkeypatch.setattr(sys, "executable", hanging)
        monkeypatch.setattr(pool, "_START_SECONDS", 0.2)
        os.kill(min(workers_of(os.getpid())), signal.SIGKILL)
        until(lambda: lines.getvalue().count("worker not started") >= 3)
        assert len(workers_of(os.getpid())) <= 2, "the other one, and one that starts"
        assert call(service, e.NAV).code == -101
        monkeypatch.setattr(pool, "_START_SECONDS", 30)
        monkeypatch.setattr(sys, "executable", python)
        until(lambda: len(workers_of(os.getpid())) == 2)


def test_a_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_STOP_SECONDS", 0.2)
    with running(workers=2) as service:
        os.kill(min(workers_of(os.getpid())), signal.SIGSTOP)
        assert service.base_url
    assert workers_of(os.getpid()) == set()


def test_an_address_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan = Plan(str(tmp_path / "store.db"), port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            serve(plan, lambda _: None)
    assert not Path(plan.store).exists(), "addresses come first"


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_a_service_stops_in_order(workers: int, number: signal.Signals, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    caller, others = _prepared(store)
    with served(store, workers) as (process, url):
        for other in others:
            for _ in range(other):
                fields = {"mid": other}
                headers = {"Cookie": caller.cookie}
                answer = send(url, "GET", e.LEGACY_MUTUAL.path, query=fields, headers=headers)
                assert answer.code == 0
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    with running(store=store) as again:
        params = {"vmid": caller.mid, "order_type": "attention"}
        listed = call(again, e.FOLLOWINGS, caller, params).data["list"]
        assert [item["mid"] for item in listed] == sorted(others, reverse=True), "visits are kept"


#: A script that serves while its disk hangs in a thread, which nothing can cancel.
_HANGING = """
import asyncio, sys, time
from guanxi.service import pool, server
from guanxi.service.config import Settings
def ready(service):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)
    print("ready", flush=True)
server._END_SECONDS = 0.5
server.serve(server.Plan(sys.argv[1], workers=int(sys.argv[2])), ready)
"""


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_signal_is_obeyed_while_a_thread_hangs(workers: int, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", _HANGING, str(tmp_path / "s.db"), str(workers)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            started = workers_of(process.pid)
            process.terminate()
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, json.loads(errors)["event"]) == (1, "not stopped in time")
    until(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()])


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_signal_is_obeyed_while_the_store_is_locked(workers: int, tmp_path: Path) -> None:
    """Another program holds the write lock; a follow, visits and a slow reader are pending."""
    store = tmp_path / "store.db"
    caller, others = _prepared(store)
    with served(store, workers) as (process, url), ExitStack() as stack:
        headers = {"Cookie": caller.cookie}
        fields = {"mid": others[0]}
        assert send(url, "GET", e.LEGACY_MUTUAL.path, query=fields, headers=headers).code == 0
        lock = stack.enter_context(closing(apsw.Connection(str(store))))
        lock.execute("BEGIN IMMEDIATE")
        address = (urlsplit(url).hostname, urlsplit(url).port)
        form = f"fid=77&act=1&re_src=11&csrf={caller.bili_jct}"
        follow = (
            f"POST {e.MODIFY.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {caller.cookie}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
            f"\r\n{form}"
        )
        for sent in (follow, "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50):
            stack.enter_context(socket.create_connection(address)).sendall(sent.encode())
        time.sleep(0.2)  # for the follow to arrive
        started = workers_of(process.pid)
        process.terminate()
        _, errors = process.communicate(timeout=30)
        # It ended before the timer that ends it in any case.
        assert (process.returncode, "not stopped" in errors) == (0, False)
        assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def _prepared(path: Path) -> tuple[SignedIn, list[int]]:
    """A store with somebody who follows three, oldest the last."""
    with running(store=path) as service:
        others = [2, 4, 3]
        service.import_edges(
            [
                EdgeRow(follower=1, followed=mid, time=1_600_000_000 + place)
                for place, mid in enumerate(others)
            ]
        )
        return service.sign_in(1), others


def test_workers_stop_with_their_parent(tmp_path: Path) -> None:
    with served(tmp_path / "store.db", 2) as (process, _):
        workers = workers_of(process.pid)
        assert len(workers) == 2
        process.kill()
        process.wait(30)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


# --- many clients at once ---

_CLIENTS, _ACCOUNTS = 32, 20
#: How much each client does: some seconds of it.
_ACTS = count(40, 1_500)


class _Client:
    """Acts at random, and remembers what was answered and nobody else could undo."""

    def __init__(self, service: RunningService, number: int, accounts: list[SignedIn]) -> None:
        self.service, self.accounts = service, accounts
        self.me = accounts[number % len(accounts)]
        self.random = random.Random(number)
        #: Accounts that this client alone acts on, and groups that it alone makes.
        self.own = [2_000_000 + 1_000 * number + place for place in range(50)]
        self.followed: set[int] = set()
        self.groups: set[str] = set()
        self.prefix = f"{number}-"
        self.codes: set[int] = set()

    def run(self) -> None:
        for _ in range(_ACTS):
            self.random.choice([self._own, self._own, self._others, self._group])()

    def _own(self) -> None:
        mid = self.random.choice(self.own)
        act = 2 if mid in self.followed else 1
        assert modify(self.service, self.me, mid, act).code == 0
        self.followed ^= {mid}

    def _others(self) -> None:
        other = self.random.choice(self.accounts)
        act = self.random.choice([1, 1, 1, 2, 5, 6, 7])
        self.codes.add(modify(self.service, self.me, other.mid, act).code)

    def _group(self) -> None:
        name = f"{self.prefix}{len(self.groups)}"
        if len(self.groups) < 5:
            assert call(self.service, e.CREATE_GROUP, self.me, {"tag": name}).code == 0
            self.groups.add(name)


@pytest.mark.long
def test_many_clients_at_once() -> None:
    """No answered change is lost, nothing hangs, every invariant holds, and waits are bounded."""
    with running(workers=2) as service:
        accounts = fresh(service, _ACCOUNTS)
        clients = [_Client(service, number, accounts) for number in range(_CLIENTS)]
        service.add_accounts(*(mid for client in clients for mid in client.own))
        failures: list[BaseException] = []

        def work(client: _Client) -> None:
            try:
                client.run()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        assert not [thread for thread in threads if thread.is_alive()], "somebody waits for ever"
        assert failures == []
        assert set.union(*(client.codes for client in clients)) <= {
            *(0, 22001, 22002, 22003, 22014, 22120),
        }
        for client in clients:
            following = service.do(lambda store: _followings_of(store, client.me.mid))  # noqa: B023 - run at once
            assert following & set(client.own) == client.followed
            named = {group["name"] for group in call(service, e.GROUPS, client.me).data}
            assert {name for name in named if name.startswith(client.prefix)} == client.groups
        assert service.do(_faults) == []
        samples = metrics(service)
        assert samples["guanxi_write_wait_seconds_count"] > 0
        assert 0 < samples["guanxi_write_wait_longest_seconds"] < 5, "the bound of the store"


async def _followings_of(store: Store, owner: int) -> set[int]:
    everything = Window(0, 2**31 - 1)
    found = await store.page(Listing.FOLLOWINGS, owner, Sort.NEWEST, everything)
    return {row.mid for row in found.rows}
