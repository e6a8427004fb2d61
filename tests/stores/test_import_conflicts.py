"""Imports that contradict stored edges and resolve this by the rules, on every engine."""

from __future__ import annotations

from random import Random

import pytest

from guanxi.graph.lists import Listing
from guanxi.graph.pair import Contract
from guanxi.stores.port import BadLine, EdgeRow, Imported, OnOtherTime, Store
from tests.counts import count
from tests.stores.world import faults, listed

Key = tuple[int, int, str]


def edge(follower: int, followed: int, kind: str = "follow", time: int = 100) -> EdgeRow:
    return EdgeRow(follower=follower, followed=followed, kind=kind, time=time)


async def resolve(store: Store, *rows: EdgeRow, on_other_time: OnOtherTime = "replace") -> Imported:
    return await store.import_edges(
        lambda: rows, on_contradiction="resolve", on_other_time=on_other_time
    )


async def edges_of(store: Store) -> list[EdgeRow]:
    return [row async for row in store.edges()]


FOLLOW, WHISPER, BLOCK = edge(1, 2), edge(1, 2, "whisper"), edge(1, 2, "block")
BACK, WHISPER_BACK, BLOCK_BACK = edge(2, 1), edge(2, 1, "whisper"), edge(2, 1, "block")
OTHER = edge(3, 4)

#: What is stored, what is imported with ``OTHER``, what is stored then, how many rows
#: replace stored edges, and how many lose.
CASES = {
    "a follow of a blocked account": ([BLOCK], [FOLLOW], [BLOCK], 0, 1),
    "a follow of a blocker": ([BLOCK_BACK], [FOLLOW], [BLOCK_BACK], 0, 1),
    "a whisper to a blocker": ([BLOCK_BACK], [WHISPER], [BLOCK_BACK], 0, 1),
    "both follow, one blocks": ([BLOCK], [FOLLOW, BACK], [BLOCK], 0, 2),
    "a whisper to a followed account": ([FOLLOW], [WHISPER], [FOLLOW], 0, 1),
    "a whisper to a follower": ([BACK], [WHISPER], [WHISPER, BACK], 0, 0),
    "a follow instead of a whisper": ([WHISPER], [FOLLOW], [FOLLOW], 1, 0),
    "a follow back of a whisper": ([WHISPER], [BACK], [WHISPER, BACK], 0, 0),
    "a block of a followed account": ([FOLLOW], [BLOCK], [BLOCK], 1, 0),
    "a block of a follower": ([BACK], [BLOCK], [BLOCK], 1, 0),
    "a block of both followings": ([FOLLOW, BACK], [BLOCK], [BLOCK], 1, 0),
    "a block of both whispers": ([WHISPER, WHISPER_BACK], [BLOCK_BACK], [BLOCK_BACK], 1, 0),
    "both block": ([FOLLOW], [BLOCK_BACK, BLOCK], [BLOCK, BLOCK_BACK], 1, 0),
    "the other blocks too": ([BLOCK], [BLOCK_BACK], [BLOCK, BLOCK_BACK], 0, 0),
}


@pytest.mark.parametrize(
    ("stored", "rows", "after", "changed", "conflicting"), CASES.values(), ids=CASES
)
async def test_a_contradiction_is_resolved_by_the_rules(
    store: Store,
    stored: list[EdgeRow],
    rows: list[EdgeRow],
    after: list[EdgeRow],
    changed: int,
    conflicting: int,
) -> None:
    await resolve(store, *stored)
    imported = await resolve(store, OTHER, *rows)
    assert await edges_of(store) == [*after, OTHER]
    new = 1 + len(rows) - changed - conflicting
    assert imported == Imported(new=new, changed=changed, conflicting=conflicting)
    assert await faults(store) == []


async def test_a_block_removes_groups_contracts_and_visits(store: Store) -> None:
    full = EdgeRow(
        follower=1,
        followed=2,
        time=5,
        special=True,
        groups=("a",),
        contract=Contract(7, 1),
        visits=3,
    )
    await resolve(store, full, BACK)
    assert await resolve(store, BLOCK_BACK) == Imported(changed=1)
    assert [group.count for group in await store.groups(1)] == [0, 0, 0]
    assert await listed(store, Listing.FOLLOWERS, 2) == []
    assert (await store.tally(1)).following == 0
    assert await faults(store) == []


async def test_what_is_stored_already_is_counted(store: Store) -> None:
    await resolve(store, FOLLOW, OTHER)
    rows = [edge(1, 2, time=200), OTHER, edge(5, 6), edge(3, 4)]
    assert await resolve(store, *rows[:3]) == Imported(new=1, changed=1, unchanged=1)
    assert await faults(store) == []


#: A rule for two times of one edge, and the time that is kept of 10, stored, and 5, 10 or 15.
TIMES: list[tuple[OnOtherTime, tuple[int, int, int]]] = [
    ("replace", (5, 10, 15)),
    ("newest", (10, 10, 15)),
    ("oldest", (5, 10, 10)),
]


@pytest.mark.parametrize("kind", ["follow", "whisper", "block"])
@pytest.mark.parametrize(("rule", "kept"), TIMES)
async def test_one_of_two_times_is_kept(
    store: Store, kind: str, rule: OnOtherTime, kept: tuple[int, int, int]
) -> None:
    """An edge that loses by its time is left out, with its groups; the follow back stays mutual."""
    back = [] if kind == "block" else [BACK]
    await resolve(store, *(edge(1, item, kind, 10) for item in (2, 3, 4)), *back, edge(9, 8))
    rows = [edge(1, item, kind, time) for item, time in ((2, 5), (3, 10), (4, 15))]
    imported = await resolve(store, OTHER, *rows, *back, on_other_time=rule)
    lost = sum(row.time != time for row, time in zip(rows, kept, strict=True))
    assert imported == Imported(new=1, changed=2 - lost, unchanged=1 + len(back), conflicting=lost)
    stored = {row.followed: row.time for row in await edges_of(store) if row.follower == 1}
    assert tuple(stored[item] for item in (2, 3, 4)) == kept
    assert await faults(store) == []


async def test_the_groups_of_a_row_that_loses_are_left_out(store: Store) -> None:
    await resolve(store, edge(1, 2, time=10), OTHER)
    old = EdgeRow(follower=1, followed=2, time=5, groups=("a",), contract=Contract(7, 1), visits=3)
    assert await resolve(store, old, on_other_time="newest") == Imported(conflicting=1)
    assert [row for row in await edges_of(store) if row.follower == 1] == [edge(1, 2, time=10)]
    same = EdgeRow(follower=1, followed=2, time=10, groups=("a",))
    assert await resolve(store, same, on_other_time="newest") == Imported(changed=1)
    assert await faults(store) == []


@pytest.mark.parametrize("kind", ["follow", "whisper", "block"])
async def test_another_time_may_be_refused(store: Store, kind: str) -> None:
    await resolve(store, edge(1, 2, kind, 10), OTHER)
    before = await edges_of(store)
    assert await resolve(store, edge(1, 2, kind, 10), on_other_time="refuse") == Imported(
        unchanged=1
    )
    for time in (9, 11):
        with pytest.raises(BadLine, match="another time") as caught:
            await resolve(store, edge(5, 6), edge(1, 2, kind, time), on_other_time="refuse")
        assert caught.value.line == 2
    assert await edges_of(store) == before


def resolved(
    stored: dict[Key, int], rows: list[EdgeRow], rule: OnOtherTime
) -> tuple[dict[Key, int], Imported]:
    """Apply the rules of an import to edges by key, with their times; return them and the counts.

    The plain form of the rules: blocks first, then follows, then whispers.
    """
    after = dict(stored)
    counts = {"new": 0, "changed": 0, "unchanged": 0, "conflicting": 0}
    cut_pairs = set()
    for row in sorted(rows, key=lambda row: ("block", "follow", "whisper").index(row.kind)):
        one, two = row.follower, row.followed
        key = (one, two, row.kind)
        pair = frozenset((one, two))
        blocked = (one, two, "block") in stored or (two, one, "block") in stored
        rivals = {
            "block": [(a, b, kind) for a, b in ((one, two), (two, one)) for kind in _WEAKER],
            "follow": [(one, two, "whisper")],
            "whisper": [],
        }[row.kind]
        beaten = [rival for rival in rivals if rival in stored]
        if row.kind != "block" and blocked:
            counts["conflicting"] += 1
            continue
        if row.kind == "whisper" and (one, two, "follow") in stored:
            counts["conflicting"] += 1
            continue
        for rival in beaten:
            after.pop(rival, None)
        if beaten and pair not in cut_pairs:
            counts["changed"] += 1
            if row.kind == "block":  # the second of two blocks finds nothing left
                cut_pairs.add(pair)
        elif key not in stored:
            counts["new"] += 1
        elif (rule == "newest" and row.time < stored[key]) or (
            rule == "oldest" and row.time > stored[key]
        ):
            counts["conflicting"] += 1
            continue
        else:
            counts["changed" if stored[key] != row.time else "unchanged"] += 1
        after[key] = row.time
    return after, Imported(**counts)


_WEAKER = ("follow", "whisper")


def draw_rows(draw: Random, mids: range, most: int) -> list[EdgeRow]:
    """Draw rows without contradiction among themselves: at most one kind of a pair."""
    kinds: dict[frozenset[int], bool] = {}
    rows: dict[tuple[int, int], EdgeRow] = {}
    for _ in range(most):
        one, two = draw.sample(mids, 2)
        blocks = kinds.setdefault(frozenset((one, two)), draw.random() < 0.3)
        kind = "block" if blocks else draw.choice(("follow", "follow", "whisper"))
        rows.setdefault((one, two), edge(one, two, kind, draw.randrange(1, 4)))
    return list(rows.values())


async def test_random_imports_follow_the_rules(store: Store) -> None:
    draw = Random(5)
    stored: dict[Key, int] = {}
    conflicting = 0
    for _ in range(count(12, 100)):
        rows = draw_rows(draw, range(1, 8), 14)
        rule: OnOtherTime = draw.choice(("replace", "newest", "oldest"))
        stored, expected = resolved(stored, rows, rule)
        imported = await resolve(store, *rows, on_other_time=rule)
        assert imported == expected
        found = {(row.follower, row.followed, row.kind): row.time for row in await edges_of(store)}
        assert found == stored
        assert await faults(store) == []
        conflicting += imported.conflicting
    assert conflicting
