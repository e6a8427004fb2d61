"""Two accounts and what each holds towards the other; and the acts that change it.

A ``Side`` is what one account holds towards the other. Everything else derives: two followings make
a mutual, and an attribute follows from one's own side and whether the other follows back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from guanxi.contract import errors

#: The group of special followings, and the group of those in no group.
SPECIAL, DEFAULT = -10, 0

#: A place orders a list: seconds in the high bits, a finer part in the low ones. Places rise within
#: an owner, so that newest first is one total order even where clocks are coarse or step back.
_FINER_BITS = 16


def sort_key_at(ns: int) -> int:
    """The place of a moment, given in nanoseconds since 1970."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return (seconds << _FINER_BITS) | ((rest << _FINER_BITS) // 1_000_000_000)


def sort_key_of_mtime(mtime: int) -> int:
    """The first place of a second."""
    return mtime << _FINER_BITS


def next_sort_key(now: int, newest: int) -> int:
    """The place of a new row of an owner whose newest row stands at ``newest`` (0 without rows)."""
    return now if now > newest else newest + 1


def mtime_of(sort_key: int) -> int:
    """The second that a place lies in."""
    return sort_key >> _FINER_BITS


def mtimes_of(sort_keys: Iterable[int]) -> list[int]:
    """The second that each place lies in."""
    return [sort_key >> _FINER_BITS for sort_key in sort_keys]


def finer_of(sort_key: int) -> int:
    """What a place tells beyond its second, below ``place_of_mtime(1)``."""
    return sort_key & (1 << _FINER_BITS) - 1


class Contract(Struct, frozen=True, gc=False):
    """One account is a contractor of the other since ``ts``; ``user_attr`` 1 is an old fan."""

    ts: int
    user_attr: int = 0


class Edge(Struct, frozen=True, gc=False):
    """A following. ``groups`` holds ``SPECIAL`` for a special one, and never ``DEFAULT``."""

    sort_key: int
    groups: frozenset[int] = frozenset()
    contract: Contract | None = None


class Side(Struct, frozen=True, gc=False):
    """What one account holds towards another; places, or None for what does not stand."""

    follows: Edge | None = None
    whispers: int | None = None
    blocks: int | None = None


EMPTY_SIDE = Side()


class Pair(Struct, frozen=True):
    """``mine`` is the actor's side, ``theirs`` the target's."""

    mine: Side = EMPTY_SIDE
    theirs: Side = EMPTY_SIDE


class Attribute(IntEnum):
    """How an account stands to another, as the wire tells it."""

    NONE = 0
    WHISPER = 1
    FOLLOWING = 2
    MUTUAL = 6
    BLOCKED = 128


#: As numbers, which are told sooner than members of an enumeration.
_NONE, _WHISPER, _FOLLOWING, _MUTUAL, _BLOCKED = map(int, Attribute)


def attribute(side: Side, *, followed_back: bool) -> int:
    """The ``Attribute`` of one's own side."""
    if side.follows is not None:
        return _MUTUAL if followed_back else _FOLLOWING
    if side.blocks is not None:
        return _BLOCKED
    return _NONE if side.whispers is None else _WHISPER


class Relation(Struct, frozen=True, gc=False):
    """How an account stands to another, as itself may know it."""

    #: An ``Attribute``, as a number.
    attribute: int = _NONE
    #: Of the following or the whisper; 0 without either.
    sort_key: int = 0
    #: Rising; empty for none.
    groups: tuple[int, ...] = ()


def relation_of(side: Side, *, followed_back: bool) -> Relation:
    """How one stands to another by one's own side."""
    told, edge = attribute(side, followed_back=followed_back), side.follows
    if edge is None:
        return Relation(told, side.whispers or 0)
    return Relation(told, edge.sort_key, tuple(sorted(edge.groups)))


def public_attribute(value: int) -> int:
    """An attribute as the other party may know it: without whispers and blocks."""
    return value if value in (Attribute.FOLLOWING, Attribute.MUTUAL) else Attribute.NONE


class Act(IntEnum):
    """What ``modify`` can be asked to do (004, 操作用户关系)."""

    FOLLOW = 1
    UNFOLLOW = 2
    WHISPER = 3
    CANCEL_WHISPER = 4
    BLOCK = 5
    UNBLOCK = 6
    REMOVE_FOLLOWER = 7


class Modify(Struct, frozen=True):
    """``owner`` does ``act`` to ``target``."""

    owner: int
    target: int
    act: int


class Facts(Struct, frozen=True, kw_only=True):
    """What the rules must know of a pair before an act."""

    pair: Pair = Pair()
    #: The actor may do none of the acts.
    banned: bool = False
    #: The target's account.
    known: bool = True
    deregistered: bool = False
    refuses_follows: bool = False
    #: How many the actor follows, and how many they may.
    following: int = 0
    following_cap: int
    #: The places of a new row of the actor's, and of a refreshed following of the target's.
    sort_key: int
    their_sort_key: int


def decide(act: Modify, facts: Facts) -> int | Pair:
    """What becomes of the pair: the code of a refusal, or the pair afterwards.

    A pair equal to ``facts.pair`` means that there was nothing to do.
    """
    if act.act == Act.WHISPER:
        return errors.BadRequest.number
    if facts.banned:
        return errors.AccountBanned.number
    if act.owner == act.target:
        return errors.CannotTargetSelf.number
    return _ACTS[Act(act.act)](facts)


def _follow(facts: Facts) -> int | Pair:
    mine, theirs = facts.pair.mine, facts.pair.theirs
    refusal = _refused_target(facts)
    if refusal is None and mine.blocks is not None:
        refusal = errors.TargetInBlacklist.number
    if refusal is None and mine.follows is not None:
        refusal = errors.AlreadyFollowing.number
    if refusal is None and (facts.refuses_follows or theirs.blocks is not None):
        refusal = errors.FollowRefused.number
    if refusal is None and facts.following >= facts.following_cap:
        refusal = errors.FollowingLimitReached.number
    if refusal is not None:
        return refusal
    if theirs.follows is not None:
        theirs = replace(theirs, follows=replace(theirs.follows, sort_key=facts.their_sort_key))
    return Pair(mine=Side(follows=Edge(facts.sort_key)), theirs=theirs)


def _refused_target(facts: Facts) -> int | None:
    if not facts.known:
        return errors.NoSuchUser.number
    return errors.AccountDeregistered.number if facts.deregistered else None


def _unfollow(facts: Facts) -> Pair:
    mine = replace(facts.pair.mine, follows=None, whispers=None)
    return Pair(mine=mine, theirs=facts.pair.theirs)


def _cancel_whisper(facts: Facts) -> Pair:
    return Pair(mine=replace(facts.pair.mine, whispers=None), theirs=facts.pair.theirs)


def _block(facts: Facts) -> int | Pair:
    refusal = _refused_target(facts)
    if refusal is None and facts.pair.mine.blocks is not None:
        refusal = errors.AlreadyBlocked.number
    if refusal is not None:
        return refusal
    theirs = replace(facts.pair.theirs, follows=None, whispers=None)
    return Pair(mine=Side(blocks=facts.sort_key), theirs=theirs)


def _unblock(facts: Facts) -> Pair:
    return Pair(mine=replace(facts.pair.mine, blocks=None), theirs=facts.pair.theirs)


def _remove_follower(facts: Facts) -> Pair:
    return Pair(mine=facts.pair.mine, theirs=replace(facts.pair.theirs, follows=None))


_ACTS = {
    Act.FOLLOW: _follow,
    Act.UNFOLLOW: _unfollow,
    Act.CANCEL_WHISPER: _cancel_whisper,
    Act.BLOCK: _block,
    Act.UNBLOCK: _unblock,
    Act.REMOVE_FOLLOWER: _remove_follower,
}


#: What a batch is answered as a whole, where it is the code of every member.
_WHOLE_CODES = (errors.AccountBanned.number, errors.TargetInBlacklist.number)


def batch_result(fids: list[int], codes: list[int]) -> tuple[int, list[int]]:
    """The code and the failed fids of a batch, from each member's own code.

    One code for all only where the caller is banned, or blocks every one of them; otherwise 0.
    """
    failed = [fid for fid, code in zip(fids, codes, strict=True) if code]
    alike = codes[0] if len(set(codes)) == 1 else 0
    return (alike if alike in _WHOLE_CODES else 0), failed
