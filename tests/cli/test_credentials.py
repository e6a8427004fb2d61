"""Credentials that several processes save, and files of other versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guanxi import Credential
from guanxi.cli import credentials

SERVER = "http://127.0.0.1:9"
PROCESSES, EACH = 8, 5
#: Saves accounts when its input ends, so that all processes begin at once.
SAVE = f"""
import sys
from guanxi import Credential
from guanxi.cli import credentials
sys.stdin.read()
for number in range({EACH}):
    name = f"{{sys.argv[1]}}-{{number}}"
    credentials.save("{SERVER}", name, Credential(sessdata=name, bili_jct="csrf"))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the credentials file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "guanxi"
    folder.mkdir()
    return folder


def test_processes_that_save_at_once_lose_no_account(folder: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ},
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (0, b"")
        process.stderr.close()
    names = [f"{number}-{each}" for number in range(PROCESSES) for each in range(EACH)]
    saved = {name: credentials.load(SERVER, name) for name in names}
    assert {name: one and one.sessdata for name, one in saved.items()} == {n: n for n in names}
    assert {path.name for path in folder.iterdir()} == {"credentials.json", ".credentials-lock"}


def test_what_a_newer_version_saved_is_ignored_and_kept(folder: Path) -> None:
    file = folder / "credentials.json"
    newer = {"sessdata": "a", "bili_jct": "b", "passkey": {"kind": 1}}
    file.write_text(json.dumps({f"me@{SERVER}": newer}))
    loaded = credentials.load(SERVER, "me")
    assert loaded is not None
    assert (loaded.sessdata, loaded.bili_jct) == ("a", "b")
    credentials.save(SERVER, "other", Credential(sessdata="c", bili_jct="d"))
    assert json.loads(file.read_text())[f"me@{SERVER}"] == newer


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"a": 1}', '{"a": []}'])
def test_a_damaged_file_is_named_and_not_changed(folder: Path, damaged: str) -> None:
    file = folder / "credentials.json"
    file.write_text(damaged)
    with pytest.raises(ValueError, match="damaged"):
        credentials.load(SERVER, "me")
    with pytest.raises(ValueError, match="damaged"):
        credentials.save(SERVER, "me", Credential(sessdata="a", bili_jct="b"))
    assert file.read_text() == damaged


def test_the_file_of_a_killed_process_is_deleted(folder: Path) -> None:
    left = folder / ".credentials-abc.new"
    left.write_text("a secret")
    credentials.save(SERVER, "me", Credential(sessdata="a", bili_jct="b"))
    assert not left.exists()
    assert credentials.delete(SERVER, "me")
    assert credentials.load(SERVER, "me") is None
    assert not credentials.delete(SERVER, "me")
