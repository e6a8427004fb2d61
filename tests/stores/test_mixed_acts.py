"""Calls of many acts, on pairs and on groups, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count as numbers
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.lists import Listing
from guanxi.graph.pair import DEFAULT, SPECIAL, Act, Modify
from guanxi.stores.acts import MAX_ACTS
from guanxi.stores.port import Store, StoreTimeout, StoreUnavailable
from tests import postgres
from tests.counts import count
from tests.machine import View
from tests.stores.driver import LIMITS as TIGHT
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES, Engine, Opener, PostgreSQL
from tests.stores.world import do, faults, listed, people

SET, COPY, MOVE = RegroupMode.SET, RegroupMode.COPY, RegroupMode.MOVE
PEOPLE = (1, 2, 3, 4)


def deadlocks(engine: Engine) -> int:
    """Return how many deadlocks the engine's server has counted."""
    statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(postgres.sql(statement)) if isinstance(engine, PostgreSQL) else 0


async def groups_of(store: Store, owner: int) -> dict[int, tuple[int, ...]]:
    relations = await store.relations(owner, [mid for mid in PEOPLE if mid != owner])
    return {mid: relation.groups for mid, relation in relations.items()}


async def test_an_act_sees_the_acts_before_it(store: Store) -> None:
    await people(store, *PEOPLE)
    assert await do(
        store,
        CreateGroup(1, "a", 7),
        Regroup(1, SET, (2,), (7,)),
        Modify(1, 2, Act.FOLLOW),
        Modify(1, 3, Act.FOLLOW),
        Regroup(1, SET, (2, 3), (7, SPECIAL)),
        Modify(2, 1, Act.FOLLOW),
        RenameGroup(1, 7, "b"),
        CreateGroup(1, "a", 8),
        Regroup(1, MOVE, (3,), (8,), (7,)),
    ) == [0, 22105, 0, 0, 0, 0, 0, 0, 0]
    assert await groups_of(store, 1) == {2: (SPECIAL, 7), 3: (SPECIAL, 8)}
    assert await do(
        store,
        Modify(3, 1, Act.REMOVE_FOLLOWER),
        DeleteGroup(1, 7),
        Regroup(1, COPY, (2,), (7,)),
        CreateGroup(1, "b", 7),
        Modify(1, 3, Act.FOLLOW),
        Regroup(1, COPY, (3,), (7, 8)),
    ) == [0, 0, 22104, 0, 0, 0]
    assert await groups_of(store, 1) == {2: (SPECIAL,), 3: (7, 8)}
    assert [(group.id, group.count) for group in await store.groups(1)] == [
        (SPECIAL, 1),
        (DEFAULT, 0),
        (8, 1),
        (7, 1),
    ]
    assert await do(
        store, CreateGroup(4, "a", 7), Regroup(4, SET, (1,), (7,)), DeleteGroup(404, 7)
    ) == [0, 22105, 40061]
    assert await faults(store) == []


def random_act(draw: Random, ids: Iterator[int]) -> Modify | GroupAct:
    owner, other, third = draw.sample(range(1, 9), 3)
    group = draw.randrange(1, 30)
    match draw.choice(("modify", "modify", "create", "delete", "regroup", "regroup")):
        case "create":
            return CreateGroup(owner, str(draw.randrange(9)), next(ids))
        case "delete":
            return DeleteGroup(owner, group)
        case "regroup":
            return Regroup(owner, COPY, (other, third), (draw.choice((SPECIAL, group)),))
        case _:
            return Modify(owner, other, draw.choice((1, 1, 2, 5, 6, 7)))


async def test_concurrent_mixed_calls_on_few_accounts(engine: Engine, open_again: Opener) -> None:
    before = deadlocks(engine)
    draw, ids = Random(31), numbers(1)
    one, two = await open_again(), await open_again()
    await people(one, *range(1, 9))
    pairs = product(range(1, 9), repeat=2)
    await do(one, *(Modify(a, b, Act.FOLLOW) for a, b in pairs if a != b))
    for _ in range(count(2, 40)):
        calls = [[random_act(draw, ids) for _ in range(8)] for _ in range(40)]
        codes = await asyncio.gather(*(do(draw.choice((one, two)), *acts) for acts in calls))
        known = {0, -400, 22002, 22003, 22014, 22104, 22105, 22106, 22120}
        assert {code for call in codes for code in call} <= known
    assert await faults(one) == []
    await one.close()
    await two.close()
    assert deadlocks(engine) == before


owners = st.sampled_from((1, 1, 1, *PEOPLE))
targets = st.sampled_from((2, 2, *PEOPLE, 99))
group_ids = st.sampled_from((101, 102, 103, SPECIAL, DEFAULT))
id_lists = st.lists(group_ids, min_size=1, max_size=2).map(tuple)
acts = st.one_of(
    st.builds(Modify, owners, targets, st.sampled_from((1, 1, 1, 2, 3, 4, 5, 6, 7))),
    st.builds(
        Regroup,
        owners,
        st.sampled_from(RegroupMode),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2).map(tuple),
        id_lists,
        id_lists,
    ),
    st.builds(CreateGroup, owners, st.sampled_from(("a", "b", " a ", "")), st.just(0)),
    st.builds(RenameGroup, owners, group_ids, st.sampled_from(("a", "c"))),
    st.builds(DeleteGroup, owners, group_ids),
)


def shifted(act: Modify | GroupAct, by: int, ids: Iterator[int]) -> Modify | GroupAct:
    """Return an act with all its mids raised by a number, and a new group with the next id."""
    if isinstance(act, Modify):
        return Modify(act.owner + by, act.target + by, act.act)
    if isinstance(act, CreateGroup):
        return CreateGroup(act.owner + by, act.name, next(ids))
    if isinstance(act, Regroup):
        members = tuple(member + by for member in act.members)
        return Regroup(act.owner + by, act.mode, members, act.groups, act.before)
    if isinstance(act, RenameGroup):
        return RenameGroup(act.owner + by, act.group, act.name)
    return DeleteGroup(act.owner + by, act.group)


def comparable(view: View) -> View:
    """Return a view with followers ordered by mid: those of one second may be in any order."""
    followers = sorted(view.followers, key=lambda item: item.mid)
    return replace(view, followers=followers, followers_oldest=[])


@pytest.mark.parametrize("name", ENGINES)
def test_one_call_equals_a_call_for_each_act(name: str) -> None:
    blocks = numbers(0, 1_000)
    with closing(InFolder(ENGINES[name])) as whole, closing(InFolder(ENGINES[name])) as apart:
        short, long = (25, 300) if name == "sqlite" else (8, 120)

        @settings(max_examples=count(short, long))
        @given(st.lists(acts, min_size=1, max_size=12))
        def compare(drawn: list[Modify | GroupAct]) -> None:
            by, ids = next(blocks), numbers(101)
            first: list[Modify | GroupAct] = [
                CreateGroup(1, "a", 0),
                Modify(1, 2, 1),
                Modify(1, 3, 1),
                Modify(2, 1, 1),
            ]
            call = [shifted(act, by, ids) for act in [*first, *drawn]]
            names = {mid + by: f"u{mid}" for mid in PEOPLE}
            for driver in (whole, apart):
                driver.start(names, 1_700_000_000)
            codes = whole.do(whole.store.change(call, TIGHT))
            assert codes == [apart.change(act) for act in call]
            for mid in names:
                assert comparable(whole.look(mid)) == comparable(apart.look(mid))

        compare()
        assert whole.faults() == apart.faults() == []


def toggles(calls: int) -> list[Modify | GroupAct]:
    """Return acts for so many full transactions; each succeeds only after the one before it."""
    return [Modify(1, 2, Act.BLOCK), Modify(1, 2, Act.UNBLOCK)] * (calls * MAX_ACTS // 2)


async def test_a_call_of_many_acts_keeps_their_order(store: Store) -> None:
    await people(store, *PEOPLE)
    call = [*toggles(2), Modify(1, 3, Act.FOLLOW), Modify(1, 3, Act.FOLLOW), CreateGroup(1, "a", 7)]
    assert await do(store, *call) == [0] * 2 * MAX_ACTS + [0, 22014, 0]
    assert await do(store) == []
    assert await listed(store, Listing.FOLLOWINGS, 1) == [3]
    assert await faults(store) == []


async def test_other_writers_get_their_turn_within_a_call_of_many_acts(store: Store) -> None:
    await people(store, *PEOPLE)
    large = asyncio.create_task(do(store, *toggles(8)))
    await asyncio.sleep(0)  # the large call is first
    assert await do(store, Modify(1, 3, Act.FOLLOW)) == [0]
    assert not large.done()
    assert await large == [0] * 8 * MAX_ACTS
    assert await listed(store, Listing.FOLLOWINGS, 1) == [3]


async def test_a_large_call_that_fails_later_says_that_its_first_acts_are_written(
    store: Store,
) -> None:
    await people(store, *PEOPLE)
    call = [Modify(1, 3, Act.FOLLOW), *toggles(1), CreateGroup(1, "a", 7), CreateGroup(1, "b", 7)]
    with pytest.raises(StoreTimeout, match=f"only the first {MAX_ACTS} acts are written"):
        await do(store, *call)
    assert await listed(store, Listing.FOLLOWINGS, 1) == [3]
    assert [group.id for group in await store.groups(1)] == [SPECIAL, DEFAULT]
    with pytest.raises(StoreUnavailable):
        await do(store, *call[-2:])


async def test_a_large_call_with_an_invalid_act_applies_none(store: Store) -> None:
    await people(store, 1, 2, 3)
    with pytest.raises(ValueError, match="99"):
        await do(store, Modify(1, 3, Act.FOLLOW), *toggles(1), Modify(1, 3, 99))
    assert await listed(store, Listing.FOLLOWINGS, 1) == []
