"""Run write transactions: retry those that certainly did nothing, and share them between acts.

Acts on pairs that arrive while others are being written share the next transaction of their
process; if many wait, up to ``LANES`` of these run at the same time. Those of one account never do:
the next transaction has them. Other writes have their own transaction.

What a caller no longer waits for is not written: a job is dropped before each attempt, and before
COMMIT, if its caller was cancelled. A caller that is cancelled during COMMIT waits for its end, so
that a read after the response shows what was written.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import inf
from random import randrange
from typing import Any, TypeVar

import asyncpg

from guanxi.contract.limits import Caps
from guanxi.graph.pair import Modify, sort_key_at
from guanxi.stores.acts import Doing, Unfinished
from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql.circuit import Circuit, NodeDown
from guanxi.stores.postgresql.connections import (
    ERRORS,
    Connection,
    Connections,
    commit,
    failures,
    is_transient,
    retried,
)
from guanxi.stores.postgresql.grouping import is_large, members_of, read_groups, regroup
from guanxi.stores.postgresql.pairs import lock, modify
from guanxi.stores.postgresql.rows import write
from guanxi.stores.postgresql.schema import SLOTS
from guanxi.text import Text

T = TypeVar("T")

#: How many jobs must wait before a transaction begins next to 0, 1, 2 … others, unless one has
#: waited so many seconds. Many rows in one transaction cost less than a few in each of several, but
#: two keep the server and this process busy at the same time.
ENOUGH, PATIENCE_SECONDS = (1, 16, 64, 64), 0.25
#: The number of shared transactions at the same time, and of acts in one.
LANES, MAX_BATCH = len(ENOUGH), 256
#: The number of jobs that may wait for a lane, and the seconds after which a job is not begun.
MAX_WAITING, WAITING_SECONDS = 4_096, 10.0
#: The seconds that a cancelled caller waits for its COMMIT, and ``close`` for running transactions.
SETTLE_SECONDS, CLOSE_SECONDS = 5.0, 1.0
_TOO_MANY = Text("等待的写入过多，请稍后重试", "too many writes are waiting; retry later")
_CLOSED = Text("库已关闭", "the store is closed")
_CLOSED_UNSURE = Text(
    "库在提交时关闭：可能已经写入", "the store was closed at COMMIT: it may have been written"
)
_TOO_LONG = Text("写入等待过久，请稍后重试", "the write waited too long; retry later")

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# A shared transaction must not wait long for one act's lock: it fails soon, and each job is then
# retried alone with the longer time-out.
_BEGIN_SHARED = f"{_BEGIN}; SET LOCAL lock_timeout = '200ms'"


#: Acts of one call, and its caps.
_Call = tuple[Sequence[Doing], Caps]


@dataclass(eq=False, slots=True)
class _Job:
    acts: Sequence[Modify]
    caps: Caps
    #: The codes. Cancelled once nobody waits for them.
    result: asyncio.Future[list[int]]
    #: When it was queued (monotonic seconds).
    since: float
    #: Whether its transaction was complete but for COMMIT when last heard of.
    committing: bool = False


class _Unwanted(Exception):
    """A job of the transaction was dropped meanwhile: roll back, and write the others again."""


class Writer:
    """The store's write queue, with its own connections."""

    def __init__(
        self, connections: Connections, clock: Callable[[], int], circuit: Circuit
    ) -> None:
        self._connections, self._clock, self._circuit = connections, clock, circuit
        self._jobs: deque[_Job] = deque()
        self._lanes = set(range(LANES))
        #: The accounts that act in the running transaction of a lane, and those that they act on.
        self._busy: dict[int, tuple[set[int], set[int]]] = {}
        #: Lanes of one process never add to the same slot; those of several processes rarely do.
        self._first_slot = randrange(SLOTS)  # noqa: S311 - no secret
        self._tasks: set[asyncio.Task[None]] = set()
        self._retries = asyncio.Semaphore(LANES - 1)
        self._closed = False
        #: When the jobs that still wait are given up, once the writer is closed.
        self._given_up = inf
        #: How many transactions run or wait for a retry; set while there are none.
        self._transactions, self._idle = 0, asyncio.Event()
        self._idle.set()
        #: Called with the seconds that each transaction waited for its turn and its locks.
        self.waited: Callable[[float], None] = lambda _seconds: None

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``work`` in its own transaction; return its result once the transaction is durable.

        The work may run several times, each time in a new transaction. Raise ``StoreUnavailable``
        if nothing was done, ``StoreTimeout`` if it may have been done, ``StoreError`` for other
        errors of the server. Errors of ``work`` pass after a rollback.
        """
        since = time.monotonic()

        async def timed(connection: Connection) -> T:
            self.waited(time.monotonic() - since)
            return await work(connection)

        return await self._transaction(timed)

    async def change(self, acts: Sequence[Doing], caps: Caps) -> tuple[list[int], Sequence[Doing]]:
        """Apply acts in one transaction; return their codes in order, and the acts that are left.

        A code is 0 for success. Acts are left only from one on that has many members. Acts on pairs
        alone share the transaction with other calls. Raise as ``run``, and
        ``StoreUnavailable`` if the queue is full, the writer is closed or the id of a new group is
        in use; ``ValueError`` for a number that is not an ``Act``.
        """
        self._circuit.check(_accounts_of(acts))
        pairs = [act for act in acts if isinstance(act, Modify)]
        if len(pairs) < len(acts):
            since = time.monotonic()
            return await self._transaction(
                partial(self._apply, calls=[(acts, caps)], lane=0, since=since)
            )
        if self._closed:
            raise StoreUnavailable(_CLOSED)
        if len(self._jobs) >= MAX_WAITING:
            raise StoreUnavailable(_TOO_MANY)
        result: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        job = _Job(pairs, caps, result, time.monotonic())
        self._jobs.append(job)
        if self._lanes and self._needs_lane():
            self._start(self._serve(self._lanes.pop()))
        try:
            await asyncio.wait([result])  # does not cancel it
        except asyncio.CancelledError:
            if job.committing:
                await asyncio.wait([result], timeout=SETTLE_SECONDS)
            result.cancel()
            raise
        return result.result(), ()

    async def close(self) -> None:
        """Refuse new acts, write those that wait, then close the writer's connections.

        All have ``CLOSE_SECONDS``. Then connections are closed, and what runs or waits raises
        ``StoreUnavailable``, or ``StoreTimeout`` if it was committing.
        """
        self._closed = True
        self._given_up = time.monotonic() + CLOSE_SECONDS
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    while self._tasks:
                        await asyncio.wait(self._tasks)
                    await self._idle.wait()
            self._given_up = -inf
            self._connections.cut()
            for task in self._tasks:  # they open a connection, or wait before a retry
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._next_batch()  # drops what still waits
        finally:  # also if it is cancelled
            await self._connections.close()

    def _needs_lane(self) -> bool:
        """Return whether to begin another transaction for the waiting jobs now."""
        enough = ENOUGH[LANES - len(self._lanes)]
        waited = time.monotonic() - self._jobs[0].since
        return len(self._jobs) >= enough or waited > PATIENCE_SECONDS

    def _start(
        self, work: Coroutine[Any, Any, None], ended: Callable[[], object] = lambda: None
    ) -> None:
        """Run ``work`` as a task; call ``ended`` after it, also if it was cancelled unbegun."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: ended())

    async def _serve(self, lane: int) -> None:
        """Write waiting jobs, batch by batch, until none is left; then mark ``lane`` as free."""
        try:
            while jobs := self._next_batch():
                acts = [act for job in jobs for act in job.acts]
                self._busy[lane] = {act.owner for act in acts}, {act.target for act in acts}
                try:
                    await self._batch(jobs, lane)
                finally:
                    del self._busy[lane]
        finally:
            self._lanes.add(lane)

    def _next_batch(self) -> list[_Job]:
        """Remove and return the oldest jobs, up to ``MAX_BATCH`` acts or one larger job.

        Jobs to drop are left out, as ``_is_dropped`` says. Jobs wait for the transactions of other
        lanes in which their accounts act, or are acted on and now act; later ones of the same
        accounts wait, too.
        """
        acting = {mid for owners, _ in self._busy.values() for mid in owners}
        acted_on = {mid for _, targets in self._busy.values() for mid in targets}
        jobs: list[_Job] = []
        waiting: deque[_Job] = deque()
        acts = 0
        while self._jobs and (not jobs or acts + len(self._jobs[0].acts) <= MAX_BATCH):
            job = self._jobs.popleft()
            if self._is_dropped(job):
                continue
            owners, targets = {act.owner for act in job.acts}, {act.target for act in job.acts}
            if acting.isdisjoint(owners | targets) and acted_on.isdisjoint(owners):
                jobs.append(job)
                acts += len(job.acts)
            else:
                waiting.append(job)
                acting |= owners
                acted_on |= targets
        self._jobs.extendleft(reversed(waiting))
        return jobs

    def _is_dropped(self, job: _Job) -> bool:
        """Return whether not to begin a job, now or again: nobody waits for it, or for long enough.

        It gets ``StoreUnavailable`` if it is late or given up, or a node that it needs is down.
        """
        if not job.result.done():
            if time.monotonic() >= self._given_up:
                job.result.set_exception(StoreUnavailable(_CLOSED))
            elif job.since < time.monotonic() - WAITING_SECONDS:
                job.result.set_exception(StoreUnavailable(_TOO_LONG))
            else:
                try:
                    self._circuit.check(_accounts_of(job.acts))
                except NodeDown as error:
                    job.result.set_exception(error)
        return job.result.done()

    async def _batch(self, jobs: list[_Job], lane: int, *, brief: bool = False) -> None:
        """Write jobs in one transaction; set the codes, or the error, as the result of each.

        If one of several may have caused the error, retry each alone, in the background: first with
        a ``brief`` wait for locks, so that those which have to wait do not delay the others.
        """
        while jobs := [job for job in jobs if not self._is_dropped(job)]:
            is_brief = brief or len(jobs) > 1
            begin = _BEGIN_SHARED if is_brief else _BEGIN
            attempt = partial(self._attempt, jobs=jobs, lane=lane, attempts=count())
            try:
                codes = await self._transaction(attempt, begin)
            except _Unwanted:
                continue
            except NodeDown as error:
                # The jobs that do not need the node go on without the others.
                if not any(self._is_dropped(job) for job in jobs):
                    for job in jobs:
                        job.result.set_exception(_copy_of(error))
                continue
            except asyncio.CancelledError:  # by ``close``
                for job in jobs:
                    if not job.result.done():
                        unsure = StoreTimeout(_CLOSED_UNSURE)
                        job.result.set_exception(
                            unsure if job.committing else StoreUnavailable(_CLOSED)
                        )
                raise
            except Exception as error:
                if is_brief and _may_be_one_act(error):
                    # One job may have failed them all: retry each alone.
                    for job in jobs:
                        retry = self._alone(job, lane, brief=not brief)
                        self._start(retry, partial(self._is_dropped, job))
                else:
                    for job in jobs:
                        if not job.result.done():
                            job.result.set_exception(_copy_of(error))
                return
            remaining = iter(codes)
            for job in jobs:
                job_codes = [next(remaining) for _ in job.acts]
                if not job.result.done():
                    job.result.set_result(job_codes)
            return

    async def _attempt(
        self, connection: Connection, jobs: Sequence[_Job], lane: int, attempts: Iterator[int]
    ) -> list[int]:
        """Apply the acts of jobs within the caller's transaction; return their codes in order.

        All that they need is locked from the second of ``attempts`` on, so that not many fail.
        Raise ``_Unwanted`` if one of the jobs is dropped before or meanwhile, else as ``_apply``.
        """
        for job in jobs:
            job.committing = False
        if any(self._is_dropped(job) for job in jobs):
            raise _Unwanted
        calls = [(job.acts, job.caps) for job in jobs]
        cap = None if next(attempts) else min(job.caps.following for job in jobs)
        codes, _ = await self._apply(connection, calls, lane, jobs[0].since, cap)
        if any(job.result.done() for job in jobs):
            raise _Unwanted
        for job in jobs:
            job.committing = True
        return codes

    async def _alone(self, job: _Job, lane: int, *, brief: bool) -> None:
        async with self._retries:  # a job that waits for a lock occupies a connection
            await self._batch([job], lane, brief=brief)

    async def _apply(
        self,
        connection: Connection,
        calls: Sequence[_Call],
        lane: int,
        since: float,
        cap: int | None = None,
    ) -> tuple[list[int], Sequence[Doing]]:
        """Apply the acts of calls within the caller's transaction; return their codes in order.

        Also return the acts that are left of a call, which is then the only one. ``since`` is the
        monotonic time at which they were queued; ``lane`` selects the slot of follower counts, and
        ``cap`` is as in ``lock``. Calls ``waited``. Raise as ``change``.
        """
        doing = [(act, caps) for acts, caps in calls for act in acts]
        acts = [act.act if isinstance(act, Unfinished) else act for act, _ in doing]
        left: list[Doing] = []
        alone = next((at for at, act in enumerate(acts) if at and is_large(act)), None)
        if alone is not None:
            left = [act for act, _ in doing[alone:]]
            acts, doing = acts[:alone], doing[:alone]
        keys, large = await members_of(connection, acts)
        if large is not None:
            left = [act for act, _ in doing[large + 1 :]] + left
            acts, doing = acts[: large + 1], doing[: large + 1]
        locked = await lock(connection, acts, keys, sort_key_at(self._clock()), cap=cap)
        groups = await read_groups(connection, acts, locked, large)
        self.waited(time.monotonic() - since)
        codes = []
        for at, (act, caps) in enumerate(doing):
            if isinstance(act, Modify):
                codes.append(modify(locked, act, caps))
                continue
            code = regroup(locked, groups[acts[at].owner], act, caps, large=at == large)
            if isinstance(code, Unfinished):
                left = [code, *left]
            else:
                codes.append(code)
        for owner in groups.values():
            for statement, values in owner.writes:
                await connection.execute(statement, *values)
        await write(connection, locked, (self._first_slot + lane) % SLOTS)
        return codes, left

    async def _transaction(
        self, work: Callable[[Connection], Awaitable[T]], begin: str = _BEGIN
    ) -> T:
        async def once() -> T:
            async with self._connections.acquire() as connection:
                try:
                    await connection.execute(begin)
                except asyncio.CancelledError:
                    connection.terminate()  # it is not known yet whether a transaction is open
                    raise
                try:
                    result = await work(connection)
                except Exception as error:
                    if not isinstance(error, TimeoutError):  # the connection is unusable after one
                        with suppress(*ERRORS):
                            await connection.execute("ROLLBACK")
                    raise
                await _to_its_end(commit(connection))
                return result

        self._transactions += 1
        self._idle.clear()
        try:
            with failures():
                return await retried(once, self._circuit.after)
        except StoreTimeout:
            self._circuit.failed()
            raise
        finally:
            self._transactions -= 1
            if not self._transactions:
                self._idle.set()


def _accounts_of(acts: Iterable[Doing]) -> Iterator[int]:
    """Yield the accounts whose rows acts change."""
    for doing in acts:
        act = doing.act if isinstance(doing, Unfinished) else doing
        yield act.owner
        if isinstance(act, Modify):
            yield act.target


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await ``work``; if the caller is cancelled, still wait ``SETTLE_SECONDS`` for its end."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=SETTLE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    task.result()


def _may_be_one_act(error: Exception) -> bool:
    """Return whether an error may come from one act, rather than from the server for all.

    False if it may have been done, for a lost or full server, and for a conflict.
    """
    if not isinstance(error, StoreError):
        return True
    if isinstance(error, StoreTimeout):
        return False  # it may have been done
    cause = error.__cause__
    full = isinstance(cause, asyncpg.InsufficientResourcesError)
    return isinstance(cause, asyncpg.PostgresError) and not full and not is_transient(cause)


def _copy_of(error: Exception) -> Exception:
    """Return a copy of a ``StoreError``, for another caller; any other error unchanged."""
    return type(error)(*error.args) if isinstance(error, StoreError) else error
