"""Writing over HTTP, and what it does to reading; importing; what an edge takes on disk."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path

import apsw
import msgspec

from bench import requests
from bench.graph import Graph, import_edges
from bench.lines import Bench, Line, Sides, Wrong
from bench.load import Loading, Plan, Seen, load, shared
from bench.machine import python, serving
from bench.reads import port_of, rate

#: More than any store follows in a second on one connection.
FOLLOWS_A_SECOND = 250
_PACED = 500


class Follows:
    """New followings: nobody is followed twice, whichever side of a line does it."""

    def __init__(self, graph: Graph, connections: int) -> None:
        self._graph, self._connections = graph, connections
        self._draw = random.Random(graph.recipe.seed)
        self._new: dict[int, Iterator[tuple[int, bytes]]] = {}

    def __call__(self, each: int) -> list[list[tuple[int, int, bytes]]]:
        """For each connection an account of its own: who, whom, and the request."""
        owners = self._draw.sample(self._graph.owners, self._connections)
        return [[(owner, *new) for new in islice(self._of(owner), each)] for owner in owners]

    def _of(self, owner: int) -> Iterator[tuple[int, bytes]]:
        if owner not in self._new:
            self._new[owner] = requests.follows(self._graph, owner, self._draw)
        return self._new[owner]


def copy(store: Path, to: Path) -> Path:
    """A copy of a store that nobody has open."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(store, to)
    return to


def straight(bench: Bench, task: str, store: Path, file: Path) -> float:
    """What `bench.straight` does a second, on the core that serves."""
    told = ("-m", "bench.straight", task, str(store), str(file), str(bench.seconds))
    process = python(*told, core=bench.cores.serve, stdout=subprocess.PIPE)
    out, _ = process.communicate()
    if process.returncode:
        raise Wrong(f"{task} ended with status {process.returncode}")
    return float(out)


@contextmanager
def _follow(bench: Bench) -> Iterator[Sides]:
    store = copy(bench.graph.store, bench.folder / "served.db")
    other = copy(bench.graph.store, bench.folder / "straight.db")
    file = bench.folder / "follows.json"
    each = round(FOLLOWS_A_SECOND * (bench.seconds + 1))
    new = Follows(bench.graph, bench.connections)
    with serving(store, bench.cores.serve) as url:

        def ours() -> float:
            drawn = new(each)
            turns = zip(*([edge[:2] for edge in one] for one in drawn), strict=True)
            file.write_bytes(msgspec.json.encode(list(chain.from_iterable(turns))))
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in one] for one in drawn],
                seconds=bench.seconds,
                cycled=False,
            )
            return load(plan, bench.cores.load).rate

        yield Sides(ours, lambda: straight(bench, "follows", other, file))


@contextmanager
def _p99(bench: Bench, pages_a_second: float | None = None) -> Iterator[Sides]:
    store = copy(bench.graph.store, bench.folder / "served.db")
    pages = shared(requests.own_page(bench.graph), bench.connections)
    new = Follows(bench.graph, bench.connections)
    each = round(_PACED * (bench.seconds + 2) / bench.connections)
    with serving(store, bench.cores.serve) as url:
        port = port_of(url)
        reading = Plan(port=port, sequences=pages, seconds=bench.seconds, rate=pages_a_second)

        def quiet() -> float:
            return Loading(reading, bench.cores.load).seen().p99 * 1000

        def writing() -> float:
            sequences = [[request for _, _, request in one] for one in new(each)]
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
            read = Loading(reading, bench.cores.load).seen()
            _kept(follows.seen(), bench)
            return read.p99 * 1000

        yield Sides(writing, quiet)


def _kept(written: Seen, bench: Bench) -> None:
    """That the pace was kept, but for what was under way at the end."""
    if written.answers < 0.98 * _PACED * written.seconds - bench.connections:
        raise Wrong(f"only {written.rate:.0f} follows a second were answered")


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


@contextmanager
def _bytes(bench: Bench) -> Iterator[Sides]:
    """Of tables and indexes of the relations, after an import into a store that had none."""
    fresh = copy(bench.graph.empty, bench.folder / "fresh.db")
    import_edges(bench.graph.file, fresh, bench.cores.serve)
    with closing(apsw.Connection(str(fresh), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        taken = db.execute(
            "SELECT sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name)"
            " WHERE aggregate = TRUE AND tbl_name IN ('following', 'follower')"
        ).get
    each = taken / _edges(fresh)
    yield Sides(lambda: each, lambda: _BEFORE)


#: Bytes of an edge kept both ways in the trial that the store was chosen by (TECH.md).
_BEFORE = 81.0


def _edges(store: Path) -> int:
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return int(db.execute("SELECT count(*) FROM following").get)


LINES = (
    Line(
        name="common",
        what="common followings of two that follow 5,000 each, first page",
        against="the same join straight in SQLite",
        unit="answers/s",
        bound=0.8,
        sides=_common,
    ),
    Line(
        name="follow",
        what="answered, durable follows",
        against="the same changes straight into the same schema, by 64 in a commit",
        unit="follows/s",
        bound=0.5,
        sides=_follow,
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
        what="the same, where 500 pages a second are asked for",
        against="p99 of the same without writes",
        unit="ms",
        bound=3.0,
        at_most=True,
        sides=partial(_p99, pages_a_second=_PACED),
    ),
    Line(
        name="import",
        what="guanxi store import edges, from the file",
        against="executemany of the same rows, ready, in the file's order, indexes included",
        unit="edges/s",
        bound=0.7,
        rounds=3,
        sides=_import,
    ),
    Line(
        name="bytes",
        what="bytes on disk of an edge, both ways",
        against="the 81 of the trial",
        unit="bytes",
        bound=0.8,
        at_most=True,
        rounds=1,
        sides=_bytes,
    ),
)
