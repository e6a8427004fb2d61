"""The rules of groups: names, members, refusals (004, 关注分组相关)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    DropGroup,
    GroupAct,
    GroupChange,
    GroupFacts,
    Memberships,
    PutGroup,
    Regroup,
    Regrouped,
    RegroupMode,
    RenameGroup,
    decide_group,
    memberships,
    possible,
)
from guanxi.graph.pair import DEFAULT, SPECIAL, Refusal

ME = 1
NAMES = {7: "同学", 8: "同事"}
MEMBERS = {20: frozenset({7}), 21: frozenset({SPECIAL, 8}), 22: frozenset[int]()}


def decide_with(act: GroupAct, *, max_groups: int = 200) -> int | GroupChange:
    facts = GroupFacts(names=NAMES, members=MEMBERS, name_length=16, max_groups=max_groups)
    change = decide_group(act, facts)
    return change.code if isinstance(change, Refusal) else change


@pytest.mark.parametrize(
    "act",
    [
        CreateGroup(ME, "测试", 9),
        CreateGroup(ME, "同学", 9),
        RenameGroup(ME, 7, "测试"),
        RenameGroup(ME, 99, "测试"),
        DeleteGroup(ME, 7),
        Regroup(ME, RegroupMode.SET, (20,), (8,)),
        Regroup(ME, RegroupMode.SET, (20,), (99,)),
    ],
)
def test_a_banned_or_deregistered_account_changes_no_group(act: GroupAct) -> None:
    facts = GroupFacts(names=NAMES, members=MEMBERS, name_length=16, max_groups=9, banned=True)
    assert decide_group(act, facts) == Refusal(-102)
    assert decide_group(act, replace(facts, deregistered=True)) == Refusal(-101)


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("测试", PutGroup(9, "测试")),
        ("  两边有空  ", PutGroup(9, "两边有空")),
        ("十" * 16, PutGroup(9, "十" * 16)),
        ("🎮" * 16, PutGroup(9, "🎮" * 16)),
        ("a b", PutGroup(9, "a b")),
        ("十" * 17, 22103),
        ("", 22103),
        ("   ", 22103),
        ("\u3000", 22103),
        ("a\x00b", -400),
        ("a\nb", -400),
        ("a\n", -400),
        ("\x1ca", -400),
        ("\x85", -400),
        ("a\u2028b", -400),
        ("a\x7fb", -400),
        ("\ud800", -400),
        ("同学", 22106),
        (" 同学 ", 22106),
        ("特别关注", 22106),
        ("默认分组", 22106),
    ],
)
def test_a_name_is_stripped_and_checked(name: str, result: int | PutGroup) -> None:
    assert decide_with(CreateGroup(ME, name, 9)) == result


def test_no_group_is_created_past_the_limit() -> None:
    assert decide_with(CreateGroup(ME, "第三个", 9), max_groups=2) == -400
    assert decide_with(CreateGroup(ME, "第三个", 9), max_groups=3) == PutGroup(9, "第三个")
    assert decide_with(CreateGroup(ME, "同学", 9), max_groups=2) == 22106, (
        "an existing name is refused as such"
    )
    assert decide_with(CreateGroup(ME, "长" * 17, 9), max_groups=2) == 22103


@pytest.mark.parametrize(
    ("group", "name", "result"),
    [
        (7, "新名", PutGroup(7, "新名")),
        (7, "同学", PutGroup(7, "同学")),
        (7, "同事", 22106),
        (7, "特别关注", 22106),
        (7, "长" * 17, 22103),
        (99, "新名", 22104),
        (0, "新名", -400),
        (-10, "新名", -400),
    ],
)
def test_rename_refuses_existing_names_and_built_in_groups(
    group: int, name: str, result: int | PutGroup
) -> None:
    assert decide_with(RenameGroup(ME, group, name)) == result


@pytest.mark.parametrize(
    ("group", "result"), [(7, DropGroup(7)), (99, -400), (0, -400), (-10, -400)]
)
def test_only_an_own_group_is_deleted(group: int, result: int | DropGroup) -> None:
    assert decide_with(DeleteGroup(ME, group)) == result


def regrouped(
    mode: RegroupMode, groups: tuple[int, ...], before: tuple[int, ...] = (), *members: int
) -> int | Mapping[int, frozenset[int]]:
    """Regroup ``members`` (default: all); return the code, or the new groups by member."""
    result = decide_with(Regroup(ME, mode, members or (20, 21, 22), groups, before))
    if isinstance(result, int):
        return result
    assert isinstance(result, Regrouped)
    return result.members


def test_set_replaces_the_groups() -> None:
    both = frozenset({SPECIAL, 7})
    assert regrouped(RegroupMode.SET, (SPECIAL, 7)) == {20: both, 21: both, 22: both}


def test_set_to_default_removes_from_every_group() -> None:
    assert regrouped(RegroupMode.SET, (DEFAULT,)) == {20: frozenset(), 21: frozenset()}


def test_default_together_with_other_groups_is_ignored() -> None:
    assert regrouped(RegroupMode.SET, (DEFAULT, 8), (), 22) == {22: frozenset({8})}


def test_copy_adds_groups() -> None:
    assert regrouped(RegroupMode.COPY, (8,)) == {20: frozenset({7, 8}), 22: frozenset({8})}
    assert regrouped(RegroupMode.COPY, (DEFAULT,)) == {}


def test_move_removes_and_adds_groups() -> None:
    assert regrouped(RegroupMode.MOVE, (8,), (7,)) == {20: frozenset({8}), 22: frozenset({8})}
    assert regrouped(RegroupMode.MOVE, (DEFAULT,), (SPECIAL,)) == {21: frozenset({8})}
    assert regrouped(RegroupMode.MOVE, (7,), (DEFAULT,), 22) == {22: frozenset({7})}


@pytest.mark.parametrize("mode", RegroupMode)
def test_an_unknown_group_or_member_refuses_the_whole_act(mode: RegroupMode) -> None:
    assert regrouped(mode, (99,)) == 22104
    assert regrouped(mode, (7, -5)) == 22104
    assert regrouped(mode, (7,), (99,)) == 22104
    assert regrouped(mode, (7,), (), 20, 30) == 22105
    assert regrouped(mode, (99,), (), 30) == 22104, "groups are checked before members"


groups = st.lists(st.sampled_from([SPECIAL, DEFAULT, 7, 8]), min_size=1, max_size=4).map(tuple)


@given(st.sampled_from(RegroupMode), groups, groups)
def test_a_regroup_returns_only_changes_and_never_the_default_group(
    mode: RegroupMode, added: tuple[int, ...], before: tuple[int, ...]
) -> None:
    result = regrouped(mode, added, before)
    assert not isinstance(result, int)
    for member, after in result.items():
        assert after != MEMBERS[member]
        assert DEFAULT not in after
        assert set(added) - {DEFAULT} <= after


def test_the_rest_of_an_act_leaves_out_what_was_deleted() -> None:
    act = Regroup(1, RegroupMode.MOVE, (2, 3), (7, SPECIAL, 8), (8, DEFAULT))
    left = possible(act, {7: "a"}, {3: frozenset({7})})
    assert left == Regroup(1, RegroupMode.MOVE, (3,), (7, SPECIAL), (DEFAULT,))
    assert possible(DeleteGroup(1, 7), {}, {}) == DeleteGroup(1, 7)


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        ({7}, {7}, Memberships()),
        (set(), {SPECIAL}, Memberships(special=1, grouped=1)),
        ({SPECIAL}, {7}, Memberships(special=-1, members={7: 1})),
        ({7, 8}, {8, 9}, Memberships(members={7: -1, 9: 1})),
        ({SPECIAL, 7}, set(), Memberships(special=-1, grouped=-1, members={7: -1})),
    ],
)
def test_what_a_change_of_groups_adds_to_the_counts(
    before: set[int], after: set[int], added: Memberships
) -> None:
    assert memberships(frozenset(before), frozenset(after)) == added


def test_the_changes_of_several_followings_are_added_up() -> None:
    one, two = Memberships(1, 1, {7: 1}), Memberships(-1, 1, {7: 2, 8: -1})
    assert one + two == Memberships(0, 2, {7: 3, 8: -1})
    assert one + Memberships() == one
