"""What a line of the table is, and how one is measured: two sides, in turn, over several rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec import Struct

from bench.graph import Graph
from bench.machine import Cores, others


class Bench(Struct, frozen=True, kw_only=True):
    """What the sides of a line are measured with."""

    graph: Graph
    cores: Cores
    #: How long one measurement of a side takes.
    seconds: float
    connections: int = 64
    quick: bool = False
    #: A folder for what a line makes, on the disk that holds the graph.
    folder: Path


class Sides(NamedTuple):
    """Each measures its side once, and returns the figure of that round."""

    ours: Callable[[], float]
    theirs: Callable[[], float]


class Line(Struct, frozen=True, kw_only=True):
    """A line: ours over theirs must be at least the bound (at most, where less is better)."""

    name: str
    what: str
    against: str
    unit: str
    bound: float
    at_most: bool = False
    #: How many rounds at most; what takes minutes is not done ten times.
    rounds: int = 100
    #: Modules that it needs besides guanxi's; without them it is skipped, and says so.
    needs: tuple[str, ...] = ()
    #: Whether a quick run of everything has it too.
    quick: bool = True
    #: What stands ready while both sides are measured.
    sides: Callable[[Bench], AbstractContextManager[Sides]]


class Wrong(Exception):
    """What was measured is not what the line is about: an answer was refused, or none came."""


class Skipped(Exception):
    """A line cannot be measured here, for a reason that is no fault."""


class Result(Struct, frozen=True, kw_only=True):
    """Every round of a line."""

    line: str
    unit: str
    ours: list[float]
    theirs: list[float]
    #: How much of a core other programs took in each round, and how many such rounds were dropped.
    others: list[float]
    dropped: int
    bound: float
    at_most: bool

    @property
    def ratios(self) -> list[float]:
        return [one / other for one, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def met(self) -> bool:
        return self.ratio <= self.bound if self.at_most else self.ratio >= self.bound


#: A round in which other programs took more of a core than this is measured again; for so many
#: seconds, and so many rounds for each that is asked for.
_QUIET, _PATIENCE_SECONDS, _PATIENCE = 0.1, 60.0, 3


def measure(bench: Bench, line: Line, rounds: int) -> Result:
    """Both sides in turn, so that what else the machine does meets both.

    Rounds that others disturbed are dropped, as long as enough quiet ones come.
    """
    rounds = min(rounds, line.rounds)
    measured: list[tuple[float, float, float]] = []
    with line.sides(bench) as sides:
        patience = _PATIENCE_SECONDS if rounds > 1 else 0.0
        while len(measured) < rounds * _PATIENCE:
            before, began = others(), time.monotonic()
            ours, theirs = sides.ours(), sides.theirs()
            took = time.monotonic() - began
            measured.append(((others() - before) / took, ours, theirs))
            if sum(share <= _QUIET for share, *_ in measured) >= rounds:
                break
            if len(measured) > rounds:
                patience -= took
            if len(measured) >= rounds and patience <= 0:
                break
    kept = sorted(measured)[:rounds]
    return Result(
        line=line.name,
        unit=line.unit,
        ours=[ours for _, ours, _ in kept],
        theirs=[theirs for *_, theirs in kept],
        others=[share for share, *_ in kept],
        dropped=len(measured) - len(kept),
        bound=line.bound,
        at_most=line.at_most,
    )
