"""What a store drops when its rows were replaced from outside."""

from __future__ import annotations

from guanxi.accounts.account import State
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.state_cache import StateCache
from tests.stores.engines import Opener
from tests.stores.world import people


async def test_counted_visits_are_forgotten(store: Store) -> None:
    await people(store, 1, 2)
    await store.import_edges(lambda: [EdgeRow(follower=1, followed=2, time=1_600_000_000)])
    store.visit(1, 2)
    await store.flush_visits()
    for _ in range(5):
        store.visit(1, 2)
    store.forget()
    await store.flush_visits()
    [row] = [row async for row in store.edges()]
    assert row.visits == 1


async def test_caches_are_forgotten(store: Store, open_again: Opener) -> None:
    await people(store, 1, 2)
    other = await open_again()
    cached = StateCache(with_card_cache(store, 100, 1_000), clock=lambda: 0.0)
    before = await cached.tails([1])
    assert await cached.state(2) is State.NORMAL
    await _changed(other)
    assert await cached.tails([1]) == before
    assert await cached.state(2) is State.NORMAL
    cached.forget()
    assert await cached.tails([1]) != before
    assert await cached.state(2) is State.BANNED


async def _changed(store: Store) -> None:
    from guanxi.accounts.account import Card
    from guanxi.operations import accounts

    await accounts.put(store, 1, Card(name="changed"))
    await accounts.set_state(store, 2, State.BANNED)
