"""Processes killed at random times: acknowledged writes are durable, and the store is valid."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import Store
from guanxi.world.profile import PROFILE, Profile
from tests.counts import count
from tests.stores.engines import ENGINES, Engine, Opener
from tests.stores.processes import endless_writer, importer, others
from tests.stores.world import faults, people

pytestmark = pytest.mark.usefixtures("runner")
ROOT = Path(__file__).parents[2]


async def test_an_acknowledged_write_survives_a_killed_writer(
    engine: Engine, open_again: Opener
) -> None:
    store = await open_again()
    await people(store, *range(1, 41))
    await store.close()
    draw = Random(17)
    acknowledged: set[tuple[str, int, int | bytes]] = set()
    for seed in range(count(4, 50)):
        with others((endless_writer, engine.address, seed)) as (writer,):
            assert writer.receive() == "ready"
            # Half of them are killed after a first write, however slow the machine is.
            received = [writer.receive()] if seed % 2 else []
            time.sleep(draw.uniform(0, 0.08))
            writer.kill()
            received += writer.received()
        assert "done" not in received
        acknowledged.update(write for write in received if isinstance(write, tuple))
        store = await open_again()
        await check_acknowledged(store, acknowledged)
        assert await faults(store) == []
        await check_edits(store)
        await store.close()
    assert acknowledged


def kill_writers(path: Path, number: int, *options: str) -> tuple[int, int, str]:
    """Kill writers one after the other; return how many, their answered writes and what is wrong.

    With "early" writes are answered before they are done.
    """
    module = [sys.executable, "-m", "tests.stores.killed_writers"]
    printed = subprocess.run(
        [*module, str(path), str(number), "19", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    ).stdout
    outcome = json.loads(printed)
    return outcome["kills"], outcome["writes"], outcome["wrong"]


def test_a_thousand_killed_writers_lose_nothing(tmp_path: Path) -> None:
    """Exactly what was answered, and at most one more write of each owner, is in the store."""
    number = count(10, 1_000)
    kills, writes, wrong = kill_writers(tmp_path / "s.db", number)
    assert (kills, wrong) == (number, "")
    assert writes > number


@pytest.mark.long
def test_a_write_that_is_answered_too_early_is_found(tmp_path: Path) -> None:
    _, _, wrong = kill_writers(tmp_path / "s.db", 100, "early")
    assert "owner" in wrong


async def check_acknowledged(store: Store, acknowledged: set[tuple[str, int, int | bytes]]) -> None:
    """Check that the store contains these sessions, follows and groups."""
    for kind, mid, value in acknowledged:
        if kind == "session":
            assert isinstance(value, bytes)
            assert await store.session(value) is not None
            continue
        assert isinstance(value, int)
        if kind == "follow":
            assert (await store.attributes(mid, [value])).get(value) in (2, 6)
        else:
            assert value in {group.id for group in await store.groups(mid)}


async def check_edits(store: Store) -> None:
    """Check that every account shows one edit only, in its card and in its profile."""
    for mid, card in (await store.cards(range(1, 41))).items():
        profile = await store.get(PROFILE, mid) or Profile()
        assert card.sign == profile.birthday


#: How many imports are killed: fewer on PostgreSQL, whose server handles the lost connection.
KILLED_IMPORTS = {"sqlite": count(4, 50), "postgresql": count(3, 10)}


@pytest.mark.parametrize("name", ENGINES)
async def test_a_killed_import_changes_nothing(tmp_path: Path, name: str) -> None:
    edges = count(20_000, 60_000)
    engine = await engine_with_two_accounts(name, tmp_path)
    draw = Random(19)
    outcomes = set()
    max_delay = 0.05
    for _ in range(KILLED_IMPORTS[name]):
        with others((importer, engine.address, edges)) as (process,):
            assert process.receive() == "ready"
            started = time.monotonic()
            if process.pipe.poll(draw.uniform(0, max_delay)):
                max_delay = time.monotonic() - started  # the import finished in this time
            else:
                max_delay = min(2 * max_delay, 60)
            process.kill()
        store = await open_store(engine.address)
        stored = 0
        async for _row in store.edges():
            stored += 1
        assert stored in (0, edges)
        outcomes.add(stored)
        assert await faults(store) == []
        await store.close()
        if stored:
            engine.drop()
            engine = await engine_with_two_accounts(name, tmp_path)
    engine.drop()
    assert 0 in outcomes


async def engine_with_two_accounts(name: str, folder: Path) -> Engine:
    """Return an engine whose store has the accounts 1 and 2."""
    engine = ENGINES[name](folder)
    store = await engine.open(time.time_ns)
    await people(store, 1, 2)
    await store.close()
    return engine
