"""The files of an open store: whether those at its path are still the ones that were opened.

An open file outlives its name. If a backup is moved over it, commits go on into a file that nobody
finds again, and every one of them succeeds.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import apsw

from guanxi.stores.port import StoreReplaced
from guanxi.text import Text

#: What SQLite keeps next to the file, and deletes only with the last connection.
_SUFFIXES = ("-wal", "-shm")


class OpenedFile:
    """The identity of the file at a path and of its log, when ``db`` was opened there."""

    def __init__(self, path: Path, db: apsw.Connection) -> None:
        """Note the identities. Raise ``StoreReplaced`` if the file at the path is another one."""
        db.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - opens the log
        self._path, self._size = os.path.abspath(path), 0
        # The log is next to the file, not next to a link to it.
        file = os.path.realpath(path)
        self._paths = (self._path, *(file + suffix for suffix in _SUFFIXES))
        self._identities = self._current()
        if self._identities[0] is None or has_moved(db):
            raise self._replaced()

    def check(self, db: apsw.Connection) -> None:
        """Raise ``StoreReplaced`` if a file is missing, is another one, or was cut off.

        ``db`` is a connection to the file, which no other thread uses at the time; it may be in a
        transaction. Raise ``apsw.Error`` if it cannot read how long the file should be.
        """
        if self._current() != self._identities or self._is_cut(db):
            raise self._replaced()

    def _current(self) -> list[tuple[int, int] | None]:
        return [_identity(path) for path in self._paths]

    def _is_cut(self, db: apsw.Connection) -> bool:
        """Return whether the file became smaller, other than by SQLite's own VACUUM."""
        try:
            size = os.stat(self._path).st_size
        except OSError:
            return True
        if size < self._size:
            pages, page_size = db.pragma("page_count"), db.pragma("page_size")
            if size < min(self._size, int(pages) * int(page_size)):
                return True
        self._size = size
        return False

    def _replaced(self) -> StoreReplaced:
        return replaced(self._path)


def replaced(path: str) -> StoreReplaced:
    """Return the error for a store whose files at ``path`` are no longer the opened ones."""
    return StoreReplaced(
        Text(
            f"{path} 或其 -wal、-shm 文件已被替换、移走、删除或截断，此后的写入会丢失，故已停止："
            "请放回正确的文件，再重新启动",
            f"{path} or its -wal or -shm file was replaced, moved, deleted or cut off while it was"
            " in use. Nothing is written any more, as it would be lost: put the right file there,"
            " then start again",
        )
    )


def has_moved(db: apsw.Connection) -> bool:
    """Return whether the file that ``db`` has open is no longer the one at its path."""
    moved = ctypes.c_int(0)
    db.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(moved))
    return bool(moved.value)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
