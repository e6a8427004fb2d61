"""Accounts by their names, and names that one may take."""

from __future__ import annotations

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service, refuse_if
from guanxi.world.profile import nickname_code


async def name_to_uid(service: Service, _caller: int, asked: p.Names) -> bytes:
    """000 and 001, name2uid: in the order asked, without the names that nobody has."""
    mids = await service.store.mids(asked.names)
    told = [
        s.NamedAccount(name, str(mids[name])) for name in dict.fromkeys(asked.names) if name in mids
    ]
    return encode(s.NamedAccounts(told))


async def check_nickname(service: Service, _caller: int, asked: p.Nickname) -> bytes:
    """000, check_nickname: the code says why not."""
    refuse_if(nickname_code(asked.nick_name, service.profile.limits))
    if asked.nick_name in await service.store.mids([asked.nick_name]):
        raise Refused(errors.NicknameExists.number)
    return b""
