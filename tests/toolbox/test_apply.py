"""Apply: every act is done once, and every act that is not done is reported with its reason."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi import Credential, SyncClient
from guanxi.contract.errors import AlreadyFollowing, NotSignedIn
from guanxi.stores.port import EdgeRow
from guanxi.text import Text
from guanxi.toolbox import journal
from guanxi.toolbox.apply import apply
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import (
    ArchiveBusy,
    ArchiveFull,
    PlanDamaged,
    PlanMismatch,
)
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.plan import Act, Plan, Relation, new_header
from guanxi.toolbox.progress import Progress
from guanxi.toolbox.transfer import plan_transfer
from tests.toolbox.applying import NOW, Desk, desk, follow, follows, sort, unfollow
from tests.toolbox.archives import add_snapshot
from tests.toolbox.faulty import (
    Exchange,
    Message,
    accepted_only,
    dropped_after,
    dropped_before,
    refuse,
)

DAY = 86_400


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("guanxi.toolbox.apply"), "_WAITS", (0.0, 0.0, 0.0))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, edges=follows(2, 3, 4, 5, 6)) as opened:
        yield opened


def test_every_kind_of_act(at: Desk) -> None:
    """p3: what was done shows at once in the view ``acts``."""
    at.service.import_edges(
        [
            EdgeRow(follower=1, followed=7, time=5, kind="whisper"),
            EdgeRow(follower=1, followed=8, time=5, kind="block"),
            EdgeRow(follower=9, followed=1, time=5),
        ]
    )
    at.client.relation.create_group("old")
    progress: list[Progress] = []
    plan = at.plan(
        unfollow(2),
        follow(10, expect=Relation()),
        Act(0, "cancel_whisper", "x", mid=7, expect=Relation(1)),
        Act(0, "block", "x", mid=3),
        Act(0, "unblock", "x", mid=8, expect=Relation(128)),
        Act(0, "remove_follower", "x", mid=9),
        Act(0, "create_group", "x", group="音乐"),
        sort(4, "音乐", special=True),
        sort(5, "音乐", special=True),
        sort(10, "音乐"),
        Act(0, "delete_group", "x", group="old"),
    )
    report = at.apply(plan, on_progress=progress.append)
    assert report.outcomes == {"done": 11}
    assert (report.left, report.ended) == (0, NOW)
    assert at.attributes(2, 10, 7, 3, 8) == [0, 2, 0, 128, 0]
    assert at.client.relation.mutual(9).be_relation.attribute == 0
    [group] = [one for one in at.client.relation.groups() if one.id > 0]
    assert (group.name, group.count) == ("音乐", 3)
    assert sorted(at.client.relation.specials()) == [4, 5]
    assert [one.path for one in at.faults.log].count("/x/relation/tags/addUsers") == 2
    assert (progress[-1].done, progress[-1].total) == (11, 11)
    with at.archive.query("SELECT kind, mid, outcome FROM acts ORDER BY number LIMIT 1") as rows:
        assert [tuple(row) for row in rows] == [("unfollow", 2, "done")]
    # Again: nothing is left, and no request is made.
    before = at.faults.requests
    assert at.apply(plan) == report
    assert at.faults.requests == before


def test_accounts_that_changed_since_the_plan_are_left_alone(at: Desk) -> None:
    """p21: a plan that is applied later than it was made."""
    at.client.relation.set_groups([3], [-10])
    at.client.relation.unfollow(2)
    at.service.import_edges([EdgeRow(follower=4, followed=1, time=5)])
    plan = at.plan(
        unfollow(2),
        unfollow(3),
        unfollow(4),
        unfollow(5, expect=None),
        follow(6, expect=Relation()),
        sort(7, "music"),
        sort(6, "music"),
        sort(4, special=True, expect=Relation(2)),
        Act(0, "delete_group", "x", group="none"),
    )
    report = at.apply(plan)
    assert at.outcomes(plan) == {
        1: ("nothing_to_do", None),
        2: ("changed", None),
        3: ("changed", None),
        5: ("nothing_to_do", None),
        6: ("changed", None),
        7: ("changed", None),
        9: ("nothing_to_do", None),
    }
    messages = {reason.message for reason in report.reasons}
    assert messages == {"", "relation", "not_followed", "no_group music"}
    rows = {row["number"]: journal.why(row) for row in journal.not_done(at.archive, report.plan)}
    assert rows[1] == Text("", "")
    assert rows[2] == Text(
        "应为：已关注；现为：已关注、特别关注", "expected following; is following, special"
    )
    assert rows[3] == Text("应为：已关注；现为：互相关注", "expected following; is mutual")
    assert rows[6] == Text("未关注", "not followed")
    assert rows[7] == Text("没有分组 music", "there is no group music")
    assert at.attributes(3, 4, 5) == [2, 6, 0]


def test_groups_that_were_set_since_the_plan_are_not_replaced(at: Desk) -> None:
    """The plan follows 7 and 8; 7 was followed, and put into a group, before it was applied."""
    add_snapshot(at.archive, DAY, [], followings=[])
    rows = [Line("followings", mid, groups=("wanted",)) for mid in (7, 8)]
    plan = plan_transfer(at.archive, at.folder / "p", rows, NOW, command="import")
    own = at.client.relation.create_group("own").id
    at.client.relation.follow(7)
    at.client.relation.set_groups([7], [own])
    assert at.apply(plan).outcomes == {"done": 3, "nothing_to_do": 1, "changed": 1}
    assert at.client.relation.groups_of(7) == {str(own): "own"}
    assert list(at.client.relation.groups_of(8).values()) == ["wanted"]


def test_a_group_with_members_is_not_deleted(at: Desk) -> None:
    group = at.client.relation.create_group("full").id
    at.client.relation.set_groups([2], [group])
    plan = at.plan(Act(0, "delete_group", "x", group="full"))
    assert [one.message for one in at.apply(plan).reasons] == ["group_not_empty"]
    [row] = journal.not_done(at.archive, plan.header.id)
    assert journal.why(row) == Text("分组中还有账号", "the group is not empty")
    assert at.client.relation.groups_of(2) == {str(group): "full"}


def test_refused_accounts_are_reported_and_the_rest_goes_on(at: Desk) -> None:
    """p1, p14: nothing fails silently."""
    at.service.set_state(7, "deregistered")
    at.service.import_edges(
        [
            EdgeRow(follower=1, followed=8, time=5, kind="block"),
            EdgeRow(follower=9, followed=1, time=5, kind="block"),
        ]
    )
    block = Act(0, "block", "x", mid=7)
    plan = at.plan(*map(follow, (1, 7, 8, 9, 99, 10)), block)
    report = at.apply(plan)
    assert at.outcomes(plan) == {
        1: ("refused", 22001),
        2: ("refused", 22013),
        3: ("refused", 22003),
        4: ("refused", 22002),
        5: ("refused", 40061),
        7: ("refused", 22013),
    }
    assert report.outcomes == {"done": 1, "refused": 6}
    assert at.attributes(10) == [2]


def test_a_refused_batch_is_repeated_one_by_one(at: Desk) -> None:
    at.faults.by_account["2,3,4"] = [refuse(22105)]
    at.faults.by_account["3"] = [refuse(22105)]
    plan = at.plan(*(sort(mid, special=True) for mid in (2, 3, 4)))
    assert at.apply(plan).outcomes == {"done": 2, "refused": 1}
    assert at.outcomes(plan) == {2: ("refused", 22105)}
    assert sorted(at.client.relation.specials()) == [2, 4]


def test_a_refused_batch_does_not_count_as_a_try(at: Desk) -> None:
    at.faults.by_account |= {"2,3": [refuse(12345)], "2": [refuse(12345)] * 2}
    plan = at.plan(*(sort(mid, special=True) for mid in (2, 3)))
    assert at.apply(plan).outcomes == {"done": 2}


def test_an_account_that_is_followed_meanwhile_is_sorted(at: Desk) -> None:
    async def followed_before(exchange: Exchange) -> None:
        await exchange.handle()
        await refuse(AlreadyFollowing.number)(exchange)

    at.faults.by_account["7"] = [followed_before]
    plan = at.plan(follow(7), sort(7, special=True))
    assert at.apply(plan).outcomes == {"nothing_to_do": 1, "done": 1}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (-101, "sign in again"),
        (-102, "banned"),
        (-111, "sign in again"),
        (-352, "wait a day"),
        (-412, "wait a day"),
        (-799, "wait an hour"),
        (22009, "unfollow some accounts first"),
        (22015, "go on tomorrow"),
        (-503, "wait some minutes"),
    ],
)
def test_codes_that_stop(at: Desk, code: int, advice: str) -> None:
    """p1, p17: at the first sign of risk control, or at the day's quota."""
    at.faults.by_account["8"] = [refuse(code)]
    plan = at.plan(follow(7), follow(8), follow(9))
    message = at.stop(plan)
    assert advice in message
    assert f"2 acts are left: guanxi apply {plan.path} goes on" in message
    assert at.outcomes(plan) == {2: (None, code)}
    assert at.attributes(7, 8, 9) == [2, 0, 0]
    assert at.apply(plan).outcomes == {"done": 3}


def test_what_goes_on_is_one_line_that_a_shell_reads(at: Desk) -> None:
    async def forged(exchange: Exchange) -> None:
        body = json.dumps({"code": -352, "message": "no\nguanxi: all is done"}).encode()
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await exchange.respond([start, {"type": "http.response.body", "body": body}])

    at.faults.by_account["7"] = [forged]
    plan = at.plan(follow(7), name="a plan")
    message = at.stop(plan)
    assert "\n" not in message
    assert f"guanxi apply '{plan.path}' goes on" in message


def test_a_refused_read_is_not_said_to_be_two_acts(at: Desk) -> None:
    at.faults.reads = {refuse(12345): 1.0}
    message = at.stop(at.plan(follow(7)))
    assert "12345" in message
    assert "in a row" not in message


@pytest.mark.parametrize("status", [412, 429])
def test_a_status_that_stops(at: Desk, status: int) -> None:
    async def html(exchange: Exchange) -> None:
        start: Message = {"type": "http.response.start", "status": status, "headers": []}
        await exchange.respond([start, {"type": "http.response.body", "body": b"<html>"}])

    at.faults.by_account["8"] = [html]
    plan = at.plan(follow(7), follow(8))
    assert "1 acts are left" in at.stop(plan)
    assert at.apply(plan).outcomes == {"done": 2}


def test_a_full_list_stops(tmp_path: Path) -> None:
    with desk(tmp_path, edges=follows(2), limits={"following_cap": 3}) as at:
        plan = at.plan(*map(follow, (3, 4, 5)))
        assert "22009" in at.stop(plan)
        at.client.relation.unfollow(2)
        assert at.apply(plan).outcomes == {"done": 3}


def test_an_unknown_code_stops_the_second_time_in_a_row(at: Desk) -> None:
    at.faults.by_account |= {"7": [refuse(12345)], "9": [refuse(12345)] * 3}
    at.faults.by_account["10"] = [refuse(-400)] * 3
    plan = at.plan(*map(follow, (7, 8, 9, 10, 11)))
    assert "two acts in a row failed" in at.stop(plan)
    # 7 failed alone; 9 and 10 followed each other.
    assert at.outcomes(plan) == {1: (None, 12345), 3: (None, 12345), 4: (None, -400)}
    assert "two acts in a row failed" in at.stop(plan)
    assert "2 acts are left" not in at.stop(plan)
    report = at.apply(plan)
    assert at.outcomes(plan) == {3: ("given_up", 12345), 4: ("given_up", -400)}
    assert report.outcomes == {"done": 3, "given_up": 2}


def test_lost_responses_are_looked_up_before_the_act_is_repeated(at: Desk) -> None:
    """p14, p18: an act with an unknown outcome is not done twice."""
    at.service.import_edges([EdgeRow(follower=11, followed=1, time=5)])
    at.faults.by_account |= {
        "7": [dropped_after],
        "8": [dropped_before, dropped_after],
        "9": [refuse(-504)],
        "2,3": [dropped_after],
        "11": [dropped_after],
    }
    plan = at.plan(
        *map(follow, (7, 8, 9)),
        sort(2, special=True),
        sort(3, special=True),
        Act(0, "remove_follower", "x", mid=11),
    )
    assert at.apply(plan).outcomes == {"done": 6}
    changed = [one.fields.get("fid") or one.fields["fids"] for one in at.faults.log]
    assert changed == ["7", "8", "9", "2,3", "11"]


def test_an_act_whose_response_is_always_lost_is_given_up(at: Desk) -> None:
    at.faults.by_account["7"] = [dropped_before] * 9
    plan = at.plan(*map(follow, (7, 8)))
    report = at.apply(plan)
    assert report.outcomes == {"given_up": 1, "done": 1}
    assert [one.code for one in report.reasons] == [None]
    [row] = journal.not_done(at.archive, plan.header.id)
    assert journal.why(row).zh.startswith("没有收到响应（")
    assert journal.why(row).en.startswith("no response (")
    at.faults.by_account |= {"9": [dropped_before] * 9, "10": [dropped_before] * 9}
    other = at.plan(*map(follow, (9, 10, 11)))
    assert "check the connection" in at.stop(other)
    assert at.apply(other).outcomes == {"given_up": 2, "done": 1}


@pytest.mark.long
def test_without_a_server_it_stops_and_says_what_is_left(at: Desk) -> None:
    plan = at.plan(*map(follow, (7, 8)))
    at.faults.reads = {dropped_before: 1.0}
    assert "check the connection. 2 acts are left" in at.stop(plan)
    at.faults.reads = {}
    at.faults.by_account["7"] = [dropped_after]

    def lose(_number: int) -> None:
        at.faults.reads = {dropped_before: 1.0}

    at.faults.on_response = lose
    assert "2 acts are left" in at.stop(plan)
    assert at.archive.rows("SELECT ended, outcome FROM act")[0][:] == (None, None)
    assert journal.report(at.archive, plan).unknown == 1
    at.faults.reads = {}
    at.faults.on_response = lambda _number: None
    assert at.apply(plan).outcomes == {"done": 2}
    assert len(at.faults.log) == 2


def test_what_was_accepted_and_does_not_stand_is_reported(at: Desk) -> None:
    """p18: answered 0, and still followed."""
    at.faults.by_account |= {"2": [accepted_only], "3,4": [accepted_only], "8": [accepted_only]}
    plan = at.plan(
        *(unfollow(2), unfollow(5)),
        *(sort(3, special=True), sort(4, special=True)),
        *(follow(7), sort(7, special=True), unfollow(7, expect=None)),
        follow(8),
    )
    report = at.apply(plan)
    assert report.outcomes == {"done": 4, "not_in_effect": 4}
    assert sorted(at.outcomes(plan)) == [1, 3, 4, 8]
    at.faults.by_account["9"] = [accepted_only]
    unread = at.plan(follow(9))
    assert at.apply(unread, verify=False).outcomes == {"done": 1}


def test_limit_is_the_portion_of_one_run(at: Desk) -> None:
    plan = at.plan(*map(follow, (7, 8)), *(sort(mid, special=True) for mid in (2, 3, 4)))
    assert "the 3 acts of this run are done. 2 acts are left" in at.stop(plan, limit=3)
    assert at.attributes(7, 8) == [2, 2]
    assert at.client.relation.specials() == [2]
    assert at.apply(plan, limit=3).outcomes == {"done": 5}


def test_a_budget_per_day_is_shared_by_all_plans(at: Desk) -> None:
    """p17: the quota is the account's, whatever the plan."""
    first = at.plan(*map(follow, (7, 8)), name="first")
    second = at.plan(*map(follow, (9, 10)), sort(2, special=True), name="second")
    at.apply(first, per_day=3)
    assert "the 3 of 24 hours are used up; go on after" in at.stop(second, per_day=3)
    assert at.attributes(9, 10) == [2, 0]
    assert "1" in at.stop(second, per_day=3, now=NOW + DAY - 100)
    assert at.apply(second, per_day=3, now=NOW + DAY + 100).outcomes == {"done": 3}


@pytest.mark.long
def test_an_act_of_an_abandoned_plan_counts_for_a_day(at: Desk) -> None:
    """Its response was lost, and nobody looked what became of it."""
    abandoned = at.plan(follow(7), name="abandoned")
    at.faults.by_account["7"] = [dropped_before]
    at.faults.on_response = lambda _: at.faults.reads.update({dropped_before: 1.0})
    at.stop(abandoned)
    at.faults.reads.clear()
    at.faults.on_response = lambda _: None
    plan = at.plan(follow(8))
    later = time.localtime(NOW + DAY + 59)
    assert time.strftime("%Y-%m-%d %H:%M", later) in at.stop(plan, per_day=1, now=NOW + 60)
    assert at.apply(plan, per_day=1, now=NOW + DAY + 60).outcomes == {"done": 1}


def test_the_time_of_an_act_is_that_of_the_clock(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that slept between two acts: the day of the second begins when it was sent."""

    def sleep(_progress: Progress) -> None:
        monkeypatch.setattr(time, "time", lambda clock=time.time: clock() + DAY / 2)

    at.apply(at.plan(follow(7), follow(8)), on_progress=sleep)
    [(first,), (second,)] = at.archive.rows("SELECT begun FROM act ORDER BY number")
    assert second - first >= DAY / 2


@pytest.mark.long
def test_a_stop_before_the_reading_back_says_so(at: Desk) -> None:
    plan = at.plan(follow(7))
    at.faults.on_response = lambda _: at.faults.reads.update({dropped_before: 1.0})
    assert "all acts are done and not read back yet" in at.stop(plan)
    at.faults.reads.clear()
    assert at.apply(plan).outcomes == {"done": 1}


def test_excluded_accounts_stay_excluded(at: Desk) -> None:
    """p21: leave this one out, without planning anew."""
    plan = at.plan(*map(unfollow, (2, 3, 4)))
    at.stop(plan, exclude=[2], limit=1)
    assert at.apply(plan).outcomes == {"excluded": 1, "done": 2}
    assert at.attributes(2, 3, 4) == [2, 0, 0]


def test_plans_of_others(at: Desk, tmp_path: Path) -> None:
    plan = at.plan(follow(7))
    for identity in (Identity(at.service.base_url, 2), Identity("http://127.0.0.1:1", 1)):
        other = Plan.write(tmp_path / "other", new_header("follow", identity, NOW), [follow(7)])
        with pytest.raises(PlanMismatch):
            at.apply(other)
    session = at.service.sign_in(2)
    credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
    with (
        SyncClient(base_url=at.service.base_url, credential=credential) as client,
        pytest.raises(PlanMismatch, match="not for u2"),
    ):
        apply(client, at.archive, plan, NOW)
    with (
        SyncClient(base_url=at.service.base_url) as client,
        pytest.raises(NotSignedIn),  # not: of another account, the account 0
    ):
        apply(client, at.archive, plan, NOW)
    assert journal.begun(at.archive, plan.path) is None  # it may be replaced
    assert at.faults.log == []


def test_plans_that_are_no_plans(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    header = new_header("follow", Identity("x", 1), NOW)
    Plan.write(path, header, [follow(7)])
    whole = path.read_bytes()
    for old, new in (
        (b'"act":"follow"', b'"act":"rob"'),
        (b'"mid":7', b'"mid":0'),
        (b'"mid":7', b'"mid":9223372036854775808'),
        (b'"number":1,', b'"number":0,'),
        (b'"number":1,', b'"number":9223372036854775808,'),
    ):
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(PlanDamaged, match="line 2"):
            Plan.open(path)


def test_acts_with_the_same_number_are_no_plan(tmp_path: Path) -> None:
    """The journal has one entry for a number: the second act would count as done."""
    path = tmp_path / "plan"
    Plan.write(path, new_header("follow", Identity("x", 1), NOW), [follow(7), follow(8)])
    path.write_bytes(path.read_bytes().replace(b'"number":2', b'"number":1'))
    with pytest.raises(PlanDamaged, match="line 3: number 1 after 1"):
        Plan.open(path)


def test_a_plan_that_was_replaced_after_it_was_shown(at: Desk) -> None:
    shown = Plan.open(at.plan(follow(7)).path)
    at.plan(unfollow(2))
    with pytest.raises(PlanDamaged, match="replaced by another plan"):
        at.apply(shown)
    assert at.faults.log == []


def test_two_at_once(at: Desk) -> None:
    with at.archive.locked(), pytest.raises(ArchiveBusy):
        at.apply(at.plan(follow(7)))
    assert at.faults.log == []


def test_a_full_disk_loses_nothing(at: Desk) -> None:
    """An act that cannot be written is not sent; one whose end cannot be written is looked up."""
    long = "n" * 9_000  # needs pages of its own
    plan = at.plan(*(Act(0, "follow", "x", mid=mid, name=long) for mid in range(7, 12)))

    def fill(progress: Progress) -> None:
        if progress.done == 2:
            at.archive.db.execute("PRAGMA max_page_count = 1")  # no more than there are

    with pytest.raises(ArchiveFull, match="nothing is lost"):
        at.apply(plan, on_progress=fill)
    at.archive.db.execute("PRAGMA max_page_count = 4294967294")
    assert journal.report(at.archive, plan).outcomes == {"done": 2}
    assert at.apply(plan).outcomes == {"done": 5}
    assert len(at.faults.log) == 5


def test_ctrl_c_between_two_acts(at: Desk) -> None:
    plan = at.plan(*map(follow, (7, 8, 9)))

    def interrupt(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at.apply(plan, on_progress=interrupt)
    assert journal.report(at.archive, plan).left == 1
    assert at.apply(plan).outcomes == {"done": 3}
    assert len(at.faults.log) == 3


def test_the_report_can_be_read_while_it_runs(at: Desk) -> None:
    """p14: what was done, and what is left."""
    plan = at.plan(*map(follow, (7, 8, 9)))
    seen = []

    def look(_progress: Progress) -> None:
        with Archive.open(at.archive.path) as other:
            seen.append(journal.report(other, plan).left)

    at.apply(plan, on_progress=look)
    assert seen == [2, 1, 0]
