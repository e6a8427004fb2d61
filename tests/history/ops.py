"""What a history consists of: the operations of concurrent clients, with their times and results.

A history is checked after the run, by the pure functions of ``linear`` and ``claims``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any

#: The acts, by name. ``SPECIAL`` sets the groups of a following to the special one, ``PLAIN`` to
#: none. No act makes a whisper: imports do, before a history begins.
FOLLOW, UNFOLLOW, CANCEL, BLOCK, UNBLOCK, REMOVE, SPECIAL, PLAIN = ACTS = (
    *("follow", "unfollow", "cancel", "block", "unblock", "remove", "special", "plain"),
)

#: The reads: the caller's relation to another account, the relations of both to each other, an
#: account's counts, and the caller's own lists.
RELATION, BOTH, STAT, FOLLOWINGS, FOLLOWERS = "relation", "both", "stat", "followings", "followers"


class Outcome(Enum):
    """What the client knows of an operation after its response, or the lack of one."""

    #: It has a result: of an act the code, 0 or that of the rule that refused it.
    OK = "ok"
    #: Nothing was done (-503, or no connection).
    FAIL = "fail"
    #: It may take effect at any later time (-504, or no response).
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Page:
    """What a read of a whole list returned."""

    total: int
    version: int
    mids: tuple[int, ...]


@dataclass(frozen=True)
class Op:
    """An operation of one client. The times are in nanoseconds of one monotonic clock."""

    process: int
    caller: int
    name: str
    target: int
    begin: int
    end: float
    outcome: Outcome = Outcome.OK
    #: Of an act its code; of a read what it returned. None unless the outcome is OK.
    value: Any = None

    @property
    def is_act(self) -> bool:
        return self.name in ACTS

    @property
    def until(self) -> float:
        """Return the time at which it has taken effect at the latest, if it does."""
        return inf if self.outcome is Outcome.UNKNOWN else self.end

    def __str__(self) -> str:
        """Return a line that shows the operation in a message."""
        end = f"{self.end / 1e6:.3f}" if self.end < inf else "?"
        return (
            f"[{self.begin / 1e6:.3f} {end}] client {self.process}: {self.caller} {self.name}"
            f" {self.target or ''} -> {self.outcome.value} {self.value}"
        )


@dataclass(frozen=True)
class Change:
    """One change of the feed, as a reader got it."""

    number: int
    kind: str
    actor: int
    target: int
    cursor: str


def counted(ops: Iterable[Op]) -> Iterator[Op]:
    """Yield the operations that the history is checked by: failed ones did and saw nothing."""
    for op in ops:
        if op.outcome is Outcome.OK or (op.is_act and op.outcome is Outcome.UNKNOWN):
            yield op
