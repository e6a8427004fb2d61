"""``guanxi plan``: what is written, and what a person reads of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from guanxi import Credential, SyncClient
from guanxi.stores.port import EdgeRow
from guanxi.testing import running
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import backup
from guanxi.toolbox.plan import Plan, Relation
from tests.cli.runner import error_of, output_of
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with new_archive(tmp_path) as archive:
        add_snapshot(
            archive,
            DAY,
            [(7, "friends")],
            followings=[
                item(5, mutual=True),
                item(4, special=True, groups=[7]),
                item(3, name="evil\x1b[31m\nline\u202e"),
                item(2, name="音乐"),
            ],
            followers=[item(9, attribute=0), item(5, mutual=True)],
            blocks=[item(11, attribute=128)],
        )
    return tmp_path


def planned(folder: Path, *argv: object, **environment: str) -> str:
    path = folder / "p.plan"
    return output_of("plan", *argv, "-o", path, "--archive", folder / "archive.db", **environment)


def refused(folder: Path, *argv: object) -> str:
    return error_of("plan", *argv, "-o", folder / "p.plan", "--archive", folder / "archive.db")


def test_a_plan_is_shown_for_review(folder: Path) -> None:
    """p6, p21: counts by reason, names and a table before anything happens."""
    shown = planned(folder, "unfollow", "--not-mutual", "--keep", "friends")
    lines = shown.splitlines()
    assert lines[0] == "unfollow --not-mutual --keep friends"
    assert lines[1] == "me (1) @ http://127.0.0.1:8000"
    assert lines[2].startswith("from snapshot 1, ")
    assert lines[3:] == [
        "acts: unfollow 2; left out: 1",
        "followings: 4 now, 2 afterwards",
        "4 calls, without pauses on your own server",
        "",
        "act       count  reason",
        "unfollow      2  not mutual",
        "",
        "count  left out, since",
        "    1  kept",
        "",
        "#  mid  name                      act       reason",
        "1    2  音乐                      unfollow  not mutual",
        r"2    3  evil\x1b[31m\nline\u202e  unfollow  not mutual",
    ]
    assert (
        planned(folder, "unfollow", "--not-mutual", "--keep", "friends").splitlines()[2:]
        == lines[2:]
    )
    path = folder / "p.plan"
    assert output_of("plan", "show", path).splitlines()[2:] == lines[2:]
    shorter = output_of("plan", "show", path, "--limit", 1).splitlines()
    assert shorter[-1] == "… and 1 more"
    assert output_of("plan", "show", path, "--limit", 0, GUANXI_LANG="zh").count("取消关注") == 2


def test_sentences_fit_80_columns(folder: Path) -> None:
    with Archive.open(folder / "archive.db") as archive:
        names = [
            item(mid, name=f"十六个字的昵称就是这样长吧对不对{mid}", special=True)
            for mid in range(30, 2, -1)
        ]
        add_snapshot(archive, DAY, followings=names)
    lines = planned(folder, "unfollow", "--where", "1" + " OR 1" * 30).splitlines()
    assert max(cell_len(line) for line in lines) == 80
    assert lines[1].startswith("OR 1 OR 1")
    assert "special among them (28): " in "\n".join(lines)


def test_every_kind_of_plan_has_its_options(folder: Path) -> None:
    listed = folder / "ids"
    listed.write_text("3\n9\n5\n")
    rules = folder / "rules.toml"
    rules.write_text('[rules]\nmusic = ["音乐"]\n')
    assert "acts: follow 1;" in planned(folder, "follow", "--ids", listed)
    assert "acts: follow 1;" in planned(folder, "follow", "--fans-not-followed")
    assert "acts: remove the follower 1;" in planned(folder, "remove-follower", "--where", "mid=9")
    blocked = planned(folder, "block", "--ids", listed)
    assert "followed among them (2), which a block ends: evil\\x1b[31m\\nline" in blocked
    assert "acts: unblock 1;" in planned(folder, "unblock", "--where", "1")
    moved = planned(folder, "group", "--ids", listed, "--to", "new", "--to", "friends")
    assert "acts: create the group 1, set the groups of 2;" in moved
    assert "→ music [音乐 ← name]" in planned(folder, "group", "--rules", rules, "--add")
    assert "acts: set the groups of 1;" in planned(folder, "special", "--off", "--group", "friends")
    assert "acts: none; left out: 0" in planned(folder, "restore", "--at", 1)
    assert "acts: none;" in planned(folder, "unfollow", "--diff", 1, 1, "--ignore-keep")


def test_json_has_a_version_and_every_figure(folder: Path) -> None:
    data = json.loads(planned(folder, "follow", "--fans-not-followed", "--json"))
    assert data["schema_version"] == 1
    assert data["header"]["acts"] == {"follow": 1}
    assert data["reasons"] == [["follow", "follows you, not followed", 1]]
    assert [act["mid"] for act in data["acts"]] == [9]
    assert (data["beyond"], data["days"], data["seconds"]) == (0, None, 0.0)
    why = output_of("plan", "show", folder / "p.plan", "--explain", 9, "--json")
    assert json.loads(why)["explanation"] == [
        "act 1: follow, follows you, not followed [since 1970-01-01]"
    ]


def test_why_an_account_is_not_in_the_plan(folder: Path) -> None:
    """p9: by the archive it was made from, without a request."""
    planned(folder, "unfollow", "--not-mutual")
    archive = ("--archive", folder / "archive.db")
    shown = output_of("plan", "show", folder / "p.plan", "--explain", 5, *archive)
    assert shown.splitlines()[:2] == [
        "not selected by --not-mutual",
        "--not-mutual does not match",
    ]
    shown = output_of(
        "plan", "show", folder / "p.plan", "--explain", 5, XDG_DATA_HOME=str(folder / "none")
    )
    assert shown == "not selected by --not-mutual\n"


def test_what_cannot_be_planned_is_refused(folder: Path) -> None:
    assert "select accounts, by --ids" in refused(folder, "unfollow")
    assert "needs either --to or --rules" in refused(folder, "group", "--ungrouped")
    assert "the views are snapshots" in refused(folder, "unfollow", "--where", "x y")
    assert "there is no group x; there are: friends" in refused(folder, "block", "--group", "x")
    assert "--at" in refused(folder, "restore")
    assert "there is no snapshot 7" in refused(folder, "restore", "--at", 7)
    assert refused(folder, "unfollow", "--ids", folder / "none").startswith("guanxi: the operating")
    assert not (folder / "p.plan").exists()
    (folder / "p.plan").write_text("a letter")
    assert "exists, and is not a plan" in refused(folder, "unfollow", "--not-mutual")
    assert (folder / "p.plan").read_text() == "a letter"
    assert "is not a plan" in error_of("plan", "show", folder / "p.plan")
    archive = ("--archive", folder / "archive.db")
    for path in (folder, folder / "none" / "p"):
        refusal = error_of("plan", "unfollow", "--where", "1", "-o", path, *archive)
        assert f"{path}: must be a file in an existing folder" in refusal


def test_a_plan_from_a_backup_of_a_service(tmp_path: Path) -> None:
    """The relations of the plan are those of the service, so that apply finds them again."""
    with running("documented") as service:
        edges = [
            EdgeRow(follower=1, followed=2, time=1_000, groups=("friends",)),
            EdgeRow(follower=1, followed=3, time=2_000, special=True),
            EdgeRow(follower=3, followed=1, time=2_500),
            EdgeRow(follower=1, followed=4, time=3_000, kind="block"),
        ]
        service.add_accounts(1, 2, 3, 4)
        service.import_edges(edges)
        session = service.sign_in(1)
        credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
        path = tmp_path / "archive.db"
        with (
            SyncClient(credential=credential, base_url=service.base_url) as client,
            Archive.create(path, Identity(service.base_url, 1, "u1")) as archive,
        ):
            backup(client, archive, DAY)
            current = client.relation.many([2, 3, 4])
        environment = {"GUANXI_BASE_URL": service.base_url, "XDG_DATA_HOME": str(tmp_path)}
        planned(tmp_path, "unfollow", "--where", "1", **environment)
        expected = {act.mid: act.expect for act in Plan.open(tmp_path / "p.plan").acts()}
        planned(tmp_path, "unblock", "--where", "1", **environment)
        expected |= {act.mid: act.expect for act in Plan.open(tmp_path / "p.plan").acts()}
        assert expected == {
            2: Relation(2, groups=("friends",), since=1_000),
            3: Relation(6, special=True, since=2_000),
            4: Relation(128, since=3_000),
        }
        assert {int(mid): (one.attribute, bool(one.special)) for mid, one in current.items()} == {
            mid: (one.attribute, one.special) for mid, one in expected.items() if one
        }
