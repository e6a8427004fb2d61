"""What a killed ``guanxi demo`` leaves is deleted by the next one, and does not stop it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.runner import ENGLISH
from tests.service.test_workers import until


def started(store: Path, temporary: Path, accounts: int) -> subprocess.Popen[str]:
    options = ["--store", str(store), "--accounts", str(accounts), "--edges", "0", "--port", "0"]
    return subprocess.Popen(
        [sys.executable, "-m", "guanxi", "demo", "--json", *options],
        env=os.environ | ENGLISH | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.long
def test_a_demo_that_was_killed_while_it_filled_its_store_can_be_repeated(tmp_path: Path) -> None:
    temporary, folder = tmp_path / "temporary", tmp_path / "stores"
    temporary.mkdir()
    folder.mkdir()
    with started(folder / "demo.db", temporary, 200_000) as killed:
        until(lambda: any(folder.glob("*/.guanxi-lock")))  # without it a folder is left alone
        killed.kill()
        killed.communicate()
    assert not (folder / "demo.db").exists()
    left = [*temporary.iterdir(), *folder.iterdir()]
    assert left
    long_ago = time.time() - 1_000
    for at in left:
        os.utime(at / ".guanxi-lock", (long_ago, long_ago))
    with started(folder / "demo.db", temporary, 10) as demo:
        assert demo.stdout is not None
        assert "base_url" in demo.stdout.readline()
        assert {at.name.partition("-turn")[0] for at in folder.iterdir()} <= {
            "demo.db",
            "demo.db-wal",
            "demo.db-shm",
        }
        demo.terminate()
        demo.communicate()
    assert list(temporary.iterdir()) == []
