"""A SQLite store whose files are replaced, moved, deleted or cut off while it is open."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import apsw
import pytest

from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import EdgeRow, StoreReplaced, StoreTimeout
from guanxi.stores.sqlite import SQLiteStore, file
from guanxi.stores.sqlite.writer import Writer
from tests.stores.world import do, faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")


def back_up(path: Path, to: Path) -> None:
    source, copy = apsw.Connection(str(path)), apsw.Connection(str(to))
    with copy.backup("main", source, "main") as backup:
        backup.step()
    source.close()
    copy.close()


def replace_file(path: Path) -> None:
    back_up(path, path.with_name("backup.db"))
    path.with_name("backup.db").replace(path)


def replace_link(path: Path) -> None:
    path.rename(path.with_name("kept.db"))
    path.symlink_to("kept.db")
    path.unlink()


def rename_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("renamed"))


def delete(suffix: str) -> Callable[[Path], None]:
    return lambda path: path.with_name(path.name + suffix).unlink()


def replace_log(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    shutil.copy(log, path.with_name("log"))
    path.with_name("log").replace(log)


FAULTS = {
    "a backup moved over it": replace_file,
    "a link that was removed": replace_link,
    "its folder renamed": rename_folder,
    "the file deleted": delete(""),
    "its -wal deleted": delete("-wal"),
    "its -shm deleted": delete("-shm"),
    "its -wal replaced": replace_log,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_written_to_files_that_are_not_at_the_path(
    tmp_path: Path, fault: str
) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    await store.ready()
    FAULTS[fault](path)
    for write in (
        do(store, Modify(1, 3, Act.FOLLOW)),
        store.ready(),
        store.flush_visits(),
        store.put_note("a", b"b"),
    ):
        with pytest.raises(StoreReplaced, match="put the right file there"):
            await write
    assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
    await store.close()


async def test_the_file_that_replaced_another_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    replace_file(path)
    content = path.read_bytes()
    with pytest.raises(StoreReplaced):
        await do(store, Modify(1, 3, Act.FOLLOW))
    await store.close()
    assert path.read_bytes() == content


async def test_a_file_that_was_cut_off_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, *range(1, 40))
    db = apsw.Connection(str(path))
    assert db.execute("SELECT count(*) FROM account").get == 39
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
    db.close()
    await follow(store, 1, 2)
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(StoreReplaced):
        await do(store, Modify(1, 3, Act.FOLLOW))
    await store.close()


async def test_a_vacuum_by_another_program_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE other AS SELECT zeroblob(400000) AS x")
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    size = path.stat().st_size
    await store.put_note("a", b"b")  # the size is seen
    db.execute("DROP TABLE other; VACUUM")
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    db.close()
    assert path.stat().st_size < size
    await store.put_note("a", b"b")
    await store.close()


async def test_the_loop_checks_the_file_after_a_vacuum_while_the_writer_writes(
    tmp_path: Path,
) -> None:
    """They must not use one connection: each would fail the other, also after a COMMIT."""
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2, 3)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE other AS SELECT zeroblob(400000) AS x")
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        await store.put_note("a", b"b")  # the size is seen
        db.execute("DROP TABLE other; VACUUM")
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    entered, go_on = Event(), Event()

    def stop() -> bool:
        entered.set()
        return not go_on.wait(30)

    def work(db: apsw.Connection) -> None:
        db.set_progress_handler(stop, 1)
        try:
            db.execute("SELECT count(*) FROM account")
        finally:
            db.set_progress_handler(None)

    writing = asyncio.ensure_future(store.write(work))
    try:
        await asyncio.to_thread(entered.wait, 30)  # the writer's connection is busy
        await store.flush_visits()
    finally:
        go_on.set()
    await writing
    await store.close()


async def test_a_write_whose_file_is_replaced_during_the_commit_is_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2)
    original = Writer._committed

    def committed(self: Writer, *of: object) -> int:
        if path.exists():
            path.rename(tmp_path / "moved.db")
        return original(self, *of)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "_committed", committed)
    store.writer._db.set_wal_hook(store.writer._committed)
    with pytest.raises(StoreTimeout):
        await do(store, Modify(1, 2, Act.FOLLOW))
    (tmp_path / "moved.db").rename(path)
    await store.close()


@pytest.mark.parametrize("stored", [0, 2])
async def test_an_import_into_a_replaced_file_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: int
) -> None:
    """``stored`` accounts decide whether the import is one transaction or several."""
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    if stored:
        await people(store, *range(1, 1 + stored))

    def rows() -> list[EdgeRow]:
        path.rename(tmp_path / "moved.db")
        return [EdgeRow(follower=1, followed=2, time=1)]

    with pytest.raises(StoreReplaced):
        await store.import_edges(rows)
    (tmp_path / "moved.db").rename(path)
    assert await listed(store, Listing.FOLLOWINGS, 1) == []
    assert await faults(store) == []
    await store.close()


def test_a_file_that_is_replaced_while_it_is_opened_is_refused(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "s.db"))
    db.execute("CREATE TABLE t (x)")
    (tmp_path / "s.db").rename(tmp_path / "moved.db")
    (tmp_path / "s.db").touch()
    with pytest.raises(StoreReplaced):
        file.OpenedFile(tmp_path / "s.db", db)
    db.close()
