"""Backups of a SQLite store to a file, and the way back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from guanxi.accounts.administrators import AuditEntry
from guanxi.files.output import check_target, whole_file, written
from guanxi.graph.pair import sort_key_at
from guanxi.stores import is_server_address
from guanxi.stores.looking import Looking
from guanxi.stores.port import StoreError
from guanxi.stores.sqlite import copies
from guanxi.stores.sqlite.copies import Progress
from guanxi.text import Text


class Restored(NamedTuple):
    """What a restore did: the store's bytes, and where the old file is; None if there was none."""

    bytes: int
    aside: Path | None
    #: How many accounts are erased again, as they were since the backup; None if the old store
    #: cannot be read.
    erased: int | None = 0


class BackedUp(NamedTuple):
    """A backup: its bytes, and whether the store could note that it was made."""

    bytes: int
    is_noted: bool


def back_up(
    address: str,
    file: Path,
    *,
    force: bool,
    progress: Progress,
    looking: Looking | None = None,
    entry: AuditEntry | None = None,
) -> BackedUp:
    """Copy the store at ``address``, which may be in use, to ``file``.

    The copy is one snapshot, which has every write that was answered before. It is synced and
    checked completely before it gets its name; only its owner can read it. Then the store notes
    when it was backed up, and ``entry`` is appended to its audit log. ``progress`` gets the bytes
    that are copied, and how many there are; ``looking`` is that of ``Store.check``.

    Raise StoreError if the store is not a SQLite file or has a fault, or if ``file`` exists
    (without ``force``) or is in use; then ``file`` is as before, and nothing else is left.
    """
    path = _path_of(address)
    _refuse_the_same(file, path)
    check_target(file, force=force)
    copies.refuse_log(file)
    if file.exists():
        copies.refuse_used(file)
    with whole_file(file, force=force) as temporary:
        copies.back_up(path, temporary, progress)
        copies.verify(temporary, path, looking)
        size = temporary.stat().st_size
    copies.sync_folder(file.parent)
    return BackedUp(size, copies.note_backup(path, int(time.time()), entry))


def restore(
    file: Path,
    address: str,
    *,
    force: bool,
    discard: bool,
    stamp: str,
    entry: AuditEntry | None = None,
    agreed: Callable[[], bool] = lambda: True,
) -> Restored | None:
    """Put the backup ``file`` in the place of the store at ``address``; None if not ``agreed``.

    The backup is copied and checked first; an older schema is migrated when the store is opened
    next. ``agreed`` is called once all is known to be in order, if a store exists. That one is
    kept under its name with ``.replaced-`` and ``stamp``, unless ``discard``. Readers of the feed
    go on from cursors that the backup has; later ones are refused. Accounts that were erased since
    the backup do not come back: in the new store their erasure begins again, and whoever opens it
    continues it. ``entry`` is appended to its audit log.

    Raise StoreError if the backup is missing, damaged, newer or no store; if the store exists
    (without ``force``), is in use or not a SQLite file. Then the store is as before.
    """
    path = _path_of(address)
    if not path.parent.is_dir():
        raise StoreError(
            Text(
                f"文件夹 {path.parent} 不存在，请先建立",
                f"no such folder {path.parent}: create it first",
            )
        )
    copies.check_backup(file)
    _refuse_the_same(file, path)
    check_target(path, force=force)
    copies.refuse_used(path)
    with written(Path(os.path.realpath(path)).parent, prefix=f".{path.name}-") as folder:
        new = folder / path.name
        copies.copy_file(file, new)
        copies.verify(new, file)
        copies.mark_restored(new, entry)
        if path.exists() and not agreed():
            return None
        check_target(path, force=force)
        erased = copies.erased_in(path)
        again = copies.erase_again(new, erased or {}, sort_key_at(time.time_ns()))
        aside = None if discard else _free(path, stamp)
        size = new.stat().st_size
        is_kept = path.exists() and aside is not None
        copies.put(new, path, aside)
    return Restored(size, aside if is_kept else None, None if erased is None else again)


def _free(path: Path, stamp: str) -> Path:
    """Return a name next to a store that no file has."""
    file = Path(os.path.realpath(path))
    name = f"{file.name}.replaced-{stamp}"
    number = 1
    while (found := file.with_name(name)).exists() or Path(f"{found}-wal").exists():
        number += 1
        name = f"{file.name}.replaced-{stamp}-{number}"
    return found


def _path_of(address: str) -> Path:
    """Return the path of a store's file; raise StoreError for a server's address."""
    if is_server_address(address):
        raise StoreError(
            Text(
                "PostgreSQL 的库请用 pg_dump 与 pg_restore 备份与恢复，见 docs/operating.md",
                "a store on PostgreSQL is backed up and restored by pg_dump and pg_restore: see"
                " docs/operating.md",
            )
        )
    return Path(address)


def _refuse_the_same(file: Path, path: Path) -> None:
    """Raise StoreError if backup and store are one file, also by a link."""
    if file.exists() and path.exists() and os.path.samefile(file, path):
        raise StoreError(
            Text(f"{file} 就是该库本身", f"{file} is the store, not a copy: name another file")
        )
