"""Fixtures for the tests of the SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.recorder import KINDS, Kind, Recorder, recording


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return the async client, then the sync client."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def server() -> Iterator[Recorder]:
    """Yield a server that responds to everything with code 0 and no data."""
    with recording() as recorder:
        yield recorder
