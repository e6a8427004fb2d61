"""``make audit`` says so if the advisories could not be looked up, and does not pass."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "status", "passes", "said"),
    [
        ("No known vulnerabilities found", 0, True, "No known vulnerabilities found"),
        ("Found 1 known vulnerability in 1 package", 1, False, "Found 1 known vulnerability"),
        ("ConnectionError: no host", 1, False, "NOT AUDITED: image.lock"),
        ("a: Dependency not found and could not be audited: a (1)", 1, False, "NOT AUDITED"),
    ],
)
def test_an_audit_passes_only_if_it_was_done(
    tmp_path: Path, error: str, status: int, passes: bool, said: str
) -> None:
    """With a program in the place of pip-audit, which prints ``error``."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    program = tmp_path / ".venv-audit" / "bin" / "pip-audit"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" >>log\necho "{error}" >&2\nexit {status}\n')
    program.chmod(0o755)
    (tmp_path / ".venv-audit" / ".locked").touch()
    result = subprocess.run(
        ["make", "audit"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (result.returncode == 0) == passes, result
    assert said in result.stderr
    arguments = (tmp_path / "log").read_text()
    assert "--strict" in arguments, "without it, what cannot be looked up passes"
    assert ("dev.lock" in arguments) == passes
