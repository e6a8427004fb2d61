"""Lines with 64 heavy calls of one account: what pages of others and the health check keep.

The account reads the followings that two long lists share, over 64 connections; after a -503 a
connection waits for a second, as the response demands.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench import requests
from bench.heavy import filled, heavy_calls
from bench.lines import Bench, Line, Sides
from bench.load import Loading, Plan, load
from bench.machine import serving
from bench.reads import port_of, sample_bodies
from bench.slopes import plain_server

_CALLS, _FOLLOWINGS = 64, 250_000
#: The account that calls, one whose list it compares with its own, and one that reads pages.
_HEAVY, _OTHER, _LIGHT = 2, 3, 1
#: The bound of the health check, and how many are sent a second.
_HEALTH_MS, _HEALTH_RATE = 5.0, 50.0

_Address = Callable[[Bench], AbstractContextManager[str]]


@contextmanager
def _crowd(bench: Bench, made: _Address, *, health: bool) -> Iterator[Sides]:
    with made(bench) as address:
        cookies = asyncio.run(filled(address, 20_000 if bench.quick else _FOLLOWINGS))
        heavy = [
            requests.get("/x/relation/same/followings", cookies[_HEAVY], vmid=_OTHER, ps=50)
        ] * _CALLS
        page = requests.get("/x/relation/followings", cookies[_LIGHT], vmid=_LIGHT, ps=50)
        probe = requests.get("/healthz", "")
        with serving(address, bench.cores.serve) as url:
            port = port_of(url)
            pages = Plan(port=port, sequences=[[page]] * 16, seconds=bench.seconds)
            probes = Plan(
                port=port,
                sequences=[[probe]] * 4,
                seconds=bench.seconds,
                rate=_HEALTH_RATE,
                begins=b'{"status":"ok"}',
            )

            def beside() -> float:
                with heavy_calls(port, heavy, bench.cores.load):
                    if health:
                        return Loading(probes, bench.cores.load).result().p99 * 1000
                    return load(pages, bench.cores.load).rate

            def alone() -> float:
                return _HEALTH_MS if health else load(pages, bench.cores.load).rate

            sample_bodies(url, [page])
            load(pages, bench.cores.load)
            yield Sides(beside, alone)


@contextmanager
def _sqlite(bench: Bench) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        yield str(Path(folder) / "crowd.db")


def _lines(name: str, engine: str, made: _Address) -> Iterator[Line]:
    yield Line(
        name=f"{name}crowd",
        what=f"pages next to {_CALLS} heavy calls of one account, {engine}",
        against="the same alone",
        unit="pages/s",
        bound=0.7,
        rounds=5,
        quick=False,
        sides=partial(_crowd, made=made, health=False),
    )
    yield Line(
        name=f"{name}crowd-health",
        what=f"p99 of /healthz next to {_CALLS} heavy calls, {engine}",
        against="its bound",
        unit="ms",
        bound=1.0,
        at_most=True,
        rounds=5,
        quick=False,
        sides=partial(_crowd, made=made, health=True),
    )


LINES = (
    *_lines("", "SQLite", _sqlite),
    *_lines("postgres-", "PostgreSQL", lambda _: plain_server()),
)
