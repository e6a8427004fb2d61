"""A fuzz target: a function of bytes, the strategy of its inputs, and what is a proper answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any, NamedTuple
from unicodedata import category

from hypothesis.strategies import SearchStrategy

Check = Callable[[bytes], object]

#: Categories of Unicode that a terminal or a log may obey.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
#: How many calls of functions an input may cost, in addition to those of a target for each byte.
_CALLS = 20_000


class Target(NamedTuple):
    """One parser of bytes from outside.

    ``open`` returns the context in which inputs are tried: it yields ``check``, which raises
    AssertionError for what must not be, and one of ``errors`` to refuse the input. Any other
    exception is a finding.
    """

    name: str
    open: Callable[[], AbstractContextManager[Check]]
    #: Inputs that are nearly valid, or not at all.
    inputs: SearchStrategy[bytes]
    #: The documented exceptions of the parser.
    errors: tuple[type[Exception], ...] = ()
    #: How many inputs ``make test`` and ``make test-long`` try.
    counts: tuple[int, int] = (40, 400)
    #: The most calls of functions for each byte of an input, so that no parser is quadratic; None
    #: where another thread or a library does the work.
    steps: int | None = 20
    #: Returns the text of an error that programs print as it is: no control characters may be in
    #: it. "" where a command escapes it.
    shown: Callable[[Any], str] = lambda error: ""


class Input(bytes):
    """An input with a short ``repr``, as archives are large."""

    def __repr__(self) -> str:
        return f"{bytes(self)!r}" if len(self) < 1_000 else f"<{len(self)} bytes>"


def parser(check: Check) -> Callable[[], AbstractContextManager[Check]]:
    """Return the ``open`` of a target that needs nothing but a function."""
    return lambda: nullcontext(check)


class TooManySteps(AssertionError):
    """An input cost more calls of functions than its length allows."""


def attempt(target: Target, check: Check, raw: bytes) -> bool:
    """Try one input; return whether it was accepted, or False if it was refused properly.

    Raise what the parser must not raise, and AssertionError for a refusal whose text has control
    characters where it would be shown as it is.
    """
    try:
        if target.steps is None:
            check(raw)
        else:
            with _counted(_CALLS + target.steps * len(raw)):
                check(raw)
    except target.errors as error:
        if isinstance(error, UnicodeError):  # a ValueError, which quotes what was read
            raise
        assert_plain(target.shown(error))
        return False
    return True


def assert_plain(text: str) -> None:
    """Raise AssertionError for a text with a character that a terminal or a log may obey."""
    hidden = {one for one in text if category(one) in _HIDDEN}
    assert not hidden, f"control characters in a message: {text!r}"


def refusal(act: Callable[[], object], kind: type[Exception]) -> str:
    """Return the text of the error of this class that a function raises, "" if it raises none."""
    try:
        act()
    except kind as error:
        return str(error)
    return ""


class _counted:  # used as a function
    """Raise TooManySteps in the block once it has called more than ``most`` functions."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.getprofile()
        if self._before is None:  # a profiler of the whole run goes first
            sys.setprofile(self._count)

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            sys.setprofile(None)

    def _count(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            self._left -= 1
            if self._left < 0:
                sys.setprofile(None)
                raise TooManySteps("more calls of functions than the length of the input allows")
