"""Lines for the library: against the same statements in apsw, and without an event loop."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from bench.graph import Graph, more_edges
from bench.lines import Bench, Line, Sides, Wrong
from bench.machine import python
from bench.writes import copy, straight

_PAIRS = 20_000
#: More than any run needs.
_ALL = 10**9
#: More follows a second than the library makes.
_FOLLOWS_A_SECOND = 30_000


def _embedded(bench: Bench, task: str, store: Path, file: Path) -> float:
    """Run a task of `bench.embedded` on the serving core; return its operations per second.

    Raise Wrong if it fails.
    """
    command = ("-m", "bench.embedded", task, str(store), str(file), str(bench.seconds))
    process = python(*command, core=bench.cores.serve, stdout=subprocess.PIPE)
    out, _ = process.communicate()
    if process.returncode:
        raise Wrong(f"bench.embedded {task} exited with status {process.returncode}")
    return float(out)


def _followings(graph: Graph) -> list[tuple[int, int]]:
    """Return pairs of an account that follows at least 50 and one of those, in random order."""
    draw = random.Random(graph.recipe.seed)
    return [(owner, draw.choice(graph.followings(owner, 50))) for owner in graph.owners[:_PAIRS]]


@contextmanager
def _reads(bench: Bench, task: str) -> Iterator[Sides]:
    file, store = bench.folder / "pairs.json", bench.graph.store
    file.write_bytes(msgspec.json.encode(_followings(bench.graph)))
    ours = partial(_embedded, bench, task, store, file)
    theirs = partial(straight, bench, task, store, file)
    for run in (ours, theirs):
        run()
    yield Sides(ours, theirs)


@contextmanager
def _threads(bench: Bench, task: str) -> Iterator[Sides]:
    file, store = bench.folder / "pairs.json", bench.graph.store
    file.write_bytes(msgspec.json.encode(_followings(bench.graph)))
    run = partial(_embedded, bench, store=store, file=file)
    run(f"tasks-{task}")
    yield Sides(lambda: run(f"threads-{task}"), lambda: run(f"tasks-{task}"))


@contextmanager
def _follows(bench: Bench) -> Iterator[Sides]:
    store = copy(bench.graph.store, bench.folder / "embedded.db")
    other = copy(bench.graph.store, bench.folder / "straight.db")
    file = bench.folder / "follows.json"
    new = _new_follows(bench.graph)
    count = round(_FOLLOWS_A_SECOND * bench.seconds)

    def ours() -> float:
        file.write_bytes(msgspec.json.encode([*islice(new, count)]))
        return _embedded(bench, "follows", store, file)

    yield Sides(ours, lambda: straight(bench, "follows", other, file))


def _new_follows(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield follows that are not stored, each once."""
    followed: dict[int, set[int]] = {}
    for owner, target, _ in more_edges(graph, _ALL):
        if owner not in followed:
            followed[owner] = {*graph.followings(owner, graph.recipe.accounts)}
        if target not in followed[owner]:
            yield owner, target


_APSW = "the same statements in apsw"

LINES = (
    Line(
        name="library-edge",
        what="Graph.relation",
        against=f"{_APSW}: both sides and the mute",
        unit="edges/s",
        bound=0.7,
        sides=partial(_reads, task="edge"),
    ),
    Line(
        name="library-page",
        what="Graph.following, a page of 50 with names, faces and signs",
        against="the join in apsw, as tuples, and the total",
        unit="pages/s",
        bound=0.5,
        sides=partial(_reads, task="page"),
    ),
    Line(
        name="library-follow",
        what="Graph.follow by 64 tasks, durable",
        against="the same changes in apsw, 64 a transaction",
        unit="follows/s",
        bound=0.6,
        sides=_follows,
    ),
    *(
        Line(
            name=f"library-threads-{task}",
            what=f"SyncGraph from 8 threads, {what}",
            against="Graph from 8 tasks",
            unit=unit,
            bound=0.7,
            sides=partial(_threads, task=task),
        )
        for task, what, unit in (("edge", "relations", "edges/s"), ("page", "pages", "pages/s"))
    ),
)
