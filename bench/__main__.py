"""``python -m bench``: measure the lines, print the table."""

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

from bench import growth, postgres, reads, sdk, writes
from bench.graph import QUICK, Recipe, graph
from bench.lines import Bench, Line, Result, Skipped, Wrong, measure
from bench.machine import CACHE, LOG, PROFILE, cores
from bench.profiled import top

LINES: tuple[Line, ...] = (*reads.LINES, *writes.LINES, *sdk.LINES, *postgres.LINES)


def main() -> int:
    told = _options().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and copies go
    chosen = list(_chosen(told.only, told.quick))
    recipe = QUICK if told.quick else Recipe(edges=told.edges)
    began = time.monotonic()
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guanxi-bench-", dir=CACHE) as folder:
        bench = Bench(
            graph=graph(recipe),
            cores=cores(),
            seconds=told.seconds or (0.3 if told.quick else 3.0),
            quick=told.quick,
            folder=Path(folder),
        )
        _say(f"{recipe.accounts:,} accounts, {recipe.edges:,} edges; {bench.cores}")
        if told.profile:
            return _profile(bench, told.profile)
        _say(
            "ratio (least-most), bound, both sides; (n%) of a core went to other programs meanwhile"
        )
        alone = reads.load_alone(bench)
        _say(f"the load takes {alone.busy:.0%} of its core at {alone.rate:,.0f} bare answers/s")
        if told.growth:
            growth.told(growth.grown(bench), _say)
            return 0
        results, failed = _measure(bench, chosen, told.rounds or (1 if told.quick else 5))
    _say(f"{time.monotonic() - began:.0f} s")
    if told.json:
        told.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    return 1 if failed else 0


def _measure(bench: Bench, lines: Iterable[Line], rounds: int) -> tuple[list[Result], int]:
    """The lines, each printed as it is measured; and how many could not be."""
    results, failed = [], 0
    for line in lines:
        missing = [name for name in line.needs if find_spec(name) is None]
        if missing:
            _say(f"{line.name:<18} skipped: without {', '.join(missing)} (make bench has it)")
            continue
        try:
            result = measure(bench, line, rounds)
        except Skipped as reason:
            _say(f"{line.name:<18} skipped: {reason}")
            continue
        except Wrong as wrong:
            failed += 1
            _say(f"{line.name:<18} FAILED: {wrong} (see {LOG})")
            continue
        results.append(result)
        _say(_row(line, result))
    return results, failed


def _profile(bench: Bench, name: str) -> int:
    """Where the service spends its time while a line's own side is measured."""
    folder = bench.folder / "profile"
    folder.mkdir()
    os.environ[PROFILE] = str(folder)
    (line,) = _chosen([name])
    with line.sides(bench) as sides:
        _say(f"{line.name}: {sides.ours():,.1f} {line.unit} under the profile")
    for text in top(folder):
        _say(text)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="How fast guanxi is.")
    parser.add_argument("--only", nargs="+", metavar="LINE", help="; ".join(_names()))
    parser.add_argument("--quick", action="store_true", help="a small graph, one short round")
    parser.add_argument("--rounds", type=int, help="of both sides, in turn (5)")
    parser.add_argument("--seconds", type=float, help="of each side in a round (3)")
    parser.add_argument("--growth", action="store_true", help="how cost grows, instead of lines")
    parser.add_argument("--profile", metavar="LINE", help="where the service spends its time")
    parser.add_argument("--edges", type=int, default=Recipe().edges)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    return parser


def _names() -> list[str]:
    return [line.name for line in LINES]


def _chosen(only: list[str] | None, quick: bool = False) -> Iterable[Line]:
    unknown = set(only or ()) - set(_names())
    if unknown:
        sys.exit(f"no line {', '.join(unknown)}; there are {', '.join(_names())}")
    if only:
        return (line for line in LINES if line.name in only)
    return (line for line in LINES if line.quick or not quick)


def _row(line: Line, result: Result) -> str:
    ratios = result.ratios
    wanted = f"{'<=' if line.at_most else '>='} {line.bound:.2f}"
    return (
        f"{line.name:<18} {result.ratio:7.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
        f" {wanted:>8} {'met' if result.met else 'MISSED':<7}"
        f" {median(result.ours):12,.1f} : {median(result.theirs):12,.1f} {result.unit:<10}"
        f" {_disturbed(result):<6}"
        f" {line.what} : {line.against}"
    )


def _disturbed(result: Result) -> str:
    """How much of a core other programs took, where that says something about the figures."""
    share = median(result.others)
    return f"({share:.0%})" if share >= 0.05 else ""


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
