"""The store's file: its tables, its version, and how it is created, opened and migrated."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw

from guanxi.accounts.secrets import new_secret
from guanxi.graph.pair import SPECIAL
from guanxi.stores.port import StoreDamaged, StoreError, StoreMissing, StoreUnavailable
from guanxi.stores.sqlite.recovery import check_log
from guanxi.stores.tails import AFTER_NAME, BEFORE_NAME
from guanxi.text import Text

APPLICATION_ID = int.from_bytes(b"GuXi", "big")
VERSION = 4

#: Bits of ``following.flags`` and ``follower.flags``, about the row's owner and item:
#: they follow each other; the item is in the owner's special group; it is in another group of the
#: owner; the owner has a contract with the item; the item has one with the owner. Rows of
#: ``follower`` never have the group bits.
MUTUAL, SPECIAL_BIT, GROUPED, OWNER_CONTRACT, ITEM_CONTRACT = 1, 2, 4, 8, 16
IN_GROUPS = SPECIAL_BIT | GROUPED
CONTRACTS = OWNER_CONTRACT | ITEM_CONTRACT

# Lists are clustered by owner and sort key (column `place`), so that a page is read from adjacent
# rows however long the list is. An index by target contains the sort key too (SQLite appends the
# rest of the primary key), so that mtimes are read from it alone. `member` repeats the sort key, to
# page a group the same way.
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

-- Derived from the card, spliced into list items: the name alone if the rest is the default. In a
-- table of its own, to keep rows small.
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

# An index of accounts by name (without the deregistered, which share one), grants of QR sign-ins,
# and documents, clustered by owner like the lists.
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

#: Counts the members of groups anew, where every count is 0: special followings, followings in any
#: group (the special one included), and the members of each group that an owner created.
COUNT_MEMBERS = f"""
UPDATE tally SET special = counted.special, grouped = counted.grouped
FROM (
    SELECT owner, count(*) FILTER (WHERE grp = {SPECIAL}) AS special,
        count(DISTINCT target) AS grouped
    FROM member GROUP BY owner
) AS counted
WHERE tally.mid = counted.owner;
UPDATE grp SET members = counted.members
FROM (SELECT owner, grp, count(*) AS members FROM member GROUP BY owner, grp) AS counted
WHERE grp.owner = counted.owner AND grp.id = counted.grp;
"""

# Versions of the lists as others see them, which start at those that others have seen, and of
# the lists that the owner alone sees. Counts of the members of groups. Indexes to delete grants by,
# and of the most visited.
_VERSIONS = f"""
ALTER TABLE tally ADD COLUMN public_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN public_follower_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN private_version INTEGER NOT NULL DEFAULT 0;
UPDATE tally SET public_version = version, public_follower_version = follower_version,
    private_version = version;
ALTER TABLE tally ADD COLUMN special INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tally ADD COLUMN grouped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grp ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
{COUNT_MEMBERS}
CREATE INDEX sign_in_grant_by_mid ON sign_in_grant (mid);
CREATE INDEX sign_in_grant_by_expires ON sign_in_grant (expires);
CREATE INDEX visit_by_visits ON visit (owner, visits);
"""

# Stored tails were whole. In a name each quotation mark follows a backslash, so that the default
# part is not found within one.
_SHORTEN_TAILS = f"""
UPDATE tail SET tail = substr(tail, {len(BEFORE_NAME) + 1},
    length(tail) - {len(BEFORE_NAME) + len(AFTER_NAME)})
WHERE substr(tail, 1, {len(BEFORE_NAME)}) = x'{BEFORE_NAME.hex()}'
AND substr(tail, {-len(AFTER_NAME)}) = x'{AFTER_NAME.hex()}';
"""

# Requests to follow: clustered by who sent them, with an index for the list of who receives them.
_REQUESTS = """
ALTER TABLE account ADD COLUMN approve_followers INTEGER NOT NULL DEFAULT 0;
CREATE TABLE request (
    owner INTEGER NOT NULL,
    place INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (owner, place, target)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX request_by_target ON request (owner, target);
CREATE UNIQUE INDEX request_by_receiver ON request (target, place, owner);
"""

# The feed of changes. AUTOINCREMENT: no number is given twice, also after a deletion.
_FEED = """
CREATE TABLE change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL, -- in milliseconds
    kind TEXT NOT NULL,
    actor INTEGER NOT NULL,
    target INTEGER NOT NULL, -- 0 for none
    body BLOB NOT NULL -- before and after, as JSON
) STRICT;
"""

# Erasures that are under way or done, and indexes of what other accounts have towards one.
_ERASURES = """
CREATE TABLE erasure (
    mid INTEGER PRIMARY KEY,
    begun INTEGER NOT NULL, -- in seconds, as the end
    stage TEXT NOT NULL,
    position TEXT NOT NULL, -- where the stage continues: a list of JSON
    counts TEXT NOT NULL, -- how much was deleted, by what it was: an object of JSON
    finished INTEGER NOT NULL DEFAULT 0 -- 0 while it is under way
) STRICT;
CREATE INDEX erasure_under_way ON erasure (mid) WHERE finished = 0;
CREATE INDEX block_of_target ON block (target, owner);
CREATE INDEX whisper_of_target ON whisper (target, owner);
"""

# Lists of accounts and of sessions; bans with a reason and an end.
_ACCOUNT_LISTS = """
ALTER TABLE session ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- when it was last used, about
ALTER TABLE account ADD COLUMN created INTEGER NOT NULL DEFAULT 0; -- in seconds, 0 if unknown
ALTER TABLE account ADD COLUMN ban_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN ban_until INTEGER NOT NULL DEFAULT 0; -- 0 for a ban without an end
CREATE INDEX account_by_folded ON account (state, folded);
CREATE INDEX account_by_created ON account (state, created);
"""

# Administration tokens, and the audit log of what was done with them.
_AUDIT = """
CREATE TABLE admin_token (
    digest BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL, -- separated by commas
    created INTEGER NOT NULL,
    expires INTEGER -- null for no end
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY, -- milliseconds, then random bits
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    mid INTEGER NOT NULL, -- 0 for none, as target
    target INTEGER NOT NULL,
    detail TEXT NOT NULL,
    status INTEGER, -- null: no outcome is known
    request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_mid ON audit (mid, number);
CREATE INDEX audit_by_who ON audit (who, number);
"""

_OPERATED = _ERASURES + _ACCOUNT_LISTS + _AUDIT

SCHEMA = _RELATIONS + _CONTENT + _VERSIONS + _REQUESTS + _FEED + _OPERATED

#: The SQL that migrates a store from each version to the next.
MIGRATIONS: Mapping[int, str] = {
    1: _CONTENT,
    2: _VERSIONS + _SHORTEN_TAILS + _REQUESTS + _FEED,
    3: _OPERATED,
}

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
