"""One service of each profile for the tests of the service; each test takes accounts of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from guanxi.testing import RunningService, running
from tests.stores.engines import Clock


@pytest.fixture(scope="session")
def documented() -> Iterator[RunningService]:
    with running("documented") as service:
        yield service


@pytest.fixture(scope="session")
def open_service() -> Iterator[RunningService]:
    with running("open") as service:
        yield service


@pytest.fixture(scope="session")
def clock() -> Clock:
    """Return the clock of ``clocked``: it starts now, and only a test advances it."""
    clock = Clock()
    clock.ns = time.time_ns()
    return clock


@pytest.fixture(scope="session")
def clocked(clock: Clock) -> Iterator[RunningService]:
    with running(clock=clock) as service:
        yield service


@pytest.fixture(params=["documented", "open"])
def either(request: pytest.FixtureRequest) -> RunningService:
    """The services of both profiles in turn."""
    name = {"documented": "documented", "open": "open_service"}[request.param]
    service: RunningService = request.getfixturevalue(name)
    return service
