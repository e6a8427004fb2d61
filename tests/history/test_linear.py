"""The search for an order of a pair's operations, against histories by hand and brute force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history.linear import Log, Step, contradiction
from tests.history.ops import ACTS, BOTH, FOLLOWERS, FOLLOWINGS, RELATION
from tests.history.pair import EMPTY, State, apply, recorded

A, B = 0, 1


def step(who: int, name: str, begin: float, end: float, value: Any = 0) -> Step:
    return Step(who, name, begin, end, value)


def reads(who: int, begin: float, end: float, attribute: int, special: int = 0) -> Step:
    return Step(who, RELATION, begin, end, (attribute, special))


def lost(who: int, name: str, begin: float) -> Step:
    return Step(who, name, begin, inf, None)


#: Histories that an order explains.
RIGHT: dict[str, list[Step]] = {
    "nothing": [],
    "one after another": [
        step(A, "follow", 0, 1),
        step(B, "follow", 2, 3),
        reads(A, 4, 5, 6),
        step(B, "block", 6, 7),
        reads(A, 8, 9, 0),
        reads(B, 8, 9, 128),
        step(A, "follow", 10, 11, 22002),
    ],
    "a read during a follow sees it or not": [
        step(A, "follow", 0, 10),
        reads(A, 1, 2, 0),
        reads(A, 3, 4, 2),
    ],
    "of two follows one is refused, whichever ended first": [
        step(A, "follow", 0, 10),
        step(A, "follow", 1, 2, 22014),
    ],
    "the order of two acts is that of their results": [
        step(B, "block", 0, 10),
        step(A, "follow", 0, 10),
        reads(A, 11, 12, 0),
    ],
    "a lost follow was done": [lost(A, "follow", 0), reads(A, 1, 2, 2)],
    "a lost follow was not done": [lost(A, "follow", 0), reads(A, 1, 2, 0)],
    "a lost follow is done much later": [
        lost(A, "follow", 0),
        reads(A, 1, 2, 0),
        step(B, "follow", 3, 4),
        reads(B, 5, 6, 6),
    ],
    "two lost follows, each done": [
        lost(A, "follow", 0),
        lost(A, "follow", 1),
        step(B, "remove", 2, 3),
        reads(A, 4, 5, 2),
        step(B, "remove", 6, 7),
        reads(A, 8, 9, 2),
    ],
    "a block ends the following back": [
        step(A, "follow", 0, 1),
        step(A, "special", 2, 3),
        reads(A, 4, 5, 2, 1),
        step(B, "block", 6, 7),
        step(A, "special", 8, 9, 22105),
    ],
    "a list": [step(A, "follow", 0, 1), Step(B, FOLLOWERS, 2, 3, True)],
    "both": [step(A, "follow", 0, 1), Step(B, BOTH, 2, 3, (0, 2))],
}

#: Histories that no order explains, each with its wrong operation.
WRONG: dict[str, tuple[list[Step], int]] = {
    "a lost write": ([step(A, "follow", 0, 1), reads(A, 2, 3, 0)], 1),
    "a write before its time": ([reads(A, 0, 1, 2), step(A, "follow", 2, 3)], 0),
    "a read that goes back": (
        [step(A, "follow", 0, 10), reads(A, 1, 2, 2), reads(B, 3, 4, 0), reads(A, 3, 4, 0)],
        3,
    ),
    "both ends differ": (
        [step(A, "follow", 0, 1), step(B, "follow", 2, 3), reads(A, 4, 5, 6), reads(B, 4, 5, 2)],
        3,
    ),
    "two follows were done, and nothing ended the first": (
        [step(A, "follow", 0, 10), step(A, "follow", 1, 9)],
        0,
    ),
    "a follow of one who blocks": (
        [step(B, "block", 0, 1), step(A, "follow", 2, 3)],
        1,
    ),
    "one lost follow explains two, not three": (
        [
            lost(A, "follow", 0),
            step(B, "remove", 2, 3),
            reads(A, 4, 5, 2),
            step(B, "remove", 6, 7),
            reads(A, 8, 9, 2),
        ],
        4,
    ),
    "a failed write (it is not in the history) was done": ([reads(A, 0, 1, 2)], 0),
    "a following survives a block": (
        [step(A, "follow", 0, 1), step(B, "block", 2, 3), Step(A, FOLLOWINGS, 4, 5, True)],
        2,
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_order_is_found(name: str) -> None:
    assert contradiction(RIGHT[name]) is None


@pytest.mark.parametrize("name", WRONG)
def test_no_order_is_found(name: str) -> None:
    steps, at = WRONG[name]
    wrong = contradiction(steps)
    assert wrong is not None
    assert wrong.step == steps[at]


def test_a_message_names_what_ran_at_the_same_time() -> None:
    wrong = contradiction([step(A, "follow", 0, 1), reads(A, 2, 5, 6), step(A, "unfollow", 3, 4)])
    assert wrong is not None
    first, during, states = str(wrong).splitlines()
    assert "(6, 0)" in first
    assert "unfollow" in during
    assert states == "  possible states before: --"


@pytest.mark.parametrize(
    ("log", "holds"),
    [
        ([(A, "follow"), (B, "follow")], True),
        ([(B, "follow"), (A, "follow")], False),
        ([(A, "follow")], False),
        ([(A, "follow"), (B, "follow"), (B, "follow")], False),
        ([(A, "follow"), (B, "follow"), (A, "unfollow")], True),
        ([(A, "follow"), (B, "follow"), (B, "unfollow")], False),
    ],
)
def test_a_log_has_each_change_once_and_in_order(log: Log, holds: bool) -> None:
    steps = [step(A, "follow", 0, 1), step(B, "follow", 2, 3), lost(A, "unfollow", 3)]
    assert (contradiction(steps, EMPTY, log) is None) == holds


# --- properties ---

_OPS = st.tuples(st.sampled_from([A, B]), st.sampled_from([*ACTS, RELATION, BOTH]))
_STARTS: st.SearchStrategy[State] = st.sampled_from(
    [("-", "-"), ("w", "-"), ("-", "w"), ("f", "-"), ("f", "f"), ("s", "f"), ("b", "-"), ("b", "b")]
)


@st.composite
def runs(draw: st.DrawFn, *, overlap: int) -> tuple[State, list[Step], Log]:
    """Return the steps of a sequential run, whose times then overlap, and its log.

    The results of some acts are lost, and some of these were not done.
    """
    start = state = draw(_STARTS)
    steps, log = [], []
    for at, (who, name) in enumerate(draw(st.lists(_OPS, max_size=25))):
        is_lost = bool(overlap) and name in ACTS and draw(st.integers(0, 9)) == 0
        time, widths = 10 * at, st.integers(0, overlap)
        begin, end = time - draw(widths), time + draw(widths)
        if is_lost and draw(st.booleans()):
            steps.append(lost(who, name, begin))
            continue
        if kind := recorded(state, who, name):
            log.append((who, kind))
        value, state = apply(state, who, name)
        steps.append(lost(who, name, begin) if is_lost else Step(who, name, begin, end, value))
    return start, steps, log


@given(run=runs(overlap=35))
def test_a_sequential_run_with_overlaps_is_accepted(run: tuple[State, list[Step], Log]) -> None:
    start, steps, log = run
    assert contradiction(steps, start) is None
    assert contradiction(steps, start, log) is None


@given(run=runs(overlap=0), data=st.data())
def test_one_other_result_is_refused(
    run: tuple[State, list[Step], Log], data: st.DataObject
) -> None:
    start, steps, _ = run
    if not steps:
        return
    at = data.draw(st.integers(0, len(steps) - 1))
    # What the operation would have returned in another state.
    elsewhere = data.draw(_STARTS)
    other, _ = apply(elsewhere, steps[at].who, steps[at].name)
    steps[at] = steps[at]._replace(value=other)
    wrong = contradiction(steps, start)
    assert (wrong is None) == (run_again(start, steps) == [one.value for one in steps])
    assert wrong is None or wrong.step == steps[at]


@given(run=runs(overlap=0), data=st.data())
def test_another_log_is_refused(run: tuple[State, list[Step], Log], data: st.DataObject) -> None:
    start, steps, log = run
    if not log:
        return
    at = data.draw(st.integers(0, len(log) - 1))
    changes = list(log)
    match data.draw(st.sampled_from(["drop", "repeat", "swap"])):
        case "drop":
            del changes[at]
        case "repeat":
            changes.insert(at, changes[at])
        case _:
            changes[at : at + 2] = changes[at : at + 2][::-1]
    assert (contradiction(steps, start, changes) is None) == (changes == list(log))


def run_again(start: State, steps: Sequence[Step]) -> list[Any]:
    """Return the results of the steps one after another."""
    state, values = start, []
    for one in steps:
        value, state = apply(state, one.who, one.name)
        values.append(value)
    return values


_FEW = st.lists(
    st.tuples(
        st.sampled_from([A, B]),
        st.sampled_from(["follow", "unfollow", "block", RELATION]),
        st.integers(0, 6),
        st.integers(0, 4),
        st.sampled_from([0, 0, 22014, 22003, 22002, None]),
        st.sampled_from([0, 2, 6, 128]),
    ),
    max_size=5,
)


@given(drawn=_FEW)
def test_the_search_finds_what_brute_force_finds(drawn: list[Any]) -> None:
    steps = []
    for who, name, begin, length, code, attribute in drawn:
        if name == RELATION:
            steps.append(reads(who, begin, begin + length, attribute))
        elif code is None:
            steps.append(lost(who, name, begin))
        else:
            steps.append(step(who, name, begin, begin + length, code))
    assert (contradiction(steps) is None) == any(map(explains, orders(steps)))


def orders(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield each order of the steps that respects their times, with any of those that were lost."""
    kept = [one for one in steps if one.end < inf]
    gone = [one for one in steps if one.end == inf]
    for size in range(len(gone) + 1):
        for some in combinations(gone, size):
            for order in permutations([*kept, *some]):
                if all(
                    one.begin <= later.end
                    for at, one in enumerate(order)
                    for later in order[at + 1 :]
                ):
                    yield order


def explains(order: Sequence[Step]) -> bool:
    state = EMPTY
    for one in order:
        value, state = apply(state, one.who, one.name)
        if one.end < inf and value != one.value:
            return False
    return True
