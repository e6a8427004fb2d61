"""Change the code in one place at a time and see whether a test fails: `make mutants`.

A sample is drawn at random from the rooms below, the same for the same seed and source. Each change
(a mutant) is made in a copy of the repository, in which the tests that reach the changed line run
until the first fails: those that have the name of the changed module or import it first, then the
quickest, and of all of them as many as `--seconds` allows. A mutant that no test notices survives:
it is printed with its line, to be killed by a new test or explained in docs/reliability.md.

Which tests reach a line is in `build/reached` (tools/reached.py), recorded at the first use. Delete
that folder after a change of the source.

    python -m tools.mutants --seed 7 --each 20          # 20 of each room
    python -m tools.mutants --seed 7 --each 20 --only sdk:3,sdk:11   # some of them again
    python -m tools.mutants --seed 7 --each 20 --list   # only show them
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from functools import cache
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

import pytest

from tools import reached

ROOT = Path(__file__).parents[1]
ROOMS = ("graph", "accounts", "contract", "service", "stores", "sdk")
#: The tests that can notice a mutant, by the name of their record.
TESTS = {
    "rules": ["tests/graph", "tests/accounts", "tests/contract", "tests/documents"],
    "sdk": ["tests/sdk", "tests/user"],
    "service": ["tests/service", "tests/embed/test_mounted.py",
                "tests/end_to_end/test_every_endpoint.py"],
    "stores": ["tests/stores"],
}  # fmt: skip
#: Generated from `aio`; needs a Citus cluster.
LEFT_OUT = ("sdk/sync/", "stores/postgresql/citus.py")
#: How many times as long as recorded the tests of a mutant may take, and how many seconds more.
PATIENCE, MORE = 3, 60

_COMPARED = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_COMPUTED = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "+",
    ast.BitOr: "&", ast.BitAnd: "|", ast.LShift: ">>", ast.RShift: "<<",
}  # fmt: skip
_STATEMENT = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|FROM|ORDER BY|AND|SET)\b")
_IN_STATEMENT = {
    " < ": " <= ", " > ": " >= ", " <= ": " < ", " >= ": " > ", " = ": " <> ", " AND ": " OR ",
    " OR ": " AND ", " DESC": " ASC", " + ": " - ", " - ": " + ", "max(": "min(", "min(": "max(",
    " IS NULL": " IS NOT NULL", " IS NOT NULL": " IS NULL", "NOT EXISTS": "EXISTS",
}  # fmt: skip
_WORD = re.compile(r"[a-z][a-z0-9_-]{1,30}")


class Mutant(NamedTuple):
    """One change: the text between two offsets of a file becomes another."""

    file: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        source = (ROOT / self.file).read_bytes()
        before = source[: self.start].rpartition(b"\n")[2].decode().lstrip()[-40:]
        after = source[self.end :].partition(b"\n")[0].decode()[:40]
        change = f"{_short(self.before)} -> {_short(self.after)}"
        return f"{self.file}:{self.line}: {before}⟦{change}⟧{after}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:60]} … {text[-25:]}"


class _Places(ast.NodeVisitor):
    """Collects the changes that are possible in one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text.encode()  # an ast column counts bytes
        self.starts = [0]
        for line in self.text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found: list[Mutant] = []

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def _source(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self.text[start:end].decode()

    def _add(self, node: ast.expr | ast.stmt, after: str) -> None:
        start, end = self._span(node)
        self.found.append(
            Mutant(self.file, node.lineno, start, end, self.text[start:end].decode(), after)
        )

    def _between(self, left: ast.expr, right: ast.expr, after: str) -> None:
        """Replace the operator between two operands."""
        start, end = self._span(left)[1], self._span(right)[0]
        before = self.text[start:end].decode()
        if "#" in before:
            return
        opening, closing = before.count("("), before.count(")")
        changed = ")" * closing + f" {after} " + "(" * opening
        line = self.text[:start].count(b"\n") + 1
        self.found.append(Mutant(self.file, line, start, end, before, changed))

    # What is not executed, or only read by people.

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *node.kw_defaults):
            if default is not None:
                self.visit(default)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name == "__repr__":
            return
        if any("overload" in ast.unparse(one) for one in node.decorator_list):
            return
        self.visit(node.args)
        for statement in node.body:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Leave an error as it is: its words are for people."""

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave it: it must never fail."""

    def visit_Import(self, node: ast.Import) -> None:
        """Leave it."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Leave it."""

    # What is changed.

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name.rpartition(".")[2] in {"Text", "cast", "TypeVar", "getLogger", "NewType"}:
            return
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call | ast.Await):
            self._add(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(node, "pass")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._add(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._add(node, "break")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                self._add(node.value, "None")
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        self._add(node.test, f"not ({self._source(node.test)})")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._add(node.test, f"not ({self._source(node.test)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add(node, f"({self._source(node.operand)})")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
            self._between(left, right, _COMPARED[type(operator)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = "or" if isinstance(node.op, ast.And) else "and"
        if len(node.values) == 2:
            self._between(node.values[0], node.values[1], other)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if after := _COMPUTED.get(type(node.op)):
            self._between(node.left, node.right, after)
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Change the text alone: before Python 3.12 the expressions in it have no exact place."""
        self._statement(node)

    def _statement(self, node: ast.expr) -> None:
        begin, end = self._span(node)
        source = self.text[begin:end]
        if _STATEMENT.search(source.decode()):
            for before, after in _IN_STATEMENT.items():
                for match in re.finditer(re.escape(before.encode()), source):
                    start = begin + match.start()
                    line = self.text[:start].count(b"\n") + 1
                    self.found.append(
                        Mutant(self.file, line, start, begin + match.end(), before, after)
                    )

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(node, str(not value))
        elif isinstance(value, int):
            self._add(node, str(value + 1))
        elif isinstance(value, str):
            if _WORD.fullmatch(value):
                self._add(node, repr(value + "x"))
            else:
                self._statement(node)


def places(room: str) -> list[Mutant]:
    """Return every change that is possible in a room, in the order of its files and lines."""
    found: list[Mutant] = []
    for path in sorted((ROOT / "src/guanxi" / room).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        if any(one in file for one in LEFT_OUT):
            continue
        text = path.read_text("utf-8")
        collector = _Places(file, text)
        collector.visit(ast.parse(text))
        found += dict.fromkeys(collector.found)
    return found


def changed(text: str, mutant: Mutant) -> str:
    """Return the text of a file with the change."""
    source = text.encode()
    return (source[: mutant.start] + mutant.after.encode() + source[mutant.end :]).decode()


def _compiles(mutant: Mutant) -> bool:
    try:
        text = (ROOT / mutant.file).read_text("utf-8")
        compile(changed(text, mutant), mutant.file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def drawn(seed: int, each: int) -> dict[str, Mutant]:
    """Return the sample, by names as `sdk:3`."""
    chosen: dict[str, Mutant] = {}
    for room in ROOMS:
        everything = places(room)
        random.Random(f"{seed} {room}").shuffle(everything)
        sample = list(islice(filter(_compiles, everything), each))
        chosen |= {f"{room}:{number}": one for number, one in enumerate(sorted(sample))}
    return chosen


def tests_to_run(mutant: Mutant, most: float) -> list[str]:
    """Return node ids of the tests that reach a mutant, the likeliest to fail first.

    They took at most ``most`` seconds together when they were recorded; one is always returned.
    """
    module = Path(mutant.file)
    dotted = ".".join(module.with_suffix("").parts[1:])
    imported = f"from {dotted.rpartition('.')[0]} import {module.stem}"
    words = {word.rstrip("s") for word in re.split(r"[_/]", module.stem) if len(word) > 2}

    @cache
    def nearness(file: str) -> int:
        text = (ROOT / file).read_text("utf-8")
        own = {word.rstrip("s") for word in Path(file).stem.split("_")}
        return 3 * (dotted in text or imported in text) + 4 * len(own & words)

    seconds = reached.seconds()
    found = sorted(
        reached.tests(mutant.file, mutant.line),
        key=lambda test: (-nearness(test.partition("::")[0]), seconds[test], test),
    )
    sums = accumulate(seconds[test] for test in found)
    return [test for number, (test, sum_) in enumerate(zip(found, sums, strict=True))
            if not number or sum_ <= most]  # fmt: skip


def _copy(folder: Path) -> None:
    """Copy what git knows of the repository; the environments are linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    for name in (".venv", ".venv-stranger", ".venv-plugins"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)


_ticks = iter(range(1, 1_000_000))


def _put(path: Path, text: str) -> None:
    """Write a file with a time that it never had: a compiled module is as old as its source."""
    path.write_text(text, "utf-8")
    moment = 1_500_000_000 + next(_ticks)
    os.utime(path, (moment, moment))


def _warm() -> None:
    """Import what every run of tests needs, so that a forked process has it already."""
    for name in ("apsw", "asyncpg", "hypothesis", "jinja2", "msgspec", "pytest", "starlette",
                 "typer", "rich.console", "uvicorn"):  # fmt: skip
        importlib.import_module(name)


def _pytest(folder: Path, limit: float, *arguments: str) -> tuple[int, str] | None:
    """Run pytest in a copy; return its exit code and what it printed, None if it takes too long."""
    log = folder / ".mutants.log"
    process = os.fork()
    if process == 0:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(folder)
        os.environ |= {
            "GUANXI_TEST": "short",
            "PYTHONPATH": f"{folder / 'src'}:{folder}",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / ".hypothesis"),
        }
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.path[:0] = [str(folder / "src"), str(folder)]
        for name in [*sys.modules]:
            if name.partition(".")[0] in {"guanxi", "tests", "tools"}:
                del sys.modules[name]
        code = 99
        try:
            code = pytest.main(
                ["-q", "-x", "-m", "not long and not browser", "--tb=line", "--no-header", "-rfE",
                 "-W", "ignore::pytest.PytestAssertRewriteWarning",
                 f"--rootdir={folder}", *arguments]
            )  # fmt: skip
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    deadline = time.monotonic() + limit
    ended, status = 0, 0
    while not ended and time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        time.sleep(0.05)
    with suppress(ProcessLookupError):  # the servers of the tests too
        os.killpg(process, signal.SIGKILL)
    if not ended:
        os.waitpid(process, 0)
        return None
    return os.waitstatus_to_exitcode(status), log.read_text("utf-8", "replace")


def _tried(folder: Path, mutant: Mutant, tests: list[str]) -> tuple[str, str]:
    """Return what came of a mutant, and which test says so.

    "killed" if a test failed that passes without the change, if none can be imported, or if they
    took too long; "survived" if none failed or none reaches it; "doubtful" if the test fails
    without the change too: it needs another before it.
    """
    if not tests:
        return "survived", "no test reaches it"
    limit = PATIENCE * sum(reached.seconds()[test] for test in tests) + MORE
    path = folder / mutant.file
    original = (ROOT / mutant.file).read_text("utf-8")
    _put(path, changed(original, mutant))
    try:
        done = _pytest(folder, limit, *tests)
        if done is not None and "ERROR: not found" in done[1]:  # it changes the parameters of tests
            done = _pytest(folder, limit, *dict.fromkeys(test.partition("::")[0] for test in tests))
    finally:
        _put(path, original)
    if done is None:
        return "killed", "by time"
    code, output = done
    if code == 0:
        return "survived", output.strip().splitlines()[-1]
    failed = re.findall(r"^(?:FAILED|ERROR) tests/.*", output, re.M)
    why = (failed or [output.strip()[-300:]])[0]
    failing = [test for test in tests if f"{why} ".partition(" ")[2].startswith(f"{test} ")]
    alone = _pytest(folder, limit, *failing) if failing else (0, "")
    return ("killed" if alone is not None and alone[0] == 0 else "doubtful"), why


def main() -> None:
    """Draw the sample, try each mutant, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--each", type=int, default=20, help="mutants of each room")
    parser.add_argument("--only", default="", help="names of some of them, as sdk:3,graph")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for each mutant")
    parser.add_argument("--list", action="store_true", help="only show them")
    arguments = parser.parse_args()
    chosen = drawn(arguments.seed, arguments.each)
    if arguments.only:
        wanted = arguments.only.split(",")
        chosen = {
            name: one
            for name, one in chosen.items()
            if name in wanted or name.partition(":")[0] in wanted
        }
    print(
        f"seed {arguments.seed}, {arguments.each} of each room: {len(chosen)} mutants", flush=True
    )
    if arguments.list:
        for name, mutant in chosen.items():
            print(f"{name:12} {mutant}")
        return
    for name, tests in TESTS.items():
        if not (reached.FOLDER / f"{name}.seconds").exists():
            subprocess.run(
                [sys.executable, "-m", "tools.reached", name, *tests], cwd=ROOT, check=True
            )
    tests_of = {name: tests_to_run(one, arguments.seconds) for name, one in chosen.items()}
    reached.forget()  # each run of tests is a fork of this process
    _warm()
    gc.freeze()
    survivors: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        folder = Path(place)
        _copy(folder)
        for name, mutant in chosen.items():
            began = time.monotonic()
            state, why = _tried(folder, mutant, tests_of[name])
            seconds = time.monotonic() - began
            print(
                f"{state:9} {name:12} {seconds:4.0f} s  {mutant}\n          {why[:200]}", flush=True
            )
            if state != "killed":
                survivors.append(name)
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} killed; survived:")
    for name in survivors:
        print(f"  {name:12} {chosen[name]}")


if __name__ == "__main__":
    main()
