"""Which test holds which entry of the documents, from the marks of the collected tests."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.holding import held

_ROOT = Path(__file__).resolve().parents[1]

#: The package is a plugin of pytest where it is installed, and was imported before.
_IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


class _Collector:
    """A pytest plugin that keeps what each collected test holds."""

    def __init__(self) -> None:
        #: The entry, the aspect, and the test: with its parameters only if they are the entry.
        self.found: list[tuple[str, str, str]] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            each = any("each" in mark.kwargs for mark in item.iter_markers("holds"))
            test = item.nodeid if each else item.nodeid.partition("[")[0]
            self.found += [(one.entry.name, one.aspect, test) for one in held(item)]


@functools.cache
def holders() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the tests that hold each aspect of each entry: (entry, aspect) to pytest's ids.

    A process of its own collects the tests that have marks, without running them. Raise
    RuntimeError, with pytest's output, if they cannot be collected or a mark names no entry.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tools.holders"],
        cwd=_ROOT,
        env=os.environ | {"GUANXI_TEST": "long"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for entry, aspect, test in json.loads(done.stdout):
        found[entry, aspect][test] = None
    return {key: tuple(tests) for key, tests in found.items()}


def main() -> None:
    """Collect the tests, and print what they hold as JSON; pytest's own output is on stderr."""
    files = sorted(
        path.relative_to(_ROOT).as_posix()
        for path in (_ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.holds(" in path.read_text("utf-8")
    )
    collector = _Collector()
    with redirect_stdout(sys.stderr):
        status = pytest.main(
            ["--collect-only", "-qq", "-p", "no:cacheprovider", *_IMPORTED, *files],
            plugins=[collector],
        )
    if status:
        sys.exit(int(status))
    print(json.dumps(collector.found))


if __name__ == "__main__":
    main()
