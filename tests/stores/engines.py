"""The engines that the conformance suite runs on; add a new engine to ``ENGINES``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from guanxi.stores.port import Store
from guanxi.stores.postgresql import PostgreSQLStore, schema
from guanxi.stores.sqlite import SQLiteStore
from tests import postgres

#: 2023-11-14, in nanoseconds since the Unix epoch.
START = 1_700_000_000 * 10**9


class Clock:
    """A clock that a test sets, in nanoseconds since the Unix epoch."""

    def __init__(self) -> None:
        self.ns = START

    def __call__(self) -> int:
        return self.ns

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 10**9)


class Engine(Protocol):
    """The location of one store, which may be opened several times."""

    #: The address that ``open_store`` accepts.
    address: str

    async def open(self, clock: Callable[[], int]) -> Store:
        """Open the store; create it if it does not exist. ``clock`` returns nanoseconds."""

    def drop(self) -> None:
        """Delete the store, which must be closed everywhere."""


class Opener(Protocol):
    """Opens an engine's store once more; it is closed at the end of the test."""

    async def __call__(self) -> Store: ...


class SQLite:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = str(folder / "guanxi.db")

    async def open(self, clock: Callable[[], int]) -> Store:
        return await SQLiteStore.open(self.address, create=True, clock=clock)

    def drop(self) -> None:
        for file in self._folder.glob("guanxi.db*"):
            file.unlink()


class PostgreSQL:
    """A schema of its own; on Citus, where creating tables takes seconds, it is reused."""

    def __init__(self, _folder: Path) -> None:
        reusable = postgres.reusable_schemas
        self.address = reusable.pop() if reusable else postgres.new_schema()
        self._created = False

    async def open(self, clock: Callable[[], int]) -> Store:
        if not self._created and postgres.has_citus():
            await schema.init(self.address, distribute=True)
        self._created = True
        return await PostgreSQLStore.open(self.address, create=True, clock=clock)

    def drop(self) -> None:
        if postgres.has_citus():
            tables = {*schema.BY_ACCOUNT, *schema.BY_OWN_KEY, *schema.ON_EVERY_NODE} - {"meta"}
            notes = "DELETE FROM meta WHERE name NOT IN ('secret', 'version')"
            deletes = (f"DELETE FROM {table}" for table in tables)
            postgres.sql(*deletes, notes, address=self.address)
            postgres.reusable_schemas.append(self.address)
        else:
            postgres.drop(self.address)


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SQLite, "postgresql": PostgreSQL}
