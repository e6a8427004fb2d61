"""Whether the log next to a store's file belongs to it, before SQLite copies it into the file.

After a crash the log (``-wal``) has commits that the file lacks. A copy that is put back next to
the log of another file is valid, and so is the log; together they are a damaged store. SQLite keeps
nothing in the file that would show this, so the content decides.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from guanxi.stores.port import StoreError
from guanxi.text import Text

#: What the lists of all accounts have in common, if file and log belong together.
_COUNTS = """
    SELECT (SELECT count(*) FROM following), (SELECT count(*) FROM follower),
        (SELECT total(following) FROM tally), (SELECT total(follower) FROM tally)"""


def check_log(path: Path, application: int) -> None:
    """Check a store's file together with a log that a crash left; neither is changed.

    Does nothing without such a log, or while another process has the store open. ``application`` is
    the ``application_id`` of a store. Raise ``StoreError`` if file and log do not fit, or the log
    has no file; ``apsw.Error`` if they cannot be read. Takes the time of reading the whole file.
    """
    file = os.path.realpath(path)
    if _size(f"{file}-wal") == 0:
        return
    if _size(file) == 0:
        raise _without_file(file)
    db = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.pragma("locking_mode", "EXCLUSIVE")
        db.execute("BEGIN")
        is_store = db.pragma("application_id") == application
        damage = db.execute("PRAGMA quick_check(1)").get
        if damage != "ok" or (is_store and not _fit(*db.execute(_COUNTS).get)):
            raise _unfit(file)
    except apsw.BusyError:
        pass  # whoever has it open has checked it
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise _unfit(file) from error
    finally:
        db.close()


def _fit(following: int, follower: int, followings: float, followers: float) -> bool:
    return following == follower == followings == followers


def _size(path: str) -> int:
    """Return the size of a file in bytes; 0 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _unfit(file: str) -> StoreError:
    return StoreError(
        Text(
            f"{file} 与旁边的日志 {file}-wal 不符，两者均未改动。若刚放回了备份："
            f"删除 {file}-wal 与 {file}-shm 后重新启动；否则文件已损坏，请从备份恢复",
            f"{file} and the log next to it, {file}-wal, do not fit; neither was changed."
            f" If you put a copy back: delete {file}-wal and {file}-shm, and start again."
            " Otherwise the file is damaged: restore it from a backup",
        )
    )


def _without_file(file: str) -> StoreError:
    return StoreError(
        Text(
            f"{file} 不存在或为空，但它的日志 {file}-wal 还在："
            f"请放回文件；若要建立新库，先删除 {file}-wal",
            f"{file} is missing or empty, but its log {file}-wal exists: put the file back,"
            f" or delete {file}-wal to create a new store",
        )
    )
