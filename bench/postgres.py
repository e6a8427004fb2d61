"""Lines on PostgreSQL: a server that the benchmark starts, filled with the graph.

The other side of each line sends the same statements, recorded from the store's own code, by the
driver alone over one connection; that of ``postgres-follow-rows`` sends statements of one row each,
written here, so that it stays the same when the store gets quicker.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import uvloop

from bench import requests
from bench.graph import Graph, Recipe, cached_graph
from bench.lines import Bench, Line, Sides, Skipped, Wrong
from bench.load import Plan, load
from bench.machine import CACHE, guanxi, on_core, python, serving
from bench.reads import Requests, port_of, rate, sample_bodies
from bench.writes import FOLLOWS_A_SECOND, Follows
from guanxi.accounts.secrets import digest
from guanxi.contract.limits import OPEN
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify, sort_key_at
from guanxi.stores.postgresql import cards, reads, sessions
from guanxi.stores.postgresql.citus import distributes
from guanxi.stores.postgresql.connections import PATIENT, connect
from guanxi.stores.postgresql.pairs import lock, modify
from guanxi.stores.postgresql.rows import write
from tools.postgres import Server, programs

#: A tenth of the graph: filling the server takes minutes, and a page costs the same.
_RECIPE = Recipe(accounts=100_001, edges=1_000_000, wide=16, signed_in=10_000)
_SETTINGS = {"max_connections": "100", "shared_buffers": "512MB"}
#: A file in the server's data folder that shows that the graph was copied completely.
_FILLED = "guanxi-bench-done"
#: Recorded reads, which are sent in turn; recorded follows per second, more than can be sent.
_RECORDED_READS, _RECORDED_FOLLOWS = 2_000, 10_000


@contextmanager
def _running_copy(bench: Bench) -> Iterator[tuple[Graph, str]]:
    """Yield a graph and the URL of a server that holds it, filled by `guanxi store copy`.

    The server runs on a temporary copy of the cached files, so changes by the block are discarded.
    Raise Skipped without PostgreSQL, Wrong if the copy fails.
    """
    graph = bench.graph if bench.quick else cached_graph(_RECIPE)
    folder = programs()
    if folder is None:
        raise Skipped(
            "PostgreSQL not found: put initdb on PATH, or install it in /usr/lib/postgresql/*/bin"
        )
    data = CACHE / f"postgres-{graph.folder.name}"
    if not (data / _FILLED).exists():
        shutil.rmtree(data, ignore_errors=True)
        server = Server(folder, _SETTINGS, data)
        server.make()
        with _running(server) as address:
            command = guanxi("store", "copy", str(graph.store), address)
            copying = python(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if copying.wait():
                raise Wrong(f"guanxi store copy exited with status {copying.returncode}")
            asyncio.run(_analyze(address))
        (data / _FILLED).touch()
    with tempfile.TemporaryDirectory(prefix="guanxi-pg-", dir=CACHE) as scratch:
        os.chmod(scratch, 0o755)
        copied = Path(scratch) / "data"
        subprocess.run(["cp", "-a", data, copied], check=True)
        with _running(Server(folder, _SETTINGS, copied)) as address:
            yield graph, address


@contextmanager
def _running(server: Server) -> Iterator[str]:
    """Run a server while the block runs; yield its URL. Its data directory stays."""
    try:
        server.start()
        yield server.address
    finally:
        server.stop()
        server.delete()


async def _analyze(address: str) -> None:
    connection = await connect(address, PATIENT)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


# --- the other side ---

#: Executes the statements of one request, for an account of a graph.
_Read = Callable[[Any, Graph, int, random.Random], Awaitable[None]]
#: The name of a connection's method, and the arguments of a call.
_Call = tuple[str, tuple[Any, ...]]


class _Recorder:
    """A connection that records the calls of its methods."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.calls: list[_Call] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._connection, name)

        async def call(*values: Any) -> Any:
            arguments = tuple(list(it) if isinstance(it, Iterator) else it for it in values)
            self.calls.append((name, arguments))
            return await method(*arguments)

        return call


async def _edge(db: Any, graph: Graph, mid: int, draw: random.Random) -> None:
    await sessions.session(db, digest(graph.token(mid)))
    await reads.relations(db, mid, [draw.choice(graph.mids)])


async def _page(db: Any, graph: Graph, mid: int, _draw: random.Random) -> None:
    await sessions.session(db, digest(graph.token(mid)))
    page = await reads.page(db, Listing.FOLLOWINGS, mid, Sort.NEWEST, Window(0, 50), None)
    await cards.tails(db, page.rows.mids)


async def _follows(db: Any, owners: Sequence[int], graph: Graph, draw: random.Random) -> None:
    """Execute a transaction with a new follow of each owner; the caller must end it."""
    drawn = [(owner, draw.choice(graph.mids)) for owner in owners]
    acts = [Modify(owner, target, Act.FOLLOW) for owner, target in drawn if owner != target]
    await db.execute("BEGIN")
    caps = OPEN.limits.caps
    locked = await lock(db, acts, (), sort_key_at(time.time_ns()), cap=caps.following)
    for act in acts:
        modify(locked, act, caps)
    await write(db, locked, 0)


def _read_straight(bench: Bench, address: str, graph: Graph, read: _Read) -> float:
    async def run() -> float:
        draw = random.Random(graph.recipe.seed)
        connection = await connect(address)
        recorded = []
        for mid in draw.choices(graph.owners, k=_RECORDED_READS):
            recorder = _Recorder(connection)
            await read(recorder, graph, mid, draw)
            recorded.append(recorder.calls)
        count, began = 0, time.perf_counter()
        while (last := time.perf_counter()) < began + bench.seconds:
            for name, values in recorded[count % len(recorded)]:
                await getattr(connection, name)(*values)
            count += 1
        await connection.close()
        return count / (last - began)

    return on_serving_core(bench, run)


def _follow_straight(
    bench: Bench, address: str, graph: Graph, draw: random.Random, batch_size: int
) -> float:
    async def run() -> float:
        connection = await connect(address)
        limit = round(_RECORDED_FOLLOWS * bench.seconds)
        served = {*graph.owners}  # the service's side follows for these, in the same database
        others = [mid for mid in graph.mids if mid not in served]
        owners = draw.sample(others, min(len(others) // 2, limit))
        recorded = []
        for at in range(0, len(owners) - batch_size, batch_size):
            recorder: Any = _Recorder(connection)
            await distributes(recorder)  # which is read once for each connection
            recorder.calls.clear()
            await _follows(recorder, owners[at : at + batch_size], graph, draw)
            await connection.execute("ROLLBACK")
            recorded.append([*recorder.calls, ("execute", ("COMMIT",))])
        count, began = 0, time.perf_counter()
        for calls in recorded:
            if time.perf_counter() > began + bench.seconds:
                break
            for name, values in calls:
                await getattr(connection, name)(*values)
            count += batch_size
        spent = time.perf_counter() - began
        await connection.close()
        return count / spent

    return on_serving_core(bench, run)


# What a follow needs, a statement for each row, in one order of rows: nothing is checked.
_MAKE = "INSERT INTO relation (owner, other) VALUES ($1, $2) ON CONFLICT (owner, other) DO NOTHING"
_LOCK = "SELECT follows, blocks FROM relation WHERE owner = $1 AND other = $2 FOR UPDATE"
_TALLY = "SELECT following, newest FROM tally WHERE mid = $1 FOR UPDATE"
_ACCOUNT = "SELECT state, refuse_follows FROM account WHERE mid = $1"
_PUT = """
INSERT INTO relation (owner, other, follows, followed) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner, other) DO UPDATE SET follows = excluded.follows, followed = excluded.followed
"""
_PUT_TALLY = """
UPDATE tally SET following = following + 1, version = version + 1, newest = $2 WHERE mid = $1
"""
_PUT_FOLLOWERS = """
INSERT INTO follower_tally (mid, slot, follower, version) VALUES ($1, $2, 1, 1)
ON CONFLICT (mid, slot) DO UPDATE SET
    follower = follower_tally.follower + 1, version = follower_tally.version + 1
"""


async def _follow_row_by_row(db: Any, pairs: Sequence[tuple[int, int]], slot: int) -> None:
    """Write new follows, each of another owner, in one transaction of a statement for each row."""
    now = sort_key_at(time.time_ns())
    ends = sorted(chain.from_iterable(((a, b), (b, a)) for a, b in pairs))
    owners = sorted(owner for owner, _ in pairs)
    put = [(a, b, now, None) for a, b in pairs] + [(b, a, None, now) for a, b in pairs]
    await db.execute("BEGIN")
    await db.executemany(_MAKE, [key for key in ends if key[0] < key[1]])
    await db.fetchmany(_LOCK, ends)
    await db.fetchmany(_TALLY, [(owner,) for owner in owners])
    await db.fetchmany(_ACCOUNT, [(mid,) for mid in sorted({*chain.from_iterable(pairs)})])
    await db.executemany(_PUT, sorted(put))
    await db.executemany(_PUT_TALLY, [(owner, now) for owner in owners])
    await db.executemany(_PUT_FOLLOWERS, [(b, slot) for b in sorted({b for _, b in pairs})])
    await db.execute("COMMIT")


def rate_by_hand(
    bench: Bench,
    address: str,
    graph: Graph,
    draw: random.Random,
    batch_size: int,
    *,
    write: Callable[[Any, Sequence[tuple[int, int]], int], Awaitable[None]] = _follow_row_by_row,
    connections: int = 1,
) -> float:
    """Return how many new follows a second ``write`` has, which gets a slot for each connection."""
    served = {*graph.owners}  # the service's side follows for these, in the same database
    others = [mid for mid in graph.mids if mid not in served]

    async def run() -> float:
        began = time.perf_counter()

        async def send(slot: int) -> int:
            connection = await connect(address)
            count = 0
            while time.perf_counter() < began + bench.seconds:
                drawn = draw.sample(others, 2 * batch_size)
                await write(connection, [*zip(drawn[::2], drawn[1::2], strict=True)], slot)
                count += batch_size
            await connection.close()
            return count

        counts = await asyncio.gather(*map(send, range(connections)))
        return sum(counts) / (time.perf_counter() - began)

    return on_serving_core(bench, run)


def on_serving_core(bench: Bench, run: Callable[[], Coroutine[Any, Any, float]]) -> float:
    """Return the result of a coroutine, run on the serving core in a uvloop event loop."""
    with on_core(bench.cores.serve), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


# --- the lines ---


@contextmanager
def _read(bench: Bench, build: Requests, read: _Read) -> Iterator[Sides]:
    with _running_copy(bench) as (graph, address), serving(address, bench.cores.serve) as url:
        sent = build(graph)
        sample_bodies(url, sent)
        yield Sides(
            partial(rate, bench, url, sent), partial(_read_straight, bench, address, graph, read)
        )


@contextmanager
def _follow(
    bench: Bench, batch_size: int, straight: Callable[..., float] = _follow_straight
) -> Iterator[Sides]:
    draw = random.Random(bench.graph.recipe.seed)
    count = round(FOLLOWS_A_SECOND * (bench.seconds + 1))
    with _running_copy(bench) as (graph, address), serving(address, bench.cores.serve) as url:
        new = Follows(graph, bench.connections)

        def ours() -> float:
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in batch] for batch in new(count)],
                seconds=bench.seconds,
                cycled=False,
            )
            return load(plan, bench.cores.load).rate

        yield Sides(ours, partial(straight, bench, address, graph, draw, batch_size))


LINES = tuple(
    Line(
        name=f"postgres-{name}",
        what=f"{what}, on PostgreSQL",
        against=f"{against} sent by asyncpg alone over one connection",
        unit=unit,
        bound=0.7 if name in ("follow-64", "follow-rows") else 0.5,
        quick=False,
        sides=sides,
    )
    for name, what, against, unit, sides in (
        (
            "edge",
            "x/relation, one edge",
            "the same statements",
            "responses/s",
            partial(_read, build=requests.edge, read=_edge),
        ),
        (
            "own",
            "50 of the caller's own followings",
            "the same statements",
            "responses/s",
            partial(_read, build=requests.own_page, read=_page),
        ),
        *(
            (
                f"follow-{batch_size}",
                "durable follows over HTTP",
                f"the same statements, {batch_size} per transaction,",
                "follows/s",
                partial(_follow, batch_size=batch_size),
            )
            for batch_size in (1, 64)
        ),
        (
            "follow-rows",
            "durable follows over HTTP",
            "64 per transaction, a statement for each row,",
            "follows/s",
            partial(_follow, batch_size=64, straight=rate_by_hand),
        ),
    )
)
