"""Erasing an account with the library, on a loop and without one, on each engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from guanxi import AccountDeregistered, ArgsException, Graph, NoSuchUser, SyncGraph
from guanxi.embed import Erased
from tests.stores.engines import ENGINES
from tests.stores.world import faults


@pytest.mark.parametrize("name", ENGINES)
def test_an_account_is_erased(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name](tmp_path)
    engine.begin_anew()
    with SyncGraph.open(engine.address, changes=True) as graph:
        use(graph)
    engine.drop()


def use(graph: SyncGraph) -> None:
    for mid in (1, 2, 3):
        graph.put_account(mid, name=f"u{mid}")
    graph.follow(1, 2)
    graph.follow(2, 1)
    graph.mute(3, 1)
    group = graph.create_group(2, "g")
    graph.add_to_group(2, group, [1])
    expected = Erased(mid=1, counts={"followings": 1, "followers": 1, "marks": 1, "account": 1})
    erased = graph.erase(1)
    counts = dict(erased.counts)
    assert counts.pop("changes") > 0
    assert (erased.mid, counts) == (1, expected.counts)
    assert graph.erase(1) == erased
    assert graph.account(1) is None
    assert [graph.counts(2).following, graph.counts(2).followers] == [0, 0]
    assert [one.count for one in graph.groups(2)][-1] == 0
    with pytest.raises(NoSuchUser):
        graph.erase(9)
    with pytest.raises(ArgsException):
        graph.erase(0)
    with pytest.raises(AccountDeregistered):
        graph.put_account(1, name="again")
    with pytest.raises(NoSuchUser):
        graph.follow(2, 1)
    last = graph.changes(limit=1_000).items[-1]
    assert (last.kind, last.actor) == ("erase", 1)


@pytest.mark.parametrize("name", ENGINES)
def test_an_account_is_erased_on_a_loop(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name](tmp_path)

    async def work() -> Any:
        async with Graph.open(engine.address) as graph:
            await graph.put_account(1, name="u1")
            await graph.put_account(2, name="u2")
            await graph.follow(2, 1)
            erased = await graph.erase(1)
            assert await faults(graph.store) == []
            return erased

    assert asyncio.run(work()) == Erased(mid=1, counts={"followers": 1, "account": 1})
    engine.drop()
