"""A pair of accounts as a small state machine, from DESIGN.md, section 3, without guanxi's code.

A state is what each of the two accounts has towards the other, one letter each; the account with
the lower mid is number 0. Counts, lists and times are no part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.history.ops import (
    BLOCK,
    BOTH,
    CANCEL,
    FOLLOW,
    FOLLOWERS,
    FOLLOWINGS,
    PLAIN,
    RELATION,
    REMOVE,
    SPECIAL,
    UNBLOCK,
    UNFOLLOW,
)

#: The sides: nothing, a whisper, a following, a special following, a block.
NOTHING, WHISPERS, FOLLOWS, SPECIALLY, BLOCKS = "-wfsb"
FOLLOWING = FOLLOWS + SPECIALLY

State = tuple[str, str]
EMPTY: State = (NOTHING, NOTHING)

#: Of an act: the actor's side and the other's -> the code, and both sides afterwards.
_Act = Callable[[str, str], tuple[int, str, str]]


def _follow(mine: str, theirs: str) -> tuple[int, str, str]:
    if mine == BLOCKS:
        return 22003, mine, theirs
    if mine in FOLLOWING:
        return 22014, mine, theirs
    if theirs == BLOCKS:
        return 22002, mine, theirs
    return 0, FOLLOWS, theirs


def _block(mine: str, theirs: str) -> tuple[int, str, str]:
    if mine == BLOCKS:
        return 22120, mine, theirs
    return 0, BLOCKS, theirs if theirs == BLOCKS else NOTHING


def _ends(*ended: str) -> _Act:
    return lambda mine, theirs: (0, NOTHING if mine in ended else mine, theirs)


def _regroup(after: str) -> _Act:
    return lambda mine, theirs: (0, after, theirs) if mine in FOLLOWING else (22105, mine, theirs)


_ACTS: dict[str, _Act] = {
    FOLLOW: _follow,
    UNFOLLOW: _ends(WHISPERS, FOLLOWS, SPECIALLY),
    CANCEL: _ends(WHISPERS),
    BLOCK: _block,
    UNBLOCK: _ends(BLOCKS),
    REMOVE: lambda mine, theirs: (0, mine, NOTHING if theirs in FOLLOWING else theirs),
    SPECIAL: _regroup(SPECIALLY),
    PLAIN: _regroup(FOLLOWS),
}


def _attribute(mine: str, theirs: str) -> int:
    if mine in FOLLOWING:
        return 6 if theirs in FOLLOWING else 2
    return {NOTHING: 0, WHISPERS: 1, BLOCKS: 128}[mine]


_READS: dict[str, Callable[[str, str], Any]] = {
    RELATION: lambda mine, theirs: (_attribute(mine, theirs), int(mine == SPECIALLY)),
    # The other's whisper or block is not shown.
    BOTH: lambda mine, theirs: (
        _attribute(mine, theirs),
        _attribute(theirs, mine) if theirs in FOLLOWING else 0,
    ),
    # Whether the other is in the caller's own list.
    FOLLOWINGS: lambda mine, theirs: mine in FOLLOWING,
    FOLLOWERS: lambda mine, theirs: theirs in FOLLOWING,
}


def apply(state: State, who: int, name: str) -> tuple[Any, State]:
    """Return the result of an operation of account ``who`` (0 or 1), and the state after it."""
    mine, theirs = state[who], state[1 - who]
    if name in _READS:
        return _READS[name](mine, theirs), state
    code, mine, theirs = _ACTS[name](mine, theirs)
    return code, (theirs, mine) if who else (mine, theirs)


def recorded(state: State, who: int, name: str) -> str | None:
    """Return the kind of the change that the feed records of an act; None if it changes nothing."""
    _, after = apply(state, who, name)
    if after == state:
        return None
    if name == UNFOLLOW and state[who] == WHISPERS:
        return _RECORDED[CANCEL]
    return _RECORDED[name]


_RECORDED = {
    FOLLOW: "follow",
    UNFOLLOW: "unfollow",
    CANCEL: "cancel_whisper",
    BLOCK: "block",
    UNBLOCK: "unblock",
    REMOVE: "remove_follower",
    SPECIAL: "special",
    PLAIN: "special",
}
