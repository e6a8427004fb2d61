"""How many cases and examples a test runs: few in `make test`, many in `make test-long`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

import pytest

#: The most cases of one test function in the short form.
CASES = 4
#: Tests that run all their cases there, too: they are quick, or each case is another file of ours.
WHOLE = (
    *("tests/contract/", "tests/graph/", "tests/world/", "tests/docs/", "tests/web/"),
    "tests/test_",
)
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


def left_out(items: Sequence[pytest.Item]) -> set[pytest.Item]:
    """Return the cases that the short form leaves out, so that ``CASES`` of a function are left.

    Those that are left lie at equal distances, the first and the last among them.
    """
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not item.nodeid.startswith(WHOLE):
            cases[item.nodeid.partition("[")[0]].append(item)
    found: set[pytest.Item] = set()
    for some in cases.values():
        if len(some) > CASES:
            last = len(some) - 1
            found |= {*some} - {some[round(n * last / (CASES - 1))] for n in range(CASES)}
    return found
