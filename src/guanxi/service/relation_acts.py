"""Handlers that change and return relations between accounts, and an account's counts."""

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


async def modify(service: Service, caller: int, params: p.ModifyParams) -> bytes:
    """Handle POST /x/relation/modify: follow, block, or undo it (004, 操作用户关系).

    Raise InvalidParameter for the retired act 3, and Refused with the act's code if it fails.
    """
    if params.act == Act.WHISPER.value:
        raise InvalidParameter("act", "3 已下线", "3 is retired")
    act = Modify(caller, params.fid, params.act)
    [code] = await service.store.change([act], service.profile.limits)
    refuse_if(code)
    return b""


async def batch_modify(service: Service, caller: int, params: p.BatchParams) -> bytes:
    """Handle a batch of acts, each of which succeeds or fails alone (004, 批量操作用户关系).

    Repeated ids count once. The response lists the fids that failed; Refused carries the list too.
    """
    fids = list(dict.fromkeys(params.fids))
    acts = [Modify(caller, fid, params.act) for fid in fids]
    codes = await service.store.change(acts, service.profile.limits)
    code, failed = batch_result(fids, codes)
    data = encode(s.FailedFids(failed))
    if code:
        raise Refused(code, data=data)
    return data


def _relation(mid: int, relation: Relation) -> s.Relation:
    """Return the caller's own relation to ``mid`` as a response struct."""
    response = s.Relation(mid, relation.attribute, mtime_of(relation.sort_key))
    if relation.groups:
        response.tag, response.special = list(relation.groups), int(SPECIAL in relation.groups)
    return response


async def relation(service: Service, caller: int, params: p.Target) -> bytes:
    """Handle GET /x/relation: the caller's relation to one account; attribute 0 if there is none.

    Source: 004, 查询用户与自己关系（仅关注）.
    """
    relations = await service.store.relations(caller, [params.fid])
    return encode(_relation(params.fid, relations.get(params.fid, _NONE)))


async def relations(service: Service, caller: int, params: p.ManyTargets) -> bytes:
    """Handle GET /x/relation/relations: the relations to accounts (004, 批量查询用户与自己关系).

    Accounts without a relation are omitted.
    """
    relations = await service.store.relations(caller, [*{*params.fids}])  # unique mids
    return encode({fid: _relation(fid, relations[fid]) for fid in params.fids if fid in relations})


async def mutual(service: Service, caller: int, params: p.Account) -> bytes:
    """Handle GET /x/space/wbi/acc/relation: both directions between two accounts.

    A followed account counts as visited. Source: 004, 查询用户与自己关系（互相关系）.
    """
    return encode(await _both_directions(service, caller, params.mid))


async def legacy_mutual(service: Service, caller: int, params: p.Account) -> bytes:
    """Handle the older query of both directions (002, 查询用户与自己关系2(互相)).

    ``is_followed`` is false in all examples of the document.
    """
    mutual_relation = await _both_directions(service, caller, params.mid)
    return encode(
        s.LegacyMutualRelation(
            _legacy(mutual_relation.relation), _legacy(mutual_relation.be_relation)
        )
    )


def _legacy(relation: s.Relation) -> s.LegacyRelation:
    return s.LegacyRelation(
        relation.mid, relation.attribute, relation.mtime, relation.tag, relation.special
    )


async def _both_directions(service: Service, caller: int, other: int) -> s.MutualRelation:
    """Return the relations of ``caller`` to ``other`` and of ``other`` to ``caller``.

    The second lacks what the caller may not see. Record a visit if the caller follows ``other``.
    """
    pair = await service.store.pair(caller, other)
    mine, theirs = pair.mine, pair.theirs
    if mine.follows is not None:
        service.store.visit(caller, other)
    return s.MutualRelation(
        _relation(other, relation_of(mine, followed_back=theirs.follows is not None)),
        _visible_relation(service, caller, theirs, followed_back=mine.follows is not None),
    )


def _visible_relation(
    service: Service, caller: int, side: Side, *, followed_back: bool
) -> s.Relation:
    """Return the other account's relation to the caller without what the caller may not see."""
    full = _relation(caller, relation_of(side, followed_back=followed_back))
    full.attribute = public_attribute(full.attribute)
    if not full.attribute:
        return s.Relation(caller)
    if not service.profile.shows_groups:
        full.tag, full.special = None, 0
    return full


async def stat(service: Service, caller: int, params: p.Viewed) -> bytes:
    """Handle GET /x/relation/stat: an account's counts (000, get_relation_info).

    Only the account itself sees its numbers of whispers and blocks; others get 0.
    """
    tally = await service.store.tally(params.vmid)
    response = s.Stat(params.vmid, following=tally.following, follower=tally.follower)
    if caller == params.vmid:
        response.whisper, response.black = tally.whisper, tally.black
    return encode(response)
