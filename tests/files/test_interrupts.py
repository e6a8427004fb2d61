"""Ctrl-C interrupts a query also where Python does not see the signal."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import duckdb
import pytest

from guanxi.files.interrupts import interruptible

#: Some seconds, if nothing interrupts it.
SLOW = "SELECT max(a.range * b.range) FROM range(60000) a, range(60000) b"


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as db:
        db.execute("SET threads = 2; SET enable_progress_bar = false")
        yield db


@pytest.fixture
def unseen() -> Iterator[None]:
    """Handle SIGINT without an exception, so that DuckDB's own question to Python finds none."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def soon(act: Callable[[], object]) -> threading.Thread:
    def wait() -> None:
        time.sleep(0.2)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.usefixtures("unseen")
def test_a_signal_that_python_does_not_see_interrupts(db: duckdb.DuckDBPyConnection) -> None:
    thread = soon(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(duckdb.InterruptException), interruptible(db):
        db.execute(SLOW).fetchall()
    thread.join()
    assert signal.set_wakeup_fd(-1) == -1
    assert db.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.usefixtures("unseen")
def test_other_signals_do_not_interrupt(db: duckdb.DuckDBPyConnection) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with interruptible(db):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert db.execute("SELECT count(*) FROM range(1000000)").fetchall() == [(1_000_000,)]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_whoever_watches_signals_keeps_them(db: duckdb.DuckDBPyConnection) -> None:
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        try:
            with interruptible(db):
                assert signal.set_wakeup_fd(writer.fileno()) == writer.fileno()
        finally:
            assert signal.set_wakeup_fd(-1) == writer.fileno()


def test_another_thread_is_not_watched_for(db: duckdb.DuckDBPyConnection) -> None:
    found: list[object] = []

    def work() -> None:
        with interruptible(db):
            found.extend(db.execute("SELECT 1").fetchall())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(1,)]
