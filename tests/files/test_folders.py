"""Temporary folders: what killed processes left is deleted, what living ones use is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guanxi.files.folders import AGE_SECONDS, delete_leftovers, temporary_folder

HOLD = """
import sys
from pathlib import Path
from guanxi.files.folders import temporary_folder
with temporary_folder("work-", Path(sys.argv[1])) as folder:
    (folder / "secret").write_text("s")
    print(folder, flush=True)
    sys.stdin.read()
"""


def holding(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that uses a folder, made to look old; return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    age(folder)
    return process, folder


def age(folder: Path) -> None:
    long_ago = time.time() - 2 * AGE_SECONDS
    os.utime(folder / ".guanxi-lock", (long_ago, long_ago))


def test_the_folder_of_a_killed_process_is_deleted_by_the_next(tmp_path: Path) -> None:
    process, folder = holding(tmp_path)
    with process:
        with temporary_folder("work-", tmp_path):
            assert (folder / "secret").exists(), "the process that uses it is alive"
        process.kill()
        process.wait()
        with temporary_folder("work-", tmp_path) as own:
            assert [path for path in tmp_path.iterdir() if path.is_dir()] == [own]
    assert list(tmp_path.iterdir()) == []


def test_other_folders_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work-of-a-user").mkdir()
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere, tmp_path / "work-young", tmp_path / "work-foreign"):
        folder.mkdir()
        (folder / ".guanxi-lock").touch()
    age(elsewhere)
    (tmp_path / "work-link").symlink_to(elsewhere)
    before = sorted(tmp_path.iterdir())
    delete_leftovers("work-", tmp_path / "missing")
    age(tmp_path / "work-foreign")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    delete_leftovers("work-", tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    monkeypatch.undo()
    delete_leftovers("work-", tmp_path)
    assert sorted(tmp_path.iterdir()) == [at for at in before if at.name != "work-foreign"]
