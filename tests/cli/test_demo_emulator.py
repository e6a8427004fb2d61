"""``guanxi demo`` with faults, and its emulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guanxi.cli.service.demo import _variable as variable_of
from guanxi.contract import endpoints as e
from guanxi.service.configuration import configured
from tests.cli.runner import COMMAND, ENGLISH, error_of
from tests.cli.test_hostile import commands, is_option
from tests.service.client import send

SMALL = ["demo", "--json", "--port", "0", "--accounts", "100", "--edges", "900"]


@contextmanager
def demo(*options: str, **variables: str) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *SMALL, *options],
        stdout=subprocess.PIPE,
        env=os.environ | ENGLISH | variables,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_faults_and_stories_from_options_and_the_environment() -> None:
    with demo("--fault", "relation.stat:-352x1", GUANXI_DEMO_STORY="rate-limit") as facts:
        cookie = {"Cookie": f"SESSDATA={facts['sessdata']}"}
        codes = [
            send(facts["base_url"], "GET", e.STAT.path, query={"vmid": 2}, headers=cookie).code
            for _ in range(2)
        ]
        assert codes == [-352, 0]
        token = {"Authorization": f"Bearer {facts['emulator_token']}"}
        faults = send(facts["emulator_url"], "GET", "/faults", headers=token).body
        assert [(one.get("endpoint", "*"), one["code"]) for one in faults] == [
            ("relation.stat", -352),
            ("*", -799),
        ]
        renewed = send(facts["emulator_url"], "POST", "/renew", headers=token)
        assert renewed.status == 200, renewed.raw
        nav = send(facts["base_url"], "GET", e.NAV.path, headers=cookie)
        assert nav.data["mid"] == facts["mid"], "the demo's session is of the start"


def test_the_world_is_saved_and_loaded(tmp_path: Path) -> None:
    """The first run's session, act and secret are there in the second."""
    state = tmp_path / "world.jsonl"
    with demo("--state", str(state)) as facts:
        first = facts
        form = f"fid=3&act=1&re_src=11&csrf={facts['bili_jct']}".encode()
        headers = {
            "Cookie": f"SESSDATA={facts['sessdata']}; bili_jct={facts['bili_jct']}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        assert send(facts["base_url"], "POST", e.MODIFY.path, body=form, headers=headers).code == 0
    assert state.stat().st_mode & 0o777 == 0o600
    with demo(GUANXI_DEMO_STATE=str(state)) as facts:
        assert facts["mid"] == first["mid"]
        again = send(facts["base_url"], "POST", e.MODIFY.path, body=form, headers=headers)
        assert again.code == 22014, again.raw
    assert [*tmp_path.iterdir()] == [state]


def test_a_state_that_is_no_dump(tmp_path: Path) -> None:
    state = tmp_path / "world.jsonl"
    state.write_text("x")
    assert "line 1: no row of a dump" in error_of(*SMALL, "--state", state)
    state.write_text("")
    assert "has no account" in error_of(*SMALL, "--state", state)
    assert state.read_text() == ""


def test_a_proxy() -> None:
    with demo("--proxy", "0") as facts:
        ended = subprocess.run(
            [
                *("curl", "-sf", "--proxy", facts["proxy_url"], "--cacert", facts["authority"]),
                *("-b", f"SESSDATA={facts['sessdata']}", f"https://api.bilibili.com{e.NAV.path}"),
            ],
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert json.loads(ended.stdout)["data"]["mid"] == facts["mid"]


@pytest.mark.long
def test_a_demo_of_several_workers_has_no_emulator() -> None:
    with demo("--workers", "2") as facts:
        assert "emulator_url" not in facts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fault", "relation.modfy:-352"], "near: relation.modify"),
        (["--fault", "-352"], "is no fault: write ENDPOINT:EFFECT"),
        (["--story", "rain"], "is no story: use risk-control"),
        (["--story", "flaky", "--workers", "2"], "faults and the proxy need --workers 1"),
        (["--proxy", "0", "--workers", "2"], "faults and the proxy need --workers 1"),
    ],
)
def test_a_wrong_option_is_explained(options: list[str], message: str) -> None:
    assert message in " ".join(error_of(*SMALL, *options).replace("│", "").split())


def test_every_option_has_a_variable() -> None:
    """So that a container needs no command line."""
    [command] = [one for one in commands() if one.words == ("demo",)]
    names = {param.name: param.envvar for param in command.params if is_option(param)}
    spelt = {"as_json": "json"}
    assert names == {name: f"GUANXI_DEMO_{spelt.get(name, name).upper()}" for name in names}
    assert names.keys() >= {"seed", "store", "profile", "host", "port", "workers", "as_json"}


@pytest.mark.long
def test_a_demo_that_the_environment_sets(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    variables = {
        "SEED": "3",
        "ACCOUNTS": "100",
        "EDGES": "900",
        "PROFILE": "open",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "EMULATOR_PORT": "0",
        "WORKERS": "1",
        "FAULT": "relation.stat:-352x1 relation.stat:-412+1",
        "PROXY": "0",
        "STATE": str(state),
        "JSON": "1",
    }
    variables = {f"GUANXI_DEMO_{name}": text for name, text in variables.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "demo"],
        stdout=subprocess.PIPE,
        env=os.environ | ENGLISH | variables,
        text=True,
    )
    with process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        codes = [
            send(facts["base_url"], "GET", e.STAT.path, query={"vmid": 2}).code for _ in range(2)
        ]
        process.send_signal(signal.SIGINT)
    assert codes == [-352, -412]
    assert facts["proxy_url"]
    assert state.exists()


def test_the_port_that_kubernetes_sets_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sets one for every service, as for one that is named guanxi-demo."""
    monkeypatch.setenv("GUANXI_DEMO_PORT", "tcp://10.0.0.1:8000")
    assert variable_of("port") is None
    monkeypatch.setenv("GUANXI_DEMO_PORT", "8000")
    assert variable_of("port") == "GUANXI_DEMO_PORT"


def test_the_variables_of_a_demo_are_not_taken_for_those_of_serve() -> None:
    environ = {"GUANXI_DEMO_PORT": "1", "GUANXI_TESTING_SEED": "1", "GUANXI_PORTS": "1"}
    [warning] = configured(given={}, environ=environ).warnings
    assert "GUANXI_PORTS" in warning.en


def test_a_variable_that_is_no_number_is_explained() -> None:
    message = error_of("demo", GUANXI_DEMO_SEED="one")
    assert "GUANXI_DEMO_SEED" in message
