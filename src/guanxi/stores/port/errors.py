"""The errors of every store."""

from __future__ import annotations

from pathlib import Path

from guanxi.text import Text


class StoreError(Exception):
    """A store cannot be opened, or cannot do the work; the text says why and what helps."""


class StoreMissing(StoreError):
    """There is no store at the address."""


class StoreDamaged(StoreError):
    """The store's file is damaged: restore it from a backup."""


class StoreUnavailable(StoreError):
    """The store is closed, busy or out of reach; nothing was written. Retry later (-503)."""


class StoreReplaced(StoreUnavailable):
    """The files at the store's path are no longer the opened ones; nothing is written any more."""


class StoreBusy(StoreUnavailable):
    """The read was refused at once: too many others of its caller, or of all, wait or run."""


class StoreTimeout(StoreError):
    """A write may or may not have succeeded. Read before writing again (-504)."""


class CallerRefused(Exception):
    """The account that makes a change may make none; nothing was written. ``code`` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ChangesOff(StoreError):
    """Changes are not recorded in this store."""


class CursorRefused(StoreError):
    """A cursor of the feed of changes cannot be used; its subclasses say why."""


class CursorInvalid(CursorRefused):
    """The text is no cursor."""


class CursorOfAnotherStore(CursorRefused):
    """The cursor is of another store, of a later state of it, or of before changes were off."""


class CursorTooOld(CursorRefused):
    """Changes after the cursor were deleted."""


class BadLine(StoreError):
    """A line of an import is invalid. ``line`` counts from 1; nothing of the import was written.

    ``file`` is its file, or None if the caller gave only one.
    """

    def __init__(self, line: int, reason: str | Text, file: Path | None = None) -> None:
        self.line, self.file = line, file
        self.reason = Text.of(reason)
        where = f"{file}: " if file else ""
        zh, en = f"第 {line} 行：{self.reason.zh}", f"line {line}: {self.reason.en}"
        super().__init__(Text(where + zh, where + en))
