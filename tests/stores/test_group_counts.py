"""The kept counts of groups equal the numbers of their members, on every engine."""

from __future__ import annotations

from collections import Counter
from random import Random

from guanxi.graph.groups import CreateGroup, DeleteGroup, GroupAct, Regroup, RegroupMode
from guanxi.graph.pair import DEFAULT, SPECIAL, Act, Modify
from guanxi.stores.port import EdgeRow, OnOtherTime, Store
from tests.counts import count
from tests.stores.world import do, faults, follow, people

MIDS = range(1, 7)
NAMES = ("a", "b", "c")


async def counted(store: Store, owner: int) -> Counter[str | int]:
    """Return the number of members of each of the owner's groups, by the stored edges."""
    numbers: Counter[str | int] = Counter()
    async for row in store.edges():
        if row.follower == owner and row.kind == "follow":
            numbers.update(row.groups)
            numbers[SPECIAL] += row.special
            numbers[DEFAULT] += not row.groups and not row.special
    return numbers


async def check(store: Store) -> int:
    """Check the counts of every account's groups; return how many followings are in any."""
    grouped = 0
    for owner in MIDS:
        numbers = await counted(store, owner)
        kept = {
            row.id if row.id in (SPECIAL, DEFAULT) else row.name: row.count
            for row in await store.groups(owner)
        }
        assert {group: members for group, members in kept.items() if members} == +numbers
        grouped += numbers.total() - numbers[DEFAULT]
    assert await faults(store) == []
    return grouped


def draw_rows(draw: Random) -> list[EdgeRow]:
    """Draw edges that do not contradict each other: one of a pair."""
    rows = {}
    for _ in range(8):
        one, two = draw.sample(MIDS, 2)
        kind = draw.choice(("follow",) * 8 + ("whisper", "block"))
        groups = tuple(draw.sample(NAMES, draw.randrange(3))) if kind == "follow" else ()
        rows[min(one, two), max(one, two)] = EdgeRow(
            follower=one,
            followed=two,
            kind=kind,
            time=draw.randrange(1, 3),
            groups=groups,
            special=kind == "follow" and draw.random() < 0.3,
        )
    return list(rows.values())


async def draw_acts(store: Store, draw: Random) -> list[Modify | GroupAct]:
    """Draw acts of one account; only a few of them are refused."""
    owner = draw.choice(MIDS)
    others = [mid for mid in MIDS if mid != owner]
    groups = [row.id for row in await store.groups(owner)]
    attributes = await store.attributes(owner, others)
    followed = [mid for mid, attribute in attributes.items() if attribute in (2, 6)]
    modifies = [Modify(owner, draw.choice(others), draw.choice((1, 1, 1, 1, 2, 5, 6, 7)))]
    if not followed:
        return [*modifies]
    regroup = Regroup(
        owner,
        draw.choice([*RegroupMode]),
        tuple(draw.sample(followed, draw.randrange(1, len(followed) + 1))),
        tuple(draw.sample(groups, draw.randrange(1, len(groups) + 1))),
        tuple(draw.sample(groups, draw.randrange(1, len(groups) + 1))),
    )
    create = CreateGroup(owner, draw.choice(NAMES), max(groups) + 1)
    acts: list[Modify | GroupAct] = [*modifies, regroup]
    if draw.random() < 0.3:
        acts += [create, Regroup(owner, RegroupMode.COPY, (followed[0],), (create.group,))]
    if draw.random() < 0.15:
        acts.append(DeleteGroup(owner, draw.choice(groups)))
    return acts


async def test_the_counts_are_right_after_random_acts_and_imports(store: Store) -> None:
    draw = Random(7)
    grouped = 0
    await people(store, *MIDS)
    for _ in range(count(10, 200)):
        if draw.random() < 0.3:
            rows = draw_rows(draw)
            rule: OnOtherTime = draw.choice(("replace", "newest", "oldest"))
            await store.import_edges(
                lambda: rows,  # noqa: B023 - is done before the next
                on_contradiction="resolve",
                on_other_time=rule,
            )
        else:
            await do(store, *await draw_acts(store, draw))
        grouped += await check(store)
    assert grouped


async def test_a_first_import_counts_the_members_of_groups(store: Store) -> None:
    rows = [
        EdgeRow(follower=1, followed=2, time=1, groups=("a", "b"), special=True),
        EdgeRow(follower=1, followed=3, time=1, groups=("b",)),
        EdgeRow(follower=1, followed=4, time=1),
        EdgeRow(follower=2, followed=1, time=1, special=True),
    ]
    await store.import_edges(lambda: rows)
    assert [(row.name, row.count) for row in await store.groups(1)] == [
        ("特别关注", 1),
        ("默认分组", 1),
        ("a", 1),
        ("b", 2),
    ]
    assert [row.count for row in await store.groups(2)] == [1, 0]
    await check(store)


async def test_a_group_that_is_made_anew_within_one_call_is_counted_from_zero(
    store: Store,
) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    assert await do(
        store, CreateGroup(1, "a", 7), Regroup(1, RegroupMode.SET, (2, 3), (7, SPECIAL))
    ) == [0, 0]
    assert await do(
        store,
        Modify(1, 3, Act.UNFOLLOW),
        DeleteGroup(1, 7),
        CreateGroup(1, "b", 7),
        Regroup(1, RegroupMode.COPY, (2,), (7,)),
    ) == [0, 0, 0, 0]
    assert [row.count for row in await store.groups(1)] == [1, 0, 1]
    await check(store)


async def test_groups_of_an_unknown_account_are_empty(store: Store) -> None:
    assert [(row.id, row.count) for row in await store.groups(404)] == [(SPECIAL, 0), (DEFAULT, 0)]
