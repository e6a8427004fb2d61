"""The soak: many connections for many minutes, every response compared with a model."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from guanxi.stores.sqlite.writer import LOG_PAGES
from tools.soak.client import Actor, Tally, read_feed
from tools.soak.service import logged, serving
from tools.soak.watch import Growth, Sample, growths, sample
from tools.soak.world import Feed, Model, differences, fill

CONNECTIONS, WORKERS = 64, 2
#: Bytes by which the memory of a process may grow while it is watched, or this share of it; the
#: handles by which their number may differ.
GROWS_BYTES, GROWS_SHARE = 6 << 20, 0.05
GROWS_HANDLES = 3
#: The most bytes of the log of a store in a file: at half of it the writer copies it into the file.
LOG_BYTES = 2 * LOG_PAGES * 4_096
#: The part of the time in which caches fill, which does not count.
_WARM = 1 / 3
_SAMPLE_SECONDS = 1.0


class Plan(Struct, frozen=True, kw_only=True):
    """How long a soak is, and how large."""

    seconds: float
    connections: int = CONNECTIONS
    #: The followers of the first hub before the soak.
    crowd: int = 50_000
    #: The most responses; None for as many as come.
    most: int | None = None
    seed: int = 1


class Report(Struct, kw_only=True):
    """What a soak found. It was good if ``wrong`` is empty."""

    seconds: float
    responses: dict[str, int]
    p50_ms: float
    p99_ms: float
    changes: int
    memory: list[Growth]
    handles: list[Growth]
    log_bytes: int
    #: Processor seconds of each process.
    cpu: dict[int, float]
    wrong: list[str]

    @property
    def rate(self) -> float:
        """Return responses per second."""
        return sum(self.responses.values()) / self.seconds


async def _loaded(
    plan: Plan, model: Model, store: str, folder: Path
) -> tuple[Tally, Feed, list[Sample], float]:
    signed = await fill(store, model, int(time.time()))
    tally, feed = Tally(), Feed(model)
    samples: list[Sample] = []
    with serving(store, folder, "--workers", str(WORKERS)) as service:
        began = time.monotonic()

        def until() -> bool:
            sent = plan.most is not None and len(tally.seconds) >= plan.most
            return sent or time.monotonic() - began >= plan.seconds

        async def watch() -> None:
            while not until():
                await asyncio.sleep(min(_SAMPLE_SECONDS, plan.seconds / 10))
                since = time.monotonic() - began
                # In a thread: to look at a large map of memory takes milliseconds.
                samples.append(await asyncio.to_thread(sample, service.pid, store, since))

        async with asyncio.TaskGroup() as group:
            actors = [
                group.create_task(
                    Actor(number, model, signed, tally, plan.seed).run(service.port, until)
                )
                for number in range(plan.connections)
            ]

            def done() -> bool:  # the feed is read on until the last write was answered
                return all(task.done() for task in actors)

            group.create_task(watch())
            group.create_task(read_feed(service.admin_port, service.token, feed, done))
        return tally, feed, samples, time.monotonic() - began


def soak(plan: Plan, store: str, folder: Path) -> Report:
    """Run a soak over a new store; ``folder`` gets the service's log.

    Raise StoreError or ValueError if the store cannot be filled, RuntimeError if the service does
    not start or does not stop.
    """
    model = Model(plan.connections, plan.crowd)
    tally, feed, samples, seconds = asyncio.run(_loaded(plan, model, store, folder))
    late = [one for one in samples if one.seconds >= _WARM * seconds]
    memory = growths(late, lambda usage: usage.anonymous)
    handles = growths(late, lambda usage: usage.handles)
    log = max((one.log for one in samples), default=0)
    wrong = [*tally.wrong, *feed.wrong]
    if tally.wrongs > len(tally.wrong):
        wrong.append(f"and {tally.wrongs - len(tally.wrong)} more wrong responses")
    if missing := feed.missing():
        wrong.append(f"feed: {missing} changes are missing")
    if len({frozenset(one.usages) for one in samples}) > 1:
        wrong.append("a process ended or was started")
    wrong += [f"memory of {one.pid} grows: {one}" for one in memory if not _is_flat(one)]
    wrong += [f"handles of {one.pid} grow: {one}" for one in handles if one.grown > GROWS_HANDLES]
    if log > LOG_BYTES:
        wrong.append(f"the store's log had {log} bytes")
    if lines := logged(folder).strip():
        wrong += [f"log: {line}" for line in lines.splitlines() if '"level": "ERROR"' in line]
    wrong += asyncio.run(differences(store, model))
    return Report(
        seconds=seconds,
        responses=dict(tally.done),
        p50_ms=tally.percentile(0.5),
        p99_ms=tally.percentile(0.99),
        changes=feed.seen,
        memory=memory,
        handles=handles,
        log_bytes=log,
        cpu={pid: usage.cpu for pid, usage in samples[-1].usages.items()} if samples else {},
        wrong=wrong,
    )


def _is_flat(growth: Growth) -> bool:
    return growth.grown <= max(GROWS_BYTES, GROWS_SHARE * growth.typical)


def show(report: Report, say: Callable[[str], Any]) -> None:
    """Pass a report to ``say``, line by line."""
    say(
        f"{sum(report.responses.values()):,} responses in {report.seconds:.0f} s:"
        f" {report.rate:,.0f} a second, p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms"
    )
    for name, number in sorted(report.responses.items()):
        say(f"  {name}: {number:,}")
    say(f"  changes that the feed showed, each in its order: {report.changes:,}")
    for one in report.memory:
        say(
            f"  memory of {one.pid}: {one.typical / 2**20:.1f} MB, at most"
            f" {one.most / 2**20:.1f} MB, grew by {one.grown / 2**20:+.2f} MB after the warm-up"
        )
    for one in report.handles:
        say(f"  handles of {one.pid}: {one.typical:.0f}, at most {one.most:.0f}")
    say(f"  the store's log: at most {report.log_bytes / 2**20:.1f} MB")
    say(
        f"  processor seconds: {report.cpu}, this client {time.process_time():.0f},"
        f" load of the machine {os.getloadavg()[0]:.1f}"
    )
    for line in report.wrong:
        say(f"  WRONG {line}")
