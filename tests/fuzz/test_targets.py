"""Every fuzz target with inputs that Hypothesis draws, and with those that once were findings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings

from tests.counts import LONG, count
from tests.fuzz.target import Check, Input, Target, attempt
from tests.fuzz.targets import BY_NAME, TARGETS, cases_of, save


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Check]]:
    """Yield the checks of the targets that are opened already; all are closed at the end."""
    with ExitStack() as stack:
        yield _Opened(stack)


class _Opened(dict[str, Check]):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, name: str) -> Check:
        check = self[name] = self._stack.enter_context(BY_NAME[name].open())
        return check


@pytest.mark.parametrize("target", TARGETS, ids=lambda one: one.name)
def test_any_bytes(target: Target, opened: dict[str, Check]) -> None:
    check = opened[target.name]
    accepted = []

    @settings(max_examples=count(*target.counts), suppress_health_check=list(HealthCheck))
    @given(target.inputs.map(Input))
    def try_one(raw: bytes) -> None:
        try:
            accepted.append(attempt(target, check, raw))
        except Exception:
            save(target, raw)  # the last one is the smallest
            raise

    try_one()
    if LONG:  # a few may all be refused
        assert True in accepted, "no input was accepted: the target reaches nothing"


@pytest.mark.parametrize(
    ("target", "raw"),
    [
        pytest.param(target, raw, id=f"{target.name}-{name}")
        for target in TARGETS
        for name, raw in cases_of(target)
    ],
)
def test_what_was_found_once(target: Target, raw: bytes, opened: dict[str, Check]) -> None:
    attempt(target, opened[target.name], raw)
