"""The import of many edges.

Edges are copied into temporary tables and paired there, so that an end of a pair is one row, as in
``relation``; they are checked against one another and against the store by whole statements, and
written in one transaction, in the order of the table. Only one chunk of rows is in memory at a
time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import asyncpg
from msgspec.structs import astuple

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.graph.pair import DEFAULT, SPECIAL, Act, Modify, sort_key_of_mtime
from guanxi.stores.lines import (
    CHUNK,
    CONTRADICTION,
    ERASED_ACCOUNT,
    KINDS,
    MAX_FINER,
    OTHER_TIME,
    REPEATED,
    UNKNOWN_ACCOUNT,
    first_invalid,
    group_names,
    has_extras,
)
from guanxi.stores.port import (
    BadLine,
    EdgeRow,
    Imported,
    OnContradiction,
    OnOtherTime,
    StoreError,
    StoreUnavailable,
)
from guanxi.stores.postgresql.bulk_groups import count_members, create_groups
from guanxi.stores.postgresql.cards import put, put_plain
from guanxi.stores.postgresql.connections import Connection, failures
from guanxi.stores.postgresql.erased import erased_of
from guanxi.stores.postgresql.pairs import cut, lock
from guanxi.stores.postgresql.pairs import write as write_rows

_MEMORY = """
SET temp_buffers = '128MB';
SET work_mem = '256MB';
"""
_STAGE = f"""
CREATE TEMP TABLE staged (
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
    """Copy the edges into temporary tables, and check them against each other.

    Raise ``BadLine``, with the number of the row from 1, for an invalid edge, for one later than
    ``now`` (seconds since the Unix epoch), and for one that contradicts or repeats an earlier one.
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
    with failures():
        await _pair(db)


async def _stage_chunk(db: Connection, chunk: Sequence[EdgeRow], lines: int, now: int) -> None:
    """Copy edges that are preceded by ``lines`` others into the staging tables.

    Raise ``BadLine`` for an edge that is invalid or later than ``now``.
    """
    try:
        await db.copy_records_to_table("staged", records=map(_fields, chunk), columns=_COLUMNS)
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


# Everything that the file contains about a pair, once for each end.
_PAIR = """
CREATE TEMP TABLE ends AS
SELECT owner, other, follows, whispers, blocks, followed, line, back, blocked,
    blocked <> back_blocked OR row_number() OVER (PARTITION BY owner, other) > 1 AS clash
FROM (
    SELECT coalesce(mine.source, back.target) AS owner, coalesce(mine.target, back.source) AS other,
        CASE mine.kind WHEN 'follow' THEN mine.place END AS follows,
        CASE mine.kind WHEN 'whisper' THEN mine.place END AS whispers,
        CASE mine.kind WHEN 'block' THEN mine.place END AS blocks,
        CASE back.kind WHEN 'follow' THEN back.place END AS followed,
        mine.line, back.line AS back,
        coalesce(mine.kind, back.kind) = 'block' AS blocked,
        coalesce(back.kind, mine.kind) = 'block' AS back_blocked
    FROM staged AS mine FULL JOIN staged AS back
    ON mine.source = back.target AND mine.target = back.source
) AS paired
ORDER BY owner, other
"""
# Two rows of a pair are compatible if their directions differ and both or neither is a block.
_CLASH = """
WITH suspect AS (
    SELECT staged.line, source, target, kind FROM staged
    JOIN ends ON owner = source AND other = target WHERE clash
)
SELECT min(later.line) FROM suspect AS earlier JOIN suspect AS later
ON least(earlier.source, earlier.target) = least(later.source, later.target)
AND greatest(earlier.source, earlier.target) = greatest(later.source, later.target)
WHERE earlier.line < later.line AND (
    earlier.source = later.source OR (earlier.kind = 'block') <> (later.kind = 'block')
)
"""


async def _pair(db: Connection) -> None:
    """Create the temporary table ``ends`` from the staged rows, with a row for each end of a pair.

    Raise ``BadLine`` for the first line that repeats or contradicts an earlier one.
    """
    await db.execute("ANALYZE staged, staged_group, staged_contract, staged_visits")
    await db.execute(_PAIR)
    await db.execute("ANALYZE ends")
    if await db.fetchval("SELECT EXISTS (SELECT 1 FROM ends WHERE clash)"):
        line = await db.fetchval(_CLASH)
        raise BadLine(line, REPEATED)


async def check(
    db: Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    *,
    strict: bool,
    on_contradiction: OnContradiction,
    on_other_time: OnOtherTime,
) -> None:
    """Check the staged edges against the store, without a lock; raise as ``write``.

    Expects a transaction, which must end before ``write``.
    """
    await _check_erased(db, accounts)
    await db.execute(_STORED)
    await db.execute("ANALYZE stored")
    await _refuse_stored(db, on_contradiction, on_other_time)
    if strict:
        await db.execute(_NAMED)
        await db.execute("DELETE FROM unknown WHERE mid = ANY($1)", [*accounts])
        await _refuse_unknown(db)


async def write(
    db: Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    *,
    strict: bool,
    on_contradiction: OnContradiction,
    on_other_time: OnOtherTime = "replace",
) -> Imported:
    """Write the staged edges in the caller's transaction; return how many are new, changed, ….

    The arguments are as in the port's ``import_edges``. Raise ``BadLine`` for an edge that
    contradicts the store (not if ``on_contradiction`` is "resolve") or, if ``strict``, has an
    unknown account; ``StoreError`` for an
    unusable name or id in ``groups``; ``StoreUnavailable`` if the tables could not be locked. The
    caller must roll back after an error.
    """
    await _lock_out_writers(db)
    await _check_erased(db, accounts)
    await put(
        db,
        (
            (Account(mid=mid, state=state, privacy=privacy), card)
            for mid, (card, privacy, state) in accounts.items()
        ),
    )
    conflicting = await _check_against_store(db, on_contradiction, on_other_time)
    await _create_accounts(db, strict=strict)
    await create_groups(db, groups)
    await db.execute(_EXTRAS)
    await db.execute("ANALYZE extras")
    [(rows, stored, unchanged)] = await db.fetch(_COUNTS)
    if rows > unchanged:
        await _write_pairs(db)
        await db.execute(_END_REQUESTS)
        await db.execute(_DELETE_EMPTY)
        await count_members(db)
        await db.execute(_COUNT)
        await db.execute(_COUNT_FOLLOWERS)
    return Imported(
        new=rows - stored - conflicting.removing,
        changed=stored - unchanged + conflicting.removing,
        unchanged=unchanged,
        conflicting=conflicting.left_out,
    )


# Other writers wait, also those that only lock rows: they would hold rows that the import needs and
# then wait for it, a deadlock. Readers do not wait, except on an empty table of relations: its
# indexes are created at the end of the import, and readers wait until then.
_LOCK = """
LOCK TABLE relation, tally, follower_tally, grp, account, account_name IN EXCLUSIVE MODE
"""
_LOCK_TRIES, _LOCK_PAUSE = 60, 0.05


async def _lock_out_writers(db: Connection) -> None:
    """Lock the tables against other writers until the caller's transaction ends.

    A lock that is not free within 500 ms could be a deadlock: release all and retry. Raise
    ``StoreUnavailable`` after ``_LOCK_TRIES`` failures.
    """
    await db.execute("SET LOCAL lock_timeout = '500ms'")
    for _ in range(_LOCK_TRIES):
        await db.execute("SAVEPOINT locking")
        try:
            await db.execute(_LOCK)
        except asyncpg.LockNotAvailableError:
            await db.execute("ROLLBACK TO SAVEPOINT locking")
            await asyncio.sleep(_LOCK_PAUSE)
        else:
            await db.execute("RELEASE SAVEPOINT locking")
            await db.execute("SET LOCAL lock_timeout TO DEFAULT")
            return
    raise StoreUnavailable("too many writers: the import could not lock the store; try again")


# Also read on Citus into a local table.
_ERASED = "CREATE TEMP TABLE erased ON COMMIT DROP AS SELECT mid FROM erasure"
_OF_ERASED = """
SELECT min(line) FROM staged
WHERE source IN (SELECT mid FROM erased) OR target IN (SELECT mid FROM erased)
"""


async def _check_erased(db: Connection, accounts: Collection[int]) -> None:
    """Raise ``BadLine`` for the first line that names an account whose erasure began.

    Raise ``StoreError`` if ``accounts`` has one.
    """
    await db.execute(_ERASED)
    line = await db.fetchval(_OF_ERASED)
    if line is not None:
        raise BadLine(line, ERASED_ACCOUNT)
    if await erased_of(db, accounts):
        raise StoreError(ERASED_ACCOUNT)


# The stored rows of the pairs in the file, before the import, copied into a local table: Citus
# joins its tables with local ones only in a subquery.
_STORED = """
CREATE TEMP TABLE stored ON COMMIT DROP AS
SELECT relation.*
FROM (SELECT owner, other FROM ends OFFSET 0) AS named JOIN relation USING (owner, other)
"""
# A stored block contradicts a following or whisper of its pair, and so on.
_CONTRADICTION = """
SELECT min(staged.line) FROM stored AS held JOIN ends AS new USING (owner, other)
JOIN staged ON (source = owner AND target = other)
    OR (source = other AND target = owner AND (blocked OR held.blocks IS NOT NULL))
WHERE (blocked AND (held.follows IS NOT NULL OR held.whispers IS NOT NULL))
    OR (NOT blocked AND held.blocks IS NOT NULL)
    OR (new.follows IS NOT NULL AND held.whispers IS NOT NULL)
    OR (new.whispers IS NOT NULL AND held.follows IS NOT NULL)
"""
_ADDED = """
CREATE TEMP TABLE added ON COMMIT DROP AS
SELECT owner AS mid,
    count(new.follows) - count(held.follows) FILTER (WHERE new.follows IS NOT NULL) AS following,
    count(new.whispers) - count(held.whispers) FILTER (WHERE new.whispers IS NOT NULL) AS whisper,
    count(new.blocks) - count(held.blocks) FILTER (WHERE new.blocks IS NOT NULL) AS black,
    count(new.followed) - count(held.followed) FILTER (WHERE new.followed IS NOT NULL) AS follower,
    coalesce(max(greatest(new.follows, new.whispers, new.blocks)), 0) AS newest,
    -- whether others see it: not of a whisper, a block, or of groups and visits
    bool_or(
        (new.follows IS NOT NULL AND new.follows IS DISTINCT FROM held.follows)
        OR (new.followed IS NOT NULL AND new.followed IS DISTINCT FROM held.followed)
        OR new.line IN (SELECT line FROM staged_contract)
        OR new.back IN (SELECT line FROM staged_contract)
    )::int AS shown
FROM ends AS new LEFT JOIN stored AS held USING (owner, other)
GROUP BY owner
"""


class _Conflicting(NamedTuple):
    """How many staged rows were left out, and how many removed stored edges."""

    left_out: int = 0
    removing: int = 0


async def _check_against_store(
    db: Connection, on_contradiction: OnContradiction, on_other_time: OnOtherTime
) -> _Conflicting:
    """Find the staged edges that contradict stored ones; return how many there were.

    If ``on_contradiction`` is "refuse", raise ``BadLine`` for the first, and if ``on_other_time``
    is, for the first that is stored with another time. Otherwise delete from the
    staging tables those that lose, and from the store the edges that lose. Creates the temporary
    tables ``stored`` (the stored rows of the staged pairs) and ``added`` (by account, the numbers
    to add to its counts), which last until the transaction ends.
    """
    await db.execute(_STORED)
    await db.execute("ANALYZE stored")
    conflicting = _Conflicting()
    contradicts = await _refuse_stored(db, on_contradiction, on_other_time)
    if contradicts or on_other_time in _LOSES_BY_TIME:
        conflicting = await _resolve(db, _LOSES_BY_TIME.get(on_other_time, "false"))
    await db.execute(_ADDED)
    await db.execute("ANALYZE added")
    return conflicting


async def _refuse_stored(
    db: Connection, on_contradiction: OnContradiction, on_other_time: OnOtherTime
) -> bool:
    """Return whether a staged edge contradicts one in ``stored``.

    Raise ``BadLine`` for the first if that is to be refused, and for the first edge that is stored
    with another time if that is.
    """
    if not await db.fetchval("SELECT EXISTS (SELECT 1 FROM stored)"):  # an empty store
        return False
    line = await db.fetchval(_CONTRADICTION)
    if line is not None and on_contradiction == "refuse":
        raise BadLine(line, CONTRADICTION)
    if on_other_time == "refuse":
        other = await db.fetchval(_OTHER_TIME)
        if other is not None:
            raise BadLine(other, OTHER_TIME)
    return line is not None


_STORED_TIME = "CASE kind WHEN 'follow' THEN follows WHEN 'whisper' THEN whispers ELSE blocks END"
_OTHER_TIME = f"""
SELECT min(line) FROM staged JOIN stored ON owner = source AND other = target
WHERE place <> {_STORED_TIME}
"""
#: By the rule for an edge that is stored with another time.
_LOSES_BY_TIME = {"newest": f"place < {_STORED_TIME}", "oldest": f"place > {_STORED_TIME}"}
# The staged rows that lose against a stored edge, which are forgotten. {0}: or by their time.
_LOSING = """
CREATE TEMP TABLE losing ON COMMIT DROP AS
SELECT line, source, target FROM staged JOIN stored ON owner = source AND other = target
WHERE (kind <> 'block' AND blocks IS NOT NULL) OR (kind = 'whisper' AND follows IS NOT NULL) OR {0}
UNION
SELECT line, source, target FROM staged JOIN stored ON owner = target AND other = source
WHERE kind <> 'block' AND blocks IS NOT NULL
"""
_FORGET = (
    """
    UPDATE ends SET follows = NULL, whispers = NULL, blocks = NULL, line = NULL FROM losing
    WHERE owner = source AND other = target
    """,
    """
    UPDATE ends SET followed = NULL, back = NULL FROM losing
    WHERE owner = target AND other = source
    """,
    "DELETE FROM staged USING losing WHERE staged.line = losing.line",
)
# The staged rows that remove stored edges. (If both block each other, the lower source counts.)
_WINNING = """
SELECT kind = 'block' AS both, source, target FROM staged
JOIN stored ON owner = source AND other = target
WHERE (kind = 'follow' AND whispers IS NOT NULL)
    OR (kind = 'block' AND (follows IS NOT NULL OR whispers IS NOT NULL))
UNION
SELECT true, source, target FROM staged JOIN stored ON owner = target AND other = source
WHERE kind = 'block' AND (follows IS NOT NULL OR whispers IS NOT NULL)
ORDER BY source, target
"""
#: How many pairs are removed at once; later than the sort key of every row.
_CUT, _NEVER = 1_000, 2**63 - 1


async def _resolve(db: Connection, loses_by_time: str) -> _Conflicting:
    """Unstage the edges that lose, and delete the stored ones that lose, with what depends on them.

    ``loses_by_time`` is the SQL that is true for a staged edge that also loses by its time.
    The tables must be locked. ``stored`` is created again if rows were deleted.
    """
    await db.execute(_LOSING.format(loses_by_time))
    for statement in _FORGET:
        await db.execute(statement)
    left_out = int(await db.fetchval("SELECT count(*) FROM losing"))
    winning = await db.fetch(_WINNING)
    pairs = dict.fromkeys(
        (min(row["source"], row["target"]), max(row["source"], row["target"]))
        for row in winning
        if row["both"]
    )
    single = [(row["source"], row["target"]) for row in winning if not row["both"]]
    acts = [
        Modify(*key, Act.UNFOLLOW)
        for key in (*single, *pairs, *((high, low) for low, high in pairs))
    ]
    for start in range(0, len(acts), _CUT):
        some = acts[start : start + _CUT]
        locked = await lock(db, some, (), _NEVER)
        for act in some:
            cut(locked, act.owner, act.target)
        await write_rows(db, locked, 0)
    if acts:
        await db.execute("DROP TABLE stored")
        await db.execute(_STORED)
        await db.execute("ANALYZE stored")
    return _Conflicting(left_out, len(single) + len(pairs))


_UNKNOWN = """
CREATE TEMP TABLE unknown ON COMMIT DROP AS
SELECT mid FROM added
EXCEPT SELECT mid FROM (SELECT mid FROM added OFFSET 0) AS named JOIN account USING (mid)
ORDER BY mid
"""
# The same before ``added`` exists.
_NAMED = """
CREATE TEMP TABLE unknown ON COMMIT DROP AS
SELECT DISTINCT owner AS mid FROM ends
EXCEPT SELECT mid FROM (SELECT DISTINCT owner AS mid FROM ends OFFSET 0) AS named
JOIN account USING (mid)
"""
_FIRST_UNKNOWN = """
SELECT min(line) FROM staged
WHERE source IN (SELECT mid FROM unknown) OR target IN (SELECT mid FROM unknown)
"""


async def _create_accounts(db: Connection, *, strict: bool) -> None:
    """Create the accounts of ``added`` that are not stored, with cards that have only a name.

    If ``strict``, raise ``BadLine`` for the first line that names one instead. Creates the
    temporary table ``unknown``.
    """
    await db.execute(_UNKNOWN)
    if strict:
        await _refuse_unknown(db)
    await put_plain(db)


async def _refuse_unknown(db: Connection) -> None:
    """Raise ``BadLine`` for the first line that names an account in the table ``unknown``."""
    line = await db.fetchval(_FIRST_UNKNOWN)
    if line is not None:
        raise BadLine(line, UNKNOWN_ACCOUNT)


# The groups, contract and visits of followings that have any.
_EXTRAS = f"""
CREATE TEMP TABLE extras ON COMMIT DROP AS
SELECT line, groups, ts, user_attr, visits FROM (
    SELECT line, array_agg(id ORDER BY id) AS groups FROM (
        SELECT line, {SPECIAL} AS id FROM staged WHERE special
        UNION ALL
        SELECT line, own.id FROM staged_group JOIN staged USING (line)
        JOIN own ON own.owner = source AND own.name = staged_group.name
    ) AS held
    GROUP BY line
) AS grouped FULL JOIN staged_contract USING (line) FULL JOIN staged_visits USING (line)
"""
# How many rows are staged, how many of them are stored, and how many of these unchanged.
_COUNTS = """
SELECT (SELECT count(*) FROM staged), count(*) FILTER (
    WHERE (held.follows IS NOT NULL AND new.follows IS NOT NULL)
    OR (held.whispers IS NOT NULL AND new.whispers IS NOT NULL)
    OR (held.blocks IS NOT NULL AND new.blocks IS NOT NULL)
), count(*) FILTER (
    WHERE held.whispers = new.whispers OR held.blocks = new.blocks OR (
        held.follows = new.follows
        AND held.groups IS NOT DISTINCT FROM extras.groups
        AND (ts IS NULL OR (ts, user_attr) IS NOT DISTINCT FROM (contract_ts, contract_attr))
        AND (extras.visits IS NULL OR extras.visits IS NOT DISTINCT FROM held.visits)
    )
)
FROM stored AS held JOIN ends AS new USING (owner, other) LEFT JOIN extras USING (line)
"""
_INSERT_PAIRS = """
INSERT INTO relation AS held (
    owner, other, follows, whispers, blocks, followed, groups,
    contract_ts, contract_attr, other_contract_ts, other_contract_attr, visits
)
SELECT owner, other, follows, whispers, blocks, followed, mine.groups,
    mine.ts, mine.user_attr, theirs.ts, theirs.user_attr, mine.visits
FROM ends LEFT JOIN extras AS mine USING (line) LEFT JOIN extras AS theirs ON theirs.line = back
WHERE coalesce(follows, whispers, blocks, followed) IS NOT NULL
"""
# What the file does not contain stays: contract and visits of a following, the other side.
_MERGE = """
ON CONFLICT (owner, other) DO UPDATE SET
    follows = coalesce(excluded.follows, held.follows),
    whispers = coalesce(excluded.whispers, held.whispers),
    blocks = coalesce(excluded.blocks, held.blocks),
    followed = coalesce(excluded.followed, held.followed),
    groups = CASE WHEN excluded.follows IS NULL THEN held.groups ELSE excluded.groups END,
    contract_ts = coalesce(excluded.contract_ts, held.contract_ts),
    contract_attr = coalesce(excluded.contract_attr, held.contract_attr),
    other_contract_ts = coalesce(excluded.other_contract_ts, held.other_contract_ts),
    other_contract_attr = coalesce(excluded.other_contract_attr, held.other_contract_attr),
    visits = coalesce(excluded.visits, held.visits)
"""
# Also for an edge that lost: what it lost against excludes a request as well.
_END_REQUESTS = """
UPDATE relation SET
    requests = CASE WHEN follows IS NULL AND NOT named.blocked THEN requests END,
    requested = CASE WHEN followed IS NULL AND NOT named.blocked THEN requested END
FROM (SELECT owner, other, blocked FROM ends OFFSET 0) AS named
WHERE relation.owner = named.owner AND relation.other = named.other
AND (requests IS NOT NULL OR requested IS NOT NULL)
"""
# Such a row had nothing but the request that ended.
_DELETE_EMPTY = """
DELETE FROM relation USING (SELECT owner, other FROM ends OFFSET 0) AS named
WHERE relation.owner = named.owner AND relation.other = named.other
AND coalesce(follows, whispers, blocks, followed, requests, requested) IS NULL
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = current_schema() AND tablename = 'relation' AND indexname <> 'relation_pkey'
"""


async def _write_pairs(db: Connection) -> None:
    """Insert the staged pairs into ``relation``, or merge them with its rows.

    For an empty table its indexes are dropped and created again, which is faster.
    """
    if await db.fetchval("SELECT EXISTS (SELECT 1 FROM relation)"):
        await db.execute(_INSERT_PAIRS + _MERGE)
        return
    indexes = await db.fetch(_INDEXES)
    for name, _ in indexes:
        await db.execute(f"DROP INDEX {name}")
    await db.execute(_INSERT_PAIRS)
    for _, definition in indexes:
        await db.execute(definition)


_COUNT = f"""
INSERT INTO tally AS held (
    mid, following, whisper, black, special, grouped, version, public_version, private_version,
    newest
)
SELECT mid, following, whisper, black, coalesce(special.members, 0), coalesce(grouped.members, 0),
    1, coalesce(shown, 0), 1, newest
FROM added
LEFT JOIN regrouped AS special ON special.owner = mid AND special.id = {SPECIAL}
LEFT JOIN regrouped AS grouped ON grouped.owner = mid AND grouped.id = {DEFAULT}
ON CONFLICT (mid) DO UPDATE SET
    following = held.following + excluded.following,
    whisper = held.whisper + excluded.whisper,
    black = held.black + excluded.black,
    special = held.special + excluded.special,
    grouped = held.grouped + excluded.grouped,
    version = held.version + 1,
    public_version = held.public_version + excluded.public_version,
    private_version = held.private_version + 1,
    newest = greatest(held.newest, excluded.newest)
"""
_COUNT_FOLLOWERS = """
INSERT INTO follower_tally AS held (mid, slot, follower, version, public_version)
SELECT mid, 0, follower, 1, coalesce(shown, 0) FROM added
ON CONFLICT (mid, slot) DO UPDATE SET
    follower = held.follower + excluded.follower, version = held.version + 1,
    public_version = held.public_version + excluded.public_version
"""
