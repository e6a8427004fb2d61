"""Acts that share a transaction: few statements, one write of each row, and no lost change."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import product
from random import Random
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify, sort_key_at
from guanxi.operations import accounts
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.citus import distributes
from guanxi.stores.postgresql.pairs import lock, modify
from guanxi.stores.postgresql.rows import write
from tests import postgres
from tests.counts import count
from tests.stores.test_group_deletion import Counting
from tests.stores.test_postgresql_faults import DEADLOCKS, client, opened
from tests.stores.world import LIMITS, do, faults, listed, people

pytestmark = pytest.mark.usefixtures("runner")

NOW = sort_key_at(2 * 10**18)
WRITTEN = """
SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
WHERE relid = 'relation'::regclass
"""


@pytest.fixture
def address(address: str) -> str:
    """Return the address of an empty schema, or of a distributed store on a Citus cluster."""
    if postgres.has_citus():
        asyncio.run(schema.init(address, distribute=True))
    return address


async def apply(db: asyncpg.Connection[asyncpg.Record], *acts: Modify, now: int = NOW) -> list[int]:
    """Apply acts on pairs in the open transaction, as the writer does."""
    locked = await lock(db, acts, (), now, cap=LIMITS.following)
    codes = [modify(locked, act, LIMITS) for act in acts]
    await write(db, locked, 0)
    return codes


async def test_the_statements_of_a_transaction_do_not_grow_with_its_acts(address: str) -> None:
    sent = []
    async with opened(address) as store, client(address) as db:
        await people(store, *range(1, 41))
        await distributes(db)
        for acts in (
            [Modify(1, 2, Act.FOLLOW)],
            [Modify(mid, mid + 20, Act.FOLLOW) for mid in range(3, 20)],
        ):
            counting: Any = Counting(db)
            await distributes(counting)  # is read once for each connection
            counting.sent = 0
            async with db.transaction():
                assert await apply(counting, *acts) == [0] * len(acts)
            sent.append(counting.sent)
    assert sent[0] == sent[1] <= 5


async def test_a_first_follow_writes_each_row_once(address: str) -> None:
    postgres.skip_on_citus("the coordinator does not count the rows of shards")
    async with opened(address) as store, client(address) as db:
        await people(store, 1, 2, 3, 4)
        async with db.transaction():
            acts = Modify(2, 1, Act.FOLLOW), Modify(3, 4, Act.FOLLOW), Modify(3, 1, Act.FOLLOW)
            assert await apply(db, *acts) == [0, 0, 0]
            assert [tuple(row) for row in await db.fetch(WRITTEN)] == [(6, 0, 0)]
        assert await listed(store, Listing.FOLLOWINGS, 3) == [1, 4]
        assert await listed(store, Listing.FOLLOWERS, 1) == [3, 2]
        assert await faults(store) == []


async def test_refused_acts_leave_no_row_and_do_not_fail_their_neighbours(address: str) -> None:
    async with opened(address) as store, client(address) as db:
        await people(store, *range(1, 7))
        await accounts.set_state(store, 5, State.BANNED)
        assert await do(store, Modify(6, 4, Act.BLOCK)) == [0]
        acts = [
            Modify(1, 2, Act.FOLLOW),
            Modify(5, 2, Act.FOLLOW),  # banned
            Modify(1, 99, Act.FOLLOW),  # unknown
            Modify(4, 6, Act.FOLLOW),  # blocked by the target
            Modify(3, 3, Act.FOLLOW),
            Modify(2, 1, Act.FOLLOW),  # of the same pair as the first
        ]
        codes = await asyncio.gather(*(do(store, act) for act in acts))
        assert codes == [
            [0],
            [errors.AccountBanned.number],
            [errors.NoSuchUser.number],
            [errors.FollowRefused.number],
            [errors.CannotTargetSelf.number],
            [0],
        ]
        rows = await db.fetch("SELECT owner, other FROM relation ORDER BY owner, other")
        assert [tuple(row) for row in rows] == [(1, 2), (2, 1), (6, 4)]
        assert await faults(store) == []


async def test_a_change_between_read_and_write_of_the_counts_is_noticed(address: str) -> None:
    async with opened(address) as store, client(address) as one, client(address) as other:
        await people(store, 1, 2, 3)
        act = Modify(1, 2, Act.FOLLOW)

        async def overtaken() -> None:
            async with other.transaction():
                locked = await lock(other, [act], (), NOW, cap=LIMITS.following)
                assert modify(locked, act, LIMITS) == 0
                async with one.transaction():  # by another process, meanwhile
                    assert await apply(one, Modify(1, 3, Act.FOLLOW), now=NOW + 1) == [0]
                await write(other, locked, 0)

        with pytest.raises(asyncpg.SerializationError):
            await overtaken()
        assert await listed(store, Listing.FOLLOWINGS, 1) == [3]
        assert await faults(store) == []


async def test_two_services_do_not_exceed_the_cap_of_an_account(address: str) -> None:
    caps = replace(LIMITS, following=10)
    async with opened(address) as one, opened(address) as two:
        await people(one, *range(1, 32))
        acts = [Modify(1, target, Act.FOLLOW) for target in range(2, 32)]
        codes = await asyncio.gather(
            *((one, two)[act.target % 2].change([act], caps) for act in acts)
        )
        found = Counter(code for each in codes for code in each)
        assert found == {0: 10, errors.FollowingLimitReached.number: 20}
        assert (await one.tally(1)).following == 10
        assert await faults(one) == []
    async with client(address) as db:
        keys = await db.fetch("SELECT DISTINCT follows FROM relation WHERE owner = 1")
        assert len(keys) == 10


async def test_64_clients_on_overlapping_pairs_do_not_deadlock(address: str) -> None:
    deadlocks = postgres.sql(DEADLOCKS)
    pairs = [(a, b) for a, b in product(range(1, 13), repeat=2) if a != b]
    async with opened(address) as one, opened(address) as two:
        await people(one, *range(1, 13))

        async def run(number: int) -> Counter[int]:
            draw, store = Random(number), (one, two)[number % 2]
            codes = Counter[int]()
            for _ in range(count(4, 60)):
                act = Modify(*draw.choice(pairs), draw.choice((1, 1, 1, 2, 2, 5, 6, 7)))
                codes.update(await do(store, act))
            return codes

        codes = sum(await asyncio.gather(*map(run, range(64))), Counter[int]())
        assert codes.keys() <= {0, 22002, 22003, 22014, 22120}
        assert await faults(one) == []
    assert postgres.sql(DEADLOCKS) == deadlocks
