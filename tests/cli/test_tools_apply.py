"""``guanxi apply``, ``undo`` and ``migrate`` as people use them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.cli.tools import credentials
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.toolbox.plan import Plan
from tests.cli.runner import error_of, guanxi, output_of
from tests.toolbox.faulty import Faulty, accepted_only

ME, OTHER = 1, 2
FAULTS = Faulty()
FOLLOWED = range(10, 40)


@pytest.fixture
def service() -> Iterator[RunningService]:
    FAULTS.by_account.clear()
    with running(wrap=FAULTS.around) as one:
        one.add_accounts(ME, OTHER, *FOLLOWED, 50, 51)
        one.import_edges(
            [
                *(
                    EdgeRow(
                        follower=ME,
                        followed=mid,
                        time=1_000 + mid // 2,
                        finer=mid,
                        special=mid % 7 == 0,
                        groups=("音乐",)
                        if mid % 3 == 0
                        else ("朋友", "音乐")
                        if mid % 5 == 0
                        else (),
                    )
                    for mid in FOLLOWED
                ),
                EdgeRow(follower=ME, followed=50, time=5, kind="block"),
                EdgeRow(follower=OTHER, followed=12, time=7, groups=("自己的",)),
            ]
        )
        yield one


def account_of(service: RunningService, folder: Path, mid: int = ME) -> dict[str, str]:
    """Return the environment of somebody who is signed in."""
    session = service.sign_in(mid)
    return {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": session.sessdata,
        "GUANXI_BILI_JCT": session.bili_jct,
        "XDG_DATA_HOME": str(folder),
    }


def lists(service: RunningService, mid: int) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return an account's followings, newest first, with special marks and groups."""
    session = service.sign_in(mid)
    credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
    with SyncClient(base_url=service.base_url, credential=credential) as client:
        names = {group.id: group.name for group in client.relation.groups()}
        return [
            (one.mid, one.special, tuple(sorted(names[tag] for tag in one.tag or () if tag > 0)))
            for one in client.relation.iter_followings(mid)
        ]


def test_backup_plan_apply_undo(service: RunningService, tmp_path: Path) -> None:
    """p3, p18: what was done is in the report at once, read back, and comes back by undo."""
    me = account_of(service, tmp_path)
    plan, back = tmp_path / "a.plan", tmp_path / "b.plan"
    before = lists(service, ME)
    output_of("backup", **me)
    output_of("plan", "unfollow", "--group", "音乐", "--keep", "special", "-o", plan, **me)
    assert "there is no terminal to ask: use --yes" in error_of("apply", plan, **me)
    assert lists(service, ME) == before

    result = guanxi("apply", plan, "--yes", "--exclude", 12, "--limit", 3, **me)
    assert result.returncode == 3
    assert "the 3 acts of this run are done" in result.stderr
    assert f"guanxi apply {plan} goes on" in result.stderr
    # Another plan in its file would leave nothing to go on with, and nothing to undo.
    for argv in (("plan", "unfollow", "--group", "音乐"), ("import", plan), ("undo", plan)):
        assert "was begun and has acts left" in error_of(*argv, "-o", plan, **me)
    shown = output_of("apply", plan, "--yes", "--exclude", 12, **me)
    total = Plan.open(plan).header.total
    assert shown.splitlines()[0] == f"{total} acts"
    assert f"  done: {total - 1}" in shown
    assert [line.split()[:4] for line in shown.splitlines()[-1:]] == [
        [str(number_of(plan, 12)), "12", "u12", "excluded"]
    ]
    kept = {mid for mid, special, groups in before if special or "音乐" not in groups} | {12}
    assert {mid for mid, *_ in lists(service, ME)} == kept
    assert output_of("apply", plan, "--yes", **me) == shown  # nothing is left
    found = json.loads(output_of("apply", plan, "--report", "--json", **me))
    assert (found["left"], found["outcomes"]) == (0, {"done": total - 1, "excluded": 1})
    assert [row["mid"] for row in found["not_done"]] == [12]
    # An archive without its journal would do it again.
    output_of("backup", "--archive", tmp_path / "other.db", **me)
    again = error_of("apply", plan, "--yes", "--archive", tmp_path / "other.db", **me)
    assert "leave out --archive" in again

    assert "come back with a new time" in output_of("undo", plan, "-o", back, **me).replace(
        "\n", " "
    )
    output_of("apply", back, "--yes", **me)
    after = lists(service, ME)
    assert sorted(after) == sorted(before)
    # Those that came back are the newest, in the order that they had.
    came = [one for one in after if one[0] not in kept]
    assert after[: len(came)] == came == [one for one in before if one[0] not in kept]


def number_of(plan: Path, mid: int) -> int:
    return next(act.number for act in Plan.open(plan).acts() if act.mid == mid)


def test_a_plan_is_for_one_account(service: RunningService, tmp_path: Path) -> None:
    me, other = account_of(service, tmp_path), account_of(service, tmp_path, OTHER)
    output_of("backup", **me)
    output_of("plan", "unfollow", "--where", "mid = 12", "-o", tmp_path / "p", **me)
    assert "is a plan for u1 (1)" in error_of("apply", tmp_path / "p", "--yes", **other)
    output_of("backup", "--archive", tmp_path / "other.db", **other)
    assert "is a plan for u1 (1)" in error_of(
        "apply", tmp_path / "p", "--report", "--archive", tmp_path / "other.db"
    )
    assert "neither an id nor a file" in error_of(
        "apply", tmp_path / "p", "--yes", "--exclude", "nobody", **me
    )
    (tmp_path / "p").write_bytes((tmp_path / "p").read_bytes()[:-20])
    assert "cut off" in error_of("apply", tmp_path / "p", "--yes", **me)


@pytest.fixture
def saved(
    service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Save two accounts as guanxi login does; return the environment without either."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name, mid in (("old", ME), ("new", OTHER)):
        session = service.sign_in(mid)
        credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
        credentials.save(service.base_url, name, credential)
    return {"GUANXI_BASE_URL": service.base_url, "XDG_DATA_HOME": str(tmp_path)}


def test_what_is_not_in_effect_is_a_status_of_migrate(saved: dict[str, str]) -> None:
    """p18: also of a program that reads its JSON."""
    FAULTS.by_account["15"] = [accepted_only]
    result = guanxi("migrate", "--from", "old", "--to", "new", "--yes", "--json", **saved)
    assert result.returncode == 4, result.stderr
    found = json.loads(result.stdout)
    assert found["outcomes"]["not_in_effect"] >= 1
    assert 15 in [one["difference"]["mid"] for one in found["differences"]]


def test_migrate_brings_groups_marks_and_order(
    service: RunningService, saved: dict[str, str], tmp_path: Path
) -> None:
    """p10, p15: interrupted or not; what is there stays and costs nothing."""
    argv = ("migrate", "--from", "old", "--to", "new", "--blocks", "--yes")
    stopped = guanxi(*argv, "--per-day", 7, **saved)
    assert stopped.returncode == 3, stopped.stderr
    assert "so does the same guanxi migrate" in stopped.stderr
    assert len(lists(service, OTHER)) == 1 + 7
    result = guanxi(*argv, **saved)
    assert result.returncode == 0, result.stderr
    assert "going on with the plan that was begun" in result.stderr
    mine, theirs = lists(service, ME), lists(service, OTHER)
    expected = [one for one in mine if one[0] != 12]
    assert theirs[:-1] == expected  # 12 was followed before
    assert theirs[-1] == (12, 0, ("自己的", "音乐"))
    assert "12" in result.stdout
    assert "position in the order" in result.stdout
    again = guanxi(*argv, **saved)
    assert again.returncode == 0
    assert len(lists(service, OTHER)) == len(mine)
    archives = tmp_path / "guanxi" / "archives"
    [mine_kept, theirs_kept] = sorted(archives.glob("*.db"))
    output_of("note", 14, "why", "--archive", mine_kept)
    output_of("note", 13, "mine", "--archive", mine_kept)
    output_of("note", 13, "theirs", "--archive", theirs_kept)
    output_of("keep", 14, "--archive", mine_kept)
    output_of(*argv, **saved)
    for mid, note in ((14, "why"), (13, "theirs")):
        assert output_of("note", mid, "--archive", theirs_kept) == f"{note}\n"
    assert json.loads(output_of("keep", "--json", "--archive", theirs_kept))["rows"]
    [plan] = archives.glob("*.plan")
    output_of("archive", "delete", "--yes", "--archive", theirs_kept)
    assert not plan.exists()  # it has names, too
    assert "no account is saved as nobody" in error_of(
        "migrate", "--from", "nobody", "--to", "new", **saved
    )
    assert "the same" in error_of("migrate", "--from", "new", "--to", "new", **saved)
    assert "name the source" in error_of("migrate", "--to", "new", **saved)
