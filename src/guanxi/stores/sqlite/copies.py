"""Copies of a store's file: from one snapshot of a store in use, and in the place of an old file.

A backup is SQLite's online backup, page by page, within one read transaction. Without that
transaction it starts again whenever another process commits: of 138 MB, next to one process that
wrote 600 times a second, it had started 1,898 times after 20 seconds and copied nothing; with it,
it took 1.8 seconds. ``VACUUM INTO`` took 2.4 (2.1 without writes, where the backup took 0.3 to 0.7)
and reports no progress. The price of both: the log cannot start again until the backup ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from guanxi.accounts.administrators import AuditEntry
from guanxi.stores.looking import Looking
from guanxi.stores.port import StoreError, StoreMissing
from guanxi.stores.port.info import BACKED_UP, note_of_time
from guanxi.stores.sqlite import administration, erasing, feed
from guanxi.stores.sqlite import check as checks
from guanxi.stores.sqlite.file import has_moved, replaced
from guanxi.stores.sqlite.opening import (
    connect,
    failure,
    failures,
    immediate,
    prepare,
    refuse_newer,
    snapshot,
    version_of,
)
from guanxi.stores.sqlite.recovery import check_log
from guanxi.stores.sqlite.schema import APPLICATION_ID, VERSION
from guanxi.text import Text

#: Called with the number of bytes that are copied, and how many there are.
Progress = Callable[[int, int], object]

#: How many pages are copied between two reports: about 10 ms.
_PAGES = 1_000
_BUSY_MS = 1_000
#: The bytes of a file that SQLite's processes lock; each that has it open locks the last 510.
_LOCKED, _LOCKED_BYTES, _SHARED = 0x40000000, 512, 0x40000002


def back_up(path: Path, to: Path, progress: Progress) -> None:
    """Copy the store at ``path``, as one snapshot shows it, to the new file ``to``, mode 0600.

    Other processes may use the store, and write, meanwhile. It is not migrated. Raise StoreError
    if there is no store, its schema is newer, or its log does not fit; StoreReplaced if its file is
    replaced meanwhile; StoreUnavailable if it is busy.
    """
    if not path.is_file():
        raise StoreMissing(Text(f"{path} 没有库", f"there is no store at {path}"))
    with failures():
        check_log(path, APPLICATION_ID)
    _check_version(path)
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with failures():
        source, copy = connect(path, busy_ms=_BUSY_MS), apsw.Connection(str(to))
        try:
            copy.pragma("synchronous", "OFF")  # the caller syncs it once
            with snapshot(source):
                source.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - begins it
                _copy_pages(source, copy, progress)
                if has_moved(source):
                    raise replaced(str(path))
        finally:
            copy.close()
            source.close()


def _copy_pages(source: apsw.Connection, copy: apsw.Connection, progress: Progress) -> None:
    size = int(source.pragma("page_size"))
    with copy.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(_PAGES)
            done = backup.page_count - backup.remaining
            progress(done * size, backup.page_count * size)


def _check_version(path: Path) -> int:
    """Return the schema of a store's file; raise StoreError if it is no store, or newer."""
    with failures():
        found = version_of(path) if path.stat().st_size else None
    if found is None:
        raise StoreError(Text(f"{path} 是空文件，不是库", f"{path} is empty, not a store"))
    refuse_newer(path, found, VERSION)
    return found


def verify(path: Path, name: Path, looking: Looking | None = None) -> None:
    """Check a file that is nobody else's, as ``guanxi check`` does; errors call it ``name``.

    ``looking`` is called with what is looked at and the share that is done.
    If its schema is older, a copy of it in the same folder is migrated, and that copy is checked.
    Raise StoreError if it is no store, has a newer schema, is damaged or has a fault.
    """
    try:
        found = _check_version(path)
        checked = path
        if found < VERSION:
            checked = path.with_name(f"{path.name}.checked")
            copy_file(path, checked)
            prepare(checked, create=False)
        db = connect(checked)
        try:
            _check_tables(db, name)
            faults = [f"{each.invariant}: {each.detail}" for each in checks.check(db, looking)]
        finally:
            db.close()
    except apsw.Error as error:
        raise _unsound(name, str(error)) from error
    except StoreError as error:
        raise StoreError(_about(Text.of(error.args[0]), path, name)) from error
    if faults:
        raise _unsound(name, f"{len(faults)}: {faults[0]}")


def _about(why: Text, path: Path, name: Path) -> Text:
    """Return a text about the file at ``path`` as one about ``name``."""
    zh, en = (text.replace(str(path), str(name)) for text in (why.zh, why.en))
    return Text(zh, en) if str(name) in en else Text(f"{name}：{zh}", f"{name}: {en}")


def _check_tables(db: apsw.Connection, name: Path) -> None:
    """Refuse what no store has, and would run with its reads and writes."""
    for kind, found in db.execute("SELECT type, name FROM sqlite_schema"):
        if kind in ("trigger", "view"):
            raise _unsound(name, f"{kind} {found}")


def _unsound(name: Path, why: str) -> StoreError:
    return StoreError(
        Text(f"{name} 不是完好的库：{why}", f"{name} is not a sound store: {why}"),
    )


def mark_restored(path: Path, entry: AuditEntry | None = None) -> None:
    """Note in a file that is nobody else's that the feed goes on from a copy.

    ``entry`` is appended to the audit log, unless the schema is older than that.
    """
    with failures():
        db = connect(path, writes=True)
        try:
            with immediate(db):
                feed.mark_restored(db)
                if entry is not None and _has_table(db, "audit"):
                    administration.append_audit(db, entry)
        finally:
            db.close()


def note_backup(path: Path, now: int, entry: AuditEntry | None = None) -> bool:
    """Note in the store at ``path``, which may be in use, that it was backed up; return if it was.

    ``now`` is in seconds since the Unix epoch. ``entry`` is appended to the audit log, unless the
    schema is older than that; nothing is migrated. False for a store that cannot be written, as on
    a full disk: the backup is good all the same.
    """
    try:
        db = connect(path, writes=True, busy_ms=_BUSY_MS)
        try:
            with immediate(db):
                row = (BACKED_UP, note_of_time(now))
                db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", row)
                if entry is not None and _has_table(db, "audit"):
                    administration.append_audit(db, entry)
        finally:
            db.close()
    except (apsw.Error, StoreError):
        return False
    return True


def _has_table(db: apsw.Connection, name: str) -> bool:
    found = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (name,)).get
    return bool(found)


def erased_in(path: Path) -> dict[int, int] | None:
    """Return when each erasure of the store at ``path`` began, in seconds since 1970, by mid.

    None if the store cannot be read. The file and its log stay as they are.
    """
    if not path.exists() or not path.stat().st_size:
        return {}
    try:
        check_log(path, APPLICATION_ID)
        db = connect(path)
        try:
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if not _has_table(db, "erasure"):  # of an older schema
                return {}
            return dict(db.execute("SELECT mid, begun FROM erasure"))
        finally:
            db.close()
    except (apsw.Error, StoreError):
        return None


def erase_again(path: Path, erased: Mapping[int, int], now: int) -> int:
    """Begin erasures in a file that is nobody else's, which it lacks; return how many these are.

    ``erased`` is that of ``erased_in``, ``now`` the current time's sort key. If there are any, an
    older schema is migrated.
    """
    if not erased:
        return 0
    prepare(path, create=False)
    with failures():
        db = connect(path, writes=True)
        try:
            with immediate(db):
                return erasing.begin_again(db, erased, now)
        finally:
            db.close()


def copy_file(source: Path, to: Path) -> None:
    """Copy a file to a new one that only its owner can read, and sync it."""
    descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    with source.open("rb") as old, os.fdopen(descriptor, "wb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())


def check_backup(file: Path) -> None:
    """Raise StoreError if a backup is missing, is no regular file or has a log.

    Raise OSError if it cannot be read.
    """
    if not file.is_file():
        if file.exists():
            raise StoreError(Text(f"{file} 不是文件", f"{file} is not a regular file"))
        raise StoreMissing(Text(f"没有文件 {file}", f"there is no file {file}"))
    refuse_log(file)
    with file.open("rb"):
        pass


def refuse_log(file: Path) -> None:
    """Raise StoreError if there is a log next to a file: then it is no whole backup."""
    log = Path(f"{os.path.realpath(file)}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            Text(
                f"{file} 旁边有日志 {log}：若它属于此文件，请先用"
                f" `guanxi store backup NEW --store {file}` 合并；否则删除它",
                f"{file} has a log next to it, {log}. If the log is of this file, make one file of"
                f" both with `guanxi store backup NEW --store {file}`; otherwise delete the log",
            )
        )


def put(new: Path, path: Path, aside: Path | None) -> None:
    """Rename ``new`` to the store's file at ``path``, which no process may have open.

    The file that is there is kept as ``aside``, with all that its log has; None discards it. At
    each moment, also if this process is killed, ``path`` is the old store or the new one. Raise
    StoreError if a process uses the old file, or it is the database of another program.
    """
    file = Path(os.path.realpath(path))
    log = Path(f"{file}-wal")
    with _held(file) as db:
        if db is not None:
            # Closing must not delete a log at the path, which may be that of the new file.
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            with failures():
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if db is not None or aside is None:
            log.unlink(missing_ok=True)
        elif log.exists():
            log.rename(f"{aside}-wal")
        Path(f"{file}-shm").unlink(missing_ok=True)
        _give_to_owner_of(file if file.exists() else file.parent, new)
        if aside is not None and file.exists():
            _keep(file, aside)
        new.replace(file)
        sync_folder(file.parent)


def _keep(file: Path, aside: Path) -> None:
    """Let ``aside`` be another name of a file, or a copy where a file can have only one."""
    try:
        os.link(file, aside)
    except OSError:
        copy_file(file, aside)


def _give_to_owner_of(old: Path, new: Path) -> None:
    status = old.stat()
    with suppress(OSError):  # only root can: whoever else restores it owns it
        os.chown(new, status.st_uid, status.st_gid)


def sync_folder(folder: Path) -> None:
    """Let the renamings in a folder be on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_used(path: Path) -> None:
    """Raise StoreError if a process has the file at ``path`` open as a database."""
    with _held(Path(os.path.realpath(path))):
        pass


@contextmanager
def _held(file: Path) -> Iterator[apsw.Connection | None]:
    """Keep other processes from opening a store's file during the block.

    Yield the connection that locks it; None if it is damaged, if its log does not fit, or if there
    is none. Raise StoreError if a process has it open, or if it is the database of another program.
    """
    if not file.exists() or not file.stat().st_size:
        yield None
        return
    with failures():
        db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if _locked(db, file):
            yield db
            return
    finally:
        db.close()
    with _damaged_held(file):
        yield None


def _locked(db: apsw.Connection, file: Path) -> bool:
    """Lock a file until ``db`` is closed; return False, and lock nothing, if it is damaged.

    Raise StoreError if a process has it open, or if it is the database of another program.
    """
    try:
        db.set_busy_timeout(_BUSY_MS)
        check_log(file, APPLICATION_ID)
        db.pragma("locking_mode", "EXCLUSIVE")
        with immediate(db):
            if db.pragma("application_id") == APPLICATION_ID:
                return True
    except apsw.BusyError:
        raise _used(file) from None
    except (apsw.CorruptError, apsw.NotADBError, StoreError):
        return False
    except apsw.Error as error:
        raise failure(error) from error
    raise StoreError(
        Text(
            f"{file} 是其他程序的数据库，未作改动",
            f"{file} is the database of another program; it was not changed",
        )
    )


@contextmanager
def _damaged_held(file: Path) -> Iterator[None]:
    """Keep others from opening a damaged file during the block, with SQLite's own lock.

    Raise StoreError if a process has it open.
    """
    descriptor = os.open(file, os.O_RDWR)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKED_BYTES, _LOCKED)
        except OSError:
            raise _used(file) from None
        yield
    finally:
        os.close(descriptor)


def _used(file: Path) -> StoreError:
    found = users(file)
    zh, en = ("（" + "、".join(found) + "）", f" ({', '.join(found)})") if found else ("", "")
    return StoreError(
        Text(
            f"{file} 正被使用{zh}：请先停止服务",
            f"{file} is in use{en}: stop what uses it first",
        )
    )


def users(path: Path) -> list[str] | None:
    """Return the other processes that have a store's file open, each as "pid name".

    None if the system does not say; only Linux does.
    """
    try:
        locks = Path("/proc/locks").read_text("ascii", "replace").splitlines()
        inode = os.stat(path).st_ino
    except OSError:
        return None
    found = set()
    for line in locks:
        # 1: POSIX ADVISORY READ 12345 fd:01:1234567 1073741826 1073742335
        parts = line.split()
        if len(parts) == 8 and parts[5].endswith(f":{inode}") and parts[6] == str(_SHARED):
            found.add(int(parts[4]))
    return [f"{pid} {_name(pid)}".rstrip() for pid in sorted(found - {os.getpid()})]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
