"""A headless Chromium for the tests marked ``browser``; a conftest imports the fixture."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tools.browser import MISSING, chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium, whose console a test can read."""
    if MISSING and not os.environ.get("CI"):
        pytest.skip(f"no {' and no '.join(MISSING)} here")
    assert not MISSING, f"under CI these must be there: {MISSING}"
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver
