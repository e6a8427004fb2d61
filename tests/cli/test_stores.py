"""The commands on stores of both kinds: made, brought up to date, copied, served and killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from guanxi import Credential, SyncClient
from guanxi.accounts.account import Card
from guanxi.accounts.secrets import TokenKind, digest, new_token
from guanxi.contract.errors import ApiException
from guanxi.contract.limits import Limits
from guanxi.service.auth import Issued, issue
from guanxi.stores import copy, open_store
from guanxi.stores.port import EdgeRow, Fault, Store
from tests import postgres
from tests.cli.test_commands import COMMAND, done, guanxi, refused
from tests.counts import count

T = TypeVar("T")


def on(address: object, do: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """What ``do`` returns of a store, which is made if it is missing."""

    async def opened() -> T:
        store = await open_store(str(address), create=True)
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(opened())


async def standing(store: Store) -> set[tuple[int, int]]:
    return {(row.follower, row.followed) async for row in store.edges()}


async def faults(store: Store) -> list[Fault]:
    return [fault async for fault in store.check()]


# --- a store on a server ---


def test_every_command_takes_a_store_on_a_server(address: str, tmp_path: Path) -> None:
    edges = tmp_path / "e.csv"
    edges.write_text("follower,followed,time\n1,2,3\n3,2,4\n")
    content = tmp_path / "c.jsonl"
    content.write_text('{"owner": 1, "kind": "notice", "document": {"text": "n"}}\n')
    done("account", "add", 1, "--name", "甲", "--store", address)
    done("store", "import", "edges", edges, GUANXI_STORE=address)
    done("store", "import", "content", content, GUANXI_STORE=address)
    done("account", "privacy", 1, "--hide-followers", "--store", address)
    session = json.loads(done("session", "new", 1, "--store", address))
    assert on(address, lambda store: store.session(digest(session["sessdata"]))) is not None
    assert done("session", "revoke", 1, "--store", address).strip() == "1"
    assert on(address, standing) == {(1, 2), (3, 2)}
    assert done("check", "--store", address) == ""


def test_init(address: str, tmp_path: Path) -> None:
    for place in (address, tmp_path / "s.db"):
        assert "no store" in refused("check", "--store", place)
        assert "made" in guanxi("store", "init", place).stderr
        assert "there already" in guanxi("store", "init", place).stderr
        assert done("check", "--store", place) == ""
    assert "SQLite" in refused("store", "init", tmp_path / "t.db", "--distribute")
    assert not (tmp_path / "t.db").exists()


def test_without_citus_nothing_is_distributed(address: str) -> None:
    if postgres.has_citus():
        pytest.skip("the server has Citus")
    assert "Citus" in refused("store", "init", address, "--distribute")
    assert "no store" in refused("check", "--store", address)


def test_migrate(address: str, tmp_path: Path) -> None:
    for place, told in ((address, "up to date"), (tmp_path / "s.db", "whenever it is opened")):
        assert "no store" in refused("store", "migrate", place)
        done("store", "init", place)
        assert told in guanxi("store", "migrate", place).stderr


def test_a_password_is_not_told() -> None:
    password = new_token()
    place = f"postgresql://me:{password}@127.0.0.1:1/name"
    for argv in (
        ["check", "--store", place],
        ["store", "init", place],
        ["store", "migrate", place],
        ["store", "copy", place, place],
        ["account", "add", "1", "--store", place],
        ["demo", "--port", "0", "--store", place],
        ["serve", "--port", "0", "--store", place],
    ):
        assert password not in refused(*argv)


# --- copies ---


async def _fill(store: Store) -> None:
    edges = count(5_000, 200_000)
    rows = [
        EdgeRow(follower=1 + at % 997, followed=2_000 + at // 997, time=at, special=at % 5 == 0)
        for at in range(edges)
    ]
    await store.import_edges(lambda: rows)


def test_a_store_is_copied_there_and_back(address: str, tmp_path: Path) -> None:
    first, last = tmp_path / "first.db", tmp_path / "last.db"
    on(first, _fill)
    session = json.loads(done("session", "new", 7, "--store", first))
    assert done("store", "copy", first, address) == ""
    assert done("store", "copy", address, last) == ""
    assert on(last, standing) == on(first, standing)
    assert on(last, lambda store: store.session(digest(session["sessdata"]))) is not None
    for place in (address, last):
        assert done("check", "--store", place) == ""
    assert "not empty" in refused("store", "copy", first, address)
    assert "no store" in refused("store", "copy", tmp_path / "none.db", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_accounts_that_differ_are_named(address: str, tmp_path: Path) -> None:
    source = tmp_path / "s.db"
    on(source, lambda store: store.put_account(7, Card(name="old")))

    async def begin() -> None:
        ours, theirs = await open_store(str(source)), await open_store(address, create=True)
        await copy.copy(ours, theirs, lambda _part, _count: None, 0)
        await ours.put_account(7, Card(name="new"))
        await ours.close()
        await theirs.close()

    asyncio.run(begin())
    result = guanxi("store", "copy", source, address)
    assert (result.returncode, result.stdout) == (1, "account 7: accounts\n")


def test_a_copy_that_is_killed_goes_on(address: str, tmp_path: Path) -> None:
    source = tmp_path / "s.db"
    on(source, _fill)
    draw = Random(29)
    longest, left = 1.0, 0
    for _ in range(count(3, 12)):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "store", "copy", str(source), address],
            stderr=subprocess.DEVNULL,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.3, longest))
        process.kill()
        if process.wait() == 0:
            break
        left += 1
        longest += 0.5
    assert left
    result = guanxi("store", "copy", source, address)
    # The last one killed may have been past its comparison.
    assert result.returncode == 0 or "not empty" in result.stderr, result
    assert on(address, standing) == on(source, standing)
    for place in (source, address):
        assert done("check", "--store", place) == ""


# --- services ---


@contextmanager
def serving(store: str, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service of so many workers in a process group of its own, and where it answers."""
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
            told = process.stderr.readline()
            found = re.search(r"http://\S+", told)
            assert found is not None, told + process.stderr.read()
            yield process, found[0]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


MIDS = range(1, 31)


async def _signed_in(store: Store) -> dict[int, Issued]:
    for mid in MIDS:
        await store.put_account(mid, Card(name=f"u{mid}"))
    return {mid: await issue(store, mid, TokenKind.COOKIE, Limits()) for mid in MIDS}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_killed_under_load_loses_nothing_answered(address: str, workers: int) -> None:
    sessions = on(address, _signed_in)
    answered: set[tuple[int, int]] = set()

    def follow_all(url: str, mid: int, life: int) -> None:
        credential = Credential(sessions[mid].token, sessions[mid].bili_jct)
        others = [other for other in MIDS if other != mid and (mid, other) not in answered]
        Random(life).shuffle(others)
        with (
            SyncClient(base_url=url, credential=credential) as client,
            suppress(ApiException),  # the service was killed
        ):
            for other in others:
                client.relation.modify(other, 1)
                answered.add((mid, other))

    for life in range(count(2, 8)):
        before = len(answered)
        with serving(address, workers) as (process, url), ThreadPoolExecutor(8) as threads:
            mids = Random(life).sample(MIDS, 8)
            working = [threads.submit(follow_all, url, mid, life) for mid in mids]
            until = time.monotonic() + 30
            while len(answered) < before + 20 and time.monotonic() < until:
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGKILL)
            for work in working:
                work.result()
        assert len(answered) >= before + 20
        assert on(address, standing) >= answered
        assert on(address, faults) == []
