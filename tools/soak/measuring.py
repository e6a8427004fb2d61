"""Print what overload and idle connections do: figures of one machine at one time, no bounds."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tools.soak.client import get, post
from tools.soak.idle import holding, most_handles
from tools.soak.overload import Load, Outcome, outcome, start
from tools.soak.service import serving
from tools.soak.watch import family, usage
from tools.soak.world import HUBS, Model, fill

#: The connections that measure the capacity of a worker, and how many times as many are too many.
_CAPACITY, _TIMES = 256, 4
_SECONDS, _ROUNDS = 3.0, 3
_READY, _EVERY = 3_000, 9
IDLE = 10_000


def _requests(store: str) -> list[bytes]:
    """Fill a store; return requests for relations and pages, of which a tenth writes."""
    model = Model(64, 5_000)
    signed = asyncio.run(fill(store, model, int(time.time())))
    draw, mids = random.Random(1), [*model.accounts]
    sent: list[bytes] = []
    for index in range(_READY):
        mid, other, hub = draw.choice(mids), draw.choice(mids), draw.choice(HUBS)
        cookie = signed[mid].cookie
        if index % 2:
            sent.append(get("/x/relation/followers", cookie, vmid=hub, ps=50, pn=1))
        else:
            sent.append(get("/x/relation", cookie, fid=other))
        if index % _EVERY == 0:
            act = 5 + index // _EVERY % 2  # what is done already is refused, after the same work
            sent.append(post("/x/relation/modify", signed[mid], fid=hub, act=act, re_src=11))
    return sent


def overload(folder: Path, say: Callable[[str], None]) -> bool:
    """Measure one worker at its capacity, with four times the load, and a second after it.

    Return whether every refusal had its code and its header.
    """
    store = str(folder / "overload.db")
    requests = _requests(store)

    def load(port: int, connections: int, seconds: float = _SECONDS) -> Outcome:
        plan = Load(port=port, requests=requests, connections=connections, seconds=seconds)
        return outcome(start(plan, None))

    wrong = ""
    ratios: list[tuple[float, float]] = []
    with serving(store, folder) as service:
        load(service.port, _CAPACITY, 1.0)
        for _ in range(_ROUNDS):  # in turns, as other programs slow the machine down
            usual = load(service.port, _CAPACITY)
            much = load(service.port, _TIMES * _CAPACITY)
            again = load(service.port, _CAPACITY, 1.0)
            for name, found in (
                ("capacity", usual),
                (f"{_TIMES} times", much),
                ("the second after it", again),
            ):
                say(f"{name}: {_described(found)}")
                wrong = wrong or found.wrong
            half, most = (
                much.milliseconds(200, share, 1.0) / usual.milliseconds(200, share)
                for share in (0.5, 0.99)
            )
            ratios.append((half, most))
    half, most = (median(column) for column in zip(*ratios, strict=True))
    say(f"admitted after the first second, of the usual time: {half:.1f} (p50), {most:.1f} (p99)")
    if wrong:
        say(f"WRONG {wrong}")
    return not wrong


def _described(found: Outcome) -> str:
    return (
        f"{found.count(200) / found.seconds:,.0f} answered a second,"
        f" p50 {found.milliseconds(200, 0.5):.0f} ms, p99 {found.milliseconds(200, 0.99):.0f} ms;"
        f" {found.count(503):,} refused, p50 {found.milliseconds(503, 0.5):.0f} ms"
    )


def idle(folder: Path, say: Callable[[str], None], number: int = IDLE) -> None:
    """Measure what idle connections cost two workers."""
    store = str(folder / "idle.db")
    asyncio.run(fill(store, Model(1, 10), int(time.time())))
    with serving(store, folder, "--workers", "2", handles=most_handles()) as service:
        with holding(service.port, 100):  # what the first ones load is no cost of a connection
            pass

        def used() -> int:
            return sum(usage(pid).anonymous for pid in family(service.pid))

        before = used()
        with holding(service.port, number):
            more = used() - before
    say(f"{number:,} idle connections: {more / 2**20:.1f} MB more, {more / number:,.0f} bytes each")
