"""The store that a command works on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from guanxi.stores import open_store
from guanxi.stores.port import Store

T = TypeVar("T")

#: ``--store``, as every command has it.
StoreOption = Annotated[
    Path, typer.Option("--store", envvar="GUANXI_STORE", help="The store: a SQLite file.")
]
DEFAULT_STORE = Path("guanxi.db")


def with_store(path: Path, do: Callable[[Store], Awaitable[T]], *, create: bool = False) -> T:
    """Open the store, do something with it, close it."""

    async def opened() -> T:
        store = await open_store(str(path), create=create)
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(opened())
