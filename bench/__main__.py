"""``python -m bench``: measure the lines of the benchmark and print a table."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import msgspec
from msgspec.structs import replace

from bench import (
    cluster,
    cold,
    crowd,
    growth,
    heavy,
    holds,
    imports,
    library,
    nodes,
    pages,
    postgres,
    reads,
    sdk,
    slopes,
    writes,
)
from bench.graph import QUICK, Recipe, cached_graph, too_sparse
from bench.lines import Bench, Line, Result, Skipped, Wrong, measure
from bench.machine import CACHE, LOG, PROFILE, cores
from bench.profiled import top

LINES: tuple[Line, ...] = (
    *reads.LINES,
    *cold.LINES,
    *writes.LINES,
    *library.LINES,
    *sdk.LINES,
    *postgres.LINES,
    *heavy.LINES,
    *crowd.LINES,
    *nodes.LINES,
    *holds.LINES,
    *cluster.LINES,
    *pages.LINES,
    *imports.LINES,
)
#: The lines of `python -m bench citus`: writes, cards, the first page, pages next to heavy calls.
CITUS = (
    *cluster.LINES,
    *(line for line in postgres.LINES if "follow" in line.name),
    *nodes.LINES,
    *(line for line in crowd.LINES if line.name.startswith("postgres-")),
)


def main() -> int:
    options = _options().parse_args()
    # Exit by an exception, so that servers stop and temporary copies are deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.cluster:
        os.environ[cluster.ADDRESS] = options.cluster
    chosen = list(_chosen(options.only, options.quick, CITUS if options.set else LINES))
    recipe = QUICK if options.quick else Recipe()
    if options.edges is not None:
        recipe = replace(recipe, edges=options.edges)
    if why := too_sparse(recipe):
        sys.exit(f"--edges {recipe.edges}: {why}")
    began = time.monotonic()
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guanxi-bench-", dir=CACHE) as folder:
        bench = Bench(
            graph=cached_graph(recipe),
            cores=cores(),
            seconds=options.seconds or (0.3 if options.quick else 3.0),
            quick=options.quick,
            folder=Path(folder),
        )
        _say(f"{recipe.accounts:,} accounts, {recipe.edges:,} edges; {bench.cores}")
        if options.profile:
            return _profile(bench, options.profile)
        _say(
            "median ratio (min-max), bound, guanxi : reference; (n%) is CPU used by other programs"
        )
        alone = reads.load_limit(bench)
        _say(f"the load alone: {alone.rate:,.0f} bare responses/s, {alone.busy:.0%} of its core")
        if options.slopes:
            slopes.print_tables(bench, _say)
            return 0
        if options.growth:
            growth.print_tables(growth.measure_points(bench), _say)
            return 0
        results, failed = _measure(bench, chosen, options.rounds or (1 if options.quick else 5))
        if options.set and not options.only:
            slopes.print_tables(bench, _say)
    _say(f"{time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    return 1 if failed else 0


def _measure(bench: Bench, lines: Iterable[Line], rounds: int) -> tuple[list[Result], int]:
    """Measure and print each line; return the results and how many lines failed.

    A line that cannot be measured here is skipped with a message.
    """
    results, failed = [], 0
    for line in lines:
        missing = [name for name in line.needs if find_spec(name) is None]
        if missing:
            _say(f"{line.name:<18} skipped: no {', '.join(missing)} (`make bench` installs it)")
            continue
        try:
            result = measure(bench, line, rounds)
        except Skipped as reason:
            _say(f"{line.name:<18} skipped: {reason}")
            continue
        except Wrong as wrong:
            failed += 1
            _say(f"{line.name:<18} FAILED: {wrong} (server log: {LOG})")
            continue
        results.append(result)
        _say(_row(line, result))
    return results, failed


def _profile(bench: Bench, name: str) -> int:
    """Profile the service while guanxi's side of a line is measured; print the profile.

    Exit with a message if there is no line `name`.
    """
    folder = bench.folder / "profile"
    folder.mkdir()
    os.environ[PROFILE] = str(folder)
    (line,) = _chosen([name])
    with line.sides(bench) as sides:
        _say(f"{line.name}: {sides.ours():,.1f} {line.unit} while profiled")
    for text in top(folder):
        _say(text)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Compare guanxi with minimal programs."
    )
    parser.add_argument(
        "set",
        nargs="?",
        choices=["citus"],
        help="measure the lines of PostgreSQL and of a Citus cluster, and print the slopes",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help=f"the coordinator's address (default: the variable {cluster.ADDRESS})",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="LINE", help="measure only these: " + ", ".join(_names())
    )
    parser.add_argument(
        "--quick", action="store_true", help="use a small graph and one short round"
    )
    parser.add_argument("--rounds", type=int, help="rounds per line (default 5)")
    parser.add_argument("--seconds", type=float, help="seconds per side and round (default 3)")
    parser.add_argument(
        "--growth", action="store_true", help="print tables of how cost grows, and no lines"
    )
    parser.add_argument(
        "--slopes", action="store_true", help="print how reads grow with their lists, and no lines"
    )
    parser.add_argument("--profile", metavar="LINE", help="profile the service during this line")
    parser.add_argument(
        "--edges",
        type=int,
        help=f"size of the graph (default {Recipe().edges:,}, with --quick {QUICK.edges:,})",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures of every round to FILE"
    )
    return parser


def _names() -> list[str]:
    return [line.name for line in LINES]


def _chosen(
    only: list[str] | None, quick: bool = False, lines: Iterable[Line] = LINES
) -> Iterable[Line]:
    """Return those of `lines` to measure, or the named ones of all lines.

    Exit with a message if `only` contains an unknown name.
    """
    unknown = set(only or ()) - set(_names())
    if unknown:
        sys.exit(f"unknown line: {', '.join(sorted(unknown))}; choose from {', '.join(_names())}")
    if only:
        return (line for line in LINES if line.name in only)
    return (line for line in lines if line.quick or not quick or lines is CITUS)


def _row(line: Line, result: Result) -> str:
    ratios = result.ratios
    bound = f"{'<=' if line.at_most else '>='} {line.bound:.2f}"
    return (
        f"{line.name:<18} {result.ratio:7.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
        f" {bound:>8} {'met' if result.met else 'MISSED':<7}"
        f" {median(result.ours):12,.1f} : {median(result.theirs):12,.1f} {result.unit:<10}"
        f" {_disturbed(result):<6}"
        f" {line.what} : {line.against}"
    )


def _disturbed(result: Result) -> str:
    """Return the share of a core that other programs used, or "" if it is below 5 %."""
    share = median(result.others)
    return f"({share:.0%})" if share >= 0.05 else ""


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
