"""What clients of the relation API ask for besides: keys, device ids, and two old lists."""

from __future__ import annotations

import time
from uuid import uuid4

from guanxi.accounts.secrets import wbi_keys
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service
from guanxi.service.relation_lists import visible_mids

#: Only the file's name matters to clients; ``.invalid`` sees to it that nobody fetches it.
_KEY_ADDRESS = "https://guanxi.invalid/wbi/{}.png"


async def nav(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """Who is signed in, and the wbi keys; those also for nobody, with -101 (000)."""
    store = service.store
    keys = [_KEY_ADDRESS.format(key) for key in wbi_keys(store.secret, int(time.time()))]
    told = s.Nav(wbi_img=s.WbiImages(*keys))
    if not caller:
        raise Refused(errors.NotSignedIn.number, data=encode(told))
    card = (await store.cards([caller]))[caller]
    told.is_login = True
    told.mid, told.uname, told.face = caller, card.name, card.face
    told.vip_type, told.vip_status = card.vip_type, card.vip_status
    told.vip_due_date_ms = card.vip_due_ms
    return encode(told)


async def buvid(_service: Service, _caller: int, _asked: p.NoParams) -> bytes:
    """A pair of device ids; nothing is kept of them."""
    one, other = (str(uuid4()).upper() + "infoc" for _ in range(2))
    return encode(s.Buvids(one, other))


async def device_report(_service: Service, _caller: int, _asked: p.NoParams) -> bytes:
    """A report taken and forgotten."""
    return b"{}"


async def attentions(service: Service, caller: int, asked: p.Account) -> bytes:
    """The mids that an account follows, as far as its lists tell the caller."""
    return encode(await visible_mids(service, caller, asked.mid))


async def card_by_mid(service: Service, caller: int, asked: p.Account) -> bytes:
    """An account with the mids it follows (001, get_all_followings); the body has no envelope."""
    now = int(time.time())
    card = (await service.store.cards([asked.mid])).get(asked.mid)
    if card is None:
        return encode(s.CardByMid(now, errors.NotFound.number))
    tally = await service.store.tally(asked.mid)
    return encode(
        s.CardByMid(
            ts=now,
            card=s.MemberCard(
                mid=str(asked.mid),
                name=card.name,
                face=card.face,
                sign=card.sign,
                fans=tally.follower,
                attention=tally.following,
                attentions=await visible_mids(service, caller, asked.mid),
            ),
        )
    )
