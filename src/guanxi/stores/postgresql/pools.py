"""The pools of connections of one process, which share the number that it may open.

Reads of lists have a pool of their own: another program that locks ``relation`` makes them wait,
and nothing else. Long reads, and reads of a whole store, have theirs, so that no other read waits
for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from guanxi.stores import FEWEST_CONNECTIONS, MOST_CONNECTIONS
from guanxi.stores.port import StoreError, StoreUnavailable
from guanxi.stores.postgresql.connections import (
    PATIENT,
    POOL_SECONDS,
    Connection,
    Connections,
    close,
    connect,
    failures,
)
from guanxi.text import Text


class Share(NamedTuple):
    """How many connections each pool of a process may open."""

    lists: int = 10
    others: int = 6
    long: int = 2
    writing: int = 8
    streams: int = 2

    @property
    def direct(self) -> int:
        """Return how many a process may open to each other node of Citus."""
        return min(4, self.others)


#: With ``MOST_CONNECTIONS``: more would not be quicker.
WHOLE = Share()


def share(connections: int) -> Share:
    """Return how a process divides the number of connections that it may open.

    Raise ``ValueError`` for fewer than ``FEWEST_CONNECTIONS``.
    """
    if connections < FEWEST_CONNECTIONS:
        raise ValueError(f"{connections} connections: at least {FEWEST_CONNECTIONS}")
    if connections >= MOST_CONNECTIONS:
        return WHOLE
    few = 1 if connections < MOST_CONNECTIONS // 2 else 2
    rest = connections - 2 * few
    writing, others = max(2, rest // 3), max(1, rest // 4)
    return Share(rest - writing - others, others, few, writing, few)


class Pools:
    """The pools of one process, of ``connections`` in all; None: ``WHOLE``, and any of streams."""

    def __init__(self, address: str, connections: int | None) -> None:
        self._address = address
        size = WHOLE if connections is None else share(connections)
        connector = partial(connect, address)
        #: How many connections there may be to each other node of Citus.
        self.direct = size.direct
        self.lists = Connections(connector, size.lists)
        self.others = Connections(connector, size.others)
        self.long = Connections(connector, size.long)
        self.writing = Connections(connector, size.writing)
        self._streams = None if connections is None else asyncio.Semaphore(size.streams)

    async def fill(self, warm: Callable[[Connection], Awaitable[object]]) -> None:
        """Open the connections of every pool that are missing, with ``warm`` called on each.

        Raise as ``Connections.fill``.
        """
        for pool in (self.lists, self.others, self.writing, self.long):
            await pool.fill(warm)

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Connection]:
        """Provide a new connection without time limits within the block, then close it.

        Raise ``StoreUnavailable`` if too many are in use for ``POOL_SECONDS`` or the server is out
        of reach.
        """
        if self._streams is None:
            async with _connected(self._address, PATIENT) as connection:
                yield connection
            return
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await self._streams.acquire()
        except TimeoutError:
            raise StoreUnavailable(
                Text(
                    "对整个库的读取过多，请稍后重试",
                    "too many reads of the whole store; retry later",
                )
            ) from None
        try:
            async with _connected(self._address, PATIENT) as connection:
                yield connection
        finally:
            self._streams.release()

    async def close(self) -> None:
        """Cut the reads that run, and close the pools of reads; the writer closes its own."""
        reading = (self.lists, self.others, self.long)
        for pool in reading:
            pool.cut()
        await asyncio.gather(*(pool.close() for pool in reading))


@asynccontextmanager
async def _connected(address: str, settings: Mapping[str, str]) -> AsyncIterator[Connection]:
    with failures():
        connection = await connect(address, settings)
    try:
        yield connection
    finally:
        await close(connection)


#: The least of what the server, the database and the role allow, without what is reserved for
#: superusers; and how many connections others have now. -1 is no limit.
_ROOM = """
SELECT least(
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
    nullif(nullif(current_setting('citus.max_client_connections', true), '')::int, -1)
), (
    SELECT count(*) FROM pg_stat_activity
    WHERE datid IS NOT NULL AND application_name <> 'guanxi'
)
"""


async def check_room(address: str, service: int) -> int:
    """Return how many of ``service`` connections the server has no room for now, 0 if for all.

    Other programs then have the rest. Raise ``StoreError`` if the server never allows so many, and
    ``StoreUnavailable`` if it does not answer.
    """
    async with _connected(address, PATIENT) as db:
        with failures():
            allowed, others = await db.fetchrow(_ROOM) or (service, 0)
    if service > allowed:
        raise StoreError(
            Text(
                f"服务的各进程共需 {service} 个连接，服务器只允许 {allowed} 个："
                "请调高服务器的 max_connections，或减小 connections 或 workers",
                f"the processes of this service open up to {service} connections, and the server"
                f" allows {allowed}: raise its max_connections, or lower `connections` or"
                " `workers`",
            )
        )
    return max(0, service + int(others) - allowed)
