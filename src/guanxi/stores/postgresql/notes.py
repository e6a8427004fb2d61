"""Read and write the notes of a store: values by name in its table ``meta``."""

from __future__ import annotations

from guanxi.stores.postgresql.connections import Connection

_NOTE = "SELECT value FROM meta WHERE name = $1"
_PUT = """
INSERT INTO meta (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


async def note(db: Connection, name: str) -> bytes | None:
    """Return the note with a name, None if there is none."""
    value: bytes | None = await db.fetchval(_NOTE, name)
    return value


async def locked_note(db: Connection, name: str) -> bytes | None:
    """Return what ``note`` does, and lock the note until the caller's transaction ends."""
    value: bytes | None = await db.fetchval(f"{_NOTE} FOR UPDATE", name)
    return value


async def put_note(db: Connection, name: str, value: bytes | None) -> None:
    """Store a note in place of the one with its name; delete that if ``value`` is None."""
    if value is None:
        await db.execute("DELETE FROM meta WHERE name = $1", name)
    else:
        await db.execute(_PUT, name, value)
