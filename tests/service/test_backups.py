"""Backups of a store that two workers write to, over HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from guanxi.files.copies import back_up
from guanxi.stores import open_store
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.service.client import fresh, modify
from tests.stores.world import faults

#: The first of the accounts that each writer follows, in order.
FIRST = 5_000_000


async def followed(file: Path, owners: list[int]) -> dict[int, set[int]]:
    """Return whom each owner follows, in a store without faults."""
    store = await open_store(str(file))
    try:
        assert await faults(store) == []
        found: dict[int, set[int]] = {owner: set() for owner in owners}
        async for edge in store.edges():
            found[edge.follower].add(edge.followed)
        return found
    finally:
        await store.close()


@pytest.mark.long
def test_a_backup_under_load_has_every_write_that_was_answered_before(tmp_path: Path) -> None:
    targets = range(FIRST, FIRST + 900)
    with running(store=tmp_path / "s.db", workers=2) as service:
        writers = fresh(service, 6)
        service.add_accounts(*targets)
        answered: dict[int, list[int]] = {one.mid: [] for one in writers}
        stop = threading.Event()
        threads = [
            threading.Thread(target=write, args=(service, one, answered[one.mid], stop))
            for one in writers
        ]
        for thread in threads:
            thread.start()
        try:
            for number in range(count(3, 20)):
                file = tmp_path / f"{number}.db"
                time.sleep(0.1)
                before = {mid: set(done) for mid, done in answered.items()}
                back_up(service.store, file, force=False, progress=lambda *_: None)
                found = asyncio.run(followed(file, list(answered)))
                for mid, done in before.items():
                    assert done <= found[mid]
                    # Each writer waits for one answer before its next write.
                    assert found[mid] == set(range(FIRST, FIRST + len(found[mid])))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert all(len(done) > 3 for done in answered.values()), "the writers went on meanwhile"


def write(
    service: RunningService, caller: SignedIn, done: list[int], stop: threading.Event
) -> None:
    """Follow accounts one after another, over HTTP, and note each that was answered."""
    mid = FIRST
    while not stop.is_set() and mid < FIRST + 900:
        answer = modify(service, caller, mid, 1)
        assert answer.code == 0, answer.raw
        done.append(mid)
        mid += 1
