"""Handlers that resolve names to mids and check nicknames."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import Limits
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service, refuse_if
from guanxi.world.profile import nickname_code


async def name_to_uid(service: Service, _caller: int, params: p.Names) -> bytes:
    """Handle GET name-to-uid and name_to_uid: the mid of each name (000 and 001, name2uid).

    In the order of the request, each name once. Names that are not exactly those of an account are
    omitted; of several accounts with one name, the lowest mid is returned.
    """
    mids = await service.store.mids(params.names)
    accounts = [
        s.NamedAccount(name, str(mids[name]))
        for name in dict.fromkeys(params.names)
        if name in mids
    ]
    return encode(s.NamedAccounts(accounts))


async def check_nickname(service: Service, _caller: int, params: p.Nickname) -> bytes:
    """Handle GET /web/generic/check/nickname: code 0 for a valid, free name (000, check_nickname).

    Raise ``Refused`` with 40005 (too long), 40006 (too short), 40004 (illegal character) or 40014
    (an account has it).
    """
    limits = service.profile.limits
    reasons = name_reasons("nickName", limits)
    refuse_if(nickname_code(params.nick_name, limits), reasons)
    if params.nick_name in await service.store.mids([params.nick_name]):
        code = errors.NicknameExists.number
        raise Refused(code, reasons[code])
    return b""


def name_reasons(field: str, limits: Limits) -> dict[int, str]:
    """Return the reasons for which a nickname is refused, by code; ``field`` is its parameter."""
    return {
        errors.NicknameTooLong.number: f"{field}: at most {limits.nickname} characters",
        errors.NicknameTooShort.number: f"{field}: at least {limits.nickname_least} characters",
        errors.NicknameIllegal.number: f"{field}: letters, digits, - and _ only",
        errors.NicknameExists.number: f"{field}: another account has it",
    }
