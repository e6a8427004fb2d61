"""Statements that carry many rows: one round trip, and on Citus one task for each shard.

The rows of one INSERT are locked in their order. On Citus that is the order within a shard, and
shards follow each other by their ids: Citus routes the rows of VALUES, and runs such an INSERT
shard after shard. It would compute the rows of a SELECT on the coordinator first, while plain
PostgreSQL would plan VALUES for each number of rows: each gets the form that it runs faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain

import asyncpg

from guanxi.stores.postgresql import citus
from guanxi.stores.postgresql.connections import Connection

#: The most rows of one statement: it has at most 32,767 parameters.
ROWS = 2_000
#: How many texts of VALUES are kept, one for each number of rows.
_FORMS = 64
#: SQL for the keys of rows of ``relation``, from two arrays, the first parameters of a statement.
KEYS = "unnest($1::bigint[], $2::bigint[]) AS key (owner, other)"


class Insert:
    """An INSERT of many rows, whose columns have the given types.

    ``then`` is the rest of the statement, with ``{0}`` … for its own parameters. An array is passed
    as PostgreSQL's text of it.
    """

    def __init__(self, table: str, columns: Mapping[str, str], then: str) -> None:
        self._table, self._columns, self._then = table, columns, then
        self._from_arrays = self._make_from_arrays()
        self._from_values = lru_cache(_FORMS)(self._make_from_values)

    async def run(
        self, db: Connection, rows: Sequence[Sequence[object]], *parameters: object
    ) -> list[asyncpg.Record]:
        """Insert ``rows``, each with every column; return the rows of ``then``'s RETURNING.

        More than ``ROWS`` are sent by several statements. Expects a transaction.
        """
        is_distributed = bool(rows) and await citus.distributes(db)
        found: list[asyncpg.Record] = []
        for at in range(0, len(rows), ROWS):
            some = rows[at : at + ROWS]
            if is_distributed:  # pragma: no cover - needs a Citus cluster
                values = (*chain.from_iterable(some), *parameters)
                found += await db.fetch(self._from_values(len(some)), *values)
            else:
                columns = (list(column) for column in zip(*some, strict=True))
                found += await db.fetch(self._from_arrays, *columns, *parameters)
        return found

    def _make_from_arrays(self) -> str:
        names = ", ".join(self._columns)
        arrays = ", ".join(
            f"${at}::{'text' if _is_array(type) else type}[]"
            for at, type in enumerate(self._columns.values(), 1)
        )
        chosen = ", ".join(
            f"{name}::{type}" if _is_array(type) else name for name, type in self._columns.items()
        )
        return (
            f"INSERT INTO {self._table} ({names})"
            f" SELECT {chosen} FROM unnest({arrays}) AS new ({names})"
            f" {self._rest(len(self._columns))}"
        )

    def _make_from_values(self, rows: int) -> str:
        width = len(self._columns)
        values = ", ".join(f"({', '.join(self._parameters(row * width))})" for row in range(rows))
        names = ", ".join(self._columns)
        return f"INSERT INTO {self._table} ({names}) VALUES {values} {self._rest(rows * width)}"

    def _parameters(self, before: int) -> list[str]:
        return [
            f"${before + at}::text::{type}" if _is_array(type) else f"${before + at}::{type}"
            for at, type in enumerate(self._columns.values(), 1)
        ]

    def _rest(self, before: int) -> str:
        return self._then.format(*(f"${before + at}" for at in range(1, 9)))


def _is_array(type: str) -> bool:
    return type.endswith("[]")


def array(ids: Sequence[int]) -> str | None:
    """Return a column's value for ``Insert``: the text of an array, or None for no ids."""
    return "{" + ",".join(map(str, ids)) + "}" if ids else None


# Citus knows from this alone which shards to reach; plain PostgreSQL would search the array for
# each key.
_OF_SHARDS = " AND relation.owner = ANY($1)"


async def by_keys(
    db: Connection, statement: str, keys: Sequence[tuple[int, int]]
) -> list[asyncpg.Record]:
    """Run a statement on rows of ``relation`` that joins ``KEYS`` and ends in a condition.

    Return its rows; run nothing without keys. Expects a transaction.
    """
    if not keys:
        return []
    if await citus.distributes(db):  # pragma: no cover - needs a Citus cluster
        statement += _OF_SHARDS
    return await db.fetch(statement, *(list(column) for column in zip(*keys, strict=True)))
