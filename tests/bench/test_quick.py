"""`make bench` runs on a small graph; the figures themselves are not checked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: One line of each kind that needs no extra packages.
LINES = ["edge", "follow", "common", "import", "follow-import"]
#: A line that needs a program.
TOOL = "import-sqlite3"
TIMEOUT_SECONDS = 240


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m bench --quick` with `options`; return the completed process."""
    return subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


@pytest.mark.long
def test_lines_are_measured_and_a_line_without_its_packages_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ("--edges", "120000", "--seconds", "0.6", "--json", str(file))
    process = bench("--only", *LINES, TOOL, "twin-edge", *options)
    assert process.returncode == 0, process.stdout + process.stderr
    assert ", 120,000 edges;" in process.stdout.partition("\n")[0]
    results = {result["line"]: result for result in json.loads(file.read_bytes())}
    for name in LINES:
        assert min(results[name]["ours"] + results[name]["theirs"]) > 0
    assert TOOL in results or f"{TOOL:<18} skipped: no sqlite3 command" in process.stdout
    if "twin-edge" not in results:
        assert "twin-edge          skipped: no sqlalchemy" in process.stdout


@pytest.mark.parametrize("edges", ["5", "60000"])
def test_too_few_edges_are_an_error_that_says_so(edges: str) -> None:
    process = bench("--edges", edges, "--only", "edge")
    assert process.returncode == 1
    assert re.fullmatch(
        rf"--edges {edges}: only \d+ accounts follow 50, and 64 must: use more edges\n",
        process.stderr,
    )


def test_an_unknown_line_is_an_error_that_names_it() -> None:
    process = bench("--only", "edges")
    assert process.returncode != 0
    assert "unknown line: edges; choose from edge, own" in process.stderr


def test_the_package_does_not_import_bench_and_bench_does_not_import_stranger() -> None:
    stranger = re.compile(r"^\s*(import bench\.stranger|from bench(\.stranger)? import .*)", re.M)
    harness = re.compile(r"^\s*(import|from) bench\b", re.M)
    for file in (ROOT / "bench").glob("*.py"):
        assert "stranger" not in "".join(match[0] for match in stranger.finditer(file.read_text()))
    for file in (ROOT / "src").rglob("*.py"):
        assert not harness.search(file.read_text()), file
