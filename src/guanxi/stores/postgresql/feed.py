"""The feed of changes, on a given connection.

A transaction draws the numbers of its changes from a sequence as its last step, when it has locked
every row that it changes. Two transactions that change the same row therefore commit in the order
of their numbers; others may commit in any order. So a reader may see a number before a lower one,
and must not pass over the lower one, which perhaps commits later.

A reader therefore returns rows up to the first missing number only. A number is missing for good if
its transaction was rolled back; else it is held by a transaction that still runs. Locks distinguish
the two: a transaction holds ROW EXCLUSIVE on the table ``change`` from before it draws a
number until its commit can be seen. When a reader has seen a number, each transaction that drew a
lower one either has ended or is among the holders of that lock which a look *after* it shows. Once
those holders have ended, what is still missing below the number is missing for good.

The snapshot functions of PostgreSQL do not suffice: ``pg_snapshot_xmax`` is one above the latest
*completed* transaction, so that a snapshot does not show a running transaction which began after
that one and drew a lower number. They would also let a reader wait for every long transaction of
the whole server.

``citus`` describes what differs on Citus, where the changes are on the shards of their actors and
the numbers are still one sequence. A worker node of a store that was distributed by an older guanxi
has no such table: the feed is off there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec

from guanxi.graph.feed import Record
from guanxi.stores.feed import (
    NOTE,
    TRIMMED,
    Cursor,
    Row,
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
from guanxi.stores.port import Changes, Fault, FeedStatus, StoreUnavailable
from guanxi.stores.postgresql import citus, holders
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.many import Insert
from guanxi.stores.postgresql.notes import locked_note, note, put_note
from guanxi.text import Text

#: SQL for the switch of the feed: null if it is off.
SWITCH = f"(SELECT value FROM meta WHERE name = '{NOTE}')"
_APPEND = """
INSERT INTO change (number, time, kind, actor, target, body)
SELECT nextval('change_number'), $1, kind, actor, target, body
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) AS new (kind, actor, target, body)
"""
_APPEND_NUMBERED = Insert(
    "change",
    {
        "number": "bigint",
        "time": "bigint",
        "kind": "text",
        "actor": "bigint",
        "target": "bigint",
        "body": "bytea",
    },
    "",
)
_NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM change_number"

#: Seconds for which a read waits for a transaction that holds a missing number, at least.
SETTLE_SECONDS = 0.2
#: For how long the end of the feed waits for running transactions, in milliseconds.
_END_MS = 5_000


async def switch_of(db: Connection) -> bytes | None:
    """Return the switch, for ``put``; None if the transaction need not append its changes.

    It must hold a lock by now that ``set_changes`` waits for: on a row of ``relation``, ``tally``,
    ``grp``, ``account`` or ``content``, or on such a table.
    """
    switch: bytes | None = await db.fetchval(f"SELECT {SWITCH}")
    return switch


async def append(db: Connection, now: int, *records: Record) -> None:
    """Append changes of the caller's transaction, if the feed is on.

    ``now`` is the current time's sort key. It must be the last that the transaction does, and
    the transaction must have locked what it changes.
    """
    if records and (switch := await switch_of(db)) is not None:
        await put(db, switch, now, records)


async def put(db: Connection, switch: bytes, now: int, records: Sequence[Record]) -> None:
    """Append changes to a feed that is on, with the value of its switch; else as ``append``."""
    time_ms = ms_of(now)
    values = [(each.kind, each.actor, each.target, body_of(each)) for each in records]
    current = decoded(switch)
    if current is not None and current.distributed:
        numbers = await citus.draw(db, len(values))  # pragma: no cover - needs a Citus cluster
        rows = [(number, time_ms, *each) for number, each in zip(numbers, values, strict=True)]
        await _APPEND_NUMBERED.run(db, rows)
    else:
        columns = (list(column) for column in zip(*values, strict=True))
        await db.execute(_APPEND, time_ms, *columns)


# No transaction that has not read the switch's new state may end after this one: what it changes
# would be neither in the feed nor in an export that begins now.
_LOCK = "LOCK TABLE relation, tally, grp, account, content IN EXCLUSIVE MODE"
_LOCK_MS = 5_000


async def set_changes(
    db: Connection, on: bool, keep_days: int | None, keep_rows: int | None
) -> bool:
    """Switch the feed on or off; return whether it was not so. Expects a transaction.

    Raise StoreError if Citus distributes the other tables, and not yet that of the changes.
    """
    distributed = await citus.is_distributed(db)
    if distributed:
        await citus.before_switch(db, on)
    await db.execute(f"SET LOCAL lock_timeout = '{_LOCK_MS}ms'")
    await db.execute(_LOCK)
    current = decoded(await locked_note(db, NOTE))
    if not on:
        await put_note(db, NOTE, None)
        return current is not None
    if current is None:
        start = await newest_number(db, distributed)
        switch = new_switch(start, keep_days, keep_rows, distributed=distributed)
    else:
        switch = msgspec.structs.replace(current, keep_days=keep_days, keep_rows=keep_rows)
    await put_note(db, NOTE, encoded(switch))
    return current is None


_LAST = "SELECT coalesce(max(number), 0) FROM change"


async def mark_restored(db: Connection) -> bool:
    """Refuse cursors that are later than the feed from now on; return whether it is on.

    Expects a transaction.
    """
    switch = decoded(await locked_note(db, NOTE))
    if switch is not None:
        # Not the sequence's number: a dump may have that of a later moment than its rows.
        newest = max(switch.floor, await db.fetchval(_LAST))
        await put_note(db, NOTE, encoded(restored_switch(switch, newest)))
    return switch is not None


async def newest_number(db: Connection, distributed: bool) -> int:
    """Return the highest number that was drawn, whether or not it is committed."""
    if distributed:
        return await citus.newest(db)
    return int(await db.fetchval(_NEWEST))


_ROWS = """
SELECT number, time, kind, actor, target, body FROM change WHERE number > $1
ORDER BY number LIMIT $2
"""
_LOOKS = (holders.look(["change"], ["RowExclusiveLock"]),)


async def changes_after(db: Connection, cursor: Cursor | None, limit: int) -> Changes:
    """Return the changes after a cursor, up to the first number that may still be committed.

    Expects no transaction: each statement must have a snapshot of its own. Raise what
    ``Feed.changes`` does.
    """
    switch = switched_on(await note(db, NOTE))
    newest = await newest_number(db, switch.distributed)
    after = number_after(switch, cursor, newest)
    if newest == after:  # a read of no shard
        return page(switch, after, [])
    rows = await _rows(db, after, limit)
    found = before_gap(rows, after, after)
    if rows and not found:
        seen = rows[-1][0]
        looks = citus.LOOKS if switch.distributed else _LOOKS
        if await holders.ended(db, looks, SETTLE_SECONDS):
            rows = await _rows(db, after, limit)
            found = before_gap(rows, after, seen)
    # Read again: what was trimmed meanwhile would look like a number that is missing for good.
    switch = switched_on(await note(db, NOTE))
    if cursor is None and after < switch.floor:
        return page(switch, switch.floor, [])
    number_after(switch, cursor or Cursor(switch.id, after), after)
    return page(switch, after, found)


async def _rows(db: Connection, after: int, limit: int) -> list[Row]:
    return [tuple(row) for row in await db.fetch(_ROWS, after, limit)]


def before_gap(rows: Sequence[Row], after: int, settled: int) -> Sequence[Row]:
    """Return the rows up to the first missing number above ``settled``; ``after`` precedes them.

    What is missing up to ``settled`` is missing for good.
    """
    last = after
    for at, row in enumerate(rows):
        if row[0] > max(last, settled) + 1:
            return rows[:at]
        last = row[0]
    return rows


async def end_cursor(db: Connection) -> str | None:
    """Return the cursor after every change that the transaction's snapshot shows; None if off.

    Expects a REPEATABLE READ transaction that has not read yet. Running transactions end before,
    and others that want to append wait briefly. On Citus, where each node has its own snapshot,
    later changes may be seen too. Raise StoreUnavailable if the wait takes long.
    """
    await db.execute("SAVEPOINT feed")
    newest: int | None = 0
    try:
        await db.execute(f"SET LOCAL lock_timeout = '{_END_MS}ms'")
        await db.execute("LOCK TABLE change IN SHARE MODE")
        switch = decoded(await note(db, NOTE))  # takes the snapshot
        if switch is not None and not switch.distributed:
            # Not the sequence's number: a crash may undo what it drew for a rolled back transaction
            # and give it to a later change, which a reader with this cursor would miss.
            newest = max(switch.floor, await db.fetchval(_LAST))
        await db.execute("ROLLBACK TO SAVEPOINT feed; RELEASE SAVEPOINT feed")
        if switch is not None and switch.distributed:
            newest = await citus.end(db, _END_MS)
    except asyncpg.UndefinedTableError:  # a worker node, as above
        await db.execute("ROLLBACK TO SAVEPOINT feed; RELEASE SAVEPOINT feed")
        switch = None
    except asyncpg.LockNotAvailableError as error:
        raise _endless() from error
    if newest is None:
        raise _endless()
    return None if switch is None else cursor_at(switch, newest)


def _endless() -> StoreUnavailable:
    return StoreUnavailable(
        Text("有写入一直没有结束，请稍后重试", "a write does not end; retry later")
    )


_SPAN = """
SELECT (SELECT min(number) FROM change WHERE number > $1), (SELECT max(number) FROM change)
"""


async def changes_status(db: Connection) -> FeedStatus:
    """Return whether the feed is on, where it ends and what is kept. Expects no transaction."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        cursor = await end_cursor(db)
        switch = decoded(await note(db, NOTE))
        if switch is None or cursor is None:
            return FeedStatus(on=False)
        oldest, newest = await db.fetchrow(_SPAN, switch.floor) or (None, None)
    return FeedStatus(
        on=True,
        cursor=cursor,
        oldest=oldest or 0,
        newest=(newest or 0) if oldest else 0,
        keep_days=switch.keep_days,
        keep_rows=switch.keep_rows,
    )


# On a node of Citus that only distributed tables reach.
_IS_MISSING = "SELECT to_regclass('change') IS NULL"


async def is_missing(db: Connection) -> bool:
    """Return whether the connection is to a node that has no feed."""
    return bool(await db.fetchval(_IS_MISSING))


_OLDEST = "SELECT number, time FROM change ORDER BY number LIMIT $1"


async def trim(
    db: Connection, now_ms: int, keep_days: int | None, keep_rows: int | None
) -> tuple[int, bool]:
    """Delete the oldest changes beyond the bounds, at most ``TRIMMED``, or any if the feed is off.

    Return how many, and whether there may be more. Expects a transaction.
    """
    if await is_missing(db):
        return 0, False
    distributed = await citus.is_distributed(db)
    if distributed and not await citus.has_feed(db):
        return 0, False
    # First, so that no change is deleted of a feed that is switched on meanwhile.
    newest = await newest_number(db, distributed)
    # One at a time, so that the floor only rises; also with ``set_changes``, which writes it too.
    switch = decoded(await locked_note(db, NOTE))
    rows = [(row[0], row[1]) for row in await db.fetch(_OLDEST, TRIMMED)]
    if switch is None:
        last = min(rows[-1][0], newest) if rows else 0
    elif distributed and rows and rows[0][0] <= switch.floor:
        last = switch.floor  # raised by the transaction before
    else:
        last = last_to_delete(
            switch, rows, newest, now_ms, keep_days=keep_days, keep_rows=keep_rows
        )
    deleted = sum(number <= last for number, _ in rows)
    if deleted:
        if switch is not None and last > switch.floor:
            raised = msgspec.structs.replace(switch, floor=last)
            await put_note(db, NOTE, encoded(raised))
            if distributed:  # a reader could see a deletion before the floor: nodes commit in turn
                return 0, True
        await db.execute("DELETE FROM change WHERE number <= $1", last)
    return deleted, deleted == TRIMMED


#: What ``faults`` checks.
INVARIANT = "each recorded change can be decoded"


async def faults(db: Connection) -> AsyncIterator[Fault]:
    """Yield a fault for each change that cannot be decoded. Expects a transaction."""
    if await is_missing(db):
        return
    statement = "SELECT number, kind, actor, target, body FROM change"
    async for number, kind, actor, target, body in db.cursor(statement, prefetch=1_000):
        try:
            record_of(kind, actor, target, body)
        except msgspec.DecodeError:
            yield Fault(INVARIANT, str(number))
