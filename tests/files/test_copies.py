"""Backups of a SQLite store, and the way back."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import AccountEdit, Card, EditRefusal, State
from guanxi.files.copies import BackedUp, Restored, back_up, restore
from guanxi.graph.lists import Listing
from guanxi.operations import erasing
from guanxi.stores import init, open_store
from guanxi.stores.port import CursorOfAnotherStore, EdgeRow, StoreError, StoreMissing
from guanxi.stores.sqlite import SQLiteStore, copies
from guanxi.stores.sqlite.schema import VERSION
from tests.stores.world import faults, follow, listed, people

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "stores" / "kept"


def copy_log_into_file(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("SELECT count(*) FROM meta").get  # noqa: B018 - opens the log
    assert db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)
    db.close()


def backed_up(path: Path, file: Path, *, force: bool = False) -> BackedUp:
    return back_up(str(path), file, force=force, progress=lambda *_: None)


def put_back(file: Path, path: Path, *, force: bool = True, discard: bool = False) -> Restored:
    done = restore(file, str(path), force=force, discard=discard, stamp="then")
    assert done is not None
    return done


async def import_followings(store: SQLiteStore, *mids: int) -> None:
    rows = [EdgeRow(follower=1, followed=mid, time=time) for time, mid in enumerate(mids, 1)]
    await store.import_edges(lambda: rows)


def with_accounts(path: Path, *mids: int) -> Path:
    """Create a store in which account 1 follows the others, in this order."""

    async def make() -> None:
        store = await SQLiteStore.open(path, create=True)
        await import_followings(store, *mids)
        await store.close()

    asyncio.run(make())
    return path


def with_log(path: Path, *mids: int) -> Path:
    """Create a store as a crash leaves it: its last write, following 99, is in the log alone."""

    async def make() -> None:
        store = await SQLiteStore.open(path, create=True)
        await people(store, 99)
        await import_followings(store, *mids)
        store._end_snapshot()
        copy_log_into_file(path)
        shutil.copy(path, path.with_name("file"))
        await follow(store, 1, 99)
        shutil.copy(f"{path}-wal", path.with_name("log"))
        await store.close()
        path.with_name("file").replace(path)
        path.with_name("log").replace(f"{path}-wal")

    asyncio.run(make())
    return path


def followed(path: Path) -> list[int]:
    """Return whom account 1 follows, newest first, in a store without faults."""

    async def read() -> list[int]:
        store = await open_store(str(path))
        try:
            assert await faults(store) == []
            return await listed(store, Listing.FOLLOWINGS, 1)
        finally:
            await store.close()

    return asyncio.run(read())


@contextmanager
def opened(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Keep a store open in another process."""
    code = (
        "import asyncio, sys\n"
        "from guanxi.stores import open_store\n"
        "async def run():\n"
        "    store = await open_store(sys.argv[1])\n"
        "    print('open', flush=True)\n"
        "    await asyncio.to_thread(sys.stdin.read)\n"
        "    await store.close()\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_backup_is_a_store_of_its_owner_alone(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2, 3)
    old_mask = os.umask(0)
    try:
        done = backed_up(path, tmp_path / "b.db")
    finally:
        os.umask(old_mask)
    assert (tmp_path / "b.db").stat().st_mode & 0o777 == 0o600
    assert done.bytes == (tmp_path / "b.db").stat().st_size
    assert names(tmp_path) == {"s.db", "s.db-turn", "b.db"}
    assert followed(tmp_path / "b.db") == [3, 2]


def test_a_backup_has_what_a_crash_left_in_the_log(tmp_path: Path) -> None:
    path = with_log(tmp_path / "s.db", 2)
    backed_up(path, tmp_path / "b.db")
    assert followed(tmp_path / "b.db") == [99, 2]


def test_a_backup_replaces_nothing_without_force(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    (tmp_path / "b.db").write_text("mine")
    with pytest.raises(StoreError, match="--force replaces it"):
        backed_up(path, tmp_path / "b.db")
    assert (tmp_path / "b.db").read_text() == "mine"
    backed_up(path, tmp_path / "b.db", force=True)
    assert followed(tmp_path / "b.db") == [2]


def test_no_store_in_use_is_overwritten_by_a_backup(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    (tmp_path / "link.db").symlink_to("s.db")
    with pytest.raises(StoreError, match="is the store, not a copy"):
        backed_up(path, tmp_path / "link.db", force=True)
    other = with_accounts(tmp_path / "other.db", 3)
    with opened(other) as process, pytest.raises(StoreError, match=f"in use.*{process.pid}"):
        backed_up(path, other, force=True)
    assert followed(other) == [3]
    assert followed(path) == [2]


def test_a_store_with_a_fault_is_not_backed_up(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE tally SET following = 7 WHERE mid = 1")
    db.close()
    with pytest.raises(StoreError, match="each count equals the length of its list"):
        backed_up(path, tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()


@pytest.mark.parametrize("missing", ["none.db", "folder"])
def test_what_is_no_store_is_not_backed_up(tmp_path: Path, missing: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreMissing):
        backed_up(tmp_path / missing, tmp_path / "b.db")
    assert names(tmp_path) == {"folder"}


def test_a_backup_ends_while_another_connection_writes_without_a_pause(tmp_path: Path) -> None:
    """Without a read transaction SQLite's backup would start again after each of these writes."""
    path = with_accounts(tmp_path / "s.db", 2)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE large AS SELECT randomblob(24000000) AS x")
    db.close()
    writes, reports = 0, 0
    db = sqlite3.connect(path, isolation_level=None)

    def write(*_: int) -> None:  # after each step of the backup
        nonlocal writes, reports
        reports += 1
        assert reports < 100, "the backup does not end"
        writes += 1
        db.execute("INSERT INTO meta VALUES (?, x'00')", (f"n{writes}",))

    back_up(str(path), tmp_path / "b.db", force=False, progress=write)
    db.close()
    assert writes > 4
    with sqlite3.connect(tmp_path / "b.db") as copy:
        assert copy.execute("SELECT count(*) FROM meta WHERE name LIKE 'n%'").fetchone() == (0,)
    copy.close()


def test_a_restore_puts_the_backup_back_and_keeps_the_old_store(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    backed_up(path, tmp_path / "b.db")
    path.unlink()
    with_log(path, 3)
    with pytest.raises(StoreError, match="--force replaces it"):
        put_back(tmp_path / "b.db", path, force=False)
    aside = put_back(tmp_path / "b.db", path).aside
    assert aside == tmp_path / "s.db.replaced-then"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"s.db", "s.db-turn", "b.db", "s.db.replaced-then"}
    assert followed(path) == [2]
    assert followed(aside) == [99, 3], "what the log had is in the file that is kept"
    assert put_back(tmp_path / "b.db", path).aside == tmp_path / "s.db.replaced-then-2"
    assert put_back(tmp_path / "b.db", path, discard=True).aside is None
    assert put_back(tmp_path / "b.db", tmp_path / "new.db", force=False).aside is None
    assert followed(tmp_path / "new.db") == [2]


@pytest.mark.parametrize("discard", [False, True])
def test_who_was_erased_since_the_backup_does_not_come_back(tmp_path: Path, discard: bool) -> None:
    path, file = with_accounts(tmp_path / "s.db", 2, 3), tmp_path / "b.db"

    async def erase(*mids: int) -> None:
        store = await SQLiteStore.open(path)
        for mid in mids:
            await erasing.erase(store, mid)
        await store.close()

    async def seen() -> None:
        store = await SQLiteStore.open(path)
        # Signed out and gone to others from the start; a service then deletes the rest.
        assert [(each.mid, each.finished) for each in await store.erasures(under_way=True)] == [
            (2, 0),
            (9, 0),
        ]
        account = await store.account(2)
        assert account is not None
        assert account.state is State.DEREGISTERED
        assert await faults(store) == []
        assert await erasing.erase_all(store) == 2
        assert await store.account(2) is None
        for mid in (2, 9):
            refusal = await store.edit_account(mid, AccountEdit(new=Card()))
            assert refusal is EditRefusal.ERASED
        assert await store.account(3) is not None
        assert await faults(store) == []
        await store.close()

    async def later() -> None:
        store = await SQLiteStore.open(path)
        await people(store, 9)
        await store.close()

    backed_up(path, file)
    asyncio.run(later())
    asyncio.run(erase(2, 9))
    assert put_back(file, path, discard=discard).erased == 2
    asyncio.run(seen())
    assert followed(path) == [3]


def test_a_backup_from_after_an_erasure_has_nothing_to_erase_again(tmp_path: Path) -> None:
    path, file = with_accounts(tmp_path / "s.db", 2, 3), tmp_path / "b.db"

    async def erase() -> None:
        store = await SQLiteStore.open(path)
        await erasing.erase(store, 2)
        await store.close()

    asyncio.run(erase())
    backed_up(path, file)
    assert put_back(file, path).erased == 0
    assert put_back(file, tmp_path / "new.db", force=False).erased == 0


def test_an_older_schema_is_migrated_where_an_account_was_erased(tmp_path: Path) -> None:
    old, path = tmp_path / "old.db", with_accounts(tmp_path / "s.db", 7)
    kept = min(KEPT.glob("*.db.gz"))
    old.write_bytes(gzip.decompress(kept.read_bytes()))

    async def erase(mid: int) -> None:
        store = await SQLiteStore.open(path)
        await erasing.erase(store, mid)
        await store.close()

    asyncio.run(erase(7))
    assert put_back(old, path).erased == 1
    assert apsw.Connection(str(path)).pragma("user_version") == VERSION
    asyncio.run(erase(7))
    assert followed(path) == [2]


def test_a_restore_that_is_not_agreed_to_changes_nothing(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    backed_up(path, tmp_path / "b.db")
    before = path.read_bytes()
    refused = restore(
        tmp_path / "b.db", str(path), force=True, discard=True, stamp="", agreed=lambda: False
    )
    assert refused is None
    assert path.read_bytes() == before
    assert names(tmp_path) == {"s.db", "s.db-turn", "b.db"}


def test_a_store_in_use_is_not_replaced(tmp_path: Path) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    backed_up(path, tmp_path / "b.db")
    (tmp_path / "link.db").symlink_to("s.db")
    with opened(path) as process:
        for name in ("s.db", "link.db"):
            with pytest.raises(StoreError, match=f"in use.*{process.pid}.*stop what uses it"):
                put_back(tmp_path / "b.db", tmp_path / name)
    assert names(tmp_path) == {"s.db", "s.db-turn", "b.db", "link.db"}
    assert followed(path) == [2]
    put_back(tmp_path / "b.db", tmp_path / "link.db")
    assert (tmp_path / "link.db").is_symlink()
    assert followed(path) == [2]


def damage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(4096))


def damage_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(40_960))


def foreign_log(path: Path) -> None:
    """Leave a log that has some pages of another store next to the file."""
    path.unlink()
    Path(f"{path}-wal").unlink()
    with_accounts(path, *range(100, 1100))
    with_log(path.with_name("x.db"), *range(100, 600))
    path.with_name("x.db-wal").replace(f"{path}-wal")
    path.with_name("x.db").unlink()


@pytest.mark.parametrize("damage", [damage_header, damage_pages, foreign_log, Path.unlink])
@pytest.mark.parametrize("discard", [False, True])
def test_a_damaged_store_is_replaced(
    tmp_path: Path, damage: Callable[[Path], None], discard: bool
) -> None:
    path = with_accounts(tmp_path / "s.db", 2)
    backed_up(path, tmp_path / "b.db")
    Path(f"{path}-wal").write_bytes(b"left")
    damage(path)
    log = Path(f"{path}-wal").read_bytes()
    there = path.read_bytes() if path.exists() else b""
    _, aside, erased = put_back(tmp_path / "b.db", path, discard=discard)
    assert followed(path) == [2]
    assert erased == (0 if damage is Path.unlink else None)
    assert (aside is None) == (discard or not there)
    if aside is not None and damage is not damage_pages:
        assert aside.read_bytes() == there
        assert Path(f"{aside}-wal").read_bytes() == log


def test_the_file_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    backed_up(with_accounts(tmp_path / "s.db", 2), tmp_path / "b.db")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    with pytest.raises(StoreError, match="the database of another program"):
        put_back(tmp_path / "b.db", tmp_path / "other.db")
    with pytest.raises(StoreError, match="not a regular file"):
        put_back(tmp_path / "b.db", tmp_path)
    with pytest.raises(StoreError, match="create it first"):
        put_back(tmp_path / "b.db", tmp_path / "none" / "s.db")


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_to_pages(file: Path) -> None:
    os.truncate(file, 8192)


def random_bytes(file: Path) -> None:
    file.write_bytes(os.urandom(20_000))


def random_after_header(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:100] + os.urandom(len(content) - 100))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def with_sql(*statements: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        db = sqlite3.connect(file, isolation_level=None)
        for statement in statements:
            db.execute(statement)
        db.close()

    return change


def other_database(file: Path) -> None:
    file.unlink()
    with_sql("CREATE TABLE t (x)")(file)


def log_next_to_it(file: Path) -> None:
    Path(f"{file}-wal").write_bytes(b"x" * 100)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (cut, "is not a sound store|damaged"),
    "cut to two pages": (cut_to_pages, "is not a sound store|damaged"),
    "random": (random_bytes, "is not a guanxi store"),
    "random after the header": (random_after_header, "damaged|not a guanxi store|another program"),
    "empty": (empty, "is empty, not a store"),
    "a folder": (folder, "is not a regular file"),
    "missing": (Path.unlink, "there is no file"),
    "of another program": (other_database, "of another program"),
    "newer": (with_sql(f"PRAGMA user_version = {VERSION + 1}"), "written by a newer guanxi"),
    "older than any": (with_sql("PRAGMA user_version = 0"), "too old"),
    "without a table": (with_sql("DROP TABLE block"), "no such table"),
    "a trigger": (
        with_sql("CREATE TRIGGER t AFTER INSERT ON session BEGIN DELETE FROM block; END"),
        "trigger t",
    ),
    "a fault": (with_sql("DELETE FROM follower"), "each following row has a follower row"),
    "with a log": (log_next_to_it, "has a log next to it"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_sound_store_is_not_restored(tmp_path: Path, name: str) -> None:
    damage, why = HOSTILE[name]
    path = with_accounts(tmp_path / "s.db", 2)
    file = tmp_path / "b.db"
    backed_up(path, file)
    before = path.read_bytes()
    damage(file)
    with pytest.raises(StoreError, match=why) as refusal:
        put_back(file, path)
    assert str(file) in str(refusal.value)
    assert path.read_bytes() == before
    assert not [name for name in names(tmp_path) if name.startswith((".", "s.db."))]


@pytest.mark.parametrize("version", ["25196c1", "f7dc975"])
def test_an_older_schema_is_restored_as_it_was_and_migrated_by_opening(
    tmp_path: Path, version: str
) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress((KEPT / f"{version}.db.gz").read_bytes()))
    schema = apsw.Connection(str(old)).pragma("user_version")
    backed_up(old, tmp_path / "b.db")
    path = tmp_path / "s.db"
    put_back(tmp_path / "b.db", path, force=False)
    assert apsw.Connection(str(path)).pragma("user_version") == schema
    assert apsw.Connection(str(old)).pragma("user_version") == schema
    assert followed(path) == [2]
    assert apsw.Connection(str(path)).pragma("user_version") == VERSION


def test_cursors_of_lost_changes_are_refused_also_when_the_feed_is_as_long_again(
    tmp_path: Path,
) -> None:
    path, file = tmp_path / "s.db", tmp_path / "b.db"

    async def before() -> tuple[str, str]:
        await init(str(path))
        store = await open_store(str(path))
        await store.set_changes(True)
        await people(store, *range(1, 10))
        await follow(store, 1, 2)
        early = (await store.changes_status()).cursor
        await follow(store, 1, 3)
        await asyncio.to_thread(backed_up, path, file)
        await follow(store, 1, 4, 5)
        late = (await store.changes_status()).cursor
        await store.close()
        return early, late

    async def after(early: str, late: str) -> str:
        store = await open_store(str(path))
        try:
            with pytest.raises(CursorOfAnotherStore, match="restored backup"):
                await store.changes(late)
            await follow(store, 1, 6, 7, 8, 9)
            with pytest.raises(CursorOfAnotherStore, match="restored backup"):
                await store.changes(late)
            found = await store.changes(early)
            # What the backup has goes on, and what came after it.
            assert [item.target for item in found.items] == [3, 6, 7, 8, 9]
            assert (await store.changes(found.cursor)).items == []
            return found.cursor
        finally:
            await store.close()

    early, late = asyncio.run(before())
    put_back(file, path)
    cursor = asyncio.run(after(early, late))
    put_back(file, path)  # once more: the cursors of the second life are later too
    assert asyncio.run(after(early, late)) != cursor

    async def third() -> None:
        store = await open_store(str(path))
        with pytest.raises(CursorOfAnotherStore):
            await store.changes(cursor)
        await store.close()

    asyncio.run(third())


def test_what_a_log_has_got_since_is_in_the_file_that_is_kept(tmp_path: Path) -> None:
    path = with_log(tmp_path / "s.db", 3)
    copies.put(with_accounts(tmp_path / "new.db", 2), path, tmp_path / "aside.db")
    assert followed(path) == [2]
    assert followed(tmp_path / "aside.db") == [99, 3]


def test_threads_of_one_process_may_write_during_a_backup(tmp_path: Path) -> None:
    """The library backs up the store that it has open."""
    path = with_accounts(tmp_path / "s.db", *range(2, 60))

    async def run() -> list[int]:
        store = await SQLiteStore.open(path)
        await follow(store, 2, *range(3, 30))
        task = asyncio.create_task(asyncio.to_thread(backed_up, path, tmp_path / "b.db"))
        mid = 30
        while not task.done() and mid < 60:
            await follow(store, 2, mid)
            mid += 1
        await task
        await store.close()
        copy = await SQLiteStore.open(tmp_path / "b.db")
        found = await listed(copy, Listing.FOLLOWINGS, 2)
        await copy.close()
        return found

    found = asyncio.run(run())
    assert found[-27:] == [*range(29, 2, -1)]
    assert found == [*range(2 + len(found), 2, -1)], "a snapshot: no later write without an earlier"
