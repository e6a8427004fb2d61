"""The store that a command works on, and the accounts in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar

import typer

from guanxi.accounts.account import Account, State
from guanxi.stores import is_server_address, open_store
from guanxi.stores.port import Store, StoreError

T = TypeVar("T")

#: ``--store``, as every command has it.
StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="GUANXI_STORE",
        metavar="STORE",
        help="The store: a SQLite file, or postgresql://…",
    ),
]
DEFAULT_STORE = "guanxi.db"


def with_store(address: str, do: Callable[[Store], Awaitable[T]], *, create: bool = False) -> T:
    """Open the store, do something with it, close it. ``create`` makes a missing one."""
    if create:
        check_folder(address)

    async def opened() -> T:
        store = await open_store(address, create=create)
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def check_folder(address: str) -> None:
    """``StoreError`` where a store's file cannot be made, as its folder is missing."""
    folder = Path(address).parent
    if not is_server_address(address) and not folder.is_dir():
        raise StoreError(f"文件夹 {folder} 不存在 (there is no folder {folder})")


@contextmanager
def whole(address: str) -> Iterator[str]:
    """Where to fill a store: a missing file appears when the block succeeds, or not at all."""
    path = Path(address)
    if is_server_address(address) or path.exists():
        yield address
        return
    check_folder(address)
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        made = Path(folder, path.name)
        yield str(made)
        if path.exists():
            raise StoreError(f"{path} 刚被他人建立，请重试 (was made meanwhile: import again)")
        made.rename(path)


async def known(store: Store, mid: int) -> Account:
    """An account that is there; ``StoreError`` for one that is not."""
    account = await store.account(mid)
    if account is None:
        raise StoreError(f"账号 {mid} 不存在 (there is no account {mid})")
    return account


async def living(store: Store, mid: int) -> Account:
    """An account that is there and not deregistered."""
    account = await known(store, mid)
    if account.state is State.DEREGISTERED:
        raise StoreError(f"账号 {mid} 已注销 (account {mid} is deregistered)")
    return account
