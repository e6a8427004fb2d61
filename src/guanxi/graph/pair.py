"""The relation of two accounts, and the acts that change it.

A ``Side`` is what one account has towards the other: a following, a whisper, a block, or a request
to follow an account that approves its followers. All else is
derived from the two sides: they are mutual if both follow, and an account's attribute depends on
its own side and on whether the other follows back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from guanxi.contract import errors, relations

SPECIAL, DEFAULT = relations.SPECIAL, relations.DEFAULT
Attribute = relations.Attribute

#: A sort key orders a list: seconds in the high bits, a finer part in these low ones. A new row of
#: an owner gets one above all its others, so that the order stays total if a clock steps back.
_FINER_BITS = 16


def sort_key_at(ns: int) -> int:
    """Return the sort key of a time in nanoseconds since the Unix epoch."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return (seconds << _FINER_BITS) | ((rest << _FINER_BITS) // 1_000_000_000)


def sort_key_of_mtime(mtime: int) -> int:
    """Return the lowest sort key of a second; ``mtime`` is in seconds since the Unix epoch."""
    return mtime << _FINER_BITS


def next_sort_key(now: int, newest: int) -> int:
    """Return the sort key of an owner's new row: ``now``, but at least ``newest + 1``.

    ``now`` is a sort key too. ``newest`` is the owner's newest sort key, or 0 without rows.
    """
    return now if now > newest else newest + 1


def mtime_of(sort_key: int) -> int:
    """Return the second of a sort key, in seconds since the Unix epoch."""
    return sort_key >> _FINER_BITS


def mtimes_of(sort_keys: Iterable[int]) -> list[int]:
    """Return the times of sort keys, in seconds since the Unix epoch, in the same order."""
    return [sort_key >> _FINER_BITS for sort_key in sort_keys]


def finer_of(sort_key: int) -> int:
    """Return the part of a sort key below its second: 0 to ``sort_key_of_mtime(1) - 1``."""
    return sort_key & (1 << _FINER_BITS) - 1


class Contract(Struct, frozen=True, gc=False):
    """One account has been a contractor of another since ``ts``, in seconds since the Unix epoch.

    ``user_attr`` 1 marks an old fan (004, 关系列表对象).
    """

    ts: int
    user_attr: int = 0


class Edge(Struct, frozen=True, gc=False, omit_defaults=True):
    """A following. ``groups`` contains ``SPECIAL`` if it is special, and never ``DEFAULT``."""

    sort_key: int
    groups: frozenset[int] = frozenset()
    contract: Contract | None = None


class Side(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one account has towards another; None for what it has not.

    It has at most one of a following, a whisper and a block. A request to follow may exist next to
    a whisper only, and not while the other account blocks this one. All but a following are
    represented by their sort keys.
    """

    follows: Edge | None = None
    whispers: int | None = None
    blocks: int | None = None
    requests: int | None = None


#: The side of an account without a relation to the other.
EMPTY_SIDE = Side()


class Pair(Struct, frozen=True, gc=False):
    """Both sides of a relation: ``mine`` is the owner's (the actor's), ``theirs`` the target's."""

    mine: Side = EMPTY_SIDE
    theirs: Side = EMPTY_SIDE


#: As plain numbers, which are encoded faster than enumeration members.
_NONE, _WHISPER, _FOLLOWING, _MUTUAL, _BLOCKED = map(int, Attribute)


def attribute(side: Side, *, followed_back: bool) -> int:
    """Return an account's ``Attribute`` towards another, as a number, from its side.

    ``followed_back`` (the other account follows it) matters only if ``side`` is a following.
    """
    if side.follows is not None:
        return _MUTUAL if followed_back else _FOLLOWING
    if side.blocks is not None:
        return _BLOCKED
    return _NONE if side.whispers is None else _WHISPER


class Relation(Struct, frozen=True, gc=False):
    """The relation of an account to another, as the account itself may see it."""

    #: An ``Attribute``, as a number.
    attribute: int = _NONE
    #: Of the following or the whisper; 0 for a block and for no relation.
    sort_key: int = 0
    #: Ids of the owner's groups that hold the target, ascending.
    groups: tuple[int, ...] = ()


def relation_of(side: Side, *, followed_back: bool) -> Relation:
    """Return an account's relation to another, from its side.

    ``followed_back`` (the other account follows it) matters only if ``side`` is a following.
    """
    value, edge = attribute(side, followed_back=followed_back), side.follows
    if edge is None:
        return Relation(value, side.whispers or 0)
    return Relation(value, edge.sort_key, tuple(sorted(edge.groups)))


def public_attribute(value: int) -> int:
    """Return an attribute as the other account may see it.

    Only following (2) and mutual (6) are visible; any other ``value`` becomes 0.
    """
    return value if value in (Attribute.FOLLOWING, Attribute.MUTUAL) else Attribute.NONE


class Act(IntEnum):
    """What an account can do to another.

    1 to 7 are the values of ``act`` in POST /x/relation/modify (004, 操作用户关系). The others are
    ours, and no request of that endpoint can have them.
    """

    FOLLOW = 1
    UNFOLLOW = 2
    WHISPER = 3
    CANCEL_WHISPER = 4
    BLOCK = 5
    UNBLOCK = 6
    REMOVE_FOLLOWER = 7
    #: Accept or refuse the target's request to follow the owner; withdraw the owner's own.
    APPROVE = 8
    DECLINE = 9
    CANCEL_REQUEST = 10


#: The code of a follow that became a request, or that already is one: neither done nor refused.
#: Codes of refusals on the wire are negative or have five digits.
REQUESTED = 1


class Modify(Struct, frozen=True):
    """``owner`` does ``act`` to ``target``."""

    owner: int
    target: int
    act: int


class Refusal(Struct, frozen=True):
    """The rules refuse an act, which then changes nothing; ``code`` is that of the response."""

    code: int


class Facts(Struct, frozen=True, kw_only=True, gc=False):
    """What ``decide`` must know about the actor and the target."""

    pair: Pair = Pair()
    #: The actor is banned; it is deregistered. Then it may do none of the acts.
    banned: bool = False
    actor_deregistered: bool = False
    #: The target has an account; it is deregistered; it refuses to be followed.
    known: bool = True
    deregistered: bool = False
    refuses_follows: bool = False
    #: The target approves its followers, and whether a follow of it then makes a request. If not,
    #: the follow is refused.
    approves_followers: bool = False
    requests: bool = False
    #: How many accounts the actor follows, how many the target does (only read for an approval),
    #: and how many an account may follow.
    following: int = 0
    their_following: int = 0
    following_cap: int
    #: The sort keys of a new row of the actor, and of the target's following if it is refreshed or
    #: approved.
    sort_key: int
    their_sort_key: int


def decide(act: Modify, facts: Facts) -> Refusal | Pair:
    """Apply the rules to an act; return the pair afterwards, or the refusal.

    A pair equal to ``facts.pair`` means that there is nothing to do. If several refusals apply, the
    first of the documented order is returned. Raise ValueError for a number that is not an ``Act``.
    """
    if facts.actor_deregistered:
        return Refusal(errors.NotSignedIn.number)
    if act.act == Act.WHISPER:
        return Refusal(errors.BadRequest.number)
    if facts.banned:
        return Refusal(errors.AccountBanned.number)
    if act.owner == act.target:
        return Refusal(errors.CannotTargetSelf.number)
    return _ACTS[Act(act.act)](facts)


def code_of(act: Modify, after: Pair) -> int:
    """Return the code of an act that ``decide`` allowed: ``REQUESTED`` or 0."""
    return REQUESTED if act.act == Act.FOLLOW and after.mine.follows is None else 0


def _follow(facts: Facts) -> Refusal | Pair:
    mine, theirs = facts.pair.mine, facts.pair.theirs
    refusal = _refused_target(facts)
    if refusal is None and mine.blocks is not None:
        refusal = Refusal(errors.TargetInBlacklist.number)
    if refusal is None and mine.follows is not None:
        refusal = Refusal(errors.AlreadyFollowing.number)
    unanswerable = facts.approves_followers and not facts.requests
    if refusal is None and (facts.refuses_follows or unanswerable or theirs.blocks is not None):
        refusal = Refusal(errors.FollowRefused.number)
    if refusal is None and facts.following >= facts.following_cap:
        refusal = Refusal(errors.FollowingLimitReached.number)
    if refusal is not None:
        return refusal
    if facts.approves_followers:
        if mine.requests is None:
            mine = replace(mine, requests=facts.sort_key)
        return Pair(mine=mine, theirs=theirs)
    if theirs.follows is not None:
        theirs = replace(theirs, follows=replace(theirs.follows, sort_key=facts.their_sort_key))
    return Pair(mine=Side(follows=Edge(facts.sort_key)), theirs=theirs)


def _refused_target(facts: Facts) -> Refusal | None:
    if not facts.known:
        return Refusal(errors.NoSuchUser.number)
    return Refusal(errors.AccountDeregistered.number) if facts.deregistered else None


def _unfollow(facts: Facts) -> Pair:
    mine = replace(facts.pair.mine, follows=None, whispers=None, requests=None)
    return Pair(mine=mine, theirs=facts.pair.theirs)


def _cancel_whisper(facts: Facts) -> Pair:
    return Pair(mine=replace(facts.pair.mine, whispers=None), theirs=facts.pair.theirs)


def _block(facts: Facts) -> Refusal | Pair:
    refusal = _refused_target(facts)
    if refusal is None and facts.pair.mine.blocks is not None:
        refusal = Refusal(errors.AlreadyBlocked.number)
    if refusal is not None:
        return refusal
    theirs = replace(facts.pair.theirs, follows=None, whispers=None, requests=None)
    return Pair(mine=Side(blocks=facts.sort_key), theirs=theirs)


def _unblock(facts: Facts) -> Pair:
    return Pair(mine=replace(facts.pair.mine, blocks=None), theirs=facts.pair.theirs)


def _remove_follower(facts: Facts) -> Pair:
    return Pair(mine=facts.pair.mine, theirs=replace(facts.pair.theirs, follows=None))


def _approve(facts: Facts) -> Refusal | Pair:
    mine, theirs = facts.pair.mine, facts.pair.theirs
    refusal = _refused_target(facts)
    if refusal is None and mine.blocks is not None:
        refusal = Refusal(errors.TargetInBlacklist.number)
    if refusal is None and theirs.blocks is not None:
        refusal = Refusal(errors.FollowRefused.number)
    if refusal is not None:
        return refusal
    if theirs.follows is not None:  # approved already, perhaps by another call at the same time
        return facts.pair
    if theirs.requests is None:
        return Refusal(errors.NotFound.number)
    if facts.their_following >= facts.following_cap:
        return Refusal(errors.FollowingLimitReached.number)
    if mine.follows is not None:
        mine = replace(mine, follows=replace(mine.follows, sort_key=facts.sort_key))
    return Pair(mine=mine, theirs=Side(follows=Edge(facts.their_sort_key)))


def _decline(facts: Facts) -> Pair:
    return Pair(mine=facts.pair.mine, theirs=replace(facts.pair.theirs, requests=None))


def _cancel_request(facts: Facts) -> Pair:
    return Pair(mine=replace(facts.pair.mine, requests=None), theirs=facts.pair.theirs)


_ACTS = {
    Act.FOLLOW: _follow,
    Act.UNFOLLOW: _unfollow,
    Act.CANCEL_WHISPER: _cancel_whisper,
    Act.BLOCK: _block,
    Act.UNBLOCK: _unblock,
    Act.REMOVE_FOLLOWER: _remove_follower,
    Act.APPROVE: _approve,
    Act.DECLINE: _decline,
    Act.CANCEL_REQUEST: _cancel_request,
}


#: The codes that a batch returns as a whole if every member has them.
_WHOLE_CODES = (
    errors.NotSignedIn.number,
    errors.AccountBanned.number,
    errors.TargetInBlacklist.number,
)


def batch_result(fids: list[int], codes: list[int]) -> tuple[int, list[int]]:
    """Return the code of a batch, and the fids that failed; ``codes`` has the code of each fid.

    If every fid failed with the same code, and this says that the caller is deregistered, is banned
    or blocks the fid, it is the batch's code too. Else that is 0, even if some failed. Raise
    ValueError if the lists differ in length.
    """
    failed = [fid for fid, code in zip(fids, codes, strict=True) if code]
    common = codes[0] if len(set(codes)) == 1 else 0
    return (common if common in _WHOLE_CODES else 0), failed
