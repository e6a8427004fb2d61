"""The rules of acts on a pair (DESIGN: the rules of the graph; 004, 操作用户关系)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract import errors
from guanxi.graph.pair import (
    EMPTY_SIDE,
    REQUESTED,
    SPECIAL,
    Act,
    Attribute,
    Contract,
    Edge,
    Facts,
    Modify,
    Pair,
    Refusal,
    Relation,
    Side,
    attribute,
    batch_result,
    code_of,
    decide,
    finer_of,
    mtime_of,
    next_sort_key,
    public_attribute,
    relation_of,
    sort_key_at,
    sort_key_of_mtime,
)

ME, YOU = 1, 2
OLD, NOW, THEIR_NOW = 100, 900, 901
FOLLOWS = Side(follows=Edge(OLD))
SPECIAL_FOLLOW = Side(follows=Edge(OLD, frozenset({SPECIAL, 7}), Contract(5)))
WHISPERS = Side(whispers=OLD)
BLOCKS = Side(blocks=OLD)
REQUESTS = Side(requests=OLD)
ASKS_WHISPERING = Side(whispers=OLD, requests=OLD)


def after(act: int, mine: Side = EMPTY_SIDE, theirs: Side = EMPTY_SIDE, **facts: Any) -> int | Pair:
    """Return the code or the pair of an act of ME on YOU; ``facts`` replace the usual ones."""
    usual: dict[str, Any] = {
        "following_cap": 10,
        "sort_key": NOW,
        "their_sort_key": THEIR_NOW,
        "requests": True,
    }
    after = decide(Modify(ME, YOU, act), Facts(pair=Pair(mine, theirs), **usual | facts))
    return after.code if isinstance(after, Refusal) else after


@pytest.mark.parametrize("value", [Side(), Edge(OLD), Pair(), Relation()], ids=repr)
def test_values_are_hashable_and_never_change(value: Side | Edge | Pair | Relation) -> None:
    """Many rows share one empty side: a change of it would change them all."""
    assert hash(value) == hash(copy.copy(value))
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_follow_creates_an_edge_with_the_current_sort_key() -> None:
    assert after(Act.FOLLOW) == Pair(Side(follows=Edge(NOW)), EMPTY_SIDE)


def test_following_back_refreshes_both_sort_keys_and_keeps_the_targets_groups() -> None:
    theirs = Side(follows=Edge(THEIR_NOW, frozenset({SPECIAL, 7}), Contract(5)))
    assert after(Act.FOLLOW, theirs=SPECIAL_FOLLOW) == Pair(Side(follows=Edge(NOW)), theirs)


def test_a_whisper_becomes_a_following() -> None:
    assert after(Act.FOLLOW, WHISPERS) == Pair(Side(follows=Edge(NOW)), EMPTY_SIDE)


def test_following_a_whisperer_is_not_mutual() -> None:
    assert after(Act.FOLLOW, theirs=WHISPERS) == Pair(Side(follows=Edge(NOW)), WHISPERS)


@pytest.mark.parametrize("mine", [FOLLOWS, SPECIAL_FOLLOW, WHISPERS])
def test_unfollow_clears_the_actors_side_only(mine: Side) -> None:
    assert after(Act.UNFOLLOW, mine, SPECIAL_FOLLOW) == Pair(EMPTY_SIDE, SPECIAL_FOLLOW)


def test_unfollow_keeps_a_block() -> None:
    assert after(Act.UNFOLLOW, BLOCKS) == Pair(BLOCKS, EMPTY_SIDE)


def test_whisper_is_not_accepted() -> None:
    assert after(Act.WHISPER) == -400


def test_cancel_whisper_removes_only_the_actors_whisper() -> None:
    assert after(Act.CANCEL_WHISPER, WHISPERS, WHISPERS) == Pair(EMPTY_SIDE, WHISPERS)
    assert after(Act.CANCEL_WHISPER, FOLLOWS) == Pair(FOLLOWS, EMPTY_SIDE)


@pytest.mark.parametrize("mine", [EMPTY_SIDE, FOLLOWS, SPECIAL_FOLLOW, WHISPERS])
@pytest.mark.parametrize("theirs", [EMPTY_SIDE, SPECIAL_FOLLOW, WHISPERS])
def test_block_removes_followings_and_whispers_of_both(mine: Side, theirs: Side) -> None:
    assert after(Act.BLOCK, mine, theirs) == Pair(Side(blocks=NOW), EMPTY_SIDE)


def test_two_accounts_may_block_each_other() -> None:
    assert after(Act.BLOCK, theirs=BLOCKS) == Pair(Side(blocks=NOW), BLOCKS)


def test_unblock_restores_nothing() -> None:
    assert after(Act.UNBLOCK, BLOCKS, BLOCKS) == Pair(EMPTY_SIDE, BLOCKS)


def test_remove_follower_removes_the_targets_edge_only() -> None:
    assert after(Act.REMOVE_FOLLOWER, FOLLOWS, SPECIAL_FOLLOW) == Pair(FOLLOWS, EMPTY_SIDE)
    assert after(Act.REMOVE_FOLLOWER, theirs=WHISPERS) == Pair(EMPTY_SIDE, WHISPERS)


@pytest.mark.parametrize("mine", [EMPTY_SIDE, WHISPERS])
@pytest.mark.parametrize("theirs", [EMPTY_SIDE, SPECIAL_FOLLOW, WHISPERS, REQUESTS])
def test_a_follow_of_an_account_that_approves_followers_is_a_request(
    mine: Side, theirs: Side
) -> None:
    requested = Side(whispers=mine.whispers, requests=NOW)
    result = after(Act.FOLLOW, mine, theirs, approves_followers=True)
    assert result == Pair(requested, theirs)
    assert code_of(Modify(ME, YOU, Act.FOLLOW), Pair(requested, theirs)) == REQUESTED
    assert code_of(Modify(ME, YOU, Act.FOLLOW), Pair(FOLLOWS, theirs)) == 0
    assert code_of(Modify(ME, YOU, Act.UNFOLLOW), Pair(mine, theirs)) == 0


def test_a_second_request_changes_nothing() -> None:
    assert after(Act.FOLLOW, REQUESTS, approves_followers=True) == Pair(REQUESTS)


def test_a_request_becomes_a_following_if_the_target_no_longer_approves_followers() -> None:
    assert after(Act.FOLLOW, ASKS_WHISPERING) == Pair(Side(follows=Edge(NOW)))


@pytest.mark.parametrize("request_", [REQUESTS, ASKS_WHISPERING])
@pytest.mark.parametrize("mine", [EMPTY_SIDE, WHISPERS, REQUESTS])
def test_an_approval_makes_the_target_follow(mine: Side, request_: Side) -> None:
    assert after(Act.APPROVE, mine, request_) == Pair(mine, Side(follows=Edge(THEIR_NOW)))


def test_approving_whom_the_owner_follows_refreshes_its_sort_key_and_keeps_its_groups() -> None:
    mine = Side(follows=Edge(NOW, frozenset({SPECIAL, 7}), Contract(5)))
    followed = Pair(mine, Side(follows=Edge(THEIR_NOW)))
    assert after(Act.APPROVE, SPECIAL_FOLLOW, REQUESTS) == followed


def test_a_second_approval_changes_nothing() -> None:
    assert after(Act.APPROVE, theirs=FOLLOWS, their_following=10) == Pair(theirs=FOLLOWS)


@pytest.mark.parametrize("mine", [EMPTY_SIDE, FOLLOWS, WHISPERS, REQUESTS])
def test_declining_and_cancelling_end_one_request(mine: Side) -> None:
    assert after(Act.DECLINE, mine, ASKS_WHISPERING) == Pair(mine, WHISPERS)
    assert after(Act.CANCEL_REQUEST, ASKS_WHISPERING, mine) == Pair(WHISPERS, mine)


@pytest.mark.parametrize("act", [Act.CANCEL_WHISPER, Act.UNBLOCK, Act.REMOVE_FOLLOWER])
def test_requests_outlast_other_acts(act: int) -> None:
    assert after(act, REQUESTS, REQUESTS) == Pair(REQUESTS, REQUESTS)


def test_unfollow_ends_a_request_and_a_block_those_of_both() -> None:
    assert after(Act.UNFOLLOW, ASKS_WHISPERING, REQUESTS) == Pair(theirs=REQUESTS)
    assert after(Act.BLOCK, ASKS_WHISPERING, ASKS_WHISPERING) == Pair(Side(blocks=NOW))


def test_the_code_of_a_request_is_none_of_a_refusal() -> None:
    assert REQUESTED > 0
    assert REQUESTED not in errors.CODES


@pytest.mark.parametrize(
    "act", [Act.UNFOLLOW, Act.CANCEL_WHISPER, Act.UNBLOCK, 7, Act.DECLINE, Act.CANCEL_REQUEST]
)
@pytest.mark.parametrize("target", [{"known": False}, {"deregistered": True}, {}])
def test_an_act_without_effect_is_not_an_error(act: int, target: dict[str, Any]) -> None:
    assert after(act, **target) == Pair()


@pytest.mark.parametrize(
    ("act", "mine", "theirs", "facts", "code"),
    [
        (1, EMPTY_SIDE, EMPTY_SIDE, {"known": False}, 40061),
        (5, EMPTY_SIDE, EMPTY_SIDE, {"known": False}, 40061),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"deregistered": True}, 22013),
        (5, EMPTY_SIDE, EMPTY_SIDE, {"deregistered": True}, 22013),
        (5, BLOCKS, EMPTY_SIDE, {}, 22120),
        (1, BLOCKS, EMPTY_SIDE, {}, 22003),
        (1, FOLLOWS, EMPTY_SIDE, {}, 22014),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"refuses_follows": True}, 22002),
        (1, EMPTY_SIDE, BLOCKS, {}, 22002),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"following": 10}, 22009),
        (1, WHISPERS, EMPTY_SIDE, {"following": 10}, 22009),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"approves_followers": True, "requests": False}, 22002),
        (1, REQUESTS, EMPTY_SIDE, {"approves_followers": True, "requests": False}, 22002),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"approves_followers": True, "refuses_follows": True}, 22002),
        (1, EMPTY_SIDE, BLOCKS, {"approves_followers": True}, 22002),
        (1, EMPTY_SIDE, EMPTY_SIDE, {"approves_followers": True, "following": 10}, 22009),
        (8, EMPTY_SIDE, EMPTY_SIDE, {"known": False}, 40061),
        (8, EMPTY_SIDE, REQUESTS, {"deregistered": True}, 22013),
        (8, BLOCKS, EMPTY_SIDE, {}, 22003),
        (8, EMPTY_SIDE, BLOCKS, {}, 22002),
        (8, BLOCKS, BLOCKS, {}, 22003),
        (8, EMPTY_SIDE, EMPTY_SIDE, {}, -404),
        (8, REQUESTS, WHISPERS, {}, -404),
        (8, EMPTY_SIDE, REQUESTS, {"their_following": 10}, 22009),
        *(
            (act, EMPTY_SIDE, EMPTY_SIDE, {"banned": True}, -102)
            for act in Act
            if act != Act.WHISPER
        ),
        (3, EMPTY_SIDE, EMPTY_SIDE, {"banned": True}, -400),
        *((act, EMPTY_SIDE, EMPTY_SIDE, {"actor_deregistered": True}, -101) for act in Act),
        # If several refusals apply, the first of the documented order is returned.
        (1, BLOCKS, BLOCKS, {"banned": True, "known": False}, -102),
        (1, BLOCKS, BLOCKS, {"deregistered": True, "following": 10}, 22013),
        (5, BLOCKS, EMPTY_SIDE, {"deregistered": True}, 22013),
        (1, BLOCKS, BLOCKS, {"refuses_follows": True, "following": 10}, 22003),
        (1, FOLLOWS, EMPTY_SIDE, {"refuses_follows": True, "following": 10}, 22014),
        (1, EMPTY_SIDE, BLOCKS, {"following": 10}, 22002),
    ],
)
def test_an_act_is_refused_with_its_code(
    act: int, mine: Side, theirs: Side, facts: dict[str, Any], code: int
) -> None:
    assert after(act, mine, theirs, **facts) == code


def test_blocking_depends_on_neither_the_cap_nor_the_targets_privacy() -> None:
    assert after(Act.BLOCK, refuses_follows=True, following=10) == Pair(
        Side(blocks=NOW), EMPTY_SIDE
    )


@pytest.mark.parametrize("act", [1, 2, 4, 5, 6, 7, 8, 9, 10])
def test_an_act_on_the_actor_itself_is_refused(act: int) -> None:
    facts = Facts(known=False, following_cap=1, sort_key=NOW, their_sort_key=NOW)
    assert decide(Modify(ME, ME, act), facts) == Refusal(22001)


edges = st.builds(
    Edge, st.integers(1, 99), st.frozensets(st.sampled_from([SPECIAL, 7, 8])), st.none()
)
sides = st.one_of(
    st.just(EMPTY_SIDE),
    st.builds(lambda e: Side(follows=e), edges),
    st.just(WHISPERS),
    st.just(BLOCKS),
    st.just(REQUESTS),
    st.just(ASKS_WHISPERING),
)


@given(sides, sides, st.sampled_from([1, 2, 4, 5, 6, 7, 8, 9, 10]), st.booleans())
def test_a_block_excludes_followings_and_requests_after_any_act(
    mine: Side, theirs: Side, act: int, approves: bool
) -> None:
    if mine.blocks or theirs.blocks:  # a valid pair to start from
        mine, theirs = (side if side.blocks else EMPTY_SIDE for side in (mine, theirs))
    result = after(act, mine, theirs, approves_followers=approves)
    if isinstance(result, Pair):
        blocked = result.mine.blocks or result.theirs.blocks
        follows = result.mine.follows or result.theirs.follows
        assert not (blocked and follows)
        assert not (blocked and (result.mine.requests or result.theirs.requests))
        for side in (result.mine, result.theirs):
            assert [side.follows, side.whispers, side.blocks].count(None) >= 2
            assert not (side.requests and side.follows)


@given(sides, sides, st.sampled_from([1, 2, 4, 5, 6, 7, 8, 9, 10]), st.booleans())
def test_a_repeated_act_changes_nothing(mine: Side, theirs: Side, act: int, approves: bool) -> None:
    once = after(act, mine, theirs, approves_followers=approves)
    if isinstance(once, Pair):
        again = after(act, once.mine, once.theirs, approves_followers=approves)
        refused = {Act.FOLLOW: 22014, Act.BLOCK: 22120} if once.mine.requests is None else {}
        assert again == refused.get(Act(act), once)


@pytest.mark.parametrize(
    ("side", "back", "value"),
    [
        (EMPTY_SIDE, False, 0),
        (EMPTY_SIDE, True, 0),
        (WHISPERS, True, 1),
        (FOLLOWS, False, 2),
        (FOLLOWS, True, 6),
        (BLOCKS, False, 128),
    ],
)
def test_the_attribute_depends_on_the_side_and_on_following_back(
    side: Side, back: bool, value: int
) -> None:
    assert attribute(side, followed_back=back) == value


@pytest.mark.parametrize(("value", "public"), [(0, 0), (1, 0), (2, 2), (6, 6), (128, 0)])
def test_the_public_attribute_hides_whispers_and_blocks(value: int, public: int) -> None:
    assert public_attribute(value) == public


@pytest.mark.parametrize("followed_back", [False, True])
def test_a_relation_is_derived_from_a_side(followed_back: bool) -> None:
    expected = Relation(6 if followed_back else 2, OLD, (SPECIAL, 7))
    edge = Edge(OLD, frozenset({7, SPECIAL}))
    assert relation_of(Side(edge), followed_back=followed_back) == expected
    assert relation_of(Side(whispers=OLD), followed_back=followed_back) == Relation(1, OLD)
    assert relation_of(Side(blocks=OLD), followed_back=followed_back) == Relation(128, 0)
    assert relation_of(EMPTY_SIDE, followed_back=followed_back) == Relation()
    assert {Attribute.MUTUAL, Attribute.FOLLOWING} == {6, 2}


def test_sort_keys_rise_and_contain_their_second() -> None:
    assert mtime_of(sort_key_at(1_700_000_000_999_999_999)) == 1_700_000_000
    assert finer_of(sort_key_at(1_700_000_000_999_999_999)) == sort_key_of_mtime(1) - 1
    assert finer_of(sort_key_of_mtime(1_700_000_000)) == 0
    assert sort_key_at(1_700_000_000_500_000_000) == sort_key_of_mtime(1_700_000_000) + 2**15
    assert next_sort_key(50, 0) == 50
    assert next_sort_key(50, 50) == 51
    assert next_sort_key(40, 50) == 51, "a clock that steps back does not reorder a list"


@pytest.mark.parametrize(
    ("codes", "result"),
    [
        ([0, 0], (0, [])),
        ([22014, 0], (0, [11])),
        ([22003, 22003], (22003, [11, 12])),
        ([22003, 22014], (0, [11, 12])),
        ([22014, 22014], (0, [11, 12])),
        ([-102, -102], (-102, [11, 12])),
        ([-101, -101], (-101, [11, 12])),
    ],
)
def test_a_batch_has_a_code_only_if_the_caller_is_no_user_or_banned_or_blocks_everyone(
    codes: list[int], result: tuple[int, list[int]]
) -> None:
    assert batch_result([11, 12], codes) == result


def test_an_empty_batch_has_code_0() -> None:
    assert batch_result([], []) == (0, [])
