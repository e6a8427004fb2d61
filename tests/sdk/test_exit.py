"""A process that used a client exits without errors, even right after its last response."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from guanxi.testing import RunningService, running
from tests.counts import count

ASYNC = """
import asyncio
from guanxi import Client

async def main():
    async with Client() as client:
        await client.relation.stat(1)

asyncio.run(main())
"""
MODULE = "from guanxi import user; user.sync(user.User(1).get_relation_info())"
LEFT_OPEN = "from guanxi import SyncClient; SyncClient().relation.stat(1)"


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(1)
        yield service


@pytest.mark.parametrize("program", [ASYNC, MODULE, LEFT_OPEN], ids=["async", "module", "open"])
def test_a_process_exits_without_errors(program: str, service: RunningService) -> None:
    """Without a delay at exit, the transport's native thread aborts one process in ten."""
    environment = os.environ | {"GUANXI_BASE_URL": service.base_url}
    for _ in range(count(3, 60)):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        # The next ones run the same lines: coverage need not measure them again.
        environment.pop("COVERAGE_PROCESS_CONFIG", None)
