"""The feed of changes on PostgreSQL, where transactions commit in another order than they began.

Each test holds transactions open, so that the order is that of the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from guanxi.graph.feed import Record
from guanxi.stores import open_store
from guanxi.stores.port import ChangesOff, Store, StoreUnavailable
from guanxi.stores.postgresql import feed, schema
from tests import postgres
from tests.stores.world import faults, follow, people

pytestmark = pytest.mark.usefixtures("runner", "server")


#: A sort key of the present.
NOW = 1_700_000_000 << 16


class Held:
    """A transaction that has written and drawn a number, until it is ended."""

    def __init__(self, db: asyncpg.Connection[asyncpg.Record]) -> None:
        self.db = db

    async def begin(self) -> None:
        await self.db.execute("BEGIN")
        await self.db.execute("SELECT mid FROM tally WHERE mid = 3 FOR UPDATE")

    async def append(self, actor: int) -> None:
        await feed.append(self.db, NOW, Record("follow", actor, 9))

    async def end(self, how: str) -> None:
        await self.db.execute(how)


@asynccontextmanager
async def opened(held: int = 1) -> AsyncIterator[tuple[Store, str, list[Held]]]:
    """Provide a store with its feed on, the feed's end, and transactions that have not begun."""
    address = postgres.new_schema()
    if postgres.has_citus():
        await schema.init(address, distribute=True)
    store = await open_store(address, create=True)
    await store.set_changes(True)
    others = [await asyncpg.connect(address) for _ in range(held)]
    try:
        await people(store, *range(1, 10))
        yield store, (await store.changes_status()).cursor, [Held(other) for other in others]
    finally:
        for other in others:
            await other.close()
        await store.close()
        postgres.drop(address)


async def actors(store: Store, after: str) -> tuple[list[int], str]:
    found = await store.changes(after)
    return [item.actor for item in found.items], found.cursor


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
async def test_a_reader_does_not_pass_a_transaction_that_commits_late(end: str) -> None:
    async with opened() as (store, start, [late]):
        await late.begin()
        await follow(store, 4, 5)
        await late.append(3)
        await follow(store, 5, 6)  # commits first, with a higher number
        assert await actors(store, start) == ([4], (await store.changes(start)).cursor)
        _, cursor = await actors(store, start)
        assert await actors(store, cursor) == ([], cursor)
        await late.end(end)
        expected = [3, 5] if end == "COMMIT" else [5]
        found, last = await actors(store, cursor)
        assert found == expected
        assert await actors(store, last) == ([], last)


async def test_it_does_not_pass_one_that_began_after_the_last_that_ended() -> None:
    """It has the lower number, and yet is not below ``pg_snapshot_xmax``: a reader that waits for
    ``pg_snapshot_xmin`` to reach that passes over it."""
    async with opened(2) as (store, start, [first, second]):
        await first.db.execute("BEGIN")
        await first.db.execute("SELECT pg_current_xact_id()")  # the lower id of the two
        await second.begin()
        await second.append(3)
        await first.append(4)
        await first.end("COMMIT")
        assert await actors(store, start) == ([], start)
        await second.end("COMMIT")
        assert (await actors(store, start))[0] == [3, 4]


async def test_a_number_that_was_rolled_back_does_not_wait_for_later_transactions() -> None:
    async with opened(2) as (store, start, [gone, running]):
        await gone.begin()
        await gone.append(3)
        await gone.end("ROLLBACK")
        await follow(store, 5, 6)
        await running.begin()  # has written, and not drawn a number
        assert (await actors(store, start))[0] == [5]
        await running.end("ROLLBACK")


async def test_a_read_that_waits_returns_soon_after_the_late_commit() -> None:
    async with opened() as (store, start, [late]):
        await late.begin()
        await late.append(3)
        await follow(store, 5, 6)
        waiting = asyncio.create_task(store.changes(start, wait=20))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await late.end("COMMIT")
        assert [item.actor for item in (await waiting).items] == [3, 5]


async def test_the_end_of_the_feed_has_no_number_that_a_crash_can_undo() -> None:
    """A crash and a failover may forget the numbers of transactions that were rolled back."""
    postgres.skip_on_citus("the numbers are drawn on another node")
    async with opened() as (store, _, [gone]):
        drawn = await gone.db.fetchval("SELECT last_value FROM change_number")
        await gone.begin()
        await gone.append(3)
        await gone.end("ROLLBACK")
        end = (await store.changes_status()).cursor
        await gone.db.execute("SELECT setval('change_number', $1)", drawn)
        await follow(store, 5, 6)
        assert (await actors(store, end))[0] == [5]


async def test_the_end_of_the_feed_waits_for_those_that_append() -> None:
    async with opened() as (store, start, [late]):
        await late.begin()
        await late.append(3)
        ends = [
            asyncio.create_task(store.changes_status()),
            asyncio.create_task(cursor_of_export(store)),
        ]
        await asyncio.sleep(0.2)
        assert not any(end.done() for end in ends)
        await late.end("COMMIT")
        status, exported = await asyncio.gather(*ends)
        for cursor in (getattr(status, "cursor", ""), exported):
            assert isinstance(cursor, str)
            assert await actors(store, cursor) == ([], cursor)
        assert (await actors(store, start))[0] == [3]


async def cursor_of_export(store: Store) -> str:
    cursors: list[str | None] = []
    async for _ in store.edges(0, cursors.append):
        pass
    [cursor] = cursors
    return cursor or ""


async def test_the_end_of_the_feed_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_END_MS", 50)
    async with opened() as (store, _, [late]):
        await late.begin()
        await late.append(3)
        with pytest.raises(StoreUnavailable, match="does not end"):
            await store.changes_status()
        with pytest.raises(StoreUnavailable, match="does not end"):
            await cursor_of_export(store)
        await late.end("ROLLBACK")
        assert (await store.changes_status()).on


async def test_writers_go_on_while_an_export_reads() -> None:
    """Its lock is held only until it has its snapshot."""
    async with opened() as (store, _, _held):
        await follow(store, 4, 5)
        cursors: list[str | None] = []
        edges = store.edges(0, cursors.append)
        assert (await anext(edges)).followed == 5
        await follow(store, 4, 6)
        assert [edge async for edge in edges] == []
        assert (await actors(store, cursors[0] or ""))[0] == [4]


async def test_the_feed_is_switched_on_between_transactions() -> None:
    """What is under way when it is switched on is finished before, and so is in every export."""
    async with opened() as (store, _, [late]):
        await store.set_changes(False)
        await late.begin()
        assert not await feed.switch_of(late.db)
        switching = asyncio.create_task(store.set_changes(True))
        await asyncio.sleep(0.2)
        assert not switching.done()
        await late.end("COMMIT")
        assert await switching


async def test_a_node_without_the_table_has_the_feed_off() -> None:
    """As a worker node of Citus, if an older guanxi distributed the store."""
    postgres.skip_on_citus("the table is distributed there")
    async with opened() as (store, start, [other]):
        await store.set_changes(False)
        await other.db.execute("DROP TABLE change; DROP SEQUENCE change_number")
        await follow(store, 1, 2)
        assert not (await store.changes_status()).on
        assert await store.trim_changes() == 0
        assert await cursor_of_export(store) == ""
        assert await faults(store) == []
        with pytest.raises(ChangesOff):
            await store.changes(start)


@pytest.mark.parametrize(
    ("numbers", "settled", "shown"),
    [
        ([6, 7, 8], 5, [6, 7, 8]),
        ([6, 8], 5, [6]),
        ([7, 8], 5, []),
        ([7, 9], 9, [7, 9]),
        ([7, 10], 9, [7, 10]),
        ([7, 11], 9, [7]),
        ([10, 11, 13], 9, [10, 11]),
        ([11], 9, []),
        ([], 9, []),
    ],
)
async def test_rows_before_a_gap(numbers: list[int], settled: int, shown: list[int]) -> None:
    rows = [(number,) for number in numbers]
    assert [number for (number,) in feed.before_gap(rows, 5, settled)] == shown
