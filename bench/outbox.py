"""A prototype, measured and used by nothing: the other end of a follow is written later.

``python -m bench.outbox postgresql://…`` compares, on a Citus coordinator, two ways to write new
follows from two connections: batches that change both ends in one transaction, and batches that
change the followers' end with rows of an outbox on the same shard, while a third connection writes
the other ends. It creates the schema ``outbox`` and drops it.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from guanxi.stores.postgresql.connections import Connection as _Connection

_Follow = tuple[int, int]

_ACCOUNTS, _BATCH, _APPLIED, _WRITERS = 20_000, 16, 512, 2
_TABLES = """
DROP SCHEMA IF EXISTS outbox CASCADE;
CREATE SCHEMA outbox;
SET search_path = outbox;
SET citus.shard_count = 8;
CREATE TABLE relation (owner bigint, other bigint, follows bigint, followed bigint,
    PRIMARY KEY (owner, other)) WITH (fillfactor = 90);
CREATE INDEX ON relation (owner, follows, other) WHERE follows IS NOT NULL;
CREATE INDEX ON relation (owner, followed, other) WHERE followed IS NOT NULL;
CREATE TABLE tally (mid bigint PRIMARY KEY, following bigint);
CREATE TABLE slot (mid bigint, slot smallint, follower bigint, PRIMARY KEY (mid, slot));
CREATE TABLE pending (owner bigint, other bigint, follows bigint, PRIMARY KEY (owner, other));
"""
_DISTRIBUTE = """
SELECT create_distributed_table('relation', 'owner', colocate_with => 'none');
SELECT create_distributed_table('tally', 'mid', colocate_with => 'relation');
SELECT create_distributed_table('slot', 'mid', colocate_with => 'relation');
SELECT create_distributed_table('pending', 'owner', colocate_with => 'relation')
"""


def _insert(table: str, columns: int, rows: int, conflict: str = "") -> str:
    values = ", ".join(
        "(" + ", ".join(f"${row * columns + at + 1}" for at in range(columns)) + ")"
        for row in range(rows)
    )
    return f"INSERT INTO {table} VALUES {values} {conflict}"


_ENDS = (
    "ON CONFLICT (owner, other) DO UPDATE SET follows = coalesce(excluded.follows,"
    " relation.follows), followed = coalesce(excluded.followed, relation.followed)"
)
_MORE_FOLLOWING = "ON CONFLICT (mid) DO UPDATE SET following = tally.following + excluded.following"
_MORE_FOLLOWERS = (
    "ON CONFLICT (mid, slot) DO UPDATE SET follower = slot.follower + excluded.follower"
)


async def _many(db: _Connection, table: str, rows: Sequence[Sequence[object]], on: str) -> None:
    """Insert rows of one width, in the order of their first column, by one statement."""
    ordered = sorted(rows, key=str)
    values = [value for row in ordered for value in row]
    await db.execute(_insert(table, len(rows[0]), len(rows), on), *values)


def _counts(mids: Sequence[int], *more: int) -> list[tuple[int, ...]]:
    found: dict[int, int] = defaultdict(int)
    for mid in mids:
        found[mid] += 1
    return [(mid, *more, count) for mid, count in found.items()]


async def _both(db: _Connection, batch: Sequence[_Follow], now: int) -> None:
    async with db.transaction():
        ends: list[tuple[object, ...]] = [(one, two, now, None) for one, two in batch]
        ends += [(two, one, None, now) for one, two in batch]
        await _many(db, "relation", _typed(ends), _ENDS)
        await _many(db, "tally", _counts([one for one, _ in batch]), _MORE_FOLLOWING)
        await _many(db, "slot", _counts([two for _, two in batch], 0), _MORE_FOLLOWERS)


async def _first(db: _Connection, batch: Sequence[_Follow], now: int) -> None:
    async with db.transaction():
        await _many(db, "relation", _typed([(one, two, now, None) for one, two in batch]), _ENDS)
        await _many(db, "tally", _counts([one for one, _ in batch]), _MORE_FOLLOWING)
        await _many(db, "pending", [(one, two, now) for one, two in batch], "")


def _typed(ends: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return list({(row[0], row[1]): row for row in ends}.values())


async def _apply(db: _Connection, until: float) -> int:
    """Write the other ends of what is pending, until a time and until none is left."""
    done = 0
    while True:
        rows = await db.fetch(f"SELECT owner, other, follows FROM pending LIMIT {_APPLIED}")
        if not rows:
            if time.perf_counter() > until:
                return done
            await asyncio.sleep(0.005)
            continue
        async with db.transaction():
            ends = [(row["other"], row["owner"], None, row["follows"]) for row in rows]
            await _many(db, "relation", ends, _ENDS)
            await _many(db, "slot", _counts([row["other"] for row in rows], 0), _MORE_FOLLOWERS)
            await db.execute(
                "DELETE FROM pending WHERE owner = ANY($1) AND (owner, other) IN"
                " (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
                [row["owner"] for row in rows],
                [row["other"] for row in rows],
            )
        done += len(rows)


async def _rate(
    address: str,
    batches: Callable[[], list[_Follow]],
    write: Callable[[_Connection, Sequence[_Follow], int], Awaitable[None]],
    seconds: float,
    *,
    applies: bool,
) -> float:
    """Return the follows per second that were written at both ends."""
    connections = [await asyncpg.connect(address) for _ in range(_WRITERS + applies)]
    try:
        for db in connections:
            await db.execute("SET search_path = outbox; SET citus.override_table_visibility = off")
        began = time.perf_counter()
        until, written = began + seconds, 0

        async def writer(db: _Connection) -> None:
            nonlocal written
            while time.perf_counter() < until:
                batch = batches()
                await write(db, batch, time.time_ns())
                written += len(batch)

        jobs: list[Awaitable[object]] = [writer(db) for db in connections[:_WRITERS]]
        if applies:
            jobs.append(_apply(connections[-1], until))
        await asyncio.gather(*jobs)
        return written / (time.perf_counter() - began)
    finally:
        for db in connections:
            await db.close()


async def _main(address: str, seconds: float) -> None:
    db = await asyncpg.connect(address)
    await db.execute(_TABLES)
    for statement in _DISTRIBUTE.split(";"):
        await db.execute(statement)
    shards: dict[int, list[int]] = defaultdict(list)
    for mid, shard in await db.fetch(
        "SELECT mid, get_shard_id_for_distribution_column('outbox.relation', mid)"
        " FROM generate_series(1, $1::bigint) AS mid",
        _ACCOUNTS,
    ):
        shards[shard].append(mid)
    draw, seen = random.Random(1), set[_Follow]()

    def batch(owners: Sequence[int]) -> list[_Follow]:
        found: list[_Follow] = []
        while len(found) < _BATCH:
            one, two = draw.choice(owners), draw.randrange(1, _ACCOUNTS + 1)
            if one != two and (one, two) not in seen and (two, one) not in seen:
                seen.add((one, two))
                found.append((one, two))
        return found

    everybody, lists = range(1, _ACCOUNTS + 1), list(shards.values())
    try:
        for _ in range(3):
            both = await _rate(address, lambda: batch(everybody), _both, seconds, applies=False)
            later = await _rate(
                address, lambda: batch(draw.choice(lists)), _first, seconds, applies=True
            )
            print(f"both ends {both:,.0f}/s, outbox {later:,.0f}/s, ratio {later / both:.2f}")
    finally:
        await db.execute("DROP SCHEMA outbox CASCADE")
        await db.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 5.0))
