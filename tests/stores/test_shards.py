"""The map of shards: the hash is PostgreSQL's own, and the bounds are those of Citus."""

from __future__ import annotations

import asyncio
from random import Random

import asyncpg

from guanxi.stores.postgresql.shards import Shards, hash_of, read_shards
from tests import postgres
from tests.counts import count

_EDGES = (0, 1, 2**31, 2**32 - 1, 2**32, 2**53 - 1, 2**63 - 1, -1, -(2**32), -(2**63))


def test_the_hash_is_that_of_the_server() -> None:
    draw = Random(3)
    mids = [*_EDGES, *(draw.randrange(2**53) for _ in range(count(500, 50_000)))]

    async def hashed(address: str) -> list[tuple[int, int]]:
        db = await asyncpg.connect(address)
        try:
            found = await db.fetch("SELECT mid, hashint8(mid) FROM unnest($1::bigint[]) mid", mids)
            assert await read_shards(db) is None or postgres.has_citus()
        finally:
            await db.close()
        return [tuple(row) for row in found]

    with postgres.schema() as address:
        assert asyncio.run(hashed(address)) == [(mid, hash_of(mid)) for mid in mids]


def test_a_shard_begins_at_its_lowest_hash() -> None:
    ranges = [(hash_of(5), "five"), (-(2**31), "first"), (hash_of(5) + 1, "next")]
    shards = Shards(ranges)
    assert shards.node_of(5) == "five"
    for mid in range(6, 60):
        expected = "first" if hash_of(mid) < hash_of(5) else "next"
        assert shards.node_of(mid) == expected
