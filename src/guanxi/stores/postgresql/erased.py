"""Which accounts are being erased or were, on a given connection: what writes look at."""

from __future__ import annotations

from collections.abc import Collection

from guanxi.stores.postgresql.connections import Connection

_IS_ERASED = "SELECT EXISTS (SELECT 1 FROM erasure WHERE mid = $1)"
_ERASED = "SELECT mid FROM erasure WHERE mid = ANY($1)"


async def is_erased(db: Connection, mid: int) -> bool:
    """Return whether the erasure of an account began."""
    return bool(await db.fetchval(_IS_ERASED, mid))


async def erased_of(db: Connection, mids: Collection[int]) -> set[int]:
    """Return those of ``mids`` whose erasure began.

    A transaction that looks before it writes must hold a lock by then that an erasure waits for:
    on a row of ``relation``, ``tally`` or ``content``, or on such a table.
    """
    if not mids:
        return set()
    return {mid for (mid,) in await db.fetch(_ERASED, [*mids])}
