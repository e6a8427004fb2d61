"""The import of many edges, once they are staged.

They are checked against the store by whole statements, and written in one transaction, in the
order of the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores.lines import UNKNOWN_ACCOUNT
from guanxi.stores.port import (
    BadLine,
    Imported,
    OnContradiction,
    OnOtherTime,
    StoreUnavailable,
)
from guanxi.stores.postgresql.bulk_conflicts import (
    refuse_conflicts,
    refuse_erased,
    settle_conflicts,
)
from guanxi.stores.postgresql.bulk_groups import count_members, create_groups
from guanxi.stores.postgresql.cards import put, put_plain
from guanxi.stores.postgresql.connections import Connection
from guanxi.text import Text

#: Whether the store has relations. Without the limit Citus copies the table to decide it.
HAS_RELATIONS = "SELECT EXISTS (SELECT 1 FROM relation LIMIT 1)"


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
    await refuse_erased(db, accounts)
    await refuse_conflicts(db, on_contradiction, on_other_time)
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
    await refuse_erased(db, accounts)
    await put(
        db,
        (
            (Account(mid=mid, state=state, privacy=privacy), card)
            for mid, (card, privacy, state) in accounts.items()
        ),
    )
    conflicting = await settle_conflicts(db, on_contradiction, on_other_time)
    await db.execute(_ADDED)
    await db.execute("ANALYZE added")
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
_NOT_ENDED = Text(
    "另一事务在失去的节点上尚未结束，请重新运行",
    "a transaction of a lost node had not ended; run the import again",
)


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


# By account, the numbers to add to its counts.
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
_COLUMNS = """
    owner, other, follows, whispers, blocks, followed, groups,
    contract_ts, contract_attr, other_contract_ts, other_contract_attr, visits
"""
_PAIRS = """
SELECT owner, other, follows, whispers, blocks, followed, mine.groups,
    mine.ts, mine.user_attr, theirs.ts, theirs.user_attr, mine.visits
FROM ends LEFT JOIN extras AS mine USING (line) LEFT JOIN extras AS theirs ON theirs.line = back
WHERE coalesce(follows, whispers, blocks, followed) IS NOT NULL
AND {} (SELECT 1 FROM stored WHERE stored.owner = ends.owner AND stored.other = ends.other)
ORDER BY owner, other
"""
_INSERT_NEW = f"INSERT INTO relation ({_COLUMNS}) {_PAIRS.format('NOT EXISTS')}"
# What the file does not contain stays: contract and visits of a following, the other side.
_MERGE_STORED = f"""
INSERT INTO relation AS held ({_COLUMNS}) {_PAIRS.format("EXISTS")}
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
# The rows with a request, which are few or none, that belong to a pair of the file.
_WITH_REQUEST = """
(
    SELECT owner, other, blocked FROM stored JOIN ends USING (owner, other)
    WHERE requests IS NOT NULL OR requested IS NOT NULL OFFSET 0
) AS named
"""
# Also for an edge that lost: what it lost against excludes a request as well.
_END_REQUESTS = f"""
UPDATE relation SET
    requests = CASE WHEN relation.follows IS NULL AND NOT named.blocked THEN relation.requests END,
    requested = CASE
        WHEN relation.followed IS NULL AND NOT named.blocked THEN relation.requested
    END
FROM {_WITH_REQUEST}
WHERE relation.owner = named.owner AND relation.other = named.other
"""
# Such a row had nothing but the request that ended.
_DELETE_EMPTY = f"""
DELETE FROM relation USING {_WITH_REQUEST}
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
    if await db.fetchval(HAS_RELATIONS):
        try:
            await db.execute(_INSERT_NEW)
        except asyncpg.PostgresError as error:  # pragma: no cover - needs a Citus cluster
            if "relation_pkey" in str(error):  # of a prepared transaction, which no lock keeps out
                raise StoreUnavailable(_NOT_ENDED) from error
            raise
        await db.execute(_MERGE_STORED)
        return
    indexes = await db.fetch(_INDEXES)
    for name, _ in indexes:
        await db.execute(f"DROP INDEX {name}")
    await db.execute(_INSERT_NEW)
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
