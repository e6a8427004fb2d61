"""How cost grows: with the graph, with the length of a list, with connections, with workers.

Figures of guanxi alone, reported and not judged; ``make bench ARGS=--growth`` prints the tables of
docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bench import requests
from bench.graph import graph
from bench.lines import Bench
from bench.load import Plan, Seen, load, shared
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
    """One row of a table: where it was measured, what was read, and how it went."""

    table: str
    at: str
    read: str
    seen: Seen


def grown(bench: Bench) -> Iterator[Point]:
    """Every point, as it is measured."""
    recipe = bench.graph.recipe
    for edges in _EDGES:
        if edges > recipe.edges:
            continue
        smaller = recipe
        if edges < recipe.edges:
            wide = min(recipe.wide, edges // 50_000)
            smaller = replace(recipe, accounts=edges // 10 + 1, edges=edges, wide=wide)
        yield from _reads(replace(bench, graph=graph(smaller)), "edges", f"{edges:,}")
    yield from _degrees(bench)
    for connections in _CONNECTIONS:
        yield from _reads(replace(bench, connections=connections), "connections", str(connections))
    for workers in (1, 2):
        yield from _reads(bench, "workers, unpinned", str(workers), workers=workers)


def _reads(bench: Bench, table: str, at: str, workers: int | None = None) -> Iterator[Point]:
    options = () if workers is None else ("--workers", str(workers))
    core = bench.cores.serve if workers is None else None
    with serving(bench.graph.store, core, *options) as url:
        for read, made in _READS.items():
            yield Point(table, at, read, _seen(bench, url, made(bench.graph)))


def _degrees(bench: Bench) -> Iterator[Point]:
    """Followers of accounts that have about so many, the first page and a late one."""
    made = bench.graph
    with serving(made.store, bench.cores.serve) as url:
        for degree in _DEGREES:
            owners = made.followed_by(degree)
            if not owners:
                continue
            for pn in (1, 20) if degree >= 1_000 else (1,):
                sent = requests.followers_of(made, owners, pn)
                yield Point("followers", f"{degree:,}", f"page {pn}", _seen(bench, url, sent))


def _seen(bench: Bench, url: str, sent: Sequence[bytes]) -> Seen:
    sequences = shared(sent, bench.connections)
    plan = Plan(port=port_of(url), sequences=sequences, seconds=bench.seconds)
    load(plan, bench.cores.load)  # the file is read, and mapped, bit by bit
    return load(plan, bench.cores.load)


def told(points: Iterator[Point], say: Callable[[str], None]) -> None:
    """Print the tables as Markdown."""
    table = ""
    for point in points:
        if point.table != table:
            table = point.table
            say(f"\n| {table} | read | answers/s | p50 ms | p99 ms |\n|---|---|---|---|---|")
        seen = point.seen
        say(
            f"| {point.at} | {point.read} | {seen.rate:,.0f} |"
            f" {seen.p50 * 1000:.2f} | {seen.p99 * 1000:.2f} |"
        )
