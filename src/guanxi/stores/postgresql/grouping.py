"""Apply acts on groups, within the caller's transaction.

Rows are locked in the order of ``changes``: members, the owner's tally, a slot of followers. The
lock of the tally guards the groups.
"""

from __future__ import annotations

from collections.abc import Mapping

from guanxi.contract import errors
from guanxi.contract.limits import Limits
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
)
from guanxi.graph.pair import Refusal
from guanxi.stores.port import StoreUnavailable
from guanxi.stores.postgresql.connections import Connection

# In the order of ``changes.lock_order``.
_MEMBERS = """
SELECT other, groups FROM relation WHERE owner = $1 AND other = ANY($2) AND follows IS NOT NULL
ORDER BY other < $1, other FOR UPDATE
"""
_IN_GROUP = """
SELECT other FROM relation WHERE owner = $1 AND groups @> ARRAY[$2::bigint]
ORDER BY other < $1, other FOR UPDATE
"""
_OWNER = "SELECT mid FROM tally WHERE mid = $1 FOR UPDATE"
_NAMES = "SELECT id, name, made FROM grp WHERE owner = $1"
_MAKE = "INSERT INTO grp (owner, id, name, made) VALUES ($1, $2, $3, $4)"
_RENAME = "UPDATE grp SET name = $3 WHERE owner = $1 AND id = $2"
_DROP = "DELETE FROM grp WHERE owner = $1 AND id = $2"
_LEAVE = """
UPDATE relation SET groups = nullif(array_remove(groups, $2), '{}')
WHERE owner = $1 AND groups @> ARRAY[$2::bigint]
"""
_REGROUP = "UPDATE relation SET groups = $3 WHERE owner = $1 AND other = $2"
_CHANGED = "UPDATE tally SET version = version + 1 WHERE mid = $1"
# Lists of followers show the groups of those who are followed back.
_CHANGED_FOLLOWERS = """
INSERT INTO follower_tally (mid, slot, version) VALUES ($1, 0, 1)
ON CONFLICT (mid, slot) DO UPDATE SET version = follower_tally.version + 1
"""


async def regroup(connection: Connection, act: GroupAct, limits: Limits) -> int:
    """Apply an act on groups in the caller's transaction; return 0, or the code of a refusal.

    A refusal changes nothing; so does 0 if there is nothing to do. Raise ``StoreUnavailable`` if
    the id of a new group is in use.
    """
    owner = act.owner
    members = await _lock_members(connection, act)
    if await connection.fetchval(_OWNER, owner) is None:
        return errors.NoSuchUser.number
    rows = await connection.fetch(_NAMES, owner)
    names = {row["id"]: row["name"] for row in rows}
    if isinstance(act, CreateGroup) and act.group in names:
        raise StoreUnavailable("the new group's id is already taken; retry with another id")
    facts = GroupFacts(
        names=names,
        members=members,
        name_length=limits.group_name,
        max_groups=limits.groups,
    )
    change = decide_group(act, facts)
    match change:
        case Refusal(code):
            return code
        case PutGroup(group, name):
            if names.get(group) == name:
                return 0
            if group in names:
                await connection.execute(_RENAME, owner, group, name)
            else:
                made = max((row["made"] for row in rows), default=0) + 1
                await connection.execute(_MAKE, owner, group, name, made)
        case DropGroup(group):
            await connection.execute(_LEAVE, owner, group)
            await connection.execute(_DROP, owner, group)
        case Regrouped(after):
            if not after:
                return 0
            put = [(owner, member, sorted(groups) or None) for member, groups in after.items()]
            await connection.executemany(_REGROUP, put)
    await connection.execute(_CHANGED, owner)
    await connection.execute(_CHANGED_FOLLOWERS, owner)
    return 0


async def _lock_members(connection: Connection, act: GroupAct) -> Mapping[int, frozenset[int]]:
    """Lock the rows of members that the act may change, in the caller's transaction.

    For ``Regroup``, return the groups of each member that is followed, by mid; else {}.
    """
    match act:
        case Regroup(owner=owner, members=members):
            rows = await connection.fetch(_MEMBERS, owner, sorted(set(members)))
            return {row["other"]: frozenset(row["groups"] or ()) for row in rows}
        case DeleteGroup(owner=owner, group=group):
            await connection.fetch(_IN_GROUP, owner, group)
    return {}
