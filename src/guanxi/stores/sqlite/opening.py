"""The store's file: how it is created, opened, migrated and connected to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw

from guanxi.accounts.secrets import new_secret
from guanxi.stores.port import StoreDamaged, StoreError, StoreMissing, StoreUnavailable
from guanxi.stores.sqlite.recovery import check_log
from guanxi.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS, SCHEMA, VERSION
from guanxi.text import Text

_CACHE_KIB = 64 * 1024
_MAPPED_BYTES = 16 * 2**30
#: How many bytes of the write-ahead log stay allocated after it was copied into the file.
_LOG_BYTES_KEPT = 64 * 2**20

_BUSY = Text("库正忙", "the store is busy")
_FAILURES: tuple[tuple[type[apsw.Error], Text], ...] = (
    (apsw.BusyError, _BUSY),
    (apsw.LockedError, _BUSY),
    (apsw.FullError, Text("磁盘或库已满", "the disk or the store is full")),
    (apsw.IOError, Text("磁盘报告了 I/O 错误", "the disk reported an I/O error")),
    (
        apsw.CantOpenError,
        Text(
            "无法打开文件或其日志：文件夹须可写，且不得超出可打开文件数",
            "the file or its log cannot be opened: the folder has to be writable, and the limit of"
            " open files high enough",
        ),
    ),
    (apsw.ReadOnlyError, Text("文件不可写", "the file cannot be written")),
    (
        apsw.PermissionsError,
        Text("文件权限不允许打开", "the file's permissions do not allow to open it"),
    ),
    (apsw.ProtocolError, _BUSY),
    (apsw.InterruptError, Text("读取耗时过长", "the read took too long")),
    (apsw.NoMemError, Text("内存不足", "memory ran out")),
)


def failure(error: apsw.Error) -> StoreError:
    """Return, without raising it, the ``StoreError`` for an error of SQLite.

    It is a ``StoreUnavailable`` if a later retry may succeed; not so for a damaged file.
    """
    for kind, text in _FAILURES:
        if isinstance(error, kind):
            return StoreUnavailable(text)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreDamaged(
            Text(
                "库的文件已损坏，请从备份恢复",
                "the store's file is damaged: restore it from a backup",
            )
        )
    return StoreError(Text(f"库出错：{error}", f"the store failed: {error}"))


@contextmanager
def failures() -> Iterator[None]:
    """Convert SQLite's errors in the ``with`` block to ``StoreError``; see ``failure``."""
    try:
        yield
    except apsw.Error as error:
        raise failure(error) from error


def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
    """Open a connection to a store that ``prepare`` has checked; read-only unless ``writes``.

    ``busy_ms`` is how many milliseconds a statement waits for a lock. Raise ``apsw.Error`` if the
    file is missing or cannot be opened.
    """
    flags = apsw.SQLITE_OPEN_READWRITE  # readers too: the log's index is shared memory
    # apsw forgets a statement that was not among so many that it ran last.
    db = apsw.Connection(str(path), flags=flags, statementcachesize=1_000)
    # One plan for all bound values: else a statement is planned again when its values change.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    db.set_busy_timeout(busy_ms)
    db.pragma("query_only", not writes)
    db.pragma("synchronous", "FULL")
    db.pragma("wal_autocheckpoint", 0)
    db.pragma("journal_size_limit", _LOG_BYTES_KEPT)
    db.pragma("cache_size", -_CACHE_KIB)
    db.pragma("mmap_size", _MAPPED_BYTES)
    return db


def prepare(
    path: Path,
    *,
    create: bool,
    version: int = VERSION,
    schema: str = SCHEMA,
    migrations: Mapping[int, str] = MIGRATIONS,
) -> None:
    """Check a store's file; with ``create``, create a missing or empty one; migrate an older one.

    Before a migration the file is copied. ``version`` is the schema to have, ``schema`` its SQL,
    ``migrations`` the SQL by old version. Raise ``StoreError`` if the file is missing or empty
    (without ``create``), is a folder, cannot be created, is not a guanxi store (it is not changed),
    does not fit its log, has a newer schema, or cannot be migrated; ``StoreUnavailable`` if it is
    busy; ``OSError`` if the copy cannot be created.
    """
    if path.is_dir():
        raise StoreError(Text(f"{path} 是文件夹", f"{path} is a folder: a store is a file"))
    with failures():
        check_log(path, APPLICATION_ID)
    if not path.exists():
        if not create:
            raise StoreMissing(
                Text(
                    f"{path} 没有库：可用 `guanxi serve --store {path}` 建立，或换一个路径",
                    f"there is no store at {path}: create one with `guanxi serve --store {path}`,"
                    " or give another path",
                )
            )
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds a secret
        except OSError as error:
            zh, en = (
                f"无法建立 {path}：{error.strerror}",
                f"{path} cannot be created: {error.strerror}",
            )
            raise StoreError(Text(zh, en)) from error
    with failures():
        empty = path.stat().st_size == 0
        current = None if empty else version_of(path)
        if current is None and create:
            current = _create(path, version, schema)
    if current is None:
        raise StoreError(
            Text(
                f"{path} 是空文件，不是库：可用 `guanxi serve` 建立",
                f"{path} is empty, not a store: create one with `guanxi serve`",
            )
        )
    refuse_newer(path, current, version)
    if current < version:
        _migrate(path, current, version, migrations)


def refuse_newer(path: Path, current: int, version: int) -> None:
    """Raise ``StoreError`` if the schema ``current`` of a store is newer than ``version``."""
    if current > version:
        raise StoreError(
            Text(
                f"{path} 由更新的 guanxi 写成（结构 {current}，此版本为 {version}）："
                "请更新：`pip install -U guanxi`",
                f"{path} was written by a newer guanxi (schema {current}, this one knows"
                f" {version}): update with `pip install -U guanxi`",
            )
        )


def version_of(path: Path) -> int | None:
    """Return the store's schema version, or None for a database without tables.

    Raise ``StoreError`` if the file is not a guanxi store, and ``apsw.Error`` if it cannot be read
    or is locked for 5 seconds.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(5_000)
        with snapshot(db):  # another process may be creating the tables
            empty = db.execute("SELECT count(*) FROM sqlite_schema").get == 0
            application, version = db.pragma("application_id"), db.pragma("user_version")
    except apsw.NotADBError:
        raise StoreError(
            Text(
                f"{path} 不是 guanxi 的库，未作改动",
                f"{path} is not a guanxi store; it was not changed",
            )
        ) from None
    finally:
        db.close()
    if application == 0 and version == 0 and empty:
        return None
    if application != APPLICATION_ID:
        raise StoreError(
            Text(
                f"{path} 是其他程序的数据库，未作改动",
                f"{path} is the database of another program; it was not changed",
            )
        )
    return int(version)


def _create(path: Path, version: int, schema: str) -> int:
    """Create the tables and the secret if they do not exist; return the stored schema version.

    The file must exist; it is switched to WAL mode. Raise ``apsw.Error`` if it cannot be written or
    is locked for 5 seconds.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(5_000)
        _set_wal_mode(db)
        with immediate(db):
            if db.pragma("application_id") == 0:
                db.execute(schema)
                db.execute("INSERT INTO meta VALUES ('secret', ?)", (new_secret(),))
                db.pragma("application_id", APPLICATION_ID)
                db.pragma("user_version", version)
        return int(db.pragma("user_version"))
    finally:
        db.close()


def _set_wal_mode(db: apsw.Connection) -> None:
    """Switch the file to WAL mode; raise ``apsw.BusyError`` after 5 seconds.

    The retries are here because SQLite itself does not wait while others open the file.
    """
    until = time.monotonic() + 5.0
    while True:
        try:
            db.pragma("journal_mode", "WAL")
            return
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
        time.sleep(0.001)


@contextmanager
def immediate(db: apsw.Connection) -> Iterator[None]:
    """Run the ``with`` block in a transaction that holds the write lock, then commit.

    On an error it is rolled back. Raise ``apsw.BusyError`` if the lock is not free within the busy
    time-out.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[None]:
    """Run the ``with`` block in a read transaction: all its reads see the snapshot of the first.

    The transaction is rolled back at the end.
    """
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _migrate(path: Path, current: int, version: int, migrations: Mapping[int, str]) -> None:
    """Migrate a store from ``current`` to ``version``, with the file locked for all others.

    ``migrations`` gives the SQL by old version. First copies the store to a file of the same name
    with the suffix ``.schema-<current>``. Does nothing if another process has migrated it. Raise
    ``StoreError``, and leave the store at its schema, if a migration is missing or fails, or
    another process has the file open; ``OSError`` if the copy cannot be created.
    """
    missing = [step for step in range(current, version) if step not in migrations]
    if missing:
        raise StoreError(
            Text(
                f"{path} 的结构 {current} 对此版本过旧："
                f"请先用结构为 {missing[0] + 1} 的 guanxi 打开",
                f"{path} has schema {current}, too old for this guanxi: first open it with a"
                f" guanxi whose schema is {missing[0] + 1}",
            )
        )
    copy = path.with_name(f"{path.name}.schema-{current}")
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.pragma("locking_mode", "EXCLUSIVE")  # held until the connection is closed
        with immediate(db):
            current = int(db.pragma("user_version"))
        if current >= version:
            return
        _copy(db, copy)
        with immediate(db):
            for step in range(current, version):
                db.execute(migrations[step])
            db.pragma("user_version", version)
    except apsw.BusyError:
        raise StoreError(
            Text(
                f"{path} 需要升级，但另一个进程正在使用：请先停止它",
                f"{path} needs a migration, but another process has it open: stop that process"
                " first",
            )
        ) from None
    except apsw.Error as error:
        raise StoreError(
            Text(
                f"升级失败，{path} 仍为结构 {current}：{error}",
                f"the migration failed, and {path} stays at schema {current}: {error}",
            )
        ) from error
    finally:
        db.close()


def _copy(db: apsw.Connection, to: Path) -> None:
    """Copy the whole store to the file ``to``, readable only by its owner; replace an older copy.

    Raise ``OSError`` or ``apsw.Error`` if that fails.
    """
    to.unlink(missing_ok=True)
    os.close(os.open(to, os.O_CREAT | os.O_RDWR, 0o600))
    copy = apsw.Connection(str(to))
    try:
        with copy.backup("main", db, "main") as backup:
            while not backup.done:
                backup.step(10_000)
    finally:
        copy.close()
