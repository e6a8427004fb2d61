"""What the SQLite store does when the disk, a lock or another process fails it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import Card
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores import sqlite
from guanxi.stores.port import EdgeRow, Row, StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite import SQLiteStore, schema, writer
from tests.stores.processes import others, stopped_reader
from tests.stores.world import ALL, do, faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Somebody else is writing."""
    db = apsw.Connection(str(path))
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


async def test_a_locked_store_is_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.05)
    with write_lock(tmp_path / "s.db"):
        answers = await asyncio.gather(
            do(store, Modify(1, 2, Act.FOLLOW)),
            do(store, Modify(2, 1, Act.FOLLOW)),
            store.put_account(3, Card()),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        with pytest.raises(StoreUnavailable, match="busy"):
            await store.import_edges(lambda: [EdgeRow(follower=1, followed=2, time=1)])
        with pytest.raises(StoreUnavailable, match="busy"):
            await store.ready()
        assert await listed(store, Listing.FOLLOWINGS, 1) == []
        assert await store.account(3) is None
        store.visit(1, 2)
        with pytest.raises(StoreUnavailable):
            await store.flush_visits()
    await follow(store, 1, 2)
    await store.flush_visits()  # those that could not be written are still counted
    (row,) = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    assert row.visits == 1
    await store.ready()
    assert await faults(store) == []
    await store.close()


async def test_a_turnstile_that_nobody_gives_back_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.05)
    stuck = os.open(tmp_path / "s.db-turn", os.O_RDWR)
    fcntl.flock(stuck, fcntl.LOCK_EX)
    await people(store, 1, 2)
    await follow(store, 1, 2)
    os.close(stuck)
    await store.close()


async def test_too_many_waiting_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 30))
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.2)
    with write_lock(tmp_path / "s.db"):
        asked = [asyncio.ensure_future(do(store, Modify(1, mid, 1))) for mid in range(2, 30)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert {str(answer) for answer in answers} == {
        "too many writes are waiting; retry later",
        "the store is busy",
    }
    monkeypatch.undo()
    monkeypatch.setattr(writer, "WAITING_SECONDS", -1.0)
    with pytest.raises(StoreUnavailable, match="waited too long"):
        await do(store, Modify(1, 2, Act.FOLLOW))
    monkeypatch.undo()
    await follow(store, 1, 2)
    monkeypatch.setattr(sqlite, "LONG_WAITING", 0)
    with pytest.raises(StoreUnavailable, match="too many reads are waiting"):
        await store.groups(1)
    await store.close()


async def test_a_read_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    rows = [EdgeRow(follower=a, followed=b, time=1) for a in (1, 2) for b in range(3, 3_000)]
    await store.import_edges(lambda: rows)
    monkeypatch.setattr(sqlite, "LONG_SECONDS", -1.0)
    with pytest.raises(StoreUnavailable, match="too long"):
        await store.common(1, 2, ALL)
    monkeypatch.undo()
    assert (await store.common(1, 2, ALL)).total == 2_997
    await store.close()


async def test_a_full_store_takes_nothing_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every caller of the batch is told that nothing was done, and nothing was."""
    writers: list[apsw.Connection] = []

    def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
        db = schema.connect(path, writes=writes, busy_ms=busy_ms)
        writers.append(db)
        return db

    monkeypatch.setattr(writer, "connect", connect)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    targets = range(2, 1_500)
    await people(store, 1, *targets)
    (db,) = writers
    db.pragma("max_page_count", db.pragma("page_count") + 8)
    standing: list[int] = []
    refused = 0
    for start in range(2, 1_500, 50):
        some = range(start, min(start + 50, 1_500))
        acts = [[Modify(1, mid, Act.FOLLOW), Modify(mid, 1, Act.FOLLOW)] for mid in some]
        answers = await asyncio.gather(*(do(store, *each) for each in acts), return_exceptions=True)
        for mid, answer in zip(some, answers, strict=True):
            if answer == [0, 0]:
                standing.append(mid)
            else:
                assert isinstance(answer, StoreUnavailable)
                assert "full" in str(answer)
                refused += 1
    assert standing
    assert refused
    assert sorted(row.mid for row in await all_rows(store)) == standing
    assert await faults(store) == []
    db.pragma("max_page_count", 2**31)
    await follow(store, 1, next(mid for mid in targets if mid not in standing))
    await store.close()


async def all_rows(store: SQLiteStore) -> list[Row]:
    window = Window(0, 10_000)
    return list((await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, window)).rows)


async def test_an_import_that_fills_the_store_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
        db = schema.connect(path, writes=writes, busy_ms=busy_ms)
        db.pragma("max_page_count", db.pragma("page_count") + 30)
        return db

    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    rows = [EdgeRow(follower=1 + at % 90, followed=100 + at, time=1) for at in range(20_000)]
    monkeypatch.setattr(sqlite, "connect", connect)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.import_edges(lambda: rows)
    monkeypatch.undo()
    assert await store.account(1) is None
    assert await faults(store) == []
    assert await store.import_edges(lambda: rows) == len(rows)
    await store.close()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """No file of this process grows beyond; what is within can be written anew."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_log_that_cannot_grow(tmp_path: Path) -> None:
    """The disk fails while a commit is written: it is there whole, or not at all."""
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 40))
    log = tmp_path / "s.db-wal"
    unsure: list[int] = []
    for room in range(0, 60_000, 6_000):
        target = 2 + room // 6_000
        with files_no_larger_than(log.stat().st_size + room):
            for fan in range(20, 40):
                try:
                    await do(store, Modify(fan, target, Act.FOLLOW))
                except StoreTimeout:
                    unsure.append(target)
        await store.ready()
    assert unsure
    await follow(store, 1, *range(2, 12))
    assert await listed(store, Listing.FOLLOWINGS, 1) == list(range(11, 1, -1))
    assert await faults(store) == []
    await store.close()
    store = await SQLiteStore.open(tmp_path / "s.db")
    assert await listed(store, Listing.FOLLOWINGS, 1) == list(range(11, 1, -1))
    assert await faults(store) == []
    await store.close()


async def until(true: object, seconds: float = 30) -> None:
    """Wait for something that happens on another thread."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_a_long_read_holds_nobody_up_and_the_log_shrinks_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader keeps the log from being emptied; writers go on, and it is emptied afterwards."""
    monkeypatch.setattr(writer, "LOG_PAGES", 50)
    monkeypatch.setattr(writer, "_READERS_SECONDS", 0.01)
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(schema, "_LOG_BYTES_KEPT", 4096 * 100)
    path, log = tmp_path / "s.db", tmp_path / "s.db-wal"
    store = await SQLiteStore.open(path, create=True)
    await people(store, *range(1, 80))
    await follow(store, 1, 2)
    with others((stopped_reader, str(path))) as (reader,):
        assert reader.receive() == "reading"
        for fan in range(3, 80):
            await do(store, *(Modify(fan, target, Act.FOLLOW) for target in range(1, 80)))
        grown = log.stat().st_size
        assert grown > 4096 * 200
        reader.pipe.send("enough")
        reader.process.join()
    copied = path.stat().st_size

    async def write() -> bool:
        await do(store, Modify(1, 2, Act.BLOCK), Modify(1, 2, Act.UNBLOCK))
        await asyncio.sleep(0.03)
        return log.stat().st_size <= 4096 * 100

    for _ in range(1_000):
        if await write():
            break
    assert log.stat().st_size <= 4096 * 100
    assert path.stat().st_size >= copied
    assert await faults(store) == []
    await store.close()


async def test_a_busy_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a quiet moment the log is copied all the same."""
    monkeypatch.setattr(writer, "LOG_PAGES", 50)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 60))
    largest = 0
    for fan in range(2, 60):
        for target in range(1, 60):
            await do(store, Modify(fan, target, Act.FOLLOW))
        largest = max(largest, (tmp_path / "s.db-wal").stat().st_size)
    assert largest < 4096 * 400
    await store.close()


async def test_a_damaged_store_is_told_apart_from_a_busy_one(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, *range(1, 200))
    await store.close()
    torn = bytearray(path.read_bytes())
    torn[4096 * 4 :] = b"\xff" * (len(torn) - 4096 * 4)
    path.write_bytes(torn)
    try:
        store = await SQLiteStore.open(path)
    except StoreError as error:
        assert not isinstance(error, StoreUnavailable)  # noqa: PT017 - it may open, or not
        return
    with pytest.raises(StoreError, match="damaged") as refused:
        await do(store, Modify(1, 2, Act.FOLLOW))
    assert not isinstance(refused.value, StoreUnavailable)
    await store.close()
