"""The rows of a SQLite store at a mark, and the way back to them.

SQLite's session extension records which rows change after a mark; their inverse takes the store
back, in a time that depends on those rows alone. What another connection wrote meanwhile, as an
import does, is not recorded: then the store is compared with a copy of the mark.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import apsw
from msgspec import Struct

from guanxi.stores.layer import Layer
from guanxi.stores.port import Store, StoreError
from guanxi.stores.sqlite.schema import connect, failures
from guanxi.stores.sqlite.store import SQLiteStore
from guanxi.stores.sqlite.writer import turn

#: The mark at which a store was when the emulator got it.
START = "start"
#: The mark of a world that was loaded.
LOADED = "loaded"
#: The name of a mark that is given none.
UNNAMED = "mark"
#: The largest file of which a copy is kept from the start.
_LARGEST = 64 * 2**20
#: Where the header of a SQLite file says whether it has a log, and the values for none.
_LOGGED, _NOT_LOGGED = slice(18, 20), b"\x01\x01"


class _Mark(Struct):
    """A copy of the store, and what has changed since on the writer's connection."""

    image: bytes
    #: Changes when another connection writes.
    version: int
    sequences: list[tuple[str, int]]
    #: None if nothing is recorded.
    session: apsw.Session | None = None


class Marks:
    """The marks of one store. Use them on the event loop of the store."""

    def __init__(self, store: Store, forget: Callable[[], None]) -> None:
        """``forget`` drops what is cached of the store."""
        self._given, self._forget = store, forget
        self._marks: dict[str, _Mark] = {}

    @property
    def _store(self) -> SQLiteStore:
        """Return the store below its layers. Raise ValueError if it is not a SQLite file."""
        store = self._given
        while isinstance(store, Layer):
            store = store.store
        if not isinstance(store, SQLiteStore):
            raise ValueError("marks need a store in a SQLite file")
        return store

    @property
    def names(self) -> list[str]:
        """Return the names of the marks, the last one last."""
        return [*self._marks]

    async def begin(self) -> None:
        """Keep the store as it is as the mark ``start``, unless it is large or not a SQLite file.

        Nothing is recorded from then on: a return to it compares.
        """
        try:
            is_small = os.stat(self._store.path).st_size <= _LARGEST
        except ValueError:
            return
        if is_small:
            with suppress(StoreError):  # a store that cannot be written has no changes to undo
                await self.mark(START, recorded=False)

    async def mark(self, name: str = UNNAMED, *, recorded: bool = True) -> None:
        """Remember the store as it is now, under a name; a mark of that name is replaced.

        Raise ValueError if the store is not a SQLite file, StoreUnavailable if it is busy.
        """
        store = self._store
        await store.flush_visits()
        mark = await store.write(lambda db: _marked(db, recorded=recorded))
        self.drop(name)
        self._marks[name] = mark

    async def reset(self, name: str | None = None) -> None:
        """Take the store back to a mark, by default the last one; the mark stays.

        Caches and counted visits are dropped. A request that runs meanwhile may write afterwards.
        Raise ValueError for an unknown mark, StoreUnavailable if the store is busy.
        """
        store, mark = self._store, self._named(name)
        await store.flush_visits()
        session = await store.write(lambda db: _undone(db, mark))
        if session is None:
            await store.apart(lambda: _restored(store.path, mark))
            mark.version, session = await store.write(_recording)
        if mark.session is not None:
            mark.session.close()
        mark.session = session
        await store.refresh_secret()
        self._forget()

    async def empty(self) -> None:
        """Delete every row but the store's notes and secret; the marks stay."""
        store = self._store
        await store.flush_visits()
        await store.apart(lambda: _emptied(store.path))
        self._forget()

    async def copy(self, path: Path, name: str | None = None) -> None:
        """Write the store as a new file: at a mark, or as it is now if ``name`` is None.

        Raise ValueError for an unknown mark.
        """
        if name is None:
            await self._store.flush_visits()
            image = await self._store.write(_image)
        else:
            image = self._named(name).image
        await self._store.apart(lambda: _written(path, image))

    def close(self) -> None:
        """Forget the marks. The store must not write meanwhile."""
        for name in self.names:
            self.drop(name)

    def _named(self, name: str | None) -> _Mark:
        if not self._marks:
            raise ValueError("there is no mark: call mark() first")
        if name is None:
            return next(reversed(self._marks.values()))
        if name not in self._marks:
            raise ValueError(f"there is no mark {name!r}: use {', '.join(self._marks)}")
        return self._marks[name]

    def drop(self, name: str) -> None:
        """Forget a mark; do nothing if there is none of that name."""
        mark = self._marks.pop(name, None)
        if mark is not None and mark.session is not None:
            mark.session.close()


def _marked(db: apsw.Connection, *, recorded: bool) -> _Mark:
    version, session = _recording(db) if recorded else (_version(db), None)
    return _Mark(_image(db), version, _sequences(db), session)


def _recording(db: apsw.Connection) -> tuple[int, apsw.Session]:
    """Return the connection's data version, and a session that records its changes from now on."""
    session = apsw.Session(db, "main")
    session.attach()
    return _version(db), session


def _version(db: apsw.Connection) -> int:
    return int(db.pragma("data_version"))


def _image(db: apsw.Connection) -> bytes:
    """Return the database as a file of its own, without a log."""
    image = bytearray(db.serialize("main"))
    image[_LOGGED] = _NOT_LOGGED
    return bytes(image)


def _sequences(db: apsw.Connection) -> list[tuple[str, int]]:
    """Return the last number of each table that never gives one twice: sessions omit these."""
    rows = db.execute("SELECT name, seq FROM sqlite_sequence")
    return [(str(name), cast(int, seq)) for name, seq in rows]


def _undone(db: apsw.Connection, mark: _Mark) -> apsw.Session | None:
    """Undo what a mark's session recorded, and return a new session; None if it lacks something.

    The mark's own session is kept: the transaction may be rolled back and this run again.
    """
    if mark.session is None or _version(db) != mark.version:
        return None
    changes = mark.session.changeset()
    if changes:
        apsw.Changeset.apply(apsw.Changeset.invert(changes), db)
    _set_sequences(db, mark)
    return _recording(db)[1]


def _restored(path: Path, mark: _Mark) -> None:
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


def _set_sequences(db: apsw.Connection, mark: _Mark) -> None:
    if _sequences(db) != mark.sequences:
        db.execute("DELETE FROM sqlite_sequence")
        db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", mark.sequences)


def _emptied(path: Path) -> None:
    with failures(), closing(connect(path, writes=True)) as db, turn(db, path):
        for table in _tables(db):
            if table != "meta":
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of the schema


def _tables(db: apsw.Connection) -> list[str]:
    rows = db.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return [name for (name,) in rows]


def _written(path: Path, image: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)  # it holds a secret
    with open(descriptor, "wb") as file:
        file.write(image)
