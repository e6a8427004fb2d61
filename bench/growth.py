"""How cost grows with the graph, the length of a list, connections and workers.

The figures are of guanxi alone and have no bounds; ``make bench ARGS=--growth`` prints the tables
of docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bench import requests
from bench.graph import cached_graph
from bench.lines import Bench
from bench.load import Measurement, Plan, deal, load
from bench.machine import serving
from bench.reads import Requests, port_of

_EDGES = (100_000, 1_000_000, 10_000_000)
_DEGREES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
_CONNECTIONS = (1, 4, 16, 64, 256)
_READS: dict[str, Requests] = {
    "edge": requests.edge,
    "own page": requests.own_page,
    "another's page": requests.others_page,
}


class Point(NamedTuple):
    """One row of a table: the varied quantity (`at`), the kind of request, and the measurement."""

    table: str
    at: str
    read: str
    measurement: Measurement


def measure_points(bench: Bench) -> Iterator[Point]:
    """Measure and yield every point. Creates the smaller graphs if they are not cached."""
    recipe = bench.graph.recipe
    for edges in _EDGES:
        if edges > recipe.edges:
            continue
        smaller = recipe
        if edges < recipe.edges:
            wide = min(recipe.wide, edges // 50_000)
            smaller = replace(recipe, accounts=edges // 10 + 1, edges=edges, wide=wide)
        yield from _reads(replace(bench, graph=cached_graph(smaller)), "edges", f"{edges:,}")
    yield from _degrees(bench)
    for connections in _CONNECTIONS:
        yield from _reads(replace(bench, connections=connections), "connections", str(connections))
    for workers in (1, 2):
        yield from _reads(bench, "workers, unpinned", str(workers), workers=workers)


def _reads(bench: Bench, table: str, at: str, workers: int | None = None) -> Iterator[Point]:
    options = () if workers is None else ("--workers", str(workers))
    core = bench.cores.serve if workers is None else None
    with serving(bench.graph.store, core, *options) as url:
        for read, build in _READS.items():
            yield Point(table, at, read, _measure_load(bench, url, build(bench.graph)))


def _degrees(bench: Bench) -> Iterator[Point]:
    """Measure followers of accounts by number of followers: page 1 and, from 1,000 on, page 20."""
    graph = bench.graph
    with serving(graph.store, bench.cores.serve) as url:
        for degree in _DEGREES:
            owners = graph.followed_by(degree)
            if not owners:
                continue
            for pn in (1, 20) if degree >= 1_000 else (1,):
                sent = requests.followers_of(graph, owners, pn)
                yield Point(
                    "followers", f"{degree:,}", f"page {pn}", _measure_load(bench, url, sent)
                )


def _measure_load(bench: Bench, url: str, sent: Sequence[bytes]) -> Measurement:
    sequences = deal(sent, bench.connections)
    plan = Plan(port=port_of(url), sequences=sequences, seconds=bench.seconds)
    load(plan, bench.cores.load)  # unmeasured: fills caches and maps the file
    return load(plan, bench.cores.load)


def print_tables(points: Iterator[Point], say: Callable[[str], None]) -> None:
    """Pass the tables of `points` to `say` as Markdown, line by line."""
    table = ""
    for point in points:
        if point.table != table:
            table = point.table
            say(f"\n| {table} | read | answers/s | p50 ms | p99 ms |\n|---|---|---|---|---|")
        measurement = point.measurement
        say(
            f"| {point.at} | {point.read} | {measurement.rate:,.0f} |"
            f" {measurement.p50 * 1000:.2f} | {measurement.p99 * 1000:.2f} |"
        )
