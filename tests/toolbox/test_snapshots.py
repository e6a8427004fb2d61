"""Snapshots in an archive: intervals, views, removal, and files that cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from guanxi.toolbox import schema, snapshots
from guanxi.toolbox.archive import Archive, Identity, delete
from guanxi.toolbox.errors import (
    ArchiveBusy,
    ArchiveDamaged,
    ArchiveMismatch,
    ArchiveMissing,
    ArchiveNewer,
    NoSuchSnapshot,
    SelectionError,
)
from tests.toolbox.archives import DAY, ME, add_snapshot, item, new_archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as opened:
        yield opened


def mids(archive: Archive, view: str = "followings", where: str = "1") -> list[int]:
    with archive.query(
        f"SELECT mid FROM {view} WHERE {where} ORDER BY since DESC, tie DESC"
    ) as rows:
        return [row["mid"] for row in rows]


def test_views_show_the_newest_snapshot_and_any_other(archive: Archive) -> None:
    groups = [(7, "friends"), (8, "music")]
    add_snapshot(archive, DAY, groups, followings=[item(3, groups=[7]), item(2, mutual=True)])
    add_snapshot(
        archive,
        2 * DAY,
        [(7, "old friends"), (8, "music")],
        followings=[item(4, special=True), item(3, groups=[7, 8], name="three")],
    )
    assert mids(archive) == [4, 3]
    sql = "SELECT name, groups, special, mutual, followed_at FROM followings WHERE mid = 3"
    with archive.query(sql) as rows:
        [row] = rows
    assert tuple(row) == ("three", "old friends, music", 0, 0, "1970-01-01 00:16:43")
    with archive.query("SELECT name, count FROM groups ORDER BY position") as rows:
        assert [tuple(row) for row in rows] == [("old friends", 1), ("music", 1)]

    archive.show(1)
    assert mids(archive) == [3, 2]
    with archive.query(sql) as rows:
        [row] = rows
    assert (row["name"], row["groups"]) == ("u3", "friends")
    archive.show()
    assert mids(archive) == [4, 3]
    with archive.query("SELECT snapshot, list, mid, change, old, new FROM changes") as rows:
        assert {tuple(row) for row in rows} == {
            (2, "followings", 4, "came", None, None),
            (2, "followings", 2, "left", None, None),
            (2, "followings", 3, "groups", "[7]", "[7, 8]"),
            (2, "accounts", 3, "renamed", "u3", "three"),
        }


def test_an_incomplete_list_says_of_nobody_that_they_left(archive: Archive) -> None:
    add_snapshot(archive, DAY, followers=[item(3), item(2)])
    add_snapshot(archive, 2 * DAY, followers=[item(4), item(3)], incomplete=["followers"])
    assert mids(archive, "followers") == [4, 3, 2]
    assert mids(archive, "followers", "last_seen < 2") == [2]
    with archive.query("SELECT incomplete FROM snapshots WHERE id = 2") as rows:
        assert [row[0] for row in rows] == ["followers: cap"]


def test_order_among_equal_times_is_kept(archive: Archive) -> None:
    order = [5, 9, 2, 7]
    add_snapshot(archive, DAY, followings=[item(mid, since=500) for mid in order])
    assert mids(archive) == order


@pytest.mark.parametrize("renamed", ["followings", "followers"])
def test_a_name_that_a_list_still_shows_is_not_changed(archive: Archive, renamed: str) -> None:
    """Two lists are read one after another, and may show another name of one account."""
    old, new = [item(2, name="old")], [item(2, name="new")]
    add_snapshot(archive, DAY, followings=old, followers=old)
    add_snapshot(
        archive,
        2 * DAY,
        followings=new if renamed == "followings" else old,
        followers=new if renamed == "followers" else old,
    )
    with archive.query("SELECT change FROM changes") as rows:
        assert not rows.fetchall()
    add_snapshot(archive, 3 * DAY, followings=new, followers=new)
    with archive.query("SELECT snapshot, change, old, new FROM changes") as rows:
        assert [tuple(row) for row in rows] == [(3, "renamed", "old", "new")]


@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_a_removed_snapshot_leaves_the_others_as_they_were(archive: Archive, gone: int) -> None:
    draw = Random(5)
    expected = {}
    for number in range(1, 5):
        items = [
            item(mid, mutual=draw.random() < 0.5, name=f"n{draw.randint(1, 2)}")
            for mid in range(30, 10, -1)
            if draw.random() < 0.7
        ]
        add_snapshot(archive, number * DAY, followings=items)
        expected[number] = [(one.mid, one.attribute == 6, one.uname) for one in items]
    del expected[gone]
    snapshots.remove(archive, gone)
    for number, items_then in expected.items():
        archive.show(number)
        with archive.query("SELECT mid, mutual, name FROM followings ORDER BY mid DESC") as rows:
            assert [(row[0], bool(row[1]), row[2]) for row in rows] == items_then
    with pytest.raises(NoSuchSnapshot):
        archive.show(gone)
    with pytest.raises(NoSuchSnapshot):
        snapshots.remove(archive, gone)


def test_what_is_staged_changes_nothing_until_it_is_finished(archive: Archive) -> None:
    add_snapshot(archive, DAY, followings=[item(2)])
    assert snapshots.begin(archive, 2 * DAY) == snapshots.begin(archive, 3 * DAY) == 2
    with archive.transaction() as db:
        snapshots.stage(db, "followings", [item(3)], start=0)
    assert mids(archive) == [2]
    assert archive.newest() == 1
    snapshots.discard(archive)
    assert archive.rows("SELECT count(*) FROM snapshot")[0][0] == 1


@pytest.mark.long
def test_a_hundred_snapshots_of_three_thousand_stay_small(archive: Archive) -> None:
    draw = Random(1)
    people = [item(mid, sign="一行签名" * 5, groups=[mid % 40 + 1]) for mid in range(3_000, 0, -1)]
    for number in range(1, 101):
        for _ in range(3):  # a few come, leave and change with each snapshot
            people.pop(draw.randrange(len(people)))
            people.insert(0, item(10_000 + number * 10 + draw.randrange(10), since=10**6 + number))
        distinct = {one.mid: one for one in people}
        add_snapshot(archive, number * DAY, followings=list(distinct.values()))
    archive.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert archive.path.stat().st_size < 5_000_000


def test_an_archive_is_its_owners_alone(archive: Archive) -> None:
    assert stat.S_IMODE(archive.path.stat().st_mode) == 0o600
    assert repr(archive) == f"Archive({str(archive.path)!r})"
    with pytest.raises(ArchiveMismatch, match="not to 2"):
        Archive.create(archive.path, Identity(ME.server, 2))
    with Archive.create(archive.path, ME) as same:
        assert same.identity == ME


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    with pytest.raises(ArchiveMissing):
        Archive.open(path)
    path.write_bytes(b"id,name\n1,x\n" * 100)
    with pytest.raises(ArchiveDamaged, match="not an archive"):
        Archive.open(path)
    path.unlink()
    sqlite3.connect(path).executescript("CREATE TABLE a (b)").close()
    with pytest.raises(ArchiveDamaged, match="not an archive of guanxi"):
        Archive.open(path)
    path.unlink()
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, DAY, followings=[item(mid) for mid in range(500, 1, -1)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveDamaged):
        Archive.open(path)
    assert path.stat().st_size == len(whole) // 2
    path.write_bytes(whole)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(ArchiveNewer, match="pip install -U guanxi"):
        Archive.open(path)


@pytest.mark.parametrize(
    "written", [f"application_id = {schema.APPLICATION_ID}", "journal_mode = WAL"]
)
def test_an_archive_whose_creation_was_killed(tmp_path: Path, written: str) -> None:
    with closing(sqlite3.connect(tmp_path / "archive.db")) as db:
        db.execute(f"PRAGMA {written}")
    with new_archive(tmp_path) as archive:
        assert add_snapshot(archive, DAY, followings=[item(2)]) == 1
    with Archive.open(tmp_path / "archive.db") as archive:
        assert archive.identity == ME


def test_systems_without_close_on_exec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: Python's files are not inherited anyway."""
    monkeypatch.delattr(os, "O_CLOEXEC")
    with new_archive(tmp_path) as archive, archive.locked():
        assert archive.newest() is None


def test_two_processes_and_an_archive(archive: Archive) -> None:
    with Archive.open(archive.path) as other, archive.locked():
        with pytest.raises(ArchiveBusy), other.locked():
            pass
        with pytest.raises(ArchiveBusy):
            delete(archive.path)
    with Archive.open(archive.path) as other, other.locked():
        pass
    archive.close()
    delete(archive.path)
    assert list(archive.path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM followings",
        "DELETE FROM item",
        "CREATE TEMP TABLE t (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = DELETE",
        "SELECT 1; SELECT 2",
    ],
)
def test_queries_of_people_only_read(archive: Archive, sql: str) -> None:
    add_snapshot(archive, DAY, followings=[item(2)])
    with (
        pytest.raises(SelectionError, match="the views are snapshots, accounts"),
        archive.query(sql) as rows,
    ):
        rows.fetchall()
    assert mids(archive) == [2]
    add_snapshot(archive, 2 * DAY, followings=[item(3), item(2)])
    assert mids(archive) == [3, 2]
