"""The caller's groups of followings: what they are, and what changes them."""

from __future__ import annotations

from secrets import randbelow

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.params import InvalidParameter
from guanxi.graph.groups import (
    SPECIAL_TIP,
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.pair import SPECIAL
from guanxi.service.answers import encode
from guanxi.service.handling import Service, refuse_if

#: Ids of new groups lie between these.
_LOWEST_ID, _HIGHEST_ID = 100_000, 2**31 - 1


async def groups(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """004, 查询关注分组列表."""
    rows = await service.store.groups(caller)
    told = [
        s.Group(row.id, row.name, row.count, SPECIAL_TIP if row.id == SPECIAL else "")
        for row in rows
    ]
    return encode(told)


async def groups_of(service: Service, caller: int, asked: p.Target) -> bytes:
    """004, 查询目标用户所在的分组."""
    relation = (await service.store.relations(caller, [asked.fid])).get(asked.fid)
    if relation is None or not relation.groups:
        return b"{}"
    names = {row.id: row.name for row in await service.store.groups(caller)}
    # A group that was deleted between the two reads has no name any more.
    held = sorted(names.keys() & relation.groups)
    return encode({str(group): names[group] for group in held})


async def create_group(service: Service, caller: int, asked: p.NewGroup) -> bytes:
    """004, 创建分组."""
    taken = {row.id for row in await service.store.groups(caller)}
    group = _new_id()
    while group in taken:
        group = _new_id()
    await _change(service, CreateGroup(caller, asked.tag, group), _name_complaints(service, "tag"))
    return encode(s.GroupCreated(group))


def _new_id() -> int:
    return _LOWEST_ID + randbelow(_HIGHEST_ID - _LOWEST_ID)


async def rename_group(service: Service, caller: int, asked: p.RenameGroup) -> bytes:
    """004, 重命名分组."""
    complaints = _name_complaints(service, "name")
    if asked.tagid <= 0:
        complaints[errors.BadRequest.number] = InvalidParameter(
            "tagid", "不可重命名", "cannot be renamed"
        )
    complaints[errors.NoSuchGroup.number] = InvalidParameter(
        "tagid", "不是你的分组", "no group of yours"
    )
    await _change(service, RenameGroup(caller, asked.tagid, asked.name), complaints)
    return b""


async def delete_group(service: Service, caller: int, asked: p.OldGroup) -> bytes:
    """004, 删除分组."""
    complaint = InvalidParameter("tagid", "不是你可删除的分组", "no group of yours to delete")
    complaints = {errors.BadRequest.number: complaint}
    await _change(service, DeleteGroup(caller, asked.tagid), complaints)
    return b""


async def set_members(service: Service, caller: int, asked: p.MembersParams) -> bytes:
    """004, 修改分组成员."""
    act = Regroup(caller, RegroupMode.SET, tuple(asked.fids), tuple(asked.tagids))
    return await _regroup(service, act, "tagids")


async def copy_members(service: Service, caller: int, asked: p.MembersParams) -> bytes:
    """004, 复制关注到分组."""
    act = Regroup(caller, RegroupMode.COPY, tuple(asked.fids), tuple(asked.tagids))
    return await _regroup(service, act, "tagids")


async def move_members(service: Service, caller: int, asked: p.MoveParams) -> bytes:
    """004, 移动关注到分组."""
    fids, after, before = tuple(asked.fids), tuple(asked.after), tuple(asked.before)
    act = Regroup(caller, RegroupMode.MOVE, fids, after, before)
    return await _regroup(service, act, "beforeTagids, afterTagids")


async def _regroup(service: Service, act: Regroup, field: str) -> bytes:
    complaints = {
        errors.NoSuchGroup.number: InvalidParameter(
            field, "含有不是你的分组", "holds no group of yours"
        ),
        errors.NotFollowing.number: InvalidParameter(
            "fids", "含有未关注的用户", "holds one not followed"
        ),
    }
    await _change(service, act, complaints)
    return b""


async def _change(service: Service, act: GroupAct, complaints: dict[int, InvalidParameter]) -> None:
    [code] = await service.store.change([act], service.profile.limits)
    refuse_if(code, complaints.get(code))


def _name_complaints(service: Service, field: str) -> dict[int, InvalidParameter]:
    """What is wrong with a group's name, by the code that refuses it."""
    limits = service.profile.limits
    most, length = limits.groups, limits.group_name
    return {
        errors.BadRequest.number: InvalidParameter(
            field,
            f"不得含控制字符，且最多 {most} 个分组",
            f"no control characters, and at most {most} groups",
        ),
        errors.GroupNameTooLong.number: InvalidParameter(
            field, f"须为 1 至 {length} 个字符", f"1 to {length} characters"
        ),
        errors.GroupExists.number: InvalidParameter(field, "已被使用", "already taken"),
    }
