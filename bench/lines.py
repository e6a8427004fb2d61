"""A line of the table and its measurement: two sides, alternating over several rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from bench.graph import Graph
from bench.machine import Cores, foreign_cpu


class Bench(Struct, frozen=True, kw_only=True):
    """The environment in which the sides of a line are measured."""

    graph: Graph
    cores: Cores
    #: The duration of one measurement of a side.
    seconds: float
    connections: int = 64
    quick: bool = False
    #: A folder for the files of a line, on the same disk as the graph.
    folder: Path


class Sides(NamedTuple):
    """The two sides of a line; each call measures the side once and returns its figure."""

    ours: Callable[[], float]
    theirs: Callable[[], float]


class Line(Struct, frozen=True, kw_only=True):
    """A comparison: the ratio ours / theirs must be at least `bound` (at most if `at_most`)."""

    name: str
    what: str
    against: str
    unit: str
    bound: float
    at_most: bool = False
    #: The maximum number of rounds, lower for a line that takes minutes.
    rounds: int = 100
    #: Extra modules that the line needs; if one is missing, the line is skipped with a message.
    needs: tuple[str, ...] = ()
    #: Whether `--quick` without `--only` includes the line.
    quick: bool = True
    #: Prepares both sides, and cleans up after the last round.
    sides: Callable[[Bench], AbstractContextManager[Sides]]


class Wrong(Exception):
    """A measurement is invalid: a response was wrong or missing, or a program failed."""


class Skipped(Exception):
    """A line cannot be measured on this machine, for example because PostgreSQL is missing."""


class Result(Struct, frozen=True, kw_only=True):
    """The figures of every round of a line."""

    line: str
    unit: str
    ours: list[float]
    theirs: list[float]
    #: The share of a core that other programs used in each round; the number of dropped rounds.
    others: list[float]
    dropped: int
    bound: float
    at_most: bool

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def met(self) -> bool:
        return self.ratio <= self.bound if self.at_most else self.ratio >= self.bound


#: A round in which other programs used more of a core than `_QUIET` is repeated, for at most
#: `_PATIENCE_SECONDS` and `_PATIENCE` rounds per requested round.
_QUIET, _PATIENCE_SECONDS, _PATIENCE = 0.1, 60.0, 3


def measure(bench: Bench, line: Line, rounds: int) -> Result:
    """Measure both sides alternately, so that other activity of the machine affects both alike.

    Return the `rounds` quietest rounds (at most `line.rounds`); the others are dropped. Raise Wrong
    or Skipped as the line's sides do.
    """
    rounds = min(rounds, line.rounds)
    measured: list[tuple[float, float, float]] = []
    with line.sides(bench) as sides:
        patience = _PATIENCE_SECONDS if rounds > 1 else 0.0
        while len(measured) < rounds * _PATIENCE:
            before, began = foreign_cpu(), time.monotonic()
            ours, theirs = sides.ours(), sides.theirs()
            elapsed = time.monotonic() - began
            measured.append(((foreign_cpu() - before) / elapsed, ours, theirs))
            if sum(share <= _QUIET for share, *_ in measured) >= rounds:
                break
            if len(measured) > rounds:
                patience -= elapsed
            if len(measured) >= rounds and patience <= 0:
                break
    quietest = sorted(measured)[:rounds]
    return Result(
        line=line.name,
        unit=line.unit,
        ours=[ours for _, ours, _ in quietest],
        theirs=[theirs for *_, theirs in quietest],
        others=[share for share, *_ in quietest],
        dropped=len(measured) - len(quietest),
        bound=line.bound,
        at_most=line.at_most,
    )
