"""Watch: snapshots at intervals, and their differences posted to a webhook.

A post that is not delivered stays in the archive and is sent before the next one.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from uuid import uuid4

import msgspec

from guanxi.sdk.sync import SyncClient
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.backup import backup
from guanxi.toolbox.difference import SCHEMA_VERSION, Difference, difference
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.progress import OnProgress
from guanxi.toolbox.webhook import Sender, Webhook

#: Seconds between two snapshots of somebody else's server, at least.
SHORTEST = 15 * 60
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST = 365 * 86_400
#: The changes of each category that a post has, and the posts that are kept.
_CHANGES, _KEPT = 500, 100


def seconds_of(duration: str, *, own: bool = False) -> int:
    """Return the seconds of a duration like 30m, 6h or 1d.

    It is 15 minutes or more, or with ``own`` (the server is the caller's own) one second, and at
    most a year. Raise SelectionError for any other text.
    """
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", duration, re.ASCII)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    shortest = 1 if own else SHORTEST
    if not shortest <= seconds <= _LONGEST:
        least = "1s" if own else "15m"
        raise SelectionError(
            f"时间间隔 {duration} 无效：应如 30m、6h、1d，至少 {least}，至多 365d",
            f"invalid interval {duration}: write 30m, 6h or 1d, at least {least}, at most 365d",
        )
    return seconds


def look(
    client: SyncClient,
    archive: Archive,
    now: int,
    *,
    webhook: Webhook | None = None,
    on_progress: OnProgress | None = None,
) -> Difference | None:
    """Take a snapshot; return its difference from the one before, None for the first snapshot.

    With ``webhook`` all changes since those that were kept last are kept to be posted, also what a
    look found that was killed, or another backup: call ``deliver``. Raise as ``backup``.
    """
    if webhook is not None:
        archive.rows(_BASE)
    backup(client, archive, now, on_progress=on_progress)
    [[snapshots]] = archive.rows("SELECT count(*) FROM snapshot WHERE ended IS NOT NULL")
    if snapshots < 2:
        if webhook is not None:
            archive.rows(_BASE)
        return None
    if webhook is not None:
        keep(archive, difference(archive, archive.rows(_POSTED)[0][0]), now)
    return difference(archive)


#: The snapshot up to which changes were kept to be posted: at first, the newest one.
_BASE = """
INSERT OR IGNORE INTO meta SELECT 'posted', max(id) FROM snapshot WHERE ended IS NOT NULL"""
#: That snapshot, or if it was removed the one before it, or the first one. A number may be that of
#: a removed one: the newest was never posted.
_POSTED = """
SELECT coalesce(max(id) FILTER (
    WHERE id <= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'posted')), min(id))
FROM snapshot WHERE ended IS NOT NULL AND id < (SELECT max(id) FROM snapshot)"""


def keep(archive: Archive, found: Difference, now: int) -> None:
    """Keep a difference with changes to be posted; of more than 100 the oldest are deleted."""
    body = "".join(found.json(limit=_CHANGES)) if found.has_changes() else None
    with archive.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('posted', ?)", (found.after,))
        if body is None:
            return
        db.execute("INSERT INTO post VALUES (NULL, ?, ?, ?)", (uuid4().hex, now, body))
        db.execute("DELETE FROM post WHERE number <= (SELECT max(number) FROM post) - ?", (_KEPT,))


def deliver(
    archive: Archive,
    webhook: Webhook,
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], object] = time.sleep,
) -> int:
    """Post the differences that are kept, the oldest first; return how many were delivered.

    Each is tried as ``Sender.post``. Raise Undelivered at the first that fails: it and the later
    ones stay.
    """
    delivered = 0
    with Sender(webhook, "guanxi-watch", wait) as sender:
        while rows := archive.rows("SELECT * FROM post ORDER BY number LIMIT 1"):
            [row] = rows
            sender.post(partial(_body, archive, row, clock))
            with archive.transaction() as db:
                db.execute("DELETE FROM post WHERE number = ?", (row["number"],))
            delivered += 1
    return delivered


def _body(archive: Archive, row: sqlite3.Row, clock: Callable[[], float]) -> bytes:
    """Return the body of a post that is sent now."""
    head = {
        "schema_version": SCHEMA_VERSION,
        "event": "difference",
        "id": row["id"],
        "sent": int(clock()),
        "account": msgspec.to_builtins(archive.identity),
    }
    return f'{json.dumps(head)[:-1]}, "difference": {row["body"]}}}'.encode()
