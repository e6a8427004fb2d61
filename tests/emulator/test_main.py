"""``python -m guanxi.testing``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.service.client import send


@pytest.mark.parametrize("ending", ["SIGTERM", "stdin"])
def test_a_service_for_other_languages(ending: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "guanxi.testing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    facts = json.loads(process.stdout.readline())
    headers = {"Authorization": f"Bearer {facts['emulator_token']}"}
    assert send(facts["emulator_url"], "GET", "/faults", headers=headers).body == []
    assert facts.keys() == {
        *("base_url", "emulator_url", "emulator_token", "admin_url", "admin_token")
    }
    if ending == "stdin":
        process.stdin.close()
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    process.stdin.close()
