"""Stores without an event loop: threads, forks, interrupts, and what a runner refuses."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import Card
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import StoreError, StoreUnavailable
from guanxi.stores.sqlite.threads import ThreadedStore
from guanxi.stores.sync import Runner, open_sync_store
from tests.stores.engines import Clock, Engine
from tests.stores.world import ALL, LIMITS

PEOPLE, THREADS = 40, 8


@pytest.fixture
def sync_store(engine: Engine, clock: Clock) -> Iterator[Runner]:
    """Yield a runner over each engine's store in turn, with ``PEOPLE`` accounts."""
    runner = open_sync_store(engine.address, create=True, clock=clock)
    for mid in range(1, PEOPLE + 1):
        runner.run(accounts.put(runner.store, mid, Card(name=f"u{mid}")))
    yield runner
    runner.close()


def follow(runner: Runner, owner: int, target: int) -> int:
    (code,) = runner.run(runner.store.change([Modify(owner, target, Act.FOLLOW)], LIMITS))
    return code


def followings(runner: Runner, owner: int) -> list[int]:
    page = runner.run(runner.store.page(Listing.FOLLOWINGS, owner, Sort.OLDEST, ALL))
    return [row.mid for row in page.rows]


def test_threads_write_and_read_their_own_writes(sync_store: Runner) -> None:
    def work(owner: int) -> None:
        targets = [mid for mid in range(1, PEOPLE + 1) if mid != owner]
        for number, target in enumerate(targets, 1):
            assert follow(sync_store, owner, target) == 0
            # A follow back puts an older following last.
            assert sorted(followings(sync_store, owner)) == targets[:number]

    with ThreadPoolExecutor(THREADS) as pool:
        assert [*pool.map(work, range(1, THREADS + 1))] == [None] * THREADS
    assert sync_store.run(sync_store.store.tally(PEOPLE)).follower == THREADS
    assert [*sync_store.iterate(sync_store.store.check())] == []


def test_a_read_after_a_write_of_another_thread_shows_it(sync_store: Runner) -> None:
    assert followings(sync_store, 1) == []  # this thread has its connection
    with ThreadPoolExecutor(1) as other:
        for target in range(2, 10):
            assert other.submit(follow, sync_store, 1, target).result() == 0
            assert followings(sync_store, 1)[-1] == target


def test_in_a_thread_whose_loop_runs_it_is_refused(sync_store: Runner) -> None:
    async def call() -> None:
        with pytest.raises(StoreError, match="use the asynchronous interface"):
            followings(sync_store, 1)

    asyncio.run(call())
    assert followings(sync_store, 1) == []


def test_a_closed_store(sync_store: Runner) -> None:
    sync_store.close()
    sync_store.close()
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        followings(sync_store, 1)
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        follow(sync_store, 1, 2)
    with ThreadPoolExecutor(1) as other, pytest.raises(StoreUnavailable):
        other.submit(followings, sync_store, 1).result()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process(sync_store: Runner) -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            followings(sync_store, 1)
            said = b"worked"
        except BaseException as error:
            said = repr(error).encode()
        os.write(write, said)
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        assert "the store was opened before a fork" in pipe.read()
    assert follow(sync_store, 1, 2) == 0


def test_an_iteration_that_ends_early_leaves_nothing_open(sync_store: Runner) -> None:
    for target in range(2, 10):
        follow(sync_store, 1, target)
    edges = sync_store.iterate(sync_store.store.edges())
    assert next(edges).followed == 2
    edges.close()  # type: ignore[attr-defined]
    assert len([*sync_store.iterate(sync_store.store.edges())]) == 8


def test_errors_reach_the_caller(sync_store: Runner) -> None:
    with pytest.raises(accounts.AccountError):
        sync_store.run(accounts.registered(sync_store.store, 99))
    with pytest.raises(ValueError, match="99 is not a valid"):
        sync_store.run(sync_store.store.change([Modify(1, 2, 99)], LIMITS))
    assert follow(sync_store, 1, 2) == 0


def test_no_store_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        open_sync_store(str(tmp_path / "none.db"))


# --- SQLite alone: what threads leave ---


@pytest.fixture
def threaded(tmp_path: Path, clock: Clock) -> Iterator[ThreadedStore]:
    store = ThreadedStore.open_here(tmp_path / "guanxi.db", create=True, clock=clock)
    for mid in (1, 2, 3):
        store.run(accounts.put(store, mid, Card(name=f"u{mid}")))
    yield store
    if not store.owner.closed:
        store.run(store.close())


def test_an_idle_thread_holds_no_snapshot(threaded: ThreadedStore) -> None:
    threaded.run(threaded.tally(1))
    assert not threaded.db.in_transaction
    with pytest.raises(ValueError, match="99"):
        threaded.run(threaded.change([Modify(1, 2, 99)], LIMITS))
    assert not threaded.db.in_transaction


def test_reads_of_one_coroutine_show_one_snapshot(threaded: ThreadedStore) -> None:
    async def twice() -> tuple[int, int, int]:
        before = (await threaded.tally(1)).following
        with ThreadPoolExecutor(1) as other:
            other.submit(threaded.run, threaded.change([FOLLOW], LIMITS)).result()
        between = (await threaded.tally(1)).following
        await threaded.change([Modify(1, 3, Act.FOLLOW)], LIMITS)
        return before, between, (await threaded.tally(1)).following

    assert threaded.run(twice()) == (0, 0, 2)


FOLLOW = Modify(1, 2, Act.FOLLOW)


def test_a_coroutine_that_waits_for_something_else(threaded: ThreadedStore) -> None:
    async def waits() -> None:
        await threaded.tally(1)
        await Yields()

    with pytest.raises(RuntimeError, match="something else"):
        threaded.run(waits())
    assert not threaded.db.in_transaction


class Yields:
    """An awaitable that suspends."""

    def __await__(self) -> Generator[None]:
        yield


def test_an_interrupted_write_that_waits_is_not_done(threaded: ThreadedStore) -> None:
    main = threading.main_thread().ident
    assert main is not None
    holder = apsw.Connection(str(threaded.path))
    holder.execute("BEGIN IMMEDIATE")
    interrupt = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
    interrupt.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            threaded.run(threaded.change([FOLLOW], LIMITS))
    finally:
        interrupt.join()
        holder.execute("ROLLBACK")
        holder.close()
    threaded.run(threaded.change([Modify(2, 3, Act.FOLLOW)], LIMITS))  # after the dropped one
    assert threaded.run(threaded.tally(1)).following == 0


def test_connections_end_with_their_threads(threaded: ThreadedStore) -> None:
    threads = [threading.Thread(target=threaded.run, args=(threaded.tally(1),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until = time.monotonic() + 10
    while len(threaded._all) > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(threaded._all) <= 1  # this thread's


def test_a_long_read_is_stopped(threaded: ThreadedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.stores.sqlite.threads.READ_SECONDS", 0.0)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    async def read() -> None:
        from guanxi.stores.port.lanes import Lane

        await threaded.read_in(Lane.LONG, lambda db: db.execute(endless).get)

    with pytest.raises(StoreUnavailable, match="took too long"):
        threaded.run(read())
