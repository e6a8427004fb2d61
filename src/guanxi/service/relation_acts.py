"""What changes a relation between two accounts, and what asks after one."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.params import Complaint
from guanxi.graph.pair import (
    SPECIAL,
    Act,
    Modify,
    Side,
    attribute,
    batch_answer,
    mtime_of,
    told_to_other,
)
from guanxi.service.answers import encode, tag_of
from guanxi.service.handling import Refused, Service, refuse_if

_NOTHING = (Side(), False)


async def modify(service: Service, caller: int, asked: p.ModifyParams) -> bytes:
    """004, 操作用户关系."""
    if asked.act == Act.WHISPER.value:
        raise Complaint("act", "3 已下线", "3 is retired")
    act = Modify(caller, asked.fid, asked.act)
    [code] = await service.store.change([act], service.profile.limits)
    refuse_if(code)
    return b""


async def batch_modify(service: Service, caller: int, asked: p.BatchParams) -> bytes:
    """004, 批量操作用户关系. A repeated id counts once; each member stands or falls alone."""
    fids = list(dict.fromkeys(asked.fids))
    acts = [Modify(caller, fid, asked.act) for fid in fids]
    codes = await service.store.change(acts, service.profile.limits)
    code, failed = batch_answer(fids, codes)
    data = encode(s.FailedFids(failed))
    if code:
        raise Refused(code, data=data)
    return data


def _relation(mid: int, side: Side, followed_back: bool) -> s.Relation:
    """One's own side, told to oneself; the time is that of a following or a whisper."""
    edge = side.follows
    place = (side.whispers or 0) if edge is None else edge.place
    told = s.Relation(mid, attribute(side, followed_back=followed_back), mtime_of(place))
    if edge is not None and edge.groups:
        told.tag, told.special = tag_of(edge.groups), int(SPECIAL in edge.groups)
    return told


async def relation(service: Service, caller: int, asked: p.Target) -> bytes:
    """004, 查询用户与自己关系（仅关注）."""
    sides = await service.store.sides(caller, [asked.fid])
    side, followed_back = sides.get(asked.fid, _NOTHING)
    return encode(_relation(asked.fid, side, followed_back))


async def relations(service: Service, caller: int, asked: p.ManyTargets) -> bytes:
    """004, 批量查询用户与自己关系. Accounts towards whom nothing stands are left out."""
    fids = list(dict.fromkeys(asked.fids))
    sides = await service.store.sides(caller, fids)
    return encode({fid: _relation(fid, *sides[fid]) for fid in fids if fid in sides})


async def mutual(service: Service, caller: int, asked: p.Account) -> bytes:
    """004, 查询用户与自己关系（互相关系）."""
    return encode(await _both(service, caller, asked.mid))


async def legacy_mutual(service: Service, caller: int, asked: p.Account) -> bytes:
    """002, 查询用户与自己关系2(互相). ``is_followed`` is false in all that the document shows."""
    both = await _both(service, caller, asked.mid)
    return encode(s.LegacyMutualRelation(_legacy(both.relation), _legacy(both.be_relation)))


def _legacy(one: s.Relation) -> s.LegacyRelation:
    return s.LegacyRelation(one.mid, one.attribute, one.mtime, one.tag, one.special)


async def _both(service: Service, caller: int, other: int) -> s.MutualRelation:
    """Both directions; asking of somebody followed counts as a visit."""
    pair = await service.store.pair(caller, other)
    mine, theirs = pair.mine, pair.theirs
    if mine.follows is not None:
        service.store.visit(caller, other)
    return s.MutualRelation(
        _relation(other, mine, followed_back=theirs.follows is not None),
        _told(service, caller, theirs, followed_back=mine.follows is not None),
    )


def _told(service: Service, caller: int, side: Side, *, followed_back: bool) -> s.Relation:
    """The other's side, as far as the caller may know it."""
    whole = _relation(caller, side, followed_back=followed_back)
    whole.attribute = told_to_other(whole.attribute)
    if not whole.attribute:
        return s.Relation(caller)
    if not service.profile.shows_groups:
        whole.tag, whole.special = None, 0
    return whole


async def stat(service: Service, caller: int, asked: p.Viewed) -> bytes:
    """Counts of an account (000, get_relation_info); whispers and blocks are one's own business."""
    tally = await service.store.tally(asked.vmid)
    told = s.Stat(asked.vmid, following=tally.following, follower=tally.follower)
    if caller == asked.vmid:
        told.whisper, told.black = tally.whisper, tally.black
    return encode(told)
