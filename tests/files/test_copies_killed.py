"""Backups and restores that are killed at any of their calls."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counts import count
from tests.files.test_copies import (
    ROOT,
    backed_up,
    followed,
    names,
    put_back,
    with_accounts,
    with_log,
)

#: So many calls at the end rename the files, and note in the store that it was backed up.
_LAST = 18


class Killing:
    """The process of ``killed``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.files.killed"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, number: int, verb: str, file: Path, path: Path) -> int | None:
        """Copy until a call; return how many there were if it was not reached, else None."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps([number, verb, str(file), str(path)])
        print(line, file=self._process.stdin, flush=True)
        calls: int | None = json.loads(self._process.stdout.readline())
        return calls

    def points(self, verb: str, file: Path, path: Path) -> list[int]:
        """Make a copy; return the calls to be killed at in the next ones.

        In the short form those are the last ones, where files are renamed, and a few others.
        """
        calls = self(1_000, verb, file, path)
        assert calls is not None
        first = random.Random(18).sample(range(calls - _LAST), count(3, calls - _LAST))
        return [*sorted(first), *range(calls - _LAST, calls)]

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def killing() -> Iterator[Killing]:
    process = Killing()
    yield process
    process.close()


@pytest.mark.parametrize("verb", ["restore", "discard"])
def test_a_killed_restore_leaves_the_old_store_or_the_new_one(
    tmp_path: Path, killing: Killing, verb: str
) -> None:
    template = tmp_path / "template"
    template.mkdir()
    with_log(template / "s.db", 3)
    shutil.copytree(template, tmp_path / "first")
    file = tmp_path / "b.db"
    backed_up(with_accounts(tmp_path / "new.db", 2), file)
    found = []
    for number in killing.points(verb, file, tmp_path / "first" / "s.db"):
        work = tmp_path / str(number)
        shutil.copytree(template, work)
        path = work / "s.db"
        assert killing(number, verb, file, path) is None
        found.append(followed(path))
        assert all(name.startswith((".s.db-", "s.db")) for name in names(work))
        forget_folders(work)
        put_back(file, path)
        assert followed(path) == [2]
        assert not [name for name in names(work) if name.startswith(".")]
        shutil.rmtree(work)
    news = found.index([2])
    assert found == [[99, 3]] * news + [[2]] * (len(found) - news)
    assert news > 3


def forget_folders(folder: Path) -> None:
    """Make the temporary folders of killed processes old, so that the next one deletes them."""
    for lock in folder.glob(".*/.guanxi-lock"):
        os.utime(lock, (0, 0))
    for left in folder.glob(".*"):
        if not (left / ".guanxi-lock").exists():  # killed before it could lock it
            shutil.rmtree(left)


@pytest.mark.parametrize("exists", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_killed_backup_leaves_the_old_file_or_the_whole_new_one(
    tmp_path: Path, killing: Killing, exists: bool
) -> None:
    path = with_accounts(tmp_path / "s.db", 2, 3)
    old = with_accounts(tmp_path / "old.db", 2)
    first = tmp_path / "first.db"
    if exists:
        shutil.copy(old, first)
    found = []
    for number in killing.points("back_up", first, path):
        work = tmp_path / str(number)
        work.mkdir()
        file = work / "b.db"
        if exists:
            shutil.copy(old, file)
        killing(number, "back_up", file, path)
        found.append(followed(file) if file.exists() else [])
        forget_folders(work)
        backed_up(path, file, force=True)
        assert not [name for name in names(work) if name.startswith(".")]
        assert followed(file) == followed(path) == [3, 2]
        shutil.rmtree(work)
    before = [2] if exists else []
    news = found.index([3, 2])
    assert found == [before] * news + [[3, 2]] * (len(found) - news)
    assert news > 3
