"""Imports into a SQLite store in use: written in slices, between which others write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest

from guanxi.contract.limits import Limits
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import EdgeRow, Imported, OnOtherTime, StoreError, StoreTimeout
from guanxi.stores.port.lanes import Lane
from guanxi.stores.sqlite import slices
from guanxi.stores.sqlite.store import SQLiteStore
from guanxi.stores.sqlite.writer import turn
from tests.counts import count
from tests.stores.processes import others, slice_importer, slice_rows
from tests.stores.world import faults

pytestmark = pytest.mark.usefixtures("runner")

EDGES = count(20_000, 50_000)
#: Stored before: they make the import one of slices, and a few of them contradict it.
BEFORE = [
    EdgeRow(follower=1 + index % 211, followed=1_000 + index % 1_009, time=1, kind=kind)
    for kind, start in (("follow", 53), ("whisper", 54), ("block", 55))
    for index in range(start, EDGES, 53 * 97)
]


async def store_in_use(path: Path) -> SQLiteStore:
    store = await SQLiteStore.open(path, create=True)
    await store.import_edges(lambda: BEFORE)
    return store


async def edges_of(store: SQLiteStore) -> list[EdgeRow]:
    return [row async for row in store.edges()]


async def test_an_import_in_slices_equals_one_of_a_single_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = await store_in_use(tmp_path / "one.db"), await store_in_use(tmp_path / "many.db")
    rows = list(slice_rows(5_000))
    monkeypatch.setattr(slices, "FIRST", 5_000)
    expected = await one.import_edges(lambda: rows, on_contradiction="resolve")
    monkeypatch.setattr(slices, "FIRST", 7)
    monkeypatch.setattr(slices, "_next_size", lambda size, _: size)
    assert await many.import_edges(lambda: rows, on_contradiction="resolve") == expected
    assert expected.conflicting
    assert expected.new
    assert await edges_of(many) == await edges_of(one)
    assert await faults(many) == []
    for store in (one, many):
        await store.close()


@pytest.mark.long
async def test_a_killed_import_leaves_whole_slices_and_can_be_run_again(tmp_path: Path) -> None:
    whole = await store_in_use(tmp_path / "whole.db")
    await whole.import_edges(lambda: slice_rows(EDGES), on_contradiction="resolve")
    expected = await edges_of(whole)
    await whole.close()
    path = tmp_path / "killed.db"
    store = await store_in_use(path)
    partial = 0
    for _ in range(count(3, 10)):
        before = len(await edges_of(store))
        with others((slice_importer, str(path), EDGES)) as (process,):
            assert process.receive() == "ready"
            for _ in range(60_000):  # until it has written some
                if process.pipe.poll(0.001) or await count_of(store) > before:
                    break
            process.kill()
        assert await faults(store) == []
        partial += before < len(await edges_of(store)) < len(expected)
    assert partial
    imported = await store.import_edges(lambda: slice_rows(EDGES), on_contradiction="resolve")
    assert imported.unchanged
    assert await edges_of(store) == expected
    assert await faults(store) == []
    await store.close()


async def test_the_last_write_of_an_import_reaches_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sync makes the slices durable; SQLite skips it for a transaction that changes nothing."""
    store = await store_in_use(tmp_path / "s.db")
    written: list[bool] = []

    @contextmanager
    def watched(db: apsw.Connection, path: Path) -> Iterator[None]:
        log = path.with_name(f"{path.name}-wal")
        before = log.stat().st_mtime_ns
        with turn(db, path):
            yield
        written.append(log.stat().st_mtime_ns > before)

    monkeypatch.setattr(slices, "turn", watched)
    await store.import_edges(lambda: slice_rows(EDGES), on_contradiction="resolve")
    assert len(written) > 2
    assert written[-1]
    await store.close()


async def count_of(store: SQLiteStore) -> int:
    """Return the number of stored edges, without reading them."""
    statement = """
    SELECT (SELECT count(*) FROM following) + (SELECT count(*) FROM whisper)
        + (SELECT count(*) FROM block)
    """
    return await store.read_in(Lane.LONG, lambda db: int(db.execute(statement).get))


async def test_others_write_and_read_while_slices_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.002)
    path = tmp_path / "s.db"
    store = await store_in_use(path)
    mids = range(1, 212)
    new = {mid: 5_000 + mid for mid in mids}
    await store.import_edges(
        lambda: [EdgeRow(follower=two, followed=one, time=1) for one, two in new.items()]
    )
    task = asyncio.ensure_future(
        store.import_edges(lambda: slice_rows(EDGES), on_contradiction="resolve")
    )
    stored = await count_of(store)
    followed = []
    during = 0
    for mid in mids:
        code = await store.change([Modify(mid, new[mid], Act.FOLLOW)], Limits().caps)
        assert code == [0]  # neither refused nor too late
        followed.append(mid)
        assert await faults(store) == []  # from one snapshot
        page = await store.page(Listing.FOLLOWINGS, mid, Sort.NEWEST, Window(0, 5_000))
        assert page.total == len(page.rows)
        during += stored < await count_of(store) - len(followed) and not task.done()
        if task.done():
            break
    imported = await task
    assert during
    total = imported.new + imported.changed + imported.unchanged + imported.conflicting
    assert total == EDGES
    for mid in followed:
        assert (await store.pair(mid, new[mid])).mine.follows is not None
    assert await faults(store) == []
    await store.close()


async def test_a_conflict_that_comes_after_the_check_is_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await store.import_edges(lambda: [EdgeRow(follower=1, followed=2, time=1)])
    other = await SQLiteStore.open(tmp_path / "s.db")
    write = slices.write_slices

    def late(db: apsw.Connection, path: Path, *rest: object) -> Imported:
        done = asyncio.run_coroutine_threadsafe(
            other.change([Modify(2, 1, Act.BLOCK)], Limits().caps), loop
        )
        assert done.result(10) == [0]
        return write(db, path, *rest)  # type: ignore[arg-type] # passed on

    loop = asyncio.get_running_loop()
    monkeypatch.setattr("guanxi.stores.sqlite.store.write_slices", late)
    rows = [EdgeRow(follower=1, followed=2, time=5), EdgeRow(follower=1, followed=3, time=5)]
    assert await store.import_edges(lambda: rows) == Imported(new=1, conflicting=1)
    assert [(row.kind, row.followed) for row in await edges_of(store)] == [
        ("follow", 3),
        ("block", 1),
    ]
    assert await faults(store) == []
    await other.close()
    await store.close()


async def test_an_import_that_fails_between_slices_says_that_a_part_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await store_in_use(tmp_path / "s.db")
    stored = await count_of(store)
    write_slice = slices._write_slice
    calls: Iterator[int] = iter(range(100))

    def full(db: apsw.Connection, first: int, last: int, rule: OnOtherTime) -> Imported:
        imported = write_slice(db, first, last, rule)
        if next(calls) == 3:
            raise apsw.FullError("database or disk is full")
        return imported

    with monkeypatch.context() as patched:
        patched.setattr(slices, "_write_slice", full)
        with pytest.raises(StoreTimeout, match="only a part of the import is written"):
            await store.import_edges(lambda: slice_rows(9_000), on_contradiction="resolve")
    assert await count_of(store) > stored
    assert await faults(store) == []
    await store.import_edges(lambda: slice_rows(9_000), on_contradiction="resolve")
    assert await faults(store) == []
    await store.close()


async def test_the_log_stays_short_during_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "LOG_PAGES", 200)
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.002)
    store = await store_in_use(tmp_path / "s.db")
    log = tmp_path / "s.db-wal"
    stored = (tmp_path / "s.db").stat().st_size
    await store.import_edges(lambda: slice_rows(EDGES), on_contradiction="resolve")
    written = (tmp_path / "s.db").stat().st_size - stored
    assert written > 1_000_000
    assert log.stat().st_size < written
    await store.close()


async def test_a_contradiction_is_found_before_anything_is_written(tmp_path: Path) -> None:
    store = await store_in_use(tmp_path / "s.db")
    before = await edges_of(store)
    rows = [*slice_rows(2_000)]
    with suppress(StoreError):
        await store.import_edges(lambda: rows)
        pytest.fail("rows of BEFORE contradict these")
    assert await edges_of(store) == before
    assert await store.account(1_400) is None
    await store.close()
