"""A pytest plugin: which entry of the documents a test holds, checked while the test runs.

    @pytest.mark.holds("relation.modify", "User.modify_relation")

says that the test checks the documented behaviour of these entries. A parametrised test, which
checks one aspect of many entries, names the argument that has the entry, and the aspect:

    @pytest.mark.holds(each="endpoint", aspect="codes")

A mark that names no entry ends the run. A test passes only if it used each entry that it holds: an
endpoint or an object of the documents was requested from the real service, and answered code 0
where its behaviour is held; a function was called; a member of an enum was an argument of such a
call, and not only as the default. ``docs/coverage.md`` is made from these marks.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest

from guanxi import user
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.service import app
from guanxi.service.exchange import Exchange
from tests.documents.entries import ENTRIES, LOCAL, Entry

#: What a test may check of an entry, and whether it must use the entry for that. A signature and
#: the members of an enum are compared with the document without a call.
ASPECTS = {
    "behaviour": True,
    "arguments": False,
    "request": True,
    "parameters": True,
    "codes": True,
    "response": True,
    "example": True,
}
_BY_ADDRESS = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}


class Held(NamedTuple):
    """An entry that a test holds."""

    entry: Entry
    aspect: str


class Used:
    """What a test used: exchanges with the service, and names of the module."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.names: set[str] = set()

    def has(self, entry: Entry, aspect: str) -> bool:
        """Return whether a test that holds this aspect of the entry has used the entry."""
        if entry.endpoints:
            return any(
                one.endpoint is not None
                and one.endpoint.name in entry.endpoints
                and (one.code == 0 or aspect != "behaviour")
                for one in self.exchanges
            )
        served = bool(self.exchanges) or aspect != "behaviour" or entry.name in LOCAL
        return served and entry.name in self.names


def held(item: pytest.Item) -> list[Held]:
    """Return what a test holds. Raise UsageError for a mark that names no entry or no aspect.

    A parametrised test may have cases that are in no document: these hold nothing.
    """
    found = []
    for mark in item.iter_markers("holds"):
        aspect = mark.kwargs.get("aspect", "behaviour")
        names = list(mark.args)
        if "each" in mark.kwargs:
            value = item.callspec.params[mark.kwargs["each"]]  # type: ignore[attr-defined]
            name = _name_of(value)
            if name not in ENTRIES and name not in BY_NAME:
                raise pytest.UsageError(f"{item.nodeid} holds {name!r}, which is no entry")
            names += [name] if name in ENTRIES else []
        for name in names:
            if name not in ENTRIES or aspect not in ASPECTS:
                raise pytest.UsageError(f"{item.nodeid} holds {aspect} of {name!r}: no such entry")
            found.append(Held(ENTRIES[name], aspect))
    return found


def _name_of(value: Any) -> str:
    """Return the entry's name in an argument: a name, what has it, or an endpoint's address."""
    if isinstance(value, dict):
        value = value["name"] if "name" in value else _BY_ADDRESS[value["method"], value["path"]]
    return value if isinstance(value, str) else str(value.name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        held(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed without using what it holds."""
    wanted = [one for one in held(item) if ASPECTS[one.aspect]]
    if not wanted:
        return (yield)
    parameters = getattr(item, "callspec", None)
    chosen = [] if parameters is None else list(parameters.params.values())
    calls = any(not one.entry.endpoints for one in wanted)
    with watching(chosen, calls=calls) as used:
        result = yield
    unused = [one.entry.name for one in wanted if not used.has(one.entry, one.aspect)]
    if unused:
        pytest.fail(f"the test holds, but did not use: {', '.join(unused)}", pytrace=False)
    return result


@contextmanager
def watching(chosen: list[object], *, calls: bool = True) -> Iterator[Used]:
    """Yield what is used while the block runs; ``chosen`` are the parameters of the test.

    A member of an enum that is the default of its argument counts only if it is chosen. Services
    in other processes are not seen, and names of the module only in this thread and in those that
    start meanwhile; without ``calls`` not at all, as watching each call makes a test slower.
    """
    used, codes = Used(), _codes()

    def exchange(*arguments: Any) -> Exchange:
        used.exchanges.append(Exchange(*arguments))
        return used.exchanges[-1]

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code in codes:
            names, defaults = codes[frame.f_code]
            used.names |= names
            members = [one for one in frame.f_locals.values() if isinstance(one, Enum)]
            used.names |= {
                type(one).__name__ for one in members if one in chosen or one not in defaults
            }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Exchange", exchange)
        if not calls:
            yield used
            return
        before = sys.getprofile()
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            yield used
        finally:
            sys.setprofile(before)
            threading.setprofile(before)


@cache
def _codes() -> dict[CodeType, tuple[set[str], tuple[object, ...]]]:
    """Return the code of each function of the module with its names and its defaults.

    The code of a method, or of a class's constructor, has the name of the class too.
    """
    found: dict[CodeType, tuple[set[str], tuple[object, ...]]] = {}
    for name in ENTRIES:
        value: Any = user
        for part in name.split("."):
            value = getattr(value, part, None)
        if isinstance(value, type):
            value = value.__init__  # type: ignore[misc]
        function = inspect.unwrap(value)
        code = getattr(function, "__code__", None)
        if code is not None:
            names, _ = found.setdefault(code, (set(), function.__defaults__ or ()))
            names |= {name, name.partition(".")[0]}
    return found
