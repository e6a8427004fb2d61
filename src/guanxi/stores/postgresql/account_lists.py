"""Lists of accounts, and all that is stored of one, given a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

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
)
from guanxi.stores.postgresql import cards, export, reads, requests
from guanxi.stores.postgresql.connections import Connection

T = TypeVar("T")

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
    by_time: dict[int, list[AccountRow]] = {}
    for row in rows:
        by_time.setdefault(row.created, []).append(row)
    for created, some in sorted(by_time.items()):
        await cards.put(db, [(row.account, row.card) for row in some], created)


_FOLLOWERS = """
SELECT other, followed FROM relation WHERE owner = $1 AND followed IS NOT NULL
ORDER BY followed, other
"""
_RECEIVED = """
SELECT other, requested FROM relation WHERE owner = $1 AND requested IS NOT NULL
ORDER BY requested, other
"""
_GRANTS = "SELECT expires FROM sign_in_grant WHERE mid = $1 ORDER BY expires"


async def about(db: Connection, mid: int) -> AsyncIterator[About]:
    """Yield all that is stored of an account; nothing if it is unknown. Expects a transaction.

    Most parts are an export from that account on, which is left at the next account.
    """
    before = mid - 1
    known = False
    async for account in _while(cards.accounts(db, before), lambda row: row.account.mid, mid):
        known = True
        yield account
    if not known:
        return
    yield await reads.tally(db, mid)
    async for group in _while(export.owned_groups(db, before), lambda row: row.owner, mid):
        yield group
    async for edge in _while(export.edges(db, before), lambda row: row.follower, mid):
        yield edge
    async for other, sort_key in db.cursor(_FOLLOWERS, mid, prefetch=_PREFETCH):
        yield Follower(other, mtime_of(sort_key))
    async for sent in _while(requests.pending_requests(db, before), lambda row: row.owner, mid):
        yield sent
    async for other, sort_key in db.cursor(_RECEIVED, mid, prefetch=_PREFETCH):
        yield ReceivedRequest(other, mtime_of(sort_key))
    async for entry in _while(export.entries(db, before), lambda row: row.owner, mid):
        yield entry
    for session in await cards.sessions_of(db, mid):
        yield session
    for (expires,) in await db.fetch(_GRANTS, mid):
        yield Grant(expires)


async def _while(rows: AsyncIterator[T], owner: Callable[[T], Any], mid: int) -> AsyncIterator[T]:
    """Yield rows, which are sorted by owner, up to the first one of another account."""
    async with aclosing(rows) as opened:  # type: ignore[type-var]  # an async generator
        async for row in opened:
            if owner(row) != mid:
                return
            yield row
