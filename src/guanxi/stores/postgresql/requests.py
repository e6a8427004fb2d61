"""Requests to follow: their lists, and how deregistration ends them, on a given connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

import asyncpg

from guanxi.graph.feed import IMPORTED
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import Imported, Rows, SentRequest, Slice
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.pairs import (
    Locked,
    end_requests,
    lock,
    put_request,
    share_accounts,
)
from guanxi.stores.postgresql.rows import write


def _pages(column: str) -> tuple[str, str]:
    """Return SQL for a page of the list of a column: from the start, and after a position."""
    select = f"SELECT other, {column} FROM relation WHERE owner = $1 AND {column} IS NOT NULL"
    order = f"ORDER BY {column} DESC, other DESC LIMIT $2 OFFSET $3"
    return f"{select} {order}", f"{select} AND ({column}, other) < ($4, $5) {order}"


_RECEIVED, _SENT = _pages("requested"), _pages("requests")


async def requests(
    db: Connection, mid: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the accounts that request to follow ``mid``, newest first."""
    return await _page(db, _RECEIVED, mid, window, after)


async def sent_requests(
    db: Connection, mid: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the accounts that ``mid`` requests to follow, newest first."""
    return await _page(db, _SENT, mid, window, after)


async def _page(
    db: Connection,
    statements: tuple[str, str],
    mid: int,
    window: Window,
    after: Position | None,
) -> Slice:
    position = () if after is None else (after.sort_key, after.mid)
    found = []
    if window.limit:
        statement = statements[after is not None]
        found = await db.fetch(statement, mid, window.limit + 1, window.offset, *position)
    shown = found[: window.limit]
    mids, sort_keys = [row[0] for row in shown], [row[1] for row in shown]
    # Who requests to follow an account does not follow it: none is mutual.
    return Slice(Rows(mids, sort_keys, [0] * len(mids)), len(found) > len(shown), None, 0)


_OTHERS = """
(SELECT other FROM relation WHERE owner = $1 AND requests IS NOT NULL LIMIT $2)
UNION (SELECT other FROM relation WHERE owner = $1 AND requested IS NOT NULL LIMIT $2)
LIMIT $2
"""
#: How many requests one transaction ends, and more than an account may have.
PART, _ALL = 500, 2**31


async def _others(db: Connection, mid: int, most: int) -> list[int]:
    """Return the accounts at the other end of an account's requests, at most so many."""
    return [row["other"] for row in await db.fetch(_OTHERS, mid, most)]


async def _lock(db: Connection, mid: int, others: Iterable[int], now: int) -> Locked:
    return await lock(db, [Modify(mid, other, Act.CANCEL_REQUEST) for other in others], (), now)


async def end_some(db: Connection, mid: int, now: int) -> bool:
    """End ``PART`` of an account's requests, if it has more; return whether it had.

    The feed of changes gets them as cancelled and declined by the account. ``now`` is the current
    time's sort key. Expects the caller's transaction.
    """
    others = await _others(db, mid, PART + 1)
    if len(others) <= PART:
        return False
    locked = await _lock(db, mid, others[:PART], now)
    for other in others[:PART]:
        end_requests(locked, mid, other, recorded=True)
    await write(db, locked, 0)
    return True


async def lock_account(
    db: Connection, mid: int, statement: str
) -> tuple[asyncpg.Record | None, Locked, list[int]]:
    """Lock an account's requests, then the account by ``statement``, and return its row.

    Also return the locked rows, and the accounts at the other end. A follow locks in the same
    order, so that neither waits for the other in a circle; if one made a request meanwhile, all is
    released and locked again. Expects the caller's transaction.
    """
    while True:
        await db.execute("SAVEPOINT requests")
        others = await _others(db, mid, _ALL)
        locked = await _lock(db, mid, others, 0)
        found = await db.fetchrow(statement, mid)
        if {*await _others(db, mid, _ALL)} <= {*others}:
            await db.execute("RELEASE SAVEPOINT requests")
            return found, locked, others
        await db.execute("ROLLBACK TO SAVEPOINT requests; RELEASE SAVEPOINT requests")


_PENDING = """
SELECT owner, other, requests FROM relation WHERE owner > $1 AND requests IS NOT NULL
ORDER BY owner, requests, other
"""


async def pending_requests(db: Connection, after: int = 0) -> AsyncIterator[SentRequest]:
    """Yield the requests of owners above ``after``, by owner, oldest first.

    Expects a transaction.
    """
    async for row in db.cursor(_PENDING, after, prefetch=1_000):
        yield SentRequest(*row)


async def put_requests(db: Connection, rows: Sequence[SentRequest], now: int) -> Imported:
    """Store requests, except those that are stored or excluded; return what became of each.

    ``now`` is the sort key of the current time. Expects the caller's transaction.
    """
    acts = [Modify(row.owner, row.target, Act.FOLLOW) for row in rows]
    locked = await lock(db, acts, (), now)
    await share_accounts(db, locked, acts)
    unchanged = conflicting = 0
    for row in rows:
        if row.owner == row.target:
            conflicting += 1
        elif locked.rows[row.owner, row.target].pair.mine.requests is not None:
            unchanged += 1
        elif not put_request(locked, row.owner, row.target, row.sort_key):
            conflicting += 1
    new = len(rows) - unchanged - conflicting
    if new and locked.is_recorded:
        locked.records.append(IMPORTED)
    await write(db, locked, 0)
    return Imported(new=new, unchanged=unchanged, conflicting=conflicting)
