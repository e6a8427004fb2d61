"""The writer of a process: a thread that runs waiting jobs in one transaction and commits them.

The writers of several processes take turns. SQLite's own waiting polls at random, so that a busy
process wins again and again. A writer therefore first locks the turnstile, an empty file next to
the store, and unlocks it once it holds the write lock. Whoever holds the turnstile is the only one
that waits for the write lock, and gets it next. The turnstile only orders the writers and protects
no data: a writer that has waited too long for it continues without it.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import apsw
from msgspec import Struct, field

from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite.file import OpenedFile, has_moved, replaced
from guanxi.stores.sqlite.opening import connect, failure, failures
from guanxi.text import Text

#: The most jobs and seconds of a batch; then the write lock is released for other processes.
MAX_BATCH, BATCH_SECONDS = 256, 0.01
#: How many jobs may wait for the writer, and for how long, before they are refused.
MAX_WAITING, WAITING_SECONDS = 4_096, 10.0
_TOO_MANY = Text("等待的写入过多，请稍后重试", "too many writes are waiting; retry later")
_CLOSING = Text("库正在关闭", "the store is being closed")
_TOO_LONG = Text("写入等待过久，请稍后重试", "the write waited too long; retry later")
_UNKNOWN = Text(
    "磁盘报告了 I/O 错误：写入可能成功，也可能没有",
    "the disk reported an I/O error: the write may or may not have succeeded",
)
#: How many seconds the jobs that wait at the end still have.
CLOSE_SECONDS = 1.0
#: How many seconds a batch waits for the write lock.
LOCK_SECONDS = 5.0
#: How many seconds a cancelled caller waits for the COMMIT of its write.
SETTLE_SECONDS = 5.0
_POLL_SECONDS = 0.000_5

#: The log is copied into the file after so many seconds without a write, or at so many pages. At
#: twice as many the writer also waits ``_READERS_SECONDS`` for readers that block this.
QUIET_SECONDS, LOG_PAGES = 0.25, 100_000
_READERS_SECONDS = 0.5
_PASSIVE = apsw.SQLITE_CHECKPOINT_PASSIVE

#: Errors of the store itself, not of a job.
_STORE_ERRORS = (
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
    """A file lock that decides which process waits for the write lock next."""

    def __init__(self, path: Path) -> None:
        """Open the file, created if missing; raise ``StoreUnavailable`` if that is impossible."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._file = os.open(path.with_name(path.name + "-turn"), flags, 0o600)
        except OSError as error:
            raise _not_lockable(error) from error

    def take(self, is_over: Callable[[], bool]) -> None:
        """Wait until the file is locked, or until ``is_over()``.

        Return None in both cases. Raise ``StoreUnavailable`` if it cannot be locked at all.
        """
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if is_over():
                    return None
            except OSError as error:
                raise _not_lockable(error) from error
            time.sleep(_POLL_SECONDS)

    def give(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)


def _not_lockable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        Text(
            f"无法锁定使写入依次进行的文件：{error.strerror}",
            f"the file that orders writers cannot be locked: {error.strerror}",
        )
    )


def begin(
    db: apsw.Connection, turnstile: Turnstile, given_up: Callable[[], float] = lambda: inf
) -> None:
    """Start a transaction with the write lock.

    Raise ``apsw.BusyError`` after ``LOCK_SECONDS``, or at the time ``given_up()`` (monotonic
    seconds), which may change meanwhile. The turnstile is locked only while this waits; if it is
    not free in time, this tries without it. Raise ``StoreUnavailable`` if it cannot be locked at
    all. The connection's busy handler is replaced.
    """
    until = time.monotonic() + LOCK_SECONDS

    def is_over() -> bool:
        return time.monotonic() >= min(until, given_up())

    turnstile.take(is_over)
    try:
        db.set_busy_handler(_waiting(is_over))
        db.execute("BEGIN IMMEDIATE")
    finally:
        turnstile.give()


@contextmanager
def turn(db: apsw.Connection, path: Path) -> Iterator[None]:
    """Run the ``with`` block in a write transaction on ``db``, a connection to the store at a path.

    The transaction is committed at the end, or rolled back on an error. Raise ``apsw.BusyError`` if
    the write lock is not free within ``LOCK_SECONDS``, ``StoreReplaced`` if the file at the path is
    no longer the one that ``db`` has open.
    """
    # A lock of its own: that of the writer's open file would not keep this process's writer out.
    with closing(Turnstile(path)) as turnstile:
        begin(db, turnstile)
    try:
        yield
        if has_moved(db):
            raise replaced(str(path))
        db.execute("COMMIT")
    finally:
        _roll_back(db)


def _waiting(is_over: Callable[[], bool]) -> Callable[[int], bool]:
    """Return a handler that makes SQLite sleep and retry until ``is_over()``."""

    def wait(_attempt: int) -> bool:
        time.sleep(_POLL_SECONDS)
        return not is_over()

    return wait


#: Called on the writer's thread with a job's result and None, or with None and its error.
Settle = Callable[[Any, BaseException | None], None]


class Job(Struct, eq=False):
    """A write that waits for its turn; its caller's thread reads ``committing``."""

    work: Callable[[apsw.Connection], Any]
    settle: Settle
    #: Whether somebody still waits for it. Called on the writer's thread.
    is_wanted: Callable[[], bool]
    since: float = field(default_factory=time.monotonic)
    #: Whether its transaction is complete but for COMMIT, and it is not settled yet.
    committing: bool = False

    def end(self, result: Any, error: BaseException | None) -> None:
        """Settle the job."""
        self.settle(result, error)
        self.committing = False


class _Unwanted(Exception):
    """Nobody waits any more for a job of the transaction, which must be rolled back."""


def _commits(jobs: Sequence[Job]) -> None:
    """Mark jobs before their COMMIT; raise ``_Unwanted`` if nobody waits for one of them.

    In this order, so that whoever stops waiting either is seen here or sees the mark.
    """
    for job in jobs:
        job.committing = True
    if not all(job.is_wanted() for job in jobs):
        raise _Unwanted


class _Failed(Exception):
    """The store failed the transaction, and with it all of its jobs."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """A thread that runs jobs; several may share a transaction.

    ``batch_settled`` is called on that thread after the jobs of a transaction were settled.
    """

    def __init__(self, path: Path, batch_settled: Callable[[], None]) -> None:
        with ExitStack() as opened:  # closed if one of them fails
            self._db = connect(path, writes=True)
            opened.callback(self._db.close)
            self.file = OpenedFile(path, self._db)
            self._turnstile = Turnstile(path)
            opened.pop_all()
        #: Pages in the log after the last commit, and at how many pages it is copied next.
        self._log_pages, self._copy_at = 0, LOG_PAGES
        self._db.set_wal_hook(self._committed)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._batch_settled = batch_settled
        self._stopped = False
        #: When the jobs that still wait, also for the write lock, are given up at the end.
        self._given_up = inf
        #: Called with the seconds that each transaction waited for the write lock.
        self.waited: Callable[[float], None] = lambda _seconds: None
        self._thread = threading.Thread(target=self._serve, name="guanxi-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Let the thread run a job's ``work`` in a transaction, and settle it after the commit.

        It is dropped before each attempt, and before COMMIT, if it is not wanted, and before each
        attempt if it has waited for ``WAITING_SECONDS``. ``work`` runs again, in a new transaction,
        if the first was rolled back because of another job. ``settle`` gets what ``work`` raised,
        after a rollback; ``StoreUnavailable`` if the store is busy or failing and nothing was
        written (``StoreReplaced`` if its files are no longer those at its path); ``StoreError`` if
        its file is damaged; ``StoreTimeout`` if it is unknown whether the write succeeded. Raise
        ``StoreUnavailable`` if too many jobs wait.
        """
        if self._jobs.qsize() >= MAX_WAITING:
            raise StoreUnavailable(_TOO_MANY)
        self._jobs.put(job)

    def give_up(self) -> None:
        """Begin no job later than in ``CLOSE_SECONDS``, or than an earlier call said."""
        self._given_up = min(self._given_up, time.monotonic() + CLOSE_SECONDS)

    def close(self) -> None:
        """Run the waiting jobs until they are given up, refuse the others, and end the thread.

        Submit nothing after.
        """
        self.give_up()
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        job: Job | None
        while not self._stopped:
            try:
                job = self._jobs.get(timeout=QUIET_SECONDS if self._log_pages else None)
            except Empty:
                self._copy_log(_PASSIVE)
                self._log_pages = 0  # nothing to copy before the next commit
                continue
            if job is None:
                break
            if time.monotonic() >= self._given_up:
                job.end(None, StoreUnavailable(_CLOSING))
            elif not _dropped(job):
                self._batch(job)
            self._batch_settled()
            if self._log_pages >= self._copy_at:
                overdue = self._log_pages >= 2 * LOG_PAGES
                self._copy_log(apsw.SQLITE_CHECKPOINT_RESTART if overdue else _PASSIVE)
                self._copy_at = self._log_pages + LOG_PAGES // 8  # not after every batch
        self._db.close()
        self._turnstile.close()

    def _batch(self, first: Job) -> None:
        """Run a job, and those that wait after it, in one transaction; settle each.

        If the store fails, all of them get its error. If a job raises, or is not wanted any
        more, each runs again in its own transaction, so that the others do not fail with it.
        """
        jobs = [first]
        try:
            with self._transaction() as db:
                until = time.monotonic() + BATCH_SECONDS
                results = [first.work(db)]
                while len(jobs) < MAX_BATCH and time.monotonic() < until and (job := self._next()):
                    if not _dropped(job):
                        jobs.append(job)
                        results.append(job.work(db))
                _commits(jobs)
        except _Failed as failed:
            kind, text = type(failed.error), failed.error.args[0]
            for job in jobs:
                job.end(None, kind(text))
        except Exception:
            for job in jobs:
                self._alone(job)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.end(result, None)

    def _next(self) -> Job | None:
        """Return the next job; None if none waits, or at the None of ``close`` (then stop)."""
        try:
            job = self._jobs.get_nowait()
        except Empty:
            return None
        self._stopped = job is None
        return job

    def _alone(self, job: Job) -> None:
        """Run a job in its own transaction, and settle it."""
        job.committing = False
        if _dropped(job):
            return
        try:
            with self._transaction() as db:
                result = job.work(db)
                _commits([job])
        except _Failed as failed:
            job.end(None, failed.error)
        except apsw.Error as error:
            job.end(None, failure(error))
        except Exception as error:
            job.end(None, error)
        else:
            job.end(result, None)

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """Run the ``with`` block in a write transaction, which is on disk at the end.

        Raise ``_Failed`` if the store failed, else what the block raised; either way it is rolled
        back. After an I/O error of the commit, ``_Failed`` contains ``StoreTimeout``: it may be on
        disk all the same.
        """
        db = self._db
        try:
            try:
                self._begin()
                yield db
                self._check_file()
            except _STORE_ERRORS as error:
                raise _Failed(failure(error)) from error
            try:
                db.execute("COMMIT")
            except apsw.Error as error:
                self._overwrite_end_of_log()
                is_unknown = isinstance(error, apsw.IOError)
                raise _Failed(StoreTimeout(_UNKNOWN) if is_unknown else failure(error)) from error
            self._check_file(committed=True)
        finally:
            _roll_back(db)

    def _overwrite_end_of_log(self) -> None:
        """Write something else where a failed COMMIT may have left all that it wrote.

        If only its sync failed, all of it is in the log: nobody reads it there, but the recovery
        after a kill would, when its caller has long read that it is not stored. Nothing is
        overwritten while the disk refuses writes.
        """
        db = self._db
        _roll_back(db)
        with suppress(apsw.Error, StoreUnavailable):
            begin(db, self._turnstile, lambda: self._given_up)
            db.pragma("user_version", db.pragma("user_version"))  # writes a page, and changes none
            db.execute("COMMIT")
        _roll_back(db)

    def _check_file(self, *, committed: bool = False) -> None:
        """Raise ``_Failed`` if the files at the path are not the opened ones, or cannot be checked.

        It contains ``StoreTimeout`` if the transaction is ``committed``, else ``StoreReplaced`` or
        what ``failure`` returns. No other error may pass: the jobs would run once more.
        """
        try:
            with failures():
                self.file.check(self._db)
        except StoreError as error:
            raise _Failed(StoreTimeout(error.args[0]) if committed else error) from error

    def _begin(self) -> None:
        """Start a transaction with the write lock; call ``waited`` with the seconds that it took.

        Raise ``apsw.BusyError`` after ``LOCK_SECONDS``, which are reported too, and ``_Failed`` if
        the turnstile cannot be locked or the jobs are given up meanwhile.
        """
        since = time.monotonic()
        try:
            begin(self._db, self._turnstile, lambda: self._given_up)
        except StoreUnavailable as error:
            raise _Failed(error) from error
        except apsw.BusyError as error:
            if time.monotonic() < self._given_up:
                raise
            raise _Failed(StoreUnavailable(_CLOSING)) from error
        finally:
            self.waited(time.monotonic() - since)

    def _committed(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        """Keep the size of the log in memory and return 0; SQLite calls this after each commit."""
        if pages < self._log_pages:  # the log started again from its beginning
            self._copy_at = LOG_PAGES
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self, mode: int) -> None:
        """Copy the write-ahead log into the file, as far as readers and other processes allow.

        ``mode`` is one of SQLite's checkpoint modes. SQLite's errors are ignored.
        """
        until = time.monotonic() + _READERS_SECONDS
        self._db.set_busy_handler(_waiting(lambda: time.monotonic() >= until))
        with suppress(apsw.Error):  # commits stay in the log, so nothing is lost
            self._db.wal_checkpoint(mode=mode)


def _dropped(job: Job) -> bool:
    """Return whether not to run a job, and settle it then: it is late, or nobody waits for it."""
    if job.is_wanted() and time.monotonic() - job.since <= WAITING_SECONDS:
        return False
    job.end(None, StoreUnavailable(_TOO_LONG))
    return True


def _roll_back(db: apsw.Connection) -> None:
    if db.in_transaction:
        with suppress(apsw.Error):  # SQLite has rolled it back already
            db.execute("ROLLBACK")
