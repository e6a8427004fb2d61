"""What changes of a pair do, compared with the plain model of ``tests.machine``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from guanxi.graph.effects import Change, ChangeKind, Effect, Item, Items, change, effect, swapped
from guanxi.graph.pair import (
    DEFAULT,
    EMPTY_SIDE,
    SPECIAL,
    Contract,
    Edge,
    Pair,
    Side,
    mtime_of,
    sort_key_of_mtime,
)
from tests.machine import (
    BLOCK,
    CANCEL,
    FOLLOW,
    REMOVE,
    START,
    UNBLOCK,
    UNFOLLOW,
    VERSIONS,
    Follow,
    Model,
    Seen,
    View,
)

ME, YOU = 1, 2
NOTHING = Items(None, None, None, None)
FOLLOWS = Side(follows=Edge(5, frozenset({SPECIAL, 7}), Contract(3)))
FOLLOWS_BACK = Side(follows=Edge(6, contract=Contract(4, 1)))
WHISPERS = Side(whispers=5)
BLOCKS = Side(blocks=5)
REQUESTS = Side(requests=5)


def deltas(it: Effect) -> tuple[int, ...]:
    return it.following, it.whisper, it.black, it.follower, it.version, it.follower_version


@pytest.mark.parametrize(
    ("before", "after", "mine", "theirs"),
    [
        # following, whisper, black, follower; version, follower_version
        (Pair(), Pair(), (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
        (Pair(), Pair(FOLLOWS), (1, 0, 0, 0, 1, 0), (0, 0, 0, 1, 0, 1)),
        (Pair(WHISPERS), Pair(FOLLOWS), (1, -1, 0, 0, 1, 0), (0, 0, 0, 1, 0, 1)),
        (Pair(WHISPERS), Pair(), (0, -1, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
        (Pair(), Pair(BLOCKS), (0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
        (Pair(BLOCKS), Pair(), (0, 0, -1, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
        # The other's item shows that the following is mutual.
        (Pair(FOLLOWS), Pair(FOLLOWS, FOLLOWS_BACK), (0, 0, 0, 1, 1, 1), (1, 0, 0, 0, 1, 1)),
        (Pair(FOLLOWS, FOLLOWS_BACK), Pair(BLOCKS), (-1, 0, 1, -1, 1, 1), (-1, 0, 0, -1, 1, 1)),
        (Pair(WHISPERS, FOLLOWS), Pair(WHISPERS), (0, 0, 0, -1, 0, 1), (-1, 0, 0, 0, 1, 0)),
        # Requests are in no counted list.
        (Pair(), Pair(REQUESTS), (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
        (Pair(theirs=REQUESTS), Pair(theirs=FOLLOWS), (0, 0, 0, 1, 0, 1), (1, 0, 0, 0, 1, 0)),
        # Groups and contracts are shown in the owner's lists.
        (Pair(FOLLOWS), Pair(Side(Edge(5))), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1)),
        (
            Pair(FOLLOWS, FOLLOWS_BACK),
            Pair(FOLLOWS, Side(Edge(6))),
            (0, 0, 0, 0, 1, 1),
            (0, 0, 0, 0, 1, 1),
        ),
    ],
)
def test_counts_and_versions(
    before: Pair, after: Pair, mine: tuple[int, ...], theirs: tuple[int, ...]
) -> None:
    assert deltas(effect(before, after)) == mine
    assert deltas(effect(swapped(before), swapped(after))) == theirs


def test_items_show_both_followings() -> None:
    groups = frozenset({SPECIAL, 7})
    it = effect(Pair(WHISPERS, FOLLOWS_BACK), Pair(FOLLOWS, FOLLOWS_BACK))
    assert it.before == Items(None, Item(5), None, Item(6, item_contract=Contract(4, 1)))
    assert it.after == Items(
        Item(5, True, groups, Contract(3), Contract(4, 1)),
        None,
        None,
        Item(6, True, groups, Contract(3), Contract(4, 1)),
    )
    it = effect(Pair(FOLLOWS), Pair(BLOCKS))
    alone = Item(5, groups=groups, owner_contract=Contract(3))
    assert it.before == Items(alone, None, None, None)
    assert it.after == Items(None, None, Item(5), None)
    assert effect(Pair(), Pair(theirs=WHISPERS)).after == NOTHING


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (Pair(), Pair(FOLLOWS), ChangeKind.FOLLOW),
        (Pair(WHISPERS, FOLLOWS), Pair(FOLLOWS, FOLLOWS_BACK), ChangeKind.FOLLOW),
        (Pair(FOLLOWS, FOLLOWS), Pair(EMPTY_SIDE, FOLLOWS), ChangeKind.UNFOLLOW),
        (Pair(), Pair(WHISPERS), ChangeKind.WHISPER),
        (Pair(WHISPERS), Pair(), ChangeKind.CANCEL_WHISPER),
        (Pair(), Pair(BLOCKS), ChangeKind.BLOCK),
        (Pair(FOLLOWS, FOLLOWS), Pair(BLOCKS), ChangeKind.BLOCK),
        (Pair(WHISPERS, FOLLOWS), Pair(BLOCKS), ChangeKind.BLOCK),
        (Pair(BLOCKS, BLOCKS), Pair(EMPTY_SIDE, BLOCKS), ChangeKind.UNBLOCK),
        (Pair(FOLLOWS, FOLLOWS), Pair(FOLLOWS), ChangeKind.REMOVE_FOLLOWER),
        (Pair(FOLLOWS), Pair(Side(Edge(5))), ChangeKind.REGROUP),
        (Pair(), Pair(REQUESTS), ChangeKind.REQUEST),
        (Pair(REQUESTS, REQUESTS), Pair(theirs=REQUESTS), ChangeKind.CANCEL_REQUEST),
        (Pair(REQUESTS), Pair(FOLLOWS), ChangeKind.FOLLOW),
        (Pair(REQUESTS, REQUESTS), Pair(BLOCKS), ChangeKind.BLOCK),
        (Pair(theirs=REQUESTS), Pair(), ChangeKind.DECLINE),
        (Pair(FOLLOWS, REQUESTS), Pair(FOLLOWS, FOLLOWS_BACK), ChangeKind.APPROVE),
    ],
)
def test_a_change_has_a_name(before: Pair, after: Pair, kind: ChangeKind) -> None:
    assert change(ME, YOU, before, after) == Change(kind, ME, YOU, before, after)
    assert change(ME, YOU, after, after) is None


def pair_of(model: Model) -> Pair:
    """Return the model's pair of ME and YOU, with sort keys in the order of its rows."""

    def sort_key(row: Follow) -> int:
        return sort_key_of_mtime(row.mtime) + row.sequence

    def side(a: int, b: int) -> Side:
        row, block = model.follows.get((a, b)), model.blocks.get((a, b))
        whisper = model.whispers.get((a, b))
        return Side(
            None if row is None else Edge(sort_key(row), frozenset(row.groups)),
            None if whisper is None else sort_key_of_mtime(whisper),
            None if block is None else sort_key(block),
        )

    return Pair(side(ME, YOU), side(YOU, ME))


def listed(items: Items) -> list[list[Seen]]:
    """Return the lists that the items make, in the order of ``Items``."""
    return [
        [] if item is None else [Seen(0, mtime_of(item.sort_key), int(item.mutual), item.groups)]
        for item in astuple(items)
    ]


def expected(view: View) -> list[list[Seen]]:
    """Return the same lists of the model's view: its groups in items of followings and friends."""
    mutual = {item.mid for item in view.friends}
    return [
        [
            replace(
                item,
                mid=0,
                attribute=int(followings and item.mid in mutual),
                groups=item.groups if followings else frozenset(),
            )
            for item in items
        ]
        for items, followings in (
            (view.followings, True),
            (view.whispers, False),
            (view.blacks, False),
            (view.followers, True),
        )
    ]


acts = st.tuples(st.booleans(), st.sampled_from([FOLLOW, UNFOLLOW, CANCEL, BLOCK, UNBLOCK, REMOVE]))
regroups = st.tuples(st.booleans(), st.frozensets(st.sampled_from([SPECIAL, 7])))
whispers = st.tuples(st.booleans(), st.none())


@given(st.lists(st.one_of(acts, acts, regroups, whispers), max_size=12))
def test_effects_equal_the_differences_of_the_model(
    steps: list[tuple[bool, int | frozenset[int] | None]],
) -> None:
    model = Model(groups={mid: {7: "a"} for mid in (ME, YOU)}, states={ME: "normal", YOU: "normal"})
    for by_me, step in steps:
        a, b = (ME, YOU) if by_me else (YOU, ME)
        before, views = pair_of(model), (model.view(ME), model.view(YOU))
        model.now += 1
        if step is None:
            model.import_whisper(a, b, START)
        elif isinstance(step, int):
            model.modify(a, b, step)
        else:
            model.regroup(a, "set", [b], list(step), [])
        after = pair_of(model)
        for mine, theirs, view, mid in (
            (before, after, views[0], ME),
            (swapped(before), swapped(after), views[1], YOU),
        ):
            it, now = effect(mine, theirs), model.view(mid)
            assert listed(it.before) == expected(view)
            assert listed(it.after) == expected(now)
            counts = (it.following, it.whisper, it.black, it.follower)
            assert counts == tuple(
                new - old for old, new in zip(view.counts, now.counts, strict=True)
            )
            old_groups, new_groups = (
                {group: count for group, _, count in seen.groups} for seen in (view, now)
            )
            assert {
                SPECIAL: it.memberships.special,
                DEFAULT: it.following - it.memberships.grouped,
                7: it.memberships.members.get(7, 0),
            } == {group: count - old_groups[group] for group, count in new_groups.items()}
            versions = (
                it.version,
                it.follower_version,
                it.public_version,
                it.public_follower_version,
                it.private_version,
            )
            for version, (lists, shown) in zip(versions, VERSIONS, strict=True):
                old, new = [
                    [[*map(shown, getattr(seen, name))] for name in lists] for seen in (view, now)
                ]
                assert version == int(old != new), lists
