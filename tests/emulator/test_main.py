"""``python -m guanxi.testing``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from inspect import signature

import pytest

from guanxi.testing import __main__ as main
from guanxi.testing import running
from tests.emulator.test_seed import process
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


def test_every_option_has_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options are arguments of ``running``; the command line counts more."""
    parameters = signature(running).parameters
    assert {option.name for option in main._OPTIONS} <= parameters.keys()
    assert main._arguments([]) == {}
    values = {"profile": "open", "seed": "2", "worlds": "3"}
    for name, text in values.items():
        monkeypatch.setenv(f"GUANXI_TESTING_{name.upper()}", text)
    expected = {option.name: option.read(values[option.name]) for option in main._OPTIONS}
    assert main._arguments([]) == expected
    assert main._arguments(["--seed", "5"]) == {**expected, "seed": 5}
    monkeypatch.setenv("GUANXI_TESTING_SEED", "")
    assert "seed" not in main._arguments([])
    monkeypatch.setenv("GUANXI_TESTING_PROFILE", "closed")
    with pytest.raises(SystemExit):
        main._arguments([])


def test_the_options_reach_the_service() -> None:
    arguments = ["--profile", "open", "--seed=7"]
    with process(*arguments, GUANXI_TESTING_WORLDS="1") as facts:
        [world] = facts["worlds"]
        for address in (facts, world):
            headers = {"Authorization": f"Bearer {facts['emulator_token']}"}
            assert send(address["emulator_url"], "GET", "/faults", headers=headers).body == []
        assert send(facts["base_url"], "GET", "/openapi.json").body["info"]


@pytest.mark.parametrize("argument", ["--seed=one", "--sed=1", "--profile=closed"])
def test_a_wrong_option_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main._arguments([argument])
    assert ended.value.code == 2
    assert argument.partition("=")[0] in capsys.readouterr().err
