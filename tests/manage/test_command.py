"""``guanxi manage`` as a process: its address works once, and Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.runner import COMMAND, ENGLISH
from tests.console.visitor import Visitor


@pytest.mark.parametrize("port", ["0", "8770"])
def test_the_printed_address_opens_the_pages(tmp_path: Path, port: str) -> None:
    environment = os.environ | ENGLISH | {"XDG_DATA_HOME": str(tmp_path)}
    arguments = ["manage", "--no-browser", "--port", port, "--base-url", "http://127.0.0.1:9"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        visitor = Visitor(f"http://{address.netloc}")
        assert "No account yet" in visitor.visit(f"{address.path}?{address.query}")
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)
