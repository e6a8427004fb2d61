"""No short read waits for a long one, and long ones are bounded, on every engine."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path

import pytest
from msgspec.structs import replace

from guanxi.contract.limits import ALL as EVERY
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import DEFAULT
from guanxi.stores.port import EdgeRow, Store, StoreBusy, Tally
from guanxi.stores.port import lanes as rules
from guanxi.stores.port.accounts import Accounts
from guanxi.stores.port.administration import Administration
from guanxi.stores.port.content import Content, Query
from guanxi.stores.port.erasing import Erasures
from guanxi.stores.port.lanes import BOUNDS, LANES, READER, Lane, Reader, lane_of
from guanxi.stores.port.relations import Relations
from guanxi.stores.postgresql import PostgreSQLStore, engine, reads
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.sqlite import SQLiteStore
from guanxi.world.mine import EVENT

pytestmark = pytest.mark.usefixtures("runner")

PAGE, DEEP, WHOLE = Window(0, 50), Window(9_000, 50), Window(0, EVERY)
NEWEST = Query(order="time", limit=20)


@contextmanager
def reading_as(account: int, address: str = "") -> Iterator[None]:
    token = READER.set(Reader(account, address))
    try:
        yield
    finally:
        READER.reset(token)


async def endless(store: Store) -> None:
    """Read in the long lane until the task is cancelled."""
    if isinstance(store, SQLiteStore):
        count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        await store.read_in(Lane.LONG, lambda db: db.execute(f"SELECT max(i) FROM ({count})").get)
    else:
        assert isinstance(store, PostgreSQLStore)
        await store.read_in(Lane.LONG, lambda db: db.execute("SELECT pg_sleep(60)"))


def started(store: Store, account: int, address: str = "") -> asyncio.Task[None]:
    """Begin an endless read for a caller."""
    with reading_as(account, address):
        return asyncio.get_running_loop().create_task(endless(store))


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def all_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each read whose rows are counted run in the long lane."""
    monkeypatch.setattr(rules, "AT_ONCE_ROWS", 100)
    monkeypatch.setattr(rules, "SHORT_ROWS", 100)


async def long_read(store: Store) -> int | None:
    return (await store.common(1, 2, PAGE)).total


async def import_lists(store: Store) -> None:
    rows = [EdgeRow(follower=a, followed=b, time=1) for a in (1, 2) for b in range(3, 103)]
    await store.import_edges(lambda: rows)


@pytest.mark.usefixtures("all_long")
async def test_short_reads_are_answered_while_the_long_lane_is_full(store: Store) -> None:
    await import_lists(store)
    bounds = BOUNDS[Lane.LONG]
    tasks = [started(store, account) for account in range(100, 100 + bounds.all)]
    await asyncio.sleep(0)
    with reading_as(1):
        page = await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, PAGE)
        assert (len(page.rows), page.total) == (50, 100)
        assert [row.count for row in await store.groups(1)] == [0, 100]
        assert await store.relations(1, [2, 3]) != {}
        assert await store.attributes(1, [3]) == {3: 2}
        assert (await store.tally(1)).following == 100
        assert await store.account(1) is not None
        assert await store.cards([1]) != {}
        assert await store.session(b"none") is None
        with pytest.raises(StoreBusy, match="too many reads are waiting"):
            await long_read(store)
    assert not any(task.done() for task in tasks), "the lane was full all the while"
    await stop(*tasks)
    with reading_as(1):
        assert await long_read(store) == 100


@pytest.mark.usefixtures("all_long")
@pytest.mark.parametrize("field", ["account", "address"])
async def test_one_caller_cannot_fill_the_long_lane(store: Store, field: str) -> None:
    await import_lists(store)
    bound = getattr(BOUNDS[Lane.LONG], field)
    same = {"account": (9, ""), "address": (0, "192.0.2.1")}[field]
    tasks = [started(store, *same) for _ in range(bound)]
    await asyncio.sleep(0)
    with reading_as(*same), pytest.raises(StoreBusy, match=f"the {field} has too many long reads"):
        await long_read(store)
    with reading_as(8, "192.0.2.2"):
        waiting = asyncio.create_task(long_read(store))
        await asyncio.sleep(0)
        assert not waiting.done(), "it has its turn after those"
    await stop(*tasks)
    assert await waiting == 100
    with reading_as(*same):
        assert await long_read(store) == 100


@pytest.mark.usefixtures("all_long")
async def test_a_cancelled_read_stops_and_lets_the_next_one_run(store: Store) -> None:
    await import_lists(store)
    running = started(store, 1)
    await asyncio.sleep(0.05)  # so that it has begun; without, the test passes as well
    await stop(running)
    async with asyncio.timeout(5):  # what is not stopped ends after ten seconds or never
        assert await long_read(store) == 100


async def test_an_account_runs_one_long_read_at_a_time_on_a_server(store: Store) -> None:
    if not isinstance(store, PostgreSQLStore):
        pytest.skip("a file has one thread for long reads")
    begun = []

    async def long(db: Connection, account: int) -> None:
        begun.append(account)
        await db.execute("SELECT pg_sleep(60)")

    def read(account: int) -> asyncio.Task[None]:
        with reading_as(account):
            return asyncio.create_task(store.read_in(Lane.LONG, long, account))

    tasks = [read(9), read(9), read(8)]
    async with asyncio.timeout(5):
        while len(begun) < 2:
            await asyncio.sleep(0.01)
    assert sorted(begun) == [8, 9]
    await stop(tasks[0])
    async with asyncio.timeout(5):
        while len(begun) < 3:
            await asyncio.sleep(0.01)
    assert sorted(begun) == [8, 9, 9], "the next one after the first"
    await stop(*tasks)


@pytest.mark.parametrize("others", [True, False])
async def test_an_account_rests_after_a_long_read_if_others_read(
    store: Store, *, others: bool
) -> None:
    if not isinstance(store, PostgreSQLStore):
        pytest.skip("the thread of a file's long reads lets others go first")
    begun = 0

    async def long(db: Connection) -> None:
        nonlocal begun
        begun += 1
        await db.execute("SELECT pg_sleep(0.5)")

    def read() -> asyncio.Task[None]:
        with reading_as(9):
            return asyncio.create_task(store.read_in(Lane.LONG, long))

    first, second = read(), read()
    while not begun:
        await asyncio.sleep(0.01)
    if others:
        await store.tally(1)
    await first
    await store.tally(1)  # more turns of the loop than the next read needs
    assert begun == (1 if others else 2)
    await second


@pytest.mark.usefixtures("all_long")
async def test_counts_that_choose_a_lane_are_kept_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(store, PostgreSQLStore):
        pytest.skip("a file's counts cost microseconds")
    await import_lists(store)
    read = []

    async def counted(db: Connection, mid: int) -> Tally:
        read.append(mid)
        return await reads.tally(db, mid)

    monkeypatch.setattr(engine, "tally", counted)
    assert [await long_read(store) for _ in range(3)] == [100] * 3
    assert read == [1, 2]
    monkeypatch.setattr(engine, "_COUNTED_SECONDS", 0.0)
    assert await long_read(store) == 100
    assert read == [1, 2, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
async def test_the_thread_of_long_reads_lets_others_go_first(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    nice = partial(os.getpriority, os.PRIO_PROCESS, 0)
    own = nice()
    assert await store.read_in(Lane.LONG, lambda _: nice()) == min(own + 10, 19)
    assert await store.read_in(Lane.SHORT, lambda _: nice()) == own
    assert nice() == own
    await store.close()


def test_each_verb_that_reads_has_a_lane() -> None:
    writes = {"change", "visit", "flush_visits", "edit_account", "open_session", "close_session"}
    writes |= {"use_sessions", "close_sessions", "put_grant", "take_grant", "secret"}
    writes |= {"put", "delete", "erase", "put_erasures"}
    writes |= {"put_admin_token", "delete_admin_token", "append_audit", "end_audit", "trim_audit"}
    writes |= {"refresh_secret"}  # which reads a note
    verbs = {
        name: verb
        for part in (Relations, Accounts, Content, Administration, Erasures)
        for name, verb in vars(part).items()
        if not name.startswith("_") and name not in writes
    }
    # ``changes`` decodes its cursor, and may wait: what it reads is a function of its own.
    assert set(LANES) == {*verbs, "grant", "note", "changes_after", "changes_status"}
    for name, verb in verbs.items():
        rule = LANES[name]
        if not isinstance(rule, Lane):
            assert [*signature(rule).parameters] == [*signature(verb).parameters][1:]


MANY = Tally(1_000_000, 1_000_000, 1_000_000, 1_000_000, 0, 0)
FEW = Tally(150, 10, 10, 10, 0, 0)
OWNER, OTHER = 1, 2


@pytest.mark.parametrize(
    ("verb", "arguments", "few", "many"),
    [
        ("page", (Listing.FOLLOWINGS, OWNER, Sort.NEWEST, PAGE), Lane.AT_ONCE, Lane.AT_ONCE),
        ("page", (Listing.FOLLOWINGS, OWNER, Sort.NEWEST, WHOLE), Lane.AT_ONCE, Lane.LONG),
        ("page", (Listing.FOLLOWERS, OWNER, Sort.NEWEST, DEEP), Lane.AT_ONCE, Lane.SHORT),
        ("page", (Listing.FOLLOWINGS, OWNER, Sort.VISITED, PAGE), Lane.AT_ONCE, Lane.LONG),
        ("page", (Listing.FRIENDS, OWNER, Sort.NEWEST, PAGE), Lane.AT_ONCE, Lane.LONG),
        ("page", (Listing.WHISPERS, OWNER, Sort.NEWEST, WHOLE), Lane.AT_ONCE, Lane.LONG),
        ("members", (OWNER, DEFAULT, Sort.NEWEST, PAGE), Lane.AT_ONCE, Lane.LONG),
        ("members", (OWNER, 5, Sort.NEWEST, PAGE), Lane.AT_ONCE, Lane.AT_ONCE),
        ("search", (OWNER, "a", 3_000, PAGE), Lane.AT_ONCE, Lane.SHORT),
        ("search", (OWNER, "a", EVERY, PAGE), Lane.AT_ONCE, Lane.LONG),
        ("common", (OWNER, OTHER, PAGE), Lane.AT_ONCE, Lane.LONG),
        ("attributes", (OWNER, range(100)), Lane.AT_ONCE, Lane.AT_ONCE),
        ("cards", (range(9_000),), Lane.SHORT, Lane.SHORT),
        ("briefs", (range(9_000),), Lane.SHORT, Lane.SHORT),
        ("tails", (range(90_000),), Lane.LONG, Lane.LONG),
        ("documents", (EVENT, OWNER, NEWEST), Lane.AT_ONCE, Lane.AT_ONCE),
        ("documents", (EVENT, OWNER, replace(NEWEST, limit=EVERY)), Lane.SHORT, Lane.SHORT),
        ("documents", (EVENT, OWNER, replace(NEWEST, text="a")), Lane.SHORT, Lane.SHORT),
    ],
)  # fmt: skip
def test_the_lane_depends_on_what_is_read(
    verb: str, arguments: tuple[object, ...], few: Lane, many: Lane
) -> None:
    rule = LANES[verb]
    assert not isinstance(rule, Lane)
    rows = rule(*arguments)
    for tally, lane in ((FEW, few), (MANY, many)):
        assert lane_of(rows.cost({OWNER: tally, OTHER: tally})) is lane


async def test_many_cards_are_read_at_once_or_not(store: Store) -> None:
    """A list without pages needs the cards of thousands of accounts."""
    mids = range(2, 2_100)
    await store.import_edges(lambda: [EdgeRow(follower=1, followed=mid, time=1) for mid in mids])
    assert (await store.cards(mids)).keys() == {*mids}
    assert (await store.tails(mids)).keys() == {*mids}
