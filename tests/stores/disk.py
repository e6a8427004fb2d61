"""A disk for SQLite's files that records what is written to it, loses power, and fails.

``Disk`` is SQLite's default file system while it is entered. What SQLite writes goes to the real
files, so that the store works, and into a list of events; nothing is synced for real, which costs
time. ``Disk.left`` returns the files that a loss of power after some of these events leaves:

- of each file, what was synced, and of the sectors written since then an arbitrary subset, so that
  writes are reordered, lost and torn; where a file grew without its data, zeros or random bytes;
- of the names in folders, those of the last synchronization of a folder, and of the later changes
  any first part: journaling file systems keep the order of such changes. A rename is one change.

Of what Python writes, files are recorded when they are synced, renamed or opened by SQLite. The
index of the log (``-shm``) is not recorded, as SQLite builds it anew.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

SECTOR = 512
_NAME = "recording"
_BASE = "unix"
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


@dataclass(frozen=True)
class Write:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    file: int
    size: int


@dataclass(frozen=True)
class Sync:
    file: int


@dataclass(frozen=True)
class Rename:
    """Names that got a file, or None for those that were removed, in one step."""

    names: dict[str, int | None]


@dataclass(frozen=True)
class SyncFolder:
    pass


@dataclass(frozen=True)
class Answered:
    """What the test saw succeed: from here on it must not be lost."""

    what: object


Event = Write | Truncate | Sync | Rename | SyncFolder | Answered


class Disk(apsw.VFS):
    """The files in a folder, and all that happened to them."""

    #: The end of the names of files whose syncs do nothing, as those of a disk that lies.
    lying: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder, self.events = folder, list[Event]()
        #: The code of SQLite that an operation ("read", "write" or "sync") fails with, by its name
        #: and the end of the file's name: {("sync", "-wal"): SQLITE_IOERR_FSYNC}.
        self.failing: dict[tuple[str, str], int] = {}
        #: How often they fail; None for always.
        self.failures: int | None = None
        self._names: dict[str, int] = {}
        self._lock = threading.RLock()
        for path in folder.rglob("*"):
            if path.is_file():
                self.events.append(Sync(self.known(str(path))))
        self.events.append(SyncFolder())
        super().__init__(_NAME, _BASE)

    def answered(self, what: object = None) -> None:
        """Record that ``what`` was answered, for ``answers``."""
        self.events.append(Answered(what))

    def answers(self, cut: int) -> list[object]:
        """Return what was answered within the first ``cut`` events."""
        return [event.what for event in self.events[:cut] if isinstance(event, Answered)]

    def check(self, operation: str, path: str) -> None:
        """Raise SQLite's error for an operation that is to fail."""
        for (failing, end), code in self.failing.items():
            if failing == operation and path.endswith(end) and self.failures != 0:
                if self.failures is not None:
                    self.failures -= 1
                raise apsw.exception_for(code)

    def known(self, path: str) -> int:
        """Return the number of the file at a path; record what Python has written there."""
        with self._lock:
            if path not in self._names:
                number = self._names[path] = len(self.events)
                self.events.append(Rename({path: number}))
                if os.path.exists(path) and (content := Path(path).read_bytes()):
                    self.events.append(Write(number, 0, content))
            return self._names[path]

    def rename(self, names: dict[str, int | None]) -> None:
        """Record that names got files, or were removed."""
        with self._lock:
            for path, number in names.items():
                self._names.pop(path, None)
                if number is not None:
                    self._names[path] = number
            self.events.append(Rename(names))

    def remove(self, path: str) -> None:
        """Record that a name was removed, if it is one of a recorded file."""
        if path in self._names:
            self.rename({path: None})

    # --- what SQLite calls ---

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        if name is None:  # a temporary file, which SQLite deletes
            return apsw.VFSFile(_BASE, name, flags)
        return _File(self, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        super().xDelete(name, sync)
        self.remove(name)
        if sync:
            self.events.append(SyncFolder())

    # --- what a loss of power leaves ---

    def left(self, cut: int, draw: Random) -> dict[str, bytes]:
        """Return what a disk that lost power after ``cut`` events has, by paths in its folder."""
        contents: defaultdict[int, bytearray] = defaultdict(bytearray)
        waiting: defaultdict[int, list[Write | Truncate]] = defaultdict(list)
        names: dict[str, int] = {}
        renames: list[Rename] = []
        for event in self.events[:cut]:
            match event:
                case Write() | Truncate():
                    waiting[event.file].append(event)
                case Sync(file):
                    for change in waiting.pop(file, ()):
                        _apply(contents[file], change)
                case Rename():
                    renames.append(event)
                case SyncFolder():
                    _name(names, renames)
                    renames = []
        _name(names, renames[: draw.randint(0, len(renames))])
        kept, filled = draw.choice((0.0, 0.5, 0.9, 1.0)), draw.choice((bytes, draw.randbytes))
        for file, changes in waiting.items():
            size = len(contents[file])
            for change in changes:
                for part in _sectors(change):
                    if draw.random() < kept:
                        _apply(contents[file], part)
                    elif isinstance(part, Write) and part.offset >= size:  # it grew, without data
                        _apply(contents[file], replace(part, data=filled(len(part.data))))
        return {
            os.path.relpath(path, self.folder): bytes(contents[file])
            for path, file in names.items()
        }


class _File(apsw.VFSFile):
    """A file that SQLite has open on a ``Disk``."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._disk = disk
        self._path = name if isinstance(name, str) else name.filename()
        self._number = disk.known(self._path)
        #: SQLite's own file system syncs the folder together with a new log.
        self._is_new_log = bool(flags[0] & _LOGS)
        super().__init__(_BASE, name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.check("read", self._path)
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.check("write", self._path)
        super().xWrite(data, offset)
        self._disk.events.append(Write(self._number, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self._disk.check("write", self._path)
        super().xTruncate(size)
        self._disk.events.append(Truncate(self._number, size))

    def xSync(self, _flags: int) -> None:
        self._disk.check("sync", self._path)
        if self._disk.lying is None or not self._path.endswith(self._disk.lying):
            self._disk.events.append(Sync(self._number))
        if self._is_new_log:
            self._is_new_log = False
            self._disk.events.append(SyncFolder())


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        return
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


def _name(names: dict[str, int], renames: list[Rename]) -> None:
    for rename in renames:
        for path, file in rename.names.items():
            names.pop(path, None)
            if file is not None:
                names[path] = file


def _sectors(change: Write | Truncate) -> Iterator[Write | Truncate]:
    """Yield the parts of a write that reach a disk, or not, one without the other."""
    if isinstance(change, Truncate):
        yield change
        return
    start, end = change.offset, change.offset + len(change.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Write(change.file, start, change.data[start - change.offset : stop - change.offset])
        start = stop


@contextmanager
def recorded(folder: Path) -> Iterator[Disk]:
    """Let SQLite, and Python's renamings, use a ``Disk`` in this process during the block."""
    disk = Disk(folder)
    default = apsw.vfs_names()[0]
    apsw.set_default_vfs(_NAME)
    with pytest.MonkeyPatch.context() as patch:
        for name, recording in _calls(disk).items():
            patch.setattr(os, name, recording)
        try:
            yield disk
        finally:
            apsw.set_default_vfs(default)
    disk.unregister()


def _calls(disk: Disk) -> dict[str, Callable[..., Any]]:
    """Return functions of ``os`` that change files, each with its record."""
    rename, link, unlink = os.replace, os.link, os.unlink

    def replacing(source: Any, to: Any) -> None:
        number = disk.known(os.fspath(source))
        rename(source, to)
        disk.rename({os.fspath(source): None, os.fspath(to): number})

    def linking(source: Any, to: Any) -> None:
        number = disk.known(os.fspath(source))
        link(source, to)
        disk.rename({os.fspath(to): number})

    def unlinking(path: Any, *, dir_fd: int | None = None) -> None:
        unlink(path, dir_fd=dir_fd)
        folder = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        disk.remove(os.path.join(folder, os.fspath(path)))

    def syncing(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        disk.events.append(SyncFolder() if os.path.isdir(path) else Sync(disk.known(path)))

    return {
        "replace": replacing,
        "rename": replacing,
        "link": linking,
        "unlink": unlinking,
        "remove": unlinking,
        "fsync": syncing,
    }
