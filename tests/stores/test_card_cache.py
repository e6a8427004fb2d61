"""Cards kept before a store: never too many, never too old, and never against what one wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from guanxi.accounts.account import DEREGISTERED_CARD, Card, Privacy, State
from guanxi.stores.card_cache import with_card_cache
from guanxi.stores.port import Store
from tests.stores.engines import Opener
from tests.stores.world import people

STALENESS = 10.0


class Moved:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A store that notes which cards were read of it, and can be held up doing so."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked = store, list[int]()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        read = await self.store.tails(mids)
        self.asked += mids
        await self.go_on.wait()
        return read


@pytest.fixture
def moved() -> Moved:
    return Moved()


@pytest.fixture
def watched(store: Store) -> Watched:
    return Watched(store)


@pytest.fixture
def kept(watched: Watched, moved: Moved) -> Store:
    return with_card_cache(watched, 100, STALENESS, moved)


def named(tails: dict[int, bytes]) -> dict[int, str]:
    return {mid: tail.split(b'"uname":"')[1].split(b'"')[0].decode() for mid, tail in tails.items()}


async def name_of(store: Store, mid: int) -> str:
    return named(await store.tails([mid]))[mid]


async def test_a_card_is_read_once_and_told_as_the_store_has_it(
    kept: Store, watched: Watched, store: Store
) -> None:
    await people(store, 1, 2, 3)
    assert await kept.tails([1, 2]) == await store.tails([1, 2])
    assert await kept.tails([2, 3, 1]) == await store.tails([1, 2, 3])
    assert await kept.tails([]) == {}
    assert sorted(watched.asked) == [1, 2, 3]


async def test_who_is_not_there_is_found_once_made_by_anybody(kept: Store, store: Store) -> None:
    assert await kept.tails([1]) == {}
    await people(store, 1)
    assert await name_of(kept, 1) == "u1"


@pytest.mark.parametrize("read_at", [0.0, 2.0, 4.9, 5.0, 7.5])
async def test_no_card_is_older_than_the_staleness(
    kept: Store, store: Store, moved: Moved, read_at: float
) -> None:
    await people(store, 1)
    moved.now += read_at
    assert await name_of(kept, 1) == "u1"
    await store.put_account(1, Card(name="later"))
    moved.now += STALENESS / 2 - 0.01
    assert await name_of(kept, 1) == "u1"  # kept for half of it at least
    moved.now += STALENESS / 2 + 0.01
    assert await name_of(kept, 1) == "later"


async def test_reading_a_card_makes_it_no_younger(kept: Store, store: Store, moved: Moved) -> None:
    await people(store, 1)
    await kept.tails([1])
    await store.put_account(1, Card(name="later"))
    for _ in range(20):
        moved.now += STALENESS / 20
        await kept.tails([1])
    assert await name_of(kept, 1) == "later"


@pytest.mark.parametrize("pause", [STALENESS, 1.5 * STALENESS, 100 * STALENESS])
async def test_a_long_pause_leaves_nothing(
    kept: Store, store: Store, moved: Moved, pause: float
) -> None:
    await people(store, 1)
    await kept.tails([1])
    await store.put_account(1, Card(name="later"))
    moved.now += pause
    assert await name_of(kept, 1) == "later"


async def test_at_most_so_many_are_kept(store: Store, watched: Watched, moved: Moved) -> None:
    kept = with_card_cache(watched, 10, STALENESS, moved)
    everybody = list(range(1, 31))
    await people(store, *everybody)
    for mid in everybody:
        await kept.tails([mid])
    watched.asked.clear()
    assert await kept.tails(everybody) == await store.tails(everybody)
    remembered = len(everybody) - len(watched.asked)
    assert 5 <= remembered <= 10
    # More at once than are kept at all: told, and not kept.
    watched.asked.clear()
    assert len(await kept.tails(everybody)) == len(everybody)
    assert len(watched.asked) >= len(everybody) - 10


async def test_what_is_read_again_and_again_is_listed_no_more_than_kept(
    store: Store, moved: Moved
) -> None:
    kept = with_card_cache(store, 10, STALENESS, moved)
    await people(store, 1, 2)
    for turn in range(100):
        await kept.put_account(1, Card(name=f"n{turn}"))
        assert named(await kept.tails([1, 2, 99])) == {1: f"n{turn}", 2: "u2"}
    assert vars(kept)["_listed"] <= 10
    assert sum(len(mids) for _, mids in vars(kept)["_read"]) <= 10


async def test_readings_that_end_out_of_order_are_kept_each_for_its_own_time(
    store: Store, watched: Watched, kept: Store, moved: Moved
) -> None:
    await people(store, 1, 2)
    watched.go_on.clear()
    earlier = asyncio.create_task(kept.tails([1]))
    while not watched.asked:
        await asyncio.sleep(0)
    moved.now += STALENESS / 2
    hold, watched.go_on = watched.go_on, asyncio.Event()
    watched.go_on.set()
    await kept.tails([2])
    hold.set()
    await earlier
    watched.asked.clear()
    await kept.tails([1, 2])
    assert watched.asked == []
    await store.put_account(1, Card(name="new"))
    moved.now += STALENESS / 2
    assert await name_of(kept, 1) == "new"
    assert watched.asked == [1]
    await kept.tails([2])
    assert watched.asked == [1], "the later reading stands"


async def test_what_this_process_writes_is_told_at_once(kept: Store) -> None:
    await people(kept, 1, 2)
    await kept.tails([1, 2])
    await kept.put_account(1, Card(name="new"), Privacy())
    assert named(await kept.tails([1, 2])) == {1: "new", 2: "u2"}
    await kept.set_state(2, State.DEREGISTERED)
    assert await name_of(kept, 2) == DEREGISTERED_CARD.name
    accounts = {1: (Card(name="imported"), Privacy(), State.NORMAL)}
    await kept.import_edges(list, accounts=accounts)
    assert await name_of(kept, 1) == "imported"


async def test_a_card_read_while_it_is_written_is_not_kept(kept: Store, watched: Watched) -> None:
    await people(kept, 1)
    watched.go_on.clear()
    reading = asyncio.create_task(kept.tails([1]))
    while not watched.asked:
        await asyncio.sleep(0)
    await kept.put_account(1, Card(name="new"))
    watched.go_on.set()
    await reading  # what it read, it read before the change
    assert await name_of(kept, 1) == "new"


async def test_a_card_is_as_old_as_the_reading_of_it(
    kept: Store, store: Store, watched: Watched, moved: Moved
) -> None:
    await people(store, 1, 2)
    watched.go_on.clear()
    reading = asyncio.create_task(kept.tails([1]))
    while not watched.asked:
        await asyncio.sleep(0)
    moved.now += STALENESS * 0.8
    watched.go_on.set()
    await kept.tails([2])  # the young are old by now
    await reading
    await store.put_account(1, Card(name="new"))
    moved.now += STALENESS * 0.2
    assert await name_of(kept, 1) == "new"


async def test_what_another_process_writes_is_told_in_time(
    open_again: Opener, moved: Moved
) -> None:
    ours = with_card_cache(await open_again(), 100, STALENESS, moved)
    theirs = with_card_cache(await open_again(), 100, STALENESS, moved)
    await people(ours, 1)
    assert await name_of(ours, 1) == await name_of(theirs, 1) == "u1"
    await theirs.put_account(1, Card(name="new"))
    assert await name_of(theirs, 1) == "new"
    assert (await ours.cards([1]))[1].name == "new"  # these are never kept
    moved.now += STALENESS
    assert await name_of(ours, 1) == "new"


@pytest.mark.parametrize(("most", "staleness"), [(0, 10.0), (100, 0.0)])
async def test_it_can_be_left_away(store: Store, most: int, staleness: float) -> None:
    assert with_card_cache(store, most, staleness) is store


async def test_every_other_verb_is_the_stores(kept: Store, store: Store) -> None:
    await people(kept, 1)
    assert kept.secret == store.secret
    assert await kept.account(1) == await store.account(1)
    assert await kept.tally(1) == await store.tally(1)
