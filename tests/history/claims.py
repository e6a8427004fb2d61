"""What a history must show besides linearizability; each function returns what contradicts it.

They reason about acknowledged acts only where no other act can have interfered, so that each
contradiction is one of the service, whatever took effect of the acts without a response.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import Any, NamedTuple

from tests.history.ops import (
    BLOCK,
    BOTH,
    FOLLOW,
    FOLLOWERS,
    FOLLOWINGS,
    RELATION,
    REMOVE,
    STAT,
    UNFOLLOW,
    Change,
    Op,
    Outcome,
    Page,
    counted,
)


class _Times:
    """Acts that have, or may have, one effect: questions about their times, by bisection."""

    def __init__(self, ops: Iterable[Op]) -> None:
        known = list(ops)
        by_begin = sorted((op.begin, op.until) for op in known)
        by_end = sorted((op.end, op.begin) for op in known if op.outcome is Outcome.OK)
        self._begins = [begin for begin, _ in by_begin]
        self._latest = list(accumulate((until for _, until in by_begin), max))
        self._ends = [end for end, _ in by_end]
        self._newest = list(accumulate((begin for _, begin in by_end), max))

    def newest_before(self, time: float) -> float:
        """Return the latest beginning of those that were acknowledged before; else -inf."""
        at = bisect_left(self._ends, time)
        return self._newest[at - 1] if at else -inf

    def may_act(self, after: float, before: float) -> bool:
        """Return whether one may take effect between two times."""
        at = bisect_right(self._begins, before)
        return bool(at) and self._latest[at - 1] >= after


class Followings:
    """What the acknowledged acts say of who follows whom at the time of a read."""

    def __init__(self, ops: Iterable[Op]) -> None:
        made: dict[tuple[int, int], list[Op]] = defaultdict(list)
        ended: dict[tuple[int, int], list[Op]] = defaultdict(list)
        for op in counted(ops):
            if not op.is_act or op.value:  # a refusal changes nothing
                continue
            there, back = (op.caller, op.target), (op.target, op.caller)
            if op.name == FOLLOW:
                made[there].append(op)
            if op.name in (UNFOLLOW, BLOCK):
                ended[there].append(op)
            if op.name in (REMOVE, BLOCK):
                ended[back].append(op)
        self.pairs = made.keys() | ended.keys()
        self._made = {pair: _Times(made[pair]) for pair in self.pairs}
        self._ended = {pair: _Times(ended[pair]) for pair in self.pairs}

    def known(self, follower: int, followed: int, read: Op) -> bool | None:
        """Return whether the one follows the other throughout the read; None if that is open.

        Nobody follows anybody before the history begins.
        """
        pair = follower, followed
        if pair not in self.pairs:
            return False
        made, ended = self._made[pair], self._ended[pair]
        follow, end = made.newest_before(read.begin), ended.newest_before(read.begin)
        if follow > -inf and not ended.may_act(follow, read.end):
            return True
        return None if made.may_act(end, read.end) else False

    def bounds(self, owner: int, read: Op, *, followers: bool) -> tuple[int, int]:
        """Return the fewest and the most accounts that the owner's list can have."""
        side = 1 if followers else 0
        known = [self.known(*pair, read) for pair in self.pairs if pair[side] == owner]
        return known.count(True), len(known) - known.count(False)


def wrong_counts(ops: Sequence[Op]) -> list[str]:
    """Return reads whose counts the acknowledged acts contradict, or whose list has another length.

    A count lies between the number of accounts that follow for certain, and of those that may.
    """
    followings, found = Followings(ops), []
    for op in counted(ops):
        shown: list[tuple[bool, int]] = []
        owner = op.caller
        if op.name == STAT:
            owner, shown = op.target, [(False, op.value[0]), (True, op.value[1])]
        elif op.name in (FOLLOWINGS, FOLLOWERS):
            shown = [(op.name == FOLLOWERS, op.value.total)]
            if op.value.total != len(op.value.mids):
                found.append(f"total and length differ: {op}")
        for followers, total in shown:
            least, most = followings.bounds(owner, op, followers=followers)
            if not least <= total <= most:
                found.append(f"{total} is not within {least} and {most}: {op}")
    return found


def lost_writes(ops: Sequence[Op]) -> list[str]:
    """Return reads of an account that lack an acknowledged act that nothing can have undone."""
    followings, found = Followings(ops), []
    for op in counted(ops):
        if op.name not in (RELATION, BOTH):
            continue
        known = followings.known(op.caller, op.target, op)
        shown = op.value[0] in (2, 6)
        if known is not None and known != shown:
            found.append(f"following must be {known}: {op}")
    return found


class Seen(NamedTuple):
    """A value that was seen at some time between two."""

    begin: float
    end: float
    value: Any
    of: object


def falling(seen: Iterable[Seen]) -> list[str]:
    """Return the values that are lower than one that was seen completely before."""
    found = []
    by_end = sorted(seen, key=lambda each: each.end)
    by_begin = sorted(by_end, key=lambda each: each.begin)
    highest, ended = None, 0
    for each in by_begin:
        while by_end[ended].end < each.begin:
            if highest is None or by_end[ended].value > highest.value:
                highest = by_end[ended]
            ended += 1
        if highest is not None and each.value < highest.value:
            found.append(f"{each.of} is after {highest.of}")
    return found


def fallen_counts(ops: Sequence[Op], growing: Iterable[int]) -> list[str]:
    """Return reads with fewer followers than one before, of accounts that only gain them."""
    found = []
    for owner in growing:
        reads = [op for op in counted(ops) if op.name == STAT and op.target == owner]
        found += falling(Seen(op.begin, op.end, op.value[1], op) for op in reads)
    return found


def wrong_versions(ops: Sequence[Op]) -> list[str]:
    """Return lists whose version fell, or which differ from another one of the same version."""
    pages: Mapping[tuple[int, str], list[Op]] = defaultdict(list)
    for op in counted(ops):
        if isinstance(op.value, Page):
            pages[op.caller, op.name].append(op)
    found = []
    for reads in pages.values():
        found += falling(Seen(op.begin, op.end, op.value.version, op) for op in reads)
        for one, other in pairwise(sorted(reads, key=lambda op: op.value.version)):
            if one.value.version == other.value.version and one.value != other.value:
                found.append(f"one version, two lists: {one} and {other}")
    return found


def wrong_feed(ops: Sequence[Op], feed: Sequence[Change]) -> list[str]:
    """Return what the feed repeats, or has in another order than an account's responses.

    Whether it has each change is checked with the pairs: ``linear.contradictions``.
    """
    found = [
        f"{later} is after {earlier}"
        for earlier, later in pairwise(feed)
        if later.number <= earlier.number or later.cursor == earlier.cursor
    ]
    # A follow or a block that was answered 0 changed something. Where there are as many changes as
    # such acts, one after another, each act has its number.
    acts: dict[tuple[int, str, int], list[Op]] = defaultdict(list)
    numbers: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    for op in counted(ops):
        if op.name in (FOLLOW, BLOCK) and not op.value:
            acts[op.caller, op.name, op.target].append(op)
    for change in feed:
        numbers[change.actor, change.kind, change.target].append(change.number)
    seen: dict[int, list[Seen]] = defaultdict(list)
    for key, same in acts.items():
        same.sort(key=lambda op: op.begin)
        in_turn = all(one.until < other.begin for one, other in pairwise(same))
        if in_turn and len(same) == len(numbers[key]) and same[-1].until < inf:
            for op, number in zip(same, numbers[key], strict=True):
                seen[key[0]].append(Seen(op.begin, op.end, number, f"change {number} of {op}"))
    for owned in seen.values():
        found += falling(owned)
    return found
