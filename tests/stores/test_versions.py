"""Which versions of an account's lists an act changes: what others see shows no private act."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import SPECIAL, Act, Contract, Modify
from guanxi.stores.port import EdgeRow, Store
from tests.stores.world import ALL, do, follow, people

pytestmark = pytest.mark.usefixtures("runner")

ME, FOLLOWED, MUTUAL, FAN, STRANGER = range(1, 6)
GROUP, EMPTY = 7, 8

#: By act of ``ME``: which of its lists change for the owner, and for others.
FOLLOWINGS, FOLLOWERS, PRIVATE = Listing.FOLLOWINGS, Listing.FOLLOWERS, Listing.BLACKS
NOTHING: frozenset[Listing] = frozenset()
ACTS: list[tuple[Modify | GroupAct, set[Listing], set[Listing]]] = [
    (CreateGroup(ME, "new", 9), set(), set()),
    (RenameGroup(ME, GROUP, "renamed"), set(), set()),
    (DeleteGroup(ME, EMPTY), set(), set()),
    (Modify(ME, STRANGER, Act.BLOCK), {PRIVATE}, set()),
    (Modify(ME, STRANGER, Act.UNBLOCK), {PRIVATE}, set()),
    (Regroup(ME, RegroupMode.COPY, (MUTUAL,), (SPECIAL,)), {FOLLOWINGS, FOLLOWERS}, set()),
    (Regroup(ME, RegroupMode.COPY, (MUTUAL,), (SPECIAL,)), set(), set()),
    (DeleteGroup(ME, GROUP), {FOLLOWINGS, FOLLOWERS}, set()),
    (Modify(ME, STRANGER, Act.FOLLOW), {FOLLOWINGS}, {FOLLOWINGS}),
    (Modify(ME, FAN, Act.REMOVE_FOLLOWER), {FOLLOWERS}, {FOLLOWERS}),
    (Modify(FOLLOWED, ME, Act.FOLLOW), {FOLLOWINGS, FOLLOWERS}, {FOLLOWINGS, FOLLOWERS}),
    (Modify(ME, MUTUAL, Act.BLOCK), {FOLLOWINGS, FOLLOWERS, PRIVATE}, {FOLLOWINGS, FOLLOWERS}),
]


async def versions(store: Store) -> tuple[dict[Listing, int], dict[Listing, int]]:
    """Return the versions of the lists of ``ME``: as the owner sees them, and as others do."""
    own, public = {}, {}
    for listing in (FOLLOWINGS, FOLLOWERS, PRIVATE):
        page = await store.page(listing, ME, Sort.NEWEST, ALL)
        own[listing], public[listing] = page.version, page.public_version
    return own, public


async def fill(store: Store) -> None:
    await people(store, ME, FOLLOWED, MUTUAL, FAN, STRANGER)
    await follow(store, ME, FOLLOWED, MUTUAL)
    await follow(store, MUTUAL, ME)
    await follow(store, FAN, ME)
    groups = CreateGroup(ME, "a", GROUP), CreateGroup(ME, "b", EMPTY)
    assert await do(store, *groups, Regroup(ME, RegroupMode.SET, (MUTUAL,), (GROUP,))) == [0] * 3


async def test_each_act_changes_the_versions_of_what_its_readers_see(store: Store) -> None:
    await fill(store)
    for act, changed, changed_for_others in ACTS:
        before = await versions(store)
        assert await do(store, act) == [0]
        after = await versions(store)
        for was, now, lists in zip(before, after, (changed, changed_for_others), strict=True):
            assert {listing for listing in was if was[listing] != now[listing]} == lists, act


async def test_a_visit_and_a_whisper_show_to_nobody_else(store: Store) -> None:
    await fill(store)
    before = await versions(store)
    store.visit(ME, FOLLOWED)
    await store.flush_visits()
    assert await versions(store) == before
    whisper = EdgeRow(follower=ME, followed=STRANGER, time=9, kind="whisper")
    await store.import_edges(lambda: [whisper])
    own, public = await versions(store)
    assert public == before[1]
    assert own[PRIVATE] != before[0][PRIVATE]
    before = await versions(store)
    assert await do(store, Modify(ME, STRANGER, Act.CANCEL_WHISPER)) == [0]
    own, public = await versions(store)
    assert public == before[1]
    assert {listing for listing in own if own[listing] != before[0][listing]} == {PRIVATE}


async def test_others_see_of_an_import_what_they_see_of_a_list(store: Store) -> None:
    """Not that blocks, groups or visits were imported; but that a following, or its time, was."""
    await fill(store)

    async def imported(*rows: EdgeRow) -> set[Listing]:
        _, before = await versions(store)
        await store.import_edges(lambda: list(rows))
        _, after = await versions(store)
        return {listing for listing in before if before[listing] != after[listing]}

    followings = [row async for row in store.edges() if row.follower == ME]
    one = next(row for row in followings if row.followed == FOLLOWED)
    assert await imported(EdgeRow(follower=ME, followed=STRANGER, time=9, kind="block")) == set()
    assert await imported(replace(one, special=True, groups=("other",))) == set()
    assert await imported(replace(one, special=True, groups=("other",), visits=9)) == set()
    lists = {FOLLOWINGS, FOLLOWERS}
    assert await imported(replace(one, time=one.time - 5)) == lists
    contract = Contract(5, 1)
    assert await imported(replace(one, time=one.time - 5, contract=contract)) == lists
    assert await imported(EdgeRow(follower=ME, followed=6, time=9)) == lists


async def test_a_search_has_the_version_of_what_its_reader_sees(store: Store) -> None:
    await fill(store)
    before = await store.search(ME, "u", 100, ALL)
    await do(store, Regroup(ME, RegroupMode.COPY, (FOLLOWED,), (SPECIAL,)))
    after = await store.search(ME, "u", 100, ALL)
    assert after.version != before.version
    assert after.public_version == before.public_version > 0
