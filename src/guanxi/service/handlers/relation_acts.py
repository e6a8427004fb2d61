"""Handlers that change and return relations between accounts, and an account's counts."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import Caps
from guanxi.contract.params import InvalidParameter
from guanxi.graph.pair import (
    REQUESTED,
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
from guanxi.service.handling import NO_ACCOUNT, UNKNOWN_CALLER, Refused, Service

_NONE = Relation()
_RETIRED, _FOLLOW = int(Act.WHISPER), int(Act.FOLLOW)


def check_act(params: p.ModifyParams) -> None:
    """Raise InvalidParameter for the retired act 3."""
    if params.act == _RETIRED:
        raise InvalidParameter("act", "3 is retired")


async def modify(service: Service, caller: int, params: p.ModifyParams) -> bytes:
    """Handle POST /x/relation/modify: apply one act to account ``fid`` (004, 操作用户关系).

    Follow or block it, undo that, or remove it as a follower; ``re_src`` has no effect. ``act`` is
    checked by ``check_act``. A follow of an account that approves its followers makes a request in
    the profile ``open``, which the response's data says (guanxi's own). Raise Refused with the code
    of the rule that forbids the act.
    """
    act, caps = Modify(caller, params.fid, params.act), service.profile.caps
    [code] = await service.store.change([act], caps)
    if not code:
        if params.act == _FOLLOW:
            service.followed(1)
        return b""
    if code == REQUESTED:
        return encode(s.Requested())
    if code == errors.NoSuchUser.number and await service.store.account(caller) is None:
        raise Refused(code, UNKNOWN_CALLER)
    if code == errors.NotSignedIn.number:
        raise Refused(code, NO_ACCOUNT)
    raise Refused(code, _reason(code, caller, params.fid, caps))


def _reason(code: int, caller: int, fid: int, caps: Caps) -> str:
    """Return the reason for the code that the rules refuse an act on account ``fid`` with."""
    if code == errors.CannotTargetSelf.number:
        return "fid: is the caller's own account"
    sentence = errors.sentence_of(code, caller, fid).en
    if code == errors.AccountBanned.number:
        return sentence
    limit = f"; at most {caps.following}" if code == errors.FollowingLimitReached.number else ""
    return f"fid: {sentence}{limit}"


def all_failed(params: p.BatchParams) -> bytes:
    """Return the data of a batch whose acts were all refused: each fid once."""
    return encode(s.FailedFids(list(dict.fromkeys(params.fids))))


async def batch_modify(service: Service, caller: int, params: p.BatchParams) -> bytes:
    """Handle POST /x/relation/batch/modify: follow or block many accounts (004, 批量操作用户关系).

    Each act succeeds or fails alone; repeated ids count once; ``re_src`` has no effect. The
    response lists the fids that failed. Raise Refused, with that list as data, if all failed
    because the caller is banned, or all because the caller blocks them.
    """
    fids = list(dict.fromkeys(params.fids))
    acts = [Modify(caller, fid, params.act) for fid in fids]
    codes = await service.store.change(acts, service.profile.caps)
    if params.act == _FOLLOW:
        service.followed(codes.count(0))
    codes = [0 if code == REQUESTED else code for code in codes]
    code, failed = batch_result(fids, codes)
    if code == errors.NotSignedIn.number:
        raise Refused(code, NO_ACCOUNT)
    data = encode(s.FailedFids(failed))
    if code:
        reasons = {
            errors.AccountBanned.number: errors.sentence_of(code, caller, 0).en,
            errors.TargetInBlacklist.number: "fids: you block all of them; unblock them first",
        }
        raise Refused(code, reasons[code], data=data)
    return data


def _relation(mid: int, relation: Relation) -> s.Relation:
    """Return a relation to account ``mid`` as a response struct.

    Without groups, ``tag`` is None and ``special`` 0.
    """
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
    """Handle GET /x/relation/relations: relations to many accounts (004, 批量查询用户与自己关系).

    The response maps ``fids`` to the caller's relations, in the order of the request. Accounts
    without a relation are omitted.
    """
    relations = await service.store.relations(caller, [*{*params.fids}])  # unique mids
    return encode({fid: _relation(fid, relations[fid]) for fid in params.fids if fid in relations})


async def mutual(service: Service, caller: int, params: p.Account) -> bytes:
    """Handle GET /x/space/wbi/acc/relation: the relations between the caller and account ``mid``.

    In both directions; the other's whisper or block appears as no relation. Counts a visit if the
    caller follows the account. Source: 004, 查询用户与自己关系（互相关系）.
    """
    return encode(await _both_directions(service, caller, params.mid))


async def legacy_mutual(service: Service, caller: int, params: p.Account) -> bytes:
    """Handle GET /x/space/acc/relation: the relations between the caller and account ``mid``.

    As ``mutual``, with ``is_followed`` always false. Counts a visit if the caller follows the
    account. Source: 002, 查询用户与自己关系2(互相).
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

    The second is empty for a whisper or block, and lacks groups unless the service's profile shows
    them. Count a visit, in memory only, if the caller follows ``other``.
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
    """Return the other account's relation to the caller, as the caller may see it.

    ``side`` is the other's. A whisper or block appears as none. Groups are omitted unless the
    service's profile shows them. ``followed_back``: the caller follows the other account.
    """
    full = _relation(caller, relation_of(side, followed_back=followed_back))
    full.attribute = public_attribute(full.attribute)
    if not full.attribute:
        return s.Relation(caller)
    if not service.profile.shows_groups:
        full.tag, full.special = None, 0
    return full


async def stat(service: Service, caller: int, params: p.Viewed) -> bytes:
    """Handle GET /x/relation/stat: an account's counts (000, get_relation_info).

    Only the account itself sees its numbers of whispers and blocks; others get 0. All counts of an
    unknown account are 0.
    """
    tally = await service.store.tally(params.vmid)
    response = s.Stat(params.vmid, following=tally.following, follower=tally.follower)
    if caller == params.vmid:
        response.whisper, response.black = tally.whisper, tally.black
    return encode(response)
