"""A history over Citus while a worker node is lost and comes back, by ``make test-citus``.

Citus promises less than one server does: what commits on two nodes is seen on one before the other,
and on a node that was lost perhaps only once Citus has recovered it. So what is checked are the
results of the acts, with the reads after the recovery, and the feed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

import pytest

from guanxi.stores.postgresql import schema
from tests import postgres
from tests.history.checked import faults
from tests.history.nemesis import Fault
from tests.history.test_services import record
from tests.service.test_restarts import Service
from tests.stores.test_citus_feed import _CLUSTER, cluster, recover

pytestmark = pytest.mark.skipif(
    _CLUSTER is None, reason="GUANXI_TEST_CLUSTER names no folder of tools/cluster"
)


def test_a_worker_node_that_is_lost() -> None:
    with postgres.schema() as address:
        asyncio.run(schema.init(address, distribute=True))

        def lose() -> None:
            cluster("kill", "worker-1")
            time.sleep(1)
            cluster("wake", "worker-1")
            asyncio.run(recover(address))

        def make(_service: Service, _draw: Random) -> Sequence[Fault]:
            return lose, lose

        recorded = record(address, make, seed=14, seconds=0)
    last = max(op.process for op in recorded.ops)
    ops = [op for op in recorded.ops if op.is_act or op.process == last]
    contradicted = faults(ops, recorded.feed)
    assert recorded.refused == []
    assert contradicted == {}, "\n".join(each for some in contradicted.values() for each in some)
    print(recorded.figures)
