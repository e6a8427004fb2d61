"""The SQLite store with a full disk, a locked or damaged file, and too many calls."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import Card
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, Row, StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite import SQLiteStore, engine, opening, writer
from tests.counts import count
from tests.stores.processes import others, stopped_reader
from tests.stores.world import ALL, do, faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the write lock, as another process that writes."""
    db = apsw.Connection(str(path))
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


async def test_a_locked_store_can_be_read_but_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.05)
    with write_lock(tmp_path / "s.db"):
        outcomes = await asyncio.gather(
            do(store, Modify(1, 2, Act.FOLLOW)),
            do(store, Modify(2, 1, Act.FOLLOW)),
            accounts.put(store, 3, Card()),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
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
    await store.flush_visits()  # the visits that could not be written were not lost
    (row,) = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    assert row.visits == 1
    await store.ready()
    assert await faults(store) == []
    await store.close()


async def test_no_error_loses_counted_visits(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2)
    await follow(store, 1, 2)
    other = apsw.Connection(str(tmp_path / "s.db"))
    other.execute("ALTER TABLE visit RENAME TO away")
    store.visit(1, 2)
    with pytest.raises(StoreError, match="no such table"):
        await store.flush_visits()
    other.execute("ALTER TABLE away RENAME TO visit")
    other.close()
    await store.flush_visits()
    (row,) = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    assert row.visits == 1
    await store.close()


async def test_a_turnstile_that_stays_locked_blocks_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.05)
    lock_file = os.open(tmp_path / "s.db-turn", os.O_RDWR)
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    await people(store, 1, 2)
    await follow(store, 1, 2)
    os.close(lock_file)
    await store.close()


async def test_a_store_that_cannot_be_opened_leaves_neither_a_descriptor_nor_a_thread(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s.db"
    await (await SQLiteStore.open(path, create=True)).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.open(os.devnull, os.O_RDONLY) for _ in range(40)]
    for file in free:
        os.close(file)
    threads, failed = set(threading.enumerate()), 0
    for limit in free:  # there are 0, 1, 2, … descriptors left
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            store = await SQLiteStore.open(path)
        except StoreError:
            failed += 1
        else:
            await store.close()
            break
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert open_files(path) == []
        new = set(threading.enumerate()) - threads
        assert [thread.name for thread in new if thread.name == "guanxi-writer"] == []
    assert 4 < failed < len(free)


def open_files(path: Path) -> list[str]:
    """Return which of a store's files this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [file for file in found if file.startswith(str(path))]


async def test_too_many_waiting_calls_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 30))
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.2)
    with write_lock(tmp_path / "s.db"):
        calls = [asyncio.ensure_future(do(store, Modify(1, mid, 1))) for mid in range(2, 30)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert {str(outcome) for outcome in outcomes} == {
        "too many writes are waiting; retry later",
        "the store is busy",
    }
    monkeypatch.undo()
    monkeypatch.setattr(writer, "WAITING_SECONDS", -1.0)
    with pytest.raises(StoreUnavailable, match="waited too long"):
        await do(store, Modify(1, 2, Act.FOLLOW))
    monkeypatch.undo()
    await follow(store, 1, 2)
    await store.close()


async def test_a_read_that_takes_too_long_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    rows = [EdgeRow(follower=a, followed=b, time=1) for a in (1, 2) for b in range(3, 3_000)]
    await store.import_edges(lambda: rows)
    monkeypatch.setattr(engine, "READ_SECONDS", -1.0)
    with pytest.raises(StoreUnavailable, match="too long"):
        await store.common(1, 2, ALL)
    monkeypatch.undo()
    assert (await store.common(1, 2, ALL)).total == 2_997
    await store.close()


async def test_a_write_to_a_full_store_is_done_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that fails for lack of space has changed nothing."""
    writers: list[apsw.Connection] = []

    def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
        db = opening.connect(path, writes=writes, busy_ms=busy_ms)
        writers.append(db)
        return db

    monkeypatch.setattr(writer, "connect", connect)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    targets = range(2, 1_500)
    await people(store, 1, *targets)
    (db,) = writers
    db.pragma("max_page_count", db.pragma("page_count") + 8)
    followed: list[int] = []
    refusals = 0
    for start in range(2, 1_500, 50):
        some = range(start, min(start + 50, 1_500))
        acts = [[Modify(1, mid, Act.FOLLOW), Modify(mid, 1, Act.FOLLOW)] for mid in some]
        outcomes = await asyncio.gather(
            *(do(store, *pair) for pair in acts), return_exceptions=True
        )
        for mid, outcome in zip(some, outcomes, strict=True):
            if outcome == [0, 0]:
                followed.append(mid)
            else:
                assert isinstance(outcome, StoreUnavailable)
                assert "full" in str(outcome)
                refusals += 1
    assert followed
    assert refusals
    assert sorted(row.mid for row in await all_rows(store)) == followed
    assert await faults(store) == []
    db.pragma("max_page_count", 2**31)
    await follow(store, 1, next(mid for mid in targets if mid not in followed))
    await store.close()


async def all_rows(store: SQLiteStore) -> list[Row]:
    window = Window(0, 10_000)
    return list((await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, window)).rows)


async def test_a_failed_import_into_a_full_store_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
        db = opening.connect(path, writes=writes, busy_ms=busy_ms)
        db.pragma("max_page_count", db.pragma("page_count") + 30)
        return db

    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    rows = [EdgeRow(follower=1 + at % 90, followed=100 + at, time=1) for at in range(20_000)]
    monkeypatch.setattr("guanxi.stores.sqlite.store.connect", connect)
    with pytest.raises(StoreUnavailable, match="full"):
        await store.import_edges(lambda: rows)
    monkeypatch.undo()
    assert await store.account(1) is None
    assert await faults(store) == []
    assert (await store.import_edges(lambda: rows)).new == len(rows)
    await store.close()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Limit the size of files that this process writes; bytes below it can be overwritten."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_cannot_be_written_is_whole_or_absent(tmp_path: Path) -> None:
    """A commit that fails with an I/O error is either in the store as a whole or not at all."""
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 40))
    log = tmp_path / "s.db-wal"
    uncertain: list[int] = []
    for spare in range(0, 60_000, 6_000):
        target = 2 + spare // 6_000
        with files_no_larger_than(log.stat().st_size + spare):
            for follower in range(20, 40):
                try:
                    await do(store, Modify(follower, target, Act.FOLLOW))
                except StoreTimeout:
                    uncertain.append(target)
        await store.ready()
    assert uncertain
    await follow(store, 1, *range(2, 12))
    assert await listed(store, Listing.FOLLOWINGS, 1) == list(range(11, 1, -1))
    assert await faults(store) == []
    await store.close()
    store = await SQLiteStore.open(tmp_path / "s.db")
    assert await listed(store, Listing.FOLLOWINGS, 1) == list(range(11, 1, -1))
    assert await faults(store) == []
    await store.close()


async def test_close_refuses_the_writes_that_wait_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.0)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 10))
    running, go_on = threading.Event(), threading.Event()

    def fail(_db: apsw.Connection) -> None:
        running.set()
        go_on.wait(30)
        raise ValueError("so that the batch takes no other job")

    first = asyncio.create_task(store.write(fail))
    await asyncio.to_thread(running.wait, 30)
    waiting = [asyncio.create_task(do(store, Modify(1, mid, Act.FOLLOW))) for mid in range(2, 10)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    while store.writer._given_up == inf:
        await asyncio.sleep(0.001)
    go_on.set()
    await closing
    outcomes = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] + 8 * [StoreUnavailable]
    assert str(outcomes[1]) == "the store is being closed"
    store = await SQLiteStore.open(tmp_path / "s.db")
    assert await listed(store, Listing.FOLLOWINGS, 1) == []
    await store.close()


async def test_close_gives_up_the_wait_for_a_lock_that_another_process_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_SECONDS", 1e6)
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.05)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2, 3)
    store.visit(1, 2)
    with write_lock(tmp_path / "s.db"):
        waiting = [asyncio.create_task(do(store, Modify(1, mid, Act.FOLLOW))) for mid in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="being closed"):
            await store.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == 2 * ["the store is being closed"]
    store = await SQLiteStore.open(tmp_path / "s.db")
    assert await listed(store, Listing.FOLLOWINGS, 1) == []
    await store.close()


async def test_a_store_on_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2)
    await store.ready()
    with files_no_larger_than((tmp_path / "s.db-wal").stat().st_size):
        with pytest.raises(StoreError):
            await do(store, Modify(1, 2, Act.FOLLOW))
        with pytest.raises(StoreError, match="disk"):
            await store.ready()
    await store.ready()
    await follow(store, 1, 2)
    assert await faults(store) == []
    await store.close()


async def test_a_long_read_blocks_no_writer_and_the_log_shrinks_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader keeps the log from being copied and reset; that happens after the read."""
    monkeypatch.setattr(writer, "LOG_PAGES", 50)
    monkeypatch.setattr(writer, "_READERS_SECONDS", 0.01)
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(opening, "_LOG_BYTES_KEPT", 4096 * 100)
    path, log = tmp_path / "s.db", tmp_path / "s.db-wal"
    store = await SQLiteStore.open(path, create=True)
    await people(store, *range(1, 80))
    await follow(store, 1, 2)
    with others((stopped_reader, str(path))) as (reader,):
        assert reader.receive() == "reading"
        for follower in range(3, 80):
            await do(store, *(Modify(follower, target, Act.FOLLOW) for target in range(1, 80)))
        log_size = log.stat().st_size
        assert log_size > 4096 * 200
        reader.pipe.send("enough")
        reader.process.join()
    file_size = path.stat().st_size

    async def write() -> bool:
        await do(store, Modify(1, 2, Act.BLOCK), Modify(1, 2, Act.UNBLOCK))
        await asyncio.sleep(0.03)
        return log.stat().st_size <= 4096 * 100

    for _ in range(1_000):
        if await write():
            break
    assert log.stat().st_size <= 4096 * 100
    assert path.stat().st_size >= file_size
    assert await faults(store) == []
    await store.close()


async def test_the_log_stays_bounded_under_constant_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is copied into the file even if the writes never pause."""
    monkeypatch.setattr(writer, "LOG_PAGES", 50)
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 60))
    max_size = 0
    for follower in range(2, count(20, 60)):
        for target in range(1, 60):
            await do(store, Modify(follower, target, Act.FOLLOW))
        max_size = max(max_size, (tmp_path / "s.db-wal").stat().st_size)
    assert max_size < 4096 * 400
    await store.close()


async def test_a_damaged_store_is_not_reported_as_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, *range(1, 200))
    await store.close()
    corrupt = bytearray(path.read_bytes())
    corrupt[4096 * 4 :] = b"\xff" * (len(corrupt) - 4096 * 4)
    path.write_bytes(corrupt)
    try:
        store = await SQLiteStore.open(path)
    except StoreError as error:
        assert not isinstance(error, StoreUnavailable)  # noqa: PT017 - it may open, or not
        return
    with pytest.raises(StoreError, match="damaged") as refusals:
        await do(store, Modify(1, 2, Act.FOLLOW))
    assert not isinstance(refusals.value, StoreUnavailable)
    await store.close()


async def test_a_turnstile_that_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, 1, 2)

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", no_locks)
        for write in (
            do(store, Modify(1, 2, Act.FOLLOW)),
            store.import_edges(lambda: [EdgeRow(follower=2, followed=1, time=1)]),
        ):
            with pytest.raises(StoreUnavailable, match="No locks available"):
                await write
    await follow(store, 1, 2)
    assert await store.attributes(2, [1]) == {}
    await store.close()


async def test_no_follow_appears_after_its_caller_has_gone(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    fans = range(10, 40)
    await people(store, 1, *fans)

    async def follow_in_time(fan: int) -> None:
        async with asyncio.timeout(0.1):
            await do(store, Modify(fan, 1, Act.FOLLOW))

    with write_lock(tmp_path / "s.db"):
        outcomes = await asyncio.gather(*map(follow_in_time, fans), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [TimeoutError] * len(fans)
        assert await listed(store, Listing.FOLLOWERS, 1) == []
    await people(store, 2)  # a write behind all of them
    assert await listed(store, Listing.FOLLOWERS, 1) == []
    assert await do(store, Modify(10, 1, Act.FOLLOW)) == [0]
    assert await faults(store) == []
    await store.close()


async def test_a_cancelled_stream_is_stopped_within_its_statement(tmp_path: Path) -> None:
    """A check of a large store is one statement for minutes."""
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    begun, ended = threading.Event(), threading.Event()

    def count_long(db: apsw.Connection) -> Iterator[int]:
        begun.set()
        numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3e7)"
        number = db.execute(f"{numbers} SELECT count(*) FROM n").get
        ended.set()
        yield number

    async def read() -> None:
        async for _ in store.stream(count_long):
            pass

    reading = asyncio.create_task(read())
    await asyncio.to_thread(begun.wait, 30)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not ended.is_set()
    await store.close()
