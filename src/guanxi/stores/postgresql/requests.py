"""Requests to follow: their lists, and how deregistration ends them, on a given connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from guanxi.graph.feed import IMPORTED
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import Imported, Rows, SentRequest, Slice
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.pairs import end_request, lock, put_request, write


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
SELECT other FROM relation WHERE owner = $1 AND (requests IS NOT NULL OR requested IS NOT NULL)
"""


async def end_requests(db: Connection, mid: int) -> None:
    """Delete the requests that an account sent and received. Expects the caller's transaction."""
    acts = [Modify(mid, row["other"], Act.CANCEL_REQUEST) for row in await db.fetch(_OTHERS, mid)]
    if not acts:
        return
    locked = await lock(db, acts, (), 0)
    for act in acts:
        end_request(locked, act.owner, act.target)
        end_request(locked, act.target, act.owner)
    await write(db, locked, 0)


_PENDING = """
SELECT owner, other, requests FROM relation WHERE owner > $1 AND requests IS NOT NULL
ORDER BY owner, requests
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
