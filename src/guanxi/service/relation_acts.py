"""What changes a relation between two accounts, and what asks after one."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.params import InvalidParameter
from guanxi.graph.pair import (
    SPECIAL,
    Act,
    Modify,
    Relation,
    Side,
    batch_result,
    mtime_of,
    public_attribute,
    relation_of,
)
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service, refuse_if

_NONE = Relation()


async def modify(service: Service, caller: int, asked: p.ModifyParams) -> bytes:
    """004, 操作用户关系."""
    if asked.act == Act.WHISPER.value:
        raise InvalidParameter("act", "3 已下线", "3 is retired")
    act = Modify(caller, asked.fid, asked.act)
    [code] = await service.store.change([act], service.profile.limits)
    refuse_if(code)
    return b""


async def batch_modify(service: Service, caller: int, asked: p.BatchParams) -> bytes:
    """004, 批量操作用户关系. A repeated id counts once; each member stands or falls alone."""
    fids = list(dict.fromkeys(asked.fids))
    acts = [Modify(caller, fid, asked.act) for fid in fids]
    codes = await service.store.change(acts, service.profile.limits)
    code, failed = batch_result(fids, codes)
    data = encode(s.FailedFids(failed))
    if code:
        raise Refused(code, data=data)
    return data


def _relation(mid: int, relation: Relation) -> s.Relation:
    """How one stands to an account, told to oneself."""
    told = s.Relation(mid, relation.attribute, mtime_of(relation.sort_key))
    if relation.groups:
        told.tag, told.special = list(relation.groups), int(SPECIAL in relation.groups)
    return told


async def relation(service: Service, caller: int, asked: p.Target) -> bytes:
    """004, 查询用户与自己关系（仅关注）."""
    relations = await service.store.relations(caller, [asked.fid])
    return encode(_relation(asked.fid, relations.get(asked.fid, _NONE)))


async def relations(service: Service, caller: int, asked: p.ManyTargets) -> bytes:
    """004, 批量查询用户与自己关系. Accounts towards whom nothing stands are left out."""
    relations = await service.store.relations(caller, [*{*asked.fids}])  # each once
    return encode({fid: _relation(fid, relations[fid]) for fid in asked.fids if fid in relations})


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
        _relation(other, relation_of(mine, followed_back=theirs.follows is not None)),
        _told(service, caller, theirs, followed_back=mine.follows is not None),
    )


def _told(service: Service, caller: int, side: Side, *, followed_back: bool) -> s.Relation:
    """The other's side, as far as the caller may know it."""
    whole = _relation(caller, relation_of(side, followed_back=followed_back))
    whole.attribute = public_attribute(whole.attribute)
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
