"""How far a check of a store is: what it looks at, and the share that is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: Called, on any thread, with what is looked at and the share that is done, from 0 to 1.
Looking: TypeAlias = Callable[[str, float], object]
#: What is looked at row by row, in this order, after the statements.
ROWS = ("accounts", "changes", "documents")
#: After so many rows of one step the share is reported again.
_ROWS = 5_000


class Steps:
    """The steps of a check, each of the same share, and reported when it begins."""

    def __init__(self, looking: Looking | None, count: int) -> None:
        self._looking, self._count = looking, count
        self._begun, self._name = -1, ""

    def begin(self, name: str) -> None:
        """Begin the next step: ``name`` says what is looked at."""
        self._begun, self._name = self._begun + 1, name
        self.within(0.0)

    def within(self, share: float) -> None:
        """Report that a share of the step is done, from 0 to 1."""
        if self._looking is not None:
            self._looking(self._name, (self._begun + min(share, 1.0)) / self._count)

    def passed(self, number: int, total: int) -> None:
        """Report, once in some thousand rows, that so many of about ``total`` were looked at."""
        if number and number % _ROWS == 0:
            self.within(number / max(total, 1))
