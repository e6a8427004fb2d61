"""One demo for the tests of its pages, as ``guanxi demo`` starts it; each test takes it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests import postgres
from tests.cli.runner import COMMAND, ENGLISH
from tests.console.operated import Operated, operated
from tests.console.visitor import Demo
from tests.service.client import send

_SMALL = ["demo", "--json", "--port", "0", "--accounts", "100", "--edges", "900"]


@pytest.fixture(scope="session")
def _started() -> Iterator[Demo]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *_SMALL],
        stdout=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    )
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield Demo(facts["base_url"], facts["emulator_url"], facts["emulator_token"])
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def demo(_started: Demo) -> Demo:
    """A demo as it is at its start."""
    headers = {"Authorization": f"Bearer {_started.token}"}
    assert send(_started.emulator_url, "POST", "/renew", headers=headers).status == 200
    return _started


@pytest.fixture(scope="module", params=["sqlite"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operated]:
    """A service with a console and a store, which the tests of a module share; see ``on_both``."""
    with ExitStack() as stack:
        store = str(tmp_path_factory.mktemp("console") / "store.db")
        if request.param == "postgresql":
            store = stack.enter_context(postgres.schema())
        yield stack.enter_context(operated(store))
