"""The store past one machine: PostgreSQL, plain or sharded by Citus, shared by many processes.

Acts that arrive together in a process share a transaction; reads are one statement each, on a
connection of a bounded pool. What nothing was done for is tried again within a bound; see
``connections``. See ``schema`` for how the tables are made, spread and brought up to date.
"""

from __future__ import annotations

from guanxi.stores.postgresql.store import PostgreSQLStore

__all__ = ["PostgreSQLStore"]
