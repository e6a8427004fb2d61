"""``guanxi manage`` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.cli.runner import COMMAND, ENGLISH
from tests.console.visitor import Visitor

_NO_KEYRING = "keyring.backends.fail.Keyring"


@contextmanager
def started(
    folder: Path, base_url: str, *, port: str = "0"
) -> Iterator[tuple[subprocess.Popen[str], Visitor]]:
    """Yield the process, and a visitor who has opened its pages; kill it at the end."""
    environment = os.environ | ENGLISH | {"XDG_DATA_HOME": str(folder)}
    environment |= {"XDG_CONFIG_HOME": str(folder), "PYTHON_KEYRING_BACKEND": _NO_KEYRING}
    arguments = ["manage", "--no-browser", "--port", port, "--base-url", base_url]
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
        visitor.visit(f"{address.path}?{address.query}")
        yield process, visitor
    finally:
        process.kill()
        process.communicate(timeout=30)
