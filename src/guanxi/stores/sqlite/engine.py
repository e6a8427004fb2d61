"""Where the verbs of a store run: its connections, its threads, and the lanes of reads and writes.

A lane is a function that makes a verb of a function on a connection: ``short``, ``long``,
``writing`` and ``streaming``. ``store`` is a table of those.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from threading import get_ident
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from guanxi.stores.owner import Owner
from guanxi.stores.port import StoreUnavailable
from guanxi.stores.sqlite.schema import connect, failure, failures, snapshot
from guanxi.stores.sqlite.writer import Writer
from guanxi.text import Text

P = ParamSpec("P")
T = TypeVar("T")

#: How many long reads may be waiting or running, and how many seconds one may last.
LONG_WAITING, LONG_SECONDS = 256, 10.0
#: SQLite checks the deadline of a long read after this many of its instructions.
_PROGRESS_STEPS = 10_000
#: How many rows an export or a check hands over from its thread at a time.
_STREAM_ROWS = 1_000

#: A job's future, with the result or the error to set.
_Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


class Engine:
    """The connections to one SQLite file, which the loop that opened them may use."""

    def __init__(self, path: Path) -> None:
        self.path, self.owner = path, Owner()
        self._loop = self.owner.loop()
        self.db = connect(path)
        self._long_db = connect(path, busy_ms=2_000)
        self.writer = Writer(path, self._post_outcomes)
        self._outcomes: list[_Outcome] = []
        self._long = ThreadPoolExecutor(1, thread_name_prefix="guanxi-reader")
        self._long_waiting = 0

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

    async def read_long(
        self, read: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``read`` in a snapshot of its own, on the reader thread; return its result.

        Raise ``StoreUnavailable`` if the store is closed, too many reads wait, or this one exceeds
        ``LONG_SECONDS``; ``StoreError`` on another loop and for SQLite's other errors; and what
        ``read`` raises.
        """
        loop = self.owner.loop()
        if self._long_waiting >= LONG_WAITING:
            raise StoreUnavailable(
                Text("等待的读取过多，请稍后重试", "too many reads are waiting; retry later")
            )

        def bounded() -> T:
            until = time.monotonic() + LONG_SECONDS
            self._long_db.set_progress_handler(lambda: time.monotonic() > until, _PROGRESS_STEPS)
            with failures(), snapshot(self._long_db):
                return read(self._long_db, *args, **kwargs)

        self._long_waiting += 1
        try:
            return await loop.run_in_executor(self._long, bounded)
        finally:
            self._long_waiting -= 1

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run ``work`` in a transaction on the writer's thread; return its result after the commit.

        Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` on another loop, and what
        ``Writer.submit`` describes.
        """
        result: asyncio.Future[T] = self.owner.loop().create_future()
        # The writer's thread alone adds outcomes, and hands them over once per batch.
        self.writer.submit(work, lambda *outcome: self._outcomes.append((result, *outcome)))
        return await result

    def _post_outcomes(self) -> None:
        """Set the outcomes of a batch on the loop, with one call; runs on the writer's thread."""
        outcomes, self._outcomes = self._outcomes, []
        with suppress(RuntimeError):  # the loop is closed: nothing waits for the outcomes
            self._loop.call_soon_threadsafe(_set_outcomes, outcomes)

    async def stream(
        self,
        read: Callable[Concatenate[apsw.Connection, P], Iterator[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Yield what ``read`` yields, from one snapshot, on a thread and connection of its own.

        Raise ``StoreUnavailable`` if the store is closed or its file cannot be opened;
        ``StoreError`` on another loop and for SQLite's other errors.
        """
        loop = self.owner.loop()
        with ThreadPoolExecutor(1, thread_name_prefix="guanxi-stream") as thread, failures():
            run = partial(loop.run_in_executor, thread)
            db = await run(connect, self.path)
            try:
                await run(db.execute, "BEGIN")
                rows = read(db, *args, **kwargs)
                while chunk := await run(list, islice(rows, _STREAM_ROWS)):
                    for row in chunk:
                        yield row
            finally:
                await run(db.close)

    async def close(self) -> None:
        """Finish the writes that wait, then stop the threads and close the connections.

        Safe to call again. A cancelled call does not wait, but all of this still happens. Raise
        ``StoreError`` on another loop.
        """
        if self.owner.closed:
            return
        self.owner.loop()
        self._end_snapshot()
        self.owner.close()
        await asyncio.shield(self._loop.run_in_executor(None, self._shut))

    def _shut(self) -> None:
        self.writer.close()
        self._long.shutdown()
        self._long_db.close()
        self.db.close()


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


def long(
    read: Callable[Concatenate[apsw.Connection, P], T],
) -> Callable[Concatenate[Engine, P], Coroutine[Any, Any, T]]:
    """Return the verb that calls ``read`` on the reader thread."""

    @wraps(read)
    async def verb(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await engine.read_long(read, *args, **kwargs)

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
