"""The fixture with plugins of pytest that our own suite runs without, in their environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-plugins" / "bin" / "python"
SUITES = Path(__file__).parent / "suites"
#: The name of each plugin for ``-p``, which is loaded where it is installed.
PLUGINS = ("asyncio", "randomly", "xdist")
_INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"

pytestmark = [
    pytest.mark.plugins,
    pytest.mark.skipif(
        not PYTHON.exists() and "CI" not in os.environ,
        reason="no .venv-plugins: `make plugins` makes it",
    ),
]


def run(folder: Path, suites: tuple[str, ...], *options: str, plugins: tuple[str, ...]) -> str:
    """Run suites under some plugins; return what pytest printed. All tests must pass."""
    for name in suites:
        shutil.copy(SUITES / f"{name}.py", folder / f"test_{name}.py")
    (folder / "pytest.ini").write_text(_INI if "asyncio" in plugins else "[pytest]\n")
    without = [f"-pno:{name}" for name in PLUGINS if name not in plugins]
    command = [str(PYTHON), "-m", "pytest", "-pno:cacheprovider", *without, *options]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ended = subprocess.run(
        command,
        cwd=folder,
        env=variables | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("plugin", "suite", "passed", "options"),
    [
        ("xdist", "isolated", 14, ["-n2"]),
        ("asyncio", "with_asyncio", 3, []),
        ("randomly", "isolated", 14, ["-prandomly", "--randomly-seed=3"]),
        ("freezegun", "with_freezegun", 4, []),
    ],
)
def test_with_a_plugin(
    tmp_path: Path, plugin: str, suite: str, passed: int, options: list[str]
) -> None:
    printed = run(tmp_path, (suite,), *options, plugins=(plugin,))
    assert f"{passed} passed" in printed


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_with_all_of_them(tmp_path: Path, seed: int) -> None:
    suites = ("isolated", "with_asyncio", "with_freezegun")
    options = ("-n2", "--dist=loadfile", f"--randomly-seed={seed}")
    printed = run(tmp_path, suites, *options, plugins=PLUGINS)
    assert "21 passed" in printed
    assert f"--randomly-seed={seed}" in printed


@pytest.mark.long
def test_with_unittest_alone(tmp_path: Path) -> None:
    shutil.copy(SUITES / "isolated.py", tmp_path / "test_isolated.py")
    ended = subprocess.run(
        [str(PYTHON), "-m", "unittest", "-v", "test_isolated"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search(r"^Ran 2 tests", ended.stderr, re.M), ended.stderr
    assert ended.returncode == 0, ended.stderr
