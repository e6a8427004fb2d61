"""A SQLite store at a mark: a copy of its rows, and the way back to them.

SQLite's session extension records which rows change after a mark; their inverse takes the store
back, in a time that depends on those rows alone. What another connection wrote meanwhile, as an
import does, is not recorded: then the store is compared with the copy.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
from msgspec import Struct

from guanxi.stores.sqlite.opening import connect, failures
from guanxi.stores.sqlite.writer import turn

#: Where the header of a SQLite file says whether it has a log, and the values for none.
_LOGGED, _NOT_LOGGED = slice(18, 20), b"\x01\x01"


class Mark(Struct):
    """A copy of the store, and what has changed since on the writer's connection."""

    image: bytes
    #: Changes when another connection writes.
    version: int
    sequences: list[tuple[str, int]]
    #: None if nothing is recorded.
    session: apsw.Session | None = None


def marked(db: apsw.Connection, *, recorded: bool) -> Mark:
    """Return the store as it is now; with ``recorded``, record its changes from now on."""
    version, session = recording(db) if recorded else (_version(db), None)
    return Mark(image_of(db), version, _sequences(db), session)


def recording(db: apsw.Connection) -> tuple[int, apsw.Session]:
    """Return the connection's data version, and a session that records its changes from now on."""
    session = apsw.Session(db, "main")
    session.attach()
    return _version(db), session


def _version(db: apsw.Connection) -> int:
    return int(db.pragma("data_version"))


def image_of(db: apsw.Connection) -> bytes:
    """Return the database as a file of its own, without a log."""
    image = bytearray(db.serialize("main"))
    image[_LOGGED] = _NOT_LOGGED
    return bytes(image)


def _sequences(db: apsw.Connection) -> list[tuple[str, int]]:
    """Return the last number of each table that never gives one twice: sessions omit these."""
    rows = db.execute("SELECT name, seq FROM sqlite_sequence")
    return [(str(name), cast(int, seq)) for name, seq in rows]


def undone(db: apsw.Connection, mark: Mark) -> apsw.Session | None:
    """Undo what a mark's session recorded, and return a new session; None if it lacks something.

    The mark's own session is kept: the transaction may be rolled back and this run again.
    """
    if mark.session is None or _version(db) != mark.version:
        return None
    changes = mark.session.changeset()
    if changes:
        apsw.Changeset.apply(apsw.Changeset.invert(changes), db)
    _set_sequences(db, mark)
    return recording(db)[1]


def restored(path: Path, mark: Mark) -> None:
    """Make the rows of the store equal to the mark's copy, in one transaction."""
    with failures(), closing(connect(path, writes=True)) as db:
        db.execute("ATTACH ':memory:' AS marked")
        db.deserialize("marked", mark.image)
        with turn(db, path):
            session = apsw.Session(db, "main")
            for table in _tables(db):
                session.attach(table)
                session.diff("marked", table)
            changes = session.changeset()
            session.close()
            if changes:
                apsw.Changeset.apply(apsw.Changeset.invert(changes), db)
            _set_sequences(db, mark)


def _set_sequences(db: apsw.Connection, mark: Mark) -> None:
    if _sequences(db) != mark.sequences:
        db.execute("DELETE FROM sqlite_sequence")
        db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", mark.sequences)


def emptied(path: Path) -> None:
    """Delete every row but the store's notes and secret."""
    with failures(), closing(connect(path, writes=True)) as db, turn(db, path):
        for table in _tables(db):
            if table != "meta":
                db.execute(f"DELETE FROM {table}")


def _tables(db: apsw.Connection) -> list[str]:
    rows = db.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return [name for (name,) in rows]


def written(path: Path, image: bytes) -> None:
    """Write a copy of a store as a new file."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)  # it holds a secret
    with open(descriptor, "wb") as file:
        file.write(image)
