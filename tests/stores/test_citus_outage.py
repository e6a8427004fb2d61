"""One node of a Citus cluster is killed under load, or loses its shards to another.

Needs ``GUANXI_TEST_CLUSTER``, the folder of a cluster that ``tools/cluster`` started; ``make
test-citus`` sets it. Figures are printed: ``-s`` shows them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from random import Random

import asyncpg
import pytest

from guanxi.accounts.secrets import Session, TokenKind, session_digest, session_token
from guanxi.graph.pair import Act, Modify
from guanxi.stores import open_store
from guanxi.stores.port import Store, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.shards import Shards, hash_of, read_shards
from tests import postgres
from tests.counts import count
from tests.stores.test_citus_feed import cluster
from tests.stores.world import LIMITS, faults, people

pytestmark = [
    pytest.mark.usefixtures("runner"),
    pytest.mark.skipif(
        os.environ.get("GUANXI_TEST_CLUSTER") is None,
        reason="GUANXI_TEST_CLUSTER names no folder of tools/cluster",
    ),
]

_ACCOUNTS = range(1, 161)
_CLIENTS = 16
#: The seconds of load before a node is killed, while it is down, and after it is back.
_BEFORE, _DOWN, _AFTER = 2.0, 3.0, 3.0
_RETRY_SECONDS = 0.05
#: The follows of each kind before the load counts: connections are opened meanwhile.
_WARM = 200


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.schema() as made:
        asyncio.run(schema.init(made, distribute=True))
        yield made


async def shards_of(address: str) -> Shards:
    db = await asyncpg.connect(address)
    try:
        found = await read_shards(db)
        assert found is not None
        return found
    finally:
        await db.close()


async def prepared(address: str) -> int:
    """Return how many transactions of all nodes have been prepared for seconds."""
    db = await asyncpg.connect(address)
    try:
        return int(await db.fetchval(_PREPARED))
    finally:
        await db.close()


_PREPARED = """
SELECT sum(result::integer) FROM run_command_on_all_nodes(
    $$SELECT count(*) FROM pg_prepared_xacts WHERE prepared < now() - interval '2 s'$$
)
"""


@dataclass
class Load:
    """Clients that follow, each with pairs of its own; ``answers`` has what they got, and when."""

    store: Store
    answered: set[tuple[int, int]] = field(default_factory=set)
    #: Ends (monotonic seconds), seconds that it took, and the error, None for success.
    answers: list[tuple[float, float, str | None]] = field(default_factory=list)

    async def run(self, pairs: Iterator[tuple[int, int]], stopped: asyncio.Event) -> None:
        for pair in pairs:
            if stopped.is_set():
                return
            begun, error = time.monotonic(), None
            try:
                [code] = await self.store.change([Modify(*pair, Act.FOLLOW)], LIMITS)
                assert code == 0
                self.answered.add(pair)
            except StoreUnavailable:
                error = "503"
            except StoreTimeout:
                error = "504"
            ended = time.monotonic()
            self.answers.append((ended, ended - begun, error))
            if error:
                await asyncio.sleep(_RETRY_SECONDS)

    def rate(self, since: float, until: float) -> float:
        done = sum(error is None and since <= at < until for at, _, error in self.answers)
        return done / (until - since)

    def slowest(self, since: float, until: float, *, refused: bool) -> float:
        return max(
            (
                took
                for at, took, error in self.answers
                if since <= at - took < until and (error is not None) == refused
            ),
            default=0.0,
        )


async def test_a_node_that_is_killed_stops_nobody_else(address: str) -> None:
    """Nothing answered is lost, pairs of living nodes go on, the others are refused at once."""
    shards = await shards_of(address)
    store = await open_store(address)
    try:
        await people(store, *_ACCOUNTS)
        pairs = list(permutations(_ACCOUNTS, 2))
        Random(7).shuffle(pairs)
        nodes = sorted({shards.node_of(mid) for mid in _ACCOUNTS})
        lost, kept = nodes[:1], nodes[1:]
        live = [pair for pair in pairs if {*map(shards.node_of, pair)} <= {*kept}]
        dead = [pair for pair in pairs if {*map(shards.node_of, pair)} & {*lost}]
        digests = []
        for mid in (live[0][0], next(m for m in _ACCOUNTS if shards.node_of(m) in lost)):
            digests.append(session_digest(session_token(mid)))
            session = Session(
                digest=digests[-1], mid=mid, kind=TokenKind.APP, created=1, expires=2**40
            )
            assert await store.open_session(session) is None
        living, others = Load(store), Load(store)
        alive, gone = iter(live), iter(dead)
        for _ in range(count(1, 10)):
            await outage(address, living, others, alive, gone, digests)
        followed = living.answered | others.answered
        stored = {(row.follower, row.followed) async for row in store.edges()}
        assert followed <= stored
        assert await faults(store) == []
    finally:
        await store.close()


async def test_shards_move_under_load(address: str) -> None:
    """No call fails while a shard moves to another node and back."""
    store = await open_store(address)
    db = await asyncpg.connect(address)
    try:
        await people(store, *_ACCOUNTS)
        pairs = list(permutations(_ACCOUNTS, 2))
        Random(8).shuffle(pairs)
        found = await db.fetchrow(_MOVE_OF)
        assert found is not None
        shard, low, high, *nodes = found
        moved = {mid for mid in _ACCOUNTS if low <= hash_of(mid) <= high}
        apart, others = Load(store), Load(store)
        stay = (pair for pair in pairs if not moved & {*pair})
        move = (pair for pair in pairs if moved & {*pair})
        stopped = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(_CLIENTS // 2):
                group.create_task(apart.run(stay, stopped))
                group.create_task(others.run(move, stopped))
            while min(len(apart.answered), len(others.answered)) < _WARM:
                await asyncio.sleep(0.1)
            for _ in range(count(1, 5)):
                begun = time.monotonic()
                await db.execute(_MOVE, shard, *nodes)
                await db.execute(_MOVE, shard, *nodes[2:], *nodes[:2])
                ended = time.monotonic()
                for name, load in (("its accounts", others), ("others", apart)):
                    print(
                        f"moved there and back in {ended - begun:.1f} s; of {name}"
                        f" {load.rate(begun, ended):.0f} follows a second, the slowest"
                        f" {load.slowest(begun, ended, refused=False):.2f} s"
                    )
            stopped.set()
        assert [error for _, _, error in apart.answers + others.answers if error] == []
        stored = {(row.follower, row.followed) async for row in store.edges()}
        assert stored == apart.answered | others.answered
        assert await faults(store) == []
    finally:
        await db.close()
        await store.close()


_MOVE_OF = """
SELECT shardid, shardminvalue::integer, shardmaxvalue::integer,
    old.nodename, old.nodeport, new.nodename, new.nodeport
FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node AS old USING (groupid)
JOIN pg_dist_node AS new ON new.groupid > 0 AND new.groupid <> old.groupid
WHERE logicalrelid = 'relation'::regclass ORDER BY shardid LIMIT 1
"""
_MOVE = "SELECT citus_move_shard_placement($1, $2, $3, $4, $5, 'force_logical')"


async def outage(
    address: str,
    living: Load,
    others: Load,
    alive: Iterator[tuple[int, int]],
    gone: Iterator[tuple[int, int]],
    digests: Sequence[bytes],
) -> None:
    """Kill a node under load and start it again; print the figures.

    ``digests`` are those of a session of a living account and of one on that node.
    """
    living.answers.clear()
    others.answers.clear()
    stopped = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS // 2):
            group.create_task(living.run(alive, stopped))
            group.create_task(others.run(gone, stopped))
        while min(len(living.answered), len(others.answered)) < _WARM:
            await asyncio.sleep(0.1)
        start = time.monotonic()
        await asyncio.sleep(_BEFORE)
        killed = time.monotonic()
        await asyncio.to_thread(cluster, "kill", "worker-1")
        down = time.monotonic()
        await asyncio.sleep(_DOWN)
        assert await living.store.session(digests[0]) is not None
        with pytest.raises(StoreUnavailable):
            await living.store.session(digests[1])
        woken = time.monotonic()
        await living.store.ready()  # for the living accounts
        await asyncio.to_thread(cluster, "wake", "worker-1")
        back = time.monotonic()
        await asyncio.sleep(_AFTER)
        end = time.monotonic()
        stopped.set()
    # Citus alone would finish them within a minute.
    assert await prepared(address) == 0
    assert await living.store.session(digests[1]) is not None
    first = min(at for at, _, error in others.answers if error is None and at - _ > woken)
    print(
        f"follows a second of living pairs {living.rate(start, killed):.0f},"
        f" down {living.rate(down, woken):.0f}, back {living.rate(back, end):.0f};"
        f" of others {others.rate(start, killed):.0f},"
        f" down {others.rate(down, woken):.0f}, back {others.rate(back, end):.0f};"
        f" slowest refusal {others.slowest(killed, woken, refused=True):.2f} s,"
        f" slowest of living pairs {living.slowest(killed, woken, refused=False):.2f} s;"
        f" back after {first - back:.2f} s;"
        f" errors of living pairs {Counter(e for _, _, e in living.answers if e)},"
        f" of others {Counter(e for _, _, e in others.answers if e)}"
    )
