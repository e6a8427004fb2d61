"""Two builds of the same files are the same bytes, whatever the folder, the times and the umask."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What git ignores, or is no part of a distribution.
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "__pycache__", "dist", ".*_cache", ".coverage*", ".hypothesis"
)


def built(folder: Path, umask: int, time: int, variables: dict[str, str]) -> dict[str, str]:
    """Copy the repository into a folder, build it there; return the digests of what was built.

    The files have ``time`` and the permissions that ``umask`` leaves.
    """
    shutil.copytree(ROOT, folder, ignore=_LEFT_OUT, symlinks=True)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod((0o777 if path.is_dir() or os.access(path, os.X_OK) else 0o666) & ~umask)
            os.utime(path, (time, time))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build"],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | variables,
        umask=umask,
        check=True,
        capture_output=True,
    )
    found = {file.name: file.read_bytes() for file in (folder / "dist").iterdir()}
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


@pytest.mark.long
@pytest.mark.parametrize(
    "epoch",
    [{"SOURCE_DATE_EPOCH": "1700000000"}, {}],
    ids=["a time", "no time"],
)
def test_two_builds_are_the_same_bytes(tmp_path: Path, epoch: dict[str, str]) -> None:
    one = built(tmp_path / "one", 0o022, 1_600_000_000, epoch | {"TZ": "UTC", "LC_ALL": "C"})
    two = built(tmp_path / "a" / "two", 0o077, 1_900_000_000, epoch | {"TZ": "Asia/Tokyo"})
    assert {name.rpartition(".")[2] for name in one} == {"whl", "gz"}
    assert one == two
