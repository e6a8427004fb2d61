"""The marks of a service under test, and the way back to them; see ``stores.sqlite.marks``."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from guanxi.stores.layer import Layer
from guanxi.stores.port import Store, StoreError
from guanxi.stores.sqlite import marks
from guanxi.stores.sqlite.store import SQLiteStore

#: The mark at which a store was when the emulator got it.
START = "start"
#: The mark of a world that was loaded.
LOADED = "loaded"
#: The name of a mark that is given none.
UNNAMED = "mark"
#: The largest file of which a copy is kept from the start.
_LARGEST = 64 * 2**20


class Marks:
    """The marks of one store. Use them on the event loop of the store."""

    def __init__(self, store: Store, forget: Callable[[], None]) -> None:
        """``forget`` drops what is cached of the store."""
        self._given, self._forget = store, forget
        self._marks: dict[str, marks.Mark] = {}

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
        mark = await store.write(lambda db: marks.marked(db, recorded=recorded))
        await self.drop(name)
        self._marks[name] = mark

    async def reset(self, name: str | None = None) -> None:
        """Take the store back to a mark, by default the last one; the mark stays.

        Caches and counted visits are dropped. A request that runs meanwhile may write afterwards.
        Raise ValueError for an unknown mark, StoreUnavailable if the store is busy.
        """
        store, mark = self._store, self._named(name)
        await store.flush_visits()
        session = await store.write(lambda db: marks.undone(db, mark))
        if session is None:
            await store.apart(lambda: marks.restored(store.path, mark))
            mark.version, session = await store.write(marks.recording)
        await self._end(mark)
        mark.session = session
        await store.refresh_secret()
        self._forget()

    async def empty(self) -> None:
        """Delete every row but the store's notes and secret; the marks stay."""
        store = self._store
        await store.flush_visits()
        await store.apart(lambda: marks.emptied(store.path))
        self._forget()

    async def copy(self, path: Path, name: str | None = None) -> None:
        """Write the store as a new file: at a mark, or as it is now if ``name`` is None.

        Raise ValueError for an unknown mark.
        """
        if name is None:
            await self._store.flush_visits()
            image = await self._store.write(marks.image_of)
        else:
            image = self._named(name).image
        await self._store.apart(lambda: marks.written(path, image))

    async def close(self) -> None:
        """Forget the marks, before the store is closed."""
        for name in self.names:
            await self.drop(name)

    def _named(self, name: str | None) -> marks.Mark:
        if not self._marks:
            raise ValueError("there is no mark: call mark() first")
        if name is None:
            return next(reversed(self._marks.values()))
        if name not in self._marks:
            raise ValueError(f"there is no mark {name!r}: use {', '.join(self._marks)}")
        return self._marks[name]

    async def drop(self, name: str) -> None:
        """Forget a mark; do nothing if there is none of that name."""
        mark = self._marks.pop(name, None)
        if mark is not None:
            await self._end(mark)

    async def _end(self, mark: marks.Mark) -> None:
        """Close a mark's session on the writer's thread, whose connection it records."""
        session, mark.session = mark.session, None
        if session is not None:
            await self._store.write(lambda _db: session.close())
