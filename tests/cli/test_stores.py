"""Tests of the commands on SQLite and PostgreSQL: init, migrate, copy, and a service killed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from guanxi import Credential, SyncClient
from guanxi.accounts.account import Card
from guanxi.accounts.secrets import TokenKind, new_token, session_digest
from guanxi.cli.store.commands import PARTS, Lines
from guanxi.contract.errors import ApiException
from guanxi.contract.limits import Limits
from guanxi.operations import accounts
from guanxi.operations.sessions import Issued, issue
from guanxi.stores import copy, open_store
from guanxi.stores.port import EdgeRow, Fault, Store
from guanxi.stores.port.info import COPYING
from tests import postgres
from tests.cli.runner import COMMAND, error_of, guanxi, output_of, with_store
from tests.counts import count


async def stored_edges(store: Store) -> set[tuple[int, int]]:
    return {(row.follower, row.followed) async for row in store.edges()}


async def faults(store: Store) -> list[Fault]:
    return [fault async for fault in store.check()]


# --- a PostgreSQL store ---


def test_every_command_accepts_a_postgresql_store(address: str, tmp_path: Path) -> None:
    edges = tmp_path / "e.csv"
    edges.write_text("follower,followed,time\n1,2,3\n3,2,4\n")
    content = tmp_path / "c.jsonl"
    content.write_text('{"owner": 1, "kind": "notice", "document": {"text": "n"}}\n')
    output_of("account", "add", 1, "--name", "甲", "--store", address)
    output_of("store", "import", "edges", edges, GUANXI_STORE=address)
    output_of("store", "import", "content", content, GUANXI_STORE=address)
    output_of("account", "privacy", 1, "--hide-followers", "--store", address)
    session = json.loads(output_of("session", "new", 1, "--store", address))
    assert (
        with_store(address, lambda store: store.session(session_digest(session["sessdata"])))
        is not None
    )
    assert output_of("session", "revoke", 1, "--store", address).strip() == "1"
    assert with_store(address, stored_edges) == {(1, 2), (3, 2)}
    assert output_of("check", "--store", address) == ""


def test_init_creates_an_empty_store_once(address: str, tmp_path: Path) -> None:
    for target in (address, tmp_path / "s.db"):
        assert "no store" in error_of("check", "--store", target)
        assert "created" in guanxi("store", "init", target).stderr
        assert "exists already" in guanxi("store", "init", target).stderr
        assert output_of("check", "--store", target) == ""
    assert "SQLite" in error_of("store", "init", tmp_path / "t.db", "--distribute")
    assert not (tmp_path / "t.db").exists()


def test_distribute_without_citus_is_refused(address: str) -> None:
    if postgres.has_citus():
        pytest.skip("the server has Citus")
    assert "Citus" in error_of("store", "init", address, "--distribute")
    assert "no store" in error_of("check", "--store", address)


def test_migrate_of_a_current_store_changes_nothing(address: str, tmp_path: Path) -> None:
    for target, message in ((address, "up to date"), (tmp_path / "s.db", "whenever it is opened")):
        assert "no store" in error_of("store", "migrate", target)
        output_of("store", "init", target)
        assert message in guanxi("store", "migrate", target).stderr


def test_no_message_shows_the_password() -> None:
    password = new_token()
    target = f"postgresql://me:{password}@127.0.0.1:1/name"
    for argv in (
        ["check", "--store", target],
        ["store", "init", target],
        ["store", "migrate", target],
        ["store", "copy", target, target],
        ["account", "add", "1", "--store", target],
        ["demo", "--port", "0", "--store", target],
        ["serve", "--port", "0", "--store", target],
    ):
        assert password not in error_of(*argv)


# --- copies ---


async def _fill(store: Store) -> None:
    edges = count(5_000, 60_000)
    rows = [
        EdgeRow(follower=1 + at % 997, followed=2_000 + at // 997, time=at, special=at % 5 == 0)
        for at in range(edges)
    ]
    await store.import_edges(lambda: rows)


def test_a_store_can_be_copied_to_postgresql_and_back(address: str, tmp_path: Path) -> None:
    first, last = tmp_path / "first.db", tmp_path / "last.db"
    with_store(first, _fill)
    session = json.loads(output_of("session", "new", 7, "--store", first))
    assert output_of("store", "copy", first, address) == ""
    assert output_of("store", "copy", address, last) == ""
    assert with_store(last, stored_edges) == with_store(first, stored_edges)
    assert (
        with_store(last, lambda store: store.session(session_digest(session["sessdata"])))
        is not None
    )
    for target in (address, last):
        assert output_of("check", "--store", target) == ""
    assert "not empty" in error_of("store", "copy", first, address)
    assert "no store" in error_of("store", "copy", tmp_path / "none.db", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_copy_names_the_accounts_that_differ(address: str, tmp_path: Path) -> None:
    source = tmp_path / "s.db"
    with_store(source, lambda store: accounts.put(store, 7, Card(name="old")))

    async def copy_then_change() -> None:
        old, new = await open_store(str(source)), await open_store(address, create=True)
        await copy.copy(old, new, lambda _part, _count: None, 0)
        await accounts.put(old, 7, Card(name="new"))
        await old.close()
        await new.close()

    asyncio.run(copy_then_change())
    for _ in range(2):
        result = guanxi("store", "copy", source, address)
        assert (result.returncode, result.stdout) == (1, "account 7: accounts\n")
        assert "repairs nothing: copy into a new store" in result.stderr


def test_a_killed_copy_resumes(address: str, tmp_path: Path) -> None:
    source = tmp_path / "s.db"
    with_store(source, _fill)
    draw = Random(29)
    max_seconds, killed = 0.4, 0  # about as long as the interpreter needs to start
    for _ in range(count(3, 8)):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "store", "copy", str(source), address],
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.8, 1.0) * max_seconds)
        process.kill()
        if process.wait() == 0:
            break
        killed += 1
        max_seconds *= 1.3
    assert killed
    result = guanxi("store", "copy", source, address)
    # The last process may have been killed after it marked the copy as finished.
    assert result.returncode == 0 or "not empty" in result.stderr, result
    assert with_store(address, stored_edges) == with_store(source, stored_edges)
    for target in (source, address):
        assert output_of("check", "--store", target) == ""


# --- services ---


@contextmanager
def serving(store: str, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a service in its own process group; yield the process and its URL."""
    argv = ["serve", "--port", "0", "--workers", str(workers), "--store", store]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            url = re.search(r"http://\S+", line)
            assert url is not None, line + process.stderr.read()
            yield process, url[0]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


MIDS = range(1, 31)


async def sign_in_all(store: Store) -> dict[int, Issued]:
    for mid in MIDS:
        await accounts.put(store, mid, Card(name=f"u{mid}"))
    now = int(time.time())
    return {mid: await issue(store, mid, TokenKind.COOKIE, Limits(), now) for mid in MIDS}


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_service_killed_under_load_loses_no_confirmed_follow(address: str, workers: int) -> None:
    sessions = with_store(address, sign_in_all)
    confirmed: set[tuple[int, int]] = set()

    def follow_all(url: str, mid: int, life: int) -> None:
        credential = Credential(sessions[mid].token, sessions[mid].bili_jct)
        others = [other for other in MIDS if other != mid and (mid, other) not in confirmed]
        Random(life).shuffle(others)
        with (
            SyncClient(base_url=url, credential=credential) as client,
            suppress(ApiException),  # the service is killed meanwhile
        ):
            for other in others:
                client.relation.modify(other, 1)
                confirmed.add((mid, other))

    for life in range(count(2, 5)):
        count_before = len(confirmed)
        with serving(address, workers) as (process, url), ThreadPoolExecutor(8) as threads:
            mids = Random(life).sample(MIDS, 8)
            working = [threads.submit(follow_all, url, mid, life) for mid in mids]
            until = time.monotonic() + 30
            while len(confirmed) < count_before + 20 and time.monotonic() < until:
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGKILL)
            for work in working:
                work.result()
        assert len(confirmed) >= count_before + 20
        assert with_store(address, stored_edges) >= confirmed
        assert with_store(address, faults) == []


def test_relations_that_are_later_than_the_clock_are_counted(tmp_path: Path) -> None:
    path = str(tmp_path / "s.db")
    tomorrow = int(time.time()) + 86_400

    async def fill(store: Store) -> None:
        rows = [EdgeRow(follower=1, followed=2, time=1), EdgeRow(follower=3, followed=4, time=1)]
        await store.import_edges(lambda: rows)
        await store.put_edges([EdgeRow(follower=1, followed=2, time=tomorrow)])

    with_store(path, fill)
    result = guanxi("check", "--store", path)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("1 relations are later than the clock")
    assert "no faults" in result.stderr


def test_the_time_of_a_step_of_a_copy_ends_with_the_step() -> None:
    out, now = io.StringIO(), [0.0]
    with Lines(Console(file=out, width=80), get_time=lambda: now[0]) as lines:
        copying, comparing = lines.of("copying"), lines.of("comparing")
        for report, part, seconds in (
            (copying, "accounts", 60.0),
            (copying, "audit log", 5.0),
            (comparing, "accounts", 120.0),
        ):
            report(part, 10)
            now[0] += seconds
            report(part, 1_234_567)
        lines.show("checking", "100%")
        now[0] += 3.0
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["copying", "accounts", "1,234,567", "0:01:00"],
        ["copying", "audit", "log", "1,234,567", "0:00:05"],
        ["comparing", "accounts", "1,234,567", "0:02:00"],
        ["checking", "100%", "0:00:03"],
    ]


def test_every_part_of_a_copy_has_a_name() -> None:
    assert {part.name for part in copy.PARTS} | {"counts", "sessions", "audit log"} == {*PARTS}


def test_a_store_whose_copy_has_not_finished_cannot_be_copied_or_checked(tmp_path: Path) -> None:
    path = str(tmp_path / "unfinished.db")

    async def mark(store: Store) -> None:
        await store.put_note(COPYING, b"{}")

    with_store(path, mark)
    for command in (("store", "copy", path, str(tmp_path / "new.db")), ("check", "--store", path)):
        assert "a copy into this store has not finished" in error_of(*command)
