"""``guanxi manage`` as a process: its address opens the pages, and Ctrl-C ends it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.manage.process import started


@pytest.mark.parametrize("port", ["0", "8770"])
def test_the_printed_address_opens_the_pages(tmp_path: Path, port: str) -> None:
    with started(tmp_path, "http://127.0.0.1:9", port=port) as (process, visitor):
        assert "No account yet" in visitor.page
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)
