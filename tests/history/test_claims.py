"""The claims on counts, versions, own writes and the feed, on histories by hand and random ones."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history import claims, linear
from tests.history.ops import ACTS, RELATION, STAT, Change, Op, Outcome, Page
from tests.history.pair import EMPTY, FOLLOWING, State, apply, recorded

OK, FAIL, UNKNOWN = Outcome


def op(
    caller: int,
    name: str,
    target: int,
    begin: int,
    end: float,
    value: Any = 0,
    outcome: Outcome = OK,
) -> Op:
    return Op(caller, caller, name, target, begin, end, outcome, value)


def lost(caller: int, name: str, target: int, begin: int) -> Op:
    return op(caller, name, target, begin, inf, None, UNKNOWN)


def stat(begin: int, end: int, following: int, follower: int, of: int = 1) -> Op:
    return op(9, STAT, of, begin, end, (following, follower))


FOLLOWED = op(2, "follow", 1, 0, 1)


@pytest.mark.parametrize(
    ("acts", "least", "most"),
    [
        ([], 0, 0),
        ([FOLLOWED], 1, 1),
        ([FOLLOWED, op(3, "follow", 1, 0, 1)], 2, 2),
        ([FOLLOWED, op(2, "follow", 1, 2, 3, 22014)], 1, 1),
        ([op(2, "follow", 1, 0, 50)], 0, 1),
        ([op(2, "follow", 1, 30, 31)], 0, 0),
        ([lost(2, "follow", 1, 0)], 0, 1),
        ([op(2, "follow", 1, 0, 1, None, FAIL)], 0, 0),
        ([FOLLOWED, op(2, "unfollow", 1, 2, 3)], 0, 0),
        ([FOLLOWED, op(2, "unfollow", 1, 2, 50)], 0, 1),
        ([FOLLOWED, lost(2, "unfollow", 1, 2)], 0, 1),
        ([FOLLOWED, op(1, "remove", 2, 2, 3)], 0, 0),
        ([FOLLOWED, op(1, "block", 2, 2, 3)], 0, 0),
        ([FOLLOWED, op(2, "block", 1, 2, 3)], 0, 0),
        ([FOLLOWED, op(1, "follow", 2, 2, 3)], 1, 1),
        ([FOLLOWED, op(2, "unfollow", 1, 2, 3), op(2, "follow", 1, 4, 5)], 1, 1),
        ([op(2, "follow", 1, 0, 5), op(2, "unfollow", 1, 4, 6)], 0, 1),
    ],
)
def test_counts_are_within_what_the_acts_allow(acts: list[Op], least: int, most: int) -> None:
    """Followers of account 1, read at 20 to 25."""
    for follower in range(4):
        following = sum(one.caller == 1 and one.name == "follow" for one in acts)
        wrong = claims.wrong_counts([*acts, stat(20, 25, following, follower)])
        assert (wrong == []) == (least <= follower <= most), follower


def test_a_list_has_its_total_of_members() -> None:
    page = op(1, "followers", 0, 20, 25, Page(1, 1, (2,)))
    assert claims.wrong_counts([FOLLOWED, page]) == []
    assert claims.wrong_counts([FOLLOWED, op(1, "followers", 0, 20, 25, Page(1, 1, ()))]) != []


@pytest.mark.parametrize(
    ("acts", "right", "wrong"),
    [
        ([FOLLOWED], [2, 6], [0, 1, 128]),
        ([FOLLOWED, op(2, "unfollow", 1, 2, 3)], [0], [2, 6]),
        ([FOLLOWED, lost(1, "block", 2, 2)], [0, 2], []),
        ([op(2, "block", 1, 2, 3)], [128], [2]),
    ],
)
def test_an_account_reads_its_own_writes(
    acts: list[Op], right: list[int], wrong: list[int]
) -> None:
    for attribute in (*right, *wrong):
        read = op(2, RELATION, 1, 20, 25, (attribute, 0))
        assert (claims.lost_writes([*acts, read]) == []) == (attribute in right), attribute


def test_a_count_that_only_grows() -> None:
    assert claims.fallen_counts([stat(0, 5, 0, 2), stat(4, 9, 0, 1)], [1]) == [], "they overlap"
    assert claims.fallen_counts([stat(0, 5, 0, 2), stat(6, 9, 0, 1)], [1]) != []
    assert claims.fallen_counts([stat(6, 9, 0, 2), stat(0, 5, 0, 1)], [1]) == []
    assert claims.fallen_counts([stat(0, 5, 0, 2), stat(6, 9, 0, 1, of=2)], [1]) == []


def test_versions_rise_and_name_one_list() -> None:
    def page(begin: int, version: int, *mids: int) -> Op:
        return op(1, "followings", 0, begin, begin + 1, Page(len(mids), version, mids))

    assert claims.wrong_versions([page(0, 1), page(2, 2, 3), page(4, 2, 3)]) == []
    assert claims.wrong_versions([page(0, 2, 3), page(2, 1)]) != []
    assert claims.wrong_versions([page(0, 2, 3), page(2, 2, 4)]) != []


def test_the_feed_is_in_the_order_of_the_responses() -> None:
    acts = [op(1, "follow", 2, 0, 1), op(1, "block", 3, 2, 3)]

    def change(number: int, kind: str, target: int) -> Change:
        return Change(number, kind, 1, target, f"cursor {number}")

    assert claims.wrong_feed(acts, [change(1, "follow", 2), change(2, "block", 3)]) == []
    assert claims.wrong_feed(acts, [change(1, "block", 3), change(2, "follow", 2)]) != []
    first = change(1, "follow", 2)
    assert claims.wrong_feed(acts, [first, first]) != []
    assert claims.wrong_feed(acts, [change(2, "follow", 2), change(1, "block", 3)]) != []


# --- properties ---

_PEOPLE = (1, 2, 3)
_ACTS = st.tuples(
    st.permutations(_PEOPLE), st.sampled_from([*ACTS, RELATION, STAT, "followings", "followers"])
)


@st.composite
def histories(draw: st.DrawFn, *, overlap: int) -> tuple[list[Op], list[Change]]:
    """Return the history of a sequential run of three accounts, with overlaps, and its feed."""
    states: dict[tuple[int, int], State] = {}
    versions: dict[tuple[int, str], int] = {}
    last: dict[tuple[int, str], tuple[int, ...]] = {}
    ops: list[Op] = []
    feed: list[Change] = []

    def members(owner: int, name: str) -> tuple[int, ...]:
        found = []
        for other in _PEOPLE:
            low, high = sorted((owner, other))
            sides = states.get((low, high), EMPTY)
            if other != owner:
                side = owner if name == "followings" else other
                if sides[side == high] in FOLLOWING:
                    found.append(other)
        return tuple(found)

    for at, ((caller, target, _), name) in enumerate(draw(st.lists(_ACTS, max_size=25))):
        widths = st.integers(0, overlap)
        begin, end = 10 * at - draw(widths), 10 * at + draw(widths)
        low, high = sorted((caller, target))
        who, state = int(caller == high), states.get((low, high), EMPTY)
        value: Any
        if name == STAT:
            value = len(members(target, "followings")), len(members(target, "followers"))
        elif name in ("followings", "followers"):
            key, mids = (caller, name), members(caller, name)
            if last.get(key) != mids:
                versions[key], last[key] = versions.get(key, 0) + 1, mids
            value = Page(len(mids), versions[key], mids)
        else:
            if name in ACTS and (kind := recorded(state, who, name)):
                feed.append(Change(at, kind, caller, target, f"cursor {at}"))
            value, states[low, high] = apply(state, who, name)
        ops.append(op(caller, name, target, begin, end, value))
    return ops, feed


def faults(ops: list[Op], feed: list[Change]) -> list[str]:
    return [
        *linear.contradictions(ops, _PEOPLE, {}, feed),
        *claims.lost_writes(ops),
        *claims.wrong_counts(ops),
        *claims.wrong_versions(ops),
        *claims.wrong_feed(ops, feed),
    ]


@given(history=histories(overlap=35))
def test_a_right_history_passes(history: tuple[list[Op], list[Change]]) -> None:
    assert faults(*history) == []


@given(history=histories(overlap=0), data=st.data())
def test_a_wrong_count_is_found(
    history: tuple[list[Op], list[Change]], data: st.DataObject
) -> None:
    ops, feed = history
    reads = [at for at, one in enumerate(ops) if one.name == STAT]
    if reads:
        at = data.draw(st.sampled_from(reads))
        following, follower = ops[at].value
        by = data.draw(st.sampled_from([-1, 1]))
        value = data.draw(st.sampled_from([(following + by, follower), (following, follower + by)]))
        ops[at] = op(ops[at].caller, STAT, ops[at].target, ops[at].begin, ops[at].end, value)
        assert len(faults(ops, feed)) == 1
