"""A pytest plugin that lets runs share the test files: each file is run by one of them.

A run claims its next file by creating a file in the folder that ``--claims`` names, which must be
empty when the first run starts; only then it imports that file. A run goes through the files from
the first to the last, with ``--begin=last`` from the last to the first, and with ``second``,
``third`` or ``fourth`` from that fifth to the last and then from the first. So all end at about the
same time, whatever the files cost, and tests of one folder mostly share their session fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from pathlib import Path

import pytest


def _from(share: float) -> Callable[[list[pytest.File]], list[pytest.File]]:
    return lambda files: files[int(share * len(files)) :] + files[: int(share * len(files))]


#: By the value of ``--begin``: the order in which a run claims files.
ORDERS: dict[str, Callable[[list[pytest.File]], list[pytest.File]]] = {
    "first": _from(0),
    "second": _from(0.2),
    "third": _from(0.4),
    "fourth": _from(0.6),
    "last": lambda files: files[::-1],
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
    config.pluginmanager.register(Sharing(config), "sharing")


class Sharing:
    """What one run claims, and what it has found and measured."""

    def __init__(self, config: pytest.Config) -> None:
        self._root, options = config.rootpath, config.option
        self._claims, self._begin = options.claims, options.begin
        self._files: list[pytest.File] = []
        self._seconds = 0.0

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Collector:
        """Note a file of tests instead of importing it."""
        self._files.append(pytest.Module.from_parent(parent, path=module_path))
        return Unclaimed.from_parent(parent, path=module_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests of each file that this run claims, as pytest's own loop runs all tests.

        Raise Failed or Interrupted when pytest's own loop does: after ``--maxfail`` failures, for
        one.
        """
        if session.testsfailed:
            return None  # pytest's own loop ends the run
        item: pytest.Item | None
        for item, next_item in pairwise(chain(self._claimed(session), [None])):
            assert item is not None
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
        return True

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Let a run succeed that found each file claimed by another."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._files:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write how long each test took, with its fixtures, as a line of seconds and name."""
        self._seconds += report.duration
        if report.when == "teardown":
            with (self._claims / f"{self._begin}.seconds").open("a", encoding="utf-8") as file:
                file.write(f"{self._seconds:8.2f}  {report.nodeid}\n")
            self._seconds = 0.0

    def _claimed(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """Claim file by file; yield the tests of each that no other run has claimed."""
        for file in ORDERS[self._begin](self._files):
            name = "+".join(file.path.relative_to(self._root).parts)
            try:
                (self._claims / name).touch(exist_ok=False)
            except FileExistsError:
                continue
            items = [*session.genitems(file)]
            session.config.hook.pytest_collection_modifyitems(
                session=session, config=session.config, items=items
            )
            session.testscollected += len(items)
            yield from items


class Unclaimed(pytest.File):
    """A file of tests that no run has imported."""

    def collect(self) -> Iterator[pytest.Item]:
        return iter(())
