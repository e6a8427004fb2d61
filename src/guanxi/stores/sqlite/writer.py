"""The one writer of a process: a thread that commits what arrives together at once.

Processes on one file take turns. SQLite's own waiting is a lottery that a busy process wins over
and over, so before it asks for the write lock a writer takes a turnstile: a lock on an empty file
beside the store, given back once the write lock is held. Whoever stands in it is the only one that
waits for the write lock, and gets it next. The turnstile orders, it does not protect: a writer that
waited too long for it goes on without.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

import apsw

from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite.schema import connect, failure

T = TypeVar("T")

#: Bounds of a batch: after either, the write lock is given up, so that others have their turn.
BATCH_MOST, BATCH_SECONDS = 256, 0.02
#: How many may wait for the writer, and for how long, before they are turned away.
WAITING_MOST, WAITING_SECONDS = 4_096, 10.0
#: How long a batch waits for the write lock.
LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.000_5

#: The log is copied into the file when the writer was quiet for so long, or at so many pages; at
#: twice as many the writer waits for readers that stand in the way, for a moment.
QUIET_SECONDS, LOG_PAGES = 0.25, 100_000
_READERS_SECONDS = 0.5
_PASSIVE = apsw.SQLITE_CHECKPOINT_PASSIVE

#: Errors that are the store's, and no job's own.
_STORE_FAILED = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.ProtocolError,
    apsw.NoMemError,
    apsw.CorruptError,
    apsw.NotADBError,
)


class Turnstile:
    """Whose turn it is to ask for the write lock."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(
            path.with_name(path.name + "-turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )

    def take(self, until: float) -> None:
        """Return when it is one's turn, or at ``until`` (monotonic seconds)."""
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return None
            time.sleep(_POLL_SECONDS)

    def give(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


def begin(db: apsw.Connection, turnstile: Turnstile) -> None:
    """Start a transaction that holds the write lock, in turn; ``BusyError`` after a while."""
    until = time.monotonic() + LOCK_SECONDS
    turnstile.take(until)
    try:
        db.set_busy_handler(_waiting(until))
        db.execute("BEGIN IMMEDIATE")
    finally:
        turnstile.give()


def _waiting(until: float) -> Callable[[int], bool]:
    def wait(_attempt: int) -> bool:
        time.sleep(_POLL_SECONDS)
        return time.monotonic() < until

    return wait


class _Job(NamedTuple):
    work: Callable[[apsw.Connection], Any]
    answer: asyncio.Future[Any]
    since: float


_Settled = tuple[asyncio.Future[Any], Any, BaseException | None]


class _Failed(Exception):
    """The transaction failed, and with it each of its jobs, for no fault of theirs."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs jobs, each within a transaction that it may share with others."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, writes=True)
        #: Pages in the log after the last commit; how many there are when it is next copied.
        self._log_pages, self._copy_at = 0, LOG_PAGES
        self._db.set_wal_hook(self._committed)
        self._turnstile = Turnstile(path)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = self._stopped = False
        #: Told of each transaction how many seconds it waited for the write lock.
        self.waited: Callable[[float], None] = lambda _seconds: None
        self._thread = threading.Thread(target=self._serve, name="guanxi-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """What ``work`` returns, once its transaction is durable.

        ``StoreUnavailable`` when nothing was done, ``StoreTimeout`` when nobody can tell. The work
        may run more than once, each time on a transaction that saw nothing of the time before.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._jobs.qsize() >= WAITING_MOST:
            raise StoreUnavailable("too many wait to write")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, answer, time.monotonic()))
        return await answer

    @contextmanager
    def turn(self, db: apsw.Connection) -> Iterator[None]:
        """A transaction of another connection's, in turn with this writer."""
        begin(db, self._turnstile)
        try:
            yield
            db.execute("COMMIT")
        finally:
            _roll_back(db)

    async def close(self) -> None:
        """Finish what waits, then end."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        waiting: _Job | None
        while not self._stopped:
            try:
                waiting = self._jobs.get(timeout=QUIET_SECONDS if self._log_pages else None)
            except Empty:
                self._copy_log(_PASSIVE)
                self._log_pages = 0  # nothing to copy before the next commit
                continue
            if waiting is None:
                break
            if time.monotonic() - waiting.since > WAITING_SECONDS:
                _deliver([(waiting.answer, None, StoreUnavailable("waited too long to write"))])
                continue
            self._batch(waiting)
            if self._log_pages >= self._copy_at:
                late = self._log_pages >= 2 * LOG_PAGES
                self._copy_log(apsw.SQLITE_CHECKPOINT_RESTART if late else _PASSIVE)
                self._copy_at = self._log_pages + LOG_PAGES // 8  # not after every batch
        self._db.close()
        self._turnstile.close()

    def _batch(self, first: _Job) -> None:
        """Run a job and those that wait behind it in one transaction, and answer them."""
        jobs = [first]
        settled: list[_Settled]
        try:
            results = self._transaction(self._gathered(jobs))
            settled = [
                (job.answer, result, None) for job, result in zip(jobs, results, strict=True)
            ]
        except _Failed as failed:
            kind, text = type(failed.error), str(failed)
            settled = [(job.answer, None, kind(text)) for job in jobs]
        except Exception:
            # One of them cannot be done. The others shall not suffer: each on its own.
            settled = [self._alone(job) for job in jobs]
        _deliver(settled)

    def _gathered(self, jobs: list[_Job]) -> Iterator[_Job]:
        """The jobs, and after them those that wait, within the bounds of a batch."""
        until = time.monotonic() + BATCH_SECONDS
        yield jobs[0]
        while len(jobs) < BATCH_MOST and time.monotonic() < until:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is None:
                self._stopped = True
                return
            jobs.append(job)
            yield job

    def _alone(self, job: _Job) -> _Settled:
        try:
            return job.answer, self._transaction(iter([job]))[0], None
        except _Failed as failed:
            return job.answer, None, failed.error
        except Exception as error:
            return job.answer, None, error

    def _transaction(self, jobs: Iterator[_Job]) -> list[Any]:
        """What the jobs return, once durable. ``_Failed`` where the store fails them all."""
        db = self._db
        try:
            self._begin()
            results = [job.work(db) for job in jobs]
        except _STORE_FAILED as error:
            _roll_back(db)
            raise _Failed(failure(error)) from error
        except BaseException:
            _roll_back(db)
            raise
        try:
            db.execute("COMMIT")
        except apsw.Error as error:
            _roll_back(db)
            if isinstance(error, apsw.IOError):
                # The log may hold the commit or not: the next recovery decides.
                told = StoreTimeout("the disk answers an error: it may have been written")
                raise _Failed(told) from error
            raise _Failed(failure(error)) from error
        return results

    def _begin(self) -> None:
        since = time.monotonic()
        try:
            begin(self._db, self._turnstile)
        finally:
            self.waited(time.monotonic() - since)

    def _committed(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self._log_pages:  # the log began anew
            self._copy_at = LOG_PAGES
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self, mode: int) -> None:
        """Copy the log into the file, as far as readers and other processes let it."""
        self._db.set_busy_handler(_waiting(time.monotonic() + _READERS_SECONDS))
        with suppress(apsw.Error):  # what is committed is in the log, and stays there
            self._db.wal_checkpoint(mode=mode)


def _roll_back(db: apsw.Connection) -> None:
    if db.in_transaction:
        with suppress(apsw.Error):  # it is rolled back all the same
            db.execute("ROLLBACK")


def _deliver(settled: list[_Settled]) -> None:
    """Hand answers to the loops that wait for them, one call a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Settled]] = defaultdict(list)
    for each in settled:
        by_loop[each[0].get_loop()].append(each)
    for loop, answers in by_loop.items():
        with suppress(RuntimeError):  # a loop that ended waits for nothing
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: list[_Settled]) -> None:
    for answer, result, error in answers:
        if answer.done():
            continue  # its caller went away
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)
