"""A SQLite store for threads: its verbs are coroutines that never suspend.

Each thread reads on a connection of its own, and waits for the writer's thread as long as its write
takes. ``run`` therefore ends a coroutine that awaits nothing but such verbs in one step, without an
event loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakSet

import apsw

from guanxi.stores.owner import Process
from guanxi.stores.port.lanes import Lane
from guanxi.stores.sqlite.engine import POLL_SECONDS, PROGRESS_STEPS, READ_SECONDS, Engine
from guanxi.stores.sqlite.opening import connect, failures, prepare
from guanxi.stores.sqlite.store import SQLiteStore
from guanxi.stores.sqlite.writer import SETTLE_SECONDS, Job, Writer

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Engine):
    """The connections to one SQLite file, which every thread of the process may use."""

    def __init__(self, path: Path) -> None:
        self.path, self.owner = path, Process()  # type: ignore[assignment]
        self._own = threading.local()
        self._all: WeakSet[apsw.Connection] = WeakSet()
        self._opening = threading.Lock()
        self.writer = Writer(path, lambda: None)

    @property
    def db(self) -> apsw.Connection:  # type: ignore[override]
        """Return this thread's connection, opened when it is first used."""
        try:
            return self._own.db  # type: ignore[no-any-return]
        except AttributeError:
            self.owner.check()
            db = self._own.db = connect(self.path, busy_ms=2_000)
            with self._opening:
                self._all.add(db)
            return db

    def begin_snapshot(self) -> None:
        """Begin this thread's snapshot, if it has none: ``end_snapshot`` ends it.

        Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` in a forked process, and
        ``apsw.Error`` if no transaction can begin.
        """
        self.owner.check()
        db = self.db
        if not db.in_transaction:
            db.execute("BEGIN")

    def end_snapshot(self) -> None:
        """End this thread's snapshot, so that its next read shows what was written meanwhile."""
        try:
            db = self._own.db
        except AttributeError:
            return
        if self.owner.thread and db.in_transaction:
            db.execute("ROLLBACK")

    async def read_in(self, _lane: Lane, read: Callable[[apsw.Connection], T]) -> T:
        """Call ``read`` in this thread's snapshot, whatever its lane; return its result.

        Raise ``StoreUnavailable`` if the store is closed or the read exceeds ``READ_SECONDS``,
        ``StoreError`` for SQLite's other errors, and what ``read`` raises.
        """
        until = time.monotonic() + READ_SECONDS
        with failures():
            self.begin_snapshot()
            db = self.db
            db.set_progress_handler(lambda: time.monotonic() > until, PROGRESS_STEPS)
            try:
                return read(db)
            finally:
                db.set_progress_handler(None)

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run ``work`` in a transaction on the writer's thread; return its result after the commit.

        If this thread is interrupted, the work is dropped; during its COMMIT this waits for the
        end. Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` in a forked process,
        and what ``Writer.submit`` describes.
        """
        self.owner.check()
        self.end_snapshot()  # what is read after the write must show it
        result: Future[T] = Future()

        def settle(value: T, error: BaseException | None) -> None:
            with suppress(InvalidStateError):  # nobody waits any more
                if error is None:
                    result.set_result(value)
                else:
                    result.set_exception(error)

        job = Job(work, settle, lambda: not result.cancelled())
        try:
            self.writer.submit(job)
            return result.result()
        except BaseException:
            if not result.done():  # interrupted
                result.cancel()
                until = time.monotonic() + SETTLE_SECONDS
                while job.committing and time.monotonic() < until:
                    time.sleep(POLL_SECONDS)  # noqa: ASYNC251 - no loop runs here
            raise

    async def apart(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which may take minutes, on this thread."""
        self.end_snapshot()
        return work()

    async def stream(
        self,
        read: Callable[Concatenate[apsw.Connection, P], Iterator[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Yield what ``read`` yields, from one snapshot, on a connection of its own.

        Raise ``StoreUnavailable`` if the store is closed or its file cannot be opened;
        ``StoreError`` in a forked process and for SQLite's other errors.
        """
        self.owner.check()
        with failures(), closing(connect(self.path)) as db:
            db.execute("BEGIN")
            for row in read(db, *args, **kwargs):
                yield row

    async def close(self) -> None:
        """Give the writes that wait a second, then close the connections. Safe to call again.

        A connection that another thread is reading with is closed when that thread ends.
        """
        if self.owner.closed:
            return
        self.owner.check()
        self.end_snapshot()
        self.owner.close()
        self.writer.close()
        with self._opening:
            connections = [*self._all]
        for db in connections:
            with suppress(apsw.Error):
                db.close()


class ThreadedStore(SQLiteStore, Threads):
    """A store in one SQLite file, for threads; ``stores.port.Store`` documents the methods."""

    @classmethod
    def open_here(cls, path: Path, *, create: bool, clock: Callable[[], int]) -> ThreadedStore:
        """Open the store at a path as ``SQLiteStore.open`` does, on this thread."""
        prepare(path, create=create)
        with failures():
            return cls(path, clock)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that awaits nothing but this store; return its result.

        All of its reads up to a write show one snapshot. Raise what it raises, and RuntimeError if
        it awaits something else.
        """
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        finally:
            self.end_snapshot()
        coroutine.close()
        raise RuntimeError("the coroutine awaits something else than the store")
