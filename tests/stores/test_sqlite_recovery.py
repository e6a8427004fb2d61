"""A SQLite store's file that is put back from a copy, with and without the log of another file."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from guanxi.graph.lists import Listing
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, StoreError
from guanxi.stores.sqlite import SQLiteStore
from tests.stores.world import faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")
ROOT = Path(__file__).parents[2]


def copy_log_into_file(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("SELECT count(*) FROM meta").get  # noqa: B018 - opens the log
    assert db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)
    db.close()


async def imported(store: SQLiteStore, *followed: int) -> None:
    rows = [EdgeRow(follower=a, followed=b, time=b) for b in followed for a in range(1, 200)]
    await store.import_edges(lambda: rows)


async def with_backup(folder: Path, *later: int) -> Path:
    """Create a store and a copy of it, write more, and leave its log as a crash does."""
    path = folder / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await imported(store, *range(200, 230))
    await listed(store, Listing.FOLLOWINGS, 1)
    store._end_snapshot()
    copy_log_into_file(path)
    shutil.copy(path, folder / "backup.db")
    for followed in later:
        await imported(store, followed)
    store._end_snapshot()
    copy_log_into_file(path)
    await people(store, *range(400, 420))
    await follow(store, 1, *range(400, 420))
    shutil.copy(folder / "s.db-wal", folder / "log")
    shutil.copy(path, folder / "file")
    await store.close()
    shutil.move(folder / "log", folder / "s.db-wal")
    shutil.move(folder / "file", path)
    return path


@pytest.mark.parametrize("later", [range(300, 330), range(300, 302)])
@pytest.mark.parametrize("create", [False, True])
async def test_a_copy_next_to_the_log_of_another_file_is_refused(
    tmp_path: Path, later: range, create: bool
) -> None:
    path = await with_backup(tmp_path, *later)
    shutil.copy(tmp_path / "backup.db", path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"delete \S+s.db-wal and \S+s.db-shm") as refusal:
        await open_store(str(path), create=create)
    assert path.read_bytes() == before
    for name in re.findall(r"delete (\S+) and (\S+),", str(refusal.value))[0]:
        Path(name).unlink(missing_ok=True)
    store = await open_store(str(path))
    assert await listed(store, Listing.FOLLOWINGS, 1) == list(range(229, 199, -1))
    assert await faults(store) == []
    await store.close()


async def test_the_log_of_a_crash_is_accepted(tmp_path: Path) -> None:
    path = await with_backup(tmp_path, 300)
    store = await open_store(str(path))
    followed = await listed(store, Listing.FOLLOWINGS, 1)
    assert followed == [*range(419, 399, -1), 300, *range(229, 199, -1)]
    assert await faults(store) == []
    await store.close()


async def test_an_open_store_can_be_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await open_store(str(path), create=True)
    await people(store, 1, 2)
    assert (tmp_path / "s.db-wal").stat().st_size
    again = await open_store(str(path))
    await follow(again, 1, 2)
    assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
    await again.close()
    await store.close()


@pytest.mark.parametrize("empty", [False, True])
async def test_the_log_of_a_missing_file_is_not_deleted(tmp_path: Path, empty: bool) -> None:
    path = await with_backup(tmp_path)
    path.rename(tmp_path / "moved.db")
    if empty:
        path.touch()
    log = (tmp_path / "s.db-wal").read_bytes()
    with pytest.raises(StoreError, match="put the file back"):
        await open_store(str(path), create=True)
    assert (tmp_path / "s.db-wal").read_bytes() == log
    (tmp_path / "moved.db").rename(path)
    store = await open_store(str(path))
    assert len(await listed(store, Listing.FOLLOWINGS, 1)) == 50
    await store.close()


def documented_steps() -> list[str]:
    """Return the commands of docs/service.md that copy a store, and that put a copy back."""
    page = (ROOT / "docs" / "service.md").read_text()
    copies = page[page.index("\n## Copies\n") :]
    return re.findall(r"```text\n(.+?)```", copies, re.DOTALL)[:2]


async def test_the_documented_steps_restore_a_store(tmp_path: Path) -> None:
    back_up, restore = documented_steps()
    tools = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "src"),
    }

    def run(steps: str) -> None:
        subprocess.run(["bash", "-ec", steps], cwd=tmp_path, env=os.environ | tools, check=True)

    path = tmp_path / "mine.db"
    store = await SQLiteStore.open(path, create=True)
    await imported(store, 200, 201)
    await asyncio.to_thread(run, back_up)
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    await imported(store, 300)
    for name in ("mine.db", "mine.db-wal"):  # as a crash leaves them
        shutil.copy(tmp_path / name, tmp_path / f"{name}.left")
    await store.close()
    for name in ("mine.db", "mine.db-wal"):
        (tmp_path / f"{name}.left").replace(tmp_path / name)
    await asyncio.to_thread(run, restore)
    assert path.stat().st_mode & 0o777 == 0o600
    store = await SQLiteStore.open(path)
    assert await listed(store, Listing.FOLLOWINGS, 1) == [201, 200]
    await store.close()
