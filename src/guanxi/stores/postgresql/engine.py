"""Where the verbs of a store run: pools of connections, and the lanes of reads and writes.

A lane is a function that makes a verb of a function on a connection: ``reading``, ``writing`` and
``streaming``. ``store`` is a table of those. ``port.lanes`` says which reads are long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg

from guanxi.stores.owner import Owner
from guanxi.stores.port.lanes import BOUNDS, LANES, Admission, Lane, lane_of
from guanxi.stores.postgresql.circuit import Circuit, accounts_of
from guanxi.stores.postgresql.connections import (
    PATIENT,
    Connection,
    Connections,
    close,
    connect,
    failures,
    retried,
)
from guanxi.stores.postgresql.reads import tally
from guanxi.stores.postgresql.writer import LANES as WRITER_LANES
from guanxi.stores.postgresql.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

#: Connections of one process: those that read, those with long reads, and those that write.
READING, LONG_READING, WRITING = 16, 2, 2 * WRITER_LANES


class Engine:
    """The connections to one server, which the loop that opened them may use."""

    def __init__(self, address: str, clock: Callable[[], int]) -> None:
        self.address, self.owner = address, Owner()
        connector = partial(connect, address)
        self._reading = Connections(connector, READING)
        self._long = Connections(connector, LONG_READING)
        self._admissions = {lane: Admission(lane) for lane in BOUNDS}
        self.circuit = Circuit(connector)
        self.writer = Writer(Connections(connector, WRITING), clock, self.circuit)

    async def read(
        self,
        read: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return the result of a read on a pooled connection, retried after transient errors.

        Raise ``StoreUnavailable`` if the store is closed, busy or out of reach, ``StoreError`` on
        another loop and for other errors of the server.
        """
        self.owner.here()
        return await self._read_on(self._reading, lambda db: read(db, *args, **kwargs))

    async def read_in(self, lane: Lane, read: Callable[[Connection], Awaitable[T]]) -> T:
        """Return the result of a read in a lane; the server stops it if this call is cancelled.

        Raise ``StoreBusy`` at once if too many reads are in the lane, and what ``read`` describes.
        """
        self.owner.here()
        pool = self._long if lane is Lane.LONG else self._reading
        with self._admissions[lane].admitted():
            return await self._read_on(pool, read)

    async def _read_on(self, pool: Connections, read: Callable[[Connection], Awaitable[T]]) -> T:
        async def once() -> T:
            async with pool.acquire() as connection:
                return await read(connection)

        with failures():
            return await retried(once, self.circuit.after)

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``work`` as ``Writer.run``; raise ``StoreError`` on another loop."""
        self.owner.here()
        return await self.writer.run(work)

    async def stream(
        self,
        read: Callable[Concatenate[Connection, P], AsyncIterator[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Yield the rows of a read of the whole store, from one snapshot, on its own connection.

        Raise ``StoreUnavailable`` if the store is closed or the server is out of reach,
        ``StoreError`` on another loop and for the server's other errors.
        """
        self.owner.here()
        with failures():
            db = await connect(self.address, PATIENT)
            try:
                await db.transaction(isolation="repeatable_read", readonly=True).start()
                async for row in read(db, *args, **kwargs):
                    yield row
            except asyncpg.InterfaceError as error:
                if not db.is_closed():
                    raise
                # The driver's error for a connection that was lost between two of its steps.
                raise asyncpg.ConnectionDoesNotExistError("the connection was lost") from error
            finally:  # which ends the transaction
                await close(db)

    async def close(self) -> None:
        """Give the writes that wait or run a second, then close the connections.

        That takes about two seconds at most, whatever the server does (``Writer.close``). Safe to
        call again. Raise ``StoreError`` on another loop.
        """
        if self.owner.closed:
            return
        self.owner.here()
        self.owner.close()
        try:
            await self.circuit.close()
            await self.writer.close()
        finally:  # also if it is cancelled
            for pool in (self._reading, self._long):
                pool.cut()
            await asyncio.gather(self._reading.close(), self._long.close())


def reading(
    read: Callable[Concatenate[Connection, P], Awaitable[T]],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``read`` where ``LANES`` has it, by its name."""
    rule = LANES[read.__name__]
    if isinstance(rule, Lane):
        return _in_lane(rule, read)

    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine.circuit.check(accounts_of(read.__name__, args))
        rows = rule(*args, **kwargs)
        lane = lane_of(rows.cost())
        if rows.lists and lane is Lane.LONG:
            tallies = {mid: await engine.read(tally, mid) for mid, _ in rows.lists}
            lane = lane_of(rows.cost(tallies))
        if lane is Lane.AT_ONCE:
            return await engine.read(read, *args, **kwargs)
        return await engine.read_in(lane, lambda db: read(db, *args, **kwargs))

    return verb


def _in_lane(
    lane: Lane, read: Callable[Concatenate[Connection, P], Awaitable[T]]
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine.circuit.check(accounts_of(read.__name__, args))
        if lane is Lane.AT_ONCE:
            return await engine.read(read, *args, **kwargs)
        return await engine.read_in(lane, lambda db: read(db, *args, **kwargs))

    return verb


def writing(
    write: Callable[Concatenate[Connection, P], Awaitable[T]],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``write`` in a transaction of its own."""

    @wraps(write)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await engine.write(lambda db: write(db, *args, **kwargs))

    return verb


def streaming(
    read: Callable[Concatenate[Connection, P], AsyncIterator[T]],
) -> Callable[Concatenate[Engine, P], AsyncIterator[T]]:
    """Return the verb that yields the rows of ``read``, on a connection of its own."""

    @wraps(read)
    def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return engine.stream(read, *args, **kwargs)

    return verb
