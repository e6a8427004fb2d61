"""On Citus, cards are read from each node by one statement, and connections are open beforehand.

Runs where ``GUANXI_TEST_POSTGRES`` names a coordinator. The test that kills a node needs
``GUANXI_TEST_CLUSTER``; ``make test-citus`` sets both.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator

import asyncpg
import pytest

from guanxi.contract.limits import OPEN
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores.postgresql import PostgreSQLStore, cards, schema
from guanxi.stores.postgresql.shards import read_shards
from tests import postgres
from tests.stores.world import people

pytestmark = [
    pytest.mark.usefixtures("runner"),
    pytest.mark.skipif(
        not os.environ.get("GUANXI_TEST_POSTGRES"),
        reason="Citus is in no package index: GUANXI_TEST_POSTGRES names a coordinator",
    ),
]

MIDS = range(1, 61)
_CLUSTER = os.environ.get("GUANXI_TEST_CLUSTER")


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of a distributed store with the accounts of ``MIDS``."""
    if not postgres.has_citus():
        pytest.skip("the server that GUANXI_TEST_POSTGRES names has no Citus")

    async def make(address: str) -> None:
        await schema.init(address, distribute=True)
        store = await PostgreSQLStore.open(address)
        await people(store, *MIDS)
        await store.close()

    with postgres.schema() as made:
        asyncio.run(make(made))
        yield made


#: The connections of guanxi, and those between nodes, on every node, and their last statements.
_CONNECTIONS = """
SELECT nodeid, result FROM run_command_on_all_nodes($$
    SELECT coalesce(json_agg(json_build_array(pid, query)), '[]') FROM pg_stat_activity
    WHERE datid IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND (application_name = 'guanxi' OR application_name LIKE 'citus_internal%')
$$)
"""


async def connections(db: asyncpg.Connection[asyncpg.Record]) -> set[tuple[int, int]]:
    """Return the node and the process of every connection of guanxi and between nodes."""
    rows = await db.fetch(_CONNECTIONS)
    return {(node, pid) for node, result in rows for pid, _ in json.loads(result)}


async def test_the_first_page_opens_no_connection_between_nodes(address: str) -> None:
    watching = await asyncpg.connect(address)
    store = await PostgreSQLStore.open(address, connections=8)
    await store.ready()
    await connections(watching)  # opens those that it needs to look
    ready = await connections(watching)
    for mid in MIDS:
        page = await store.page(Listing.FOLLOWINGS, mid, Sort.NEWEST, Window(0, 50))
        await asyncio.gather(
            store.attributes(mid, page.rows.mids),
            store.tails([*MIDS][:50]),
            store.tally(mid),
            store.session(b"%d" % mid),
        )
    assert await connections(watching) == ready
    await store.close()
    await watching.close()


async def test_each_node_gets_one_statement_for_the_cards_of_a_page(address: str) -> None:
    store = await PostgreSQLStore.open(address, connections=8)
    found = await store.tails([*MIDS, 10**9])
    db = await asyncpg.connect(address)
    assert found == await cards.tails(db, [*MIDS])
    assert await store.cards([*MIDS]) == await cards.cards(db, [*MIDS])
    assert await store.briefs([*MIDS]) == await cards.briefs(db, [*MIDS])
    shards = await read_shards(db)
    assert shards is not None
    sent = await db.fetch(
        """
        SELECT nodename || ':' || nodeport, result
        FROM run_command_on_all_nodes($$
            SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'guanxi' AND query LIKE '%account_%UNION ALL%mid = ANY%'
        $$) JOIN pg_dist_node USING (nodeid)
        """
    )
    with_cards = {node for node, number in sent if int(number)}
    assert with_cards == {shards.node_of(mid) for mid in MIDS}
    await db.close()
    await store.close()


async def test_cards_are_found_where_their_shard_has_moved(address: str) -> None:
    store = await PostgreSQLStore.open(address, connections=8)
    before = await store.tails([*MIDS])
    db = await asyncpg.connect(address)
    shards = await read_shards(db)
    assert shards is not None
    moved = shards.of(1)
    other = next(shard.node for shard in shards.all if shard.node != moved.node)
    source, target = moved.node.rpartition(":"), other.rpartition(":")
    await db.execute(
        f"SELECT citus_move_shard_placement({moved.account}, '{source[0]}', {source[2]},"
        f" '{target[0]}', {target[2]}, 'block_writes')"
    )
    assert await store.tails([*MIDS]) == before
    await store.change([Modify(1, 2, Act.FOLLOW)], OPEN.limits.caps)
    assert await store.tails([*MIDS]) == before
    await db.close()
    await store.close()


@pytest.mark.skipif(not _CLUSTER, reason="GUANXI_TEST_CLUSTER names the folder of the cluster")
async def test_cards_of_a_node_that_is_down_are_left_out(address: str) -> None:
    store = await PostgreSQLStore.open(address, connections=8)
    every = await store.tails([*MIDS])
    db = await asyncpg.connect(address)
    shards = await read_shards(db)
    assert shards is not None
    ports = {
        int(port)
        for (port,) in await db.fetch("SELECT nodeport FROM pg_dist_node WHERE groupid > 0")
    }
    await db.close()
    lost = f"127.0.0.1:{min(ports)}"
    there = {mid: tail for mid, tail in every.items() if shards.node_of(mid) != lost}
    assert 0 < len(there) < len(every)
    command = ["bash", "tools/cluster", "kill", str(_CLUSTER), "worker-1"]
    subprocess.run(command, check=True)
    try:
        assert await store.tails([*MIDS]) == there
        assert (await store.cards([*MIDS])).keys() == there.keys()
    finally:
        subprocess.run(["bash", "tools/cluster", "wake", str(_CLUSTER), "worker-1"], check=True)
    for _ in range(200):  # an old connection of the coordinator may fail once
        if await store.tails([*MIDS]) == every:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("cards are left out although their node is back")
    await store.close()
