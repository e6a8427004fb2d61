"""Writes that the PostgreSQL store no longer does once their caller has its response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import pytest

from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores import open_store
from guanxi.stores.port import Store, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql import writer
from guanxi.stores.postgresql.engine import Engine
from tests import postgres
from tests.stores.world import do, faults, people

pytestmark = pytest.mark.usefixtures("runner")

#: The lock of an import.
LOCK = "BEGIN; LOCK TABLE tally, relation IN SHARE ROW EXCLUSIVE MODE"
FANS = range(10, 50)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[tuple[Store, asyncpg.Connection[asyncpg.Record]]]:
    """Provide a store with accounts, and another client's connection to the same tables."""
    store = await open_store(address, create=True)
    try:
        await people(store, 1, 2, *FANS)
        other = await asyncpg.connect(address)
        try:
            yield store, other
        finally:
            await other.close()
    finally:
        await store.close()


async def background_ended(before: set[asyncio.Task[object]]) -> None:
    """Wait for the tasks that were started since ``before`` was taken."""
    while rest := asyncio.all_tasks() - before:
        await asyncio.wait(rest)


async def follows(store: Store) -> set[int]:
    return {mid for mid in FANS if 1 in await store.attributes(mid, [1])}


async def follow_within(store: Store, fan: int, seconds: float) -> list[int] | str:
    """Follow account 1 as the service does; return the codes, or what it answers without them."""
    try:
        async with asyncio.timeout(seconds):
            return await do(store, Modify(fan, 1, Act.FOLLOW))
    except (TimeoutError, StoreTimeout):
        return "-504"
    except StoreUnavailable:
        return "-503"


async def test_no_follow_appears_after_its_caller_has_gone(address: str) -> None:
    before = asyncio.all_tasks()
    async with opened(address) as (store, other):
        await other.execute(LOCK)
        answers = await asyncio.gather(*(follow_within(store, fan, 0.5) for fan in FANS))
        assert set(answers) == {"-504"}
        assert await follows(store) == set()
        await other.execute("ROLLBACK")
        await background_ended(before)
        assert await follows(store) == set()
        assert await follow_within(store, 10, 10) == [0]
        assert await faults(store) == []


async def test_no_follow_is_begun_when_it_has_waited_too_long(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_SECONDS", 0.5)
    before = asyncio.all_tasks()
    async with opened(address) as (store, other):
        await other.execute(LOCK)
        follows_of_all = [asyncio.create_task(follow_within(store, fan, 30)) for fan in FANS]
        await asyncio.wait(follows_of_all, return_when=asyncio.FIRST_COMPLETED)
        await other.execute("ROLLBACK")
        answers = dict(zip(FANS, await asyncio.gather(*follows_of_all), strict=True))
        await background_ended(before)
        assert set(map(str, answers.values())) <= {"-503", "[0]"}
        # At most those whose turn had come when the lock was released were written.
        refused = {fan for fan, answer in answers.items() if answer == "-503"}
        assert len(refused) >= len(FANS) - 2 * writer.LANES
        assert await follows(store) == set(FANS) - refused


SLOW_COMMIT = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION be_slow();
"""


async def follow_1(store: Store) -> None:
    await do(store, Modify(10, 1, Act.FOLLOW))


async def follow_is_stored(store: Store) -> bool:
    return await follows(store) == {10}


async def sign(store: Store) -> None:
    await accounts.put(store, 10, {"sign": "late"})


async def sign_is_stored(store: Store) -> bool:
    return (await store.cards([10]))[10].sign == "late"


@pytest.mark.parametrize(
    ("table", "write", "is_stored"),
    [("tally", follow_1, follow_is_stored), ("account", sign, sign_is_stored)],
    ids=["shared", "alone"],
)
async def test_who_is_cancelled_during_a_commit_reads_what_it_wrote(
    address: str,
    table: str,
    write: Callable[[Store], Awaitable[None]],
    is_stored: Callable[[Store], Awaitable[bool]],
) -> None:
    if postgres.has_citus():
        pytest.skip("distributed tables have no triggers")
    async with opened(address) as (store, other):
        await other.execute(SLOW_COMMIT.format(table=table))
        writing = asyncio.ensure_future(write(store))
        async with asyncio.timeout(10):
            while not await other.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            ):
                await asyncio.sleep(0.005)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await is_stored(store)


async def test_a_write_cancelled_at_its_begin_leaves_no_transaction_open(address: str) -> None:
    async with opened(address) as (store, _):
        engine = cast(Engine, store)
        for turns in range(20):  # of the loop, before it is cancelled; at some BEGIN is under way
            writing = asyncio.ensure_future(sign(store))
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            for connection in engine.writer._connections._idle:
                await connection.fetchval("SELECT 1")  # the state is known after the next response
                assert not connection.is_in_transaction()


async def test_close_refuses_the_writes_that_wait_to_be_retried_alone(address: str) -> None:
    async with opened(address) as (store, other):
        await other.execute(LOCK)
        following = [asyncio.ensure_future(do(store, Modify(fan, 1, Act.FOLLOW))) for fan in FANS]
        while len(cast(Engine, store).writer._tasks) <= writer.LANES:
            await asyncio.sleep(0.005)
        await store.close()
        done, waiting = await asyncio.wait(following, timeout=10)
        assert {str(one.exception()) for one in done} == {"the store is closed"}
        assert waiting == set()
