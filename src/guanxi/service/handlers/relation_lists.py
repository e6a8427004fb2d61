"""Handlers of the relation lists, with what each viewer may see (DESIGN: Who sees what)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from guanxi.accounts.account import DEREGISTERED_CARD, Card, Privacy, official_of, vip_of
from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
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
from guanxi.service.handlers.relation_groups import no_group
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import EMPTY_SLICE, Row, Rows, Slice
from guanxi.stores.tails import encoded_tail

#: The list-item tail of an account that was erased since its row was read.
_TAIL_OF_ERASED = encoded_tail(DEREGISTERED_CARD)


class _PageRequest(NamedTuple):
    """The page of a list that a request selects, by number or by cursor."""

    window: Window
    after: Position | None
    #: Whether the request has a cursor, which the response then continues.
    by_cursor: bool


_PagedParams = (
    p.FollowersParams | p.FollowingsParams | p.SearchParams | p.SameParams | p.GameParams
    | p.GroupParams | p.OwnPage
)  # fmt: skip


def _position(cursor: str) -> Position | None:
    """Return the position that a cursor encodes, or None for "", the start of a list.

    Raise InvalidParameter if it is not a cursor of this service.
    """
    try:
        return decode_cursor(cursor)
    except ValueError:
        raise InvalidParameter("cursor", "not a cursor of this service") from None


def _page_request(service: Service, params: _PagedParams, visible: int) -> _PageRequest:
    """Return which page ``params`` selects: by cursor if there is one, otherwise by number.

    A profile without cursors ignores the cursor. Only a page by number is cut to the first
    ``visible`` rows. Raise InvalidParameter if the cursor is invalid.
    """
    if service.profile.cursors and params.cursor is not UNSET:
        return _PageRequest(Window(0, params.ps), _position(params.cursor), by_cursor=True)
    return _PageRequest(window(params.pn, params.ps, visible), None, by_cursor=False)


def _unpaged_request(service: Service, params: p.ListParams) -> _PageRequest:
    """Return a request for the first ``limits.unpaged`` rows or, with a cursor, for one page.

    The page has ``limits.page_size`` rows after the cursor; "" is the start of the list. A profile
    without cursors ignores the cursor. Raise InvalidParameter if the cursor is invalid.
    """
    limits = service.profile.limits
    if service.profile.cursors and params.cursor is not UNSET:
        return _PageRequest(Window(0, limits.page_size), _position(params.cursor), by_cursor=True)
    return _PageRequest(Window(0, limits.unpaged), None, by_cursor=False)


def _cursor_or_none(service: Service, result: Slice) -> str | None:
    if not service.profile.cursors:
        return None
    return cursor_after(result.rows, result.more, result.end)


def _cursor_or_unset(service: Service, rows: Sequence[Row], more: bool) -> str | UnsetType:
    return cursor_after(rows, more) if service.profile.cursors else UNSET


async def _privacy(service: Service, viewer: int, owner: int) -> Privacy:
    """Return the owner's privacy switches; all off for the owner itself, and without an account."""
    account = None if viewer == owner else await service.store.account(owner)
    return Privacy() if account is None else account.privacy


#: Plain integers encode faster than enum members.
_FOLLOWING, _MUTUAL = int(Attribute.FOLLOWING), int(Attribute.MUTUAL)


def _own_followings(rows: Rows) -> list[int]:
    """Return the attributes of followings as their owner sees them, one for each row."""
    return [_MUTUAL if mutual else _FOLLOWING for mutual in rows.mutuals]


async def _seen_by(service: Service, viewer: int, rows: Rows) -> list[int]:
    """Return the viewer's attribute towards each row's account, in row order; 0 for no relation."""
    attributes = await service.store.attributes(viewer, rows.mids)
    return [attributes.get(mid, 0) for mid in rows.mids]


async def _list_page(
    service: Service,
    viewer: int,
    result: Slice,
    attributes: Sequence[int],
    *,
    groups: bool,
    public: bool = False,
) -> bytes:
    """Return one page of a list as encoded data: items, version, total and next cursor.

    ``attributes`` has one value per row; ``groups``: show the owner's groups; ``public``: the
    viewer is not the owner, and gets the public version. The total is omitted if None, the cursor
    if the service's profile has none. Cards may be some seconds old, except the
    viewer's; that of an account that was erased since the rows were read is of one that left.
    """
    mids = result.rows.mids
    tails = await service.store.tails(mids)
    if len(tails) < len(mids):
        tails = {mid: tails.get(mid, _TAIL_OF_ERASED) for mid in mids}
    if viewer in tails:  # the cached tail may be old; the caller's own card must be current
        cards = await service.store.cards([viewer])
        tails[viewer] = encoded_tail(cards[viewer])
    parts = items(result.rows, attributes, tails, groups=groups)
    version = result.public_version if public else result.version
    return page(parts, version, result.total, _cursor_or_none(service, result))


async def followings(service: Service, viewer: int, params: p.FollowingsParams) -> bytes:
    """Handle GET /x/relation/followings: one page of an account's followings.

    ``order_type`` applies only to the caller's own list. Pages by number reach the first
    ``limits.own_followings`` of it, ``limits.others_followings`` of another's. Raise Refused if the
    owner hides the list, InvalidParameter for an invalid cursor. Source: 004, 查询用户关注明细.
    """
    own = viewer == params.vmid
    request = _page_request(service, params, visible_followings(service.profile.limits, own=own))
    if (await _privacy(service, viewer, params.vmid)).hide_followings:
        raise Refused(errors.FollowingsHidden.number, "vmid: the account hides its followings")
    sort = Sort.VISITED if own and params.order_type == "attention" else Sort(params.order)
    store = service.store
    result = await store.page(Listing.FOLLOWINGS, params.vmid, sort, request.window, request.after)
    rows = result.rows
    attributes = _own_followings(rows) if own else await _seen_by(service, viewer, rows)
    return await _list_page(service, viewer, result, attributes, groups=own, public=not own)


async def followers(service: Service, viewer: int, params: p.FollowersParams) -> bytes:
    """Handle GET /x/relation/followers: one page of an account's followers.

    Pages by number reach the first ``limits.followers``. Raise Refused if the owner hides the list,
    InvalidParameter for an invalid cursor. Source: 004, 查询用户粉丝明细.
    """
    own = viewer == params.vmid
    request = _page_request(service, params, service.profile.limits.followers)
    if (await _privacy(service, viewer, params.vmid)).hide_followers:
        raise Refused(errors.FollowersHidden.number, "vmid: the account hides its followers")
    store = service.store
    result = await store.page(
        Listing.FOLLOWERS, params.vmid, Sort(params.order), request.window, request.after
    )
    rows = result.rows
    attributes: list[int]
    if own and not (await store.tally(viewer)).whisper:
        # Without whispers, a follower is either mutual or not followed back.
        attributes = [_MUTUAL if mutual else 0 for mutual in rows.mutuals]
    else:
        attributes = await _seen_by(service, viewer, rows)
    return await _list_page(service, viewer, result, attributes, groups=own, public=not own)


async def search(service: Service, viewer: int, params: p.SearchParams) -> bytes:
    """Handle GET /x/relation/followings/search: one page of followings by name (004, 搜索关注明细).

    Newest first. Without a cursor, only the followings that the viewer may list are shown; the
    total counts the matches in the whole list (guanxi's own rule), so that a client learns whether
    it has seen them all. Of a longer list, only the newest ``limits.searched`` followings are
    searched. Empty if the owner hides them. Raise Refused for a page number beyond
    ``limits.search_pages``, InvalidParameter for an invalid cursor.
    """
    own = viewer == params.vmid
    limits = service.profile.limits
    within = min(visible_followings(limits, own=own), limits.searched)
    request = _page_request(service, params, within)
    if request.by_cursor:
        within = limits.searched
    if not request.by_cursor and params.pn > limits.search_pages:
        raise _too_deep(limits.search_pages)
    if (await _privacy(service, viewer, params.vmid)).hide_followings:
        return page([], 0, 0, _cursor_or_none(service, EMPTY_SLICE))
    store = service.store
    result = await store.search(params.vmid, params.name, within, request.window, request.after)
    if within < limits.searched and (await store.tally(params.vmid)).following > within:
        everywhere = await store.search(params.vmid, params.name, limits.searched, Window(0, 0))
        result = result._replace(total=everywhere.total)
    rows = result.rows
    attributes = _own_followings(rows) if own else await _seen_by(service, viewer, rows)
    return await _list_page(service, viewer, result, attributes, groups=own, public=not own)


async def same(service: Service, viewer: int, params: p.SameParams) -> bytes:
    """Handle GET /x/relation/same/followings: one page of followings that both accounts have.

    In the order of the other account's list, newest first; mtime, tag and special are the
    caller's. Empty if the other account hides its followings. Raise InvalidParameter for an invalid
    cursor. Source: 004, 查询共同关注明细.
    """
    request = _page_request(service, params, service.profile.limits.own_followings)
    if (await _privacy(service, viewer, params.vmid)).hide_followings:
        return page([], 0, 0, _cursor_or_none(service, EMPTY_SLICE))
    result = await service.store.common(viewer, params.vmid, request.window, request.after)
    return await _list_page(service, viewer, result, _own_followings(result.rows), groups=True)


async def friends(service: Service, viewer: int, params: p.ListParams) -> bytes:
    """Handle GET /x/relation/friends: the caller's mutual followings (004, 查询互相关注明细).

    Newest first: the first ``limits.unpaged``, or the page after a cursor. Raise InvalidParameter
    for an invalid cursor.
    """
    return await _own_list(service, viewer, params, Listing.FRIENDS, Attribute.MUTUAL)


async def whispers(service: Service, viewer: int, params: p.ListParams) -> bytes:
    """Handle GET /x/relation/whispers: the caller's whispers (004, 查询悄悄关注明细).

    Newest first: the first ``limits.unpaged``, or the page after a cursor. Raise InvalidParameter
    for an invalid cursor.
    """
    return await _own_list(service, viewer, params, Listing.WHISPERS, Attribute.WHISPER)


async def _own_list(
    service: Service, viewer: int, params: p.ListParams, listing: Listing, attribute: Attribute
) -> bytes:
    """Return one of the caller's own lists as encoded data, newest first, without a total.

    Its rows are those of ``_unpaged_request``; each has ``attribute`` and its groups. Raise
    InvalidParameter for an invalid cursor.
    """
    request = _unpaged_request(service, params)
    result = await service.store.page(listing, viewer, Sort.NEWEST, request.window, request.after)
    without_total = result._replace(total=None)
    return await _list_page(
        service, viewer, without_total, [attribute] * len(result.rows), groups=True
    )


async def blacks(service: Service, viewer: int, params: p.OwnPage) -> bytes:
    """Handle GET /x/relation/blacks: one page of accounts the caller blocks (004, 查询黑名单明细).

    Newest first. Raise InvalidParameter for an invalid cursor.
    """
    request = _page_request(service, params, service.profile.limits.own_followings)
    result = await service.store.page(
        Listing.BLACKS, viewer, Sort.NEWEST, request.window, request.after
    )
    return await _list_page(
        service, viewer, result, [Attribute.BLOCKED] * len(result.rows), groups=False
    )


async def group_members(service: Service, viewer: int, params: p.GroupParams) -> bytes:
    """Handle GET /x/relation/tag: the members of the caller's group (004, 查询关注分组明细).

    One page of cards, with empty relation fields, newest first, or most visited first if
    ``order_type`` is "attention": a bare list, or, for a request with a cursor, an object with the
    list and the next cursor. Raise Refused for an unknown group, InvalidParameter for an invalid
    cursor.
    """
    request = _page_request(service, params, service.profile.limits.own_followings)
    sort = Sort.VISITED if params.order_type == "attention" else Sort.NEWEST
    result = await service.store.members(viewer, params.tagid, sort, request.window, request.after)
    if result is None:
        raise Refused(errors.NoSuchGroup.number, no_group("tagid", params.tagid))
    rows, more = result.rows, result.more
    cards = await service.store.cards(rows.mids)
    members = [_member(mid, cards.get(mid, DEREGISTERED_CARD)) for mid in rows.mids]
    if request.by_cursor:
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


async def specials(service: Service, viewer: int, params: p.ListParams) -> bytes:
    """Handle GET /x/relation/tag/special: mids of special followings (004, 查询所有特别关注 mid).

    The caller's, newest first: a bare list of the first ``limits.unpaged``, or, for a request with
    a cursor, an object with one page and the next cursor. Raise InvalidParameter for an invalid
    cursor.
    """
    request = _unpaged_request(service, params)
    result = await service.store.members(
        viewer, SPECIAL, Sort.NEWEST, request.window, request.after
    )
    rows = result.rows if result is not None else Rows()
    if request.by_cursor:
        more = result is not None and result.more
        return encode(s.MidPage([*rows.mids], cursor_after(rows, more)))
    return encode(rows.mids)


async def app_followings(service: Service, _viewer: int, params: p.FollowersParams) -> bytes:
    """Handle GET /x/v2/relation/followings: the first pages of an account's followings.

    Source: 004, 查询用户关注明细2. The request has no session, but each row has the attribute that
    the owner sees, and the owner's groups if the service's profile shows them. The list is null if
    the owner hides it. Raise Refused for a page number beyond ``limits.app_pages``, and
    InvalidParameter if the cursor is invalid.
    """
    limits = service.profile.limits
    request = _page_request(service, params, limits.app_pages * params.ps)
    if not request.by_cursor and params.pn > limits.app_pages:
        raise _too_deep(limits.app_pages)
    visible = await _open_followings(service, params.vmid, Sort(params.order), request)
    if visible is None:
        return encode(s.AppPage(None, cursor=_cursor_or_unset(service, (), more=False)))
    result, cards = visible
    rows = result.rows
    shows_groups = service.profile.shows_groups
    page_items = [
        s.AppItem(
            mid=row.mid,
            attribute=attribute,
            mtime=mtime_of(row.sort_key),
            tag=(list(row.groups) or None) if shows_groups else None,
            special=int(shows_groups and SPECIAL in row.groups),
            uname=card.name,
            face=card.face,
            sign=card.sign,
            official_verify=official_of(card),
            vip=vip_of(card),
            live=card.live,
        )
        for row, attribute, card in zip(rows, _own_followings(rows), cards, strict=True)
    ]
    version = (result.version if shows_groups else result.public_version) & 0xFFFFFFFF
    cursor = _cursor_or_unset(service, rows, result.more)
    return encode(s.AppPage(page_items, version, result.total or 0, cursor))


async def game_followings(service: Service, _viewer: int, params: p.GameParams) -> bytes:
    """Handle GET /game/…/following_list: one page of followings (004, 查询用户关注明细3).

    Newest first, with the attribute that the owner sees. Empty if the owner hides them. Raise
    InvalidParameter if the cursor is invalid.
    """
    request = _page_request(service, params, visible_followings(service.profile.limits, own=False))
    visible = await _open_followings(service, params.vmid, Sort.NEWEST, request)
    result, cards = visible or (EMPTY_SLICE, [])
    rows = result.rows
    page_items = [
        s.GameItem(mid=str(row.mid), attribute=attribute, uname=card.name, face=card.face)
        for row, attribute, card in zip(rows, _own_followings(rows), cards, strict=True)
    ]
    return encode(s.GamePage(page_items, _cursor_or_unset(service, rows, result.more)))


async def _open_followings(
    service: Service, owner: int, sort: Sort, request: _PageRequest
) -> tuple[Slice, list[Card]] | None:
    """Return a page of the owner's followings and the card of each row, in row order.

    None if the owner hides its followings from others.
    """
    if (await _privacy(service, 0, owner)).hide_followings:
        return None
    store = service.store
    result = await store.page(Listing.FOLLOWINGS, owner, sort, request.window, request.after)
    cards = await store.cards(result.rows.mids)
    return result, [cards.get(mid, DEREGISTERED_CARD) for mid in result.rows.mids]


async def all_followings(
    service: Service, viewer: int, params: p.AttentionsParams
) -> tuple[Slice, bool]:
    """Return the followings of an account, newest first, and whether they continue a cursor.

    The first ``limits.attentions`` of them, or, with a cursor, as many after it; none if the
    account hides them from the viewer (0 for nobody). A profile without cursors ignores the cursor.
    Raise InvalidParameter if the cursor is invalid.
    """
    by_cursor = service.profile.cursors and params.cursor is not UNSET
    after = _position(params.cursor) if by_cursor and params.cursor is not UNSET else None
    if (await _privacy(service, viewer, params.mid)).hide_followings:
        return EMPTY_SLICE, by_cursor
    shown = Window(0, service.profile.limits.attentions)
    store = service.store
    return await store.page(Listing.FOLLOWINGS, params.mid, Sort.NEWEST, shown, after), by_cursor


async def attentions(service: Service, viewer: int, params: p.AttentionsParams) -> bytes:
    """Handle GET /x/web-interface/attentions: the mids that an account follows, newest first.

    A bare list of them (see ``all_followings``), or, for a request with a cursor, an object with
    the list and the next cursor. Raise InvalidParameter if the cursor is invalid. Source: 000,
    get_all_followings.
    """
    result, by_cursor = await all_followings(service, viewer, params)
    mids = [*result.rows.mids]
    if by_cursor:
        return encode(s.MidPage(mids, cursor_after(result.rows, result.more)))
    return encode(mids)


def _too_deep(pages: int) -> Refused:
    """Return, for the caller to raise, the refusal (22007) of a page number above ``pages``."""
    return Refused(errors.PageTooDeep.number, f"pn: at most {pages}")
