"""What ``info`` returns: the facts about a store that its operator wants to know."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

#: The notes of when a check last ended without a fault, and of when a backup was last made.
CHECKED, BACKED_UP = "checked", "backed up"
#: The note of a copy into this store that has not finished.
COPYING = "copy"


class StoreInfo(Struct, frozen=True, kw_only=True):
    """The engine, the sizes and the counts of a store."""

    #: The engine and its version, such as "SQLite 3.46.0".
    engine: str
    #: The version of the tables.
    schema: int
    #: Bytes: of SQLite's "file", "log" (not copied into the file yet) and "free" pages (in the
    #: file, without rows); of each table of PostgreSQL with its indexes.
    bytes: Mapping[str, int]
    #: The numbers of rows of each kind; None for one that has never been estimated.
    counts: Mapping[str, int | None]
    #: The number of accounts by state; None where only estimates were requested.
    states: Mapping[str, int] | None
    #: Whether ``counts`` are estimates of the database.
    estimated: bool
    #: The times of the oldest and the newest kept change, in milliseconds since the Unix epoch.
    oldest_change_ms: int | None
    newest_change_ms: int | None
    #: When ``guanxi check`` last ended without a fault, in seconds since the Unix epoch.
    checked: int | None
    #: When a backup was last made, in seconds since the Unix epoch: by ``guanxi store backup``, the
    #: console, or another program of which ``guanxi store backed-up`` knows; None if never.
    backed_up: int | None
    #: The other processes that have the store open, as "pid name" or what the server knows; None
    #: if the system does not say.
    users: list[str] | None


class _Noted(Struct, frozen=True):
    time: int


def note_of_time(now: int) -> bytes:
    """Return the note of a time, in seconds since the Unix epoch: the value of such a note."""
    return msgspec.json.encode(_Noted(now))


def time_of_note(note: bytes | None) -> int | None:
    """Return the time of a note of ``note_of_time``; None without one."""
    return None if note is None else msgspec.json.decode(note, type=_Noted).time
