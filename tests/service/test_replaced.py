"""``guanxi serve`` whose store's file is replaced by a backup while it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from tests.cli.runner import ENGLISH
from tests.service.client import send
from tests.service.test_workers import until


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_service_ends_when_a_backup_is_moved_over_its_store(tmp_path: Path, workers: int) -> None:
    path, printed = tmp_path / "s.db", tmp_path / "printed"
    command = [sys.executable, "-m", "guanxi", "serve", "--store", str(path)]
    options = ["--port", "0", "--workers", str(workers)]
    with (
        printed.open("w") as output,
        subprocess.Popen(
            [*command, *options], stdout=output, stderr=output, env=os.environ | ENGLISH
        ) as process,
    ):
        try:
            until(lambda: "http://" in printed.read_text())
            url = "http://" + printed.read_text().split("http://")[1].split()[0].rstrip("/")
            assert send(url, "GET", "/healthz").status == 200
            source, copy = apsw.Connection(str(path)), apsw.Connection(str(tmp_path / "backup"))
            with copy.backup("main", source, "main") as backup:
                backup.step()
            source.close()
            copy.close()
            (tmp_path / "backup").rename(path)
            content = path.read_bytes()
            with suppress(ConnectionError):  # it has noticed already, and stopped
                assert send(url, "GET", "/readyz").status == 503
            assert process.wait(30) == 3
        finally:
            process.kill()
    assert "put the right file there" in printed.read_text().splitlines()[-1]
    assert path.read_bytes() == content
