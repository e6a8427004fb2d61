"""The feed of changes: what a change is recorded as, and what a record does to a plain model.

A record says who did what to whom, and what was there before and after. It holds all that a replay
needs: the records of an empty store, applied in order to an empty ``Model``, give its graph.

| kind | before and after |
|---|---|
| those of ``ChangeKind``, but for regroup | the sides of ``actor`` and ``target`` |
| regroup, special | ``groups``: ids of the actor's groups that hold the target |
| group_create, group_rename | ``group``: its id; ``name`` |
| ungroup | ``group``; ``members``: mids that left a group which is being deleted |
| group_delete | the same, with the last members; the group is deleted |
| account | the fields of the card that changed; before is empty for a new account |
| privacy | the switches that changed |
| state | ``state``: the name of the account's state; of a ban, ``until`` and ``reason`` if any |
| mute, unmute | ``until``, in seconds since the Unix epoch; its owner alone may see it |
| import | nothing: many rows changed at once, and a reader starts again from an export |
| erase | nothing: all that was of and about the account is deleted, relations of others too |
| blank | nothing, without actor and target: it named an account that was erased later |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from guanxi.graph.effects import Change, ChangeKind
from guanxi.graph.pair import EMPTY_SIDE, SPECIAL, Edge, Pair, Side

#: The kinds that are not those of ``ChangeKind``.
SPECIAL_KIND = "special"
GROUP_CREATE, GROUP_RENAME, GROUP_DELETE = "group_create", "group_rename", "group_delete"
UNGROUP, ACCOUNT, PRIVACY, STATE, IMPORT = "ungroup", "account", "privacy", "state", "import"
ERASE, BLANK = "erase", "blank"


class Record(Struct, frozen=True):
    """One change, as the feed has it. ``target`` is 0 if the change concerns the actor alone."""

    kind: str
    actor: int
    target: int = 0
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}


class Sides(Struct, frozen=True, omit_defaults=True):
    """Both sides of a pair, under the names that a record has for them."""

    actor: Side = EMPTY_SIDE
    target: Side = EMPTY_SIDE


#: The record of a transaction of an import.
IMPORTED = Record(IMPORT, 0)
#: What is left of a record that named an erased account.
BLANKED = Record(BLANK, 0)


def record(change: Change) -> Record:
    """Return the record of a change of a pair."""
    before, after = change.before, change.after
    if change.kind is ChangeKind.REGROUP and before.mine.follows and after.mine.follows:
        groups = before.mine.follows.groups, after.mine.follows.groups
        return regrouped(change.actor, change.target, *groups)
    return Record(change.kind.value, change.actor, change.target, _sides(before), _sides(after))


def _sides(pair: Pair) -> Mapping[str, Any]:
    sides = {"actor": pair.mine, "target": pair.theirs}
    return {name: side for name, side in sides.items() if side != EMPTY_SIDE}


def regrouped(actor: int, target: int, before: Iterable[int], after: Iterable[int]) -> Record:
    """Return the record of a change of the groups that hold a following."""
    old, new = frozenset(before), frozenset(after)
    kind = SPECIAL_KIND if old ^ new == {SPECIAL} else ChangeKind.REGROUP.value
    return Record(kind, actor, target, {"groups": sorted(old)}, {"groups": sorted(new)})


def named(actor: int, group: int, before: str | None, after: str) -> Record:
    """Return the record of a group's creation (``before`` is None) or of its new name."""
    new = {"group": group, "name": after}
    if before is None:
        return Record(GROUP_CREATE, actor, after=new)
    return Record(GROUP_RENAME, actor, before={"group": group, "name": before}, after=new)


def dropped(actor: int, group: int, name: str, members: Iterable[int], *, whole: bool) -> Record:
    """Return the record of a group's deletion, or of the members that left it before that.

    ``whole``: the group itself is deleted.
    """
    before = {"group": group, "name": name, "members": sorted(members)}
    return Record(GROUP_DELETE if whole else UNGROUP, actor, before=before)


def erased(mid: int) -> Record:
    """Return the record of an account's erasure."""
    return Record(ERASE, mid)


def without(record: Record, mid: int) -> Record:
    """Return what is left of an older record once an account is erased; the same if not named.

    A record of the account, or of what another one did to it, is blanked. It is removed from
    the members that left a group of another account.
    """
    if mid in (record.actor, record.target):
        return BLANKED
    members = record.before.get("members", ())
    if mid not in members:
        return record
    return replace(record, before={**record.before, "members": [it for it in members if it != mid]})


class Model(Struct):
    """A graph in plain dictionaries, as a replay of the feed makes it."""

    #: What each account has towards another, by (owner, other); never ``EMPTY_SIDE``.
    sides: dict[tuple[int, int], Side] = {}
    #: The names of groups, by owner and id.
    groups: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    #: The fields of each account, by mid: card, privacy and "state".
    accounts: dict[int, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))

    def put(self, owner: int, other: int, side: Side) -> None:
        """Replace what the owner has towards another account."""
        if side == EMPTY_SIDE:
            self.sides.pop((owner, other), None)
        else:
            self.sides[owner, other] = side


class Unreplayable(ValueError):
    """A record does not say what changed: read the graph anew, and continue after that."""


def apply(model: Model, record: Record) -> None:
    """Apply a record to a model; a record of a kind that it does not know changes nothing.

    ``before`` and ``after`` are what JSON has of them. To apply a record, and those after it, once
    more changes nothing. Raise ``Unreplayable`` for an import, and ``msgspec.ValidationError`` for
    a record that is damaged.
    """
    _APPLY.get(record.kind, _ignore)(model, record)


def _ignore(_model: Model, _record: Record) -> None:
    """Change nothing: marks that only their owner sees are no part of the graph."""


def _apply_sides(model: Model, record: Record) -> None:
    sides = msgspec.convert(record.after, Sides)
    model.put(record.actor, record.target, sides.actor)
    model.put(record.target, record.actor, sides.target)


def _apply_groups(model: Model, record: Record) -> None:
    groups = frozenset(msgspec.convert(record.after.get("groups", []), list[int]))
    _put_groups(model, record.actor, record.target, lambda _: groups)


def _apply_name(model: Model, record: Record) -> None:
    model.groups[record.actor][int(record.after["group"])] = str(record.after["name"])


def _apply_ungroup(model: Model, record: Record) -> None:
    group = int(record.before["group"])
    for member in msgspec.convert(record.before.get("members", []), list[int]):
        _put_groups(model, record.actor, member, lambda groups: groups - {group})


def _apply_drop(model: Model, record: Record) -> None:
    _apply_ungroup(model, record)
    model.groups[record.actor].pop(int(record.before["group"]), None)


def _apply_account(model: Model, record: Record) -> None:
    model.accounts[record.actor].update(record.after)


def _apply_state(model: Model, record: Record) -> None:
    """A deregistration also ends the requests that the account sent or received."""
    for name in ("until", "reason"):  # of the ban before
        model.accounts[record.actor].pop(name, None)
    _apply_account(model, record)
    if record.after.get("state") != "deregistered":
        return
    for (owner, other), side in list(model.sides.items()):
        if side.requests is not None and record.actor in (owner, other):
            model.put(owner, other, replace(side, requests=None))


def _apply_erase(model: Model, record: Record) -> None:
    for key in [key for key in model.sides if record.actor in key]:
        del model.sides[key]
    model.groups.pop(record.actor, None)
    model.accounts.pop(record.actor, None)


def _apply_import(_model: Model, _record: Record) -> None:
    raise Unreplayable("an import changed many rows: start again from an export")


def _put_groups(
    model: Model, owner: int, other: int, groups: Callable[[frozenset[int]], frozenset[int]]
) -> None:
    side = model.sides.get((owner, other), EMPTY_SIDE)
    if side.follows is not None:
        edge: Edge = replace(side.follows, groups=groups(side.follows.groups))
        model.put(owner, other, replace(side, follows=edge))


_APPLY: Mapping[str, Callable[[Model, Record], None]] = {
    **{kind.value: _apply_sides for kind in ChangeKind},
    ChangeKind.REGROUP.value: _apply_groups,
    SPECIAL_KIND: _apply_groups,
    GROUP_CREATE: _apply_name,
    GROUP_RENAME: _apply_name,
    UNGROUP: _apply_ungroup,
    GROUP_DELETE: _apply_drop,
    ACCOUNT: _apply_account,
    PRIVACY: _apply_account,
    STATE: _apply_state,
    IMPORT: _apply_import,
    ERASE: _apply_erase,
}
