"""The file: its tables, its version, how it is opened, made and brought up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw

from guanxi.accounts.secrets import new_secret
from guanxi.stores.port import StoreError, StoreUnavailable

APPLICATION_ID = int.from_bytes(b"GuXi", "big")
VERSION = 2

#: Bits of ``following.flags`` and ``follower.flags``. A bit of a row speaks of its owner and item:
#: each follows the other; the owner has the item in the special group; in groups of their own;
#: the owner is a contractor of the item; the item is one of the owner. Rows of ``follower`` leave
#: the groups out: they are the following's.
MUTUAL, SPECIAL_BIT, GROUPED, OWNER_CONTRACT, ITEM_CONTRACT = 1, 2, 4, 8, 16
IN_GROUPS = SPECIAL_BIT | GROUPED
CONTRACTS = OWNER_CONTRACT | ITEM_CONTRACT

# Lists are clustered by owner and place, so that a page is a run of neighbouring rows whatever the
# length of the list. An index by target holds the place too (SQLite appends the rest of the primary
# key), so it answers "since when" alone. `member` repeats the place to page a group the same way.
_RELATIONS = """
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    mid INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    hide_followings INTEGER NOT NULL,
    hide_followers INTEGER NOT NULL,
    refuse_follows INTEGER NOT NULL,
    folded TEXT NOT NULL, -- the name without case, as search compares it
    name TEXT NOT NULL,
    face TEXT NOT NULL,
    face_nft INTEGER NOT NULL,
    sign TEXT NOT NULL,
    official_type INTEGER NOT NULL,
    official_desc TEXT NOT NULL,
    vip_type INTEGER NOT NULL,
    vip_due_ms INTEGER NOT NULL,
    vip_status INTEGER NOT NULL,
    live INTEGER NOT NULL,
    live_url TEXT NOT NULL,
    nft_icon TEXT NOT NULL
) STRICT;

-- Derived from the card: what a page splices. Apart, so that each table's rows lie close.
CREATE TABLE tail (
    mid INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    tail BLOB NOT NULL
) STRICT;

CREATE TABLE tally (
    mid INTEGER PRIMARY KEY,
    following INTEGER NOT NULL DEFAULT 0,
    whisper INTEGER NOT NULL DEFAULT 0,
    black INTEGER NOT NULL DEFAULT 0,
    follower INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    follower_version INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    mid INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_mid ON session (mid);

CREATE TABLE following (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX following_by_target ON following (owner, target);

CREATE TABLE follower (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    source INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (owner, place, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE whisper (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX whisper_by_target ON whisper (owner, target);

CREATE TABLE block (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX block_by_target ON block (owner, target);

CREATE TABLE grp (
    owner INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL, -- rises within an owner
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX grp_by_name ON grp (owner, name);

CREATE TABLE member (
    owner INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, grp, place, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_target ON member (owner, target);

CREATE TABLE contract (
    owner INTEGER NOT NULL,
    target INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    user_attr INTEGER NOT NULL,
    PRIMARY KEY (owner, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE visit (
    owner INTEGER NOT NULL,
    target INTEGER NOT NULL,
    visits INTEGER NOT NULL,
    PRIMARY KEY (owner, target)
) STRICT, WITHOUT ROWID;
"""

# Accounts found by name (those that were deregistered share one, and are not), who may sign in by a
# code, and documents. Owners stand first in every key, as in the lists.
_CONTENT = """
CREATE INDEX account_by_name ON account (name) WHERE state <> 2;

CREATE TABLE sign_in_grant (
    digest BLOB PRIMARY KEY,
    mid INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE content (
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    filters TEXT NOT NULL, -- an object of JSON
    text TEXT NOT NULL, -- without case, as search compares it
    body BLOB NOT NULL,
    PRIMARY KEY (owner, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_by_id ON content (kind, id);

CREATE TABLE content_key (
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (owner, kind, name, value, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_key_by_id ON content_key (owner, kind, id);
"""

SCHEMA = _RELATIONS + _CONTENT

#: What brings a store of one version to the next, as SQL, by the version that it starts from.
MIGRATIONS: Mapping[int, str] = {1: _CONTENT}

_CACHE_KIB = 64 * 1024
_MAPPED_BYTES = 16 * 2**30
#: How much of the log stays on disk once it has been copied into the file.
_LOG_BYTES_KEPT = 64 * 2**20

_FAILURES: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.BusyError, "the store is busy"),
    (apsw.LockedError, "the store is busy"),
    (apsw.FullError, "the disk or the store is full"),
    (apsw.IOError, "the disk answers an error"),
    (apsw.CantOpenError, "the file cannot be opened"),
    (apsw.ReadOnlyError, "the file cannot be written"),
    (apsw.PermissionsError, "the file may not be opened"),
    (apsw.ProtocolError, "the store is busy"),
    (apsw.InterruptError, "the read took too long"),
    (apsw.NoMemError, "memory ran out"),
)


def failure(error: apsw.Error) -> StoreError:
    """An error of the engine as one of the port; what is damaged is not called unavailable."""
    for kind, text in _FAILURES:
        if isinstance(error, kind):
            return StoreUnavailable(text)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StoreError("the store's file is damaged: restore a copy of it")
    return StoreError(f"the store failed: {error}")


@contextmanager
def failures() -> Iterator[None]:
    """Within, errors of the engine become the port's."""
    try:
        yield
    except apsw.Error as error:
        raise failure(error) from error


def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
    """A connection to a store that ``prepare`` has seen."""
    flags = apsw.SQLITE_OPEN_READWRITE  # readers too: the log's index is shared memory
    db = apsw.Connection(str(path), flags=flags, statementcachesize=200)
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
    """Make the file where it is not there (``create``), bring an older one up to date.

    ``StoreError`` for a missing file, for one that is no store of guanxi's (left as it is), for a
    newer version, and for an older one that nothing here can bring up to date.
    """
    if not path.exists():
        if not create:
            raise StoreError(
                f"there is no store at {path}: make one with `guanxi serve --store {path}`,"
                f" or name another"
            )
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds a secret
    with failures():
        empty = path.stat().st_size == 0
        found = None if empty else _version(path)
        if found is None and create:
            found = _make(path, version, schema)
    if found is None:
        raise StoreError(f"{path} is empty and no store yet: make one with `guanxi serve`")
    if found > version:
        raise StoreError(
            f"{path} was written by a newer guanxi (schema {found}, this one knows {version}):"
            " update with `pip install -U guanxi`"
        )
    if found < version:
        _migrate(path, found, version, migrations)


def _version(path: Path) -> int | None:
    """The schema's version; None for a file in which nothing was made yet."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(5_000)
        with snapshot(db):  # another process may be making it at this moment
            empty = db.execute("SELECT count(*) FROM sqlite_schema").get == 0
            application, version = db.pragma("application_id"), db.pragma("user_version")
    except apsw.NotADBError:
        raise StoreError(f"{path} is not a store of guanxi; it was left as it is") from None
    finally:
        db.close()
    if application == 0 and version == 0 and empty:
        return None
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; it was left as it is")
    return int(version)


def _make(path: Path, version: int, schema: str) -> int:
    """Make the tables, unless another process was faster; the version that then stands."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(5_000)
        _keep_log(db)
        with immediate(db):
            if db.pragma("application_id") == 0:
                db.execute(schema)
                db.execute("INSERT INTO meta VALUES ('secret', ?)", (new_secret(),))
                db.pragma("application_id", APPLICATION_ID)
                db.pragma("user_version", version)
        return int(db.pragma("user_version"))
    finally:
        db.close()


def _keep_log(db: apsw.Connection) -> None:
    """Turn the file to WAL mode. While others open it too, SQLite answers busy without waiting."""
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
    """A transaction that holds the write lock from its start."""
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
    """Within, every read sees the store as it was at the first."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _migrate(path: Path, found: int, version: int, migrations: Mapping[int, str]) -> None:
    """Bring a store up to date with nobody else in it, after a copy of it was made beside it."""
    missing = [step for step in range(found, version) if step not in migrations]
    if missing:
        raise StoreError(
            f"{path} has schema {found}, too old for this guanxi: bring it up to date with the"
            f" version that knew schema {missing[0] + 1}"
        )
    copy = path.with_name(f"{path.name}.schema-{found}")
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.pragma("locking_mode", "EXCLUSIVE")  # kept until the connection closes
        with immediate(db):
            found = int(db.pragma("user_version"))
        if found >= version:
            return
        _copy(db, copy)
        with immediate(db):
            for step in range(found, version):
                db.execute(migrations[step])
            db.pragma("user_version", version)
    except apsw.BusyError:
        raise StoreError(
            f"{path} must be brought up to date, and another process has it open: stop that first"
        ) from None
    except apsw.Error as error:
        raise StoreError(f"{path} stays at schema {found}: {error}") from error
    finally:
        db.close()


def _copy(db: apsw.Connection, to: Path) -> None:
    """A copy of the whole store, beside it."""
    to.unlink(missing_ok=True)
    os.close(os.open(to, os.O_CREAT | os.O_RDWR, 0o600))
    copy = apsw.Connection(str(to))
    try:
        with copy.backup("main", db, "main") as backup:
            while not backup.done:
                backup.step(10_000)
    finally:
        copy.close()
