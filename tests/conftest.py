"""Settings of every test: loopback only, a clean environment, one Hypothesis profile."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings

from guanxi.sdk.aio.network import Network
from guanxi.sdk.sync.network import Network as SyncNetwork
from guanxi.sdk.transport import Request, Response
from tests import holding, postgres
from tests.browser import browser, running_browser
from tests.counts import LONG, count, left_out

__all__ = ["browser", "running_browser"]

settings.register_profile(
    "guanxi",
    max_examples=count(10, 100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
settings.load_profile("guanxi")


def pytest_configure(config: pytest.Config) -> None:
    """Accept SIGINT again if the shell started this run in the background, as ``make test`` does.

    A shell lets such a process, and all that it starts, ignore the signal.
    """
    config.pluginmanager.register(holding)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out cases in the short form: ``tests.counts.left_out``."""
    if LONG:
        return
    if out := left_out(items):
        config.hook.pytest_deselected(items=[*out])
        items[:] = [item for item in items if item not in out]


def pytest_unconfigure() -> None:
    postgres.stop_all()


def _refuse_beyond_loopback(host: str) -> None:
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise AssertionError(f"a test tried to connect to {host}: only loopback is allowed")


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Raise AssertionError for every connection to another machine.

    The SDK's transport does not use Python's sockets, so its requests are checked too. Names under
    ``.test`` are allowed: they resolve nowhere, and tests request them from a proxy on loopback.
    """
    connect, send, send_sync = socket.socket.connect, Network.send, SyncNetwork.send

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            _refuse_beyond_loopback(address[0])
        connect(self, address)

    def check_host(request: Request) -> None:
        host = urlsplit(request.url).hostname or ""
        if not host.endswith(".test"):
            _refuse_beyond_loopback(host)

    async def guarded_send(self: Network, request: Request) -> Response:
        check_host(request)
        return await send(self, request)

    def guarded_send_sync(self: SyncNetwork, request: Request) -> Response:
        check_host(request)
        return send_sync(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(Network, "send", guarded_send)
        patch.setattr(SyncNetwork, "send", guarded_send_sync)
        yield


@pytest.fixture(scope="session")
def server() -> str:
    """Return the address of a real PostgreSQL; skip the test if there is none."""
    return postgres.server_address()


@pytest.fixture
def address() -> Iterator[str]:
    """Yield the address of a new schema on a real PostgreSQL; skip the test if there is none."""
    with postgres.schema() as address:
        yield address


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own guanxi settings and keyring from the environment."""
    for name in list(os.environ):
        if name.startswith("GUANXI_") and name not in {"GUANXI_TEST", "GUANXI_TRANSPORT"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)  # the user's paces are not those of tests
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
