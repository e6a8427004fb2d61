"""The staging of an import: edges are copied into temporary tables and checked against each other.

There they are paired: ``ends`` has a row for each end of a pair, as ``relation`` has, and
``staged`` shows each edge of the file in it. Only one chunk of rows is in memory at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import attrgetter

import asyncpg
from msgspec.structs import astuple

from guanxi.graph.pair import sort_key_of_mtime
from guanxi.stores.lines import (
    CHUNK,
    KINDS,
    MAX_FINER,
    REPEATED,
    first_invalid,
    group_names,
    has_extras,
)
from guanxi.stores.port import BadLine, EdgeRow
from guanxi.stores.postgresql.connections import Connection, failures

_MEMORY = """
SET temp_buffers = '128MB';
SET work_mem = '256MB';
"""
_STAGE = f"""
CREATE TEMP TABLE incoming (
    line bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL CHECK (kind IN {KINDS}),
    source bigint NOT NULL CHECK (source > 0),
    target bigint NOT NULL CHECK (target > 0),
    mtime bigint NOT NULL CHECK (mtime BETWEEN 0 AND {{now}}),
    finer bigint NOT NULL CHECK (finer BETWEEN 0 AND {MAX_FINER}),
    special boolean NOT NULL CHECK (NOT special OR kind = 'follow'),
    place bigint GENERATED ALWAYS AS (mtime * {sort_key_of_mtime(1)} + finer) STORED,
    CHECK (source <> target)
);
CREATE TEMP TABLE staged_group (line bigint NOT NULL, at bigint NOT NULL, name text NOT NULL);
CREATE TEMP TABLE staged_contract (
    line bigint NOT NULL, ts bigint NOT NULL, user_attr bigint NOT NULL
);
CREATE TEMP TABLE staged_visits (line bigint NOT NULL, visits bigint NOT NULL);
"""
_FIELDS = ("kind", "follower", "followed", "time", "finer", "special")
_COLUMNS = ("kind", "source", "target", "mtime", "finer", "special")
_fields = attrgetter(*_FIELDS)
_INVALID = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, OverflowError)


async def stage(
    db: Connection,
    rows: Iterable[EdgeRow],
    now: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Copy the edges into temporary tables, and check each alone.

    Raise ``BadLine``, with the number of the row from 1, for an invalid edge and for one later than
    ``now`` (seconds since the Unix epoch); ``pair`` must follow, which compares them.
    Rows are read on another thread; ``progress`` gets the number read so far; errors of both pass
    unchanged. ``StoreError`` for the server's errors. Expects no open transaction. The temporary
    tables stay on the connection, which must be closed afterwards.
    """
    with failures():
        await db.execute(_MEMORY)
        await db.execute(_STAGE.format(now=now))
    lines, remaining = 0, iter(rows)
    while chunk := await asyncio.to_thread(list, islice(remaining, CHUNK)):
        with failures():
            await _stage_chunk(db, chunk, lines, now)
        lines += len(chunk)
        if progress is not None:
            progress(lines)


async def _stage_chunk(db: Connection, chunk: Sequence[EdgeRow], lines: int, now: int) -> None:
    """Copy edges that are preceded by ``lines`` others into the staging tables.

    Raise ``BadLine`` for an edge that is invalid or later than ``now``.
    """
    try:
        await db.copy_records_to_table("incoming", records=map(_fields, chunk), columns=_COLUMNS)
    except _INVALID:
        raise first_invalid(chunk, lines, now) from None
    await _stage_rest(db, [each for each in enumerate(chunk, lines + 1) if has_extras(each[1])])


async def _stage_rest(db: Connection, numbered: Sequence[tuple[int, EdgeRow]]) -> None:
    """Copy groups, contracts and visits to staging tables; ``numbered`` has (row number, edge).

    Each edge must have some of these. Raise ``BadLine`` if an edge is not a follow, or if its
    visits or a group name are invalid.
    """
    if not numbered:
        return
    groups = [
        (line, at, name) for line, row in numbered for at, name in enumerate(group_names(line, row))
    ]
    contracts = [(line, *astuple(row.contract)) for line, row in numbered if row.contract]
    visits = [(line, row.visits) for line, row in numbered if row.visits]
    await db.copy_records_to_table("staged_group", records=groups)
    await db.copy_records_to_table("staged_contract", records=contracts)
    await db.copy_records_to_table("staged_visits", records=visits)


# Everything that the file contains about a pair, once for each end. A pair has two rows, if no line
# repeats another.
_PAIR = """
CREATE TEMP TABLE all_ends AS
SELECT owner, other, follows, whispers, blocks, followed, line, back, blocked, special,
    {number} AS pair,
    blocked <> back_blocked OR row_number() OVER (PARTITION BY {key}) > {most} AS clash
FROM (
    SELECT coalesce(mine.source, back.target) AS owner, coalesce(mine.target, back.source) AS other,
        CASE mine.kind WHEN 'follow' THEN mine.place END AS follows,
        CASE mine.kind WHEN 'whisper' THEN mine.place END AS whispers,
        CASE mine.kind WHEN 'block' THEN mine.place END AS blocks,
        CASE back.kind WHEN 'follow' THEN back.place END AS followed,
        mine.line, back.line AS back, coalesce(mine.special, false) AS special,
        coalesce(mine.kind, back.kind) = 'block' AS blocked,
        coalesce(back.kind, mine.kind) = 'block' AS back_blocked
    FROM incoming AS mine FULL JOIN incoming AS back
    ON mine.source = back.target AND mine.target = back.source
) AS paired
ORDER BY {key}
"""
_LOW_HIGH = "least(owner, other), greatest(owner, other)"
_BY_OWNER = _PAIR.format(number="NULL::bigint", key="owner, other", most=1)
_BY_PAIR = _PAIR.format(
    number=f"(row_number() OVER (ORDER BY {_LOW_HIGH}) - 1) / 2", key=_LOW_HIGH, most=2
)
# Two rows of a pair are compatible if their directions differ and both or neither is a block.
_CLASH = """
WITH suspect AS (
    SELECT line, source, target, kind FROM incoming
    JOIN (
        SELECT DISTINCT least(owner, other) AS low, greatest(owner, other) AS high
        FROM all_ends WHERE clash
    ) AS clashing ON least(source, target) = low AND greatest(source, target) = high
)
SELECT min(later.line) FROM suspect AS earlier JOIN suspect AS later
ON least(earlier.source, earlier.target) = least(later.source, later.target)
AND greatest(earlier.source, earlier.target) = greatest(later.source, later.target)
WHERE earlier.line < later.line AND (
    earlier.source = later.source OR (earlier.kind = 'block') <> (later.kind = 'block')
)
"""
# Citus would say for each view that it does not create it on other nodes.
_VIEW = """
SET citus.enable_ddl_propagation = off;
CREATE OR REPLACE TEMP VIEW {} AS {};
RESET citus.enable_ddl_propagation;
"""
_ENDS = """
SELECT owner, other, follows, whispers, blocks, followed, line, back, blocked, special FROM all_ends
"""
_STAGED = """
SELECT line, owner AS source, other AS target, special,
    CASE WHEN follows IS NOT NULL THEN 'follow' WHEN whispers IS NOT NULL THEN 'whisper'
    ELSE 'block' END AS kind,
    coalesce(follows, whispers, blocks) AS place
FROM ends WHERE line IS NOT NULL
"""


def view(name: str, select: str) -> str:
    """Return SQL that creates or replaces a temporary view."""
    return _VIEW.format(name, select)


def ends_between(first: int, last: int) -> str:
    """Return SQL that replaces the view ``ends`` by one of the pairs from ``first`` to ``last``."""
    return view("ends", f"{_ENDS} WHERE pair BETWEEN {first:d} AND {last:d}")


async def pair(db: Connection, *, in_slices: bool) -> None:
    """Create the views ``ends`` and ``staged`` of what is staged.

    If they are to be written ``in_slices``, the table of the ends, ``all_ends``, is in the order of
    its pairs and numbers them from 0. Raise ``BadLine`` for the first line that repeats or
    contradicts an earlier one.
    """
    await db.execute("ANALYZE incoming, staged_group, staged_contract, staged_visits")
    await db.execute(_BY_PAIR if in_slices else _BY_OWNER)
    await db.execute("ANALYZE all_ends")
    if await db.fetchval("SELECT EXISTS (SELECT 1 FROM all_ends WHERE clash)"):
        line = await db.fetchval(_CLASH)
        raise BadLine(line, REPEATED)
    await db.execute("DROP TABLE incoming")
    await db.execute(view("ends", _ENDS) + view("staged", _STAGED))
