"""Accounts by name, and grants of QR sign-ins, on every engine."""

from __future__ import annotations

import asyncio

from guanxi.accounts.account import Card, State
from guanxi.operations import accounts
from guanxi.stores.port import Store
from tests.stores.engines import START, Clock, Opener

NOW = START // 10**9


async def test_the_lowest_mid_has_an_exact_name(store: Store) -> None:
    for mid, name in ((9, "same"), (5, "same"), (7, "Other"), (8, "中文"), (6, "")):
        await accounts.put(store, mid, Card(name=name))
    names = ["same", "Other", "other", "中文", "nobody", "same", "o", "Other "]
    assert await store.mids(names) == {"same": 5, "Other": 7, "中文": 8}
    assert await store.mids([]) == {}
    await accounts.put(store, 5, Card(name="another"))
    assert await store.mids(["same", "another"]) == {"same": 9, "another": 5}


async def test_a_deregistered_account_is_not_found_by_name(store: Store) -> None:
    await accounts.put(store, 1, Card(name="one"))
    await accounts.set_state(store, 1, State.DEREGISTERED)
    erased_name = (await store.cards([1]))[1].name
    assert await store.mids(["one", erased_name]) == {}
    await accounts.put(store, 2, Card(name="one"))
    assert await store.mids(["one"]) == {"one": 2}


async def test_a_grant_is_valid_once_and_until_it_expires(store: Store, clock: Clock) -> None:
    await accounts.put(store, 1, Card(name="one"))
    assert await store.take_grant(b"a") is None
    assert await store.put_grant(b"a", 1, NOW + 180)
    assert await store.put_grant(b"b", 1, NOW + 180)
    clock.advance(179)
    assert await store.take_grant(b"a") == 1
    assert await store.take_grant(b"a") == 0
    clock.advance(1)
    assert await store.take_grant(b"b") is None


async def test_concurrent_takers_of_a_grant_get_it_once(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    await accounts.put(first, 1, Card(name="one"))
    await first.put_grant(b"a", 1, NOW + 180)
    taken = await asyncio.gather(
        *(store.take_grant(b"a") for store in (first, second) for _ in range(10))
    )
    assert sorted(taken, key=str) == [0] * 19 + [1]


async def test_a_grant_belongs_to_the_account_that_confirmed_first(store: Store) -> None:
    """Another one cannot replace it, nor the same one use it again; only a taker gives it back."""
    for mid in (1, 2):
        await accounts.put(store, mid, Card(name=f"u{mid}"))
    assert await store.put_grant(b"a", 1, NOW + 180)
    assert not await store.put_grant(b"a", 2, NOW + 180)
    assert not await store.put_grant(b"a", 2, NOW + 180, again=True)
    assert await store.put_grant(b"a", 1, NOW + 180), "twice by the same"
    assert await store.take_grant(b"a") == 1
    for mid in (1, 2):
        assert not await store.put_grant(b"a", mid, NOW + 180)
    assert await store.take_grant(b"a") == 0
    assert await store.put_grant(b"a", 1, NOW + 180, again=True)
    assert await store.take_grant(b"a") == 1


async def test_of_concurrent_confirmations_one_counts(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    for mid in range(1, 11):
        await accounts.put(first, mid, Card(name=f"u{mid}"))
    stores = (first, second)
    stored = await asyncio.gather(
        *(stores[mid % 2].put_grant(b"a", mid, NOW + 180) for mid in range(1, 11))
    )
    assert sum(stored) == 1
    assert await second.take_grant(b"a") == stored.index(True) + 1


async def test_deregistering_deletes_the_grants_of_an_account(store: Store) -> None:
    await accounts.put(store, 1, Card(name="one"))
    await store.put_grant(b"a", 1, NOW + 180)
    await accounts.set_state(store, 1, State.DEREGISTERED)
    assert await store.take_grant(b"a") is None
