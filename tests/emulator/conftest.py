"""One service for the tests of this folder, which starts each test empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.testing import RunningService, running


@pytest.fixture(scope="session")
def _emulated() -> Iterator[RunningService]:
    with running() as service:
        yield service


@pytest.fixture
def service(_emulated: RunningService) -> Iterator[RunningService]:
    """Yield a service with the accounts 1, 2 and 3, and nothing else."""
    _emulated.renew()
    _emulated.add_accounts(1, 2, 3)
    yield _emulated
    _emulated.clear()
