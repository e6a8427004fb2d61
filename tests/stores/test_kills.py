"""Processes killed at random moments: what was answered is there, and all of it is sound."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import Store
from tests.counts import count
from tests.stores.engines import ENGINES, Engine, Opener
from tests.stores.processes import endless_writer, importer, others
from tests.stores.world import faults, people

pytestmark = pytest.mark.usefixtures("runner")


async def test_an_answered_write_outlives_its_writer(engine: Engine, open_again: Opener) -> None:
    store = await open_again()
    await people(store, *range(1, 41))
    await store.close()
    draw = Random(17)
    told: set[tuple[str, int, int | bytes]] = set()
    for life in range(count(4, 50)):
        with others((endless_writer, engine.address, life)) as (writer,):
            assert writer.receive() == "ready"
            time.sleep(draw.uniform(0, 0.08))
            writer.kill()
            new = writer.received()
        assert "done" not in new
        told.update(each for each in new if isinstance(each, tuple))
        store = await open_again()
        await everything_told(store, told)
        assert await faults(store) == []
        await store.close()
    assert told


async def everything_told(store: Store, told: set[tuple[str, int, int | bytes]]) -> None:
    for kind, mid, what in told:
        if kind == "session":
            assert isinstance(what, bytes)
            assert await store.session(what) is not None
            continue
        assert isinstance(what, int)
        if kind == "follow":
            assert (await store.attributes(mid, [what])).get(what) in (2, 6)
        else:
            assert what in {group.id for group in await store.groups(mid)}


#: What a server makes of a client that is gone is its own matter: fewer kills tell.
KILLED_IMPORTS = {"sqlite": count(4, 50), "postgresql": count(3, 10)}


@pytest.mark.parametrize("name", ENGINES)
async def test_a_killed_import_leaves_the_old_store(tmp_path: Path, name: str) -> None:
    edges = count(20_000, 60_000)
    engine = await with_two(name, tmp_path)
    draw = Random(19)
    outcomes = set()
    longest = 0.05
    for _ in range(KILLED_IMPORTS[name]):
        with others((importer, engine.address, edges)) as (process,):
            assert process.receive() == "ready"
            started = time.monotonic()
            if process.pipe.poll(draw.uniform(0, longest)):
                longest = time.monotonic() - started  # it was done by then
            else:
                longest = min(2 * longest, 60)
            process.kill()
        store = await open_store(engine.address)
        standing = 0
        async for _row in store.edges():
            standing += 1
        assert standing in (0, edges)
        outcomes.add(standing)
        assert await faults(store) == []
        await store.close()
        if standing:
            engine.drop()
            engine = await with_two(name, tmp_path)
    engine.drop()
    assert 0 in outcomes


async def with_two(name: str, folder: Path) -> Engine:
    """An engine with two accounts."""
    engine = ENGINES[name](folder)
    store = await engine.open(time.time_ns)
    await people(store, 1, 2)
    await store.close()
    return engine
