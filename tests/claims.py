"""A pytest plugin that lets runs share the test files: each file is run by one of them.

A run claims its next file by creating a file in the folder that ``--claims`` names, which must be
empty when the first run starts. A run goes through the files from the first to the last, with
``--begin=last`` from the last to the first, and with ``--begin=third`` or ``--begin=middle`` from
there to the last and then from the first. So all end at about the same time, whatever the files
cost, and tests of one folder mostly share their session fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path

import pytest

#: By the value of ``--begin``: the order in which a run claims files.
ORDERS: dict[str, Callable[[list[Path]], list[Path]]] = {
    "first": lambda paths: paths,
    "third": lambda paths: paths[len(paths) // 3 :] + paths[: len(paths) // 3],
    "middle": lambda paths: paths[len(paths) // 2 :] + paths[: len(paths) // 2],
    "last": lambda paths: paths[::-1],
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("claims")
    group.addoption("--claims", type=Path, required=True, help="folder of the claims of all runs")
    group.addoption("--begin", choices=ORDERS, default="first", help="which file is claimed first")


def pytest_configure(config: pytest.Config) -> None:
    """Raise UsageError if pytest has not found its settings, which make warnings errors.

    It looks for them above the paths among its arguments: the value of an option that is an
    argument of its own, as in ``--claims FOLDER``, counts as one.
    """
    if config.inipath is None:
        raise pytest.UsageError("no settings of pytest were found: write --claims=FOLDER")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests of each file that this run claims, as pytest's own loop runs all tests.

    Raise Failed or Interrupted when pytest's own loop does: after ``--maxfail`` failures, for one.
    """
    options = session.config.option
    if options.collectonly or session.testsfailed:
        return None  # pytest's own loop lists the tests, or ends the run
    item: pytest.Item | None
    session.config.pluginmanager.register(Seconds(options.claims / f"{options.begin}.seconds"))
    for item, next_item in pairwise(chain(claimed(session), [None])):
        assert item is not None
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


class Seconds:
    """Writes how long each test took, with its fixtures, as lines of seconds and name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sum = 0.0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._sum += report.duration
        if report.when == "teardown":
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{self._sum:8.2f}  {report.nodeid}\n")
            self._sum = 0.0


def claimed(session: pytest.Session) -> Iterator[pytest.Item]:
    """Claim file by file, and yield the tests of each file that no other run has claimed."""
    options = session.config.option
    files: dict[Path, list[pytest.Item]] = {}
    for item in session.items:
        files.setdefault(item.path, []).append(item)
    for path in ORDERS[options.begin]([*files]):
        name = "+".join(path.relative_to(session.config.rootpath).parts)
        try:
            (options.claims / name).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield from files[path]
