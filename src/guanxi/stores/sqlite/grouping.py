"""Applying acts on groups, in a transaction that the caller holds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import apsw
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.contract.limits import Caps
from guanxi.graph.feed import dropped, named, regrouped
from guanxi.graph.groups import (
    SAME_MEMBERSHIPS,
    CreateGroup,
    DeleteGroup,
    DropGroup,
    GroupAct,
    GroupFacts,
    Memberships,
    PutGroup,
    Regroup,
    Regrouped,
    decide_group,
    memberships,
    possible,
)
from guanxi.graph.pair import SPECIAL, Refusal
from guanxi.stores.acts import Unfinished
from guanxi.stores.port import StoreUnavailable
from guanxi.stores.sqlite import feed
from guanxi.stores.sqlite.cards import is_banned
from guanxi.stores.sqlite.schema import GROUPED, IN_GROUPS, SPECIAL_BIT
from guanxi.text import Text

_EDGES = """
SELECT target, place, flags FROM carray(?2) CROSS JOIN following ON owner = ?1 AND target = value
"""
_GROUPS = "SELECT target, grp FROM carray(?2) CROSS JOIN member ON owner = ?1 AND target = value"
_PUT_GROUP = """
INSERT INTO grp (owner, id, name, made)
VALUES (?1, ?2, ?3, (SELECT ifnull(max(made), 0) + 1 FROM grp WHERE owner = ?1))
ON CONFLICT (owner, id) DO UPDATE SET name = excluded.name
"""
# An item in the list of followers contains its groups too, if it is followed back.
_RAISE_VERSIONS = """
UPDATE tally SET version = version + 1, follower_version = follower_version + 1 WHERE mid = ?
"""
_COUNT_GROUPED = """
UPDATE tally SET special = special + ?2, grouped = grouped + ?3 WHERE mid = ?1
"""
_COUNT_MEMBERS = "UPDATE grp SET members = members + ?3 WHERE owner = ?1 AND id = ?2"
#: How many rows one transaction changes, about: 10 ms. An act that changes more continues in the
#: next, after the jobs that wait.
ROWS = 1_000
_LAST_OF_PART = """
SELECT place, target FROM member WHERE owner = ? AND grp = ? ORDER BY place, target
LIMIT 1 OFFSET ?
"""
_PART = "SELECT target FROM member WHERE owner = ? AND grp = ? AND (place, target) <= (?, ?)"
# Run before the members are deleted: those in no other group are not grouped any more.
_CLEAR_GROUPED = f"""
UPDATE following SET flags = flags & ~{GROUPED}
FROM (
    SELECT place, target FROM member
    WHERE owner = ?1 AND grp = ?2 AND (place, target) <= (?3, ?4)
) AS members
WHERE following.owner = ?1 AND following.place = members.place
AND following.target = members.target AND NOT EXISTS (
    SELECT 1 FROM member WHERE owner = ?1 AND target = members.target AND grp NOT IN (?2, {SPECIAL})
)
RETURNING flags & {SPECIAL_BIT}
"""
_DELETE_MEMBERS = """
DELETE FROM member WHERE owner = ? AND grp = ? AND (place, target) <= (?, ?)
"""
#: Beyond every member.
_END = (2**63 - 1, 2**63 - 1)


def regroup(
    db: apsw.Connection, act: GroupAct | Unfinished, caps: Caps, now: int, room: int = ROWS
) -> int | Unfinished:
    """Apply an act on groups; return 0, or the code of its refusal, which changes nothing.

    ``now`` is the current time's sort key.

    If it changes more than about ``room`` rows, apply a part and return the rest: of its members
    the first are in their new groups, or no longer in the group that is being deleted. The rest is
    not refused: what became impossible meanwhile, as if it were done later, is left out. The caller
    commits. ``StoreUnavailable`` if a new group has an id that the owner already uses.
    """
    begun = isinstance(act, Unfinished)
    act = act.act if isinstance(act, Unfinished) else act
    owner = act.owner
    state = db.execute("SELECT state FROM account WHERE mid = ?", (owner,)).get
    if state is None:
        return errors.NoSuchUser.number
    names = {
        row[0]: row[1] for row in db.execute("SELECT id, name FROM grp WHERE owner = ?", (owner,))
    }
    if isinstance(act, CreateGroup) and act.group in names:
        raise StoreUnavailable(
            Text(
                "新分组的 id 已被占用，请换一个重试",
                "the new group's id is already taken; retry with another id",
            )
        )
    edges, members = _members(db, act) if isinstance(act, Regroup) else ({}, {})
    if begun:
        act = possible(act, names, members)
    facts = GroupFacts(
        names=names,
        banned=is_banned(db, owner, state, now) and not begun,
        deregistered=state == State.DEREGISTERED and not begun,
        members=members,
        name_length=caps.group_name,
        max_groups=caps.groups,
    )
    change = decide_group(act, facts)
    rest: Unfinished | None = None
    added = SAME_MEMBERSHIPS
    match change:
        case Refusal(code):
            return 0 if begun else code
        case PutGroup(group, name):
            if names.get(group) == name:
                return 0
            db.execute(_PUT_GROUP, (owner, group, name))
            feed.append(db, now, named(owner, group, names.get(group), name))
            return 0
        case DropGroup(group):
            last = db.execute(_LAST_OF_PART, (owner, group, room - 1)).get
            if last is not None:
                rest = Unfinished(DeleteGroup(owner, group))
            if feed.is_on(db):
                part = db.execute(_PART, (owner, group, *(last or _END)))
                left = [target for (target,) in part]
                feed.put(db, now, dropped(owner, group, names[group], left, whole=rest is None))
            cleared = list(db.execute(_CLEAR_GROUPED, (owner, group, *(last or _END))))
            db.execute(_DELETE_MEMBERS, (owner, group, *(last or _END)))
            deleted = db.changes()
            if rest is None:
                db.execute("DELETE FROM grp WHERE owner = ? AND id = ?", (owner, group))
            if not deleted:
                return 0
            added = Memberships(grouped=-cleared.count((0,)), members={group: -deleted})
        case Regrouped(after) if isinstance(act, Regroup):
            if not after:
                return 0
            most = db.total_changes() + room
            targets, is_on = sorted(after), feed.is_on(db)
            for at, target in enumerate(targets):
                if at and db.total_changes() >= most:
                    rest = Unfinished(replace(act, members=tuple(targets[at:])))
                    break
                _put_groups(db, owner, target, edges[target], members[target], after[target])
                added += memberships(members[target], after[target])
                if is_on:
                    feed.put(db, now, regrouped(owner, target, members[target], after[target]))
    count_members(db, owner, added)
    db.execute(_RAISE_VERSIONS, (owner,))
    return 0 if rest is None else rest


def count_members(db: apsw.Connection, owner: int, added: Memberships) -> None:
    """Add to the counts of the owner's groups; those of deleted groups are ignored."""
    if added.special or added.grouped:
        db.execute(_COUNT_GROUPED, (owner, added.special, added.grouped))
    for group, members in added.members.items():
        db.execute(_COUNT_MEMBERS, (owner, group, members))


#: By target: the sort key and the flags.
_Edges = dict[int, tuple[int, int]]


def _members(db: apsw.Connection, act: Regroup) -> tuple[_Edges, dict[int, frozenset[int]]]:
    """Return two dicts by target, for the targets of the act that its owner follows.

    The first contains each edge's sort key and flags, the second its group ids (an empty set if
    none).
    """
    targets = sorted(set(act.members))
    if not targets:
        return {}, {}
    packed = apsw.carray(array("q", targets))
    edges = {
        target: (sort_key, flags)
        for target, sort_key, flags in db.execute(_EDGES, (act.owner, packed))
    }
    groups_of: dict[int, set[int]] = {target: set() for target in edges}
    if any(flags & IN_GROUPS for _, flags in edges.values()):
        for target, group in db.execute(_GROUPS, (act.owner, packed)):
            groups_of[target].add(group)
    return edges, {target: frozenset(groups) for target, groups in groups_of.items()}


def _put_groups(
    db: apsw.Connection,
    owner: int,
    target: int,
    edge: tuple[int, int],
    before: frozenset[int],
    after: frozenset[int],
) -> None:
    """Change the groups of a following from ``before`` to ``after``: its members and flags.

    ``edge`` is the sort key and the flags of the following.
    """
    sort_key, flags = edge
    db.executemany(
        "DELETE FROM member WHERE owner = ? AND grp = ? AND place = ? AND target = ?",
        ((owner, group, sort_key, target) for group in before - after),
    )
    db.executemany(
        "INSERT INTO member (owner, grp, place, target) VALUES (?, ?, ?, ?)",
        ((owner, group, sort_key, target) for group in after - before),
    )
    new_flags = (flags & ~IN_GROUPS) | flags_of(after)
    if new_flags != flags:
        db.execute(
            "UPDATE following SET flags = ? WHERE owner = ? AND place = ? AND target = ?",
            (new_flags, owner, sort_key, target),
        )


def flags_of(groups: Iterable[int]) -> int:
    """Return the group bits of ``following.flags`` for a following in these groups."""
    bits = 0
    for group in groups:
        bits |= SPECIAL_BIT if group == SPECIAL else GROUPED
    return bits
