"""Where the console keeps files: uploads, exports and backups.

Next to a SQLite store that is the folder ``STORE.console``, for the store's owner alone; it may be
a link to another disk. A store on a server has a temporary folder, which ends with the service.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from guanxi.files.folders import delete_leftovers
from guanxi.stores import is_server_address

#: The names of files that this folder makes, and nothing else.
_NAME = re.compile(r"(edges|accounts|content|backup)-\d{8}-\d{6}(-\d+)?\.(csv|jsonl|db)(\.gz)?")


class Kept(NamedTuple):
    """A file: its name, its bytes, and when it was made, in seconds since the Unix epoch."""

    name: str
    bytes: int
    made: float

    @property
    def is_backup(self) -> bool:
        """Return whether it is a backup, with the store's secret."""
        return self.name.startswith("backup-")


class Folder:
    """The folder of one store. It is created when it is first needed."""

    def __init__(self, store: str) -> None:
        self._path = None if is_server_address(store) else Path(f"{store}.console")
        #: Whether it ends with the service.
        self.is_temporary = self._path is None

    def __repr__(self) -> str:
        return f"Folder({str(self._path)!r})"

    def ready(self) -> Path:
        """Return its path, where it exists from now on; raise OSError if it cannot be created."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="guanxi-console-"))
        self._path.mkdir(mode=0o700, exist_ok=True)
        delete_leftovers(".", self._path)  # of a process that was killed
        return self._path

    def new(self, kind: str, ending: str) -> Path:
        """Return the path of a file that does not exist yet, named after its kind and the time."""
        folder, number = self.ready(), 1
        stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%d-%H%M%S")
        path = folder / f"{kind}-{stamp}{ending}"
        while path.exists():
            number += 1
            path = folder / f"{kind}-{stamp}-{number}{ending}"
        return path

    def files(self) -> list[Kept]:
        """Return the exports and backups, the newest first."""
        if self._path is None or not self._path.is_dir():
            return []
        paths = (path for path in self._path.iterdir() if _NAME.fullmatch(path.name))
        found = [
            Kept(path.name, status.st_size, status.st_mtime)
            for path, status in ((path, path.stat()) for path in paths)
        ]
        return sorted(found, key=lambda one: one.made, reverse=True)

    def file(self, name: str) -> Path | None:
        """Return the path of an export or backup by its name; None if there is none."""
        if self._path is None or not _NAME.fullmatch(name):
            return None
        path = self._path / name
        return path if path.is_file() and not path.is_symlink() else None

    def close(self) -> None:
        """Delete a temporary folder."""
        if self.is_temporary and self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None
