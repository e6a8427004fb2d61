"""Every response is one snapshot of the store, whatever is written at the same time."""

from __future__ import annotations

import asyncio

from guanxi.accounts.account import State
from guanxi.accounts.secrets import Session, SessionRefusal, TokenKind
from guanxi.contract.limits import Limits
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import EMPTY_SIDE, Modify, Pair
from guanxi.operations import accounts
from guanxi.stores.port import Store
from tests.counts import count
from tests.stores.engines import Opener
from tests.stores.world import faults, follow, people

ALL = Window(0, 100)
LIMITS = Limits().caps


async def toggle(store: Store, owner: int, target: int, times: int) -> None:
    """Follow and unfollow ``times`` times in all."""
    for turn in range(times):
        assert await store.change([Modify(owner, target, 1 + turn % 2)], LIMITS) == [0]


async def test_rows_total_and_version_of_a_page_belong_together(store: Store) -> None:
    await people(store, *range(1, 9))
    for mid in (1, 2):
        await follow(store, mid, 3, 4, 5)
    await follow(store, 3, 1)
    writing = asyncio.create_task(toggle(store, 1, 6, count(80, 250)))
    rows_by_version: dict[tuple[str, int], list[int]] = {}
    while not writing.done():
        for name, page in (
            ("followings", await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, ALL)),
            ("friends", await store.page(Listing.FRIENDS, 1, Sort.NEWEST, ALL)),
            ("followers", await store.page(Listing.FOLLOWERS, 6, Sort.NEWEST, ALL)),
            ("search", await store.search(1, "", 100, ALL)),
            ("common", await store.common(2, 1, ALL)),
        ):
            mids = [row.mid for row in page.rows]
            assert page.total in (None, len(mids)), name
            assert rows_by_version.setdefault((name, page.version), mids) == mids, name
        await asyncio.sleep(0)
    await writing


async def read_endlessly(store: Store, mid: int) -> None:
    """Read until cancelled, so that at any time a read is running or has just finished."""
    while True:
        await store.tally(mid)
        await asyncio.sleep(0)


async def test_a_finished_change_shows_at_once_in_every_process(open_again: Opener) -> None:
    stores = [await open_again(), await open_again()]
    await people(stores[0], 1, 2)
    reading = [asyncio.create_task(read_endlessly(store, 1)) for store in stores for _ in range(4)]
    for turn in range(count(60, 250)):
        follows = turn % 2 == 0
        writer = stores[turn // 2 % 2]
        assert await writer.change([Modify(1, 2, 1 if follows else 2)], LIMITS) == [0]
        for store in stores:
            assert await store.attributes(1, [2]) == ({2: 2} if follows else {})
            assert (await store.tally(2)).follower == int(follows)
            assert (await store.page(Listing.FOLLOWERS, 2, Sort.NEWEST, ALL)).total == int(follows)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def test_a_pair_has_both_sides(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    pair = await store.pair(1, 2)
    assert pair.mine.follows is not None
    assert pair.theirs == EMPTY_SIDE
    await follow(store, 2, 1)
    there, back = await store.pair(1, 2), await store.pair(2, 1)
    assert there.mine.follows is not None
    assert there.theirs.follows is not None
    assert (there.mine, there.theirs) == (back.theirs, back.mine)
    assert await store.pair(1, 3) == Pair()


async def test_the_version_of_common_followings_depends_on_both_accounts(store: Store) -> None:
    await people(store, 1, 2, 3, 4)
    await follow(store, 1, 3, 4)
    await follow(store, 2, 3)
    before = await store.common(1, 2, ALL)
    await follow(store, 2, 4)
    after = await store.common(1, 2, ALL)
    assert [row.mid for row in before.rows] != [row.mid for row in after.rows]
    assert before.version != after.version


async def test_no_session_survives_the_deregistration_of_its_account(store: Store) -> None:
    for turn in range(count(10, 60)):
        mid, digest = 9 + turn, turn.to_bytes(4, "big")
        await people(store, mid)
        session = Session(digest=digest, mid=mid, kind=TokenKind.COOKIE, created=1, expires=2**40)
        _, opened = await asyncio.gather(
            accounts.set_state(store, mid, State.DEREGISTERED), store.open_session(session)
        )
        assert await store.session(digest) is None
        assert opened in (None, SessionRefusal.NO_ACCOUNT)
    unknown = Session(digest=b"x", mid=4_040, kind=TokenKind.COOKIE, created=1, expires=2)
    assert await store.open_session(unknown) is SessionRefusal.NO_ACCOUNT
    assert await faults(store) == []
