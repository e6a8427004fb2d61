"""Histories of real services with faults: two workers over SQLite, and PostgreSQL that fails over.

``make test-long`` records each for a minute, ``make test`` for a second or two.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from guanxi.stores.port import Store
from tests.cli.runner import with_store
from tests.counts import LONG
from tests.history.checked import faults
from tests.history.load import Client, FeedReader, clients
from tests.history.nemesis import Fault, Primary, Workers, new_token, served
from tests.history.ops import Change, Op, Outcome
from tests.history.world import ACCOUNTS, Session, prepare
from tests.service.test_restarts import Service
from tests.service.test_workers import until as wait_until

#: The seconds in which the long form makes faults, and the pauses between them.
_LONG_SECONDS, _PAUSES = 40.0, (0.2, 1.2)
_CLIENTS = 8
#: The fewest acts with a code in a short history.
_ACTS = 80

#: Returns the faults of a service.
Faults = Callable[[Service, Random], Sequence[Fault]]


@dataclass(frozen=True)
class Recorded:
    """A history, with what a reader of the feed got meanwhile."""

    ops: list[Op]
    feed: list[Change]
    #: Why the reader of the feed was refused.
    refused: list[str]
    figures: str


async def _start(store: Store) -> tuple[list[Session], str]:
    return await prepare(store, _CLIENTS), (await store.changes_status()).cursor


def record(store: str, make: Faults, seed: int, seconds: float) -> Recorded:
    """Record a history of ``seconds`` in which each fault happens at least once."""
    sessions, start = with_store(store, _start)
    draw, token, made = Random(seed), new_token(), 0
    with served(store, token) as service:
        reader = FeedReader(service.urls[-1], token, start)
        reader.start()
        choices = make(service, draw)
        pending = list(choices)
        until = time.monotonic() + seconds
        pause = 0.05 if LONG else 0.02
        with clients(service.url, sessions, seed, pause) as running:
            while pending or time.monotonic() < until:
                time.sleep(draw.uniform(*_PAUSES) if LONG else 0.1)
                fault = pending.pop(0) if pending else draw.choice(choices)
                fault()
                made += 1
            wait_until(lambda: acknowledged(running) >= _ACTS, 60)
        readers = [Client(_CLIENTS, service.url, one, seed, 0) for one in sessions[: len(ACCOUNTS)]]
        for client in readers:
            client.read_all()
        reader.stopped.set()
        reader.join(60)
    everybody = [*running, *readers]
    ops = [op for client in everybody for op in client.ops]
    assert [client.unexpected for client in everybody] == [[]] * len(everybody)
    assert all(op.outcome is Outcome.OK for client in readers for op in client.ops)
    acts = sum(op.is_act for op in ops)
    reasons = sum((client.reasons for client in running), Counter())
    figures = f"{len(ops)} operations, {acts} acts, {len(reader.feed)} changes, {made} faults"
    return Recorded(ops, reader.feed, reader.refused, f"{figures}, {dict(reasons)}")


def acknowledged(running: Sequence[Client]) -> int:
    """Return how many acts have a code by now."""
    ops = [op for client in running for op in list(client.ops)]
    return sum(op.is_act and op.outcome is Outcome.OK for op in ops)


async def _faults_and_numbers(store: Store) -> tuple[list[str], list[int]]:
    """Return what the store's own check finds, and the numbers of its changes."""
    found = [f"{fault.invariant}: {fault.detail}" async for fault in store.check()]
    numbers: list[int] = []
    after = None
    while items := (await store.changes(after, 1_000)).items:
        numbers += [item.number for item in items]
        after = items[-1].cursor
    return found, numbers


def check(store: str, make: Faults, seed: int) -> str:
    """Record a history with faults, and check it; return its figures."""
    recorded = record(store, make, seed, _LONG_SECONDS if LONG else 0)
    assert recorded.refused == []
    found, numbers = with_store(store, _faults_and_numbers)
    assert found == []
    assert [change.number for change in recorded.feed] == numbers
    contradicted = faults(recorded.ops, recorded.feed)
    assert contradicted == {}, "\n".join(each for some in contradicted.values() for each in some)
    return recorded.figures


@pytest.mark.long
def test_two_workers_over_a_file(tmp_path: Path) -> None:
    def make(service: Service, draw: Random) -> Sequence[Fault]:
        workers = Workers(service, draw)
        return workers.kill, workers.pause

    print(check(str(tmp_path / "s.db"), make, seed=11))


def test_postgresql_that_fails_over() -> None:
    pair = Primary()

    def make(service: Service, draw: Random) -> Sequence[Fault]:
        workers = Workers(service, draw)
        if not LONG:
            return pair.terminate, partial(pair.promote, behind=0.3)
        return pair.terminate, pair.fail_over, workers.kill, pair.pause, workers.pause

    try:
        print(check(pair.address, make, seed=12), f"{pair.failovers} failovers")
    finally:
        pair.delete()


@pytest.mark.long
def test_a_standby_that_lacks_writes_is_found() -> None:
    """As if ``synchronous_standby_names`` were forgotten: the check itself can fail."""
    pair = Primary(synchronous=False)
    lose = partial(pair.promote, behind=1.0)
    try:
        recorded = record(pair.address, lambda _service, _draw: [lose], 13, seconds=0)
    finally:
        pair.delete()
    assert {"linearizable", "own writes"} <= faults(recorded.ops, recorded.feed).keys()
