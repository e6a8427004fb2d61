"""Saved views are kept in the archive, by list and name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.manage import saved
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from tests.toolbox.archives import ME, new_archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as made:
        yield made


def test_views_are_kept_by_list_and_name(archive: Archive) -> None:
    saved.save(archive, "followings", "  old   cats ", {"q": "cat", "columns": "name,since"})
    saved.save(archive, "followings", "all", {})
    saved.save(archive, "followers", "all", {"sort": "name"})
    saved.save(archive, "followings", "all", {"order": "up"})
    with Archive.open(archive.path) as again:
        assert again.identity == ME
        assert saved.views(again, "followings") == {
            "all": {"order": "up"},
            "old cats": {"q": "cat", "columns": "name,since"},
        }
    saved.forget(archive, "followings", "all")
    saved.forget(archive, "followings", "never saved")
    assert [*saved.views(archive, "followings")] == ["old cats"]
    assert saved.views(archive, "followers") == {"all": {"sort": "name"}}


@pytest.mark.parametrize("view", ["", "  ", "x" * 41, "a\0b", "a\x1bb"])
def test_a_view_has_a_name_that_can_be_shown(archive: Archive, view: str) -> None:
    with pytest.raises(SelectionError, match="1 to 40 characters"):
        saved.save(archive, "followings", view, {})


def test_a_list_has_at_most_fifty_views(archive: Archive) -> None:
    for number in range(50):
        saved.save(archive, "blocks", str(number), {})
    saved.save(archive, "blocks", "7", {"q": "x"})
    with pytest.raises(SelectionError, match="50 saved views"):
        saved.save(archive, "blocks", "one more", {})
    saved.save(archive, "whispers", "one more", {})
