"""Fixtures for the tests of ``guanxi.user``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guanxi.sdk import current
from tests.sdk.recorder import Answer, Received, Recorder, envelope, recording, wbi


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Yield the server that the module calls; it responds with code 0 and no data."""
    with recording() as recorder:
        monkeypatch.setenv("GUANXI_BASE_URL", recorder.url)
        yield recorder


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield a server with a settable response ``body``; keys and pages have their own responses."""

    class Answering:
        body: Any = envelope()
        server: Recorder

        def requests(self) -> list[Received]:
            """Return the requests except those of keys and pages."""
            automatic = ("/nav", "/dynamic")
            return [
                request for request in self.server.received if not request.path.endswith(automatic)
            ]

        def sent(self) -> list[dict[str, str]]:
            return [dict(request.form or request.query) for request in self.requests()]

    answering = Answering()
    with recording(wbi(lambda request: Answer(answering.body))) as server:
        answering.server = server
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        yield answering


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """Check after each test that every client was closed with its loop."""
    yield
    assert not [loop for loop in current._loop_clients if not loop.is_closed()]
