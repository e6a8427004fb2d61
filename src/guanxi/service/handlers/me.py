"""Handlers for the caller's own account: its data, logs and statistics, and its changes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, to_builtins
from msgspec.structs import replace

from guanxi.accounts.account import Account, AccountEdit, EditRefusal
from guanxi.accounts.secrets import DAY
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import ALL
from guanxi.contract.params import LARGEST, InvalidParameter
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import mtimes_of
from guanxi.service.answers import encode
from guanxi.service.handlers import account, documents, people
from guanxi.service.handling import BANNED, NO_ACCOUNT, NO_SESSION, Refused, Service, refuse_if
from guanxi.stores.port import Query
from guanxi.world import clock, mine
from guanxi.world import profile as world
from guanxi.world.kind import DocumentEdit

#: How far back the experience log goes, from its newest line, in seconds.
_EXPERIENCE_LOG_SECONDS = 7 * DAY


async def info(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/space/myinfo: the caller's account, profile and counts (000, get_self_info)."""
    my_info = people.my_info(
        await service.store.account(caller) or Account(mid=caller),
        await people.card(service, caller),
        await people.profile(service, caller),
        await service.store.tally(caller),
    )
    return encode(my_info)


def check_birthday(params: p.ProfileEdit) -> None:
    """Raise InvalidParameter for a birthday that is no day of the calendar."""
    try:
        clock.seconds_of_day(params.birthday)
    except ValueError:
        raise InvalidParameter("birthday", "no such day") from None


async def edit(service: Service, caller: int, params: p.ProfileEdit) -> bytes:
    """Handle POST /x/member/web/update: change the caller's profile (000, edit_self_info).

    Replaces name, signature, sex and birthday in one transaction; ``check_birthday`` has checked
    the last. Raise Refused, and change nothing, with the code of the rule that name (40014: in use)
    or signature breaks, with -102 if the account is banned, or with -101 if it is
    deregistered meanwhile.
    """
    limits = service.profile.limits
    reasons = account.name_reasons("uname", limits) | {
        errors.SignatureTooLong.number: f"usersign: at most {limits.signature} characters",
        errors.SignatureHasEmoji.number: "usersign: no emoji",
    }
    refuse_if(world.nickname_code(params.uname, limits), reasons)
    refuse_if(world.signature_code(params.usersign, limits), reasons)
    card = {"name": params.uname, "sign": params.usersign}
    profile = {"sex": params.sex, "birthday": params.birthday}
    refusal = await service.store.edit_account(
        caller,
        AccountEdit(card=card, unique_name=True, by_owner=True),
        [DocumentEdit(kind=world.PROFILE, fields=profile)],
    )
    if refusal is EditRefusal.NAME_IN_USE:
        code = errors.NicknameExists.number
        raise Refused(code, reasons[code])
    if refusal is EditRefusal.BANNED:
        raise Refused(errors.AccountBanned.number, BANNED)
    if refusal is not None:  # deregistered since the session was checked
        raise Refused(errors.NotSignedIn.number, NO_ACCOUNT)
    return b""


async def set_notice(service: Service, caller: int, params: p.Notice) -> bytes:
    """Handle POST /x/space/notice/set: replace the notice (000, User.set_space_notice).

    An empty text deletes the notice. Raise Refused: -400 if the text is too long, -304 if it equals
    the current text ("" without a notice).
    """
    limits = service.profile.limits
    reasons = {
        errors.BadRequest.number: f"notice: at most {limits.notice} characters",
        errors.NothingChanged.number: "notice: equals the current one",
    }
    current = await service.store.get(world.NOTICE, caller)
    code = world.notice_code(params.notice, current.text if current is not None else "", limits)
    refuse_if(code, reasons)
    if params.notice:
        await service.store.put(
            [world.NOTICE.entry(caller, world.Notice(params.notice))], by=caller
        )
    else:
        await service.store.delete(world.NOTICE, caller, by=caller)
    return b""


async def coins(
    service: Service, caller: int, _params: p.NoParams, jar: Mapping[str, str]
) -> bytes:
    """Handle GET /site/getCoin: the caller's coins, null for 0 (000, get_self_coins).

    ``jar`` holds the cookies by name. Raise Refused with -101 if it has a DedeUserID that is not
    the caller's mid (guanxi's own rule).
    """
    if jar.get("DedeUserID", str(caller)) != str(caller):
        raise Refused(errors.NotSignedIn.number, "DedeUserID: not the mid of this session")
    return encode(s.Coins((await people.profile(service, caller)).coins or None))


async def experience_log(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/member/web/exp/log: changes of experience (000, get_self_experience_log).

    Newest first, and only those of the 7 days that end with the newest change, not with today
    (guanxi's own rule).
    """
    store = service.store
    newest = (await store.documents(mine.EXPERIENCE, caller, Query(order="time", limit=1))).items
    if not newest:
        return encode(s.ExperienceLog())
    since = Query(
        order="time",
        ascending=True,
        limit=ALL,
        after=(newest[0].time - _EXPERIENCE_LOG_SECONDS, LARGEST),
    )
    changes = (await store.documents(mine.EXPERIENCE, caller, since)).items
    lines = [mine.log_line(change) for change in reversed(changes)]
    return encode(s.ExperienceLog(lines, len(lines)))


async def moral_log(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/member/web/moral/log: the caller's moral value (000, get_self_moral_log).

    Also returns all its changes, newest first, in the shape of the experience log's lines
    (guanxi's own choice).
    """
    moral = (await people.profile(service, caller)).moral
    changes = await documents.all_documents(service, mine.MORAL, caller, "time")
    lines = [to_builtins(mine.log_line(change)) for change in changes]
    return encode(s.MoralLog(moral, lines, len(lines)))


async def login_log(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/member/web/login/log: all the caller's sign-ins (000, get_self_login_log).

    Newest first, with their number.
    """
    lines = await documents.all_documents(service, mine.SIGN_IN, caller, "time")
    return encode(s.LoginLog(len(lines), [mine.sign_in_item(line) for line in lines]))


async def jury(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/credit/v2/jury/jury: the caller as a juror (000, get_self_jury_info).

    Name and face are those of the caller's card. If no jury document is stored, the rest says that
    the caller was never a juror.
    """
    jury_record = await service.store.get(world.JURY, caller) or s.Jury()
    card = await people.card(service, caller)
    return encode(replace(jury_record, face=card.face, uname=card.name))


async def events(service: Service, caller: int, params: p.EventsParams) -> bytes:
    """Handle GET /x2/creative/h5/calendar/event: the caller's events (000, get_self_events).

    Those at or after ``ts`` (a Unix time in seconds, by default 0), the earliest first, together
    with the caller's name, signature, membership and time of registration.
    """
    query = Query(order="time", ascending=True, limit=ALL, after=(params.ts, -1))
    rows = (await service.store.documents(mine.EVENT, caller, query)).items
    card = await people.card(service, caller)
    profile = await people.profile(service, caller)
    owner = s.EventProfile(
        name=card.name,
        jointime=profile.joined,
        sign=card.sign,
        vip=to_builtins(people.membership(card)),
        identification=int(profile.identified),
    )
    items = [s.Event(event.time, event.title) for event in rows]
    return encode(s.Events(s.EventOwner(owner), items))


async def fan_report(service: Service, caller: int, params: p.FanReportParams) -> bytes:
    """Handle GET /x/web/data/fan: the report on the caller's followers (000, User.top_followers).

    The stored report, or one of default values. With ``t``, the rankings have only those who have
    followed the caller since then, and ``summary.inc`` is how many have; only the newest
    ``limits.followers`` are looked at (guanxi's own rule). Raise Refused with -101 without a
    session.
    """
    if not caller:
        raise Refused(errors.NotSignedIn.number, NO_SESSION)
    report = await service.store.get(world.FAN_REPORT, caller) or s.FanReport()
    if params.since_ms is not UNSET:
        newest = Window(0, service.profile.limits.followers)
        rows = (await service.store.page(Listing.FOLLOWERS, caller, Sort.NEWEST, newest)).rows
        since = {
            mid
            for mid, mtime in zip(rows.mids, mtimes_of(rows.sort_keys), strict=True)
            if mtime * 1_000 >= params.since_ms
        }
        report = world.report_since(report, since)
    return encode(report)
