"""Parameters of requests about relations."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from guanxi.contract.params.fields import (
    Act,
    BatchAct,
    Cursor,
    GroupId,
    GroupIds,
    GroupName,
    Mid,
    Mids,
    Order,
    OrderType,
    PageNumber,
    PageSize,
    Source,
)


class ListParams(Struct, kw_only=True):
    """A list of the caller without page numbers; only a cursor pages it."""

    cursor: Cursor | UnsetType = UNSET


class AttentionsParams(Struct, kw_only=True):
    """Another's list without page numbers; only a cursor pages it."""

    mid: Mid
    cursor: Cursor | UnsetType = UNSET


class OwnPage(Struct, kw_only=True):
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class FollowersParams(Struct, kw_only=True):
    vmid: Mid
    order: Order = "desc"
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class FollowingsParams(Struct, kw_only=True):
    vmid: Mid
    order_type: OrderType = ""
    order: Order = "desc"
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class SearchParams(Struct, kw_only=True):
    vmid: Mid
    name: Annotated[str, Meta(max_length=200, description="part of a name; empty for all")] = ""
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class SameParams(Struct, kw_only=True):
    vmid: Mid
    ps: PageSize = 50
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class GameParams(Struct, kw_only=True):
    vmid: Mid
    ps: PageSize = 20
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class GroupParams(Struct, kw_only=True):
    tagid: GroupId
    order_type: OrderType = ""
    ps: PageSize = 20
    pn: PageNumber = 1
    cursor: Cursor | UnsetType = UNSET


class ModifyParams(Struct, kw_only=True):
    fid: Mid
    act: Act
    re_src: Source


class BatchParams(Struct, kw_only=True):
    fids: Mids
    act: BatchAct
    re_src: Source


class ManyTargets(Struct):
    fids: Mids


class NewGroup(Struct):
    tag: GroupName


class RenameGroup(Struct, kw_only=True):
    tagid: GroupId
    name: GroupName


class OldGroup(Struct):
    tagid: GroupId


class MembersParams(Struct, kw_only=True):
    fids: Mids
    tagids: GroupIds


class MoveParams(Struct, kw_only=True):
    fids: Mids
    before: GroupIds = field(name="beforeTagids")
    after: GroupIds = field(name="afterTagids")
