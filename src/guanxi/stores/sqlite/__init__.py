"""The embedded store: one SQLite file in WAL mode, which several processes may open.

Each process has one writer thread. It commits the waiting writes in one transaction, synced to disk
before their callers continue. Short reads run on the event loop, longer ones on a reader thread.
While the file is open, SQLite's ``-wal`` and ``-shm`` files are in the same folder, as is
``-turn``, an empty file whose lock orders the writers. See ``schema`` for versions and migration.
"""

from __future__ import annotations

from guanxi.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
