"""The errors of every store."""

from __future__ import annotations


class StoreError(Exception):
    """A store cannot be opened, or cannot do the work; the text says why and what helps."""


class StoreUnavailable(StoreError):
    """The store is closed, busy or out of reach; nothing was written. Retry later (-503)."""


class StoreTimeout(StoreError):
    """A write may or may not have succeeded. Read before writing again (-504)."""


class BadLine(StoreError):
    """A line of an import is invalid. ``line`` counts from 1; nothing of the import was written."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
