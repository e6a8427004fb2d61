"""Handlers that list and change the caller's groups of followings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoints import GROUPS
from guanxi.graph.groups import (
    RESERVED,
    SPECIAL_TIP,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.operations import groups as operations
from guanxi.service.answers import encode
from guanxi.service.handling import BANNED, NO_ACCOUNT, UNKNOWN_CALLER, Refused, Service, refuse_if

#: The reason of a code that any change of groups may be refused with.
_CALLER = {
    errors.NoSuchUser.number: UNKNOWN_CALLER,
    errors.AccountBanned.number: BANNED,
    errors.NotSignedIn.number: NO_ACCOUNT,
}


async def groups(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/relation/tags: the caller's groups with counts (004, 查询关注分组列表).

    The special group, the default one, then the caller's own groups, oldest first.
    """
    rows = await service.store.groups(caller)
    response = [
        s.Group(row.id, row.name, row.count, SPECIAL_TIP if row.id == SPECIAL else "")
        for row in rows
    ]
    return encode(response)


async def groups_of(service: Service, caller: int, params: p.Target) -> bytes:
    """Handle GET /x/relation/tag/user: the caller's groups that contain account ``fid``.

    The response maps group ids, ascending, to names, the special group (-10) included. It is {} if
    the account is in no group or not followed. Source: 004, 查询目标用户所在的分组.
    """
    relation = (await service.store.relations(caller, [params.fid])).get(params.fid)
    if relation is None or not relation.groups:
        return b"{}"
    names = {row.id: row.name for row in await service.store.groups(caller)}
    # A group deleted between the two reads has no name.
    ids = sorted(names.keys() & relation.groups)
    return encode({str(group_id): names[group_id] for group_id in ids})


async def create_group(service: Service, caller: int, params: p.NewGroup) -> bytes:
    """Handle POST /x/relation/tag/create: create a group with a random unused id (004, 创建分组).

    The response has the id. Raise Refused if the name is invalid or in use, or if the caller
    already has ``limits.groups`` groups.
    """
    limits = service.profile.limits
    code, group_id = await operations.create(
        service.store, caller, params.tag, limits, service.chance
    )
    refuse_if(code, _name_reasons(service, "tag", params.tag) | _CALLER)
    return encode(s.GroupCreated(group_id))


async def rename_group(service: Service, caller: int, params: p.RenameGroup) -> bytes:
    """Handle POST /x/relation/tag/update: rename one of the caller's groups (004, 重命名分组).

    Raise Refused if the caller created no group with this id, or the name is invalid or in use.
    """
    reasons = _name_reasons(service, "name", params.name)
    if params.tagid in (SPECIAL, DEFAULT):
        reasons[errors.BadRequest.number] = f"tagid: {params.tagid} cannot be renamed"
    reasons[errors.NoSuchGroup.number] = no_group("tagid", params.tagid)
    await _change(service, RenameGroup(caller, params.tagid, params.name), reasons)
    return b""


async def delete_group(service: Service, caller: int, params: p.OldGroup) -> bytes:
    """Handle POST /x/relation/tag/del: delete one of the caller's groups (004, 删除分组).

    Its members stay followed. Raise Refused if the caller created no group with this id.
    """
    reason = no_group("tagid", params.tagid)
    if params.tagid in (SPECIAL, DEFAULT):
        reason = f"tagid: {params.tagid} cannot be deleted"
    reasons = {errors.BadRequest.number: reason}
    await _change(service, DeleteGroup(caller, params.tagid), reasons)
    return b""


async def set_members(service: Service, caller: int, params: p.MembersParams) -> bytes:
    """Handle POST /x/relation/tags/addUsers: replace the groups of followings (004, 修改分组成员).

    Afterwards ``fids`` are in exactly the groups ``tagids``; 0 alone means none. Raise Refused, and
    change nothing, for an unknown group or an account not followed.
    """
    act = Regroup(caller, RegroupMode.SET, tuple(params.fids), tuple(params.tagids))
    return await _regroup(service, act, {"tagids": params.tagids})


async def copy_members(service: Service, caller: int, params: p.MembersParams) -> bytes:
    """Handle POST /x/relation/tags/copyUsers: add followings to groups (004, 复制关注到分组).

    ``fids`` keep their other groups. Raise Refused, and change nothing, for an unknown group or an
    account not followed.
    """
    act = Regroup(caller, RegroupMode.COPY, tuple(params.fids), tuple(params.tagids))
    return await _regroup(service, act, {"tagids": params.tagids})


async def move_members(service: Service, caller: int, params: p.MoveParams) -> bytes:
    """Handle POST /x/relation/tags/moveUsers: move followings to groups (004, 移动关注到分组).

    Remove ``fids`` from the groups ``before``, then add them to ``after``. Raise Refused, and
    change nothing, for an unknown group or an account not followed.
    """
    fids, after, before = tuple(params.fids), tuple(params.after), tuple(params.before)
    act = Regroup(caller, RegroupMode.MOVE, fids, after, before)
    return await _regroup(
        service, act, {"beforeTagids": params.before, "afterTagids": params.after}
    )


async def _regroup(service: Service, act: Regroup, sent: Mapping[str, Sequence[int]]) -> bytes:
    """Apply an act; ``sent`` has its group ids by field. Raise Refused."""
    [code] = await service.store.change([act], service.profile.caps)
    if code == errors.NoSuchGroup.number:
        raise Refused(code, await _unknown_group(service, act.owner, sent))
    reasons = {errors.NotFollowing.number: "fids: you do not follow all of them"}
    refuse_if(code, reasons | _CALLER)
    return b""


async def _unknown_group(service: Service, owner: int, sent: Mapping[str, Sequence[int]]) -> str:
    """Return the reason that names the first of the sent ids which is no group of the owner."""
    known = {row.id for row in await service.store.groups(owner)}
    for field, ids in sent.items():
        for group_id in ids:
            if group_id not in known:
                return no_group(field, group_id)
    # Created between the refusal and this read.
    return f"{', '.join(sent)}: not all were groups of yours; repeat the request"


def no_group(field: str, group_id: int) -> str:
    """Return the reason for an id that is no group of the caller."""
    return f"{field}: {group_id} is no group of yours; GET {GROUPS.path} lists them"


async def _change(service: Service, act: GroupAct, reasons: dict[int, str]) -> None:
    [code] = await service.store.change([act], service.profile.caps)
    refuse_if(code, reasons | _CALLER)


def _name_reasons(service: Service, field: str, name: str) -> dict[int, str]:
    """Return the reasons for which a group's name is refused, by code.

    ``field`` is the parameter that they name. The reason of -400 also covers too many groups.
    """
    limits = service.profile.limits
    taken = "the name is reserved" if name.strip() in RESERVED else "you have a group of this name"
    return {
        errors.BadRequest.number: (
            f"{field}: no control characters, and at most {limits.groups} groups"
        ),
        errors.GroupNameTooLong.number: f"{field}: 1 to {limits.group_name} characters",
        errors.GroupExists.number: f"{field}: {taken}",
    }
