"""Lists of accounts, and all that is stored of one, given a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from guanxi.graph.pair import mtime_of
from guanxi.stores.account_pages import Examined, Found, examined, page
from guanxi.stores.port import (
    About,
    AccountPage,
    AccountQuery,
    AccountRow,
    Follower,
    Grant,
    ReceivedRequest,
    SentRequest,
)
from guanxi.stores.postgresql import cards, export, reads, sessions
from guanxi.stores.postgresql.connections import Connection

_PREFETCH = 1_000


def statement(wanted: Examined) -> str:
    """Return the SQL that selects the rows; each state is read from an index, in its order."""
    column = wanted.column
    of_states = " UNION ALL ".join(
        f"(SELECT {column} AS place, mid, name, state, ban_reason, ban_until, created"
        f" FROM account WHERE state = {state:d} AND ({column}, mid) > ($1, $2) AND {column} < $3"
        f" ORDER BY {column}, mid LIMIT $4)"
        for state in wanted.states
    )
    return f"SELECT * FROM ({of_states}) AS found ORDER BY place, mid LIMIT $4"


async def list_accounts(db: Connection, query: AccountQuery, now: int) -> AccountPage:
    """Return the page of accounts that a query selects; ``now`` is in seconds since the epoch."""
    wanted = examined(query)
    rows = await db.fetch(statement(wanted), *wanted.after, wanted.end, wanted.most)
    found = [
        Found(
            place.decode() if isinstance(place, bytes) else place,
            mid,
            name.decode(),
            state,
            reason.decode(),
            until,
            created,
        )
        for place, mid, name, state, reason, until, created in rows
    ]
    return page(query, now, found)


async def created(db: Connection, mid: int) -> int:
    """Return when an account was created; 0 if that or the account is unknown."""
    return int(await db.fetchval("SELECT created FROM account WHERE mid = $1", mid) or 0)


async def put_accounts(db: Connection, rows: Sequence[AccountRow]) -> None:
    """Create or replace the accounts of a copy. Expects the caller's transaction."""
    await cards.put_created(db, ((row.account, row.card, row.created) for row in rows))


_OTHERS = """
SELECT other, {column} FROM relation WHERE owner = $1 AND {column} IS NOT NULL
ORDER BY {column}, other
"""
_FOLLOWERS, _SENT, _RECEIVED = (
    _OTHERS.format(column=column) for column in ("followed", "requests", "requested")
)
_GRANTS = "SELECT expires FROM sign_in_grant WHERE mid = $1 ORDER BY expires"


async def about(db: Connection, mid: int, now: int) -> AsyncIterator[About]:
    """Yield all that is stored of an account; nothing if it is unknown. Expects a transaction."""
    found = await cards.account_row(db, mid, now)
    if found is None:
        return
    yield found
    yield await reads.tally(db, mid)
    async for group in export.groups_of(db, mid):
        yield group
    async for edge in export.edges_of(db, mid):
        yield edge
    async for other, sort_key in db.cursor(_FOLLOWERS, mid, prefetch=_PREFETCH):
        yield Follower(other, mtime_of(sort_key))
    async for other, sort_key in db.cursor(_SENT, mid, prefetch=_PREFETCH):
        yield SentRequest(mid, other, sort_key)
    async for other, sort_key in db.cursor(_RECEIVED, mid, prefetch=_PREFETCH):
        yield ReceivedRequest(other, mtime_of(sort_key))
    async for entry in export.entries_of(db, mid):
        yield entry
    for session in await sessions.sessions_of(db, mid):
        yield session
    for (expires,) in await db.fetch(_GRANTS, mid):
        yield Grant(expires)
