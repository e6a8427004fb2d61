"""The SQLite store's file: created, refused, migrated."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import Card
from guanxi.operations import accounts
from guanxi.stores import open_store
from guanxi.stores.port import StoreError
from guanxi.stores.sqlite import SQLiteStore
from guanxi.stores.sqlite.opening import prepare
from guanxi.stores.sqlite.schema import SCHEMA, VERSION
from tests.counts import count
from tests.stores.world import people

pytestmark = pytest.mark.usefixtures("runner")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def open_files(folder: Path) -> list[str]:
    """Return the files of a folder that this process has open."""
    links = Path("/proc/self/fd").iterdir()
    files = [os.readlink(link) for link in links if link.is_symlink()]
    return [file for file in files if file.startswith(f"{folder}/")]


def pragma(path: Path, name: str) -> object:
    db = apsw.Connection(str(path))
    try:
        return db.pragma(name)
    finally:
        db.close()


async def test_a_new_store_is_accessible_only_to_its_owner(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "s.db"), create=True)
    await people(store, 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}
    await store.close()
    assert set(contents(tmp_path)) == {"s.db", "s.db-turn"}


async def test_a_cancelled_close_still_closes_the_file(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "s.db"), create=True)
    assert isinstance(store, SQLiteStore)
    running, go_on = threading.Event(), threading.Event()

    def work(_db: apsw.Connection) -> None:
        running.set()
        go_on.wait(30)

    writing = asyncio.create_task(store.write(work))
    await asyncio.to_thread(running.wait, 30)
    closing = asyncio.create_task(store.close())
    while not store.owner.closed:
        await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert open_files(tmp_path)
    go_on.set()
    await writing
    async with asyncio.timeout(30):
        while open_files(tmp_path):
            await asyncio.sleep(0.01)


async def test_a_missing_store_is_created_only_with_create(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="guanxi serve"):
        await open_store(str(tmp_path / "s.db"))
    assert contents(tmp_path) == {}


async def test_an_empty_file_is_not_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    with pytest.raises(StoreError, match="empty"):
        await open_store(str(path))
    store = await open_store(str(path), create=True)
    await store.close()


async def test_concurrent_creators_get_the_same_store(tmp_path: Path) -> None:
    for attempt in range(count(10, 100)):
        path = tmp_path / f"{attempt}.db"
        stores = await asyncio.gather(*(SQLiteStore.open(path, create=True) for _ in range(8)))
        assert len({store.secret for store in stores}) == 1
        for store in stores:
            await store.close()


@pytest.mark.parametrize("create", [False, True])
async def test_a_file_of_another_program_is_refused_and_not_changed(
    tmp_path: Path, create: bool
) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to be one " * 100)
    db = apsw.Connection(str(tmp_path / "other.db"))
    db.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    db.close()
    before = contents(tmp_path)
    for name in before:
        with pytest.raises(StoreError, match="it was not changed"):
            await SQLiteStore.open(tmp_path / name, create=create)
    assert contents(tmp_path) == before


async def test_a_file_in_a_missing_folder_cannot_be_created(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be created: No such file or directory"):
        await SQLiteStore.open(tmp_path / "missing" / "s.db", create=True)


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await SQLiteStore.open(tmp_path, create=True)


async def test_a_store_with_a_newer_schema_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    prepare(path, create=True, version=VERSION + 1)
    before = contents(tmp_path)
    with pytest.raises(StoreError, match="pip install -U guanxi"):
        await open_store(str(path))
    assert contents(tmp_path) == before


ADD_COLUMN = "ALTER TABLE account ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'"
MIGRATIONS = {7: ADD_COLUMN, 8: "CREATE TABLE extra (x INTEGER NOT NULL) STRICT"}


def create_old_store(path: Path) -> None:
    """Create a store of schema 7 with one account."""
    prepare(path, create=True, version=7, schema=SCHEMA)
    db = apsw.Connection(str(path))
    kinds = [row[2] for row in db.execute("PRAGMA table_info(account)")]
    values = ", ".join("'x'" if kind == "TEXT" else "1" for kind in kinds)
    db.execute(f"INSERT INTO account VALUES ({values})")
    db.close()


def test_an_older_store_is_copied_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    create_old_store(path)
    prepare(path, create=False, version=9, migrations=MIGRATIONS)
    assert pragma(path, "user_version") == 9
    db = apsw.Connection(str(path))
    assert db.execute("SELECT mid, mood FROM account").get == (1, "calm")
    assert db.execute("SELECT count(*) FROM extra").get == 0
    secret = db.execute("SELECT value FROM meta").get
    db.close()
    copy = tmp_path / "s.db.schema-7"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert pragma(copy, "user_version") == 7
    db = apsw.Connection(str(copy))
    assert db.execute("SELECT value FROM meta").get == secret
    assert db.execute("SELECT count(*) FROM account").get == 1
    db.close()
    prepare(path, create=False, version=9, migrations=MIGRATIONS)


def test_a_missing_migration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    create_old_store(path)
    with pytest.raises(StoreError, match="schema 7, too old"):
        prepare(path, create=False, version=9, migrations={7: ADD_COLUMN})
    assert pragma(path, "user_version") == 7


def test_a_failed_migration_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    create_old_store(path)
    with pytest.raises(StoreError, match="stays at schema 7"):
        prepare(path, create=False, version=9, migrations={**MIGRATIONS, 8: "DROP TABLE nothing"})
    assert pragma(path, "user_version") == 7
    prepare(path, create=False, version=9, migrations=MIGRATIONS)
    assert pragma(path, "user_version") == 9


def test_a_store_that_another_process_has_open_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    create_old_store(path)
    other = apsw.Connection(str(path))
    assert other.execute("SELECT count(*) FROM account").get == 1
    with pytest.raises(StoreError, match="another process has it open"):
        prepare(path, create=False, version=9, migrations=MIGRATIONS)
    other.close()
    assert pragma(path, "user_version") == 7
    prepare(path, create=False, version=9, migrations=MIGRATIONS)


async def test_the_secret_is_not_in_the_repr(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    await accounts.put(store, 1, Card(name="a"))
    assert repr(store.secret) not in repr(store)
    await store.close()
