"""Where relations and accounts are kept: one module per engine, one conformance suite for all."""

from __future__ import annotations

from guanxi.stores.port import Store


async def open_store(address: str, *, create: bool = False) -> Store:
    """The store at an address: the path of a SQLite file.

    ``create`` makes the file when it is not there; otherwise ``StoreError`` says so. A store of an
    older or newer schema is refused, or migrated, as its module's docstring tells.
    """
    from guanxi.stores.sqlite import SQLiteStore  # the engine is an extra: loaded when asked for

    return await SQLiteStore.open(address, create=create)
