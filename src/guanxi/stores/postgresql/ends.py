"""A sample of pairs of which the store may have one end alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from guanxi.stores.postgresql.connections import Connection

_Key: TypeAlias = tuple[int, int]
#: What the owner has towards the other account, and what the row says of the other's.
_End: TypeAlias = tuple[int | None, ...]

_ROWS = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass('relation')"
_DISTRIBUTED_ROWS = """
SELECT coalesce(sum(result::bigint), 0)::bigint
FROM run_command_on_shards('relation', 'SELECT greatest(reltuples, 0)::bigint FROM pg_class
WHERE oid = ''%s''::regclass') WHERE success
"""
# The percentage cannot be an argument on Citus.
_SAMPLE = "SELECT owner, other FROM relation TABLESAMPLE SYSTEM ({percent:.6f}) LIMIT {limit}"
_ENDS = """
SELECT owner, other, follows, requests, contract_ts, contract_attr,
    followed, requested, other_contract_ts, other_contract_attr
FROM relation JOIN unnest($1::bigint[], $2::bigint[]) AS named (one, two)
    ON owner = one AND other = two
"""
_NONE: _End = (None,) * 8
#: How often the ends that differ are read again: a change may be under way at one of them.
_TRIES, _PAUSE_SECONDS = 3, 0.7


async def one_ended(db: Connection, limit: int) -> tuple[int, list[_Key]]:
    """Return how many rows were looked at, and the pairs whose ends differ; expects no transaction.

    At most ``limit`` rows are looked at, from blocks that are drawn at random.
    """
    distributed = await db.fetchval("SELECT to_regclass('pg_dist_node') IS NOT NULL")
    rows = await db.fetchval(_DISTRIBUTED_ROWS if distributed and await _has(db) else _ROWS)
    percent = min(100.0, 150.0 * limit / rows) if rows > limit else 100.0
    sample = await db.fetch(_SAMPLE.format(percent=percent, limit=limit))
    looked, pairs = len(sample), [(owner, other) for owner, other in sample]
    for at in range(_TRIES):
        if at and pairs:
            await asyncio.sleep(_PAUSE_SECONDS)
        pairs = await _differing(db, pairs)
    return looked, sorted({(min(pair), max(pair)) for pair in pairs})


async def _has(db: Connection) -> bool:
    return bool(
        await db.fetchval(
            "SELECT count(*) > 0 FROM pg_dist_partition"
            " WHERE logicalrelid = to_regclass('relation')"
        )
    )


async def _differing(db: Connection, pairs: Sequence[_Key]) -> list[_Key]:
    if not pairs:
        return []
    both = [*pairs, *((two, one) for one, two in pairs)]
    found = await db.fetch(_ENDS, [one for one, _ in both], [two for _, two in both])
    ends = {(row[0], row[1]): tuple(row)[2:] for row in found}
    return [key for key in pairs if not _agree(ends, key)]


def _agree(ends: Mapping[_Key, _End], key: _Key) -> bool:
    mine, theirs = ends.get(key, _NONE), ends.get((key[1], key[0]), _NONE)
    return mine[:4] == theirs[4:] and theirs[:4] == mine[4:]
