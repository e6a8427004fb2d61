"""Where the verbs of a store run: its connections, its threads, and the lanes of reads and writes.

A lane is a function that makes a verb of a function on a connection: ``reading``, ``writing`` and
``streaming``. ``store`` is a table of those. ``port.lanes`` says where each read runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from threading import get_ident
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from guanxi.stores.owner import Owner
from guanxi.stores.port.lanes import (
    AT_ONCE_ROWS,
    BOUNDS,
    LANES,
    Admission,
    Lane,
    Rows,
    lane_of,
)
from guanxi.stores.sqlite.opening import connect, failure, failures, snapshot
from guanxi.stores.sqlite.reads import tally
from guanxi.stores.sqlite.writer import SETTLE_SECONDS, Job, Writer

P = ParamSpec("P")
T = TypeVar("T")

#: How many seconds a read in a lane may last.
READ_SECONDS = 10.0
#: SQLite checks whether to stop such a read after this many of its instructions.
PROGRESS_STEPS = 10_000
#: How often a cancelled caller looks whether its write has been committed.
POLL_SECONDS = 0.001
#: The niceness that the thread of long reads has in addition to the process's.
_LONG_NICENESS = 10
#: How many rows an export or a check hands over from its thread at a time.
_STREAM_ROWS = 1_000

#: A job's future, with the result or the error to set.
_Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


class Engine:
    """The connections to one SQLite file, which the loop that opened them may use."""

    def __init__(self, path: Path) -> None:
        self.path, self.owner = path, Owner()
        self._loop = self.owner.loop()
        self._outcomes: list[_Outcome] = []
        self._lanes: dict[Lane, _ReadLane] = {}
        with ExitStack() as opened:  # closed if one of them fails, as without a descriptor left
            self.db = connect(path)
            opened.callback(self.db.close)
            for lane in BOUNDS:
                self._lanes[lane] = _ReadLane(path, lane)
                opened.callback(self._lanes[lane].close)
            self.writer = Writer(path, self._post_outcomes)
            opened.pop_all()

    def begin_snapshot(self) -> None:
        """Begin a transaction of the read connection that ends with this turn of the loop.

        Reads share a snapshot until the callbacks that were ready when it began have run, because
        to begin and end one costs as much as a short read. Such callbacks cannot depend on a later
        request or response, so none misses a write that it must see. (Code that blocks the loop to
        wait for another process reads the same snapshot.)

        Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` on another loop, and
        ``apsw.Error`` if no transaction can begin.
        """
        loop = self.owner.loop()
        self.db.execute("BEGIN")
        loop.call_soon(self._end_snapshot)

    def _end_snapshot(self) -> None:
        if not self.owner.closed and self.db.in_transaction:
            self.db.execute("ROLLBACK")

    async def read_in(self, lane: Lane, read: Callable[[apsw.Connection], T]) -> T:
        """Call ``read`` in a snapshot of its own, on the thread of a lane; return its result.

        It is stopped if this call is cancelled. Raise ``StoreBusy`` at once if too many reads are
        in the lane, ``StoreUnavailable`` if the store is closed or the read exceeds
        ``READ_SECONDS``; ``StoreError`` on another loop and for SQLite's other errors; and what
        ``read`` raises.
        """
        return await self._lanes[lane].run(self.owner.loop(), read)

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run ``work`` in a transaction on the writer's thread; return its result after the commit.

        If this call is cancelled, the work is dropped; during its COMMIT this waits for the end.
        Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` on another loop, and what
        ``Writer.submit`` describes.
        """
        result: asyncio.Future[T] = self.owner.loop().create_future()
        # The writer's thread alone adds outcomes, and hands them over once per batch.
        job = Job(
            work,
            lambda *outcome: self._outcomes.append((result, *outcome)),
            lambda: not result.done(),
        )
        self.writer.submit(job)
        try:
            return await result
        except asyncio.CancelledError:
            # The read after the response must show what is being committed.
            until = time.monotonic() + SETTLE_SECONDS
            while job.committing and time.monotonic() < until:  # noqa: ASYNC110 - by a thread
                await asyncio.sleep(POLL_SECONDS)
            raise

    def _post_outcomes(self) -> None:
        """Set the outcomes of a batch on the loop, with one call; runs on the writer's thread."""
        outcomes, self._outcomes = self._outcomes, []
        with suppress(RuntimeError):  # the loop is closed: nothing waits for the outcomes
            self._loop.call_soon_threadsafe(_set_outcomes, outcomes)

    async def apart(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which may take minutes, on another thread."""
        return await asyncio.to_thread(work)

    async def stream(
        self,
        read: Callable[Concatenate[apsw.Connection, P], Iterator[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Yield what ``read`` yields, from one snapshot, on a thread and connection of its own.

        ``read`` is stopped if this call is cancelled, within a statement too.
        Raise ``StoreUnavailable`` if the store is closed or its file cannot be opened;
        ``StoreError`` on another loop and for SQLite's other errors.
        """
        loop, stopped = self.owner.loop(), False
        with ThreadPoolExecutor(1, thread_name_prefix="guanxi-stream") as thread, failures():
            run = partial(loop.run_in_executor, thread)
            db = await run(connect, self.path)
            db.set_progress_handler(lambda: stopped, PROGRESS_STEPS)
            try:
                await run(db.execute, "BEGIN")
                rows = read(db, *args, **kwargs)
                while chunk := await run(list, islice(rows, _STREAM_ROWS)):
                    for row in chunk:
                        yield row
            finally:
                stopped = True
                await run(db.close)

    async def close(self) -> None:
        """Give the writes that wait a second, then close threads and connections.

        Safe to call again. A cancelled call does not wait, but all of this still happens. Raise
        ``StoreError`` on another loop.
        """
        if self.owner.closed:
            return
        self.owner.here()
        self._end_snapshot()
        self.owner.close()
        await asyncio.shield(self._loop.run_in_executor(None, self._shut))

    def _shut(self) -> None:
        self.writer.close()
        for lane in self._lanes.values():
            lane.close()
        self.db.close()


def _yield_the_core() -> None:
    """Let the other threads go first on a core that this thread shares with them.

    Only Linux has a priority for each thread.
    """
    if sys.platform == "linux":
        os.nice(_LONG_NICENESS)


class _ReadLane:
    """The connection and the thread of a lane, where one read runs after another."""

    def __init__(self, path: Path, lane: Lane) -> None:
        self._db = connect(path, busy_ms=2_000)
        self._thread = ThreadPoolExecutor(
            1,
            thread_name_prefix=f"guanxi-{lane.value}",
            initializer=_yield_the_core if lane is Lane.LONG else None,
        )
        self._admission = Admission(lane)

    async def run(self, loop: asyncio.AbstractEventLoop, read: Callable[[apsw.Connection], T]) -> T:
        stopped = False

        def bounded() -> T:
            until = time.monotonic() + READ_SECONDS
            self._db.set_progress_handler(
                lambda: stopped or time.monotonic() > until, PROGRESS_STEPS
            )
            with failures(), snapshot(self._db):
                return read(self._db)

        with self._admission.admitted():
            try:
                return await loop.run_in_executor(self._thread, bounded)
            finally:
                stopped = True

    def close(self) -> None:
        """Finish the reads that wait, then close the connection."""
        self._thread.shutdown()
        self._db.close()


def _set_outcomes(outcomes: list[_Outcome]) -> None:
    """Set the result or the error of each future that is not done yet."""
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def short(
    read: Callable[Concatenate[apsw.Connection, P], T],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``read`` on the event loop: for reads of microseconds.

    It raises ``StoreUnavailable`` if the store is closed, ``StoreError`` on another loop, for
    SQLite's errors as ``schema.failure`` converts them, and what ``read`` raises.
    """

    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        db = engine.db
        try:
            # The thread as ``Owner.check`` compares it: each call would cost 2 % of a read.
            if get_ident() != engine.owner.thread or not db.in_transaction:
                engine.begin_snapshot()
            return read(db, *args, **kwargs)
        except apsw.Error as error:
            raise failure(error) from error

    return verb


_tally = short(tally)


def reading(
    read: Callable[Concatenate[apsw.Connection, P], T],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``read`` where ``LANES`` has it, by its name."""
    rule = LANES[read.__name__]
    at_once = short(read)
    if rule is Lane.AT_ONCE:
        return at_once
    if isinstance(rule, Lane):
        return _in_lane(rule, read)

    async def by_count(engine: Engine, rows: Rows, *args: P.args, **kwargs: P.kwargs) -> T:
        lane = lane_of(rows.cost({mid: await _tally(engine, mid) for mid, _ in rows.lists}))
        if lane is Lane.AT_ONCE:
            return await at_once(engine, *args, **kwargs)
        return await engine.read_in(lane, lambda db: read(db, *args, **kwargs))

    @wraps(read)
    def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        rows = rule(*args, **kwargs)
        if rows.cost() <= AT_ONCE_ROWS:  # no coroutine around that of the read
            return at_once(engine, *args, **kwargs)
        return by_count(engine, rows, *args, **kwargs)

    return verb


def _in_lane(
    lane: Lane, read: Callable[Concatenate[apsw.Connection, P], T]
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await engine.read_in(lane, lambda db: read(db, *args, **kwargs))

    return verb


def writing(
    write: Callable[Concatenate[apsw.Connection, P], T],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``write`` in a transaction of the writer's thread."""

    @wraps(write)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await engine.write(lambda db: write(db, *args, **kwargs))

    return verb


def streaming(
    read: Callable[Concatenate[apsw.Connection, P], Iterator[T]],
) -> Callable[Concatenate[Engine, P], AsyncIterator[T]]:
    """Return the verb that yields the rows of ``read``, from a thread of its own."""

    @wraps(read)
    def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return engine.stream(read, *args, **kwargs)

    return verb
