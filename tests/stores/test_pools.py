"""Connections to a server: open before a store is ready, bounded, and apart where some may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from guanxi.contract.limits import OPEN
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores import FEWEST_CONNECTIONS, MOST_CONNECTIONS, check_room
from guanxi.stores.port import StoreError, StoreUnavailable
from guanxi.stores.postgresql import PostgreSQLStore, connections
from guanxi.stores.postgresql.pools import share
from tests import postgres
from tests.stores.engines import PostgreSQL
from tests.stores.world import people

pytestmark = pytest.mark.usefixtures("runner")

PAGE = Window(0, 50)


@pytest.fixture(autouse=True)
def _on_one_server() -> None:
    postgres.skip_on_citus("the processes of one server are counted; test_citus_cards has others")


@asynccontextmanager
async def opened(count: int) -> AsyncIterator[PostgreSQLStore]:
    """Open a new store that may use so many connections, with the accounts 1 to 9."""
    engine = PostgreSQL(Path())
    await (await engine.open(lambda: 1_700_000_000 * 10**9)).close()
    store = await PostgreSQLStore.open(engine.address, connections=count)
    try:
        await people(store, *range(1, 10))
        yield store
    finally:
        await store.close()
        engine.drop()


async def processes(db: asyncpg.Connection[asyncpg.Record]) -> set[int]:
    """Return the server's processes for guanxi's connections, but for those of this test."""
    rows = await db.fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'guanxi' AND datid IS NOT NULL"
    )
    return {pid for (pid,) in rows}


@pytest.mark.parametrize("count", range(FEWEST_CONNECTIONS, MOST_CONNECTIONS + 1))
def test_the_pools_share_the_connections(count: int) -> None:
    lists, others, long, writing, streams = share(count)
    assert lists + others + long + writing + streams == count
    assert min(lists, others, long, streams) >= 1
    assert writing >= 2


def test_more_connections_are_not_used() -> None:
    assert share(10_000) == share(MOST_CONNECTIONS)
    with pytest.raises(ValueError, match="at least 6"):
        share(FEWEST_CONNECTIONS - 1)


async def test_the_first_page_opens_no_connection() -> None:
    watching = await asyncpg.connect(postgres.server_address())
    async with opened(12) as store:
        before = await processes(watching)
        await store.ready()
        ready = await processes(watching)
        assert len(ready) == 11, "all but the one for reads of the whole store"
        assert before < ready
        page = await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE)
        await asyncio.gather(
            store.attributes(2, page.rows.mids),
            store.tails([1, 2, 3]),
            store.session(b"none"),
            store.tally(1),
            store.change([Modify(1, 2, Act.FOLLOW)], OPEN.limits.caps),
        )
        await store.ready()
        assert await processes(watching) == ready
    await watching.close()


async def test_a_lost_connection_is_replaced_before_the_store_is_ready() -> None:
    watching = await asyncpg.connect(postgres.server_address())
    async with opened(8) as store:
        await store.ready()
        before = await processes(watching)
        lost = min(before)
        await watching.execute("SELECT pg_terminate_backend($1)", lost)
        after = before
        for _ in range(1_000):  # the store hears of it soon
            await store.ready()
            after = await processes(watching)
            if lost not in after and len(after) == len(before):
                break
        else:
            pytest.fail(f"{len(after)} connections, of {len(before)}")
    await watching.close()


async def test_a_process_never_opens_more_than_its_share() -> None:
    watching = await asyncpg.connect(postgres.server_address())
    async with opened(8) as store:

        async def stream() -> int:
            return len([row async for row in store.edges()])

        work = [
            *(store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE) for _ in range(40)),
            *(store.tally(1) for _ in range(40)),
            *(store.change([Modify(1, mid, Act.FOLLOW)], OPEN.limits.caps) for mid in range(2, 9)),
            *(stream() for _ in range(4)),
            store.ready(),
        ]
        done = asyncio.gather(*work)
        most = 0
        while not done.done():
            most = max(most, len(await processes(watching)))
        await done
        assert 3 <= most <= 8
    await watching.close()


async def test_a_lock_on_relation_holds_up_no_other_read() -> None:
    async with opened(MOST_CONNECTIONS) as store:
        await store.ready()
        outside = await asyncpg.connect(store.address)
        async with outside.transaction():
            await outside.execute("LOCK TABLE relation IN ACCESS EXCLUSIVE MODE")
            pages = [
                asyncio.ensure_future(store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE))
                for _ in range(40)
            ]
            await asyncio.sleep(0)
            assert (await store.tally(1)).following == 0
            assert await store.account(1) is not None
            assert await store.session(b"none") is None
            assert len(await store.tails([1, 2, 3])) == 3
            assert not any(page.done() for page in pages), "they wait for the lock"
        assert {len((await page).rows) for page in pages} == {0}
        await outside.close()


async def test_reads_are_refused_at_once_while_a_pool_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "STUCK_SECONDS", 0.0)
    monkeypatch.setattr(connections, "STUCK_WAITING", 3)
    async with opened(MOST_CONNECTIONS) as store:
        await store.ready()
        release = asyncio.Event()

        async def holding() -> None:
            async with store.pools.lists.acquire():
                await release.wait()

        async def read() -> int:
            return len((await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE)).rows)

        held = [asyncio.ensure_future(holding()) for _ in range(store.pools.lists.limit)]
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(read()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="too many requests wait for a connection"):
            await read()
        assert not any(task.done() for task in waiting)
        release.set()
        await asyncio.gather(*held)
        assert await asyncio.gather(*waiting, read()) == [0] * 4


async def test_a_pool_that_was_idle_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last connection came back long ago, but those in use were given out just now."""
    monkeypatch.setattr(connections, "STUCK_SECONDS", 1.5)
    monkeypatch.setattr(connections, "STUCK_WAITING", 3)
    async with opened(MOST_CONNECTIONS) as store:
        await store.ready()
        await asyncio.sleep(1.6)
        reads = (store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE) for _ in range(100))
        assert {len(found.rows) for found in await asyncio.gather(*reads)} == {0}


async def test_the_server_must_have_room_for_all_processes() -> None:
    address = postgres.server_address()
    db = await asyncpg.connect(address)
    allowed = int(await db.fetchval("SHOW max_connections")) - int(
        await db.fetchval("SHOW superuser_reserved_connections")
    )
    assert await check_room(address, 10) == 0
    assert await check_room(address, allowed) >= 1, "this test's own connection has one"
    with pytest.raises(StoreError, match=f"open up to {allowed + 1} connections, and the server"):
        await check_room(address, allowed + 1)
    await db.close()


async def test_a_file_has_room_for_any_number() -> None:
    assert await check_room("guanxi.db", 10**6) == 0
