"""Stores of relations, accounts and documents: one package per engine, one test suite for all."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from guanxi.stores.port import Distribution, Finding, Store, StoreError
from guanxi.stores.port.info import COPYING
from guanxi.text import Text

if sys.platform == "win32":
    raise ImportError(
        "the stores and the service of guanxi need Linux or macOS: on Windows run them in WSL or"
        " in a container; the SDK and the tools for long lists work on Windows too"
    )

_SCHEMES = ("postgresql:", "postgres:")
_PASSWORDS = {"password", "sslpassword"}
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*")
#: How an address begins a parameter of libpq's other form, "host=… password=…".
_PARAMETER = re.compile(r"(?:^|\s)(?:host|hostaddr|user|password|dbname|service)\s*=", re.I)


#: The fewest connections with which a process can use a server, and the most that it opens.
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 6, 28


async def open_store(
    address: str,
    *,
    create: bool = False,
    changes: bool = False,
    copying: bool = False,
    connections: int | None = None,
    clock: Callable[[], int] = time.time_ns,
) -> Store:
    """Open the store at ``address``: the path of a SQLite file, or a PostgreSQL database.

    A database is written as ``postgresql://user:password@host:port/database``. With ``create``, a
    missing file or missing tables are created. With ``changes`` too, a store that this creates
    records its changes; that of an existing store is switched by ``set_changes`` alone, since it
    is for all of its processes. The target of a copy that has not finished, whose counts may be
    wrong, is opened for ``copying`` alone. An older SQLite file is migrated; an older PostgreSQL
    schema is refused. ``connections`` is how many this process may open to a server; None for
    ``MOST_CONNECTIONS``, and one more for each read of the whole store. ``clock`` returns
    nanoseconds since the Unix epoch. Raise ``StoreError`` if there is no guanxi store, it cannot be
    created, its schema is newer or too old, or a copy into it has not finished;
    ``StoreUnavailable`` if it is busy or cannot be reached; ``ImportError`` if the engine's driver
    is not installed.
    """
    if create and changes and await init(address):
        store = await open_store(address, connections=connections, clock=clock)
        try:
            await store.set_changes(True)
        except BaseException:
            await store.close()
            raise
        return store
    store = await _opened(address, create=create, connections=connections, clock=clock)
    if not copying and await store.note(COPYING) is not None:
        await store.close()
        raise StoreError(_UNFINISHED)
    return store


_UNFINISHED = Text(
    "向这个库的复制没有完成：重新运行同一 guanxi store copy 命令，或换用另一个库",
    "a copy into this store has not finished: run the same guanxi store copy again, or name another"
    " store",
)


async def _opened(
    address: str, *, create: bool, connections: int | None, clock: Callable[[], int]
) -> Store:
    # The engines' drivers are optional dependencies: imported only when used.
    if is_server_address(address):
        from guanxi.stores.postgresql import PostgreSQLStore

        return await PostgreSQLStore.open(
            address, create=create, connections=connections, clock=clock
        )
    from guanxi.stores.sqlite import SQLiteStore

    return await SQLiteStore.open(address, create=create, clock=clock)


async def init(
    address: str,
    *,
    distribute: bool = False,
    shards: int | None = None,
    plan: Callable[[Distribution], None] | None = None,
) -> bool:
    """Create an empty store if there is none; return whether it was created.

    ``distribute`` shards the tables of a PostgreSQL database over the nodes of Citus, also those of
    an existing store, into ``shards`` parts each (None: as many as the server is set to).
    ``plan`` is called with what will be distributed, before anything is. Raise ``StoreError`` if
    that is impossible, and as ``open_store``.
    """
    if is_server_address(address):
        from guanxi.stores.postgresql import schema

        return await schema.init(address, distribute=distribute, shards=shards, plan=plan)
    if distribute:
        raise StoreError(
            Text(
                "SQLite 库不能分布，请用 PostgreSQL 与 Citus",
                "a SQLite file cannot be distributed: use PostgreSQL with Citus",
            )
        )
    created = not await asyncio.to_thread(Path(address).exists)
    await (await open_store(address, create=True)).close()
    return created


async def check_room(address: str, connections: int) -> int:
    """Return how many of ``connections`` a server has no room for at present; 0 for a file.

    Other programs then have the rest. Raise ``StoreError`` if the server never allows so many, and
    ``StoreUnavailable`` if it cannot be reached.
    """
    if not is_server_address(address):
        return 0
    from guanxi.stores.postgresql import pools

    return await pools.check_room(address, connections)


async def migrate(address: str) -> tuple[int, int] | None:
    """Migrate an existing store; return the versions of its schema before and after.

    Return None for a SQLite file, which is migrated by opening it. Raise
    ``StoreError`` if there is no store, or its schema is newer or too old; ``StoreUnavailable`` if
    a server cannot be reached.
    """
    if is_server_address(address):
        from guanxi.stores.postgresql import schema

        return await schema.migrate(address), schema.VERSION
    await (await open_store(address)).close()
    return None


async def examine(address: str) -> list[Finding]:
    """Check the server, the settings and the state of a PostgreSQL store; return the findings.

    Raise ``StoreError`` for a SQLite file and an invalid address; ``StoreUnavailable`` if no server
    answers.
    """
    if not is_server_address(address):
        raise StoreError(
            Text(
                "SQLite 库没有服务器可查：请用 guanxi check 与 guanxi store info",
                "a SQLite file has no server to look at: use guanxi check and guanxi store info",
            )
        )
    from guanxi.stores.postgresql import doctor

    return [finding async for finding in doctor.examine(address)]


def is_server_address(address: str) -> bool:
    """Return whether ``address`` names a database on a server rather than a file.

    Raise ``StoreError`` for an address of another kind of server, and for one in the form
    ``host=… password=…``; the text omits it, as it may contain a password.
    """
    scheme, separator, _ = address.partition("://")
    if address.lower().startswith(_SCHEMES):
        return True
    if _PARAMETER.search(address):
        raise StoreError(
            Text(
                "不支持 host=… 形式的地址，请写成 postgresql://user@host:5432/database",
                "an address like host=… is not supported: write postgresql://user@host:5432/database",
            )
        )
    if separator:
        scheme = scheme if _SCHEME.fullmatch(scheme) else "…"
        raise StoreError(
            Text(
                f"不支持 {scheme}://…，库应为文件路径或 postgresql://…",
                f"{scheme}://… is not supported: a store is a file's path or postgresql://…",
            )
        )
    return False


def has_password(address: str) -> bool:
    """Return whether ``address`` names a server and contains a password, also in its query."""
    if not address.lower().startswith(_SCHEMES):
        return re.search(r"(?:^|\s)password\s*=", address, re.I) is not None
    location, _, query = address.partition(":")[2].removeprefix("//").partition("?")
    user, _, _ = location.rpartition("@")
    return ":" in user or "@" in query or bool(parse_qs(query.lower()).keys() & _PASSWORDS)


def redacted(address: str) -> str:
    """Return ``address`` as it may be printed: without the password and the query.

    A file's path is returned unchanged. If the query contains "@", it may be part of a password
    with an unencoded "?": then only the scheme is left.
    """
    if not is_server_address(address):
        return address
    scheme, _, rest = address.partition(":")
    location, _, query = rest.removeprefix("//").partition("?")
    user, at, host = location.rpartition("@")
    if "@" in query:  # perhaps a "?" in a password that was not encoded
        return f"{scheme}://…"
    return f"{scheme}://{user.partition(':')[0]}{at}{host}"
