"""Nodes of a Citus cluster are killed while accounts are erased.

Needs ``GUANXI_TEST_CLUSTER``, the folder of a cluster that ``tools/cluster`` started; ``make
test-citus`` sets it. ``-s`` shows at which stage a node was lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import cycle
from random import Random

import pytest

from guanxi.operations import erasing
from guanxi.stores import open_store
from guanxi.stores.port import Erasure, Store, StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql import schema
from tests import postgres
from tests.counts import count
from tests.stores.erasure_world import MIDS, assert_counted, random_world, rows_naming, seen
from tests.stores.test_citus_feed import cluster
from tests.stores.world import faults

pytestmark = [
    pytest.mark.usefixtures("runner"),
    pytest.mark.skipif(
        os.environ.get("GUANXI_TEST_CLUSTER") is None,
        reason="GUANXI_TEST_CLUSTER names no folder of tools/cluster",
    ),
]

_NODES = ("worker-1", "coordinator", "worker-2")
#: The seconds that a node is down, and between two attempts to continue.
_DOWN, _AGAIN = 1.5, 0.1


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.schema() as made:
        asyncio.run(schema.init(made, distribute=True))
        yield made


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an erasure have many transactions: each changes few rows."""
    for name, rows in {"PAIRS": 1, "DOCUMENTS": 1, "LOOKS": 10}.items():
        monkeypatch.setattr(f"guanxi.stores.postgresql.erasing.{name}", rows)


async def erase_whole(store: Store, mid: int) -> tuple[Erasure, list[str]]:
    """Erase an account however often it fails; return its erasure and the names of the errors."""
    errors: list[str] = []
    while True:
        try:
            return await erasing.erase(store, mid), errors
        except (StoreUnavailable, StoreTimeout) as error:
            errors.append(type(error).__name__)
            await asyncio.sleep(_AGAIN)


async def stage_of(store: Store, mid: int) -> str:
    try:
        erasure = await store.erasure(mid)
    except StoreError:
        return "a stage that nobody can read"
    return "none" if erasure is None else erasure.stage


@pytest.mark.parametrize("seed", range(count(1, 4)))
async def test_an_erasure_is_whole_however_nodes_are_killed(seed: int, address: str) -> None:
    draw = Random(seed)
    nodes = cycle(_NODES)
    store = await open_store(address)
    try:
        await random_world(store, draw)
        interrupted = 0
        for erased in range(1, 4):
            mid, rest = MIDS[erased - 1], MIDS[erased:]
            expected = await seen(store, without=mid)
            assert await rows_naming(address, mid) != []
            task = asyncio.create_task(erase_whole(store, mid))
            await asyncio.sleep(draw.uniform(0.0, 0.5))
            node = next(nodes)
            await asyncio.to_thread(cluster, "kill", node)
            at = await stage_of(store, mid)
            await asyncio.sleep(_DOWN)
            await asyncio.to_thread(cluster, "wake", node)
            erasure, errors = await asyncio.wait_for(task, 120)
            print(f"{node} was killed, then {at}; {len(errors)} errors: {sorted({*errors})}")
            interrupted += bool(errors)
            assert erasure.counts["account"] == 1
            assert await faults(store) == []
            assert await rows_naming(address, mid) == []
            assert await seen(store) == expected
            await assert_counted(store, rest)
        assert interrupted
    finally:
        await store.close()
