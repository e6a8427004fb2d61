"""Undo: what a plan did comes back, in the old order, and what cannot come back is listed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from msgspec import structs

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.stores.port import EdgeRow
from guanxi.toolbox.archive import Identity
from guanxi.toolbox.errors import PlanMismatch
from guanxi.toolbox.plan import Act, LeftOut, Plan, Relation, new_header
from guanxi.toolbox.undo import undo
from tests.toolbox.applying import NOW, Desk, desk, follow, follows, sort, unfollow
from tests.toolbox.faulty import accepted_only, dropped_before, refuse


def lists(at: Desk) -> object:
    """Return all that the account sees of its own lists, without times and ids."""
    names = {group.id: group.name for group in at.client.relation.groups()}
    return (
        [
            (item.mid, item.special, sorted(names[tag] for tag in item.tag or () if tag > 0))
            for item in at.client.relation.iter_followings(1)
        ],
        [item.mid for item in at.client.relation.iter_blacks()],
        sorted(names.values()),
    )


def test_everything_comes_back_in_its_old_order(tmp_path: Path) -> None:
    edges = [
        *follows(2, 3, 4, 5),
        *(EdgeRow(follower=1, followed=mid, time=2_000, finer=mid) for mid in (9, 6, 7)),
        EdgeRow(follower=1, followed=8, time=5, kind="block"),
        EdgeRow(follower=10, followed=1, time=5),
    ]
    with desk(tmp_path, accounts=14, edges=edges) as at:
        group = at.client.relation.create_group("old").id
        at.client.relation.set_groups([3, 6], [group, -10])
        before = lists(at)
        # All are unfollowed, so that their order can come back as a whole.
        acts = [
            *(unfollow(mid, expect=None) for mid in (5, 4, 3)),
            *(unfollow(mid, expect=None) for mid in (9, 7)),
            *(Act(0, "block", "x", mid=mid) for mid in (2, 6)),
            Act(0, "unblock", "x", mid=8),
            follow(8),
            Act(0, "create_group", "x", group="new"),
            sort(8, "new"),
            follow(10),
            follow(11),
            sort(11, "new", special=True),
            Act(0, "remove_follower", "x", mid=10),
            follow(99),
        ]
        at.faults.by_account["99"] = [refuse(40061)]
        plan = at.plan(*acts)
        assert at.apply(plan).outcomes == {"done": len(acts) - 1, "refused": 1}
        at.service.import_edges([EdgeRow(follower=11, followed=1, time=5)])  # follows back

        back = undo(at.archive, plan, tmp_path / "back", NOW)
        assert back.header.command == "undo"
        assert back.header.change == 7 - 3
        assert set(back.header.remarks) == {
            "7 followings come back with a new time of following",
            "2 blocked accounts, if they followed you, have to follow again themselves",
            "1 followers were removed and cannot come back",
        }
        assert "undo unfollow [act 1]" in {act.reason for act in back.acts()}
        report = at.apply(back)
        assert report.reasons == []
        assert report.outcomes == {"done": back.header.total}
        assert lists(at) == before

        # And the undo can be undone.
        again = undo(at.archive, back, tmp_path / "again", NOW)
        at.apply(again)
        assert at.attributes(2, 3, 8, 10, 11) == [128, 0, 2, 2, 6]


def test_order_among_equal_times_is_that_of_the_archive(tmp_path: Path) -> None:
    from guanxi.contract.structs import RelationItem
    from tests.toolbox.archives import add_snapshot

    edges = [
        EdgeRow(follower=1, followed=mid, time=2_000, finer=n) for n, mid in enumerate((9, 6, 7, 5))
    ]
    with desk(tmp_path, edges=edges) as at:
        items: list[RelationItem] = [*at.client.relation.iter_followings(1)]
        add_snapshot(at.archive, NOW, followings=items)
        before = at.followings()
        plan = at.plan(*(unfollow(mid) for mid in (5, 6, 7, 9)))
        at.apply(plan)
        assert at.followings() == []
        at.apply(undo(at.archive, plan, tmp_path / "back", NOW))
        assert at.followings() == before


def test_accounts_that_changed_since_are_left_alone(tmp_path: Path) -> None:
    with desk(tmp_path, edges=follows(2, 3)) as at:
        plan = at.plan(unfollow(2), follow(7), follow(8))
        at.apply(plan)
        at.client.relation.set_groups([7], [-10])
        back = undo(at.archive, plan, tmp_path / "back", NOW)
        at.apply(back)
        assert at.attributes(2, 7, 8) == [2, 2, 0]
        assert [outcome for outcome, _ in at.outcomes(back).values()] == ["changed"]


def test_what_comes_back_is_what_was_before_the_last_try(tmp_path: Path) -> None:
    """A try that the server refused changed nothing; the user may have, before the next one."""
    with desk(tmp_path, edges=follows(2)) as at:
        at.faults.by_account["2"] = [refuse(-352)]
        plan = at.plan(unfollow(2, expect=None))
        at.stop(plan)
        at.client.relation.set_groups([2], [-10])
        at.apply(plan)
        at.apply(undo(at.archive, plan, tmp_path / "back", NOW))
        assert at.client.relation.specials() == [2]


def test_what_cannot_come_back_is_listed(tmp_path: Path) -> None:
    edges = [EdgeRow(follower=1, followed=2, time=5, kind="whisper")]
    with desk(tmp_path, edges=edges) as at:
        at.client.relation.create_group("empty")
        plan = at.plan(
            Act(0, "cancel_whisper", "x", mid=2), Act(0, "delete_group", "x", group="empty")
        )
        at.apply(plan)
        back = undo(at.archive, plan, tmp_path / "back", NOW, words=lambda text: text.zh)
        [act] = back.acts()
        assert (act.act, act.group, act.reason) == (
            "create_group",
            "empty",
            "撤销删除分组 [第 2 项]",
        )
        assert set(back.header.remarks) == {
            "1 个分组会重建，但不含原来的成员",
            "1 个悄悄关注不能恢复",
        }


def test_who_is_deregistered_is_not_followed_again_but_unblocked(tmp_path: Path) -> None:
    with desk(tmp_path, edges=follows(2, 3)) as at:
        name = DEREGISTERED_NAME
        plan = at.plan(
            structs.replace(unfollow(2), name=name), Act(0, "block", "x", mid=3, name=name)
        )
        at.apply(plan)
        back = undo(at.archive, plan, tmp_path / "back", NOW)
        assert [(act.act, act.mid) for act in back.acts()] == [("unblock", 3)]
        assert "deregistered, so not followed again: 2" in back.header.remarks


@pytest.mark.long
def test_what_is_not_in_effect_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """p18: answered 0, and still followed: there is nothing to take back."""
    monkeypatch.setattr(import_module("guanxi.toolbox.apply"), "_WAITS", (0.0, 0.0, 0.0))
    with desk(tmp_path, edges=follows(2, 3, 4)) as at:
        at.faults.by_account |= {"2": [accepted_only], "4": [dropped_before]}
        plan = at.plan(unfollow(2), unfollow(3), unfollow(4))
        at.faults.on_response = lambda number: at.faults.reads.update(
            {dropped_before: 1.0} if number == 2 else {}
        )
        at.stop(plan)
        unread = undo(at.archive, plan, tmp_path / "back", NOW)
        assert list(unread.left_out()) == [LeftOut(4, "u4", "its outcome is unknown [act 3]")]
        at.faults.reads.clear()
        at.apply(plan)
        back = undo(at.archive, plan, tmp_path / "back", NOW)
        assert [act.mid for act in back.acts()] == [3, 4]
        reason = "accepted, but not in effect [act 1]"
        assert list(back.left_out()) == [LeftOut(2, "u2", reason)]
        assert "1 acts were accepted and are not in effect: there is nothing to undo" in (
            back.header.remarks
        )


def test_a_plan_that_was_not_applied_and_one_of_another_account(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        back = undo(at.archive, at.plan(follow(2)), tmp_path / "back", NOW)
        assert back.header.total == 0
        assert back.header.remarks == ("the archive has no acts of this plan: nothing is undone",)
        assert at.apply(back).outcomes == {}
        header = new_header("follow", Identity(at.service.base_url, 2), NOW)
        other = Plan.write(tmp_path / "other", header, [follow(3, expect=Relation())])
        with pytest.raises(PlanMismatch):
            undo(at.archive, other, tmp_path / "back", NOW)
