"""The card cache: its size, its staleness, and that a process sees its own writes at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from guanxi.accounts.account import DEREGISTERED_CARD, Card, EditRefusal, Privacy, State
from guanxi.operations import accounts
from guanxi.stores import open_store
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.layer import Layer
from guanxi.stores.port import EdgeRow, Imported, Store, StoreTimeout
from tests.counts import count
from tests.stores.engines import Opener
from tests.stores.world import people

STALENESS = 10.0


class CacheClock:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A store that records which tails were read from it, and can pause such a read."""

    def __init__(self, store: Store) -> None:
        self.store, self.read = store, list[int]()
        self.resume = asyncio.Event()
        self.resume.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        tails = await self.store.tails(mids)
        self.read += mids
        await self.resume.wait()
        return tails


@pytest.fixture
def cache_clock() -> CacheClock:
    return CacheClock()


@pytest.fixture
def watched(store: Store) -> Watched:
    return Watched(store)


@pytest.fixture
def cached_store(watched: Watched, cache_clock: CacheClock) -> Store:
    return with_card_cache(watched, 100, STALENESS, cache_clock)


def names_in(tails: dict[int, bytes]) -> dict[int, str]:
    return {mid: tail.split(b'"uname":"')[1].split(b'"')[0].decode() for mid, tail in tails.items()}


async def name_of(store: Store, mid: int) -> str:
    return names_in(await store.tails([mid]))[mid]


async def test_a_cached_tail_is_read_once_and_equals_the_stored_one(
    cached_store: Store, watched: Watched, store: Store
) -> None:
    await people(store, 1, 2, 3)
    assert await cached_store.tails([1, 2]) == await store.tails([1, 2])
    assert await cached_store.tails([2, 3, 1]) == await store.tails([1, 2, 3])
    assert await cached_store.tails([]) == {}
    assert sorted(watched.read) == [1, 2, 3]


async def test_an_unknown_account_is_not_cached(cached_store: Store, store: Store) -> None:
    assert await cached_store.tails([1]) == {}
    await people(store, 1)
    assert await name_of(cached_store, 1) == "u1"


@pytest.mark.parametrize("read_at", [0.0, 2.0, 4.9, 5.0, 7.5])
async def test_no_tail_is_older_than_the_staleness(
    cached_store: Store, store: Store, cache_clock: CacheClock, read_at: float
) -> None:
    await people(store, 1)
    cache_clock.now += read_at
    assert await name_of(cached_store, 1) == "u1"
    await accounts.put(store, 1, Card(name="later"))
    cache_clock.now += STALENESS / 2 - 0.01
    assert await name_of(cached_store, 1) == "u1"  # still cached
    cache_clock.now += STALENESS / 2 + 0.01
    assert await name_of(cached_store, 1) == "later"


async def test_a_cached_read_does_not_extend_the_staleness(
    cached_store: Store, store: Store, cache_clock: CacheClock
) -> None:
    await people(store, 1)
    await cached_store.tails([1])
    await accounts.put(store, 1, Card(name="later"))
    for _ in range(20):
        cache_clock.now += STALENESS / 20
        await cached_store.tails([1])
    assert await name_of(cached_store, 1) == "later"


@pytest.mark.parametrize("pause", [STALENESS, 1.5 * STALENESS, 100 * STALENESS])
async def test_every_tail_expires_after_a_pause(
    cached_store: Store, store: Store, cache_clock: CacheClock, pause: float
) -> None:
    await people(store, 1)
    await cached_store.tails([1])
    await accounts.put(store, 1, Card(name="later"))
    cache_clock.now += pause
    assert await name_of(cached_store, 1) == "later"


async def test_the_cache_does_not_exceed_its_size(
    store: Store, watched: Watched, cache_clock: CacheClock
) -> None:
    cached_store = with_card_cache(watched, 10, STALENESS, cache_clock)
    mids = list(range(1, 31))
    await people(store, *mids)
    for mid in mids:
        await cached_store.tails([mid])
    watched.read.clear()
    assert await cached_store.tails(mids) == await store.tails(mids)
    cached = len(mids) - len(watched.read)
    assert 5 <= cached <= 10
    # A read of more tails than fit is returned, but not cached.
    watched.read.clear()
    assert len(await cached_store.tails(mids)) == len(mids)
    assert len(watched.read) >= len(mids) - 10


async def test_repeated_reads_do_not_grow_the_list_of_reads(
    store: Store, cache_clock: CacheClock
) -> None:
    cached_store = with_card_cache(store, 10, STALENESS, cache_clock)
    await people(store, 1, 2)
    for turn in range(100):
        await accounts.put(cached_store, 1, Card(name=f"n{turn}"))
        assert names_in(await cached_store.tails([1, 2, 99])) == {1: f"n{turn}", 2: "u2"}
    assert vars(cached_store)["_listed"] <= 10
    assert sum(len(mids) for _, mids in vars(cached_store)["_reads"]) <= 10


async def test_reads_that_finish_out_of_order_expire_each_at_its_own_time(
    store: Store, watched: Watched, cached_store: Store, cache_clock: CacheClock
) -> None:
    await people(store, 1, 2)
    watched.resume.clear()
    earlier = asyncio.create_task(cached_store.tails([1]))
    while not watched.read:
        await asyncio.sleep(0)
    cache_clock.now += STALENESS / 2
    paused, watched.resume = watched.resume, asyncio.Event()
    watched.resume.set()
    await cached_store.tails([2])
    paused.set()
    await earlier
    watched.read.clear()
    await cached_store.tails([1, 2])
    assert watched.read == []
    await accounts.put(store, 1, Card(name="new"))
    cache_clock.now += STALENESS / 2
    assert await name_of(cached_store, 1) == "new"
    assert watched.read == [1]
    await cached_store.tails([2])
    assert watched.read == [1], "the later read is still cached"


async def test_a_write_by_this_process_shows_at_once(cached_store: Store) -> None:
    await people(cached_store, 1, 2)
    await cached_store.tails([1, 2])
    await accounts.put(cached_store, 1, Card(name="new"), Privacy())
    assert names_in(await cached_store.tails([1, 2])) == {1: "new", 2: "u2"}
    await accounts.set_state(cached_store, 2, State.DEREGISTERED)
    assert await name_of(cached_store, 2) == DEREGISTERED_CARD.name
    imported = {1: (Card(name="imported"), Privacy(), State.NORMAL)}
    await cached_store.import_edges(list, accounts=imported)
    assert await name_of(cached_store, 1) == "imported"


async def test_a_tail_read_during_a_write_is_not_cached(
    cached_store: Store, watched: Watched
) -> None:
    await people(cached_store, 1)
    watched.resume.clear()
    reading = asyncio.create_task(cached_store.tails([1]))
    while not watched.read:
        await asyncio.sleep(0)
    await accounts.put(cached_store, 1, Card(name="new"))
    watched.resume.set()
    await reading  # it read the tail before the change
    assert await name_of(cached_store, 1) == "new"


async def test_the_age_of_a_tail_counts_from_the_start_of_its_read(
    cached_store: Store, store: Store, watched: Watched, cache_clock: CacheClock
) -> None:
    await people(store, 1, 2)
    watched.resume.clear()
    reading = asyncio.create_task(cached_store.tails([1]))
    while not watched.read:
        await asyncio.sleep(0)
    cache_clock.now += STALENESS * 0.8
    watched.resume.set()
    await cached_store.tails([2])  # a later read
    await reading
    await accounts.put(store, 1, Card(name="new"))
    cache_clock.now += STALENESS * 0.2
    assert await name_of(cached_store, 1) == "new"


async def test_a_write_by_another_process_shows_after_the_staleness(
    open_again: Opener, cache_clock: CacheClock
) -> None:
    ours = with_card_cache(await open_again(), 100, STALENESS, cache_clock)
    theirs = with_card_cache(await open_again(), 100, STALENESS, cache_clock)
    await people(ours, 1)
    assert await name_of(ours, 1) == await name_of(theirs, 1) == "u1"
    await accounts.put(theirs, 1, Card(name="new"))
    assert await name_of(theirs, 1) == "new"
    assert (await ours.cards([1]))[1].name == "new"  # cards are never cached
    cache_clock.now += STALENESS
    assert await name_of(ours, 1) == "new"


@pytest.mark.parametrize(("size", "staleness"), [(0, 10.0), (100, 0.0)])
async def test_size_or_staleness_0_disables_the_cache(
    store: Store, size: int, staleness: float
) -> None:
    assert with_card_cache(store, size, staleness) is store


async def test_every_other_verb_is_that_of_the_store(cached_store: Store, store: Store) -> None:
    await people(cached_store, 1)
    assert cached_store.secret == store.secret
    assert await cached_store.account(1) == await store.account(1)
    assert await cached_store.tally(1) == await store.tally(1)


async def test_a_cancelled_edit_leaves_no_old_tail(cached_store: Store, store: Store) -> None:
    await people(cached_store, 1, 2)
    for turn in range(count(10, 100)):
        write = asyncio.create_task(accounts.put(cached_store, 1, Card(name=f"n{turn}")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        await cached_store.tails([1])
        async with asyncio.timeout(30):
            while (await store.cards([1]))[1].name != f"n{turn}":  # it is written all the same
                await cached_store.tails([1])
                await asyncio.sleep(0)  # SQLite's short reads do not give way to the loop
        async with asyncio.timeout(30):  # it ends after its row can be read; the clock stays
            while await name_of(cached_store, 1) != f"n{turn}":
                await asyncio.sleep(0)


async def test_an_edit_that_becomes_visible_late_leaves_no_old_tail(
    store: Store, cache_clock: CacheClock
) -> None:
    """The server may commit after the connection was lost: the caller gets StoreTimeout first."""
    cached_store = with_card_cache(_Lost(store), 100, STALENESS, cache_clock)
    await people(store, 1, 2)
    await cached_store.tails([1, 2])
    with pytest.raises(StoreTimeout):
        await accounts.put(cached_store, 1, Card(name="late"))
    assert await name_of(cached_store, 1) == "u1"  # read between the error and the commit
    for mid in (1, 2):
        await accounts.put(store, mid, Card(name="late"))
    assert await name_of(cached_store, 1) == "late"
    assert await name_of(cached_store, 2) == "u2", "another account is still cached"
    cache_clock.now += STALENESS
    assert await name_of(cached_store, 1) == "late"
    await accounts.put(store, 1, Card(name="later"))
    assert await name_of(cached_store, 1) == "late", "after the staleness it is cached again"


async def test_an_import_that_becomes_visible_late_leaves_no_old_tail(
    store: Store, cache_clock: CacheClock
) -> None:
    cached_store = with_card_cache(_Lost(store), 100, STALENESS, cache_clock)
    await people(store, 1)
    with pytest.raises(StoreTimeout):
        await cached_store.import_edges(list)
    assert await name_of(cached_store, 1) == "u1"
    await accounts.put(store, 1, Card(name="late"))
    assert await name_of(cached_store, 1) == "late"
    cache_clock.now += STALENESS
    await cached_store.tails([1])
    await accounts.put(store, 1, Card(name="later"))
    assert await name_of(cached_store, 1) == "late"


class _Lost(Layer):
    """A store that loses the connection at the commit of every edit and import."""

    async def edit_account(self, *_args: Any, **_kwargs: Any) -> EditRefusal | None:
        raise StoreTimeout("the connection was lost at the commit")

    async def import_edges(self, *_args: Any, **_kwargs: Any) -> Imported:
        raise StoreTimeout("the connection was lost at the commit")


def test_a_cancelled_import_leaves_no_old_tail(tmp_path: Path, cache_clock: CacheClock) -> None:
    """On SQLite it runs on in its thread, and writes the cards later."""
    asyncio.run(_cancel_an_import(tmp_path, cache_clock))


async def _cancel_an_import(tmp_path: Path, cache_clock: CacheClock) -> None:
    resume = threading.Event()
    store = await open_store(str(tmp_path / "s.db"), create=True)
    try:
        cached_store = with_card_cache(store, 100, STALENESS, cache_clock)
        await people(store, 1)
        staging = threading.Event()

        def rows() -> list[EdgeRow]:
            staging.set()
            assert resume.wait(30)
            return []

        cards = {1: (Card(name="imported"), Privacy(), State.NORMAL)}
        write = asyncio.create_task(cached_store.import_edges(rows, accounts=cards))
        await asyncio.to_thread(staging.wait, 30)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
        assert await name_of(cached_store, 1) == "u1"
        resume.set()
        async with asyncio.timeout(30):
            while (await store.cards([1]))[1].name != "imported":
                await asyncio.sleep(0.001)
            while await name_of(cached_store, 1) != "imported":
                await asyncio.sleep(0.001)
    finally:
        resume.set()
        await store.close()
