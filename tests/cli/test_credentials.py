"""The file of saved accounts: written by several processes, by a newer guanxi, and damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keyring
import pytest
from keyring.core import load_keyring

from guanxi import Credential
from guanxi.cli.tools import credentials

HOST = "http://127.0.0.1:1"
NO_KEYRING = "keyring.backends.null.Keyring"
ROOT = Path(__file__).parents[2]
#: Saves accounts, once all processes have started: at the end of its input.
SAVE = """
import sys
from guanxi import Credential
from guanxi.cli.tools import credentials
print("started", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[2])):
    credentials.save(sys.argv[1], f"{sys.argv[3]}-{number}", Credential(f"s{sys.argv[3]}", "j"))
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credentials file of a temporary home without a keyring; it does not exist."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NO_KEYRING)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setattr(keyring, "get_keyring", lambda: load_keyring(NO_KEYRING))
    (tmp_path / "guanxi").mkdir()
    return tmp_path / "guanxi" / "credentials.json"


def test_processes_that_save_at_once_keep_every_account(file: Path) -> None:
    command = [sys.executable, "-c", SAVE, HOST, "5"]
    processes = [
        subprocess.Popen([*command, str(of)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for of in range(8)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        assert process.wait(60) == 0
        assert process.stdout is not None
        process.stdout.close()
    saved = json.loads(file.read_text())
    assert saved == {
        f"{of}-{number}@{HOST}": {"sessdata": f"s{of}", "bili_jct": "j"}
        for of in range(8)
        for number in range(5)
    }


NEWER = {
    f"a@{HOST}": {"sessdata": "s", "passkey": "unknown to this version"},
    f"b@{HOST}": {"sessdata": "s", "devices": ["d"]},
    "format": 2,
}


@pytest.mark.parametrize(("name", "part"), [("a", "passkey"), ("b", "devices")])
def test_an_account_of_a_newer_version_is_refused_by_name(file: Path, name: str, part: str) -> None:
    file.write_text(json.dumps(NEWER))
    with pytest.raises(ValueError, match=rf"newer guanxi, with {part}, .*pip install -U guanxi"):
        credentials.load(HOST, name)


def test_what_a_newer_version_saved_is_preserved(file: Path) -> None:
    file.write_text(json.dumps(NEWER))
    credentials.save(HOST, "c", Credential("s", "j"))
    assert credentials.load(HOST, "c") == Credential("s", "j")
    assert credentials.delete(HOST, "c")
    assert json.loads(file.read_text()) == NEWER


@pytest.mark.parametrize("parts", ['"text"', '{"sessdata": 1}', "[1]"])
def test_a_damaged_account_is_reported_without_its_content(file: Path, parts: str) -> None:
    file.write_text(f'{{"a@{HOST}": {parts}}}')
    with pytest.raises(ValueError, match="the saved account is damaged: sign in again"):
        credentials.load(HOST, "a")


@pytest.mark.parametrize("content", ["", "{", "[]", "\0" * 40])
def test_a_damaged_file_is_not_overwritten(file: Path, content: str) -> None:
    file.write_text(content)
    for change in (
        lambda: credentials.save(HOST, "a", Credential("s", "j")),
        lambda: credentials.delete(HOST, "a"),
        lambda: credentials.load(HOST, "a"),
    ):
        with pytest.raises(ValueError, match="damaged and was not changed"):
            change()
    assert file.read_text() == content


def test_the_new_file_of_a_killed_process_is_deleted(file: Path) -> None:
    left = file.with_name(".credentials-abc")
    left.write_text("a secret")
    credentials.save(HOST, "me", Credential(sessdata="a", bili_jct="b"))
    assert not left.exists()
    assert file.exists()
