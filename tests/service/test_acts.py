"""What acts do, as a caller sees it over HTTP: both directions, batches, groups, counts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from guanxi.accounts.account import Privacy, State
from guanxi.contract import endpoints as e
from guanxi.stores import group_ids
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn
from tests.service.client import call, follow, fresh, modify

_BEGAN = 1_600_000_000


def relation(service: RunningService, caller: SignedIn, other: SignedIn) -> dict[str, Any]:
    data: dict[str, Any] = call(service, e.RELATION, caller, {"fid": other.mid}).data
    return data


def attributes(service: RunningService, one: SignedIn, other: SignedIn) -> tuple[int, int]:
    return (
        relation(service, one, other)["attribute"],
        relation(service, other, one)["attribute"],
    )


@pytest.mark.holds("relation.modify", "relation.get", "Relation")
def test_follow_mutual_unfollow(documented: RunningService) -> None:
    one, other = fresh(documented, 2)
    documented.import_edges([EdgeRow(follower=other.mid, followed=one.mid, time=_BEGAN)])
    assert attributes(documented, one, other) == (0, 2)
    before = int(time.time())
    follow(documented, one, other)
    assert attributes(documented, one, other) == (6, 6)
    for who, whom in ((one, other), (other, one)):
        assert before <= relation(documented, who, whom)["mtime"] <= time.time(), "refreshed"
    since = relation(documented, one, other)["mtime"]
    assert modify(documented, other, one.mid, 2).code == 0
    assert attributes(documented, one, other) == (2, 0)
    assert relation(documented, one, other)["mtime"] == since
    assert relation(documented, other, one) == {
        "mid": one.mid,
        "attribute": 0,
        "mtime": 0,
        "tag": None,
        "special": 0,
    }


@pytest.mark.holds("relation.modify", "relation.mutual", "Relation")
def test_block_deletes_relations_and_unblock_restores_none(documented: RunningService) -> None:
    one, other = fresh(documented, 2)
    follow(documented, one, other)
    follow(documented, other, one)
    assert call(documented, e.SET_MEMBERS, one, {"fids": other.mid, "tagids": -10}).code == 0
    assert modify(documented, one, other.mid, 5).code == 0
    assert attributes(documented, one, other) == (128, 0)
    current = relation(documented, one, other)
    assert (current["mtime"], current["tag"], current["special"]) == (0, None, 0)
    assert modify(documented, other, one.mid, 1).code == 22002, "the blocked one may not follow"
    both = call(documented, e.MUTUAL, other, {"mid": one.mid}).data
    assert both["be_relation"]["attribute"] == 0, "nor is it current"
    assert modify(documented, one, other.mid, 6).code == 0
    assert attributes(documented, one, other) == (0, 0)
    assert call(documented, e.SPECIALS, one).data == []


@pytest.mark.holds("relation.modify")
def test_remove_a_follower(documented: RunningService) -> None:
    one, fan = fresh(documented, 2)
    follow(documented, one, fan)
    follow(documented, fan, one)
    assert modify(documented, one, fan.mid, 7).code == 0
    assert attributes(documented, one, fan) == (2, 0)


@pytest.mark.parametrize("act", [2, 4, 6, 7])
def test_undoing_nothing_returns_code_0(act: int, documented: RunningService) -> None:
    caller, other, deregistered = fresh(documented, 3)
    documented.set_state(deregistered.mid, State.DEREGISTERED)
    for fid in (other.mid, deregistered.mid, 2**62):
        assert modify(documented, caller, fid, act).code == 0
    assert modify(documented, caller, caller.mid, act).code == 22001


@pytest.mark.holds("relation.whispers", "relation.modify")
def test_an_imported_whisper(documented: RunningService) -> None:
    caller, whispered = fresh(documented, 2)
    quiet = EdgeRow(follower=caller.mid, followed=whispered.mid, time=_BEGAN, kind="whisper")
    documented.import_edges([quiet])
    current = relation(documented, caller, whispered)
    assert (current["attribute"], current["mtime"]) == (1, _BEGAN)
    both = call(documented, e.MUTUAL, whispered, {"mid": caller.mid}).data
    assert both["be_relation"] == {**both["be_relation"], "attribute": 0, "mtime": 0}
    [item] = call(documented, e.WHISPERS, caller).data["list"]
    assert (item["mid"], item["attribute"], item["mtime"]) == (whispered.mid, 1, _BEGAN)
    counts = call(documented, e.STAT, caller, {"vmid": caller.mid}).data
    assert (counts["whisper"], counts["following"]) == (1, 0)
    assert call(documented, e.STAT, whispered, {"vmid": caller.mid}).data["whisper"] == 0
    follow(documented, whispered, caller)
    [fan] = call(documented, e.FOLLOWERS, caller, {"vmid": caller.mid}).data["list"]
    assert fan["attribute"] == 1, "a follower whom one whispers"
    assert modify(documented, caller, whispered.mid, 4).code == 0
    assert relation(documented, caller, whispered)["attribute"] == 0


@pytest.mark.holds("relation.batch_modify")
def test_a_batch_returns_the_refused_fids(documented: RunningService) -> None:
    caller, plain, known, shy, deregistered, blocked = fresh(documented, 6)
    follow(documented, caller, known)
    documented.set_privacy(shy.mid, Privacy(refuse_follows=True))
    documented.set_state(deregistered.mid, State.DEREGISTERED)
    assert modify(documented, caller, blocked.mid, 5).code == 0
    refused = [known.mid, shy.mid, deregistered.mid, blocked.mid, caller.mid, 2**62]
    fields = {"fids": ",".join(map(str, [*refused, plain.mid])), "act": 1, "re_src": 14}
    answer = call(documented, e.BATCH_MODIFY, caller, fields)
    assert (answer.code, answer.data) == (0, {"failed_fids": refused})
    assert relation(documented, caller, plain)["attribute"] == 2
    # All refused, for more than one reason: still 0.
    fields["fids"] = f"{known.mid},{blocked.mid}"
    answer = call(documented, e.BATCH_MODIFY, caller, fields)
    assert (answer.code, answer.data) == (0, {"failed_fids": [known.mid, blocked.mid]})
    # All refused because the caller blocks them.
    fields["fids"] = f"{blocked.mid},{blocked.mid}"
    answer = call(documented, e.BATCH_MODIFY, caller, fields)
    assert (answer.code, answer.message) == (22003, "用户位于黑名单")
    assert answer.data == {"failed_fids": [blocked.mid]}


@pytest.mark.holds("relation.many")
def test_relations_omit_attribute_0(documented: RunningService) -> None:
    caller, followed, stranger, blocked, fan = fresh(documented, 5)
    follow(documented, caller, followed)
    follow(documented, fan, caller)
    assert modify(documented, caller, blocked.mid, 5).code == 0
    fids = ",".join(str(one.mid) for one in (stranger, fan, blocked, followed, caller))
    data = call(documented, e.RELATIONS, caller, {"fids": fids}).data
    assert {mid: one["attribute"] for mid, one in data.items()} == {
        str(blocked.mid): 128,
        str(followed.mid): 2,
    }
    assert all(str(one["mid"]) == mid for mid, one in data.items())


@pytest.mark.holds(
    "relation.groups",
    "relation.groups_of",
    "relation.create_group",
    "relation.rename_group",
    "relation.delete_group",
    "relation.set_groups",
    "relation.copy_to_groups",
    "relation.move_between_groups",
)
def test_the_life_of_groups(documented: RunningService) -> None:
    caller, one, two = fresh(documented, 3)
    follow(documented, caller, one, two)

    def make(name: str) -> int:
        group: int = call(documented, e.CREATE_GROUP, caller, {"tag": name}).data["tagid"]
        return group

    def groups_of(other: SignedIn) -> dict[str, str]:
        data: dict[str, str] = call(documented, e.GROUPS_OF, caller, {"fid": other.mid}).data
        return data

    def counts() -> list[tuple[str, int]]:
        data = call(documented, e.GROUPS, caller).data
        return [(group["name"], group["count"]) for group in data]

    first, second = make("一"), make("二")
    both = f"{one.mid},{two.mid}"
    assert call(documented, e.SET_MEMBERS, caller, {"fids": both, "tagids": first}).code == 0
    assert groups_of(one) == groups_of(two) == {str(first): "一"}
    put = {"fids": one.mid, "tagids": f"{second},-10"}
    assert call(documented, e.COPY_MEMBERS, caller, put).code == 0
    assert groups_of(one) == {"-10": "特别关注", str(first): "一", str(second): "二"}
    assert relation(documented, caller, one)["tag"] == sorted([-10, first, second])
    assert relation(documented, caller, one)["special"] == 1
    assert counts() == [("特别关注", 1), ("默认分组", 0), ("一", 2), ("二", 1)]
    moved = {"fids": both, "beforeTagids": f"{first},-10", "afterTagids": 0}
    assert call(documented, e.MOVE_MEMBERS, caller, moved).code == 0
    assert (groups_of(one), groups_of(two)) == ({str(second): "二"}, {})
    assert counts() == [("特别关注", 0), ("默认分组", 1), ("一", 0), ("二", 1)]
    renamed = {"tagid": second, "name": " 三 "}
    assert call(documented, e.RENAME_GROUP, caller, renamed).code == 0
    assert groups_of(one) == {str(second): "三"}
    assert call(documented, e.RENAME_GROUP, caller, {"tagid": second, "name": "一"}).code == 22106
    assert call(documented, e.DELETE_GROUP, caller, {"tagid": second}).code == 0
    assert (groups_of(one), relation(documented, caller, one)["tag"]) == ({}, None)
    assert relation(documented, caller, one)["attribute"] == 2, "still followed"
    assert call(documented, e.SET_MEMBERS, caller, {"fids": one.mid, "tagids": "-10,0"}).code == 0
    assert groups_of(one) == {"-10": "特别关注"}
    assert call(documented, e.SET_MEMBERS, caller, {"fids": one.mid, "tagids": 0}).code == 0
    assert groups_of(one) == {}
    assert groups_of(caller) == {}


def test_a_new_group_has_an_unused_id(
    documented: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    [caller] = fresh(documented)
    drawn = iter([5, 5, 5, 6])
    monkeypatch.setattr(group_ids, "number_below", lambda *_: next(drawn))
    groups = [call(documented, e.CREATE_GROUP, caller, {"tag": name}).data for name in "ab"]
    assert groups == [{"tagid": 100_005}, {"tagid": 100_006}]


def test_attentions_and_nav(documented: RunningService) -> None:
    caller, one, two = fresh(documented, 3)
    follow(documented, caller, one, two)
    assert call(documented, e.ATTENTIONS, caller, {"mid": caller.mid}).data == [two.mid, one.mid]
    assert call(documented, e.ATTENTIONS, one, {"mid": caller.mid}).data == [two.mid, one.mid]
    nav = call(documented, e.NAV, caller).data
    assert (nav["isLogin"], nav["mid"], nav["uname"]) == (True, caller.mid, f"u{caller.mid}")
    assert nav["wbi_img"] == call(documented, e.NAV).data["wbi_img"]


def test_device_ids_are_new_each_time_and_reports_are_forgotten(
    documented: RunningService,
) -> None:
    pairs = [call(documented, e.BUVID).data for _ in range(2)]
    assert len({pair[key] for pair in pairs for key in ("b_3", "b_4")}) == 4
    for body in ("", "{}", "\x00\xff" * 1000, "a=%zz"):
        assert call(documented, e.DEVICE_REPORT, None, body).body["data"] == {}
