"""Lines for writes over HTTP, reads during writes, imports, and disk space per edge."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path

import apsw
import msgspec

from bench import requests
from bench.graph import Graph, import_edges, more_edges, start_import, write_edges
from bench.lines import Bench, Line, Sides, Skipped, Wrong
from bench.load import Loading, Measurement, Plan, deal, load
from bench.machine import pinned, python, serving
from bench.reads import port_of, rate
from guanxi.stores import open_store

#: More follows per second and connection than any store reaches.
FOLLOWS_A_SECOND = 250
#: Requests per second where the pace is fixed.
_PACED = 500
#: Follows per second during an import.
_BESIDE = 50


class Follows:
    """A source of new follows: no edge occurs twice, whichever side uses it."""

    def __init__(self, graph: Graph, connections: int) -> None:
        self._graph, self._connections = graph, connections
        self._draw = random.Random(graph.recipe.seed)
        self._new: dict[int, Iterator[tuple[int, bytes]]] = {}

    def __call__(self, count: int) -> list[list[tuple[int, int, bytes]]]:
        """Return, per connection, `count` follows by one account as (owner, target, request)."""
        owners = self._draw.sample(self._graph.owners, self._connections)
        return [[(owner, *new) for new in islice(self._of(owner), count)] for owner in owners]

    def _of(self, owner: int) -> Iterator[tuple[int, bytes]]:
        if owner not in self._new:
            self._new[owner] = requests.follows(self._graph, owner, self._draw)
        return self._new[owner]


def copy(store: Path, to: Path) -> Path:
    """Copy a store that no process has open to `to`, replacing what is there; return `to`."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(store, to)
    return to


def straight(bench: Bench, task: str, store: Path, file: Path) -> float:
    """Run a task of `bench.straight` on the serving core; return its operations per second.

    Raise Wrong if it fails.
    """
    command = ("-m", "bench.straight", task, str(store), str(file), str(bench.seconds))
    process = python(*command, core=bench.cores.serve, stdout=subprocess.PIPE)
    out, _ = process.communicate()
    if process.returncode:
        raise Wrong(f"bench.straight {task} exited with status {process.returncode}")
    return float(out)


@contextmanager
def _follow(bench: Bench) -> Iterator[Sides]:
    store = copy(bench.graph.store, bench.folder / "served.db")
    other = copy(bench.graph.store, bench.folder / "straight.db")
    file = bench.folder / "follows.json"
    count = _count(bench)
    new = Follows(bench.graph, bench.connections)
    with serving(store, bench.cores.serve) as url:

        def ours() -> float:
            drawn = new(count)
            turns = zip(*([edge[:2] for edge in batch] for batch in drawn), strict=True)
            file.write_bytes(msgspec.json.encode(list(chain.from_iterable(turns))))
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in batch] for batch in drawn],
                seconds=bench.seconds,
                cycled=False,
            )
            return load(plan, bench.cores.load).rate

        yield Sides(ours, lambda: straight(bench, "follows", other, file))


@contextmanager
def _follow_recorded(bench: Bench) -> Iterator[Sides]:
    recorded = copy(bench.graph.store, bench.folder / "recorded.db")
    other = copy(bench.graph.store, bench.folder / "served.db")
    asyncio.run(_record(recorded))
    new, count = Follows(bench.graph, bench.connections), _count(bench)

    def rate_at(url: str) -> float:
        plan = Plan(
            port=port_of(url),
            sequences=[[request for _, _, request in batch] for batch in new(count)],
            seconds=bench.seconds,
            cycled=False,
        )
        return load(plan, bench.cores.load).rate

    with (
        serving(recorded, bench.cores.serve) as ours,
        serving(other, bench.cores.serve) as theirs,
    ):
        yield Sides(partial(rate_at, ours), partial(rate_at, theirs))


async def _record(store: Path) -> None:
    """Let a store record its changes."""
    opened = await open_store(str(store))
    await opened.set_changes(True)
    await opened.close()


def _count(bench: Bench) -> int:
    """Return how many follows a connection has ready for one round."""
    return round(FOLLOWS_A_SECOND * (bench.seconds + 1))


@contextmanager
def _p99(bench: Bench, pages_a_second: float | None = None) -> Iterator[Sides]:
    store = copy(bench.graph.store, bench.folder / "served.db")
    pages = deal(requests.own_page(bench.graph), bench.connections)
    new = Follows(bench.graph, bench.connections)
    count = round(_PACED * (bench.seconds + 2) / bench.connections)
    with serving(store, bench.cores.serve) as url:
        port = port_of(url)
        reading = Plan(port=port, sequences=pages, seconds=bench.seconds, rate=pages_a_second)

        def quiet() -> float:
            return Loading(reading, bench.cores.load).result().p99 * 1000

        def writing() -> float:
            sequences = [[request for _, _, request in batch] for batch in new(count)]
            follows = Loading(
                Plan(
                    port=port,
                    sequences=sequences,
                    seconds=bench.seconds,
                    cycled=False,
                    rate=_PACED,
                ),
                bench.cores.load,
            )
            read = Loading(reading, bench.cores.load).result()
            _check_pace(follows.result(), bench)
            return read.p99 * 1000

        yield Sides(writing, quiet)


def _check_pace(written: Measurement, bench: Bench) -> None:
    """Raise Wrong if the follows were slower than the pace, apart from those still in flight."""
    if written.answers < 0.98 * _PACED * written.seconds - bench.connections:
        raise Wrong(f"only {written.rate:.0f} follows/s completed, {_PACED} expected")


@contextmanager
def _common(bench: Bench) -> Iterator[Sides]:
    file = bench.folder / "pairs.json"
    file.write_bytes(msgspec.json.encode(requests.pairs(bench.graph)))
    sent = requests.common(bench.graph)
    store = bench.graph.store
    with serving(store, bench.cores.serve) as url:
        yield Sides(lambda: rate(bench, url, sent), lambda: straight(bench, "common", store, file))


@contextmanager
def _import(bench: Bench) -> Iterator[Sides]:
    fresh = bench.folder / "fresh.db"
    graph = bench.graph

    def ours() -> float:
        seconds = import_edges(graph.file, copy(graph.empty, fresh), bench.cores.serve)
        return _edges(fresh) / seconds

    yield Sides(ours, lambda: straight(bench, "edges", copy(graph.empty, fresh), graph.store))


_COPY = {
    "following": "SELECT owner, place, target, flags FROM following ORDER BY owner, place",
    "follower": "SELECT target, place, owner, flags FROM following ORDER BY owner, place",
}


@contextmanager
def _import_tool(bench: Bench) -> Iterator[Sides]:
    """Compare the import with sqlite3's `.import` of ready rows into the same three b-trees."""
    tool = shutil.which("sqlite3")
    if tool is None:
        raise Skipped("no sqlite3 command")
    fresh = bench.folder / "fresh.db"
    graph = bench.graph
    commands = [".mode csv"]
    with closing(apsw.Connection(str(graph.store), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        for table, statement in _COPY.items():
            file = bench.folder / f"{table}.csv"
            with file.open("w", encoding="ascii") as out:
                out.writelines(f"{','.join(map(str, row))}\n" for row in db.execute(statement))
            commands.append(f".import {file} {table}")

    def ours() -> float:
        seconds = import_edges(graph.file, copy(graph.empty, fresh), bench.cores.serve)
        return _edges(fresh) / seconds

    def theirs() -> float:
        copy(graph.empty, fresh)
        began = time.perf_counter()
        subprocess.run(
            [tool, str(fresh), *commands], check=True, preexec_fn=pinned(bench.cores.serve)
        )
        return _edges(fresh) / (time.perf_counter() - began)

    yield Sides(ours, theirs)


@contextmanager
def _beside(bench: Bench) -> Iterator[Sides]:
    """Measure the p99 of follows while a command imports edges into the served store.

    A refused follow makes the line fail.
    """
    store = copy(bench.graph.store, bench.folder / "served.db")
    file = bench.folder / "more.csv"
    new = Follows(bench.graph, bench.connections)
    count = round(_BESIDE * (bench.seconds + 2) / bench.connections) + 1
    parts = iter(range(1_000))
    edges = more_edges(bench.graph, bench.graph.recipe.edges)

    with serving(store, bench.cores.serve) as url:

        def follows() -> float:
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in batch] for batch in new(count)],
                seconds=bench.seconds,
                cycled=False,
                rate=_BESIDE,
            )
            return load(plan, bench.cores.load).p99 * 1000

        def importing() -> float:
            part = file.with_stem(f"more{next(parts)}")
            write_edges(part, islice(edges, bench.graph.recipe.edges // 10))
            process = start_import(part, store)
            p99 = follows()
            if process.wait():
                raise Wrong(f"guanxi store import edges exited with status {process.returncode}")
            return p99

        yield Sides(importing, follows)


@contextmanager
def _bytes(bench: Bench) -> Iterator[Sides]:
    """Measure bytes per edge of the relation tables and indexes after an import."""
    fresh = copy(bench.graph.empty, bench.folder / "fresh.db")
    import_edges(bench.graph.file, fresh, bench.cores.serve)
    with closing(apsw.Connection(str(fresh), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        size = db.execute(
            "SELECT sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name)"
            " WHERE aggregate = TRUE AND tbl_name IN ('following', 'follower')"
        ).get
    bytes_per_edge = size / _edges(fresh)
    yield Sides(lambda: bytes_per_edge, lambda: _TRIAL_BYTES)


#: Bytes of an edge, stored in both directions, in the trial that chose the store (TECH.md).
_TRIAL_BYTES = 81.0


def _edges(store: Path) -> int:
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return int(db.execute("SELECT count(*) FROM following").get)


LINES = (
    Line(
        name="common",
        what="common followings of two accounts that follow 5,000 each, first page",
        against="the same join directly in SQLite",
        unit="responses/s",
        bound=0.8,
        sides=_common,
    ),
    Line(
        name="follow",
        what="durable follows over HTTP",
        against="the same changes directly in the same schema, 64 per commit",
        unit="follows/s",
        bound=0.5,
        sides=_follow,
    ),
    Line(
        name="follow-changes",
        what="durable follows over HTTP into a store that records its changes",
        against="the same without",
        unit="follows/s",
        bound=0.8,
        sides=_follow_recorded,
    ),
    Line(
        name="p99",
        what="p99 of a page while 500 durable follows a second commit",
        against="p99 of the same without writes",
        unit="ms",
        bound=3.0,
        at_most=True,
        sides=_p99,
    ),
    Line(
        name="p99-paced",
        what="the same at 500 page requests a second",
        against="p99 of the same without writes",
        unit="ms",
        bound=3.0,
        at_most=True,
        sides=partial(_p99, pages_a_second=_PACED),
    ),
    Line(
        name="import",
        what="guanxi store import edges, from the file",
        against="executemany of the same prepared rows in the file's order, indexes included",
        unit="edges/s",
        bound=0.7,
        rounds=3,
        sides=_import,
    ),
    Line(
        name="import-sqlite3",
        what="guanxi store import edges, from the file",
        against="sqlite3's .import of ready rows, in the file's order, into the same b-trees",
        unit="edges/s",
        bound=0.77,
        rounds=3,
        sides=_import_tool,
    ),
    Line(
        name="follow-import",
        what="p99 of 50 durable follows a second while a tenth of the graph is imported",
        against="p99 of the same without an import",
        unit="ms",
        bound=10.0,
        at_most=True,
        rounds=3,
        sides=_beside,
    ),
    Line(
        name="bytes",
        what="bytes on disk per edge, both directions",
        against="81 bytes in the trial",
        unit="bytes",
        bound=0.8,
        at_most=True,
        rounds=1,
        sides=_bytes,
    ),
)
