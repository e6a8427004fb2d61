"""The commands that look into an archive, and what a person writes into it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from guanxi.cli.tools.exchange import ListName
from guanxi.toolbox import exchange
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.plan import Plan
from guanxi.toolbox.snapshots import LISTS
from tests.cli.runner import error_of, guanxi, output_of
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with new_archive(tmp_path) as archive:
        groups = [(7, "音乐")]
        add_snapshot(archive, DAY, groups, followings=[item(3), item(2, groups=[7])])
        add_snapshot(
            archive,
            2 * DAY,
            groups,
            followings=[item(4, name="=1+1"), item(2, groups=[7], special=True)],
            followers=[item(9)],
            incomplete=["followers"],
        )
        return archive.path


def test_show_prints_any_list_at_any_snapshot(path: Path) -> None:
    """p1 to p26 need it: names before anything happens."""
    on = ("--archive", path)
    lines = output_of("show", *on).splitlines()
    assert lines[0].split() == ["mid", "name", "followed_at", "mutual", "special", "groups", "note"]
    assert [line.split()[:2] for line in lines[1:]] == [["4", "=1+1"], ["2", "u2"]]
    assert "音乐" in lines[2]
    assert [line.split()[0] for line in output_of("show", *on, "--at", 1).splitlines()[1:]] == [
        "3",
        "2",
    ]
    found = json.loads(
        output_of(
            "show", *on, "--json", "--where", "special -- comment", "--columns", "mid, groups"
        )
    )
    assert found == {"schema_version": 1, "rows": [{"mid": 2, "groups": "音乐"}]}
    shown = output_of("show", *on, "--csv", "--sort", "mid", "--limit", 1, "--columns", "name,mid")
    assert list(csv.reader(io.StringIO(shown))) == [["name", "mid"], ["u2", "2"]]
    shown = output_of("show", *on, "--csv", "--where", "mid = 4", "--columns", "name")
    assert list(csv.reader(io.StringIO(shown))) == [["name"], ["'=1+1"]]
    assert output_of("show", "groups", *on).splitlines()[1].split() == ["7", "音乐", "1"]
    assert "there is no list friends; use snapshots, accounts" in error_of("show", "friends", *on)
    assert "there is no snapshot 5" in error_of("show", *on, "--at", 5)
    assert "invalid SQL: no such column: x" in error_of("show", *on, "--where", "x")


def test_sql_reads_the_views(path: Path) -> None:
    query = "SELECT change, mid FROM changes WHERE list = 'followings' ORDER BY change"
    found = json.loads(output_of("sql", query, "--archive", path, "--json"))["rows"]
    assert [(row["change"], row["mid"]) for row in found] == [
        ("came", 4),
        ("left", 3),
        ("special", 2),
    ]
    assert "invalid SQL" in error_of("sql", "DROP TABLE item", "--archive", path)
    assert output_of("sql", "SELECT count(*) AS n FROM followings", "--archive", path) == "n\n2\n"
    shown = output_of("sql", "SELECT x'00ff' AS b", "--archive", path, "--json")
    assert json.loads(shown)["rows"] == [{"b": "AP8="}]


def test_snapshots_are_listed_and_removed(path: Path) -> None:
    on = ("--archive", path)
    lines = output_of("snapshots", *on).splitlines()
    assert lines[0].split()[:3] == ["id", "ended", "followings"]
    assert "followers: cap" in lines[2]
    assert "there is no snapshot 3" in error_of("snapshots", "remove", 1, 3, *on)
    assert output_of("snapshots", "remove", 1, 1, *on) == ""
    rows = json.loads(output_of("snapshots", "--json", *on))["rows"]
    assert [row["id"] for row in rows] == [2]


def test_notes_and_marks_stay(path: Path, tmp_path: Path) -> None:
    """p16, p20: why one follows an account, and whom to keep, in every later snapshot."""
    on = ("--archive", path)
    assert output_of("note", 2, *on) == "\n"
    output_of("note", 2, "教我钢琴的人", *on)
    assert output_of("note", 2, *on) == "教我钢琴的人\n"
    shown = json.loads(output_of("note", 2, "--json", *on))
    assert shown == {"schema_version": 1, "mid": 2, "note": "教我钢琴的人"}
    (tmp_path / "ids").write_text("4,four\n9\n")
    output_of("keep", 2, "--ids", tmp_path / "ids", "--reason", "friends", *on)
    rows = json.loads(output_of("keep", "--json", *on))["rows"]
    assert [(row["mid"], row["reason"]) for row in rows] == [(n, "friends") for n in (2, 4, 9)]
    marked = json.loads(output_of("keep", 4, "--json", *on))
    assert marked == {"schema_version": 1, "marked": 1}
    rows = json.loads(output_of("keep", "--json", *on))["rows"]
    assert rows[1]["reason"] == "friends"  # it is not forgotten
    removed = json.loads(output_of("keep", 9, 4, "--remove", "--json", *on))
    assert removed == {"schema_version": 1, "removed": 2}
    with Archive.open(path) as archive:
        add_snapshot(archive, 3 * DAY, followings=[item(2), item(5)])
    found = output_of("show", *on, "--where", "keep AND note LIKE '%钢琴%'", "--columns", "mid")
    assert found.split() == ["mid", "2"]
    output_of("note", 2, "", *on)
    assert output_of("note", 2, *on) == "\n"
    assert "name the accounts" in error_of("keep", "--remove", *on)


def test_an_archive_is_deleted_only_with_a_yes(path: Path) -> None:
    assert output_of("archive", "path", "--archive", path) == f"{path}\n"
    assert json.loads(output_of("archive", "path", "--json", "--archive", path))["path"] == str(
        path
    )
    assert "there is no terminal to ask: use --yes" in error_of(
        "archive", "delete", "--archive", path
    )
    assert path.exists()
    output_of("archive", "delete", "--yes", "--archive", path)
    assert not path.exists()
    assert "run guanxi backup first" in error_of("show", "--archive", path)


def test_lists_leave_and_come_as_files(path: Path, tmp_path: Path) -> None:
    """p7, p10: with their groups and notes; also what other programs write."""
    on = ("--archive", path)
    output_of("note", 2, "why", *on)
    result = guanxi("export", "-o", tmp_path / "a.csv", "--list", "followings", *on)
    assert (result.returncode, result.stderr) == (0, f"{tmp_path / 'a.csv'}: 2 lines\n")
    rows = list(exchange.read(tmp_path / "a.csv"))
    assert [(row.mid, row.groups, row.note) for row in rows] == [(4, (), ""), (2, ("音乐",), "why")]
    assert tuple(ListName) == LISTS
    assert "must end in .csv or .jsonl" in error_of("export", "-o", tmp_path / "a.xls", *on)

    (other := tmp_path / "other").mkdir()
    with new_archive(other) as archive:
        add_snapshot(archive, DAY, [], followings=[])
    on = ("--archive", other / "archive.db")
    shown = output_of("import", tmp_path / "a.csv", "-o", tmp_path / "plan", *on)
    assert "import" in shown
    plan = Plan.open(tmp_path / "plan")
    assert [(act.act, act.mid) for act in plan.acts()] == [
        ("create_group", None),
        ("follow", 2),
        ("follow", 4),
        ("set_groups", 2),
    ]
    assert output_of("note", 2, *on) == "why\n"
    (tmp_path / "ids").write_text("11,x\n5\n")
    output_of("import", tmp_path / "ids", "--to", "新来的", "-o", tmp_path / "plan", *on)
    acts = list(Plan.open(tmp_path / "plan").acts())
    assert [act.mid for act in acts if act.act == "follow"] == [11, 5]  # in the file's order
    assert {act.groups for act in acts if act.act == "set_groups"} == {("新来的",)}
    (tmp_path / "bad").write_text("x\n")
    assert "line 1" in error_of("import", tmp_path / "bad", "-o", tmp_path / "plan", *on)
