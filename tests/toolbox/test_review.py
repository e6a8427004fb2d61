"""What a person reads of a plan: reasons, the cap, the time, and why an account is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.sdk.pace import Pace
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import ArchiveMismatch
from guanxi.toolbox.plan import Act, LeftOut, Plan, new_header
from guanxi.toolbox.planning import plan
from guanxi.toolbox.review import FOLLOWS_PER_DAY, explain, review
from guanxi.toolbox.selection import Selection
from tests.toolbox.archives import DAY, ME, add_snapshot, item, new_archive

ELSEWHERE = Identity("documents", 1, "me")


def write(
    path: Path,
    acts: list[Act],
    identity: Identity = ME,
    left_out: tuple[LeftOut, ...] = (),
    followings: int = 2_900,
) -> Plan:
    change = sum(act.act == "follow" for act in acts)
    header = new_header("follow", identity, DAY, followings=followings, change=change)
    return Plan.write(path, header, acts, left_out)


def follows(count: int) -> list[Act]:
    return [Act(0, "follow", f"a fan [since {mid}]", mid=mid) for mid in range(2, count + 2)]


def test_reasons_are_counted_without_the_values(tmp_path: Path) -> None:
    """p6, p15, p17: counts by reason, what fits under the cap, and how many days it takes."""
    out = tuple(LeftOut(mid, "", f"kept [{mid}]") for mid in range(5_000, 5_003))
    found = review(write(tmp_path / "p", follows(650), ELSEWHERE, out), limit=2)
    assert found.reasons == (("follow", "a fan", 650),)
    assert found.left_out == (("kept", 3),)
    assert [act.mid for act in found.acts] == [2, 3]
    assert (found.beyond, found.days) == (550, 3)
    assert found.calls == 26 + 650
    assert found.seconds == Pace().expected(26, 650)
    assert review(write(tmp_path / "p", follows(FOLLOWS_PER_DAY), ELSEWHERE)).days == 1
    assert review(write(tmp_path / "p", follows(100), ELSEWHERE)).beyond == 0


def test_own_servers_have_neither_pauses_nor_quotas(tmp_path: Path) -> None:
    found = review(write(tmp_path / "p", follows(650), followings=3_001))
    assert (found.seconds, found.days) == (0.0, None)
    assert found.beyond is None  # a server with 3,001 followings has another cap


def test_members_of_the_same_groups_need_one_call_for_fifty(tmp_path: Path) -> None:
    acts = [
        Act(0, "create_group", "", group="a"),
        *(Act(0, "set_groups", "", mid=mid, groups=("a",)) for mid in range(2, 103)),
        Act(0, "set_groups", "", mid=200, groups=("a",), special=True),
    ]
    reads = 2 * 3 + 1  # 102 accounts, before and after, and the groups
    assert review(write(tmp_path / "p", acts)).calls == reads + 1 + 3 + 1


def test_so_many_reasons_are_not_all_counted(tmp_path: Path) -> None:
    acts = [Act(0, "follow", f"because {mid}", mid=mid) for mid in range(2, 1_502)]
    found = review(write(tmp_path / "p", acts))
    assert found.reasons[0] == ("follow", "…", 500)
    assert sum(count for *_, count in found.reasons) == 1_500


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as opened:
        add_snapshot(opened, DAY, followings=[item(4), item(3, mutual=True), item(2, special=True)])
        yield opened


def test_why_an_account_is_in_a_plan_or_not(archive: Archive) -> None:
    """p9: no reason given."""
    path = archive.path.with_name("p")
    selection = Selection(where="since < 1004", not_mutual=True, keep=("special",))
    written = plan(archive, path, "unfollow", selection, DAY)
    options = "--where 'since < 1004' --not-mutual --keep special"
    assert explain(written, 2, archive) == ["left out: kept [special]"]
    assert explain(written, 3, archive)[:2] == [
        f"not selected by {options}",
        "--not-mutual does not match",
    ]
    assert explain(written, 3, archive)[2].startswith("mid 3, name u3, followed_at 1970-01-01 00:")
    assert explain(written, 4, archive)[1] == "--where does not match"
    assert explain(written, 9, archive) == [
        f"not selected by {options}",
        "not among the followings of snapshot 1",
        "--where does not match",
        "--not-mutual does not match",
    ]
    assert explain(written, 9) == [f"not selected by {options}"]
    everyone = plan(archive, path, "unfollow", Selection(where="1"), DAY)
    assert explain(everyone, 3, archive) == ["act 2: unfollow, where 1"]


def test_a_plan_is_explained_from_its_own_snapshot(archive: Archive) -> None:
    written = plan(archive, archive.path.with_name("p"), "unfollow", Selection(where="special"), 0)
    add_snapshot(archive, DAY, followings=[item(3, special=True)])
    assert explain(written, 3, archive)[1] == "--where does not match"
    assert archive.rows("SELECT special FROM followings")[0][0] == 1  # as before
    kept = archive.path.with_name("kept")
    kept.write_text("2\n")
    selection = Selection(where="special", keep=(str(kept),))
    written = plan(archive, written.path, "unfollow", selection, 0)
    kept.unlink()
    assert explain(written, 2, archive)[1] == "not among the followings of snapshot 2"
    listed = archive.path.with_name("ids")
    listed.write_text("3\n")
    written = plan(archive, written.path, "unfollow", Selection(ids=str(listed)), 0)
    listed.unlink()
    assert explain(written, 4, archive)[1] == "not among the followings of snapshot 2"
    assert explain(written, 4, archive)[2] == "--ids does not match"
    other = write(written.path, [], Identity(ME.server, 2))
    with pytest.raises(ArchiveMismatch):
        explain(other, 3, archive)
