"""Requests of which two servers might disagree where they end: refused, the rest is not read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz import heads
from tests.fuzz.target import Check

NAMES = [repr(shape)[2:-1] for shape in heads.AMBIGUOUS]


@pytest.fixture(scope="module")
def check() -> Iterator[Check]:
    with heads.opened() as check:
        yield check


@pytest.mark.parametrize("shape", heads.AMBIGUOUS, ids=NAMES)
def test_a_request_in_the_body_of_another_is_not_answered(shape: bytes, check: Check) -> None:
    for body in heads.BODIES:
        answers = check(heads.ambiguous(shape, body))
        assert [one.status for one in answers] in ([400], [415])  # type: ignore[attr-defined]


def test_the_check_notices_a_smuggled_request(check: Check) -> None:
    """As it would be if a server took the first of two lengths."""
    with pytest.raises(AssertionError, match="smuggled"):
        check(heads.ambiguous(b"Content-Length: 0\r\n", heads.BODIES[1]))
