"""Temporary folders that do not outlive a killed process for long: the next one deletes them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: In each folder, a file that its process holds locked.
_LOCK = ".guanxi-lock"
#: How many seconds old an unlocked folder must be: a younger one may be about to be locked.
AGE_SECONDS = 60.0


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder in ``parent``, else in the system's; it is deleted at the end.

    First delete those with the same prefix and parent that killed processes left. Raise OSError if
    no folder can be created.
    """
    delete_leftovers(prefix, parent)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name:
        folder = Path(name)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _try_lock(lock)
            yield folder
        finally:
            os.close(lock)


def delete_leftovers(prefix: str, parent: Path | None = None) -> None:
    """Delete the folders of ``temporary_folder`` whose process has ended; ignore OSError.

    A folder without a lock file, of another user, or younger than ``AGE_SECONDS`` is left alone.
    """
    root = Path(tempfile.gettempdir()) if parent is None else parent
    try:
        entries = [entry for entry in os.scandir(root) if entry.name.startswith(prefix)]
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                _delete_if_left(Path(entry.path))
        except OSError:
            continue  # another process deletes it, or it is not ours to delete


def _delete_if_left(folder: Path) -> None:
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    lock = os.open(folder / _LOCK, flags)
    try:
        status = os.fstat(lock)
        is_own = sys.platform == "win32" or status.st_uid == os.geteuid()
        if is_own and time.time() - status.st_mtime > AGE_SECONDS and _try_lock(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    """Lock an open file, if no other process has; return whether it is locked now."""
    if sys.platform == "win32":
        return False  # nothing shows there whether the process still runs
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
