"""What only a store that Citus distributes needs: its tables, its feed's numbers, suggestions.

``schema``, ``feed``, ``erasing`` and ``suggesting`` call this. Plain PostgreSQL reaches
``is_distributed`` only, and makes looks that it does not use.

**The feed.** Changes are on the shards of their actors, so that an act and its change commit
together, and on no further node. Their numbers are one sequence for the whole cluster, as on plain
PostgreSQL: two transactions that change the same row commit in the order of their numbers, whatever
nodes they reach, and a cursor is one number.

The sequence is on the coordinator alone. Every node draws from it through ``change_source``, a
table of one row there, to which Citus routes. A number must never be drawn twice, also when the
coordinator crashes: a shard's commit must not be on disk before the sequence's new value is. Citus
commits in one phase if only one node has changes; then the shard may be first. So each transaction
that appends also writes to ``change_source``, no row of it: that makes Citus prepare the
transaction on each node, and the coordinator flushes its log before any node shows the change.

**Locks.** A reader stops before a missing number, as ``feed`` describes, and an erasure waits for
writes that began before it, as ``erasing`` describes. Three looks at the locks of all nodes show
which transactions these are, each after those that the last one showed have ended: transactions
with a lock on the table, on the node to which their service is connected, which they have from
before they draw, or read the account's state, until all nodes have committed or one was lost; then
their parts with a lock on a shard, which may go on when that node is lost; then parts that are
prepared. These have another name when their node was restarted: without the third look, one that
the second showed would seem to have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from operator import attrgetter
from weakref import WeakKeyDictionary

from guanxi.accounts.account import State, state_at
from guanxi.stores.port import Distribution, StoreError, StoreUnavailable, Suggestion
from guanxi.stores.port.rows import SOURCES, TARGETS
from guanxi.stores.postgresql.connections import Connection, fetch_many
from guanxi.stores.postgresql.holders import Holder, Look
from guanxi.text import Text
from guanxi.world.marks import DISMISSAL, MUTE

_IS_DISTRIBUTED = """
SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('relation'))
"""


async def is_distributed(db: Connection) -> bool:
    """Return whether Citus distributes the store's tables."""
    if await db.fetchval("SELECT to_regclass('pg_dist_partition') IS NULL"):
        return False
    return bool(await db.fetchval(_IS_DISTRIBUTED))


_DISTRIBUTES: WeakKeyDictionary[Connection, bool] = WeakKeyDictionary()


async def distributes(db: Connection) -> bool:
    """Return what ``is_distributed`` did when it was first called for this connection."""
    known = _DISTRIBUTES.get(db)
    if known is None:
        known = _DISTRIBUTES[db] = await is_distributed(db)
    return known


# One connection for each node: with several, a transaction would have as many parts to prepare.
_ONE_CONNECTION = """
SET LOCAL citus.multi_shard_modify_mode = 'sequential';
SET LOCAL citus.max_adaptive_executor_pool_size = 1
"""
_SHARDS = """
SELECT mid, get_shard_id_for_distribution_column('relation', mid) FROM unnest($1::bigint[]) AS mid
"""


async def begin_many(db: Connection) -> None:
    """Have the statements of the transaction reach each node over one connection."""
    await db.execute(_ONE_CONNECTION)


async def shards(db: Connection, mids: Collection[int]) -> dict[int, int]:
    """Return the shard of each account's rows: statements of many rows lock in their order."""
    return {row[0]: row[1] for row in await db.fetch(_SHARDS, mids)}


# --- the tables ---

_SHARD_COUNT = """
SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = to_regclass('relation') HAVING count(*) > 0
"""
_PENDING = """
SELECT name FROM unnest($1::text[]) AS name
WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass(name))
"""
_NODES = "SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards"
_ROWS = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'relation'::regclass"


async def distribution(db: Connection, tables: Sequence[str]) -> Distribution:
    """Return how ``tables``, all that a store has, are distributed, and over how many nodes."""
    return Distribution(
        pending=[name for (name,) in await db.fetch(_PENDING, tables)],
        shards=await db.fetchval(_SHARD_COUNT),
        nodes=await db.fetchval(_NODES),
        about_rows=await db.fetchval(_ROWS),
    )


#: A condition: the table is not distributed yet.
_NOT_DISTRIBUTED = (
    "WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)"
)
# A key of a distributed table includes the column that it is distributed by.
_FEED_BY_ACTOR = f"""
DO $$ BEGIN
    IF EXISTS (SELECT 1 {_NOT_DISTRIBUTED.replace("$1::text", "'change'")}) THEN
        ALTER TABLE change DROP CONSTRAINT change_pkey, ADD PRIMARY KEY (number, actor);
    END IF;
END $$
"""
# A restored dump of a coordinator has the table, as a plain one that only the coordinator knows.
_SOURCE = """
DROP TABLE IF EXISTS change_source;
CREATE TABLE change_source (sequence text PRIMARY KEY);
INSERT INTO change_source (sequence) VALUES (format('%I.change_number', current_schema()));
SELECT citus_add_local_table_to_metadata('change_source');
"""

_HAS_SOURCE = """
SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('change_source'))
"""
#: Of tables and columns: those that are distributed, and whether by that column.
_DISTRIBUTED = """
SELECT name, column_to_column_name(logicalrelid, partkey) = wanted
FROM unnest($1::text[], $2::text[]) AS given (name, wanted)
JOIN pg_dist_partition ON logicalrelid = to_regclass(name)
"""
_IS_SPREAD = """
SELECT EXISTS (
    SELECT 1 FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass AND partmethod = 'h'
)
"""


async def distribute(
    db: Connection,
    by_account: Mapping[str, str],
    by_own_key: Mapping[str, str],
    on_every_node: Sequence[str],
    on_coordinator: Sequence[str],
) -> None:
    """Distribute the tables that are not distributed yet, with their rows.

    The arguments have each table's distribution column; those by account are colocated. A table
    that an older guanxi distributed by another column is distributed anew. Expects the caller's
    transaction.
    """
    # Several tables in one transaction need one connection per node.
    await db.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
    for table in on_every_node:
        await db.execute(f"SELECT create_reference_table('{table}') {_NOT_DISTRIBUTED}", table)
    await db.execute(_FEED_BY_ACTOR)
    first = next(iter(by_account))
    colocated = {table: "default" if table == first else first for table in by_account}
    columns = {**by_account, **by_own_key}
    for table, is_current in await db.fetch(_DISTRIBUTED, [*columns], [*columns.values()]):
        if not is_current:
            await db.execute(f"SELECT undistribute_table('{table}')")
    for table in on_coordinator:
        if await db.fetchval(_IS_SPREAD, table):
            await db.execute(f"SELECT undistribute_table('{table}')")
        await db.execute(
            f"SELECT citus_add_local_table_to_metadata('{table}') {_NOT_DISTRIBUTED}", table
        )
    for table, column in columns.items():
        await db.execute(
            f"SELECT create_distributed_table('{table}', '{column}',"
            f" colocate_with => '{colocated.get(table, 'none')}') {_NOT_DISTRIBUTED}",
            table,
        )
    if not await db.fetchval(_HAS_SOURCE):
        await db.execute(_SOURCE)


# --- the feed ---

_HAS_FEED = """
SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('change'))
AND to_regclass('change_source') IS NOT NULL
"""


async def has_feed(db: Connection) -> bool:
    """Return whether the changes are distributed; an older guanxi distributed all but these."""
    return bool(await db.fetchval(_HAS_FEED))


async def before_switch(db: Connection, on: bool) -> None:
    """Prepare the transaction that switches the feed.

    Raise StoreError to switch it on if the changes are not distributed.
    """
    if on and not await has_feed(db):
        raise StoreError(
            Text(
                "此库的变更表尚未分布：请对协调节点运行 `guanxi store init ADDRESS --distribute`",
                "the table of changes is not distributed yet: run `guanxi store init ADDRESS"
                " --distribute` with the coordinator's address",
            )
        )
    await _lock_on_all_nodes(db)
    # The lock of a node is released together with the node's copy of the switch.
    await db.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")


async def _lock_on_all_nodes(db: Connection) -> None:
    """Have LOCK, which Citus sends to all nodes, keep the transaction's ``lock_timeout`` there."""
    await db.execute("SET LOCAL citus.propagate_set_commands = 'local'")


# The first locks ``change`` on this node and reaches no other; the second is described above.
_BEGIN_APPEND = "DELETE FROM change WHERE false; DELETE FROM change_source WHERE sequence = ''"
_DRAW = "SELECT nextval(sequence::regclass) FROM change_source, generate_series(1, $1)"
_NEWEST = "SELECT coalesce(pg_sequence_last_value(sequence::regclass), 0) FROM change_source"


async def draw(db: Connection, count: int) -> list[int]:
    """Return the numbers of new changes, ascending, within the transaction that appends them."""
    await db.execute(_BEGIN_APPEND)
    return sorted(number for (number,) in await db.fetch(_DRAW, count))


async def newest(db: Connection) -> int:
    """Return the highest number that was drawn, on any node, whether or not it is committed."""
    return int(await db.fetchval(_NEWEST) or 0)


_LOOK = """
SELECT nodeid::text, success, string_to_array(nullif(result, ''), ',')
FROM run_command_on_all_nodes(format(
    $$SELECT coalesce(string_agg(DISTINCT virtualtransaction, ','), '') FROM pg_locks
    JOIN pg_class ON pg_class.oid = relation
    WHERE locktype = 'relation' AND mode = ANY(%L::text[])
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relnamespace = to_regnamespace(%L) AND relname ~ %L AND (pid IS NULL OR NOT %L)$$,
    $3::text[], quote_ident(current_schema()), $1::text, $2::boolean
))
"""


async def _look(db: Connection, tables: str, prepared: bool, modes: Sequence[str]) -> set[Holder]:
    found: set[Holder] = set()
    for node, success, transactions in await db.fetch(_LOOK, tables, prepared, modes):
        if not success:
            raise StoreUnavailable(Text("有节点没有响应", "a node does not answer"))
        found.update((node, name) for name in transactions or ())
    return found


def looks(tables: Sequence[str], modes: Sequence[str]) -> tuple[Look, Look, Look]:
    """Return the three looks of above, for ``holders.ended``; ``modes`` are those of ``pg_locks``.

    They raise StoreUnavailable if a node does not answer.
    """
    table = f"^({'|'.join(tables)})"
    look = partial(_look, modes=modes)
    return (
        partial(look, tables=f"{table}$", prepared=False),
        partial(look, tables=f"{table}_[0-9]+$", prepared=False),
        partial(look, tables=f"{table}_[0-9]+$", prepared=True),
    )


#: The looks at the transactions that may hold a number of the feed.
LOOKS = looks(["change"], ["RowExclusiveLock"])


async def end(db: Connection, wait_ms: int) -> int | None:
    """Return the number at the end of the feed; None if one below it may still be committed.

    Ends the transaction, and begins another REPEATABLE READ transaction, whose reads of any node
    show every change up to that number, and perhaps later ones. Raise asyncpg's
    LockNotAvailableError if a running transaction does not end within ``wait_ms`` milliseconds.
    """
    # Not in the caller's transaction: its snapshots on the nodes would be from before the lock.
    await db.execute("COMMIT")
    await db.execute("BEGIN")
    await db.execute(f"SET LOCAL lock_timeout = '{wait_ms}ms'")
    await _lock_on_all_nodes(db)
    await db.execute("LOCK TABLE change IN SHARE MODE")
    number = await newest(db)
    _, parts, _ = LOOKS
    left = await parts(db)
    await db.execute("COMMIT")
    await db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    return None if left else number


# --- suggestions ---

_SOURCES = f"""
SELECT other FROM relation WHERE owner = $1 AND follows IS NOT NULL
ORDER BY follows DESC, other DESC LIMIT {SOURCES}
"""
_SHOWN = """
SELECT mid, state, ban_until FROM account WHERE mid = ANY($1) AND NOT hide_followings
"""
_TARGETS = f"""
SELECT other FROM relation WHERE owner = $1 AND follows IS NOT NULL
ORDER BY follows DESC, other DESC LIMIT {TARGETS}
"""
_LEFT_OUT = f"""
SELECT other FROM relation
WHERE owner = $1 AND other = ANY($2) AND (follows IS NOT NULL OR blocks IS NOT NULL)
UNION ALL
SELECT id FROM content_key
WHERE owner = $1 AND kind IN ('{MUTE.name}', '{DISMISSAL.name}') AND id = ANY($2)
AND name = 'until' AND value > $3
"""
_BLOCKING = "SELECT owner FROM relation WHERE owner = ANY($2) AND other = $1 AND blocks IS NOT NULL"
_FOLLOWERS = """
SELECT account.mid, state, ban_until, coalesce(sum(follower), 0)::bigint
FROM account LEFT JOIN follower_tally ON follower_tally.mid = account.mid
WHERE account.mid = ANY($1) AND NOT refuse_follows
GROUP BY account.mid
"""


async def suggestions(db: Connection, owner: int, limit: int, now: int) -> list[Suggestion]:
    """Return accounts that the owner's followings follow, the best first, as ``suggesting``.

    Its statement joins the lists of several accounts, each with its own limit: Citus cannot.
    """
    sources = [mid for (mid,) in await db.fetch(_SOURCES, owner)]
    shown = sorted(
        mid
        for mid, state, until in await db.fetch(_SHOWN, sources)
        if state_at(state, until, now) is State.NORMAL
    )
    followed = await fetch_many(db, _TARGETS, [(mid,) for mid in shown])
    shared = Counter(mid for (mid,) in followed if mid != owner)
    left_out = {mid for (mid,) in await db.fetch(_LEFT_OUT, owner, [*shared], now)}
    left_out |= {mid for (mid,) in await db.fetch(_BLOCKING, owner, [*shared])}
    found = [mid for mid in shared if mid not in left_out]
    ranked = [
        Suggestion(mid, shared[mid], followers)
        for mid, state, until, followers in await db.fetch(_FOLLOWERS, found)
        if state_at(state, until, now) is State.NORMAL
    ]
    return sorted(ranked, key=attrgetter("rank"))[:limit]
