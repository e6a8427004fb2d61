"""The feed of changes, on a given connection.

Writers have the file to themselves one after another, so that the order of the numbers is that of
the commits, and a reader sees no number before a lower one.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import msgspec

from guanxi.graph.feed import Record
from guanxi.stores.feed import (
    NOTE,
    TRIMMED,
    Cursor,
    body_of,
    cursor_at,
    decoded,
    encoded,
    last_to_delete,
    ms_of,
    new_switch,
    number_after,
    page,
    record_of,
    restored_switch,
    switched_on,
)
from guanxi.stores.port import Changes, Fault, FeedStatus

_NOTE = "SELECT value FROM meta WHERE name = ?"
_PUT_NOTE = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
#: A row while the feed is on.
IS_ON = f"SELECT 1 FROM meta WHERE name = '{NOTE}'"
_APPEND = "INSERT INTO change (time, kind, actor, target, body) VALUES (?, ?, ?, ?, ?)"
_NEWEST = "SELECT seq FROM sqlite_sequence WHERE name = 'change'"


def is_on(db: apsw.Connection) -> bool:
    """Return whether the transaction must append its changes."""
    return db.execute(IS_ON).get is not None


def append(db: apsw.Connection, now: int, *records: Record) -> None:
    """Append changes of the caller's transaction, if the feed is on.

    ``now`` is the current time's sort key.
    """
    if records and is_on(db):
        put(db, now, *records)


def put(db: apsw.Connection, now: int, *records: Record) -> None:
    """Append changes to a feed that is on, as ``is_on`` said in this transaction."""
    time = ms_of(now)
    for record in records:
        values = (time, record.kind, record.actor, record.target, body_of(record))
        db.execute(_APPEND, values)


def set_changes(
    db: apsw.Connection, on: bool, keep_days: int | None, keep_rows: int | None
) -> bool:
    """Switch the feed on or off; return whether it was not so. The caller commits."""
    current = decoded(_note(db))
    if not on:
        db.execute("DELETE FROM meta WHERE name = ?", (NOTE,))
        return current is not None
    if current is None:
        switch = new_switch(newest_number(db), keep_days, keep_rows)
    else:
        switch = msgspec.structs.replace(current, keep_days=keep_days, keep_rows=keep_rows)
    db.execute(_PUT_NOTE, (NOTE, encoded(switch)))
    return current is None


def mark_restored(db: apsw.Connection) -> bool:
    """Refuse cursors that are later than the feed from now on; return whether it is on.

    The caller commits.
    """
    switch = decoded(_note(db))
    if switch is not None:
        db.execute(_PUT_NOTE, (NOTE, encoded(restored_switch(switch, newest_number(db)))))
    return switch is not None


def _note(db: apsw.Connection) -> bytes | None:
    value: bytes | None = db.execute(_NOTE, (NOTE,)).get
    return value


def newest_number(db: apsw.Connection) -> int:
    """Return the highest number that was drawn."""
    return int(db.execute(_NEWEST).get or 0)


_ROWS = """
SELECT number, time, kind, actor, target, body FROM change WHERE number > ?
ORDER BY number LIMIT ?
"""


def changes_after(db: apsw.Connection, cursor: Cursor | None, limit: int) -> Changes:
    """Return the changes after a cursor; raise what ``Feed.changes`` does."""
    switch = switched_on(_note(db))
    after = number_after(switch, cursor, newest_number(db))
    return page(switch, after, list(db.execute(_ROWS, (after, limit))))


def end_cursor(db: apsw.Connection) -> str | None:
    """Return the cursor after every change that the connection's snapshot shows; None if off."""
    switch = decoded(_note(db))
    return None if switch is None else cursor_at(switch, newest_number(db))


_SPAN = "SELECT (SELECT min(number) FROM change WHERE number > ?), (SELECT max(number) FROM change)"


def changes_status(db: apsw.Connection) -> FeedStatus:
    """Return whether the feed is on, where it ends and what is kept."""
    switch = decoded(_note(db))
    if switch is None:
        return FeedStatus(on=False)
    [(oldest, newest)] = db.execute(_SPAN, (switch.floor,))
    return FeedStatus(
        on=True,
        cursor=cursor_at(switch, newest_number(db)),
        oldest=int(oldest or 0),
        newest=int(newest or 0) if oldest else 0,
        keep_days=switch.keep_days,
        keep_rows=switch.keep_rows,
    )


_OLDEST = "SELECT number, time FROM change ORDER BY number LIMIT ?"


def trim(
    db: apsw.Connection, now_ms: int, keep_days: int | None, keep_rows: int | None
) -> tuple[int, bool]:
    """Delete the oldest changes beyond the bounds, at most ``TRIMMED``, or any if the feed is off.

    Return how many, and whether there may be more. The caller commits.
    """
    switch = decoded(_note(db))
    rows = [(int(number), int(time)) for number, time in db.execute(_OLDEST, (TRIMMED,))]
    if switch is None:
        last = rows[-1][0] if rows else 0
    else:
        last = last_to_delete(
            switch, rows, newest_number(db), now_ms, keep_days=keep_days, keep_rows=keep_rows
        )
    deleted = sum(number <= last for number, _ in rows)
    if deleted:
        db.execute("DELETE FROM change WHERE number <= ?", (last,))
        if switch is not None and last > switch.floor:
            db.execute(_PUT_NOTE, (NOTE, encoded(msgspec.structs.replace(switch, floor=last))))
    return deleted, deleted == TRIMMED


#: What ``faults`` checks.
INVARIANT = "each recorded change can be decoded"


def faults(db: apsw.Connection) -> Iterator[Fault]:
    """Yield a fault for each change that cannot be decoded."""
    for number, kind, actor, target, body in db.execute(
        "SELECT number, kind, actor, target, body FROM change"
    ):
        try:
            record_of(kind, actor, target, body)
        except msgspec.DecodeError:
            yield Fault(INVARIANT, str(number))
