"""What every test of the SDK is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sdk.recorder import KINDS, Kind, Recorder, recording


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The async and the sync client in turn."""
    one: Kind = request.param
    return one


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A server that answers 0, without data, to everything."""
    with recording() as recorder:
        yield recorder
