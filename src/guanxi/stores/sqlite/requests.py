"""Requests to follow: their lists, and how accounts and imports end them, on a given connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import starmap

import apsw
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.graph.effects import change
from guanxi.graph.feed import IMPORTED, record
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import Pair
from guanxi.stores.port import Imported, Rows, SentRequest, Slice
from guanxi.stores.sqlite import feed
from guanxi.stores.sqlite.reads import side


def _pages(holder: str, item: str) -> tuple[str, str]:
    """Return SQL for the first page, and for one after a position; ``holder`` has the list."""
    select = f"SELECT {item}, place FROM request WHERE {holder} = :mid"
    key = f"place, {item}"
    down = f"place DESC, {item} DESC"
    rest = f"ORDER BY {down} LIMIT :limit OFFSET :offset"
    return f"{select} {rest}", f"{select} AND ({key}) < (:place, :item) {rest}"


_RECEIVED, _SENT = _pages("target", "owner"), _pages("owner", "target")


def requests(db: apsw.Connection, mid: int, window: Window, after: Position | None = None) -> Slice:
    """Return a page of the accounts that request to follow ``mid``, newest first."""
    return _page(db, _RECEIVED, mid, window, after)


def sent_requests(
    db: apsw.Connection, mid: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the accounts that ``mid`` requests to follow, newest first."""
    return _page(db, _SENT, mid, window, after)


def _page(
    db: apsw.Connection,
    statements: tuple[str, str],
    mid: int,
    window: Window,
    after: Position | None,
) -> Slice:
    values = {"mid": mid, "limit": window.limit + 1, "offset": window.offset}
    if after is not None:
        values |= {"place": after.sort_key, "item": after.mid}
    found = list(db.execute(statements[after is not None], values)) if window.limit else []
    shown = found[: window.limit]
    mids, sort_keys = [row[0] for row in shown], [row[1] for row in shown]
    # Who requests to follow an account does not follow it: none is mutual.
    return Slice(Rows(mids, sort_keys, [0] * len(mids)), len(found) > len(shown), None, 0)


#: How many requests one transaction ends.
PART = 500
_OTHERS = """
SELECT * FROM (SELECT target FROM request WHERE owner = ?1 LIMIT ?2)
UNION SELECT * FROM (SELECT owner FROM request WHERE target = ?1 LIMIT ?2)
LIMIT ?2
"""


def end_some(db: apsw.Connection, mid: int, now: int) -> bool:
    """End the requests of an account with ``PART`` others, if it has more; return whether it had.

    The feed of changes gets them as cancelled and declined by the account. ``now`` is the current
    time's sort key. The caller commits.
    """
    others = [other for (other,) in db.execute(_OTHERS, (mid, PART + 1))]
    if len(others) <= PART:
        return False
    for other in others[:PART]:
        before = Pair(side(db, mid, other), side(db, other, mid))
        for ended in ("mine", "theirs"):
            after = replace(before, **{ended: replace(getattr(before, ended), requests=None)})
            made = change(mid, other, before, after)
            if made is not None:
                feed.append(db, now, record(made))
            before = after
        db.executemany(_END, ((mid, other), (other, mid)))
    return True


_END = "DELETE FROM request WHERE owner = ? AND target = ?"


def end_requests(db: apsw.Connection, mid: int) -> None:
    """Delete the requests that an account sent and received. The caller commits."""
    db.execute("DELETE FROM request WHERE owner = ?1 OR target = ?1", (mid,))


def pending_requests(db: apsw.Connection, after: int = 0) -> Iterator[SentRequest]:
    """Yield the requests of owners above ``after``, by owner, oldest first."""
    statement = (
        "SELECT owner, target, place FROM request WHERE owner > ? ORDER BY owner, place, target"
    )
    return starmap(SentRequest, db.execute(statement, (after,)))


_IS_STORED = "SELECT EXISTS (SELECT 1 FROM request WHERE owner = ? AND target = ?)"
_PUT = f"""
INSERT INTO request (owner, target, place)
SELECT ?1, ?2, ?3
WHERE (
    SELECT count(*) FROM account WHERE mid IN (?1, ?2) AND state <> {State.DEREGISTERED:d}
) = 2
AND NOT EXISTS (SELECT 1 FROM following WHERE owner = ?1 AND target = ?2)
AND NOT EXISTS (SELECT 1 FROM block WHERE owner = ?1 AND target = ?2)
AND NOT EXISTS (SELECT 1 FROM block WHERE owner = ?2 AND target = ?1)
"""


def put_requests(db: apsw.Connection, rows: Sequence[SentRequest], now: int) -> Imported:
    """Store requests, except those that are stored or excluded; return what became of each.

    ``now`` is the current time's sort key. The caller commits.
    """
    new = unchanged = 0
    for row in rows:
        if db.execute(_IS_STORED, row[:2]).get:
            unchanged += 1
        else:
            db.execute(_PUT, row)
            new += db.changes()
    if new:
        feed.append(db, now, IMPORTED)
    return Imported(new=new, unchanged=unchanged, conflicting=len(rows) - new - unchanged)


#: Deletes the requests that edges written at once contradict, whichever edges those are.
END_CONTRADICTED = """
DELETE FROM request WHERE EXISTS (
    SELECT 1 FROM following AS f WHERE f.owner = request.owner AND f.target = request.target
) OR EXISTS (
    SELECT 1 FROM block AS b WHERE b.owner = request.owner AND b.target = request.target
) OR EXISTS (
    SELECT 1 FROM block AS b WHERE b.owner = request.target AND b.target = request.owner
);
"""
