"""Acts on pairs and on groups, on every engine: the store holds what the rules decide."""

from __future__ import annotations

import asyncio

import pytest

from guanxi.accounts.account import Privacy, State
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, DeleteGroup, Regroup, RegroupMode, RenameGroup
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import (
    DEFAULT,
    SPECIAL,
    Act,
    Modify,
    Relation,
    mtime_of,
    relation_of,
    sort_key_at,
)
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, GroupRow, Row, Store, StoreError, Tally
from tests.counts import count
from tests.stores.engines import START, Clock
from tests.stores.world import ALL, LIMITS, do, faults, follow, listed, mids, people


async def sort_keys(store: Store, owner: int) -> dict[int, int]:
    rows = (await store.page(Listing.FOLLOWINGS, owner, Sort.NEWEST, ALL)).rows
    return {row.mid: row.sort_key for row in rows}


async def test_a_refused_act_does_not_undo_the_others(store: Store) -> None:
    await people(store, 1, 2, 3, 4, 5)
    await accounts.set_privacy(store, 4, Privacy(refuse_follows=True))
    await accounts.set_state(store, 5, State.DEREGISTERED)
    acts_and_codes = [
        (Modify(1, 1, Act.FOLLOW), 22001),
        (Modify(1, 404, Act.FOLLOW), 40061),
        (Modify(404, 1, Act.FOLLOW), 40061),
        (Modify(1, 404, Act.BLOCK), 40061),
        (Modify(1, 404, Act.UNFOLLOW), 0),
        (Modify(1, 5, Act.FOLLOW), 22013),
        (Modify(1, 2, Act.FOLLOW), 0),
        (Modify(1, 2, Act.FOLLOW), 22014),
        (Modify(1, 2, Act.WHISPER), -400),
        (Modify(1, 4, Act.FOLLOW), 22002),
        (Modify(3, 1, Act.BLOCK), 0),
        (Modify(3, 1, Act.BLOCK), 22120),
        (Modify(1, 3, Act.FOLLOW), 22002),
        (Modify(3, 1, Act.FOLLOW), 22003),
        (Modify(4, 1, Act.FOLLOW), 0),
    ]
    codes = await do(store, *(act for act, _ in acts_and_codes))
    assert codes == [code for _, code in acts_and_codes]
    assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
    assert await listed(store, Listing.FOLLOWERS, 1) == [4]
    assert await store.tally(1) == Tally(
        following=1,
        follower=1,
        version=1,
        follower_version=1,
        public_version=1,
        public_follower_version=1,
    )
    assert await faults(store) == []


async def test_each_call_has_its_own_limits(store: Store) -> None:
    await people(store, 1, 2, 3, 4)
    tight = Limits(following_cap=2, groups=1, group_name=3).caps
    follows = [Modify(1, mid, Act.FOLLOW) for mid in (2, 3, 4)]
    assert await store.change(follows, tight) == [0, 0, 22009]
    assert await store.change([follows[2]], LIMITS) == [0]
    names = ["abcd", "abc", "d"]
    groups = [CreateGroup(1, name, group) for group, name in enumerate(names, 1)]
    assert await store.change(groups, tight) == [22103, 0, -400]
    assert await store.change([groups[2]], LIMITS) == [0]


async def test_sort_keys_follow_the_clock_and_rise_within_an_owner(
    store: Store, clock: Clock
) -> None:
    await people(store, 1, 2, 3, 4, 5)
    await follow(store, 1, 2, 3)
    first = await sort_keys(store, 1)
    assert first == {2: sort_key_at(START), 3: sort_key_at(START) + 1}
    clock.advance(-60)
    await follow(store, 1, 4)
    assert (await sort_keys(store, 1))[4] == sort_key_at(START) + 2
    clock.advance(120)
    await follow(store, 1, 5)
    assert mtime_of((await sort_keys(store, 1))[5]) == START // 10**9 + 60
    await follow(store, 2, 1)
    refreshed = await sort_keys(store, 1)
    assert mtime_of(refreshed[2]) == START // 10**9 + 60
    assert list(refreshed) == [2, 5, 4, 3]
    assert await do(store, Modify(2, 1, Act.UNFOLLOW)) == [0]
    assert await sort_keys(store, 1) == refreshed
    assert await do(store, Modify(1, 2, Act.BLOCK), Modify(1, 2, Act.UNBLOCK)) == [0, 0]
    assert await sort_keys(store, 1) == {mid: refreshed[mid] for mid in (5, 4, 3)}


async def test_a_refreshed_following_keeps_its_groups(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    assert await do(store, Regroup(1, RegroupMode.SET, (2,), (7, SPECIAL))) == [0]
    await follow(store, 2, 1)
    sort_key = (await sort_keys(store, 1))[2]
    for group in (7, SPECIAL):
        page = await store.members(1, group, Sort.NEWEST, ALL)
        assert page is not None
        assert list(page.rows) == [Row(2, sort_key, mutual=True, groups=(SPECIAL, 7))]
    page = await store.members(1, DEFAULT, Sort.NEWEST, ALL)
    assert page is not None
    assert mids(page.rows) == [3]
    assert await faults(store) == []


async def test_removing_an_edge_removes_its_groups_and_visits(store: Store) -> None:
    await people(store, 1, 2)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    for removal in (
        Modify(1, 2, Act.UNFOLLOW),
        Modify(1, 2, Act.BLOCK),
        Modify(2, 1, Act.BLOCK),
        Modify(2, 1, Act.REMOVE_FOLLOWER),
    ):
        await follow(store, 1, 2)
        store.visit(1, 2)
        await store.flush_visits()
        assert await do(store, Regroup(1, RegroupMode.SET, (2,), (7, SPECIAL)), removal) == [0, 0]
        assert await store.groups(1) == [
            GroupRow(SPECIAL, "特别关注", 0),
            GroupRow(DEFAULT, "默认分组", 0),
            GroupRow(7, "a", 0),
        ]
        undo = [Modify(*pair, Act.UNBLOCK) for pair in ((1, 2), (2, 1))]
        assert await do(store, *undo) == [0, 0]
        await follow(store, 1, 2)
        (row,) = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
        assert (row.groups, row.visits) == ((), 0)
        assert await do(store, Modify(1, 2, Act.UNFOLLOW)) == [0]
    assert await faults(store) == []


async def test_attributes_and_relations_of_many_targets(store: Store) -> None:
    await people(store, *range(1, 8))
    await follow(store, 1, 2, 3)
    await follow(store, 3, 1)
    await follow(store, 6, 1)
    await follow(store, 7, 1)
    whispers = [EdgeRow(follower=1, followed=mid, time=5, kind="whisper") for mid in (5, 6)]
    await store.import_edges(lambda: whispers)
    assert await do(store, Modify(1, 4, Act.BLOCK)) == [0]
    everyone = [*range(1, 8), 404]
    expected = {2: 2, 3: 6, 4: 128, 5: 1, 6: 1}
    assert await store.attributes(1, everyone) == expected
    relations = await store.relations(1, everyone)
    assert {mid: relation.attribute for mid, relation in relations.items()} == expected
    mtimes = {mid: mtime_of(relation.sort_key) for mid, relation in relations.items() if mid > 3}
    assert mtimes == {4: 0, 5: 5, 6: 5}
    for mid in everyone:  # a single target is read by another statement
        expected_relation = {mid: relations[mid]} if mid in relations else {}
        assert await store.relations(1, [mid]) == expected_relation
        pair = await store.pair(1, mid)
        back = pair.theirs.follows is not None
        assert relation_of(pair.mine, followed_back=back) == relations.get(mid, Relation())
        expected_attribute = {mid: expected[mid]} if mid in expected else {}
        assert await store.attributes(1, [mid]) == expected_attribute
    assert await store.relations(1, []) == {}
    assert await store.attributes(1, []) == {}


async def test_groups_are_in_order_of_creation(store: Store) -> None:
    await people(store, 1, 2, 3, 4)
    await follow(store, 1, 2, 3, 4)
    creations = [CreateGroup(1, name, group) for name, group in (("b", 9), ("a", 3), ("c", 6))]
    assert await do(store, *creations, CreateGroup(2, "a", 3)) == [0, 0, 0, 0]
    assert await do(store, RenameGroup(1, 9, " z "), DeleteGroup(1, 3)) == [0, 0]
    assert await do(store, CreateGroup(1, "a", 1), Regroup(1, RegroupMode.SET, (2, 3), (9,))) == [
        0,
        0,
    ]
    assert await do(store, Regroup(1, RegroupMode.COPY, (3,), (SPECIAL, 6))) == [0]
    assert await store.groups(1) == [
        GroupRow(SPECIAL, "特别关注", 1),
        GroupRow(DEFAULT, "默认分组", 1),
        GroupRow(9, "z", 2),
        GroupRow(6, "c", 1),
        GroupRow(1, "a", 0),
    ]
    assert await do(store, DeleteGroup(1, 9)) == [0]
    rows = (await store.page(Listing.FOLLOWINGS, 1, Sort.OLDEST, ALL)).rows
    assert [(row.mid, row.groups) for row in rows] == [(2, ()), (3, (SPECIAL, 6)), (4, ())]
    assert await do(store, Regroup(1, RegroupMode.MOVE, (3,), (DEFAULT,), (SPECIAL, 6))) == [0]
    assert [group.count for group in await store.groups(1)] == [0, 3, 0, 0]
    assert await faults(store) == []


async def test_a_special_following_stays_special_without_groups(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    assert await do(store, CreateGroup(1, "a", 7), CreateGroup(1, "b", 8)) == [0, 0]
    assert await do(store, Regroup(1, RegroupMode.SET, (2,), (7, SPECIAL))) == [0]
    assert await do(store, Regroup(1, RegroupMode.SET, (3,), (7, 8)), DeleteGroup(1, 7)) == [0, 0]
    rows = (await store.page(Listing.FOLLOWINGS, 1, Sort.OLDEST, ALL)).rows
    assert [(row.mid, row.groups) for row in rows] == [(2, (SPECIAL,)), (3, (8,))]
    assert await faults(store) == []


async def test_a_block_removes_whispers_of_both_sides(store: Store) -> None:
    whispers = [
        EdgeRow(follower=a, followed=b, time=5, kind="whisper") for a, b in ((1, 2), (2, 1))
    ]
    await store.import_edges(lambda: whispers)
    assert await do(store, Modify(1, 2, Act.BLOCK)) == [0]
    assert await store.attributes(1, [2]) == {2: 128}
    assert await store.attributes(2, [1]) == {}
    assert (await store.tally(2)).whisper == 0


async def test_refused_group_acts_change_nothing(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    assert await do(store, CreateGroup(1, "a", 7), CreateGroup(2, "b", 8)) == [0, 0]
    before = (await store.groups(1), await store.tally(1))
    assert await do(
        store,
        CreateGroup(1, " a", 9),
        CreateGroup(404, "a", 9),
        RenameGroup(1, 8, "x"),
        RenameGroup(1, SPECIAL, "x"),
        RenameGroup(1, 7, "a"),
        DeleteGroup(1, 8),
        Regroup(1, RegroupMode.SET, (2, 3), (7,)),
        Regroup(1, RegroupMode.SET, (2,), (7, 8)),
        Regroup(1, RegroupMode.MOVE, (2,), (7,), (8,)),
    ) == [22106, 40061, 22104, -400, 0, -400, 22105, 22104, 22104]
    assert (await store.groups(1), await store.tally(1)) == before


async def test_creating_a_group_with_a_used_id_does_not_rename_it(store: Store) -> None:
    await people(store, 1)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    with pytest.raises(StoreError, match="taken"):
        await do(store, CreateGroup(1, "b", 7))
    assert (await store.groups(1))[2:] == [GroupRow(7, "a", 0)]


async def test_an_error_of_one_call_does_not_affect_the_others(store: Store) -> None:
    """Concurrent calls may share a commit, but an error rolls back only its own call."""
    await people(store, 1, 2, 3)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    results = await asyncio.gather(
        do(store, Modify(1, 2, Act.FOLLOW)),
        do(store, Modify(1, 3, Act.FOLLOW), CreateGroup(1, "b", 7)),
        do(store, Modify(2, 3, Act.FOLLOW)),
        return_exceptions=True,
    )
    assert results[0] == results[2] == [0]
    assert isinstance(results[1], StoreError)
    assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
    assert await listed(store, Listing.FOLLOWERS, 3) == [2]


async def test_concurrent_follows_are_all_counted(store: Store) -> None:
    fans = range(10, 10 + count(200, 1_000))
    await people(store, 1, *fans)
    codes = await asyncio.gather(*(do(store, Modify(fan, 1, Act.FOLLOW)) for fan in fans))
    assert codes == [[0]] * len(fans)
    assert (await store.tally(1)).follower == len(fans)
    assert sorted(await listed(store, Listing.FOLLOWERS, 1)) == list(fans)
    assert await faults(store) == []


async def test_concurrent_follows_do_not_exceed_the_cap(store: Store) -> None:
    targets = range(10, 60)
    await people(store, 1, *targets)
    tight = Limits(following_cap=20).caps
    results = await asyncio.gather(
        *(store.change([Modify(1, mid, Act.FOLLOW)], tight) for mid in targets)
    )
    assert sorted(code for (code,) in results) == [0] * 20 + [22009] * 30
    assert (await store.tally(1)).following == 20
