"""The feed of changes on Citus: numbers of the whole cluster, and nodes that are lost.

Runs where ``GUANXI_TEST_POSTGRES`` names a coordinator. ``test_feed``, ``test_feed_readers`` and
``test_postgresql_feed`` run there as well. The tests that stop nodes need ``GUANXI_TEST_CLUSTER``,
the folder of a cluster that ``tools/cluster`` started; ``make test-citus`` sets both.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from guanxi.contract.limits import Limits
from guanxi.graph.feed import Model, Record
from guanxi.graph.pair import Act, Modify
from guanxi.stores import open_store
from guanxi.stores.port import Store, StoreError, StoreUnavailable
from guanxi.stores.postgresql import citus, feed, schema
from tests import postgres
from tests.counts import count
from tests.stores.replay import apply_item, stored_sides
from tests.stores.test_feed_readers import not_in_order
from tests.stores.world import follow, people

pytestmark = [
    pytest.mark.usefixtures("runner"),
    pytest.mark.skipif(
        not os.environ.get("GUANXI_TEST_POSTGRES"),
        reason="Citus is in no package index: GUANXI_TEST_POSTGRES names a coordinator",
    ),
]

#: A sort key of the present.
NOW = 1_700_000_000 << 16
_CLUSTER = os.environ.get("GUANXI_TEST_CLUSTER")
Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(autouse=True)
def _on_citus() -> None:
    if not postgres.has_citus():
        pytest.skip("the server that GUANXI_TEST_POSTGRES names has no Citus")


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of a distributed store with the accounts 1 to 9 and its feed on."""

    async def make(address: str) -> None:
        await schema.init(address, distribute=True)
        store = await open_store(address)
        await people(store, *range(1, 10))
        await store.set_changes(True)
        await store.close()

    with postgres.schema() as made:
        asyncio.run(make(made))
        yield made


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    store = await open_store(address)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Database]:
    db = await asyncpg.connect(address)
    try:
        yield db
    finally:
        await db.close()


async def workers(db: Database, address: str) -> list[str]:
    """Return the store's address on each worker."""
    parts = urlsplit(address)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    nodes = await db.fetch(
        "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeid"
    )
    return [urlunsplit(parts._replace(netloc=f"{user}{host}:{port}")) for host, port in nodes]


async def end(store: Store) -> str:
    return (await store.changes_status()).cursor


async def read(store: Store, after: str) -> list[tuple[str, int, int]]:
    found = await store.changes(after, 1_000)
    return [(item.kind, item.actor, item.target) for item in found.items]


async def test_services_of_every_node_append_to_one_sequence(address: str) -> None:
    async with connected(address) as db, opened(address) as store:
        start = await end(store)
        others = [await open_store(worker) for worker in await workers(db, address)]
        stores = [store, *others]
        for target, each in zip(range(2, 10), cycle(stores), strict=False):
            await follow(each, 1, target)
        expected = [("follow", 1, target) for target in range(2, 10)]
        ends = {await end(each) for each in stores}
        assert len(ends) == 1
        for each in stores:
            assert await read(each, start) == expected
        for other in others:
            await other.close()


async def test_a_change_is_on_the_shard_of_its_actor(address: str) -> None:
    async with connected(address) as db:
        groups = await db.fetch(
            "SELECT DISTINCT colocationid FROM pg_dist_partition"
            " WHERE logicalrelid IN ('relation'::regclass, 'change'::regclass)"
        )
        assert len(groups) == 1


async def test_a_number_is_logged_before_any_node_shows_it(address: str) -> None:
    """The coordinator prepares each transaction, also one that has its rows on one node."""
    async with connected(address) as db:
        plain = await prepared_by(db, address, append=False)
        assert (plain, await prepared_by(db, address, append=True)) == (0, 1)


async def prepared_by(db: Database, address: str, *, append: bool) -> int:
    """Return how many transactions a change of one account's row is for the nodes, if prepared."""
    async with connected(address) as writer:
        process = writer.get_server_pid()
        await writer.execute("BEGIN")
        await writer.execute("SELECT mid FROM tally WHERE mid = 1 FOR UPDATE")
        await writer.execute("UPDATE tally SET newest = newest + 1 WHERE mid = 1")
        if append:
            await feed.append(writer, NOW, Record("follow", 1, 9))
        await writer.execute("COMMIT")
    # Kept until Citus's maintenance finds them: a minute.
    return int(
        await db.fetchval(
            "SELECT count(*) FROM pg_dist_transaction WHERE gid LIKE $1", f"citus_0_{process}_%"
        )
    )


async def test_appending_transactions_do_not_wait_for_each_other(address: str) -> None:
    async with connected(address) as first, connected(address) as second, opened(address) as store:
        start = await end(store)
        for db, mid in ((first, 3), (second, 4)):
            await db.execute("SET statement_timeout = '10s'")
            await db.execute("BEGIN")
            await db.fetch("SELECT mid FROM tally WHERE mid = $1 FOR UPDATE", mid)
            await feed.append(db, NOW, Record("follow", mid, 9))
        await second.execute("COMMIT")
        assert await read(store, start) == []
        await first.execute("COMMIT")
        assert await read(store, start) == [("follow", 3, 9), ("follow", 4, 9)]


async def test_a_reader_does_not_pass_a_number_whose_change_is_not_inserted_yet(
    address: str,
) -> None:
    async with connected(address) as db, opened(address) as store:
        start = await end(store)
        await db.execute("BEGIN")
        await db.execute(citus._BEGIN_APPEND)
        await db.fetch(citus._DRAW, 1)
        await follow(store, 4, 5)
        assert await read(store, start) == []
        await db.execute("ROLLBACK")
        assert await read(store, start) == [("follow", 4, 5)]


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
async def test_a_reader_does_not_pass_what_a_lost_node_left_prepared(
    address: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No session holds the number any more, and the worker commits it when it is recovered."""
    monkeypatch.setattr(feed, "SETTLE_SECONDS", 0.05)
    async with connected(address) as db, opened(address) as store:
        start = await end(store)
        worker_address, insert = await part_of(db, address)
        async with connected(worker_address) as worker:
            await worker.execute(insert)
            await worker.execute("PREPARE TRANSACTION 'left'")
        try:
            await follow(store, 4, 5)
            assert await read(store, start) == []
            with pytest.raises(StoreUnavailable, match="does not end"):
                await store.changes_status()
        finally:
            async with connected(worker_address) as worker:
                await worker.execute(f"{ending} PREPARED 'left'")
        late = [("follow", 3, 9)] if ending == "COMMIT" else []
        assert await read(store, start) == [*late, ("follow", 4, 5)]
        assert await read(store, await end(store)) == []


async def part_of(db: Database, address: str) -> tuple[str, str]:
    """Draw a number without a lock, for a change of account 3, as if its session were lost.

    Return the address of the node of the account's shard, and what begins the transaction there.
    """
    [number] = [row[0] for row in await db.fetch(citus._DRAW, 1)]
    node, shard = await shard_of(db, address, "change", 3)
    return node, (
        "SET citus.enable_manual_changes_to_shards = on; BEGIN;"
        f" INSERT INTO {shard} (number, time, kind, actor, target, body)"
        f" VALUES ({number}, 1, 'follow', 3, 9, '[{{}},{{}}]')"
    )


async def shard_of(db: Database, address: str, table: str, mid: int) -> tuple[str, str]:
    """Return the address of the node that has an account's shard of a table, and the shard."""
    shard, host, port = await db.fetchrow(
        "SELECT shard_name($1::text::regclass, shardid), nodename, nodeport"
        " FROM pg_dist_placement JOIN pg_dist_node USING (groupid)"
        " WHERE shardid = get_shard_id_for_distribution_column($1::text::regclass, $2::bigint)",
        table,
        mid,
    ) or ("", "", 0)
    parts = urlsplit(address)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}{host}:{port}")), shard


async def test_a_part_that_is_prepared_while_a_reader_waits_is_waited_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``COMMIT`` in two phases does, when its session is lost before the second."""
    monkeypatch.setattr(feed, "SETTLE_SECONDS", 30.0)
    async with connected(address) as db, opened(address) as store:
        start = await end(store)
        worker_address, insert = await part_of(db, address)
        async with connected(worker_address) as worker:
            await worker.execute(insert)
            await follow(store, 4, 5)
            reading = asyncio.create_task(read(store, start))
            await asyncio.sleep(2.0)
            assert not reading.done()
            await worker.execute("PREPARE TRANSACTION 'late'")
            await asyncio.sleep(1.0)
            await worker.execute("COMMIT PREPARED 'late'")
        assert await reading == [("follow", 3, 9), ("follow", 4, 5)]


async def test_the_floor_is_raised_before_anything_is_deleted(address: str) -> None:
    async with connected(address) as db, opened(address) as store:
        start = await end(store)
        await follow(store, 1, *range(2, 8))
        async with db.transaction():
            assert await feed.trim(db, 0, None, 2) == (0, True)
        assert await db.fetchval("SELECT count(*) FROM change") == 6
        with pytest.raises(StoreError, match="were deleted"):
            await store.changes(start)
        assert await store.trim_changes(keep_rows=2) == 4
        assert [target for _, _, target in await read_all_kept(store)] == [6, 7]


async def read_all_kept(store: Store) -> list[tuple[str, int, int]]:
    found = await store.changes(None, 1_000)
    return [(item.kind, item.actor, item.target) for item in found.items]


async def test_an_older_distributed_store_says_how_to_distribute_its_changes(address: str) -> None:
    async with connected(address) as db, opened(address) as store:
        await store.set_changes(False)
        await db.execute("SELECT undistribute_table('change')")
        await db.execute("DROP TABLE change_source")
        with pytest.raises(StoreError, match="store init ADDRESS --distribute"):
            await store.set_changes(True)
        assert not await store.set_changes(False)
        assert not await schema.init(address, distribute=True)
        assert await store.set_changes(True)
        await follow(store, 1, 2)
        assert await read_all_kept(store) == [("follow", 1, 2)]


# --- nodes that are lost ---


async def test_a_restored_dump_is_distributed_and_its_feed_is_that_of_all_nodes() -> None:
    """``pg_dump`` of a coordinator has all tables as plain ones, ``change_source`` too."""
    with postgres.schema() as address:
        await schema.init(address, distribute=False)
        async with connected(address) as db:
            await db.execute("CREATE TABLE change_source (sequence text PRIMARY KEY)")
            await db.execute("INSERT INTO change_source (sequence) VALUES ('change_number')")
            await schema.init(address, distribute=True)
            [worker, *_] = await workers(db, address)
        async with opened(worker) as store:
            await people(store, 1, 2)
            await store.set_changes(True)
            await follow(store, 1, 2)
            assert [item.kind for item in (await store.changes()).items] == ["follow"]


def cluster(verb: str, node: str) -> None:
    """Kill or start a node of the cluster."""
    assert _CLUSTER is not None
    script = Path(__file__).parents[2] / "tools" / "cluster"
    subprocess.run(["bash", script, verb, _CLUSTER, node], check=True, timeout=120)


@pytest.mark.skipif(_CLUSTER is None, reason="GUANXI_TEST_CLUSTER names no folder of tools/cluster")
async def test_nothing_is_lost_or_read_twice_when_nodes_are_killed(address: str) -> None:
    """Workers and the coordinator are killed in turn, while accounts follow and a reader reads."""
    committed: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    found: list[tuple[str, int, int]] = []
    numbers: list[int] = []
    stopping, written = asyncio.Event(), asyncio.Event()
    caps = Limits().caps

    async def write(store: Store, owner: int) -> None:
        draw = Random(owner)
        while not stopping.is_set():
            target = draw.choice([mid for mid in range(1, 10) if mid != owner])
            act = draw.choice([Act.FOLLOW, Act.UNFOLLOW])
            try:
                [code] = await store.change([Modify(owner, target, act)], caps)
            except StoreError:
                await asyncio.sleep(0.05)  # it may be committed
            else:
                if code == 0:
                    committed[owner].append((act.name.lower(), owner, target))

    async def follow_feed(store: Store, cursor: str) -> str:
        while True:
            was_written = written.is_set()
            try:
                page = await store.changes(cursor, 50, wait=0.5)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            cursor = page.cursor
            for item in page.items:
                numbers.append(item.number)
                found.append((item.kind, item.actor, item.target))
            if was_written and not page.items:
                return cursor

    async def kill_nodes() -> None:
        for node in ["worker-1", "worker-2", "coordinator"] * count(1, 4):
            await asyncio.sleep(1.0)
            await asyncio.to_thread(cluster, "kill", node)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(cluster, "wake", node)
            await recover(address)
        await asyncio.sleep(1.0)
        stopping.set()

    async def run(store: Store, reader: Store, start: str) -> None:
        reading = asyncio.create_task(follow_feed(reader, start))
        await asyncio.gather(kill_nodes(), *(write(store, mid) for mid in range(1, 10)))
        await end(reader)  # nothing is under way
        written.set()
        await reading

    async with opened(address) as store, opened(address) as reader:
        start = await end(store)
        await run(store, reader, start)
        assert numbers == sorted(set(numbers))
        by_owner: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        for each in found:
            by_owner[each[1]].append(each)
        for owner in range(1, 10):
            # An unfollow of someone who is not followed answers 0 and changes nothing.
            follows = [each for each in committed[owner] if each[0] == "follow"]
            assert follows
            assert not_in_order(follows, by_owner[owner]) == []
        model = Model()
        page = await reader.changes(start, 1_000)
        while page.items:
            for item in page.items:
                apply_item(model, item)
            page = await reader.changes(page.cursor, 1_000)
        assert model.sides == await stored_sides(reader)


@pytest.mark.skipif(_CLUSTER is None, reason="GUANXI_TEST_CLUSTER names no folder of tools/cluster")
async def test_the_last_look_shows_what_is_prepared_on_a_node_that_was_restarted(
    address: str,
) -> None:
    async with connected(address) as db:
        worker_address, insert = await part_of(db, address)
        async with connected(worker_address) as worker:
            await worker.execute(insert)
            await worker.execute("PREPARE TRANSACTION 'restarted'")
        _, parts, prepared = citus.LOOKS
        before = await parts(db)
        assert await prepared(db) == before != set()
        node = await db.fetchval(
            "SELECT 'worker-' || rank FROM ("
            " SELECT nodeport, rank() OVER (ORDER BY nodeport) AS rank FROM pg_dist_node"
            " WHERE groupid > 0) AS ranked WHERE nodeport = $1",
            urlsplit(worker_address).port,
        )
        await asyncio.to_thread(cluster, "kill", node)
        with pytest.raises(StoreUnavailable):
            await parts(db)
        await asyncio.to_thread(cluster, "wake", node)
        assert not before & await parts(db)
        assert await prepared(db)
        async with connected(worker_address) as worker:
            await worker.execute("ROLLBACK PREPARED 'restarted'")


async def recover(address: str) -> None:
    """Have Citus finish what a lost node left prepared, which it does each minute alone."""
    while True:
        try:
            async with connected(address) as db:
                await db.execute("SELECT recover_prepared_transactions()")
                return
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.1)
