"""``guanxi watch`` against the running service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, output_of


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running("documented") as service:
        yield service


@pytest.fixture
def environment(service: RunningService) -> dict[str, str]:
    """The environment of account 1, who follows account 2."""
    service.add_accounts(1, 2, 3)
    session = service.sign_in(1)
    return {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": session.sessdata,
        "GUANXI_BILI_JCT": session.bili_jct,
    }


def test_changes_are_printed(
    service: RunningService, environment: dict[str, str], tmp_path: Path
) -> None:
    """p13: two looks, and a follower in between."""
    argv = ("watch", "--once", "--archive", tmp_path / "a.db")
    first = guanxi(*argv, **environment)
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert "nothing to compare yet" in first.stderr
    assert "nothing changed." in output_of(*argv, **environment)
    service.import_edges([EdgeRow(follower=2, followed=1, time=9)])
    assert "followers: came (1)" in output_of(*argv, **environment)
    service.import_edges([EdgeRow(follower=3, followed=1, time=9)])
    data = json.loads(output_of(*argv, "--json", **environment))
    assert [one["mid"] for one in data["followers"]["came"]] == [3]


def test_refusals(environment: dict[str, str], tmp_path: Path) -> None:
    argv = ("watch", "--once", "--archive", tmp_path / "a.db")
    assert "invalid interval" in error_of(*argv, "--every", "soon", **environment)
    assert "https" in error_of(*argv, "--webhook", "http://example.org", **environment)
    hook = ("--webhook", "https://example.org")
    assert "GUANXI_WEBHOOK_SECRET" in error_of(*argv, *hook, **environment)
    foreign = ("watch", "--every", "1m", "--base-url", "https://example.org")
    assert "at least 15m" in error_of(*foreign)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it(
    environment: dict[str, str], tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    argv = ["watch", "--every", "1d", "--archive", str(tmp_path / "a.db")]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        env=os.environ | ENGLISH | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "nothing to compare yet" in process.stderr.readline()
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "", "")
