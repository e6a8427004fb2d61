"""Suggestions and known followers, against the naive query, and marks that leave accounts out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.accounts.account import Privacy, State
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import Act, Modify, sort_key_of_mtime
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, Slice, Store, Suggestion
from guanxi.stores.port.rows import SOURCES, TARGETS
from guanxi.world.marks import DISMISSAL, MUTE, Mark
from tests.counts import count
from tests.stores.engines import ENGINES, START, Clock
from tests.stores.world import by_cursor, by_pages, do, follow, mids, people

NOW = START // 10**9
MIDS = range(1, 9)


async def suggested(store: Store, owner: int, limit: int = 100) -> list[int]:
    return [found.mid for found in await store.suggestions(owner, limit, NOW)]


# --- the naive query ---

FOLLOWS = st.sets(st.tuples(st.sampled_from(MIDS), st.sampled_from(MIDS)), max_size=40)
SWITCHES = st.dictionaries(
    st.sampled_from(MIDS),
    st.sampled_from(["hidden", "refuses", "banned", "gone", "muted", "dismissed", "blocks", "was"]),
    max_size=4,
)


def naive(follows: set[tuple[int, int]], marks: Mapping[int, str], owner: int) -> list[Suggestion]:
    """Return the suggestions by the words of the port."""
    mine = {b for a, b in follows if a == owner}
    sources = {mid for mid in mine if marks.get(mid) not in ("hidden", "banned", "gone")}
    shared = Counter(b for a, b in follows if a in sources)
    followers = Counter(b for _, b in follows)
    out = ("refuses", "banned", "gone", "muted", "dismissed", "blocks")
    found = [
        Suggestion(mid, shared[mid], followers[mid])
        for mid in shared
        if mid != owner and mid not in mine and marks.get(mid) not in out
    ]
    return sorted(found, key=lambda one: (-(one.shared**2) / one.followers, -one.shared, one.mid))


async def build(store: Store, follows: set[tuple[int, int]], marks: Mapping[int, str]) -> None:
    await people(store, *MIDS)
    rows = [EdgeRow(follower=a, followed=b, time=1) for a, b in sorted(follows)]
    for mid, mark in marks.items():
        if mark == "blocks":
            rows.append(EdgeRow(follower=mid, followed=1, time=1, kind="block"))
    await store.import_edges(lambda: rows)
    for mid, mark in marks.items():
        match mark:
            case "hidden":
                await accounts.set_privacy(store, mid, Privacy(hide_followings=True))
            case "refuses":
                await accounts.set_privacy(store, mid, Privacy(refuse_follows=True))
            case "banned":
                await accounts.set_state(store, mid, State.BANNED)
            case "gone":
                await accounts.set_state(store, mid, State.DEREGISTERED)
            case "muted":
                await store.put([MUTE.entry(1, Mark(mid, NOW))])
            case "was":
                await store.put([MUTE.entry(1, Mark(mid, NOW - 9, NOW))])
            case "dismissed":
                await store.put([DISMISSAL.entry(1, Mark(mid, NOW))])


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.usefixtures("server")
def test_suggestions_are_those_of_the_naive_query(name: str) -> None:
    @settings(max_examples=count(15, 150) if name == "sqlite" else count(5, 60))
    @given(FOLLOWS, SWITCHES, st.integers(0, 5))
    def check(follows: set[tuple[int, int]], marks: dict[int, str], limit: int) -> None:
        marks.pop(1, None)
        follows = {(a, b) for a, b in follows if a != b}
        # Who blocks the owner neither follows it nor is followed by it.
        follows -= {
            pair for mid, mark in marks.items() if mark == "blocks" for pair in ((1, mid), (mid, 1))
        }

        async def run(folder: Path) -> tuple[list[Suggestion], list[Suggestion]]:
            engine = ENGINES[name](folder)
            store = await engine.open(Clock())
            try:
                await build(store, follows, marks)
                return await store.suggestions(1, 100, NOW), await store.suggestions(1, limit, NOW)
            finally:
                await store.close()
                engine.drop()

        with TemporaryDirectory() as folder:
            every, some = asyncio.run(run(Path(folder)))
        expected = naive(follows, marks, 1)
        assert every == expected
        assert some == expected[:limit]
        assert every == sorted(every, key=lambda one: one.rank)

    check()


# --- bounds and marks ---


async def test_only_the_newest_of_each_list_are_examined(store: Store) -> None:
    rows = [
        EdgeRow(follower=1, followed=mid, time=mid) for mid in range(2, SOURCES + 3)
    ]  # 2 is the oldest of one too many
    rows += [EdgeRow(follower=2, followed=5_000, time=1)]
    rows += [
        EdgeRow(follower=3, followed=6_000 + mid, time=1 + mid) for mid in range(TARGETS + 1)
    ]  # 6,000 is the oldest of one too many
    await store.import_edges(lambda: rows)
    found = await suggested(store, 1, 1_000)
    assert len(found) == TARGETS
    assert {5_000, 6_000}.isdisjoint(found)


async def test_a_hub_comes_after_who_is_known_to_few(store: Store) -> None:
    await people(store, *range(1, 31))
    await follow(store, 1, 2, 3)
    await follow(store, 2, 10, 11)
    await follow(store, 3, 10, 11)
    for fan in range(12, 31):
        await follow(store, fan, 10)
    assert await suggested(store, 1) == [11, 10]


async def test_an_acts_end_is_an_account_to_suggest_again(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    await follow(store, 2, 3)
    assert await suggested(store, 1) == [3]
    await do(store, Modify(1, 3, Act.BLOCK))
    assert await suggested(store, 1) == []
    await do(store, Modify(1, 3, Act.UNBLOCK), Modify(3, 1, Act.BLOCK))
    assert await suggested(store, 1) == []
    await do(store, Modify(3, 1, Act.UNBLOCK))
    await store.put([DISMISSAL.entry(1, Mark(3, NOW))])
    assert await suggested(store, 1) == []
    await store.delete(DISMISSAL, 1, [3])
    assert await suggested(store, 1) == [3]
    await store.put([DISMISSAL.entry(1, Mark(2, NOW)), DISMISSAL.entry(2, Mark(3, NOW))])
    assert await suggested(store, 1) == [3], "of another account, and by another"


async def test_nobody_and_unknown_accounts(store: Store) -> None:
    assert await suggested(store, 99) == []
    await people(store, 1)
    assert await suggested(store, 1) == []
    assert await store.known_followers(1, 99, Window(0, 5)) == Slice(
        (await store.known_followers(99, 1, Window(0, 5))).rows, False, 0, 0
    )


# --- known followers ---


@pytest.mark.parametrize("many", [False, True])
async def test_known_followers(many: bool, store: Store) -> None:
    """In both ways to find them: by the owner's list, and by the target's followers."""
    await people(store, *range(1, 40))
    await follow(store, 1, *range(3, 20))
    for fan in (*range(5, 12), *(range(20, 40) if many else ())):
        await follow(store, fan, 2)
    if not many:
        await follow(store, 1, *range(20, 40))
    page = await store.known_followers(1, 2, Window(0, 3))
    assert (mids(page.rows), page.more, page.total) == ([11, 10, 9], True, 7)
    known = [11, 10, 9, 8, 7, 6, 5]

    async def read(window: Window, after: Position | None) -> Slice:
        return await store.known_followers(1, 2, window, after)

    assert mids(await by_pages(read, 3)) == known
    assert mids(await by_cursor(read, 3)) == known
    before = page.version
    await follow(store, 12, 2)
    after = await store.known_followers(1, 2, Window(0, 0))
    assert (after.total, list(after.rows), after.more) == (8, [], False)
    assert after.version > before


async def test_known_followers_have_the_owners_groups_and_mutuals(store: Store) -> None:
    await people(store, 1, 2, 3)
    row = EdgeRow(follower=1, followed=3, time=5, special=True, groups=("a",))
    await store.import_edges(lambda: [row, EdgeRow(follower=3, followed=1, time=6)])
    await follow(store, 3, 2)
    [known] = (await store.known_followers(1, 2, Window(0, 5))).rows
    assert (known.mid, known.mutual, known.sort_key) == (3, True, sort_key_of_mtime(5))
    assert len(known.groups) == 2
