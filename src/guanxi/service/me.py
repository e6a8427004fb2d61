"""One's own account: what it is told of itself alone, and what it may change."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import to_builtins
from msgspec.structs import replace

from guanxi.accounts.account import Account
from guanxi.accounts.secrets import DAY
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import ALL
from guanxi.contract.params import LARGEST, InvalidParameter
from guanxi.service import documents, people
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service, refuse_if
from guanxi.stores.port import Query
from guanxi.world import clock, mine
from guanxi.world import profile as world

#: How far back the log of experience goes, from its newest line, in seconds.
_LOGGED = 7 * DAY


async def info(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_self_info."""
    told = people.my_info(
        await service.store.account(caller) or Account(mid=caller),
        await people.card(service, caller),
        await people.profile(service, caller),
        await service.store.tally(caller),
    )
    return encode(told)


async def edit(service: Service, caller: int, asked: p.ProfileEdit) -> bytes:
    """000, edit_self_info: all four at once, once all four may be."""
    try:
        clock.seconds_of_day(asked.birthday)
    except ValueError:
        raise InvalidParameter("birthday", "没有这一天", "no such day") from None
    limits = service.profile.limits
    refuse_if(world.nickname_code(asked.uname, limits))
    await _refuse_taken(service, caller, asked.uname)
    refuse_if(world.signature_code(asked.usersign, limits))
    profile = await people.profile(service, caller)
    changed = replace(profile, sex=asked.sex, birthday=asked.birthday)
    await service.store.put([world.PROFILE.entry(caller, changed)])
    card = await people.card(service, caller)
    await service.store.put_account(caller, replace(card, name=asked.uname, sign=asked.usersign))
    return b""


async def _refuse_taken(service: Service, caller: int, name: str) -> None:
    """40014 for a name that another account has."""
    owner = (await service.store.mids([name])).get(name, caller)
    if owner != caller:
        raise Refused(errors.NicknameExists.number)


async def set_notice(service: Service, caller: int, asked: p.Notice) -> bytes:
    """000, User.set_space_notice: an empty one deletes it."""
    limits = service.profile.limits
    kept = await service.store.get(world.NOTICE, caller)
    code = world.notice_code(asked.notice, kept.text if kept is not None else "", limits)
    if code == errors.BadRequest.number:
        most = limits.notice
        raise InvalidParameter("notice", f"最长 {most} 字符", f"at most {most} characters")
    refuse_if(code)
    if asked.notice:
        await service.store.put([world.NOTICE.entry(caller, world.Notice(asked.notice))])
    else:
        await service.store.delete(world.NOTICE, caller)
    return b""


async def coins(service: Service, caller: int, _asked: p.NoParams, jar: Mapping[str, str]) -> bytes:
    """000, get_self_coins: null for 0. The cookies must agree on whose they are (ours)."""
    if jar.get("DedeUserID", str(caller)) != str(caller):
        raise Refused(
            errors.NotSignedIn.number,
            InvalidParameter("DedeUserID", "与会话不符", "not this session's"),
        )
    return encode(s.Coins((await people.profile(service, caller)).coins or None))


async def experience_log(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_self_experience_log: the week before its newest line (ours: not before now)."""
    store = service.store
    newest = (await store.documents(mine.EXPERIENCE, caller, Query(order="time", limit=1))).items
    if not newest:
        return encode(s.ExperienceLog())
    since = Query(
        order="time", ascending=True, limit=ALL, after=(newest[0].time - _LOGGED, LARGEST)
    )
    kept = (await store.documents(mine.EXPERIENCE, caller, since)).items
    return encode(s.ExperienceLog([mine.gained(one) for one in reversed(kept)], len(kept)))


async def moral_log(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_self_moral_log. Its lines are in the shape of experience's (ours)."""
    moral = (await people.profile(service, caller)).moral
    kept = await documents.whole(service, mine.MORAL, caller, "time")
    told = [to_builtins(mine.gained(one)) for one in kept]
    return encode(s.MoralLog(moral, told, len(told)))


async def login_log(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_self_login_log."""
    kept = await documents.whole(service, mine.SIGN_IN, caller, "time")
    return encode(s.LoginLog(len(kept), [mine.signed_in(one) for one in kept]))


async def jury(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_self_jury_info: without a state, never a juror."""
    state = await service.store.get(world.JURY, caller) or s.Jury()
    card = await people.card(service, caller)
    return encode(replace(state, face=card.face, uname=card.name))


async def events(service: Service, caller: int, asked: p.EventsParams) -> bytes:
    """000, get_self_events: those from ``ts`` on, the earliest first."""
    query = Query(order="time", ascending=True, limit=ALL, after=(asked.ts, -1))
    kept = (await service.store.documents(mine.EVENT, caller, query)).items
    card = await people.card(service, caller)
    profile = await people.profile(service, caller)
    owner = s.EventProfile(
        name=card.name,
        jointime=profile.joined,
        sign=card.sign,
        vip=to_builtins(people.membership(card)),
        identification=int(profile.identified),
    )
    told = [s.Event(one.time, one.title) for one in kept]
    return encode(s.Events(s.EventOwner(owner), told))


async def fan_report(service: Service, caller: int, _asked: p.FanReportParams) -> bytes:
    """000, User.top_followers: always the caller's own; there is one report, whatever ``t``."""
    if not caller:
        raise Refused(errors.NotSignedIn.number)
    return encode(await service.store.get(world.FAN_REPORT, caller) or s.FanReport())
