"""Waiting until the transactions that hold a lock on a table have ended, on a given connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from guanxi.stores.postgresql.connections import Connection

#: A transaction: the name of its node on Citus, then its own name there.
Holder: TypeAlias = tuple[str, ...]
#: A read of the transactions that hold some lock now.
Look: TypeAlias = Callable[[Connection], Awaitable[set[Holder]]]

#: Seconds between two looks.
_LOOK_SECONDS = 0.003

# Also of prepared transactions, which have no process.
_HOLDERS = """
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND mode = ANY($2)
AND relation IN (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def _holders(db: Connection, tables: Sequence[str], modes: Sequence[str]) -> set[Holder]:
    return {tuple(row) for row in await db.fetch(_HOLDERS, tables, modes)}


def look(tables: Sequence[str], modes: Sequence[str]) -> Look:
    """Return a read of the transactions of this server with a lock on a table.

    ``modes`` are those of ``pg_locks``.
    """
    return partial(_holders, tables=tables, modes=modes)


async def ended(db: Connection, looks: Iterable[Look], seconds: float) -> bool:
    """Wait until the transactions that each look shows have ended; return whether they have.

    A look is made when those of the one before have ended. Wait at most ``seconds`` for all.
    Expects no transaction.
    """
    until = time.monotonic() + seconds
    for each in looks:
        left = await each(db)
        while left:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
            left &= await each(db)
    return True
