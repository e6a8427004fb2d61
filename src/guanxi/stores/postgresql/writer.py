"""Transactions that write: repeated while they surely did nothing, and shared where acts wait.

Acts on pairs that arrive while others are being written share the next transaction of their
process; up to ``LANES`` of those run at once. What else writes has a transaction of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from random import randrange
from typing import Any, NamedTuple, TypeVar

import asyncpg

from guanxi.graph.pair import sort_key_at
from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql.changes import Asked, hold, write
from guanxi.stores.postgresql.connections import (
    ERRORS,
    Connection,
    Connections,
    commit,
    failures,
    passes,
    repeated,
)
from guanxi.stores.postgresql.schema import SLOTS

T = TypeVar("T")

#: How many transactions of shared acts run at once, and how many acts one holds.
LANES, BATCH_MOST = 4, 256
#: How many may wait for a lane, and for how long, before they are turned away.
WAITING_MOST, WAITING_SECONDS = 4_096, 10.0

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Many wait for a lock that one of them needs: each is soon tried on its own, and waits longer.
_BEGIN_SHARED = f"{_BEGIN}; SET LOCAL lock_timeout = '200ms'"


class _Job(NamedTuple):
    acts: Sequence[Asked]
    answer: asyncio.Future[list[int]]
    since: float


class Writer:
    """What writes, over connections of its own."""

    def __init__(self, connections: Connections, clock: Callable[[], int]) -> None:
        self._connections, self._clock = connections, clock
        self._jobs: deque[_Job] = deque()
        self._lanes = set(range(LANES))
        #: Lanes of one process never add to the same slot; those of several seldom do.
        self._first_slot = randrange(SLOTS)  # noqa: S311 - no secret
        self._tasks: set[asyncio.Task[None]] = set()
        self._apart = asyncio.Semaphore(LANES - 1)
        self._closed = False
        #: Told of each transaction how many seconds it waited for its turn and its locks.
        self.waited: Callable[[float], None] = lambda _seconds: None

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What ``work`` returns, once its transaction is durable.

        ``StoreUnavailable`` when nothing was done, ``StoreTimeout`` when nobody can tell. The work
        may run more than once, each time on a transaction that saw nothing of the time before.
        """
        since = time.monotonic()

        async def timed(connection: Connection) -> T:
            self.waited(time.monotonic() - since)
            return await work(connection)

        return await self._transaction(timed)

    async def change(self, acts: Sequence[Asked]) -> list[int]:
        """The codes of acts on pairs, as ``run``, in a transaction shared with others."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if len(self._jobs) >= WAITING_MOST:
            raise StoreUnavailable("too many wait to write")
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(acts, answer, time.monotonic()))
        if self._lanes:
            self._start(self._serve(self._lanes.pop()))
        return await answer

    async def close(self) -> None:
        """Finish what waits, then end."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._connections.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, lane: int) -> None:
        """Write what waits, until nothing does."""
        try:
            while jobs := self._taken():
                await self._batch(jobs, lane)
        finally:
            self._lanes.add(lane)

    def _taken(self) -> list[_Job]:
        """The jobs that waited longest, within the bounds of a batch."""
        jobs: list[_Job] = []
        acts = 0
        late = time.monotonic() - WAITING_SECONDS
        while self._jobs and (not jobs or acts + len(self._jobs[0].acts) <= BATCH_MOST):
            job = self._jobs.popleft()
            if job.answer.done():
                continue  # its caller went away
            if job.since < late:
                job.answer.set_exception(StoreUnavailable("waited too long to write"))
                continue
            jobs.append(job)
            acts += len(job.acts)
        return jobs

    async def _batch(self, jobs: list[_Job], lane: int) -> None:
        """Write jobs in one transaction, and answer them."""
        acts = [asked for job in jobs for asked in job.acts]
        begin = _BEGIN if len(jobs) == 1 else _BEGIN_SHARED
        try:
            work = partial(self.modify, acts=acts, lane=lane, since=jobs[0].since)
            codes = await self._transaction(work, begin)
        except Exception as error:
            if len(jobs) > 1 and _is_of_one(error):
                # The others shall not suffer: each on its own.
                for job in jobs:
                    self._start(self._alone(job, lane))
            else:
                for job in jobs:
                    if not job.answer.done():
                        job.answer.set_exception(_again(error))
            return
        left = iter(codes)
        for job in jobs:
            told = [next(left) for _ in job.acts]
            if not job.answer.done():
                job.answer.set_result(told)

    async def _alone(self, job: _Job, lane: int) -> None:
        async with self._apart:  # whoever waits for a lock keeps a connection from the others
            await self._batch([job], lane)

    async def modify(
        self,
        connection: Connection,
        acts: Sequence[Asked],
        since: float,
        lane: int = 0,
    ) -> list[int]:
        """Apply acts on pairs, asked for at ``since``, within a transaction; their codes."""
        now = sort_key_at(self._clock())
        held = await hold(connection, (asked.act for asked in acts), now)
        self.waited(time.monotonic() - since)
        codes = [held.apply(asked, now) for asked in acts]
        await write(connection, held, (self._first_slot + lane) % SLOTS)
        return codes

    async def _transaction(
        self, work: Callable[[Connection], Awaitable[T]], begin: str = _BEGIN
    ) -> T:
        async def once() -> T:
            async with self._connections.one() as connection:
                await connection.execute(begin)
                try:
                    result = await work(connection)
                except Exception as error:
                    if not isinstance(error, TimeoutError):  # nothing hears it after one
                        with suppress(*ERRORS):
                            await connection.execute("ROLLBACK")
                    raise
                await commit(connection)
                return result

        with failures():
            return await repeated(once)


def _is_of_one(error: Exception) -> bool:
    """Whether it may be that one act cannot be done now, and not that the server fails them all."""
    if not isinstance(error, StoreError):
        return True
    if isinstance(error, StoreTimeout):
        return False  # it may have been done
    cause = error.__cause__
    full = isinstance(cause, asyncpg.InsufficientResourcesError)
    return isinstance(cause, asyncpg.PostgresError) and not full and not passes(cause)


def _again(error: Exception) -> Exception:
    """The same error for one more caller, who adds a traceback of its own."""
    return type(error)(*error.args) if isinstance(error, StoreError) else error
