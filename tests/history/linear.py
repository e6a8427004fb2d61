"""Whether the history of one pair is linearizable: Wing and Gong's search, as Lowe has it.

The history is walked in the order of its events. Kept are all configurations that explain it so
far: the pair's state, which running operations have taken effect, and how many of those without a
response. Only when an operation ends must it have taken effect; then every order of running
operations that lets it is tried. The history is not linearizable if no configuration is left.

An operation without a response runs for ever: it may take effect at any time, or never. Those of
one account with one act are interchangeable, so that their number is enough.

With the feed's changes of the pair as its log, what changes the state must also be the next change
of the log, and in the end all must be explained: each acknowledged change is there once, in order.

G. Lowe, Testing for linearizability, Concurrency and Computation 29 (2017), describes the search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from tests.history.ops import BOTH, FOLLOWERS, FOLLOWINGS, RELATION, Change, Op, counted
from tests.history.pair import EMPTY, State, apply, recorded


class Step(NamedTuple):
    """An operation of account ``who`` (0 or 1) of a pair; ``end`` is infinite without a result."""

    who: int
    name: str
    begin: float
    end: float
    #: What the operation returned.
    value: Any
    op: Op | None = None


#: The changes of a pair in the order of the feed: who did it (0 or 1), and the kind.
Log = Sequence[tuple[int, str]]


class _Configuration(NamedTuple):
    state: State
    #: How many changes of the log have been explained.
    logged: int
    #: The running operations that have taken effect, by their indices.
    done: frozenset[int]
    #: How many operations without a response have, by kind.
    late: tuple[int, ...]


@dataclass(frozen=True)
class Contradiction:
    """No order of the operations explains the result of ``step``, or the log if that is None."""

    step: Step | None
    #: The operations that ran at some time during it, or the changes that are left of the log.
    context: Sequence[object]
    #: The states that were possible before it ended.
    states: Sequence[State]

    def __str__(self) -> str:
        """Return the operation, what ran at the same time, and the possible states."""
        if self.step is None:
            return f"no order explains the feed's changes from here: {self.context}"
        lines = [f"no order explains: {self.step.op or self.step}"]
        lines += [f"  at the same time: {each}" for each in self.context]
        lines.append(f"  possible states before: {', '.join(map(''.join, self.states))}")
        return "\n".join(lines)


def contradiction(
    steps: Sequence[Step], start: State = EMPTY, log: Log | None = None
) -> Contradiction | None:
    """Return the first contradiction of a pair's history, or None if it is linearizable.

    With ``log``: if it is so in the order of the log, and explains the whole log.
    """
    search = _Search(steps, log)
    possible = {_Configuration(start, 0, frozenset(), (0,) * len(search.kinds))}
    # At equal times beginnings come first: such operations overlap.
    events = sorted(
        [(step.begin, 0, at) for at, step in enumerate(steps)]
        + [(step.end, 1, at) for at, step in enumerate(steps) if step.end < inf]
    )
    for _, is_end, at in events:
        if not is_end:
            search.begin(at)
            continue
        before, possible = possible, search.end(at, possible)
        if not possible:
            step = steps[at]
            during = [
                other.op or other
                for other in steps
                if other is not step and other.begin <= step.end and other.end >= step.begin
            ]
            return Contradiction(step, during, sorted({each.state for each in before}))
    if log is not None:
        reached = max(each.logged for each in search.reachable(possible))
        if reached < len(log):
            return Contradiction(None, log[reached:], sorted({each.state for each in possible}))
    return None


class _Search:
    """The operations that have begun, and the configurations that can follow from others."""

    def __init__(self, steps: Sequence[Step], log: Log | None) -> None:
        self._steps, self._log = steps, log
        #: The kinds of operations without a response, and how many of each have begun.
        self.kinds = sorted({(step.who, step.name) for step in steps if step.end == inf})
        self._begun = [0] * len(self.kinds)
        self._running: set[int] = set()

    def begin(self, at: int) -> None:
        step = self._steps[at]
        if step.end == inf:
            self._begun[self.kinds.index((step.who, step.name))] += 1
        else:
            self._running.add(at)

    def end(self, at: int, before: set[_Configuration]) -> set[_Configuration]:
        """Return the configurations in which operation ``at`` has taken effect with its result."""
        found = {
            each._replace(done=each.done - {at})
            for each in self.reachable(before, at)
            if at in each.done
        }
        self._running.discard(at)
        return _undominated(found)

    def reachable(
        self, before: set[_Configuration], until: int | None = None
    ) -> set[_Configuration]:
        """Return what can follow, with ``before``; nothing follows once ``until`` is done."""
        seen, left = set(before), list(before)
        while left:
            current = left.pop()
            if until in current.done:
                continue
            for following in self._nexts(current):
                if following not in seen:
                    seen.add(following)
                    left.append(following)
        return seen

    def _nexts(self, current: _Configuration) -> Iterator[_Configuration]:
        for at in self._running - current.done:
            step = self._steps[at]
            value, _ = apply(current.state, step.who, step.name)
            after = self._after(current, step.who, step.name)
            if value == step.value and after is not None:
                yield after._replace(done=current.done | {at})
        for kind, (who, name) in enumerate(self.kinds):
            late = current.late
            if late[kind] < self._begun[kind]:
                after = self._after(current, who, name)
                if after is not None and after.state != current.state:
                    used = (*late[:kind], late[kind] + 1, *late[kind + 1 :])
                    yield after._replace(late=used)

    def _after(self, current: _Configuration, who: int, name: str) -> _Configuration | None:
        """Return the configuration after an operation; None if the log has another change next."""
        _, state = apply(current.state, who, name)
        if state == current.state:
            return current
        if self._log is not None:
            at = current.logged
            change = who, recorded(current.state, who, name)
            if at == len(self._log) or self._log[at] != change:
                return None
        return current._replace(state=state, logged=current.logged + 1)


def _undominated(configurations: set[_Configuration]) -> set[_Configuration]:
    """Return those that no other one equals with fewer operations without a response in effect."""
    groups: dict[_Configuration, list[tuple[int, ...]]] = defaultdict(list)
    for each in configurations:
        groups[each._replace(late=())].append(each.late)
    return {
        rest._replace(late=late)
        for rest, lates in groups.items()
        for late in lates
        if not any(
            other != late and all(a <= b for a, b in zip(other, late, strict=True))
            for other in lates
        )
    }


def pairs_of(ops: Iterable[Op], accounts: Sequence[int]) -> dict[tuple[int, int], list[Step]]:
    """Return the history of each pair of ``accounts``, by the lower and the higher mid.

    A read of a list is a read of each pair: whether the other account is in it.
    """
    steps: dict[tuple[int, int], list[Step]] = defaultdict(list)
    for op in counted(ops):
        if op.name in (FOLLOWINGS, FOLLOWERS):
            results = [(other, other in op.value.mids) for other in accounts if other != op.caller]
        elif op.is_act or op.name in (RELATION, BOTH):
            results = [(op.target, op.value)]
        else:
            continue
        for other, value in results:
            low, high = sorted((op.caller, other))
            who = int(op.caller == high)
            steps[low, high].append(Step(who, op.name, op.begin, op.until, value, op))
    return steps


def contradictions(
    ops: Sequence[Op],
    accounts: Sequence[int],
    start: Mapping[tuple[int, int], State],
    feed: Sequence[Change] | None = None,
) -> list[str]:
    """Return the contradiction of each pair whose history is not linearizable, also with its feed.

    ``start`` has the first states that are not empty; ``feed`` are all changes in their order.
    Linearizability is local: a history is linearizable if and only if that of each pair is.
    """
    logs: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)
    for change in feed or ():
        low, high = sorted((change.actor, change.target))
        logs[low, high].append((int(change.actor == high), change.kind))
    pairs, found = pairs_of(ops, accounts), []
    for pair in sorted(pairs.keys() | logs.keys()):
        first, log = start.get(pair, EMPTY), None if feed is None else logs[pair]
        # First without the feed, so that a message does not blame the wrong one.
        wrong = contradiction(pairs[pair], first) or contradiction(pairs[pair], first, log)
        if wrong is not None:
            found.append(f"pair {pair}: {wrong}")
    return found
