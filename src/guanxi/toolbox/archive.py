"""The archive: one SQLite file that remembers one account of one server."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from msgspec import UNSET, Struct

from guanxi.contract.errors import NotSignedIn
from guanxi.contract.structs import Nav
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox import schema
from guanxi.toolbox.errors import (
    ArchiveBusy,
    ArchiveDamaged,
    ArchiveError,
    ArchiveFull,
    ArchiveMismatch,
    ArchiveMissing,
    ArchiveNewer,
    NoSuchSnapshot,
    SelectionError,
)

#: Seconds that a transaction waits for another process's.
_WAIT = 10.0
#: What SQLite's messages contain, and what is then raised.
_FAULTS: tuple[tuple[str, type[ArchiveError], str, str], ...] = (
    ("full", ArchiveFull, "磁盘已满，已有的内容没有丢失", "the disk is full; nothing is lost"),
    ("locked", ArchiveBusy, "另一个进程正在使用", "another process is using it"),
    (
        "malformed",
        ArchiveDamaged,
        "文件已损坏：请移走它或用副本恢复",
        "the file is damaged: move it away, or restore a copy",
    ),
    (
        "not a database",
        ArchiveDamaged,
        "不是档案文件",
        "it is not an archive",
    ),
    ("disk I/O", ArchiveFull, "磁盘读写失败", "the disk cannot be read or written"),
    ("readonly", ArchiveError, "文件只读", "the file is read-only"),
    ("unable to open", ArchiveError, "无法打开", "it cannot be opened"),
)


class Identity(Struct, frozen=True):
    """Whose lists an archive or a plan is about.

    ``server`` is the base address, or ``documents`` for the documents' hosts.
    """

    server: str
    mid: int
    name: str = ""

    def is_same(self, other: Identity) -> bool:
        """Return whether the account and the server are the same; names may change."""
        return (self.server, self.mid) == (other.server, other.mid)

    def __str__(self) -> str:
        return f"{self.name or self.mid} ({self.mid}) @ {self.server}"


def server_name(base_url: str | None) -> str:
    """Return how archives and plans call a server: its base address, or ``documents``."""
    return base_url or "documents"


def identity_of(client: SyncClient, nav: Nav | None = None) -> Identity:
    """Return which account of which server a client is signed in to; ``nav`` saves the request.

    Raise NotSignedIn if nobody is, and as ``client.web.nav``.
    """
    found = client.web.nav() if nav is None else nav
    if not found.is_login or found.mid is UNSET:
        raise NotSignedIn(NotSignedIn.number, NotSignedIn.wire_message)
    return Identity(server_name(client.base_url), found.mid, str(found.uname or ""))


def default_path(identity: Identity) -> Path:
    """Return where the archive of ``identity`` is kept if no other path is given.

    That is a file named after the server and the mid in the user's data folder. Raise
    ModuleNotFoundError without the extra ``tools``.
    """
    from platformdirs import user_data_path  # only the tools need it

    host = urlsplit(identity.server).netloc.replace(":", "-") or identity.server
    return user_data_path("guanxi") / "archives" / f"{host}-{identity.mid}.db"


def plans_folder(path: Path) -> Path:
    """Return the folder with the plans that ``guanxi manage`` made from the archive at a path."""
    return path.with_name(f"{path.name}.plans")


class Archive:
    """An open archive. Use it in a ``with`` block, which closes it.

    ``path`` is its file and ``db`` its connection: write in ``with archive.transaction()`` only.
    ``identity`` is the account that it belongs to.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, identity: Identity) -> None:
        self.path = path
        self.db = db
        self.identity = identity

    @classmethod
    def create(cls, path: Path | str, identity: Identity) -> Archive:
        """Create an archive at ``path`` with mode 0600, and its folder; or open the existing one.

        Raise ArchiveMismatch if that belongs to another account or server, and as ``open``.
        """
        path = Path(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with _readable(path), _named(path), closing(_connect(path)) as db:
            # It has none either if a process was killed that created it.
            if not db.execute("PRAGMA schema_version").fetchone()[0]:
                _create_tables(db, identity)
        archive = cls.open(path)
        try:
            archive.check_identity(identity)
        except BaseException:
            archive.close()
            raise
        return archive

    @classmethod
    def open(cls, path: Path | str) -> Archive:
        """Open the archive at ``path`` and return it.

        Raise ArchiveMissing, ArchiveDamaged, ArchiveNewer or ArchiveError.
        """
        path = Path(path)
        if not path.is_file():
            raise ArchiveMissing(
                f"没有档案 {path}，请先运行 guanxi backup",
                f"there is no archive {path}: run guanxi backup first",
            )
        with _readable(path), _named(path):
            db = _connect(path)
            try:
                _check_file(path, db)
                named = dict(db.execute("SELECT name, value FROM meta").fetchall())
                identity = Identity(named["server"], int(named["mid"]), named.get("name", ""))
            except BaseException:
                db.close()
                raise
        return cls(path, db, identity)

    def check_identity(self, identity: Identity) -> None:
        """Raise ArchiveMismatch if the archive belongs to another account or server."""
        if not self.identity.is_same(identity):
            raise ArchiveMismatch(
                f"{self.path} 属于 {self.identity}，不是 {identity}：请用 --archive 指定另一个文件",
                f"{self.path} belongs to {self.identity}, not to {identity}: name another file"
                " with --archive",
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one write transaction, undone if the block raises; yield the connection.

        Raise ArchiveFull, ArchiveBusy or ArchiveDamaged with what to do.
        """
        with _named(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def consistent(self) -> Iterator[sqlite3.Connection]:
        """Run the block while all its queries see the same state, whatever others write.

        Yields the connection. It may create temporary tables, which are dropped at its end; nothing
        else is changed. Raise ArchiveError if the file cannot be read.
        """
        with _named(self.path):
            self.db.execute("BEGIN")
            try:
                yield self.db
            finally:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")

    def rows(self, sql: str, values: Any = ()) -> list[sqlite3.Row]:
        """Return all rows of ``sql``, a query of this program's own, with ``values`` for its marks.

        Raise ArchiveError, which says what to do.
        """
        with _named(self.path):
            return self.db.execute(sql, values).fetchall()

    @contextmanager
    def query(self, sql: str, values: Any = ()) -> Iterator[sqlite3.Cursor]:
        """Yield the cursor of ``sql``, which a person wrote; it can read the archive and no more.

        ``values`` are for its marks.

        Raise SelectionError with SQLite's message, and the names of the views, for an invalid one.
        """
        try:
            with _named(self.path), self._only_reads():
                yield self.db.execute(sql, values)
        except (sqlite3.Error, sqlite3.Warning) as error:
            views = ", ".join(schema.VIEWS)
            raise SelectionError(
                f"SQL 无效：{error}；可用的视图：{views}",
                f"invalid SQL: {error}; the views are {views}",
            ) from error

    @contextmanager
    def _only_reads(self) -> Iterator[None]:
        self.db.execute("PRAGMA query_only = ON")
        self.db.set_authorizer(_only_reads)
        try:
            yield
        finally:
            self.db.set_authorizer(None)
            self.db.execute("PRAGMA query_only = OFF")

    def show(self, at: int | None = None) -> None:
        """Let the views show the snapshot ``at``, None for the newest. Raise NoSuchSnapshot."""
        with _named(self.path):
            for (name,) in self.db.execute("SELECT name FROM temp.sqlite_master WHERE type='view'"):
                self.db.execute(f"DROP VIEW temp.{name}")
            if at is not None:
                self.check_snapshot(at)
                for statement in schema.views(at).split(";\n"):
                    self.db.execute(statement)

    def newest(self) -> int | None:
        """Return the number of the newest finished snapshot, None without one.

        Raise ArchiveError if the file cannot be read.
        """
        found: int | None = self.rows("SELECT max(id) FROM snapshot WHERE ended IS NOT NULL")[0][0]
        return found

    def check_snapshot(self, number: int) -> None:
        """Raise NoSuchSnapshot unless a finished snapshot has this ``number``."""
        found = "SELECT 1 FROM snapshot WHERE id = ? AND ended IS NOT NULL"
        if not 0 < number < 2**63 or not self.rows(found, (number,)):
            raise NoSuchSnapshot(
                f"没有快照 {number}，可用 guanxi snapshots 查看",
                f"there is no snapshot {number}; guanxi snapshots lists them",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Run the block while no other process reads lists into this archive or applies a plan.

        Yields None. The lock dies with its process. Windows has no such lock. Raise ArchiveBusy.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        path = self.path.with_name(self.path.name + ".lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArchiveBusy(
                    f"另一个进程正在使用 {self.path}，请等它结束",
                    f"another process is at work with {self.path}: wait for its end",
                ) from None
            yield
        finally:
            os.close(lock)

    def close(self) -> None:
        """Close the file; closing again does nothing. Raises nothing."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Archive({str(self.path)!r})"


def delete(path: Path | str) -> None:
    """Delete an archive with all that belongs to it. Raise ArchiveMissing, ArchiveBusy."""
    with Archive.open(path) as archive, archive.locked():
        archive.close()
        for suffix in ("", "-wal", "-shm"):
            archive.path.with_name(archive.path.name + suffix).unlink(missing_ok=True)
        for plan in archive.path.parent.glob(f"{escape(archive.path.stem)}.from-*.plan"):
            plan.unlink()  # of a migration: it has names
        shutil.rmtree(plans_folder(archive.path), ignore_errors=True)
    archive.path.with_name(archive.path.name + ".lock").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


def _create_tables(db: sqlite3.Connection, identity: Identity) -> None:
    """Create the tables of a new archive in one transaction."""
    db.executescript(
        "PRAGMA journal_mode = WAL;"
        "BEGIN IMMEDIATE;"
        f"PRAGMA application_id = {schema.APPLICATION_ID};"
        f"{schema.TABLES}{schema.views()}"
        f"PRAGMA user_version = {schema.VERSION};"
    )
    named = {"server": identity.server, "mid": str(identity.mid), "name": identity.name}
    db.executemany("INSERT INTO meta VALUES (?, ?)", named.items())
    db.execute("COMMIT")


def _check_file(path: Path, db: sqlite3.Connection) -> None:
    """Raise ArchiveDamaged or ArchiveNewer if this is not an archive of this version."""
    [kind], [version] = (
        db.execute("PRAGMA application_id").fetchone(),
        db.execute("PRAGMA user_version").fetchone(),
    )
    if kind != schema.APPLICATION_ID:
        raise ArchiveDamaged(f"{path} 不是 guanxi 档案", f"{path} is not an archive of guanxi")
    if version > schema.VERSION:
        raise ArchiveNewer(
            f"{path} 由更新的 guanxi 写成，请更新：pip install -U guanxi",
            f"{path} was written by a newer guanxi: update with pip install -U guanxi",
        )
    [pages], [size] = (
        db.execute("PRAGMA page_count").fetchone(),
        db.execute("PRAGMA page_size").fetchone(),
    )
    cut = path.stat().st_size < pages * size and not path.with_name(path.name + "-wal").exists()
    if cut or db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise ArchiveDamaged(
            f"{path} 不完整或已损坏：请移走它，或用副本恢复",
            f"{path} is cut off or damaged: move it away, or restore a copy",
        )
    _check_columns(db)


def _check_columns(db: sqlite3.Connection) -> None:
    """Raise LookupError, ValueError or what SQLite raises for a table or view that is not ours.

    ``quick_check`` reads rows, and not whether the text of a table or view was damaged.
    """
    for name, wanted in _columns().items():
        found = {column for (column, *_) in db.execute(f"SELECT * FROM {name} LIMIT 0").description}
        if not wanted <= found:
            raise LookupError(name)


@cache
def _columns() -> dict[str, frozenset[str]]:
    """Return the columns of each table and view of an archive that was just made."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema.TABLES + schema.views())
        names = db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        return {
            name: frozenset(
                column for (column, *_) in db.execute(f"SELECT * FROM {name} LIMIT 0").description
            )
            for (name,) in names.fetchall()
        }


def _only_reads(action: int, *_: object) -> int:
    """Allow what a query needs: no other file, no setting, no change, also of temporary tables."""
    allowed = (
        *(sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION),
        sqlite3.SQLITE_RECURSIVE,
    )
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise ArchiveDamaged for what else a damaged file makes of the block, as for a text in it."""
    try:
        yield
    except ArchiveError:
        raise
    except (sqlite3.DatabaseError, LookupError, TypeError, ValueError) as error:
        raise ArchiveDamaged(
            f"{path}：文件已损坏：请移走它或用副本恢复",
            f"{path}: the file is damaged: move it away, or restore a copy",
        ) from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Raise the ArchiveError of an error of SQLite about its file; others pass."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        for part, kind, zh, en in _FAULTS:
            if part in str(error):
                raise kind(f"{path}：{zh}", f"{path}: {en}") from error
        raise
