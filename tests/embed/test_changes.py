"""The feed of changes in the library: read, waited for, replayed into an empty model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guanxi import ArgsException, Graph, SyncGraph
from guanxi.embed import Changes, ChangesOff, CursorInvalid, CursorOfAnotherStore
from guanxi.graph.feed import Model, Record, apply
from tests import postgres
from tests.stores.engines import ENGINES, START, Clock, Engine

NOW = datetime.fromtimestamp(START // 10**9, UTC)


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "postgresql":
        postgres.skip_on_citus("`store init --distribute` creates a store there")
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


def kinds(changes: Changes) -> list[tuple[str, int, int]]:
    return [(item.kind, item.actor, item.target) for item in changes.items]


def replayed(changes: Changes) -> Model:
    model = Model()
    for item in changes.items:
        apply(model, Record(item.kind, item.actor, item.target, item.before, item.after))
    return model


def test_each_verb_that_changes_something_is_a_change(engine: Engine) -> None:
    engine.begin_anew()

    async def work() -> None:
        clock = Clock()
        async with Graph.open(engine.address, changes=True, clock=clock) as graph:
            start = (await graph.changes()).cursor
            for mid in (1, 2, 3, 4):
                await graph.put_account(mid, name=f"u{mid}")
            await graph.set_privacy(3, approve_followers=True)
            accounts = await graph.changes(start)
            assert kinds(accounts)[-1] == ("privacy", 3, 0)
            await graph.follow(1, 2)
            await graph.follow(2, 1)
            assert await graph.follow(1, 3) == "requested"
            await graph.approve(3, 1)
            await graph.follow(2, 3)
            await graph.decline(3, 2)
            await graph.follow(4, 3)
            await graph.cancel(4, 3)
            group = await graph.create_group(1, "friends")
            await graph.add_to_group(1, group, [2])
            await graph.set_special(1, [2])
            await graph.mute(1, 4, NOW + timedelta(days=1))
            await graph.unmute(1, 4)
            await graph.unmute(1, 4)
            await graph.block(2, 1)
            await graph.unfollow(1, 3)
            found = await graph.changes(accounts.cursor)
            assert kinds(found) == [
                ("follow", 1, 2),
                ("follow", 2, 1),
                ("request", 1, 3),
                ("approve", 3, 1),
                ("request", 2, 3),
                ("decline", 3, 2),
                ("request", 4, 3),
                ("cancel_request", 4, 3),
                ("group_create", 1, 0),
                ("regroup", 1, 2),
                ("special", 1, 2),
                ("mute", 1, 4),
                ("unmute", 1, 4),
                ("block", 2, 1),
                ("unfollow", 1, 3),
            ]
            assert (await graph.changes(found.cursor)).items == []
            await graph.follow(4, 3)
            await graph.deregister(4)
            everything = await graph.changes(limit=1_000)
            model = replayed(everything)
            for one in range(1, 5):
                for other in range(1, 5):
                    if one != other:
                        pair = await graph.store.pair(one, other)
                        assert model.sides.get((one, other), type(pair.mine)()) == pair.mine
            assert model.groups[1] == {group: "friends"}
            assert model.accounts[4]["state"] == "deregistered"

    asyncio.run(work())


def test_a_reader_that_waits_gets_the_change(engine: Engine) -> None:
    engine.begin_anew()

    async def work() -> None:
        async with Graph.open(engine.address, changes=True) as graph:
            for mid in (1, 2):
                await graph.put_account(mid)
            cursor = (await graph.changes()).cursor
            waiting = asyncio.create_task(graph.changes(cursor, wait=30))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            await graph.follow(1, 2)
            assert kinds(await waiting) == [("follow", 1, 2)]

    asyncio.run(work())


def test_without_a_loop(engine: Engine) -> None:
    engine.begin_anew()
    with SyncGraph.open(engine.address, changes=True) as graph:
        for mid in (1, 2):
            graph.put_account(mid)
        cursor = graph.changes().cursor
        assert graph.changes(cursor, wait=0.1).items == []
        later = threading.Timer(0.2, graph.follow, (1, 2))
        later.start()
        assert kinds(graph.changes(cursor, wait=30)) == [("follow", 1, 2)]
        later.join()
    with SyncGraph.open(engine.address) as again:
        assert kinds(again.changes(cursor)) == [("follow", 1, 2)]


def test_what_cannot_be_read(engine: Engine, tmp_path: Path) -> None:
    with SyncGraph.open(engine.address) as graph:
        with pytest.raises(ChangesOff, match="guanxi store changes on"):
            graph.changes()
        with SyncGraph.open(tmp_path / "other.db", changes=True) as other:
            with pytest.raises(CursorInvalid):
                other.changes("x")
            with pytest.raises(ArgsException, match="after: must be"):
                other.changes(5)  # type: ignore[arg-type]
            for wait in (-1, 31, "1"):
                with pytest.raises(ArgsException, match="wait: must be"):
                    other.changes(wait=wait)  # type: ignore[arg-type]
            with pytest.raises(ArgsException, match="limit: must be"):
                other.changes(limit=0)
            cursor = other.changes().cursor
            third = SyncGraph.open(tmp_path / "third.db", changes=True)
            with third, pytest.raises(CursorOfAnotherStore):
                third.changes(cursor)
