"""Tests of login, logout and whoami: real commands against a real service, in a temporary home."""

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
from guanxi.cli.tools import credentials
from guanxi.testing import RunningService, running
from tests.cli.runner import COMMAND, error_of, guanxi, in_a_process, output_of

ROOT = Path(__file__).parents[2]
NO_KEYRING = "keyring.backends.null.Keyring"
FILE_KEYRING = "tests.cli.file_keyring.FileKeyring"
NAMES = {1: "甲", 2: "乙"}


@pytest.fixture
def service() -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(cards={mid: Card(name=name) for mid, name in NAMES.items()})
        yield service


@pytest.fixture
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary home and configuration folder, without a keyring."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NO_KEYRING)
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "keyring.json"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
    before = keyring.get_keyring()
    keyring.set_keyring(load_keyring(NO_KEYRING))
    yield tmp_path
    keyring.set_keyring(before)


def use_keyring(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a keyring in this process and in those that it starts."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    keyring.set_keyring(load_keyring(backend))


def credentials_file(config_home: Path) -> Path:
    return config_home / "config" / "guanxi" / "credentials.json"


def sign_in(service: RunningService, mid: int) -> tuple[str, str]:
    """Run ``guanxi login`` and confirm it; return its standard output and standard error."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "login", "--base-url", service.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    printed = ""
    for line in process.stderr:
        printed += line
        key = re.search(r"qrcode_key=([\w-]+)", line)
        if key is not None:
            service.agree(key[1], mid)
            break
    output, remainder = process.communicate(timeout=60)
    assert process.returncode == 0, printed + remainder
    return output, printed + remainder


def save_session(service: RunningService, mid: int, name: str = "default") -> None:
    """Save a new session, as ``guanxi login`` does."""
    session = service.sign_in(mid)
    credentials.save(service.base_url, name, Credential(session.sessdata, session.bili_jct))


def current_mid(service: RunningService, *argv: str) -> int:
    """Return the mid that ``guanxi whoami`` prints."""
    mid: int = json.loads(output_of("whoami", "--base-url", service.base_url, *argv))["mid"]
    return mid


@pytest.mark.parametrize("backend", [NO_KEYRING, FILE_KEYRING])
def test_login_saves_an_account_until_logout(
    service: RunningService, config_home: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    use_keyring(backend, monkeypatch)
    (config_home / "keyring.json").write_text("{}")
    output, printed = sign_in(service, 1)
    assert json.loads(output) == {"mid": 1, "name": "甲"}
    assert "█" in printed or "▄" in printed, "no QR code was drawn"
    assert current_mid(service) == 1
    assert "null" in output_of(
        "api", "relation.modify", "fid=2", "act=1", "re_src=11", "--base-url", service.base_url
    )
    assert credentials_file(config_home).exists() == (backend == NO_KEYRING)
    output_of("logout", "--base-url", service.base_url)
    assert "guanxi login" in error_of("whoami", "--base-url", service.base_url)
    assert "default" in error_of("logout", "--base-url", service.base_url)


def test_the_file_is_private_and_no_secret_is_printed(
    service: RunningService, config_home: Path
) -> None:
    credentials_file(config_home).parent.mkdir(parents=True)
    credentials_file(config_home).write_text("{}")
    credentials_file(config_home).chmod(0o644)
    printed = "".join(sign_in(service, 1))
    assert stat.S_IMODE(credentials_file(config_home).stat().st_mode) == 0o600
    files = {path.name for path in credentials_file(config_home).parent.iterdir()}
    assert files == {"credentials.json", "credentials.json.lock"}
    [parts] = json.loads(credentials_file(config_home).read_text()).values()
    assert parts.keys() == {"sessdata", "bili_jct", "dedeuserid", "ac_time_value"}
    assert parts["dedeuserid"] == "1"
    for part in ("sessdata", "bili_jct", "ac_time_value"):
        assert parts[part] not in printed


def test_several_accounts_can_be_saved_by_name(service: RunningService, config_home: Path) -> None:
    save_session(service, 1)
    save_session(service, 2, "work")
    assert (current_mid(service), current_mid(service, "--name", "work")) == (1, 2)
    info = output_of("api", "me.info", "--name", "work", "--base-url", service.base_url)
    assert json.loads(info)["mid"] == 2
    output_of("logout", "--name", "work", "--base-url", service.base_url)
    assert current_mid(service) == 1
    error_of("whoami", "--name", "work", "--base-url", service.base_url)


def test_a_saved_account_is_not_used_for_another_server(
    service: RunningService, config_home: Path
) -> None:
    save_session(service, 1)
    with running() as other:
        assert "not signed in" in error_of("whoami", "--base-url", other.base_url)


def test_the_environment_overrides_the_saved_account(
    service: RunningService, config_home: Path
) -> None:
    save_session(service, 1)
    second = service.sign_in(2)
    environment = {"GUANXI_BASE_URL": service.base_url, "GUANXI_SESSDATA": second.sessdata}
    assert json.loads(output_of("whoami", **environment))["mid"] == 2
    del environment["GUANXI_SESSDATA"]
    assert json.loads(output_of("whoami", **environment))["mid"] == 1


def test_a_named_account_wins_over_the_environment(
    service: RunningService, config_home: Path
) -> None:
    save_session(service, 1, "work")
    second = service.sign_in(2)
    environment = {"GUANXI_BASE_URL": service.base_url, "GUANXI_SESSDATA": second.sessdata}
    assert json.loads(output_of("whoami", "--name", "work", **environment))["mid"] == 1
    message = error_of("whoami", "--name", "other", **environment)
    assert "no account is saved under the name other" in message


def test_an_ended_session_of_the_environment_is_named(
    service: RunningService, config_home: Path
) -> None:
    """GUANXI_SESSDATA wins over a saved account: to sign in again would not help."""
    save_session(service, 1)
    environment = {"GUANXI_BASE_URL": service.base_url, "GUANXI_SESSDATA": "ended"}
    message = error_of("whoami", **environment)
    assert "the session in GUANXI_SESSDATA has ended" in message
    assert "unset GUANXI_SESSDATA" in message
    assert "GUANXI_SESSDATA 的会话已结束" in error_of("whoami", **environment, GUANXI_LANG="zh")


def test_a_locked_keyring_falls_back_to_the_file(
    service: RunningService, config_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keyring(FILE_KEYRING, monkeypatch)
    save_session(service, 1)
    assert credentials_file(config_home).exists()
    assert current_mid(service) == 1
    (config_home / "keyring.json").write_text("{}")
    save_session(service, 2)
    assert json.loads(credentials_file(config_home).read_text()) == {}, (
        "the credential in the file was not deleted"
    )
    assert current_mid(service) == 2


def test_a_locked_keyring_is_reported_if_no_account_is_found(
    service: RunningService, config_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keyring(FILE_KEYRING, monkeypatch)
    api = ("api", "relation.stat", "vmid=1", "--base-url", service.base_url)
    result = guanxi(*api)
    assert json.loads(result.stdout)["mid"] == 1, "the command did not run anonymously"
    assert "warning: the keyring cannot be read" in result.stderr
    assert "警告：钥匙串无法读取" in guanxi(*api, GUANXI_LANG="zh").stderr
    assert "cannot be read" in error_of("logout", "--base-url", service.base_url)
    save_session(service, 1)  # into the file, because the keyring is locked
    assert guanxi(*api).stderr == ""
    (config_home / "keyring.json").write_text("{}")
    credentials_file(config_home).unlink()
    assert guanxi(*api).stderr == ""


def test_a_damaged_file_is_named_but_not_quoted(service: RunningService, config_home: Path) -> None:
    credentials_file(config_home).parent.mkdir(parents=True)
    credentials_file(config_home).write_text('{"secret": ')
    message = error_of("whoami", "--base-url", service.base_url)
    assert str(credentials_file(config_home)) in message
    assert "secret" not in message


def test_session_agree_confirms_a_sign_in(config_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    output_of("account", "add", 7, "--store", path)
    with running(store=path) as service:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "login", "--base-url", service.base_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        code = next(url[0] for line in process.stderr if (url := re.search(r"https://\S+", line)))
        output_of("session", "agree", 7, code, "--store", path)
        output, _ = process.communicate(timeout=60)
        assert json.loads(output)["mid"] == 7
        assert "QR code" in error_of("session", "agree", 7, "0" * 32, "--store", path)


def test_an_expired_code_saves_nothing(config_home: Path) -> None:
    with running(limits={"qr_seconds": 1}) as service:
        assert "try again" in error_of("login", "--base-url", service.base_url)
    assert not credentials_file(config_home).exists()


def test_api_works_without_the_modules_of_login(service: RunningService, config_home: Path) -> None:
    code = f"import sys; sys.modules.update(keyring=None, platformdirs=None, segno=None); {COMMAND}"
    address = ("--base-url", service.base_url)
    result = in_a_process("api", "relation.stat", "vmid=1", *address, code=code)
    assert (result.returncode, result.stderr) == (0, "")
    result = in_a_process("login", *address, code=code)
    assert result.returncode == 1
    assert "guanxi[tools]" in result.stderr
