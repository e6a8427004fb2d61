"""The pages of a demo whose store is a PostgreSQL: what needs a SQLite file is refused in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.cli.runner import COMMAND, ENGLISH
from tests.console.visitor import Visitor

_SMALL = ["demo", "--json", "--port", "0", "--accounts", "100", "--edges", "900"]


@pytest.mark.long
def test_its_pages_work_without_marks(address: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *_SMALL, "--store", address],
        stdout=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    )
    try:
        assert process.stdout is not None
        visitor = Visitor(json.loads(process.stdout.readline())["base_url"])
        for path in ("/", "/docs", "/demo/requests", "/demo/faults"):
            visitor.visit(path)
            assert visitor.answer.status == 200, path
        assert "No mark" in visitor.visit("/demo/world")
        assert "marks need a store in a SQLite file" in visitor.submit("Mark now")
        visitor.visit("/demo/world/renew")
        assert "marks need a store in a SQLite file" in visitor.submit("Start over")
        visitor.visit("/demo/faults")
        assert "marks need a store in a SQLite file" in visitor.submit("Set it", effect="stale")
        assert "The fault is set" in visitor.submit("Set it", effect="code", value="-352")
        visitor.visit("/")
        assert "You act as Warma (53456)" in visitor.submit("Act as Warma")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
