"""How many examples a test runs: few in ``make test``, many in ``make test-long``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

LONG = os.environ.get("GUANXI_TEST") == "long"


def count(short: int, long: int) -> int:
    """Return ``long`` if GUANXI_TEST is "long", otherwise ``short``."""
    return long if LONG else short


def combined(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return combinations of one value of each axis: in the long form all.

    In the short form as many as the longest axis has values; each value of each axis is in one,
    and the combinations are the same in each run.
    """
    return [*product(*axes)] if LONG else few(*axes)


def few(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return as many combinations as the longest axis has values, with each value of each axis."""
    rows = max(map(len, axes))
    columns = [[axis[row % len(axis)] for row in range(rows)] for axis in axes]
    for seed, column in enumerate(columns):
        Random(seed).shuffle(column)
    return [*zip(*columns, strict=True)]
