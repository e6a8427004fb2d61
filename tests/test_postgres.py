"""A PostgreSQL of the tests ends with the process that started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).parents[1]
_SERVE = """
import sys
from tests.postgres import new_server

server = new_server()
server.make()
server.start()
print(server.folder, flush=True)
sys.stdin.read()
"""


def test_a_server_stops_when_its_parent_is_killed() -> None:
    postgres.needed_programs()
    parent = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        folder = Path(parent.stdout.readline().strip())
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{server}").exists()
        parent.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{server}").exists() or folder.exists():
        assert time.monotonic() < until, "the server still runs, or its folder is still there"
        time.sleep(0.02)
