"""Apply acts on groups, within the caller's transaction.

Rows are locked with those of ``pairs``, in its order: members, then the owner's tally, whose lock
guards the groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.contract.limits import Caps
from guanxi.graph.feed import dropped, named, regrouped
from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    DropGroup,
    GroupAct,
    GroupFacts,
    PutGroup,
    Regroup,
    Regrouped,
    decide_group,
    memberships,
    possible,
)
from guanxi.graph.pair import Edge, Modify, Refusal, Side
from guanxi.stores.acts import Unfinished
from guanxi.stores.port import StoreUnavailable
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.pairs import Key, Locked, Row
from guanxi.text import Text

#: How many members one transaction changes: a larger group is deleted, and more members are put
#: into groups, in several.
ROWS = 5_000
_IN_GROUP = """
SELECT other FROM relation WHERE owner = $1 AND groups @> ARRAY[$2::bigint]
ORDER BY follows, other LIMIT $3
"""
_FOLLOWED = """
SELECT other FROM relation WHERE owner = $1 AND other = ANY($2) AND follows IS NOT NULL
"""
_NAMES = "SELECT owner, id, name, made FROM grp WHERE owner = $1"
_MAKE = "INSERT INTO grp (owner, id, name, made) VALUES ($1, $2, $3, $4)"
_RENAME = "UPDATE grp SET name = $3 WHERE owner = $1 AND id = $2"
_DROP = "DELETE FROM grp WHERE owner = $1 AND id = $2"


@dataclass(slots=True)
class Groups:
    """The groups of one owner, after the acts applied so far."""

    names: dict[int, str]
    #: The number of the newest group; it rises within an owner.
    made: int
    #: The statements that write the applied acts, in order, with their values.
    writes: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    #: Of the members of a large act that its transaction does not change, those that are followed.
    followed: frozenset[int] = frozenset()

    def put(self, owner: int, group: int, name: str) -> None:
        if group in self.names:
            self.writes.append((_RENAME, (owner, group, name)))
        else:
            self.made += 1
            self.writes.append((_MAKE, (owner, group, name, self.made)))
        self.names[group] = name

    def drop(self, owner: int, group: int) -> None:
        del self.names[group]
        self.writes.append((_DROP, (owner, group)))


class Members(NamedTuple):
    """The keys of the rows that acts on groups may change, as far as one transaction goes."""

    keys: set[Key]
    #: The index of the first act that changes more than ``ROWS`` members, only the first of which
    #: are in ``keys``: the acts after it are for the next transaction. None without one.
    large: int | None


def is_large(act: Modify | GroupAct) -> bool:
    """Return whether an act itself names more members than one transaction changes.

    It must be the first act of its transaction, before which it is read whom the owner follows.
    """
    return isinstance(act, Regroup) and len(act.members) > ROWS


def _parts(act: Regroup) -> tuple[list[int], list[int]]:
    """Return the members of an act that a transaction changes, and those for the next ones."""
    members = sorted({*act.members})
    return members[:ROWS], members[ROWS:]


async def members_of(connection: Connection, acts: Iterable[Modify | GroupAct]) -> Members:
    """Return the keys of the rows that acts on groups may change."""
    keys: set[Key] = set()
    for at, act in enumerate(acts):
        match act:
            case Regroup(owner=owner):
                members, later = _parts(act)
                keys.update((owner, member) for member in members)
                if later:
                    return Members(keys, at)
            case DeleteGroup(owner=owner, group=group):
                rows = await connection.fetch(_IN_GROUP, owner, group, ROWS + 1)
                keys.update((owner, row["other"]) for row in rows[:ROWS])
                if len(rows) > ROWS:
                    return Members(keys, at)
    return Members(keys, None)


async def read_groups(
    connection: Connection, acts: Sequence[Modify | GroupAct], locked: Locked, large: int | None
) -> dict[int, Groups]:
    """Return the groups of each account that acts on groups; their tallies must be locked.

    ``large`` is that of ``Members``. Raise ``SerializationError`` if an account joined another
    group to delete before that: its row is not locked, so that the transaction must be run again.
    """
    owners = sorted({act.owner for act in acts if not isinstance(act, Modify)})
    if not owners:
        return {}
    current = await members_of(connection, acts[:large])
    if current.large is not None or not locked.rows.keys() >= current.keys:
        raise asyncpg.SerializationError("an account joined a group that is being deleted")
    rows = await connection.fetchmany(_NAMES, [(owner,) for owner in owners])
    groups = {owner: Groups({}, 0) for owner in owners}
    for owner, group, name, made in rows:
        groups[owner].names[group] = name
        groups[owner].made = max(groups[owner].made, made)
    if large is not None and isinstance(act := acts[large], Regroup):
        # No unfollow comes between: it would lock the owner's tally.
        found = await connection.fetch(_FOLLOWED, act.owner, _parts(act)[1])
        groups[act.owner].followed = frozenset(row["other"] for row in found)
    return groups


def regroup(
    locked: Locked, groups: Groups, act: GroupAct | Unfinished, caps: Caps, *, large: bool = False
) -> int | Unfinished:
    """Apply an act on groups to its owner's locked rows; return 0, or the code of a refusal.

    A refusal changes nothing; so does 0 if there is nothing to do. With ``large`` the act has more
    members than the locked ones: those are changed, and the rest of the act is returned. The rest
    is not refused: what became impossible meanwhile, as if it were done later, is left out. Raise
    ``StoreUnavailable`` if the id of a new group is in use.
    """
    begun = isinstance(act, Unfinished)
    act = act.act if isinstance(act, Unfinished) else act
    owner = act.owner
    if owner not in locked.tallies:
        return errors.NoSuchUser.number
    if isinstance(act, CreateGroup) and act.group in groups.names:
        raise StoreUnavailable(
            Text(
                "新分组的 id 已被占用，请换一个重试",
                "the new group's id is already taken; retry with another id",
            )
        )
    members, later = _parts(act) if isinstance(act, Regroup) else ([], [])
    edges = _edges(locked, owner, members)
    current = dict.fromkeys(groups.followed.intersection(later), frozenset[int]())
    current |= {member: edge.groups for member, edge in edges.items()}
    if begun:
        act = possible(act, groups.names, current)
    state = locked.state(owner)
    facts = GroupFacts(
        names=groups.names,
        banned=state == State.BANNED and not begun,
        deregistered=state == State.DEREGISTERED and not begun,
        members=current,
        name_length=caps.group_name,
        max_groups=caps.groups,
    )
    change = decide_group(act, facts)
    match change:
        case Refusal(code):
            return 0 if begun else code
        case PutGroup(group, name):
            if groups.names.get(group) == name:
                return 0
            if locked.is_recorded:
                locked.records.append(named(owner, group, groups.names.get(group), name))
            groups.put(owner, group, name)
            return 0
        case DropGroup(group):
            left: list[int] = []
            for (who, member), row in locked.rows.items():
                edge = row.pair.mine.follows
                if who == owner and edge is not None and group in edge.groups:
                    _set_groups(locked, owner, row, edge, edge.groups - {group})
                    left.append(member)
            if locked.is_recorded:
                parted = dropped(owner, group, groups.names[group], left, whole=not large)
                locked.records.append(parted)
            if not large:
                groups.drop(owner, group)
                locked.members.pop((owner, group), None)  # a new group may get its id
            if not left:
                return Unfinished(act) if large else 0
        case Regrouped(after) if isinstance(act, Regroup):
            if large:
                act = replace(act, members=tuple(later))
            changed = {member: ids for member, ids in after.items() if member in edges}
            if not changed:
                return Unfinished(act) if large else 0
            for member, ids in changed.items():
                if locked.is_recorded:
                    locked.records.append(regrouped(owner, member, edges[member].groups, ids))
                _set_groups(locked, owner, locked.rows[owner, member], edges[member], ids)
    tally = locked.tallies[owner]
    tally.version += 1
    tally.changed = True
    # Lists of followers show the groups of those who are followed back.
    locked.followers[owner].version += 1
    return Unfinished(act) if large else 0


def _edges(locked: Locked, owner: int, members: Iterable[int]) -> dict[int, Edge]:
    """Return the current followings of those members that the owner follows."""
    edges = {member: locked.rows[owner, member].pair.mine.follows for member in members}
    return {member: edge for member, edge in edges.items() if edge is not None}


def _set_groups(locked: Locked, owner: int, row: Row, edge: Edge, groups: frozenset[int]) -> None:
    row.pair = replace(row.pair, mine=Side(follows=replace(edge, groups=groups)))
    row.regrouped = True
    locked.count_members(owner, memberships(edge.groups, groups))
