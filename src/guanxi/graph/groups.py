"""Groups of followings: the acts on them, and the rules for names and members."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from guanxi.contract import errors, relations
from guanxi.graph.pair import DEFAULT, SPECIAL, Refusal

SPECIAL_NAME, DEFAULT_NAME = relations.SPECIAL_NAME, relations.DEFAULT_NAME
SPECIAL_TIP = "第一时间收到该分组下用户更新稿件的通知"
#: The names that no group of an owner may have.
RESERVED = frozenset({SPECIAL_NAME, DEFAULT_NAME})
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


class CreateGroup(Struct, frozen=True):
    """Create a group. ``group`` is the id of the new group; the caller draws it."""

    owner: int
    name: str
    group: int


class RenameGroup(Struct, frozen=True):
    """Give a group another name."""

    owner: int
    group: int
    name: str


class DeleteGroup(Struct, frozen=True):
    """Delete a group. Its members stay followed."""

    owner: int
    group: int


class RegroupMode(Enum):
    """How ``Regroup`` changes the groups of each member."""

    #: The member is in exactly ``groups`` afterwards.
    SET = "set"
    #: The member is added to ``groups``.
    COPY = "copy"
    #: The member is removed from ``before``, then added to ``groups``.
    MOVE = "move"


class Regroup(Struct, frozen=True):
    """Change the groups of followings. ``before`` is for ``RegroupMode.MOVE`` only."""

    owner: int
    mode: RegroupMode
    members: tuple[int, ...]
    groups: tuple[int, ...]
    before: tuple[int, ...] = ()


GroupAct = CreateGroup | RenameGroup | DeleteGroup | Regroup


class GroupFacts(Struct, frozen=True, kw_only=True):
    """What ``decide_group`` must know about an owner's groups."""

    #: Names of the owner's own groups, by id.
    names: Mapping[int, str]
    #: The owner is banned or deregistered, and may do none of the acts.
    banned: bool = False
    deregistered: bool = False
    #: For ``Regroup``: the current groups of each of its members that the owner follows.
    members: Mapping[int, frozenset[int]] = {}
    #: The longest name, in characters.
    name_length: int
    max_groups: int


class Memberships(Struct, frozen=True, gc=False):
    """Numbers to add to the counts of an owner's groups when the groups of followings change."""

    special: int = 0
    #: To the number of followings that are in any group, the special one included.
    grouped: int = 0
    #: By id, of the owner's own groups that gain or lose members.
    members: Mapping[int, int] = {}

    def __add__(self, other: Memberships) -> Memberships:
        ids = self.members.keys() | other.members.keys()
        members = {id: self.members.get(id, 0) + other.members.get(id, 0) for id in ids}
        return Memberships(self.special + other.special, self.grouped + other.grouped, members)


#: The groups of a following did not change.
SAME_MEMBERSHIPS = Memberships()


def memberships(before: frozenset[int], after: frozenset[int]) -> Memberships:
    """Return what to add to the counts if the groups of one following change.

    They are ids, with ``SPECIAL`` and without ``DEFAULT``. A deleted following has none ``after``.
    """
    if before == after:
        return SAME_MEMBERSHIPS
    members = {**dict.fromkeys(before - after, -1), **dict.fromkeys(after - before, 1)}
    return Memberships(members.pop(SPECIAL, 0), bool(after) - bool(before), members)


class PutGroup(Struct, frozen=True):
    """A change: create the group with this name, or rename it."""

    group: int
    name: str


class DropGroup(Struct, frozen=True):
    """A change: delete the group, and remove its members from it."""

    group: int


class Regrouped(Struct, frozen=True):
    """A change: the new groups of each member whose groups change; empty if none do."""

    members: Mapping[int, frozenset[int]]


GroupChange = PutGroup | DropGroup | Regrouped

_BAD_REQUEST = Refusal(errors.BadRequest.number)


def decide_group(act: GroupAct, facts: GroupFacts) -> Refusal | GroupChange:
    """Apply the rules to an act; return the change to make, or the refusal.

    If several refusals apply, the first of the documented order is returned.
    """
    if facts.deregistered:
        return Refusal(errors.NotSignedIn.number)
    if facts.banned:
        return Refusal(errors.AccountBanned.number)
    match act:
        case CreateGroup():
            result = _named(act.group, act.name, facts)
            full = len(facts.names) >= facts.max_groups
            return _BAD_REQUEST if full and isinstance(result, PutGroup) else result
        case RenameGroup():
            if act.group in (SPECIAL, DEFAULT):
                return _BAD_REQUEST
            if act.group not in facts.names:
                return Refusal(errors.NoSuchGroup.number)
            return _named(act.group, act.name, facts)
        case DeleteGroup():
            return DropGroup(act.group) if act.group in facts.names else _BAD_REQUEST
        case _:
            return _regroup(act, facts)


def possible(
    act: GroupAct, names: Mapping[int, str], members: Mapping[int, frozenset[int]]
) -> GroupAct:
    """Return the act without the members that are not followed any more and the deleted groups.

    ``names`` and ``members`` are those of ``GroupFacts``. For the rest of an act that is partly
    done: an unfollow and the deletion of a group end memberships, and may come after it.
    """
    if not isinstance(act, Regroup):
        return act
    known = names.keys() | {SPECIAL, DEFAULT}
    return replace(
        act,
        members=tuple(member for member in act.members if member in members),
        groups=tuple(group for group in act.groups if group in known),
        before=tuple(group for group in act.before if group in known),
    )


def _named(group: int, name: str, facts: GroupFacts) -> Refusal | PutGroup:
    """Return the change that names a group, or the refusal of an invalid or used name.

    Outer spaces are removed from the name first.
    """
    if any(unicodedata.category(char) in _CONTROL for char in name):
        return _BAD_REQUEST
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= facts.name_length:
        return Refusal(errors.GroupNameTooLong.number)
    taken = {other for other_id, other in facts.names.items() if other_id != group}
    if cleaned in RESERVED or cleaned in taken:
        return Refusal(errors.GroupExists.number)
    return PutGroup(group, cleaned)


def _regroup(act: Regroup, facts: GroupFacts) -> Refusal | Regrouped:
    known = facts.names.keys() | {SPECIAL, DEFAULT}
    if not known >= {*act.groups, *act.before}:
        return Refusal(errors.NoSuchGroup.number)
    if not facts.members.keys() >= set(act.members):
        return Refusal(errors.NotFollowing.number)
    added = frozenset(act.groups) - {DEFAULT}
    after = {}
    for member in act.members:
        current = facts.members[member]
        match act.mode:
            case RegroupMode.SET:
                groups = added
            case RegroupMode.COPY:
                groups = current | added
            case _:
                groups = (current - frozenset(act.before)) | added
        if groups != current:
            after[member] = groups
    return Regrouped(after)
