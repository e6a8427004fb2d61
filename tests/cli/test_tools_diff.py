"""``guanxi diff``: for people, as JSON and as CSV, of an archive that a test writes."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.toolbox.archive import Archive, Identity
from tests.cli.runner import error_of, output_of
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An archive of three snapshots; nothing changes with the third."""
    with new_archive(tmp_path) as archive:
        add_snapshot(
            archive,
            DAY,
            [(7, "friends")],
            followings=[item(2, mutual=True), item(3), item(4, groups=[7]), item(5, name="five")],
            followers=[item(2), item(30)],
        )
        for day in (2, 3):
            add_snapshot(
                archive,
                day * DAY,
                [(7, "friends")],
                followings=[
                    *(item(100 + n, name=f"长长的名字 {n} " * 5) for n in range(25)),
                    *(item(6, name="=1+1"), item(7, name="a\x1b[2J\nb"), item(2), item(4)),
                    item(5, name=DEREGISTERED_NAME),
                ],
                followers=[item(30)],
                incomplete=["followers"],
            )
        return archive.path


def test_people_see_counts_and_names(path: Path) -> None:
    """p13, p2: who stopped following; whoever a capped list does not show is no one who left."""
    shown = output_of("diff", 1, 2, "--archive", path)
    lines = shown.splitlines()
    assert lines[0] == "snapshot 1 (1970-01-02 00:00:00) to 2 (1970-01-03 00:00:00), UTC"
    assert "followers: snapshot 2 has 1 of 101 (beyond what the server shows)" in lines
    assert "blocks: not read by both, so not compared" in lines
    sections = {line for line in lines if line.endswith(")") and ": " in line}
    assert {
        "followings: came (27)",
        "followings: left (1)",
        "followings: stopped following you (1)",
        "followings: deregistered (1)",
        "followings: changed groups (1)",
        "followers: unknown (1)",
    } <= sections
    assert "followers: left" not in shown
    assert "followers        2  101  unknown                    1" in lines
    assert "groups           1    1" in lines
    assert "  … and 7 more, see --csv" in lines
    assert "friends → -" in shown
    assert "a\\x1b[2J\\nb" in shown
    for line in lines:
        assert sum(1 + (east_asian_width(one) in "WF") for one in line) <= 80, line


def test_nothing_changed_is_said_plainly(path: Path) -> None:
    assert output_of("diff", "--archive", path).splitlines()[-1] == "Nothing changed."
    assert "没有变化" in output_of("diff", "--archive", path, GUANXI_LANG="zh")
    assert "不再关注你" in output_of("diff", 1, "--archive", path, GUANXI_LANG="zh")


def test_json(path: Path) -> None:
    data = json.loads(output_of("diff", 1, "--archive", path, "--json"))
    assert data["schema_version"] == 1
    assert (data["from"]["id"], data["to"]["id"]) == (1, 3)
    assert data["followings"]["left"] == [{"mid": 3, "name": "u3"}]
    assert data["followers"]["left"] == []
    assert data["followers"]["unknown"] == [{"mid": 2, "name": "u2", "reason": "cap"}]
    assert data["not_read"] == ["blocks", "whispers"]
    one = json.loads(output_of("diff", 1, "--archive", path, "--json", "--list", "followers"))
    assert one.keys() & {"followings", "followers", "groups"} == {"followers"}


def test_csv_has_no_formulas_and_no_control_characters(path: Path) -> None:
    rows = list(csv.DictReader(StringIO(output_of("diff", 1, 2, "--archive", path, "--csv"))))
    came = {row["mid"]: row["name"] for row in rows if row["change"] == "came"}
    assert len(came) == 27
    assert (came["6"], came["7"]) == ("'=1+1", "a\\x1b[2J\nb")
    [left] = [row for row in rows if row["change"] == "left"]
    assert (left["list"], left["mid"], left["name"]) == ("followings", "3", "u3")


def test_refusals(path: Path, tmp_path: Path) -> None:
    assert "no snapshot 9" in error_of("diff", 1, 9, "--archive", path)
    assert "newer" in error_of("diff", 2, 1, "--archive", path)
    assert "leave out one" in error_of("diff", "--json", "--csv", "--archive", path)
    assert "guanxi backup" in error_of("diff", "--archive", tmp_path / "none.db")


def test_what_another_account_lacks(tmp_path: Path) -> None:
    """p10: two accounts after a migration, or before."""
    paths = []
    for name, mid in (("a", 1), ("b", 2)):
        path = tmp_path / f"{name}.db"
        paths.append(path)
        with Archive.create(path, Identity("http://127.0.0.1:1", mid, name)) as archive:
            items = [item(3, groups=[5]), item(4)] if mid == 1 else [item(3)]
            add_snapshot(archive, DAY, [(5, "音乐")], followings=items, blocks=[])
    one, other = paths
    found = json.loads(output_of("diff", "--archive", one, "--other", other, "--json"))
    assert [(row["mid"], row["what"]) for row in found["rows"]] == [(4, "missing"), (3, "groups")]
    assert "other groups" in output_of("diff", "--archive", one, "--other", other)
    shown = output_of("diff", "--archive", one, "--other", other, "--csv").splitlines()
    assert shown[1:] == ["followings,4,u4,missing", "followings,3,u3,groups"]
    assert output_of("diff", "--archive", other, "--other", one) == (
        "a (1) @ http://127.0.0.1:1 has all followings, groups and blocks of"
        " b (2) @ http://127.0.0.1:1\n"
    )
    assert "compares the newest" in error_of("diff", 1, "--archive", one, "--other", other)
