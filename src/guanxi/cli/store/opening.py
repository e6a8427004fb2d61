"""What the commands share for working on a store: the option, opening it, looking up accounts."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

from guanxi.accounts.administrators import COMMAND_LINE
from guanxi.cli.help import option
from guanxi.files.folders import delete_leftovers, temporary_folder
from guanxi.operations.audit import Act, recorded
from guanxi.stores import is_server_address, open_store
from guanxi.stores.port import Store, StoreError, StoreMissing
from guanxi.text import Text

T = TypeVar("T")

#: The ``--store`` option, the same in every command that works on a store.
StoreOption = Annotated[
    str,
    option(
        "库：SQLite 文件，或 postgresql://…",
        "The store: a SQLite file, or postgresql://…",
        "--store",
        envvar="GUANXI_STORE",
        metavar="STORE",
    ),
]
DEFAULT_STORE = "guanxi.db"


class Unfinished(StoreError):
    """A check or copy did not come to its end, or a service lost its store's file.

    The status is neither that of faults found nor one after which a service is to be restarted.
    """

    exit_status = 3


@contextmanager
def unfinished(advice: Text) -> Iterator[None]:
    """Raise ``Unfinished`` with the reason and ``advice`` if the block raises StoreError."""
    try:
        yield
    except StoreError as error:
        why = Text.of(error.args[0] if error.args else "")
        raise Unfinished(Text(f"{why.zh}。{advice.zh}", f"{why.en}; {advice.en}")) from error


def with_store(address: str, do: Callable[[Store], Awaitable[T]], *, create: bool = False) -> T:
    """Open the store, return what ``do(store)`` returns, and close the store.

    Raise StoreError if there is no store; ``create`` creates it instead. Errors of ``do`` pass on.
    """
    if create:
        check_folder(address)

    async def run() -> T:
        store = await open_store(address, create=create)
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(run())


def with_audit(
    address: str,
    what: str,
    do: Callable[[Store, Act], Awaitable[T]],
    *,
    create: bool = False,
    mid: int = 0,
) -> T:
    """Return what ``do(store, act)`` returns, as ``with_store``, and record it in the audit log.

    ``what`` is the command, without its arguments; ``do`` may set in the act what the log keeps
    with it. Who did it is the system's user. The outcome is 0, or 1 if ``do`` raises.
    """

    async def run(store: Store) -> T:
        act, now_ms = Act(mid), time.time_ns() // 10**6
        async with recorded(store, user(), what, act, now_ms=now_ms):
            act.status = 1
            result = await do(store, act)
            act.status = 0
        return result

    return with_store(address, run, create=create)


def user() -> str:
    """Return who runs this command, as the audit log has it.

    That is ``COMMAND_LINE`` and the name of the system's user, or its number without a name. Where
    the system can say it, the environment cannot say otherwise.
    """
    try:
        from pwd import getpwuid
    except ImportError:  # as on Windows
        return COMMAND_LINE + getpass.getuser()
    try:
        return COMMAND_LINE + getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"{COMMAND_LINE}{os.getuid()}"


def with_unchanged(address: str, do: Callable[[Store], Awaitable[T]]) -> tuple[T, bool]:
    """Return what ``do(store)`` returns, and whether there is a store at the address.

    If there is none, ``do`` gets an empty one in a temporary folder, and none is created. ``do``
    must not write. Raise StoreError if the folder of a file is missing.
    """
    check_folder(address)
    try:
        return with_store(address, do), True
    except StoreMissing:
        with temporary_folder("guanxi-empty-") as folder:
            return with_store(str(Path(folder, "empty.db")), do, create=True), False


def check_folder(address: str) -> None:
    """Raise StoreError if the folder of a store's file is missing.

    Does nothing for a server's address.
    """
    folder = Path(address).parent
    if not is_server_address(address) and not folder.is_dir():
        raise StoreError(
            Text(f"文件夹 {folder} 不存在，请先建立", f"no such folder {folder}: create it first")
        )


@contextmanager
def all_or_nothing(address: str) -> Iterator[str]:
    """Yield the address to write to; a new SQLite file appears only if the block succeeds.

    For an existing file or a server that is ``address`` itself, else a file in a temporary folder,
    renamed at the end. Raise StoreError if the folder is missing, or if another process creates the
    file meanwhile.
    """
    path = Path(address)
    if is_server_address(address):
        yield address
        return
    delete_leftovers(f".{path.name}-", path.parent)
    if path.exists():
        yield address
        return
    check_folder(address)
    with temporary_folder(f".{path.name}-", path.parent) as folder:
        temporary = Path(folder, path.name)
        yield str(temporary)
        if path.exists():
            raise StoreError(
                Text(
                    f"{path} 刚被另一个进程建立，请重新导入",
                    f"another process created {path} meanwhile: import again",
                )
            )
        temporary.rename(path)
