"""The harness of `make bench` measures: on a small graph, and whatever the figures are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Of each kind that needs nothing besides the environment of the tests.
LINES = ["edge", "common", "follow", "import"]
GIVE_UP_SECONDS = 240


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=GIVE_UP_SECONDS,
        check=False,
    )


def test_lines_are_measured_and_what_cannot_be_says_why(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ran = bench("--only", *LINES, "twin-edge", "--json", str(file))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = {result["line"]: result for result in json.loads(file.read_bytes())}
    for name in LINES:
        assert min(results[name]["ours"] + results[name]["theirs"]) > 0
    if "twin-edge" not in results:
        assert "twin-edge          skipped: without fastapi" in ran.stdout


def test_a_line_that_is_not_there_is_named() -> None:
    ran = bench("--only", "edges")
    assert ran.returncode != 0
    assert "no line edges; there are edge, own" in ran.stderr


def test_nothing_imports_the_stranger_and_the_package_nothing_of_the_harness() -> None:
    stranger = re.compile(r"^\s*(import bench\.stranger|from bench(\.stranger)? import .*)", re.M)
    harness = re.compile(r"^\s*(import|from) bench\b", re.M)
    for file in (ROOT / "bench").glob("*.py"):
        assert "stranger" not in "".join(found[0] for found in stranger.finditer(file.read_text()))
    for file in (ROOT / "src").rglob("*.py"):
        assert not harness.search(file.read_text()), file
