"""The facts about a store on a server, for its operator."""

from __future__ import annotations

from collections.abc import AsyncIterator

from guanxi.accounts.account import State
from guanxi.stores.port.info import BACKED_UP, CHECKED, StoreInfo, time_of_note
from guanxi.stores.postgresql.citus import is_distributed
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.notes import note

_SERVER = "SELECT current_setting('server_version')"
_STATES = "SELECT state, count(*) FROM account GROUP BY state"
_TIME = "SELECT time FROM change ORDER BY number {} LIMIT 1"

#: By kind of row, its table or its partial index, and SQL that counts it.
_COUNTED = {
    "accounts": ("account", "SELECT count(*) FROM account"),
    "followings": ("relation_follows", "SELECT count(follows) FROM relation"),
    "whispers": ("relation_whispers", "SELECT count(whispers) FROM relation"),
    "blocks": ("relation_blocks", "SELECT count(blocks) FROM relation"),
    "requests": ("relation_requests", "SELECT count(requests) FROM relation"),
    "groups": ("grp", "SELECT count(*) FROM grp"),
    "sessions": ("session", "SELECT count(*) FROM session"),
    "documents": ("content", "SELECT count(*) FROM content"),
    "changes": ("change", "SELECT count(*) FROM change"),
}
#: The number of rows at the last VACUUM or ANALYZE; -1 before the first.
_ESTIMATES = """
SELECT relname, reltuples::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')
"""
_SIZES = """
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' ORDER BY 2 DESC, 1
"""
_DISTRIBUTED_SIZES = """
SELECT relname, citus_total_relation_size(logicalrelid) FROM pg_dist_partition
JOIN pg_class ON oid = logicalrelid
WHERE relnamespace = current_schema()::regnamespace ORDER BY 2 DESC, 1
"""
_USERS = """
SELECT concat_ws(' ', pid::text, usename, application_name, host(client_addr))
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND pid <> pg_backend_pid() ORDER BY pid
"""


async def info(db: Connection, exact: bool) -> AsyncIterator[StoreInfo]:
    """Yield the facts, once. Without ``exact``, counts are those that the planner knows.

    Those of a store that Citus distributes are always counted: its coordinator has no estimates.
    Expects a transaction.
    """
    distributed = await is_distributed(db)
    exact = exact or distributed
    counts: dict[str, int | None] = {}
    if exact:
        for name, (_, statement) in _COUNTED.items():
            counts[name] = int(await db.fetchval(statement))
    else:
        known = {name: int(rows) for name, rows in await db.fetch(_ESTIMATES)}
        for name, (relation, _) in _COUNTED.items():
            rows = known.get(relation, -1)
            counts[name] = rows if rows >= 0 else None
    states = None
    if exact:
        found = {int(state): int(rows) for state, rows in await db.fetch(_STATES)}
        states = {state.name.lower(): found.get(state, 0) for state in State}
    sizes = await db.fetch(_DISTRIBUTED_SIZES if distributed else _SIZES)
    yield StoreInfo(
        engine=f"PostgreSQL {await db.fetchval(_SERVER)}" + (" with Citus" if distributed else ""),
        schema=int(await note(db, "version") or 0),
        bytes={name: int(size) for name, size in sizes},
        counts=counts,
        states=states,
        estimated=not exact,
        oldest_change_ms=await db.fetchval(_TIME.format("ASC")),
        newest_change_ms=await db.fetchval(_TIME.format("DESC")),
        checked=time_of_note(await note(db, CHECKED)),
        backed_up=time_of_note(await note(db, BACKED_UP)),
        users=[row[0] for row in await db.fetch(_USERS)],
    )
