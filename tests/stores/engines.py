"""The engines that the conformance suite runs on; add a new engine to ``ENGINES``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Protocol

from guanxi.accounts.secrets import new_secret
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

    def begin_anew(self) -> None:
        """Have no store, so that the next opening creates one; before the first opening."""

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

    def begin_anew(self) -> None:
        assert not Path(self.address).exists()

    def drop(self) -> None:
        for file in self._folder.glob("guanxi.db*"):
            file.unlink()


#: The tables, their columns and indexes, and the functions of a schema, as a digest; NULL if the
#: schema takes more than 4 MB. Empty tables take 0.5 MB.
_SHAPE = """
SELECT md5(string_agg(line, ',' ORDER BY line))
FROM (
    SELECT concat_ws(' ', relname, relkind, relhastriggers, reloptions, attname, atttypid) AS line
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = current_schema::regnamespace
    UNION ALL
    SELECT proname FROM pg_proc WHERE pronamespace = current_schema::regnamespace
) AS lines
HAVING (
    SELECT sum(pg_relation_size(oid)) FROM pg_class
    WHERE relnamespace = current_schema::regnamespace
) < 4e6
"""
_TABLES = sorted(
    {*schema.BY_ACCOUNT, *schema.BY_OWN_KEY, *schema.ON_EVERY_NODE, *schema.ON_COORDINATOR}
    - {"meta"}
)
_DELETES = (
    *(f"DELETE FROM {table}" for table in _TABLES),
    "DELETE FROM meta WHERE name NOT IN ('secret', 'version')",
)


class PostgreSQL:
    """A schema of its own, maybe with the emptied tables of an earlier test.

    To create the tables and drop them takes 0.1 s, on Citus seconds; to delete their rows 0.01 s.
    """

    def __init__(self, _folder: Path) -> None:
        reusable = postgres.reusable_schemas
        self._is_reused = bool(reusable)
        self.address = reusable.pop() if reusable else postgres.new_schema()
        self._created = False

    async def open(self, clock: Callable[[], int]) -> Store:
        if not self._created and postgres.has_citus():
            await schema.init(self.address, distribute=True)
        self._created = True
        return await PostgreSQLStore.open(self.address, create=True, clock=clock)

    def begin_anew(self) -> None:
        assert not self._created
        if self._is_reused:
            postgres.reusable_schemas.append(self.address)
            self.address, self._is_reused = postgres.new_schema(), False

    def drop(self) -> None:
        if postgres.has_citus():
            postgres.sql(*_DELETES, address=self.address)
        elif not self._is_emptied():
            postgres.drop(self.address)
            return
        postgres.reusable_schemas.append(self.address)

    def _is_emptied(self) -> bool:
        """Delete all rows if the tables are as they were made; return whether they are."""
        # The lock waits for what the server still does for a process that was killed.
        lock = f"LOCK TABLE meta, {', '.join(_TABLES)}"
        secret = f"UPDATE meta SET value = '\\x{new_secret().hex()}' WHERE name = 'secret'"
        sequence = "ALTER SEQUENCE change_number RESTART"
        empty = "; ".join((lock, *_DELETES, secret, sequence)).replace("'", "''")
        schema = self.address.rpartition("search_path=")[2]
        return bool(
            postgres.kept_sql(
                f"SET search_path = {schema}; SET guanxi.emptied = 'no'",
                f"DO $$ BEGIN IF ({_SHAPE}) = '{_new_shape()}' THEN EXECUTE '{empty}';"
                " PERFORM set_config('guanxi.emptied', 'yes', false); END IF; END $$",
                "SELECT current_setting('guanxi.emptied') = 'yes'",
            )
        )


@cache
def _new_shape() -> str:
    """Return what ``_SHAPE`` selects in a schema with new tables."""
    with postgres.schema() as address, ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, schema.init(address, distribute=False)).result()
        return str(postgres.sql(_SHAPE, address=address))


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SQLite, "postgresql": PostgreSQL}
