"""What a change of a pair does to the lists of its two accounts, and its name.

An account is in up to four lists of another one: its followings, its whispers, its blacks and its
followers. ``effect`` is from the view of one account of the pair, the owner of ``Pair.mine``; for
the other account, call it with the pairs ``swapped``.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from guanxi.graph.groups import SAME_MEMBERSHIPS, Memberships, memberships
from guanxi.graph.pair import Contract, Pair


class Item(Struct, frozen=True, gc=False):
    """The other account in one of the owner's lists. A whisper and a block have a sort key only."""

    sort_key: int
    #: Whether the two follow each other.
    mutual: bool = False
    #: The owner's groups that hold the other account.
    groups: frozenset[int] = frozenset()
    #: The owner's contract with the other account, and the reverse.
    owner_contract: Contract | None = None
    item_contract: Contract | None = None


class Items(Struct, frozen=True, gc=False):
    """The other account in each of the owner's lists; None where it is not listed."""

    following: Item | None
    whisper: Item | None
    black: Item | None
    follower: Item | None


class Effect(Struct, frozen=True, gc=False):
    """What a change of a pair does to the lists of one of its accounts.

    A number is what to add to the count or the version of the same name: a count changes by 1 at
    most. A version rises by 1 if an item of its lists appears, vanishes or changes in what the
    readers of that version see of it.
    """

    before: Items
    after: Items
    following: int
    whisper: int
    black: int
    follower: int
    #: Of the list of followings, and of followers, as the owner sees them.
    version: int
    follower_version: int
    #: Of the same lists as others see them: without groups.
    public_version: int
    public_follower_version: int
    #: Of the lists of whispers and blacks, which the owner alone sees.
    private_version: int
    #: What to add to the counts of the owner's groups.
    memberships: Memberships


def swapped(pair: Pair) -> Pair:
    """Return the pair from the other account's view."""
    return Pair(mine=pair.theirs, theirs=pair.mine)


def items(pair: Pair) -> Items:
    """Return the other account's items in the lists of the owner of ``pair.mine``."""
    mine, edge, back = pair.mine, pair.mine.follows, pair.theirs.follows
    following = whisper = black = follower = None
    if edge is not None:
        following = Item(edge.sort_key, False, edge.groups, edge.contract)
        if back is not None:
            shared = (True, edge.groups, edge.contract, back.contract)
            following, follower = Item(edge.sort_key, *shared), Item(back.sort_key, *shared)
    elif back is not None:
        follower = Item(back.sort_key, item_contract=back.contract)
    if mine.whispers is not None:
        whisper = Item(mine.whispers)
    if mine.blocks is not None:
        black = Item(mine.blocks)
    return Items(following, whisper, black, follower)


def effect(before: Pair, after: Pair) -> Effect:
    """Return what the change from ``before`` to ``after`` does to the owner of ``mine``."""
    old, new = items(before), items(after)
    following = (new.following is not None) - (old.following is not None)
    whisper = (new.whisper is not None) - (old.whisper is not None)
    black = (new.black is not None) - (old.black is not None)
    follower = (new.follower is not None) - (old.follower is not None)
    has_changed, follower_has_changed = old.following != new.following, old.follower != new.follower
    return Effect(
        old,
        new,
        following,
        whisper,
        black,
        follower,
        version=int(has_changed),
        follower_version=int(follower_has_changed),
        public_version=int(has_changed and _differ_publicly(old.following, new.following)),
        public_follower_version=int(
            follower_has_changed and _differ_publicly(old.follower, new.follower)
        ),
        private_version=int(old.whisper != new.whisper or old.black != new.black),
        memberships=(
            memberships(_groups(old.following), _groups(new.following))
            if has_changed
            else SAME_MEMBERSHIPS
        ),
    )


_NO_GROUPS: frozenset[int] = frozenset()


def _groups(following: Item | None) -> frozenset[int]:
    return _NO_GROUPS if following is None else following.groups


def _differ_publicly(old: Item | None, new: Item | None) -> bool:
    """Return whether others see a difference: they do not see groups."""
    if old is None or new is None:
        return old is not new
    return replace(old, groups=new.groups) != new


class ChangeKind(Enum):
    """What happened between two accounts."""

    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    WHISPER = "whisper"
    CANCEL_WHISPER = "cancel_whisper"
    BLOCK = "block"
    UNBLOCK = "unblock"
    REMOVE_FOLLOWER = "remove_follower"
    REGROUP = "regroup"


class Change(Struct, frozen=True):
    """What ``actor`` did to ``target``. In both pairs ``mine`` is the actor's side.

    What else the change did follows from the pairs: a block ends followings and whispers of both
    sides, a follow ends the actor's whisper and renews the target's following.
    """

    kind: ChangeKind
    actor: int
    target: int
    before: Pair
    after: Pair


def change(actor: int, target: int, before: Pair, after: Pair) -> Change | None:
    """Return the change of a pair by one act of ``actor``; None if the pairs are equal."""
    kind = _kind(before, after)
    return None if kind is None else Change(kind, actor, target, before, after)


#: For each part of the actor's side, the kinds of its appearance and of its end. A block also ends
#: followings and whispers, and a follow a whisper: the first part that changes names the change.
_KINDS = (
    ("blocks", ChangeKind.BLOCK, ChangeKind.UNBLOCK),
    ("follows", ChangeKind.FOLLOW, ChangeKind.UNFOLLOW),
    ("whispers", ChangeKind.WHISPER, ChangeKind.CANCEL_WHISPER),
)


def _kind(before: Pair, after: Pair) -> ChangeKind | None:
    for part, appears, ends in _KINDS:
        was, now = getattr(before.mine, part), getattr(after.mine, part)
        if (was is None) != (now is None):
            return appears if was is None else ends
    if before.theirs.follows is not None and after.theirs.follows is None:
        return ChangeKind.REMOVE_FOLLOWER
    return None if before == after else ChangeKind.REGROUP
