"""Where relations and accounts are kept: one module per engine, one conformance suite for all."""

from __future__ import annotations

from guanxi.stores.port import Store

_SCHEMES = ("postgresql:", "postgres:")


async def open_store(address: str, *, create: bool = False) -> Store:
    """The store at an address: the path of a SQLite file, or a PostgreSQL database.

    The latter is told as ``postgresql://user:password@host:port/database``. ``create`` makes the
    file or the tables where they are missing; otherwise ``StoreError`` says so. A store of an older
    or newer schema is refused, or migrated, as its module's docstring tells.
    """
    # The engines are extras: loaded when asked for.
    if is_server_address(address):
        from guanxi.stores.postgresql import PostgreSQLStore

        return await PostgreSQLStore.open(address, create=create)
    from guanxi.stores.sqlite import SQLiteStore

    return await SQLiteStore.open(address, create=create)


def is_server_address(address: str) -> bool:
    """Whether an address is that of a database on a server, and not a file's path."""
    return address.startswith(_SCHEMES)


def shown(address: str) -> str:
    """An address as it may be shown: without a password, wherever it stands in it."""
    if not is_server_address(address):
        return address
    scheme, _, rest = address.partition(":")
    place, _, behind = rest.removeprefix("//").partition("?")
    user, at, host = place.rpartition("@")
    if "@" in behind:  # a "?" in a password that was not encoded, perhaps
        return f"{scheme}://…"
    return f"{scheme}://{user.partition(':')[0]}{at}{host}"
