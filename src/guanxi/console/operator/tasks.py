"""What a process of the console's own does: the task, how far it is, and how it ended.

The values cross a pipe as JSON, a line each.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from guanxi.files import accounts, edges
from guanxi.files.outcome import Counts, OnConflict
from guanxi.stores import redacted
from guanxi.text import Text

#: By what is imported, the columns that a file may have; those of content are not chosen.
SHAPES = {"edges": edges.SHAPE, "accounts": accounts.SHAPE}


class Import(Struct, frozen=True, kw_only=True, tag="import"):
    """Import a file into the store, or find out what that would do if it is a ``dry_run``."""

    #: "edges", "accounts" or "content".
    what: str
    #: Its path, and what messages call it.
    file: str
    name: str
    #: By a column of the import, that of the file; others are found by their names.
    columns: dict[str, str] = {}
    on_conflict: OnConflict = "newest"
    #: Import the rest if lines are bad; refuse unknown accounts; the file is an export.
    skip_bad: bool = False
    strict: bool = False
    restore: bool = False
    dry_run: bool = True


class Export(Struct, frozen=True, kw_only=True, tag="export"):
    """Write all edges, accounts or content (``what``) to a new file."""

    what: str
    file: str


class Backup(Struct, frozen=True, kw_only=True, tag="backup"):
    """Back the store up to a new file."""

    file: str


class Check(Struct, frozen=True, kw_only=True, tag="check"):
    """Check every row of the store."""


Task: TypeAlias = Import | Export | Backup | Check


class Order(Struct, frozen=True):
    """A task, and the store's address. The repr hides a password in that."""

    store: str
    task: Task

    def __repr__(self) -> str:
        return f"Order(store={redacted(self.store)!r}, task={self.task!r})"


class Progress(Struct, frozen=True, tag="progress"):
    """What is being done, and how much of it; ``total`` is 0 if that is unknown."""

    part: Text
    done: int = 0
    total: int = 0
    #: How many faults a check has found so far.
    faults: int = 0


class Failed(Struct, frozen=True, tag="failed"):
    """The task was not done, and why."""

    reason: Text


class Bad(Struct, frozen=True):
    """A line that is refused: its number in the file, why, and its text."""

    line: int
    reason: Text
    text: str


class Imported(Struct, frozen=True, kw_only=True, tag="imported"):
    """What an import did, or would do: what becomes of the lines, and what the file has."""

    counts: Counts = Counts()
    #: The columns that the file must have, and of which it is not known which they are.
    missing: list[str] = []
    #: By a column of the import, which one of the file it is.
    columns: dict[str, str] = {}
    notes: list[Text] = []
    #: The first of the refused lines.
    bad: list[Bad] = []
    #: The file's own columns, numbers from 1 without a header, and its first rows.
    file_columns: list[str] = []
    has_header: bool = True
    rows: list[list[str | None]] = []


class Exported(Struct, frozen=True, kw_only=True, tag="exported"):
    """The rows and bytes of an export, and the cursor of the changes after it, if they are on."""

    rows: int
    bytes: int
    cursor: str | None = None


class BackedUp(Struct, frozen=True, kw_only=True, tag="backed up"):
    """The bytes of a backup, and whether the store has noted it."""

    bytes: int
    is_noted: bool


class Checked(Struct, frozen=True, kw_only=True, tag="checked"):
    """How many faults a check found, and the first of them: the invariant and the detail."""

    count: int = 0
    faults: list[tuple[str, str]] = []


Outcome: TypeAlias = Imported | Exported | BackedUp | Checked
#: What the process writes, one a line: its progress, then how it ended.
Message: TypeAlias = Progress | Failed | Outcome
