"""A SQLite store on a disk that fails: what is answered, what is stored, and that it goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite import SQLiteStore
from tests.stores.disk import recorded
from tests.stores.world import do, faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")


#: What fails, of which file, with SQLite's code: the error of a write meanwhile, if it has one.
FAULTS: dict[str, tuple[str, str, int, type[StoreError] | None]] = {
    "the log cannot be written": ("write", "-wal", apsw.SQLITE_IOERR_WRITE, StoreTimeout),
    "the log cannot be synced": ("sync", "-wal", apsw.SQLITE_IOERR_FSYNC, StoreTimeout),
    "there is no space for the log": ("write", "-wal", apsw.SQLITE_FULL, StoreUnavailable),
    # The log is copied into the file later: until then it is longer, and nothing else is different.
    "the file cannot be written": ("write", ".db", apsw.SQLITE_IOERR_WRITE, None),
    "the file cannot be synced": ("sync", ".db", apsw.SQLITE_IOERR_FSYNC, None),
    "there is no space for the file": ("write", ".db", apsw.SQLITE_FULL, None),
}


async def after_a_kill(folder: Path, to: Path) -> list[int]:
    """Return whom account 1 follows in the store that a SIGKILL at this moment leaves."""
    shutil.copytree(folder, to)
    (to / "s.db-shm").unlink()
    store = await SQLiteStore.open(to / "s.db")
    try:
        assert await faults(store) == []
        return await listed(store, Listing.FOLLOWINGS, 1)
    finally:
        await store.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_disk_that_fails_and_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Without a restart, nothing that was answered is lost, and nothing else is stored later."""
    monkeypatch.setattr("guanxi.stores.sqlite.writer.LOG_PAGES", 1)  # it is copied after each write
    operation, end, code, error = FAULTS[fault]
    (folder := tmp_path / "disk").mkdir()
    with recorded(folder) as disk:
        store = await SQLiteStore.open(folder / "s.db", create=True)
        await people(store, 1, 2, 3, 4)
        await follow(store, 1, 2)
        disk.failing = {(operation, end): code}
        if error is None:
            await follow(store, 1, 3)
            await store.ready()
        else:
            with pytest.raises(error):
                await do(store, Modify(1, 3, Act.FOLLOW))
            with pytest.raises(StoreError):
                await store.ready()
        expected = [2] if error else [3, 2]
        assert await listed(store, Listing.FOLLOWINGS, 1) == expected
        disk.failing = {}
        assert await after_a_kill(folder, tmp_path / "killed") == expected
        await store.ready()
        await follow(store, 1, 4)
        assert await faults(store) == []
        assert await after_a_kill(folder, tmp_path / "later") == [4, *expected]
        await store.close()


async def test_a_write_whose_sync_failed_once_is_not_done_later(tmp_path: Path) -> None:
    """All of it is in the log, but nobody reads it there: the recovery after a kill would."""
    (folder := tmp_path / "disk").mkdir()
    with recorded(folder) as disk:
        store = await SQLiteStore.open(folder / "s.db", create=True)
        await people(store, 1, 2, 3)
        await follow(store, 1, 2)
        disk.failing, disk.failures = {("sync", "-wal"): apsw.SQLITE_IOERR_FSYNC}, 1
        with pytest.raises(StoreTimeout):
            await do(store, Modify(1, 3, Act.FOLLOW))
        assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
        assert await after_a_kill(folder, tmp_path / "killed") == [2]
        await store.close()


@contextmanager
def memory(more: int) -> Iterator[None]:
    """Let SQLite have no more than some bytes in addition to what it has."""
    apsw.hard_heap_limit(apsw.memory_used() + more)
    try:
        yield
    finally:
        apsw.hard_heap_limit(0)


async def test_a_store_without_memory(tmp_path: Path) -> None:
    """What SQLite has no memory for is refused, and was not done; the rest goes on."""
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await people(store, *range(1, 60))
    expected, refused = list[int](), 0
    for number, more in enumerate(range(0, 40_000, 1_000)):
        with memory(more):
            [outcome] = await asyncio.gather(follow(store, 1, 2 + number), return_exceptions=True)
        if outcome is None:
            expected.insert(0, 2 + number)
        else:
            assert isinstance(outcome, StoreUnavailable)
            assert str(outcome) == "memory ran out"
            refused += 1
        assert await listed(store, Listing.FOLLOWINGS, 1) == expected
    assert refused
    assert expected
    await store.ready()
    assert await faults(store) == []
    await store.close()
