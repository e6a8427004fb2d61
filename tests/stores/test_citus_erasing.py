"""An erasure on Citus waits for writes that began before it, at any node.

Runs where ``GUANXI_TEST_POSTGRES`` names a coordinator; ``test_erasing`` runs there as well.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from guanxi.graph.pair import Act, Modify, sort_key_at
from guanxi.operations import erasing
from guanxi.stores.port import Store
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.connections import PATIENT, connect
from guanxi.stores.postgresql.pairs import lock, modify
from guanxi.stores.postgresql.rows import write
from tests import postgres
from tests.stores.test_citus_feed import connected, opened, shard_of, workers
from tests.stores.world import LIMITS, faults, people

pytestmark = [
    pytest.mark.usefixtures("runner"),
    pytest.mark.skipif(
        not os.environ.get("GUANXI_TEST_POSTGRES"),
        reason="Citus is in no package index: GUANXI_TEST_POSTGRES names a coordinator",
    ),
]


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of a distributed store, without data."""
    if not postgres.has_citus():
        pytest.skip("the server that GUANXI_TEST_POSTGRES names has no Citus")
    with postgres.schema() as made:
        asyncio.run(schema.init(made, distribute=True))
        yield made


async def stage_after_a_while(store: Store, erasure: asyncio.Task[object]) -> str:
    await asyncio.wait([erasure], timeout=1.0)
    begun = await store.erasure(1)
    assert begun is not None
    return begun.stage


async def test_it_waits_for_a_follow_by_a_service_at_a_worker(address: str) -> None:
    async with connected(address) as db:
        [worker, *_] = await workers(db, address)
    async with opened(address) as store:
        await people(store, 1, 2)
        act, now = Modify(2, 1, Act.FOLLOW), sort_key_at(time.time_ns())
        db = await connect(worker, PATIENT)
        try:
            await db.execute("BEGIN")
            locked = await lock(db, [act], (), now)
            assert modify(locked, act, LIMITS) == 0
            erasure = asyncio.create_task(erasing.erase(store, 1))
            assert await stage_after_a_while(store, erasure) == "waiting"
            await write(db, locked, 0)
            await db.execute("COMMIT")
        finally:
            await db.close()
        assert (await erasure).counts == {"followers": 1, "account": 1}
        assert (await store.tally(2)).following == 0
        assert await faults(store) == []


async def test_it_waits_for_what_a_lost_node_left_prepared(address: str) -> None:
    async with opened(address) as store:
        await people(store, 1, 2)
        async with connected(address) as db:
            node, shard = await shard_of(db, address, "tally", 2)
        async with connected(node) as worker:
            await worker.execute(
                "SET citus.enable_manual_changes_to_shards = on; BEGIN;"
                f" SELECT mid FROM {shard} WHERE mid = 2 FOR UPDATE;"
                " PREPARE TRANSACTION 'left behind'"
            )
            try:
                erasure = asyncio.create_task(erasing.erase(store, 1))
                assert await stage_after_a_while(store, erasure) == "waiting"
            finally:
                await worker.execute("ROLLBACK PREPARED 'left behind'")
        assert (await erasure).counts == {"account": 1}
