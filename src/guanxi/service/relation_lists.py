"""The lists of relations: who sees which part of whose (DESIGN: Who sees what)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from guanxi.accounts.account import Card, Privacy, official_of, vip_of
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import ALL
from guanxi.contract.params import InvalidParameter
from guanxi.graph.lists import (
    Listing,
    Position,
    Sort,
    Window,
    decode_cursor,
    visible_followings,
    window,
)
from guanxi.graph.pair import SPECIAL, Attribute, mtime_of
from guanxi.service.answers import cursor_after, encode, items, page
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import EMPTY_SLICE, Row, Rows, Slice
from guanxi.stores.tails import encoded_tail


class _Run(NamedTuple):
    """Which run of a list is asked for."""

    window: Window
    after: Position | None
    #: Whether the caller walks by cursor.
    walks: bool


_Numbered = (
    p.FollowersParams | p.FollowingsParams | p.SearchParams | p.SameParams | p.GameParams
    | p.GroupParams | p.OwnPage
)  # fmt: skip


def _position(cursor: str) -> Position | None:
    try:
        return decode_cursor(cursor)
    except ValueError:
        raise InvalidParameter("cursor", "无效", "not a cursor of this service") from None


def _numbered(service: Service, asked: _Numbered, visible: int) -> _Run:
    """A page by number within what may be seen; or, by cursor, on from where the last one ended."""
    if service.profile.cursors and asked.cursor is not UNSET:
        return _Run(Window(0, asked.ps), _position(asked.cursor), walks=True)
    return _Run(window(asked.pn, asked.ps, visible), None, walks=False)


def _whole(service: Service, asked: p.ListParams) -> _Run:
    """All that is told at once; or, by cursor, the next full page."""
    limits = service.profile.limits
    if service.profile.cursors and asked.cursor is not UNSET:
        return _Run(Window(0, limits.page_size), _position(asked.cursor), walks=True)
    return _Run(Window(0, limits.unpaged), None, walks=False)


def _cursor(service: Service, rows: Sequence[Row], more: bool) -> str | None:
    return cursor_after(rows, more) if service.profile.cursors else None


def _cursor_field(service: Service, rows: Sequence[Row], more: bool) -> str | UnsetType:
    return cursor_after(rows, more) if service.profile.cursors else UNSET


async def _privacy(service: Service, viewer: int, owner: int) -> Privacy:
    """The owner's switches, as they bind this viewer."""
    account = None if viewer == owner else await service.store.account(owner)
    return Privacy() if account is None else account.privacy


#: As numbers, which are encoded sooner than members of an enumeration.
_FOLLOWING, _MUTUAL = int(Attribute.FOLLOWING), int(Attribute.MUTUAL)


def _own_followings(rows: Rows) -> list[int]:
    """The attributes of followings as their owner sees them."""
    return [_MUTUAL if mutual else _FOLLOWING for mutual in rows.mutuals]


async def _seen_by(service: Service, viewer: int, rows: Rows) -> list[int]:
    """The attributes of accounts as another sees them."""
    told = await service.store.attributes(viewer, rows.mids)
    return [told.get(mid, 0) for mid in rows.mids]


async def _told(
    service: Service, viewer: int, found: Slice, attributes: Sequence[int], *, groups: bool
) -> bytes:
    """A run of a list as the wire has it."""
    tails = await service.store.tails(found.rows.mids)
    if viewer in tails:  # kept, perhaps: one's own card is told as it stands
        cards = await service.store.cards([viewer])
        tails[viewer] = encoded_tail(cards[viewer])
    parts = items(found.rows, attributes, tails, groups=groups)
    return page(parts, found.version, found.total, _cursor(service, found.rows, found.more))


async def followings(service: Service, viewer: int, asked: p.FollowingsParams) -> bytes:
    """004, 查询用户关注明细."""
    own = viewer == asked.vmid
    run = _numbered(service, asked, visible_followings(service.profile.limits, own=own))
    if (await _privacy(service, viewer, asked.vmid)).hide_followings:
        raise Refused(errors.FollowingsHidden.number)
    sort = Sort.VISITED if own and asked.order_type == "attention" else Sort(asked.order)
    store = service.store
    found = await store.page(Listing.FOLLOWINGS, asked.vmid, sort, run.window, run.after)
    rows = found.rows
    attributes = _own_followings(rows) if own else await _seen_by(service, viewer, rows)
    return await _told(service, viewer, found, attributes, groups=own)


async def followers(service: Service, viewer: int, asked: p.FollowersParams) -> bytes:
    """004, 查询用户粉丝明细."""
    own = viewer == asked.vmid
    run = _numbered(service, asked, service.profile.limits.followers)
    if (await _privacy(service, viewer, asked.vmid)).hide_followers:
        raise Refused(errors.FollowersHidden.number)
    store = service.store
    found = await store.page(
        Listing.FOLLOWERS, asked.vmid, Sort(asked.order), run.window, run.after
    )
    rows = found.rows
    attributes: list[int]
    if own and not (await store.tally(viewer)).whisper:
        # A follower whom one whispers is the only other case.
        attributes = [_MUTUAL if mutual else 0 for mutual in rows.mutuals]
    else:
        attributes = await _seen_by(service, viewer, rows)
    return await _told(service, viewer, found, attributes, groups=own)


async def search(service: Service, viewer: int, asked: p.SearchParams) -> bytes:
    """004, 搜索关注明细."""
    own = viewer == asked.vmid
    limits = service.profile.limits
    within = visible_followings(limits, own=own)
    run = _numbered(service, asked, within)
    if run.walks:  # a walk is cut nowhere, here as on every list
        within = ALL
    if not run.walks and asked.pn > limits.search_pages:
        raise _too_deep(limits.search_pages)
    if (await _privacy(service, viewer, asked.vmid)).hide_followings:
        return page([], 0, 0, _cursor(service, (), more=False))
    found = await service.store.search(asked.vmid, asked.name, within, run.window, run.after)
    rows = found.rows
    attributes = _own_followings(rows) if own else await _seen_by(service, viewer, rows)
    return await _told(service, viewer, found, attributes, groups=own)


async def same(service: Service, viewer: int, asked: p.SameParams) -> bytes:
    """004, 查询共同关注明细. The list is the caller's: so are mtime, tag and special."""
    run = _numbered(service, asked, service.profile.limits.own_followings)
    if (await _privacy(service, viewer, asked.vmid)).hide_followings:
        return page([], 0, 0, _cursor(service, (), more=False))
    found = await service.store.common(viewer, asked.vmid, run.window, run.after)
    return await _told(service, viewer, found, _own_followings(found.rows), groups=True)


async def friends(service: Service, viewer: int, asked: p.ListParams) -> bytes:
    """004, 查询互相关注明细."""
    return await _own_whole(service, viewer, asked, Listing.FRIENDS, Attribute.MUTUAL)


async def whispers(service: Service, viewer: int, asked: p.ListParams) -> bytes:
    """004, 查询悄悄关注明细."""
    return await _own_whole(service, viewer, asked, Listing.WHISPERS, Attribute.WHISPER)


async def _own_whole(
    service: Service, viewer: int, asked: p.ListParams, listing: Listing, attribute: Attribute
) -> bytes:
    run = _whole(service, asked)
    found = await service.store.page(listing, viewer, Sort.NEWEST, run.window, run.after)
    uncounted = found._replace(total=None)
    return await _told(service, viewer, uncounted, [attribute] * len(found.rows), groups=True)


async def blacks(service: Service, viewer: int, asked: p.OwnPage) -> bytes:
    """004, 查询黑名单明细."""
    run = _numbered(service, asked, service.profile.limits.own_followings)
    found = await service.store.page(Listing.BLACKS, viewer, Sort.NEWEST, run.window, run.after)
    return await _told(service, viewer, found, [Attribute.BLOCKED] * len(found.rows), groups=False)


async def group_members(service: Service, viewer: int, asked: p.GroupParams) -> bytes:
    """004, 查询关注分组明细. The relation fields are empty there, so cards are all it tells."""
    run = _numbered(service, asked, service.profile.limits.own_followings)
    sort = Sort.VISITED if asked.order_type == "attention" else Sort.NEWEST
    found = await service.store.members(viewer, asked.tagid, sort, run.window, run.after)
    if found is None:
        raise Refused(
            errors.NoSuchGroup.number,
            InvalidParameter("tagid", "不是你的分组", "no group of yours"),
        )
    rows, more = found.rows, found.more
    cards = await service.store.cards(rows.mids)
    members = [_member(mid, cards[mid]) for mid in rows.mids]
    if run.walks:
        return encode(s.GroupMemberPage(members, cursor_after(rows, more)))
    return encode(members)


def _member(mid: int, card: Card) -> s.GroupMember:
    return s.GroupMember(
        mid=mid,
        uname=card.name,
        face=card.face,
        sign=card.sign,
        face_nft=card.face_nft,
        official_verify=official_of(card),
        vip=vip_of(card),
        live=s.Live(live_status=card.live, jump_url=card.live_url),
        nft_icon=card.nft_icon,
    )


async def specials(service: Service, viewer: int, asked: p.ListParams) -> bytes:
    """004, 查询所有特别关注 mid."""
    run = _whole(service, asked)
    found = await service.store.members(viewer, SPECIAL, Sort.NEWEST, run.window, run.after)
    rows = found.rows if found is not None else Rows()
    if run.walks:
        more = found is not None and found.more
        return encode(s.SpecialPage([*rows.mids], cursor_after(rows, more)))
    return encode(rows.mids)


async def app_followings(service: Service, _viewer: int, asked: p.FollowersParams) -> bytes:
    """004, 查询用户关注明细2: the first pages; nobody is signed in, so the owner's view."""
    limits = service.profile.limits
    run = _numbered(service, asked, limits.app_pages * asked.ps)
    if not run.walks and asked.pn > limits.app_pages:
        raise _too_deep(limits.app_pages)
    opened = await _open_followings(service, asked.vmid, Sort(asked.order), run)
    if opened is None:
        return encode(s.AppPage(None, cursor=_cursor_field(service, (), more=False)))
    found, cards = opened
    rows = found.rows
    shown = service.profile.shows_groups
    told = [
        s.AppItem(
            mid=row.mid,
            attribute=attribute,
            mtime=mtime_of(row.sort_key),
            tag=(list(row.groups) or None) if shown else None,
            special=int(shown and SPECIAL in row.groups),
            uname=card.name,
            face=card.face,
            sign=card.sign,
            official_verify=official_of(card),
            vip=vip_of(card),
            live=card.live,
        )
        for row, attribute, card in zip(rows, _own_followings(rows), cards, strict=True)
    ]
    version = found.version & 0xFFFFFFFF
    cursor = _cursor_field(service, rows, found.more)
    return encode(s.AppPage(told, version, found.total or 0, cursor))


async def game_followings(service: Service, _viewer: int, asked: p.GameParams) -> bytes:
    """004, 查询用户关注明细3."""
    run = _numbered(service, asked, visible_followings(service.profile.limits, own=False))
    opened = await _open_followings(service, asked.vmid, Sort.NEWEST, run)
    found, cards = opened or (EMPTY_SLICE, [])
    rows = found.rows
    told = [
        s.GameItem(mid=str(row.mid), attribute=attribute, uname=card.name, face=card.face)
        for row, attribute, card in zip(rows, _own_followings(rows), cards, strict=True)
    ]
    return encode(s.GamePage(told, _cursor_field(service, rows, found.more)))


async def _open_followings(
    service: Service, owner: int, sort: Sort, run: _Run
) -> tuple[Slice, list[Card]] | None:
    """Followings with their cards, for whoever asks; None where they are hidden."""
    if (await _privacy(service, 0, owner)).hide_followings:
        return None
    store = service.store
    found = await store.page(Listing.FOLLOWINGS, owner, sort, run.window, run.after)
    cards = await store.cards(found.rows.mids)
    return found, [cards[mid] for mid in found.rows.mids]


async def visible_mids(service: Service, viewer: int, owner: int) -> list[int]:
    """The mids of followings that a viewer (0 for nobody) may see, newest first."""
    if (await _privacy(service, viewer, owner)).hide_followings:
        return []
    most = visible_followings(service.profile.limits, own=viewer == owner)
    found = await service.store.page(Listing.FOLLOWINGS, owner, Sort.NEWEST, Window(0, most))
    return [*found.rows.mids]


def _too_deep(pages: int) -> Refused:
    complaint = InvalidParameter("pn", f"最多 {pages}", f"at most {pages}")
    return Refused(errors.PageTooDeep.number, complaint, message=f"访问超过 {pages} 页")
