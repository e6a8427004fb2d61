"""A reader that follows the feed while others write, and while processes are killed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial
from multiprocessing.connection import Connection
from random import Random

import pytest
from hypothesis import settings

from guanxi.contract.limits import Limits
from guanxi.graph.feed import Model
from guanxi.graph.pair import Act, Modify
from guanxi.stores import open_store
from guanxi.stores.port import Store
from tests.counts import count
from tests.machine import RelationMachine, View
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES, Clock, Engine
from tests.stores.processes import others
from tests.stores.replay import Replay, apply_item, stored_sides
from tests.stores.world import people

ACCOUNTS = 8


def feed_writer(pipe: Connection, address: str, seed: int, owners: tuple[int, ...]) -> None:
    """Follow and unfollow as some accounts until killed; send each act once it is committed."""

    async def write(store: Store, owner: int, draw: Random) -> None:
        following: set[int] = set()
        while True:
            target = draw.choice([mid for mid in range(1, ACCOUNTS + 1) if mid != owner])
            act = Act.UNFOLLOW if target in following else Act.FOLLOW
            following ^= {target}
            codes = await store.change([Modify(owner, target, act)], Limits().caps)
            if codes == [0]:
                pipe.send((act.name.lower(), owner, target))
            else:  # an earlier writer of the account was killed, and had followed it
                following.add(target)

    async def work() -> None:
        store = await open_store(address)
        draws = [(owner, Random(seed * 100 + owner)) for owner in owners]
        await asyncio.gather(*(write(store, *each) for each in draws))

    asyncio.run(work())


def feed_reader(pipe: Connection, address: str, after: str) -> None:
    """Read the feed until killed; send each page with its cursor, as one message."""

    async def read() -> None:
        store, cursor = await open_store(address), after
        while True:
            found = await store.changes(cursor, 50, wait=1.0)
            cursor = found.cursor
            pipe.send(([(item.kind, item.actor, item.target) for item in found.items], cursor))

    asyncio.run(read())


@pytest.mark.usefixtures("runner")
async def test_nothing_is_lost_or_read_twice_when_processes_are_killed(engine: Engine) -> None:
    """Writers in two processes and a reader in a third, each killed again and again."""
    store = await engine.open(Clock())
    await people(store, *range(1, ACCOUNTS + 1))
    await store.set_changes(True)
    cursor = (await store.changes_status()).cursor
    read: list[tuple[str, int, int]] = []
    committed: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    unsure: Counter[int] = Counter()
    draw = Random(23)
    for seed in range(count(1, 30)):
        with others(
            (feed_writer, engine.address, seed, (1, 2, 3, 4)),
            (feed_writer, engine.address, seed, (5, 6, 7, 8)),
            (feed_reader, engine.address, cursor),
        ) as processes:
            *writers, reader = processes
            seen = [writer.receive() for writer in writers]
            await asyncio.sleep(draw.uniform(0, 0.3))
            for process in draw.sample(processes, 3):
                process.kill()
            for writer in writers:
                seen += writer.received()
            for message in seen:
                assert isinstance(message, tuple)
                committed[message[1]].append(message)
            for owner in range(1, ACCOUNTS + 1):
                unsure[owner] += 1  # one act may be committed, and not be sent
            for page in reader.received():
                assert isinstance(page, tuple)
                read += page[0]
                cursor = page[1]
    while (rest := await store.changes(cursor, 1_000)).items:
        read += [(item.kind, item.actor, item.target) for item in rest.items]
        cursor = rest.cursor
    by_owner: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for each in read:
        by_owner[each[1]].append(each)
    for owner in range(1, ACCOUNTS + 1):
        missed = not_in_order(committed[owner], by_owner[owner])
        assert missed == [], "each committed act is in the feed, in its order"
        assert len(by_owner[owner]) - len(committed[owner]) <= unsure[owner]
    # It replays: nothing is there twice, and what was not sent is there as well.
    model = Model()
    start: str | None = None
    while (page_ := await store.changes(start, 1_000)).items:
        for item in page_.items:
            apply_item(model, item)
        start = page_.cursor
    assert model.sides == await stored_sides(store)
    assert len(read) == sum(map(len, by_owner.values())) == await length(store)
    await store.close()


async def length(store: Store) -> int:
    items = 0
    after: str | None = None
    while (page := await store.changes(after, 1_000)).items:
        items, after = items + len(page.items), page.cursor
    return items


def not_in_order(part: list[tuple[str, int, int]], whole: list[tuple[str, int, int]]) -> list[int]:
    """Return the indexes of what is not found in ``whole`` after the one before it."""
    at, missing = 0, []
    for index, each in enumerate(part):
        try:
            at = whole.index(each, at) + 1
        except ValueError:
            missing.append(index)
    return missing


@pytest.mark.usefixtures("runner")
async def test_a_reader_follows_many_writers(engine: Engine) -> None:
    """Tasks that act on the same pairs from both sides, and a reader that replays at once."""
    stores = [await engine.open(Clock()) for _ in range(3)]
    reader = stores[0]
    await people(reader, *range(1, ACCOUNTS + 1))
    await reader.set_changes(True)
    model, done = Model(), asyncio.Event()
    numbers: list[int] = []

    async def write(store: Store, seed: int) -> None:
        draw = Random(seed)
        for _ in range(count(40, 300)):
            owner, target = draw.sample(range(1, ACCOUNTS + 1), 2)
            act = draw.choice([Act.FOLLOW, Act.FOLLOW, Act.UNFOLLOW, Act.BLOCK, Act.UNBLOCK])
            await store.change([Modify(owner, target, act)], Limits().caps)

    async def follow_feed() -> None:
        cursor: str | None = None
        while True:
            was_done = done.is_set()
            found = await reader.changes(cursor, 7, wait=0.05)
            cursor = found.cursor
            for item in found.items:
                numbers.append(item.number)
                apply_item(model, item)
            if was_done and not found.items:
                return

    async def write_all() -> None:
        writers = (write(store, seed) for seed in range(4) for store in stores[1:])
        await asyncio.gather(*writers)
        done.set()

    await asyncio.gather(follow_feed(), write_all())
    assert numbers == sorted(set(numbers))
    assert model.sides == await stored_sides(reader)
    for store in stores:
        await store.close()


class ReplayingDriver(InFolder):
    """A driver that replays the feed before each look, and compares the graph with the store's."""

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.do(self.store.set_changes(True))
        self.replay = Replay()
        super().start(names, now)

    def look(self, owner: int) -> View:
        self.do(self.replay.check(self.store, self.mids))
        return super().look(owner)


class SQLiteReplay(RelationMachine):
    make = partial(ReplayingDriver, ENGINES["sqlite"])


class PostgreSQLReplay(RelationMachine):
    make = partial(ReplayingDriver, ENGINES["postgresql"])


SQLiteReplay.TestCase.settings = settings(
    max_examples=count(4, 45), stateful_step_count=count(30, 60)
)
PostgreSQLReplay.TestCase.settings = settings(
    max_examples=count(1, 7), stateful_step_count=count(30, 60)
)
TestSQLiteReplay = SQLiteReplay.TestCase
TestPostgreSQLReplay = pytest.mark.usefixtures("server")(PostgreSQLReplay.TestCase)
