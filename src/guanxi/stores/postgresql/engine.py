"""Where the verbs of a store run: pools of connections, and the lanes of reads and writes.

A lane is a function that makes a verb of a function on a connection: ``reading``, ``writing`` and
``streaming``. ``store`` is a table of those. ``port.lanes`` says which reads are long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakValueDictionary

import asyncpg

from guanxi.stores.owner import Owner
from guanxi.stores.port import NO_TALLY, Tally
from guanxi.stores.port.lanes import BOUNDS, LANES, READER, Admission, Lane, lane_of
from guanxi.stores.postgresql.circuit import Circuit, accounts_of
from guanxi.stores.postgresql.connections import (
    Connection,
    Connections,
    connect,
    failures,
    retried,
)
from guanxi.stores.postgresql.nodes import Nodes
from guanxi.stores.postgresql.pools import Pools
from guanxi.stores.postgresql.reads import tally
from guanxi.stores.postgresql.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

#: The reads of ``relation``, which have their own pool.
_OF_LISTS = frozenset(
    {"page", "members", "search", "common", "known_followers", "suggestions", "pair", "pairs"}
    | {"relations", "attributes", "requests", "sent_requests"}
)
#: How long counts that were read are used to choose the lane of a read, and for how many accounts.
_COUNTED_SECONDS, _MOST_COUNTED = 1.0, 10_000


class Engine:
    """The connections to one server, which the loop that opened them may use."""

    def __init__(
        self, address: str, clock: Callable[[], int], connections: int | None = None
    ) -> None:
        """``connections`` are how many this process may open; None for any number of streams."""
        self.address, self.owner = address, Owner()
        self.pools = Pools(address, connections)
        #: The locks of the accounts that have a long read.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._admissions = {lane: Admission(lane) for lane in BOUNDS}
        #: How many other reads began.
        self._short_reads = 0
        #: Counts of accounts, and when they were read.
        self._counts: dict[int, tuple[float, Tally]] = {}
        self.circuit = Circuit(partial(connect, address))
        self.nodes = Nodes(address, self.pools.direct, self.pools.others, self.circuit)
        self.writer = Writer(self.pools.writing, clock, self.circuit)

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
        self._short_reads += 1
        pool = self._pool(read)
        return await self._read_on(pool, lambda db: read(db, *args, **kwargs))

    async def read_in(
        self,
        lane: Lane,
        read: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return the result of a read in a lane; the server stops it if this call is cancelled.

        Raise ``StoreBusy`` at once if too many reads are in the lane, and what ``read`` describes.
        """
        if lane is not Lane.LONG:
            with self._admissions[lane].admitted():
                return await self.read(read, *args, **kwargs)
        self.owner.here()
        with self._admissions[lane].admitted():
            return await self._read_long(lambda db: read(db, *args, **kwargs))

    async def _read_long(self, read: Callable[[Connection], Awaitable[T]]) -> T:
        """Return the result of a long read, after those of the same account.

        The account shares the server's cores with all others: if there were other reads meanwhile,
        its next long read waits as long as this one took.
        """
        account = READER.get().account
        if not account:
            return await self._read_on(self.pools.long, read)
        turn = self._turns.setdefault(account, asyncio.Lock())
        await turn.acquire()
        others, began = self._short_reads, time.monotonic()
        try:
            return await self._read_on(self.pools.long, read)
        finally:
            rest = time.monotonic() - began if self._short_reads > others else 0.0
            asyncio.get_running_loop().call_later(rest, turn.release)

    async def counts_of(self, mid: int) -> Tally:
        """Return the counts of an account, up to a second old: they only choose a lane.

        Raise as ``read``.
        """
        now = time.monotonic()
        since, counts = self._counts.get(mid, (now - _COUNTED_SECONDS, NO_TALLY))
        if now - since < _COUNTED_SECONDS:
            return counts
        counts = await self.read(tally, mid)
        if len(self._counts) >= _MOST_COUNTED:
            self._counts.clear()
        self._counts[mid] = now, counts
        return counts

    def _pool(self, read: Callable[..., object]) -> Connections:
        return self.pools.lists if read.__name__ in _OF_LISTS else self.pools.others

    async def rows_of(
        self, columns: str, mids: Sequence[int], *, partly: bool = False
    ) -> list[asyncpg.Record] | None:
        """Return rows of accounts as ``Nodes.rows``; raise as ``read``."""
        self.owner.here()
        with failures():
            return await retried(
                lambda: self.nodes.rows(columns, mids, partly=partly), self.circuit.after
            )

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
            async with self.pools.patient() as db:
                try:
                    # Closing the connection ends the transaction.
                    await db.transaction(isolation="repeatable_read", readonly=True).start()
                    async for row in read(db, *args, **kwargs):
                        yield row
                except asyncpg.InterfaceError as error:
                    if not db.is_closed():
                        raise
                    # The driver's error for a connection that was lost between two of its steps.
                    raise asyncpg.ConnectionDoesNotExistError("the connection was lost") from error

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
            await self.nodes.close()
            await self.pools.close()


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
            tallies = {mid: await engine.counts_of(mid) for mid, _ in rows.lists}
            lane = lane_of(rows.cost(tallies))
        if lane is Lane.AT_ONCE:
            return await engine.read(read, *args, **kwargs)
        return await engine.read_in(lane, read, *args, **kwargs)

    return verb


def _in_lane(
    lane: Lane, read: Callable[Concatenate[Connection, P], Awaitable[T]]
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        engine.circuit.check(accounts_of(read.__name__, args))
        if lane is Lane.AT_ONCE:
            return await engine.read(read, *args, **kwargs)
        return await engine.read_in(lane, read, *args, **kwargs)

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
