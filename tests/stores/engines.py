"""The engines that the conformance suite runs on. Another one is one more entry here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from guanxi.stores.port import Store
from guanxi.stores.postgresql import PostgreSQLStore, schema
from guanxi.stores.sqlite import SQLiteStore
from tests import postgres

#: 2023-11-14, in nanoseconds.
START = 1_700_000_000 * 10**9


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = START

    def __call__(self) -> int:
        return self.ns

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 10**9)


class Engine(Protocol):
    """A place for one store, opened as often as one likes."""

    #: What ``open_store`` takes.
    address: str

    async def open(self, clock: Callable[[], int]) -> Store: ...

    def drop(self) -> None:
        """Take the place away, once nobody has it open."""


class Opener(Protocol):
    """Opens an engine's store once more; what is opened is closed at the end of the test."""

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
    """On Citus, where to make tables takes seconds, a store is emptied and has its next test."""

    def __init__(self, _folder: Path) -> None:
        self.address = postgres.kept.pop() if postgres.kept else postgres.new_schema()
        self._made = False

    async def open(self, clock: Callable[[], int]) -> Store:
        if not self._made and postgres.has_citus():
            await schema.init(self.address, distribute=True)
        self._made = True
        return await PostgreSQLStore.open(self.address, create=True, clock=clock)

    def drop(self) -> None:
        if postgres.has_citus():
            tables = (*schema.BY_ACCOUNT, *schema.BY_OWN_KEY)
            notes = "DELETE FROM meta WHERE name NOT IN ('secret', 'version')"
            emptied = (f"DELETE FROM {table}" for table in tables)
            postgres.sql(*emptied, notes, address=self.address)
            postgres.kept.append(self.address)
        else:
            postgres.drop(self.address)


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SQLite, "postgresql": PostgreSQL}
