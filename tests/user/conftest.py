"""What every test of the module is given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.user import _clients
from tests.sdk.recorder import Recorder, recording


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A server that answers 0, without data, to everything: the one that the module calls."""
    with recording() as recorder:
        monkeypatch.setenv("GUANXI_BASE_URL", recorder.url)
        yield recorder


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Clients end with their loops."""
    yield
    assert not [loop for loop in _clients._held if not loop.is_closed()]
