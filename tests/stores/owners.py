"""Owners whose lists change at random, and what each of them has after each act."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import NamedTuple

from guanxi.graph.groups import CreateGroup, GroupAct
from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import Store
from guanxi.stores.sqlite import SQLiteStore
from tests.stores.world import listed, people

OWNERS, TARGETS = range(1, 9), range(21, 41)


class Lists(NamedTuple):
    """What an owner has: followings and blocks, newest first, and ids of groups."""

    followings: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    groups: frozenset[int] = frozenset()


State = dict[int, Lists]


async def state_of(store: Store) -> State:
    return {
        owner: Lists(
            tuple(await listed(store, Listing.FOLLOWINGS, owner)),
            tuple(await listed(store, Listing.BLACKS, owner)),
            frozenset(group.id for group in await store.groups(owner) if group.id > 0),
        )
        for owner in OWNERS
    }


def next_act(owner: int, lists: Lists, draw: Random) -> tuple[Modify | GroupAct, Lists]:
    """Return an act that will succeed, and what its owner has after it."""
    target = draw.choice(TARGETS)
    followings = tuple(mid for mid in lists.followings if mid != target)
    blocks = tuple(mid for mid in lists.blocks if mid != target)
    if draw.random() < 0.1 and len(lists.groups) < 20:
        group = draw.randrange(1_000, 1_000_000)
        act = CreateGroup(owner, f"g{group}", group)
        return act, lists._replace(groups=lists.groups | {group})
    if target in lists.blocks:
        return Modify(owner, target, Act.UNBLOCK), lists._replace(blocks=blocks)
    if draw.random() < 0.2:
        after = lists._replace(followings=followings, blocks=(target, *blocks))
        return Modify(owner, target, Act.BLOCK), after
    if target in lists.followings:
        return Modify(owner, target, Act.UNFOLLOW), lists._replace(followings=followings)
    return Modify(owner, target, Act.FOLLOW), lists._replace(followings=(target, *followings))


async def prepared(path: Path) -> None:
    """Create a store with the owners and their targets, who have nothing yet."""
    store = await SQLiteStore.open(path, create=True)
    await people(store, *OWNERS, *TARGETS)
    await store.close()
