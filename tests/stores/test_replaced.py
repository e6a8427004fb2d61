"""A store whose file is moved, deleted or replaced while it is open writes nothing more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import EdgeRow, StoreReplaced
from guanxi.stores.sqlite import SQLiteStore
from tests.stores.world import do, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")


def replace_file(path: Path) -> None:
    shutil.copy(path, path.with_name("backup"))
    path.with_name("backup").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "replaced": replace_file,
    "deleted": Path.unlink,
    "moved": lambda path: path.rename(path.with_name("elsewhere")),
    "folder moved": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_nothing_is_written_into_a_file_that_is_not_at_its_path(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "folder" / "s.db"
    path.parent.mkdir()
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    CHANGES[change](path)
    with pytest.raises(StoreReplaced, match="moved, deleted or replaced"):
        await do(store, Modify(1, 3, Act.FOLLOW))
    with pytest.raises(StoreReplaced):
        await store.ready()
    with pytest.raises(StoreReplaced):
        await store.flush_visits()
    assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
    await store.close()


async def test_an_import_into_a_replaced_file_fails(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2)

    def rows() -> list[EdgeRow]:
        replace_file(path)
        return [EdgeRow(follower=1, followed=2, time=5)]

    with pytest.raises(StoreReplaced):
        await store.import_edges(rows)
    await store.close()


async def test_a_store_is_found_at_its_path_whatever_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await SQLiteStore.open("s.db", create=True)
    await people(store, 1, 2)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    await follow(store, 1, 2)
    await store.close()
