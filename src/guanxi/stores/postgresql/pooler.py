"""Refusal of a pooler that gives each transaction another server process.

guanxi's settings, prepared statements and temporary tables belong to a session. Behind PgBouncer in
transaction mode they would reach the sessions of others, or be missing; in session mode all works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg

from guanxi.stores.port import StoreError
from guanxi.text import Text

#: How many further connections hold a transaction, so that none is left of the first's process.
_OTHERS = 2
_LOST = (
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.ProtocolViolationError,
)
#: In PgBouncer's text when it closes a connection in statement mode for its BEGIN.
_STATEMENTS = "statement pooling mode"


async def has_pooler(db: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Return whether the process that answers is another than the one that was connected to.

    Expects no transaction.
    """
    return await _process(db) != db.get_server_pid()


async def refuse_shared(
    db: asyncpg.Connection[asyncpg.Record],
    connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]],
    where: str,
) -> None:
    """Raise StoreError if ``db``, which is outside a transaction, shares its server process.

    ``connect`` opens a further connection to the same address, and ``where`` names it.
    """
    try:
        if not await has_pooler(db):
            return
        first = await _process(db)
        async with AsyncExitStack() as held:
            processes = []
            for _ in range(_OTHERS):
                other = await connect()
                held.callback(other.terminate)
                await other.execute("BEGIN")
                processes.append(await other.fetchval("SELECT pg_backend_pid()"))
            shared = first in processes or await _process(db) != first
    except _LOST:
        shared = True
    except asyncpg.ConnectionDoesNotExistError as error:
        if _STATEMENTS not in str(error):
            raise
        shared = True
    if shared:
        raise StoreError(
            Text(
                f"{where} 是事务或语句模式的连接池，会话的设置与预备语句会丢失："
                "请为此数据库设置 pool_mode = session，或直接写出服务器的地址",
                f"{where} is a pooler in transaction or statement mode, which loses the settings"
                " and prepared statements of a session: set pool_mode = session for this database"
                " there, or name the server itself",
            )
        )


async def _process(db: asyncpg.Connection[asyncpg.Record]) -> int:
    """Return the number of the server's process that answers now."""
    async with db.transaction():
        return int(await db.fetchval("SELECT pg_backend_pid()"))
