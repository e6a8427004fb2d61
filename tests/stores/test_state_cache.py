"""The cache of states: how long it trusts one, and that a process sees its own edits at once."""

from __future__ import annotations

import asyncio

import pytest

from guanxi.accounts.account import Account, State
from guanxi.operations import accounts
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from guanxi.stores.state_cache import StateCache, state_of
from tests.stores.world import people


class Clock:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Watched(Layer):
    """A store that counts the accounts that are read from it, and can pause such a read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reads, self.resume = 0, asyncio.Event()
        self.resume.set()

    async def account(self, mid: int) -> Account | None:
        account = await self.store.account(mid)
        self.reads += 1
        await self.resume.wait()
        return account


@pytest.fixture
def seconds() -> Clock:
    return Clock()


@pytest.fixture
def watched(store: Store) -> Watched:
    return Watched(store)


@pytest.fixture
def cached(watched: Watched, seconds: Clock) -> StateCache:
    return StateCache(watched, seconds)


async def test_a_normal_state_is_used_for_a_second(
    watched: Watched, cached: StateCache, seconds: Clock
) -> None:
    await people(watched, 1)
    state = state_of(cached)
    assert [await state(1) for _ in range(3)] == [State.NORMAL] * 3
    assert watched.reads == 1
    # By another process: after a second at most.
    await accounts.set_state(watched, 1, State.BANNED)
    seconds.now += 0.9
    assert await state(1) is State.NORMAL
    seconds.now += 0.1
    assert await state(1) is State.BANNED


async def test_a_state_that_forbids_something_is_read_each_time(
    watched: Watched, cached: StateCache
) -> None:
    await people(watched, 1)
    await accounts.set_state(watched, 1, State.BANNED)
    assert [await cached.state(1), await cached.state(1)] == [State.BANNED] * 2
    assert [await cached.state(9), await cached.state(9)] == [None, None]
    assert watched.reads == 4
    await accounts.set_state(watched, 1, State.NORMAL)
    assert await cached.state(1) is State.NORMAL


async def test_an_edit_of_this_process_counts_at_once(cached: StateCache) -> None:
    await people(cached, 1, 2)
    assert [await cached.state(1), await cached.state(2)] == [State.NORMAL] * 2
    await accounts.set_state(cached, 1, State.BANNED)
    await accounts.set_state(cached, 2, State.DEREGISTERED)
    assert [await cached.state(1), await cached.state(2)] == [State.BANNED, State.DEREGISTERED]


async def test_a_state_that_was_read_during_an_edit_is_not_kept(
    watched: Watched, cached: StateCache
) -> None:
    await people(cached, 1)
    watched.resume.clear()
    reading = asyncio.create_task(cached.state(1))
    while not watched.reads:
        await asyncio.sleep(0.001)
    await accounts.set_state(cached, 1, State.BANNED)
    watched.resume.set()
    assert await reading is State.NORMAL
    assert await cached.state(1) is State.BANNED


async def test_without_the_cache_each_call_reads(watched: Watched) -> None:
    await people(watched, 1)
    state = state_of(watched)
    assert [await state(1), await state(1), await state(9)] == [State.NORMAL, State.NORMAL, None]
    assert watched.reads == 3
