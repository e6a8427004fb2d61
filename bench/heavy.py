"""Lines with heavy callers: short reads while 32 connections ask for the shared followings of
long lists.

``python -m bench.heavy PORT`` is those connections. It reads their requests (MessagePack, one for
each connection) from stdin, and repeats each until it is terminated. After a -503 a connection
waits for a second, as the response demands.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import msgspec

from bench import requests
from bench.lines import Bench, Line, Sides
from bench.load import Loading, Plan
from bench.machine import python, serving
from bench.reads import port_of, sample_bodies
from bench.slopes import plain_server
from guanxi.accounts.secrets import Session, TokenKind, session_digest, session_token
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow

#: The accounts with long lists, their connections, and the length of each list.
_HEAVY, _CONNECTIONS, _FOLLOWINGS = range(2, 6), 32, 250_000
#: The account whose short reads are measured, its followings, and its requests per second.
_LIGHT, _FEW, _RATE = 1, 200, 200.0
_FIRST_TARGET = 100
#: Long enough that the first long reads have begun.
_HEAVY_SECONDS = 1.0


async def filled(address: str, length: int) -> dict[int, str]:
    """Fill a new store with the lists; return the Cookie header of each account."""
    store = await open_store(address, create=True)
    lengths = dict.fromkeys(_HEAVY, length) | {_LIGHT: _FEW}
    await store.import_edges(
        lambda: (
            EdgeRow(follower=mid, followed=target, time=1_600_000_000 + target * 7919 % length)
            for mid, count in lengths.items()
            for target in range(_FIRST_TARGET, _FIRST_TARGET + count)
        )
    )
    tokens = {mid: session_token(mid) for mid in lengths}
    now = int(time.time())
    for mid, token in tokens.items():
        await store.open_session(
            Session(
                digest=session_digest(token),
                mid=mid,
                kind=TokenKind.COOKIE,
                created=now,
                expires=2**40,
            )
        )
    await store.close()
    return {mid: f"SESSDATA={token}" for mid, token in tokens.items()}


@contextmanager
def heavy_calls(port: int, sent: Sequence[bytes], core: int) -> Iterator[None]:
    """Keep the heavy connections busy while the block runs."""
    process = python("-m", "bench.heavy", str(port), core=core, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(msgspec.msgpack.encode(sent))
    process.stdin.close()
    try:
        time.sleep(_HEAVY_SECONDS)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _beside(bench: Bench, address: str) -> Iterator[Sides]:
    cookies = asyncio.run(filled(address, 20_000 if bench.quick else _FOLLOWINGS))
    light = [
        requests.get("/x/relation/tags", cookies[_LIGHT]),
        requests.get("/x/relation/followings", cookies[_LIGHT], vmid=_LIGHT, ps=50),
    ]
    pairs = [(mid, other) for mid in _HEAVY for other in _HEAVY if mid != other]
    heavy = [
        requests.get("/x/relation/same/followings", cookies[mid], vmid=other)
        for mid, other in islice(cycle(pairs), _CONNECTIONS)
    ]
    with serving(address, bench.cores.serve) as url:
        plan = Plan(port=port_of(url), sequences=[light] * 4, seconds=bench.seconds, rate=_RATE)

        def alone() -> float:
            return Loading(plan, bench.cores.load).result().p99 * 1000

        def with_heavy() -> float:
            with heavy_calls(plan.port, heavy, bench.cores.load):
                return alone()

        sample_bodies(url, light)
        alone()
        yield Sides(with_heavy, alone)


@contextmanager
def _sqlite(bench: Bench) -> Iterator[Sides]:
    with (
        tempfile.TemporaryDirectory(dir=bench.folder) as folder,
        _beside(bench, str(Path(folder) / "heavy.db")) as sides,
    ):
        yield sides


@contextmanager
def _postgresql(bench: Bench) -> Iterator[Sides]:
    with plain_server() as address, _beside(bench, address) as sides:
        yield sides


LINES = tuple(
    Line(
        name=name,
        what=f"p99 of groups and a page next to {_CONNECTIONS} heavy connections, {engine}",
        against="the same alone",
        unit="ms",
        bound=5.0,
        at_most=True,
        rounds=5,
        quick=name == "heavy",
        sides=sides,
    )
    for name, engine, sides in (
        ("heavy", "SQLite", _sqlite),
        ("postgres-heavy", "PostgreSQL", _postgresql),
    )
)


async def _repeat(port: int, request: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if b" 503 " in head.partition(b"\r\n")[0]:
            await asyncio.sleep(1)


async def _main(port: int) -> None:
    sent = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[bytes])
    await asyncio.gather(*(_repeat(port, request) for request in sent))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
