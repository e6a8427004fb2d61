"""A store opened several times, at once and again, on every engine."""

from __future__ import annotations

import asyncio

import pytest

from guanxi.accounts.account import Card
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import StoreUnavailable
from tests.counts import count
from tests.stores.engines import Opener
from tests.stores.world import do, faults, follow, listed, people


async def test_a_reopened_store_has_all_that_was_written(open_again: Opener) -> None:
    store = await open_again()
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    store.visit(1, 2)
    session = Session(digest=b"a", mid=1, kind=TokenKind.COOKIE, created=1, expires=2)
    await store.open_session(session)
    await store.flush_visits()
    secret, tally = store.secret, await store.tally(1)
    await store.close()
    store = await open_again()
    assert store.secret == secret
    assert len(secret) >= 32
    assert await store.tally(1) == tally
    assert await listed(store, Listing.FOLLOWINGS, 1) == [3, 2]
    assert await store.session(b"a") == session
    rows = [row async for row in store.edges()]
    assert [(row.follower, row.followed) for row in rows] == [(1, 2), (1, 3)]
    assert await faults(store) == []


async def test_each_opener_sees_the_changes_of_the_other(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    assert first.secret == second.secret
    await people(first, 1, 2)
    for turn in range(count(20, 200)):
        writer, reader = (first, second) if turn % 2 else (second, first)
        await follow(writer, 1, 2)
        assert await reader.attributes(1, [2]) == {2: 2}
        assert (await reader.groups(1))[1].count == 1
        assert await do(writer, Modify(1, 2, Act.UNFOLLOW)) == [0]
        assert await reader.attributes(1, [2]) == {}
        assert (await reader.groups(1))[1].count == 0


async def test_two_openers_write_concurrently(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    fans = range(10, 10 + count(100, 1_000))
    await people(first, 1, *fans)
    codes = await asyncio.gather(
        *(do(store, Modify(fan, 1, Act.FOLLOW)) for fan in fans for store in (first, second))
    )
    assert sorted(code for (code,) in codes) == [0] * len(fans) + [22014] * len(fans)
    assert (await first.tally(1)).follower == len(fans)
    assert await faults(second) == []


async def test_visits_are_written_when_a_store_closes(open_again: Opener) -> None:
    store = await open_again()
    await people(store, 1, 2)
    await follow(store, 1, 2)
    store.visit(1, 2)
    await store.close()
    store = await open_again()
    page = await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, Window(0, 1))
    assert page.rows[0].visits == 1


async def test_a_closed_store_is_unavailable(open_again: Opener) -> None:
    store = await open_again()
    await store.ready()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.tally(1)
    with pytest.raises(StoreUnavailable):
        await store.groups(1)
    with pytest.raises(StoreUnavailable):
        await accounts.put(store, 1, Card())
    with pytest.raises(StoreUnavailable):
        await store.ready()


async def test_closing_waits_for_pending_changes(open_again: Opener) -> None:
    store = await open_again()
    await people(store, 1, 2)
    changes = asyncio.gather(*(do(store, Modify(1, 2, act)) for act in (1, 5, 6, 1)))
    await asyncio.sleep(0)
    await store.close()
    assert await changes == [[0], [0], [0], [0]]
    store = await open_again()
    assert await store.attributes(1, [2]) == {2: 2}
