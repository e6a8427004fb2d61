"""Snapshots: what was read is staged first, and becomes a snapshot in one transaction.

An interrupted reading therefore changes nothing that is known, and goes on from what is staged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct, field

from guanxi.contract.structs import OfficialVerify, RelationItem
from guanxi.toolbox.archive import Archive

#: The lists of accounts that a snapshot has; ``groups`` is another.
ListName = Literal["followings", "followers", "blocks", "whispers"]
LISTS: tuple[ListName, ...] = get_args(ListName)


class Reading(Struct, frozen=True):
    """What a snapshot knows of one list.

    ``reason`` says why it is not complete: ``cap`` (the server shows no more), ``hidden``,
    ``moved`` (it changed whenever it was read), ``interrupted`` or ``refused``.
    """

    total: int | None
    shown: int
    complete: bool
    reason: str | None = None


class Item(Struct, frozen=True):
    """What a snapshot keeps of an account in a list: the part of ``RelationItem`` that it needs."""

    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0
    uname: str = ""
    face: str = ""
    sign: str = ""
    official_verify: OfficialVerify = field(default_factory=OfficialVerify)


def begin(archive: Archive, now: int) -> int:
    """Return the number of the snapshot that is being read; begin one if there is none."""
    with archive.transaction() as db:
        found = db.execute("SELECT id FROM snapshot WHERE ended IS NULL").fetchone()
        if found is not None:
            return int(found[0])
        new = db.execute("INSERT INTO snapshot (begun) VALUES (?) RETURNING id", (now,))
        return int(new.fetchone()[0])


def discard(archive: Archive) -> None:
    """Delete the unfinished snapshot and all that was staged for it."""
    with archive.transaction() as db:
        _clear(db)
        db.execute("DELETE FROM snapshot WHERE ended IS NULL")


def stage(
    db: sqlite3.Connection,
    name: str,
    items: Iterable[Item | RelationItem],
    *,
    start: int,
    reading: int = 1,
) -> None:
    """Stage items of a list in their order; ``start`` is the position of the first, from 0.

    ``reading`` is which reading of the list they are of. Within a transaction of the caller.
    """
    db.executemany(
        "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(name, reading, position, item.mid, item.mtime, item.attribute, item.special),
                json.dumps(sorted(item.tag)) if item.tag else None,
                *(item.uname, item.sign, item.face, item.official_verify.desc),
            )
            for position, item in enumerate(items, start)
        ),
    )


def stage_groups(db: sqlite3.Connection, groups: Iterable[tuple[int, str]]) -> None:
    """Stage the account's own groups, by id and name, in the server's order."""
    db.execute("DELETE FROM staged_group")
    rows = ((group, name, position) for position, (group, name) in enumerate(groups))
    db.executemany("INSERT INTO staged_group VALUES (?, ?, ?)", rows)


def finish(
    archive: Archive, number: int, readings: Mapping[str, Reading], now: int, *, calls: int = 0
) -> None:
    """Make what is staged the snapshot ``number``, in one transaction.

    ``readings`` are those of the lists that were read; of a complete one, whoever is not staged has
    left. ``calls``: how many requests it took.
    """
    with archive.transaction() as db:
        for name, reading in readings.items():
            db.execute(
                "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?)",
                (number, name, reading.total, reading.shown, reading.complete, reading.reason),
            )
            if name == "groups":
                if reading.complete:
                    _merge_groups(db, number)
            else:
                _merge_list(db, number, name, complete=reading.complete)
        _merge_profiles(db, number)
        _clear(db)
        db.execute("UPDATE snapshot SET ended = ?, calls = ? WHERE id = ?", (now, calls, number))


def readings(archive: Archive, number: int) -> dict[str, Reading]:
    """Return what a snapshot knows of each of its lists. Raise NoSuchSnapshot."""
    archive.check_snapshot(number)
    rows = archive.rows("SELECT * FROM reading WHERE snapshot = ?", (number,))
    return {
        row["list"]: Reading(row["total"], row["shown"], bool(row["complete"]), row["reason"])
        for row in rows
    }


def remove(archive: Archive, number: int) -> None:
    """Delete a snapshot. What only it saw is forgotten. Raise NoSuchSnapshot.

    A change that it was the first to see is then one of the next snapshot.
    """
    archive.check_snapshot(number)
    with archive.transaction() as db:
        after = "SELECT min(id) FROM snapshot WHERE id > ? AND ended IS NOT NULL"
        before = "SELECT max(id) FROM snapshot WHERE id < ? AND ended IS NOT NULL"
        [following] = db.execute(after, (number,)).fetchone()
        [previous] = db.execute(before, (number,)).fetchone()
        for table in ("item", "profile", "grp"):
            gone = f"DELETE FROM {table} WHERE first = ? AND until IS ?"
            db.execute(gone, (number, following))
            for column in ("first", "until"):
                moved = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                if following is not None or column == "until":
                    db.execute(moved, (following, number))
        db.execute("UPDATE item SET seen = ? WHERE seen = ?", (previous or following, number))
        db.execute("DELETE FROM reading WHERE snapshot = ?", (number,))
        db.execute("DELETE FROM snapshot WHERE id = ?", (number,))


def _clear(db: sqlite3.Connection) -> None:
    for table in ("staged", "staged_group", "progress"):
        db.execute(f"DELETE FROM {table}")
    db.execute("DROP INDEX IF EXISTS staged_mid")


def index_staged(db: sqlite3.Connection) -> None:
    """Index what is staged by account, until the snapshot ends: for a list that is read again.

    Most are read once, and each item would be written twice. Within a transaction of the caller.
    """
    db.execute("CREATE INDEX IF NOT EXISTS staged_mid ON staged (list, pass, mid)")


_LAST = (
    "DROP TABLE IF EXISTS temp.last",
    """CREATE TEMP TABLE last (
        mid INTEGER PRIMARY KEY, position, since, attribute, special, groups, tie DEFAULT 0)""",
    # The last reading of a list, each account once.
    """INSERT OR IGNORE INTO last (mid, position, since, attribute, special, groups)
    SELECT mid, position, since, attribute, special, groups FROM staged
    WHERE list = :list AND pass = (SELECT max(pass) FROM staged WHERE list = :list)
    ORDER BY position""",
    # Few have a time in common; a window over all costs as much as all the rest.
    """UPDATE last SET tie = r.tie FROM (
        SELECT mid, row_number() OVER (PARTITION BY since ORDER BY position DESC) - 1 AS tie
        FROM last WHERE since IN (SELECT since FROM last GROUP BY since HAVING count(*) > 1)
    ) AS r WHERE r.mid = last.mid""",
)
_MERGE = (
    # Whoever is shown otherwise than before has a new row.
    """UPDATE item AS i SET until = :snapshot
    WHERE i.list = :list AND i.until IS NULL AND EXISTS (SELECT 1 FROM last AS l
        WHERE l.mid = i.mid AND (l.since, l.attribute, l.special, l.groups)
            IS NOT (i.since, i.attribute, i.special, i.groups))""",
    """UPDATE item AS i SET seen = :snapshot, tie = (SELECT tie FROM last AS l WHERE l.mid = i.mid)
    WHERE i.list = :list AND i.until IS NULL AND i.mid IN (SELECT mid FROM last)""",
    """INSERT INTO item
    SELECT :list, l.mid, :snapshot, NULL, :snapshot, l.since, l.tie, l.attribute, l.special,
        l.groups
    FROM last AS l WHERE NOT EXISTS (SELECT 1 FROM item AS i
        WHERE i.list = :list AND i.mid = l.mid AND i.until IS NULL)
    ORDER BY l.mid""",
)
_LEFT = """
UPDATE item SET until = :snapshot
WHERE list = :list AND until IS NULL AND mid NOT IN (SELECT mid FROM last)
"""


def _merge_list(db: sqlite3.Connection, number: int, name: str, *, complete: bool) -> None:
    values = {"snapshot": number, "list": name}
    for statement in _LAST:
        db.execute(statement, values)
    if complete:
        db.execute(_LEFT, values)
    for statement in _MERGE:
        db.execute(statement, values)
    db.execute("DROP TABLE temp.last")


_GROUPS = (
    """UPDATE grp AS g SET until = :snapshot WHERE g.until IS NULL
    AND NOT EXISTS (SELECT 1 FROM staged_group AS s WHERE s.id = g.id AND s.name = g.name)""",
    """UPDATE grp AS g SET position = (SELECT s.position FROM staged_group AS s WHERE s.id = g.id)
    WHERE g.until IS NULL""",
    """INSERT INTO grp SELECT s.id, :snapshot, NULL, s.name, s.position FROM staged_group AS s
    WHERE NOT EXISTS (SELECT 1 FROM grp AS g WHERE g.id = s.id AND g.until IS NULL)""",
)


def _merge_groups(db: sqlite3.Connection, number: int) -> None:
    for statement in _GROUPS:
        db.execute(statement, {"snapshot": number})


#: A profile that one of the lists still shows is not changed: while lists are read it may change.
_PROFILES = (
    """INSERT OR IGNORE INTO known SELECT p.mid FROM staged AS s CROSS JOIN profile AS p
    WHERE p.mid = s.mid AND p.until IS NULL
        AND (s.name, s.sign, s.face, s.verified) IS (p.name, p.sign, p.face, p.verified)""",
    """UPDATE profile AS p SET until = :snapshot FROM staged AS s
    WHERE p.mid = s.mid AND p.until IS NULL AND p.mid NOT IN (SELECT mid FROM known)""",
    """INSERT OR IGNORE INTO profile
    SELECT mid, :snapshot, NULL, name, sign, face, verified FROM staged
    WHERE mid NOT IN (SELECT mid FROM known)""",
)


def _merge_profiles(db: sqlite3.Connection, number: int) -> None:
    db.execute("DROP TABLE IF EXISTS temp.known")
    db.execute("CREATE TEMP TABLE known (mid INTEGER PRIMARY KEY)")
    for statement in _PROFILES:
        db.execute(statement, {"snapshot": number} if ":snapshot" in statement else {})
    db.execute("DROP TABLE temp.known")
