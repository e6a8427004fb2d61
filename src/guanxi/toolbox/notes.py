"""What a person writes about accounts: notes, and marks that every plan obeys."""

from __future__ import annotations

from collections.abc import Iterable

from guanxi.toolbox.archive import Archive
from guanxi.toolbox.exchange import Line

_NOTE = "INSERT OR REPLACE INTO note VALUES (?, ?, ?)"
#: A mark that is set again without a reason keeps the one that it had.
_MARK = """
INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT (mid) DO UPDATE SET
    reason = coalesce(nullif(excluded.reason, ''), reason), written = excluded.written"""


def note_of(archive: Archive, mid: int) -> str | None:
    """Return the note about an account, None without one."""
    rows = archive.rows("SELECT text FROM note WHERE mid = ?", (mid,))
    return rows[0]["text"] if rows else None


def write_note(archive: Archive, mid: int, text: str, now: int) -> None:
    """Replace the note about an account; an empty text deletes it. ``now`` is in seconds."""
    with archive.transaction() as db:
        if text:
            db.execute(_NOTE, (mid, text, now))
        else:
            db.execute("DELETE FROM note WHERE mid = ?", (mid,))


def keep(archive: Archive, mids: Iterable[int], reason: str, now: int) -> int:
    """Mark accounts, so that plans leave them alone; return how many. ``now`` is in seconds."""
    with archive.transaction() as db:
        return db.executemany(_MARK, ((mid, reason, now) for mid in mids)).rowcount


def unkeep(archive: Archive, mids: Iterable[int]) -> int:
    """Remove the marks of accounts; return how many had one."""
    with archive.transaction() as db:
        removed = db.executemany("DELETE FROM mark WHERE mid = ?", ((mid,) for mid in mids))
        return removed.rowcount


def copy(source: Archive, target: Archive) -> None:
    """Write the notes and marks of an archive into another; those that it has stay."""
    with target.transaction() as db:
        for table in ("note", "mark"):
            rows = source.rows(f"SELECT * FROM {table}")
            db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", rows)


def restore(archive: Archive, lines: Iterable[Line], now: int) -> None:
    """Write the notes and marks of a file; those of other accounts stay."""
    with archive.transaction() as db:
        for line in lines:
            if line.note:
                db.execute(_NOTE, (line.mid, line.note, now))
            if line.keep is not None:
                db.execute(_MARK, (line.mid, line.keep, now))
