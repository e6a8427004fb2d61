"""Record which tests reach which lines, for `tools.mutants`.

Each test that passes is a context of coverage.py, named by its node id, together with what it did
in the Python processes that it started. A record belongs to the source that it was made from: make
it anew after a change.

    python -m tools.reached graph tests/graph tests/accounts   # writes build/reached/graph.*
"""

from __future__ import annotations

import ast
import gc
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage, CoverageData

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "reached"
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
#: Names that lead from a table or a struct to the code that uses it: at most so many in a row.
STEPS = 3


class _Contexts:
    """A plugin of pytest: one context for each test, also in the processes that the test starts."""

    def __init__(self, measured: Coverage) -> None:
        self.measured = measured
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        config = self.measured.config.copy()
        config.context = item.nodeid
        os.environ["COVERAGE_PROCESS_CONFIG"] = config.serialize()
        began = time.perf_counter()
        self.seconds[item.nodeid] = 0.0
        try:
            return (yield)
        finally:
            if item.nodeid in self.seconds:
                self.seconds[item.nodeid] = round(time.perf_counter() - began, 3)
            self.measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.seconds.pop(report.nodeid, None)


def record(name: str, tests: list[str]) -> None:
    """Run the tests in their short form and write the record ``name``."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}.coverage"
    for old in FOLDER.glob(f"{name}.*"):
        old.unlink()
    os.environ["GUANXI_TEST"] = "short"
    measured = Coverage(str(file), branch=False, config_file=str(ROOT / "pyproject.toml"))
    measured.start()
    contexts = _Contexts(measured)
    pytest.main(["-q", "-m", "not long and not browser", *tests], plugins=[contexts])
    measured.stop()
    measured.save()
    whole = Coverage(str(file), config_file=str(ROOT / "pyproject.toml"))
    whole.combine([str(FOLDER)])  # the files of all processes, which have more behind this name
    whole.save()
    file.with_suffix(".seconds").write_text(json.dumps(contexts.seconds), "utf-8")


@cache
def _records() -> list[CoverageData]:
    found = []
    for file in sorted(FOLDER.glob("*.coverage")):
        data = CoverageData(str(file))
        data.read()
        found.append(data)
    return found


def forget() -> None:
    """Free the memory of what was read of the records; it is read again when it is needed."""
    for one in (_records, _by_line, _sources, _reaching, _uses):
        one.cache_clear()
    gc.collect()


@cache
def seconds() -> dict[str, float]:
    """Return each recorded test, by node id, with the seconds that it took under coverage."""
    found: dict[str, float] = {}
    for file in sorted(FOLDER.glob("*.seconds")):
        found |= json.loads(file.read_text("utf-8"))
    return found


@cache
def _by_line(file: str) -> dict[int, set[str]]:
    lines: dict[int, set[str]] = {}
    for data in _records():
        for line, contexts in data.contexts_by_lineno(str(ROOT / file)).items():
            lines.setdefault(line, set()).update(contexts)
    return {line: contexts & seconds().keys() for line, contexts in lines.items()}


@cache
def _sources() -> dict[str, tuple[list[str], list[ast.stmt]]]:
    """Return the lines and the statements of each file."""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text("utf-8")
        statements = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.stmt)]
        found[path.relative_to(ROOT).as_posix()] = (text.splitlines(), statements)
    return found


def _holds(node: Any, line: int) -> bool:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return bool(first <= line <= node.end_lineno)


def _around(file: str, line: int) -> list[Any]:
    """Return the statements that hold a line, the innermost last."""
    return [one for one in _sources()[file][1] if _holds(one, line)]


def tests(file: str, line: int) -> set[str]:
    """Return the node ids of the tests that reach a line.

    What runs at import is reached by the tests that reach a use: the default of an argument by
    those of the function, a constant or a class by those of a line that has its name, or whose own
    file has it.
    """
    around = _around(file, line)
    if not around or any(isinstance(one, _FUNCTIONS) for one in around):
        return _reaching(file, line, STEPS)
    word = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in _defined(around[0])) or "(?!)")
    files = {test.partition("::")[0] for test in seconds()}
    using = {one for one in files if word.search((ROOT / one).read_text("utf-8"))}
    own = {test for test in seconds() if test.partition("::")[0] in using}
    return own | _reaching(file, line, STEPS)


@cache
def _reaching(file: str, line: int, steps: int) -> set[str]:
    lines = _by_line(file)

    def of(first: int, last: int) -> set[str]:
        return set().union(*(lines.get(one, set()) for one in range(first, last + 1)))

    around = _around(file, line)
    functions = [one for one in around if isinstance(one, _FUNCTIONS)]
    if functions:
        function, innermost = functions[-1], around[-1]
        begin = function.body[0].lineno
        if line < begin:
            return of(begin, function.end_lineno or line)
        inside = getattr(innermost, "body", None)
        last = inside[0].lineno - 1 if inside else innermost.end_lineno
        return of(line, line) or of(innermost.lineno, last)
    found: set[str] = set()
    if steps and around:
        for name in _defined(around[0]):
            for other, used in _uses(name):
                if other != file or not _holds(around[0], used):
                    found |= _reaching(other, used, steps - 1)
    return found


def _defined(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module gives."""
    match node:
        case ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [
                one.id
                for target in targets
                for one in ast.walk(target)
                if isinstance(one, ast.Name)
            ]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


@cache
def _uses(name: str) -> list[tuple[str, int]]:
    word = re.compile(rf"\b{re.escape(name)}\b")
    return [
        (file, number)
        for file, (lines, _) in _sources().items()
        for number, text in enumerate(lines, 1)
        if word.search(text) and not text.lstrip().startswith(("from ", "import ", "#"))
    ]


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2:])
