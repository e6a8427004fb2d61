"""A service for tests, on a free loopback port, that fails on demand.

    from guanxi.testing import running

    with running() as service:
        service.add_accounts(1, 2)
        session = service.sign_in(1)
        ...  # any client, at service.base_url, with session.sessdata and session.bili_jct

pytest finds the fixture ``guanxi_service`` where guanxi is installed. Names are imported when they
are first used, so that pytest does not wait for the service where no test needs it.
docs/testing.md shows what a service can do for a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guanxi.accounts.account import Card, Privacy, State
    from guanxi.emulator.faults import Fault
    from guanxi.emulator.requests import Recorded
    from guanxi.emulator.stories import STORIES
    from guanxi.emulator.stubs import Response, StubRequest
    from guanxi.stores.port import EdgeRow, Store
    from guanxi.testing.service import RunningService, SignedIn, running

__all__ = [
    "STORIES",
    "Card",
    "EdgeRow",
    "Fault",
    "Privacy",
    "Recorded",
    "Response",
    "RunningService",
    "SignedIn",
    "State",
    "Store",
    "StubRequest",
    "running",
]

#: The module of each name.
_MODULES = {
    "STORIES": "guanxi.emulator.stories",
    "Card": "guanxi.accounts.account",
    "EdgeRow": "guanxi.stores.port",
    "Fault": "guanxi.emulator.faults",
    "Privacy": "guanxi.accounts.account",
    "Recorded": "guanxi.emulator.requests",
    "Response": "guanxi.emulator.stubs",
    "RunningService": "guanxi.testing.service",
    "SignedIn": "guanxi.testing.service",
    "State": "guanxi.accounts.account",
    "Store": "guanxi.stores.port",
    "StubRequest": "guanxi.emulator.stubs",
    "running": "guanxi.testing.service",
}


def __getattr__(name: str) -> Any:
    """Import a name of this module when it is first used.

    Raise AttributeError for an unknown one, and ModuleNotFoundError, which says what to install,
    if the service is not installed.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


try:
    import pytest
except ModuleNotFoundError:  # ``running`` does not need pytest
    pass
else:

    @pytest.fixture(scope="session")
    def _guanxi_server() -> Iterator[RunningService]:
        """Run one service for all tests of this process."""
        from guanxi.testing.service import running

        with running() as service:
            yield service

    @pytest.fixture
    def guanxi_service(_guanxi_server: RunningService) -> Iterator[RunningService]:
        """Yield a running service of the documented profile, without accounts, faults or requests.

        All tests of a process share one server, which each test gets as it was at its start. For a
        service with other settings use ``guanxi.testing.running``.
        """
        _guanxi_server.renew()
        yield _guanxi_server
        _guanxi_server.clear()
