"""Stores of relations, accounts and documents: one package per engine, one test suite for all."""

from __future__ import annotations

from guanxi.stores.port import Store

_SCHEMES = ("postgresql:", "postgres:")


async def open_store(address: str, *, create: bool = False) -> Store:
    """Open the store at ``address``: the path of a SQLite file, or a PostgreSQL database.

    A database is written as ``postgresql://user:password@host:port/database``. With ``create``, a
    missing file or missing tables are created. An older SQLite file is migrated; an older
    PostgreSQL schema is refused. Raise ``StoreError`` if the store is missing (without ``create``)
    or cannot be created, or its schema is newer or too old; ``StoreUnavailable`` if a server cannot
    be reached.
    """
    # The engines' drivers are optional dependencies: imported only when used.
    if is_server_address(address):
        from guanxi.stores.postgresql import PostgreSQLStore

        return await PostgreSQLStore.open(address, create=create)
    from guanxi.stores.sqlite import SQLiteStore

    return await SQLiteStore.open(address, create=create)


def is_server_address(address: str) -> bool:
    """Return whether ``address`` names a database on a server rather than a file."""
    return address.startswith(_SCHEMES)


def redacted(address: str) -> str:
    """Return ``address`` as it may be printed: without the password and the query.

    Where a password may contain an unencoded "?", everything after the scheme becomes "…".
    """
    if not is_server_address(address):
        return address
    scheme, _, rest = address.partition(":")
    location, _, query = rest.removeprefix("//").partition("?")
    user, at, host = location.rpartition("@")
    if "@" in query:  # perhaps a "?" in a password that was not encoded
        return f"{scheme}://…"
    return f"{scheme}://{user.partition(':')[0]}{at}{host}"
