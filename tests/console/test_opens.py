"""``guanxi demo`` opens its start page in a browser, for whoever sits at a desktop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guanxi.cli.service.demo import has_desktop
from tests.cli.runner import COMMAND, ENGLISH
from tests.console.visitor import Visitor

_SMALL = ["demo", "--port", "0", "--accounts", "100", "--edges", "900"]


@pytest.mark.parametrize(
    ("options", "environment", "opens"),
    [
        ([], {"DISPLAY": ":0"}, True),
        (["--no-browser"], {"DISPLAY": ":0"}, False),
        (["--json"], {"DISPLAY": ":0"}, False),
        ([], {"GUANXI_DEMO_BROWSER": "0", "WAYLAND_DISPLAY": "wayland-0"}, False),
        ([], {}, False),
    ],
    ids=["desktop", "option", "json", "variable", "no desktop"],
)
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="another system's browsers open otherwise")
def test_the_start_page_opens(
    options: list[str], environment: dict[str, str], opens: bool, tmp_path: Path
) -> None:
    opened, script = tmp_path / "opened", tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    script.chmod(0o700)
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    environ |= {**ENGLISH, "BROWSER": str(script), **environment}
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *_SMALL, *options],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environ,
        start_new_session=True,
    )
    os.close(slave)
    try:
        printed = b""
        end = b"curl -s" if "--json" not in options else b"emulator_token"
        while end not in printed:
            printed += os.read(master, 65_536)
        deadline = time.monotonic() + (20 if opens else 1)
        while time.monotonic() < deadline and not opened.exists():
            time.sleep(0.05)
        assert opened.exists() is opens
        if opens:
            address = opened.read_text().strip()
            assert address.encode() in printed
            assert "A follow graph to try things on" in Visitor(address).visit("/")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        os.close(master)
    assert process.returncode == 0


def test_a_program_that_starts_a_demo_has_no_desktop() -> None:
    assert not has_desktop({"DISPLAY": ":0"}), "pytest captures what is printed"
