"""What the tools raise.

    ToolError                    a ValueError; ``args[0]`` has the message in two languages
    ├── ArchiveError             an archive cannot be used
    │   ├── ArchiveMissing       there is none
    │   ├── ArchiveDamaged       cut off, overwritten, or of another program
    │   ├── ArchiveNewer         a newer guanxi wrote it
    │   ├── ArchiveMismatch      it belongs to another account or server
    │   ├── ArchiveBusy          another process works on it
    │   ├── ArchiveFull          the disk is full; nothing of before is lost
    │   └── NoSuchSnapshot
    ├── PlanError                a plan cannot be used
    │   ├── PlanDamaged          cut off, or no plan
    │   ├── PlanNewer            a newer guanxi wrote it
    │   └── PlanMismatch         it is for another account or server
    ├── SelectionError           a condition, a file of ids or rules that cannot be read
    └── Stopped                  work is left: the same command goes on

The errors of the server and the network are those of the SDK (``guanxi.exceptions``).
"""

from __future__ import annotations

from guanxi.text import Text


class ToolError(ValueError):
    """A tool cannot do what was requested; the message, ``zh`` or ``en``, says what to do."""

    exit_status = 1

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(Text(zh, en))


class ArchiveError(ToolError):
    """An archive cannot be used."""


class ArchiveMissing(ArchiveError):
    """There is no archive at this path."""


class ArchiveDamaged(ArchiveError):
    """The file is cut off, overwritten, or not an archive."""


class ArchiveNewer(ArchiveError):
    """A newer guanxi wrote the archive."""


class ArchiveMismatch(ArchiveError):
    """The archive belongs to another account or server."""


class ArchiveBusy(ArchiveError):
    """Another process works on the archive."""


class ArchiveFull(ArchiveError):
    """The archive's disk is full. What was written before is still there."""


class NoSuchSnapshot(ArchiveError):
    """The archive has no snapshot with this number."""


class PlanError(ToolError):
    """A plan cannot be used."""


class PlanDamaged(PlanError):
    """The file is cut off, or not a plan."""


class PlanNewer(PlanError):
    """A newer guanxi wrote the plan."""


class PlanMismatch(PlanError):
    """The plan is for another account or server."""


class SelectionError(ToolError):
    """A condition, a file of ids or a file of rules cannot be read."""


class Stopped(ToolError):
    """Work is left; the same command goes on with it."""

    exit_status = 3
