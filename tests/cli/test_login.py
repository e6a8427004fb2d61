"""Signing in from a shell: real commands, a real service, a folder of the test's own."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring

from guanxi import Credential
from guanxi.accounts.account import Card
from guanxi.cli import kept
from guanxi.testing import RunningService, running
from tests.cli.test_commands import COMMAND, done, refused

ROOT = Path(__file__).parents[2]
NOWHERE = "keyring.backends.null.Keyring"
IN_A_FILE = "tests.cli.file_keyring.FileKeyring"
NAMES = {1: "甲", 2: "乙"}


@pytest.fixture
def service() -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(cards={mid: Card(name=name) for mid, name in NAMES.items()})
        yield service


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the commands keep what they keep: without a keyring."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NOWHERE)
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "keyring.json"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring(NOWHERE))
    yield tmp_path
    keyring.set_keyring(before)


def kept_in(home: Path) -> Path:
    return home / "config" / "guanxi" / "credentials.json"


def sign_in(service: RunningService, mid: int) -> tuple[str, str]:
    """``guanxi login``, with somebody who agrees once the code is shown: both its outputs."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "login", "--base-url", service.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    for line in process.stderr:
        shown += line
        found = re.search(r"qrcode_key=(\w+)", line)
        if found is not None:
            service.agree(found[1], mid)
            break
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 0, shown + rest
    return out, shown + rest


def keep(service: RunningService, mid: int, name: str = "default") -> None:
    """What ``guanxi login`` leaves behind."""
    session = service.sign_in(mid)
    kept.keep(service.base_url, name, Credential(session.sessdata, session.bili_jct))


def who(service: RunningService, *argv: str) -> int:
    found: int = json.loads(done("whoami", "--base-url", service.base_url, *argv))["mid"]
    return found


@pytest.mark.parametrize("backend", [NOWHERE, IN_A_FILE])
def test_login_keeps_an_account(
    service: RunningService, home: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    (home / "keyring.json").write_text("{}")
    out, shown = sign_in(service, 1)
    assert json.loads(out) == {"mid": 1, "name": "甲"}
    assert "█" in shown or "▄" in shown, "no code is drawn"
    assert who(service) == 1
    assert "null" in done(
        "api", "relation.modify", "fid=2", "act=1", "re_src=11", "--base-url", service.base_url
    )
    assert kept_in(home).exists() == (backend == NOWHERE)
    done("logout", "--base-url", service.base_url)
    assert "guanxi login" in refused("whoami", "--base-url", service.base_url)
    assert "default" in refused("logout", "--base-url", service.base_url)


def test_the_file_is_its_owners_alone_and_no_secret_is_shown(
    service: RunningService, home: Path
) -> None:
    kept_in(home).parent.mkdir(parents=True)
    kept_in(home).write_text("{}")
    kept_in(home).chmod(0o644)
    shown = "".join(sign_in(service, 1))
    assert stat.S_IMODE(kept_in(home).stat().st_mode) == 0o600
    assert [path.name for path in kept_in(home).parent.iterdir()] == [kept_in(home).name]
    [parts] = json.loads(kept_in(home).read_text()).values()
    assert parts.keys() == {"sessdata", "bili_jct", "dedeuserid", "ac_time_value"}
    assert parts["dedeuserid"] == "1"
    for part in ("sessdata", "bili_jct", "ac_time_value"):
        assert parts[part] not in shown


def test_several_accounts_by_name(service: RunningService, home: Path) -> None:
    keep(service, 1)
    keep(service, 2, "work")
    assert (who(service), who(service, "--name", "work")) == (1, 2)
    info = done("api", "me.info", "--name", "work", "--base-url", service.base_url)
    assert json.loads(info)["mid"] == 2
    done("logout", "--name", "work", "--base-url", service.base_url)
    assert who(service) == 1
    refused("whoami", "--name", "work", "--base-url", service.base_url)


def test_an_account_is_shown_to_its_own_server_alone(service: RunningService, home: Path) -> None:
    keep(service, 1)
    with running() as other:
        assert "not signed in" in refused("whoami", "--base-url", other.base_url)


def test_the_environment_comes_first(service: RunningService, home: Path) -> None:
    keep(service, 1)
    two = service.sign_in(2)
    environment = {"GUANXI_BASE_URL": service.base_url, "GUANXI_SESSDATA": two.sessdata}
    assert json.loads(done("whoami", **environment))["mid"] == 2
    del environment["GUANXI_SESSDATA"]
    assert json.loads(done("whoami", **environment))["mid"] == 1


def test_a_locked_keyring_leaves_the_file(
    service: RunningService, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", IN_A_FILE)
    keyring.set_keyring(load_keyring(IN_A_FILE))
    keep(service, 1)
    assert kept_in(home).exists()
    assert who(service) == 1
    (home / "keyring.json").write_text("{}")
    keep(service, 2)
    assert json.loads(kept_in(home).read_text()) == {}, "the older one is not left behind"
    assert who(service) == 2


def test_a_file_that_is_none_is_named_and_not_shown(service: RunningService, home: Path) -> None:
    kept_in(home).parent.mkdir(parents=True)
    kept_in(home).write_text('{"secret": ')
    said = refused("whoami", "--base-url", service.base_url)
    assert str(kept_in(home)) in said
    assert "secret" not in said


def test_agree_from_a_shell(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    done("account", "add", 7, "--store", path)
    with running(store=path) as service:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "login", "--base-url", service.base_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        code = next(
            found[0] for line in process.stderr if (found := re.search(r"https://\S+", line))
        )
        done("session", "agree", 7, code, "--store", path)
        out, _ = process.communicate(timeout=60)
        assert json.loads(out)["mid"] == 7
        assert "key" in refused("session", "agree", 7, "0" * 32, "--store", path)


def test_a_code_that_ends(home: Path) -> None:
    with running(limits={"qr_seconds": 1}) as service:
        assert "try again" in refused("login", "--base-url", service.base_url)
    assert not kept_in(home).exists()


def test_api_goes_without_what_login_needs(service: RunningService, home: Path) -> None:
    code = f"import sys; sys.modules.update(keyring=None, platformdirs=None, segno=None); {COMMAND}"
    argv = ["api", "relation.stat", "vmid=1", "--base-url", service.base_url]
    result = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    argv = ["login", "--base-url", service.base_url]
    result = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "guanxi[tools]" in result.stderr
