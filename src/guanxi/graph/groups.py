"""Groups of followings: their names, and the acts that change them and their members."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from guanxi.contract import errors
from guanxi.graph.pair import DEFAULT, SPECIAL

SPECIAL_NAME, DEFAULT_NAME = "特别关注", "默认分组"
SPECIAL_TIP = "第一时间收到该分组下用户更新稿件的通知"
_RESERVED = frozenset({SPECIAL_NAME, DEFAULT_NAME})
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


class CreateGroup(Struct, frozen=True):
    """``group`` is the id that the new group gets."""

    owner: int
    name: str
    group: int


class RenameGroup(Struct, frozen=True):
    owner: int
    group: int
    name: str


class DeleteGroup(Struct, frozen=True):
    owner: int
    group: int


class RegroupMode(Enum):
    """What becomes of a member's groups."""

    SET = "set"
    COPY = "copy"
    MOVE = "move"


class Regroup(Struct, frozen=True):
    """Change the groups of members. ``before`` serves a move alone."""

    owner: int
    mode: RegroupMode
    members: tuple[int, ...]
    groups: tuple[int, ...]
    before: tuple[int, ...] = ()


GroupAct = CreateGroup | RenameGroup | DeleteGroup | Regroup


class GroupFacts(Struct, frozen=True, kw_only=True):
    """What the rules must know of an owner's groups: names by id, and the members' groups."""

    names: Mapping[int, str]
    #: The groups of each member that is followed; one that is not followed is not there.
    members: Mapping[int, frozenset[int]] = {}
    name_length: int
    max_groups: int


class PutGroup(Struct, frozen=True):
    """The group stands under this name afterwards."""

    group: int
    name: str


class DropGroup(Struct, frozen=True):
    """The group is gone afterwards, and out of its members' groups."""

    group: int


class Regrouped(Struct, frozen=True):
    """The groups, afterwards, of the members whose groups change."""

    members: Mapping[int, frozenset[int]]


GroupChange = PutGroup | DropGroup | Regrouped


def decide_group(act: GroupAct, facts: GroupFacts) -> int | GroupChange:
    """What becomes of the owner's groups: the code of a refusal, or the change."""
    match act:
        case CreateGroup():
            named = _named(act.group, act.name, facts)
            full = len(facts.names) >= facts.max_groups
            return errors.BadRequest.number if full and isinstance(named, PutGroup) else named
        case RenameGroup():
            if act.group in (SPECIAL, DEFAULT):
                return errors.BadRequest.number
            if act.group not in facts.names:
                return errors.NoSuchGroup.number
            return _named(act.group, act.name, facts)
        case DeleteGroup():
            return DropGroup(act.group) if act.group in facts.names else errors.BadRequest.number
        case _:
            return _regroup(act, facts)


def _named(group: int, name: str, facts: GroupFacts) -> int | PutGroup:
    if any(unicodedata.category(char) in _CONTROL for char in name):
        return errors.BadRequest.number
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= facts.name_length:
        return errors.GroupNameTooLong.number
    taken = {other for other_id, other in facts.names.items() if other_id != group}
    if cleaned in _RESERVED or cleaned in taken:
        return errors.GroupExists.number
    return PutGroup(group, cleaned)


def _regroup(act: Regroup, facts: GroupFacts) -> int | Regrouped:
    known = facts.names.keys() | {SPECIAL, DEFAULT}
    if not known >= {*act.groups, *act.before}:
        return errors.NoSuchGroup.number
    if not facts.members.keys() >= set(act.members):
        return errors.NotFollowing.number
    added = frozenset(act.groups) - {DEFAULT}
    after = {}
    for member in act.members:
        held = facts.members[member]
        match act.mode:
            case RegroupMode.SET:
                groups = added
            case RegroupMode.COPY:
                groups = held | added
            case _:
                groups = (held - frozenset(act.before)) | added
        if groups != held:
            after[member] = groups
    return Regrouped(after)
