"""Handlers that clients of the relation API need too: wbi keys, device ids, a card."""

from __future__ import annotations

from uuid import UUID

from msgspec import UNSET

from guanxi.accounts.secrets import wbi_keys
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.service.answers import cursor_after, encode
from guanxi.service.handlers import people
from guanxi.service.handlers.relation_lists import all_followings
from guanxi.service.handling import NO_SESSION, Refused, Service

#: Clients use only the file's name, which is the key. Nobody can fetch from ``.invalid``.
_KEY_ADDRESS = "https://guanxi.invalid/wbi/{}.png"


async def nav(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/web-interface/nav: the caller's name, face and membership, and the wbi keys.

    The keys are those of the current UTC day. Without a session, raise ``Refused`` with -101, whose
    data still contains the keys. Source: 000.
    """
    keys = [_KEY_ADDRESS.format(key) for key in wbi_keys(service.store.secret, service.now())]
    data = s.Nav(wbi_img=s.WbiImages(*keys))
    if not caller:
        raise Refused(errors.NotSignedIn.number, NO_SESSION, data=encode(data))
    card = await people.card(service, caller)
    data.is_login = True
    data.mid, data.uname, data.face = caller, card.name, card.face
    data.vip_type, data.vip_status = card.vip_type, card.vip_status
    data.vip_due_date_ms = card.vip_due_ms
    return encode(data)


async def buvid(service: Service, _caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/frontend/finger/spi: two new device ids, which are not stored."""
    drawn = (UUID(bytes=service.chance("buvid", 16), version=4) for _ in range(2))
    buvid3, buvid4 = (f"{str(id).upper()}infoc" for id in drawn)
    return encode(s.Buvids(buvid3, buvid4))


async def device_report(_service: Service, _caller: int, _params: p.NoParams) -> bytes:
    """Handle POST …/ExClimbWuzhi: ignore the device report and return an empty object."""
    return b"{}"


async def card_by_mid(service: Service, caller: int, params: p.AttentionsParams) -> bytes:
    """Handle GET /api/member/getCardByMid: a card and followed mids (001, get_all_followings).

    The mids are those of ``all_followings``. The response has no envelope; an account that does not
    exist has code -404 in the body, with message and reason. A profile with cursors adds the next
    cursor. Raise InvalidParameter if the request's cursor is invalid.
    """
    now = service.now()
    card = (await service.store.cards([params.mid])).get(params.mid)
    if card is None:
        missing = errors.NotFound
        return encode(
            s.CardByMid(
                now, missing.number, message=missing.wire_message, reason="mid: no such account"
            )
        )
    tally = await service.store.tally(params.mid)
    result, _ = await all_followings(service, caller, params)
    after = cursor_after(result.rows, result.more) if service.profile.cursors else UNSET
    return encode(
        s.CardByMid(
            ts=now,
            cursor=after,
            card=s.MemberCard(
                mid=str(params.mid),
                name=card.name,
                face=card.face,
                sign=card.sign,
                fans=tally.follower,
                attention=tally.following,
                attentions=[*result.rows.mids],
            ),
        )
    )
