"""What every test of the module is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guanxi.user import _clients
from tests.sdk.recorder import Answer, Received, Recorder, envelope, recording, wbi


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A server that answers 0, without data, to everything: the one that the module calls."""
    with recording() as recorder:
        monkeypatch.setenv("GUANXI_BASE_URL", recorder.url)
        yield recorder


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server whose data can be set: ``answering.body``; keys and pages it answers by itself."""

    class Answering:
        body: Any = envelope()
        server: Recorder

        def asked(self) -> list[Received]:
            """What was asked besides keys and pages."""
            extra = ("/nav", "/dynamic")
            return [one for one in self.server.received if not one.path.endswith(extra)]

        def sent(self) -> list[dict[str, str]]:
            return [dict(one.form or one.query) for one in self.asked()]

    told = Answering()
    with recording(wbi(lambda request: Answer(told.body))) as server:
        told.server = server
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        yield told


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Clients end with their loops."""
    yield
    assert not [loop for loop in _clients._held if not loop.is_closed()]
