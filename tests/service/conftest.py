"""One service of each profile for the tests of the service; each test takes accounts of its own."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from guanxi.testing import RunningService, running
from tests.stores.engines import Clock

_MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)


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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium, whose console a test can read."""
    if _MISSING and not os.environ.get("CI"):
        pytest.skip(f"no {' and no '.join(_MISSING)} here")
    assert not _MISSING, f"under CI these must be there: {_MISSING}"
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in _FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(str(shutil.which("chromedriver"))))
    try:
        yield driver
    finally:
        driver.quit()
