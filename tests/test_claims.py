"""Runs that share the test files run each test once between them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = 12
#: The content of each file: tests, and fixtures at their end, write a line into ``log``.
TESTS = """
import os
import pytest

def write(word):
    with open("log", "a") as log:
        log.write(f"{os.environ['RUN']} {__name__} {word}\\n")

@pytest.fixture(scope="session", autouse=True)
def session():
    yield
    write("session")

@pytest.fixture(scope="module", autouse=True)
def module():
    yield
    write("module")

def test_first():
    write("first")

@pytest.mark.parametrize("number", range(3))
def test_second(number):
    write("second")
    assert "FAILED" not in globals() or number < 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with test files in two packages, and an empty folder for claims."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "claims").mkdir()
    for number in range(FILES):
        folder = tmp_path / f"tests_{number % 2}"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / f"test_{number}.py").write_text(TESTS)
    return tmp_path


def start(project: Path, run: str, *options: str) -> subprocess.Popen[str]:
    """Start pytest on the project, as one of the runs that share its files."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.claims", "--claims=claims", *options],
        cwd=project,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "RUN": run},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a run; return its exit status and its output."""
    output = run.communicate(timeout=120)[0]
    return run.returncode, output


def logged(project: Path) -> list[tuple[str, str, str]]:
    """Return (run, module, word) of each line of the log, in order."""
    lines = (project / "log").read_text().splitlines()
    return [(run, name, word) for run, name, word in map(str.split, lines)]


def test_each_test_runs_once_in_one_of_the_runs(project: Path) -> None:
    runs = [
        start(project, "a"),
        *(start(project, "b", f"--begin={at}") for at in ("third", "last")),
    ]
    ends = [end(run) for run in runs]
    assert [status for status, _ in ends] == [0, 0, 0], ends
    written = Counter((name, word) for _, name, word in logged(project) if word != "session")
    names = {f"tests_{number % 2}.test_{number}" for number in range(FILES)}
    counts = {"first": 1, "second": 3, "module": 1}
    assert written == {(name, word): n for name in names for word, n in counts.items()}
    files = (project / "claims").glob("*.seconds")
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len({line.split()[1] for line in lines}) == FILES * 4, "how long each test took"
    assert all(float(line.split()[0]) >= 0 for line in lines)


@pytest.mark.parametrize(
    ("begin", "numbers"),
    [
        ("first", (0, 10, 4, 6, 8, 1, 11, 3, 5, 7, 9)),
        ("third", (6, 8, 1, 11, 3, 5, 7, 9, 0, 10, 4)),
        ("last", (9, 7, 5, 3, 11, 1, 8, 6, 4, 10, 0)),
    ],
)
def test_a_file_runs_whole_and_its_fixtures_end_before_the_next_file(
    project: Path, begin: str, numbers: tuple[int, ...]
) -> None:
    (project / "claims" / "tests_0+test_2.py").touch()  # as if another run had claimed it
    status, output = end(start(project, "a", f"--begin={begin}"))
    assert status == 0, output
    order = [f"tests_{n % 2}.test_{n}" for n in numbers]
    words = ("first", "second", "second", "second", "module")
    lines = [(name, word) for _, name, word in logged(project)]
    count = len(order) * len(words)
    assert lines[:count] == [(name, word) for name in order for word in words]
    assert [word for _, word in lines[count:]] == ["session"] * len(order)


def test_a_failed_test_fails_its_run_and_leaves_the_other_files_to_the_other(
    project: Path,
) -> None:
    with (project / "tests_0" / "test_0.py").open("a") as file:
        file.write("FAILED = True\n")
    status, output = end(start(project, "a", "-x"))
    assert status == 1, output
    assert "stopping after 1 failures" in output
    assert {name for _, name, _ in logged(project)} == {"tests_0.test_0"}
    status, output = end(start(project, "b", "--begin=last"))
    assert status == 0, output
    assert f"{(FILES - 1) * 4} passed" in output


def test_a_file_that_cannot_be_imported_fails_the_run_that_claims_it(project: Path) -> None:
    (project / "tests_1" / "test_1.py").write_text("import missing_module\n")
    status, output = end(start(project, "a"))
    assert status == 1, output
    assert "ERROR tests_1/test_1.py" in output
    assert f"{(FILES - 1) * 4} passed, 1 error" in output


def test_tests_are_selected_within_each_file(project: Path) -> None:
    status, output = end(start(project, "a", "-k", "second"))
    assert status == 0, output
    assert f"{FILES * 3} passed, {FILES} deselected" in output


def test_a_run_that_finds_every_file_claimed_succeeds(project: Path) -> None:
    assert end(start(project, "a"))[0] == 0
    status, output = end(start(project, "b", "--begin=last"))
    assert status == 0, output
    assert "no tests ran" in output


def test_a_run_without_settings_is_refused(project: Path) -> None:
    (project / "pytest.ini").unlink()
    status, output = end(start(project, "a"))
    assert status == 4, output
    assert "no settings of pytest were found" in output
