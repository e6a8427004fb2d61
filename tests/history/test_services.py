"""Histories of real services with faults: two workers over SQLite, and PostgreSQL that fails over.

``make test-long`` records each for a minute, ``make test`` for a second or two.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from guanxi.stores.port import Store
from tests.cli.runner import with_store
from tests.counts import count
from tests.history.checked import faults
from tests.history.load import Client, FeedReader, clients
from tests.history.nemesis import Fault, Primary, Workers, new_token, served
from tests.history.ops import Outcome
from tests.history.world import ACCOUNTS, Session, prepare
from tests.service.test_restarts import Service

#: The seconds in which the long form makes faults, and the pauses between them.
_LONG_SECONDS, _PAUSES = 60.0, (0.2, 1.2)
_CLIENTS = 8


async def _start(store: Store) -> tuple[list[Session], str]:
    return await prepare(store, _CLIENTS), (await store.changes_status()).cursor


async def _faults_and_feed(store: Store, after: str) -> tuple[list[str], list[int]]:
    found = [f"{fault.invariant}: {fault.detail}" async for fault in store.check()]
    numbers: list[int] = []
    while items := (await store.changes(after, 1_000)).items:
        numbers += [item.number for item in items]
        after = items[-1].cursor
    return found, numbers


def check(store: str, make: Callable[[Service, Random], Sequence[Fault]], seed: int) -> str:
    """Record a history with faults, and check it; return its figures.

    ``make`` returns the faults of a service. The short form makes each once.
    """
    sessions, start = with_store(store, _start)
    draw, token, made = Random(seed), new_token(), 0
    with served(store, token) as service:
        reader = FeedReader(service.urls[-1], token, start)
        reader.start()
        pending = list(make(service, draw))
        until = time.monotonic() + count(0, _LONG_SECONDS)
        pause = count(0.02, 0.05)
        with clients(service.url, sessions, seed, pause) as running:
            while pending or time.monotonic() < until:
                time.sleep(count(0.1, draw.uniform(*_PAUSES)))
                fault = pending.pop(0) if pending else draw.choice(make(service, draw))
                fault()
                made += 1
            time.sleep(0.2)
        readers = [Client(_CLIENTS, service.url, one, seed, 0) for one in sessions[: len(ACCOUNTS)]]
        for client in readers:
            client.read_all()
        reader.stopped.set()
        reader.join(60)
    everybody = [*running, *readers]
    ops = [op for client in everybody for op in client.ops]
    assert [client.unexpected for client in everybody] == [[]] * len(everybody)
    assert reader.refused == []
    assert all(op.outcome is Outcome.OK for client in readers for op in client.ops)
    assert sum(op.is_act and op.outcome is Outcome.OK for op in ops) > count(50, 2_000)
    found, numbers = with_store(store, lambda opened: _faults_and_feed(opened, start))
    assert found == []
    assert [change.number for change in reader.feed] == numbers
    contradicted = faults(ops, reader.feed)
    assert contradicted == {}, "\n".join(each for some in contradicted.values() for each in some)
    outcomes = Counter(op.outcome.value for op in ops)
    return f"{len(ops)} operations {dict(outcomes)}, {len(numbers)} changes, {made} faults"


def test_two_workers_over_a_file(tmp_path: Path) -> None:
    def make(service: Service, draw: Random) -> Sequence[Fault]:
        workers = Workers(service, draw)
        return [workers.kill, workers.pause]

    print(check(str(tmp_path / "s.db"), make, seed=11))


def test_postgresql_that_fails_over() -> None:
    pair = Primary()

    def make(service: Service, draw: Random) -> Sequence[Fault]:
        workers = Workers(service, draw)
        return [pair.terminate, pair.fail_over, workers.kill, pair.pause, workers.pause][
            : count(2, 5)
        ]

    try:
        print(check(pair.address, make, seed=12), f"{pair.failovers} failovers")
    finally:
        pair.delete()
