"""Handlers for an account's dynamics (older and newer feed) and picture posts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import OpusType
from guanxi.contract.params import LARGEST
from guanxi.service.answers import encode
from guanxi.service.handlers import people
from guanxi.service.handling import Service
from guanxi.stores.port import Documents, Query
from guanxi.world import feed
from guanxi.world.feed import PICTURE_POST, POST, Post
from guanxi.world.kind import Value


def _after(offset: int) -> tuple[int, int] | None:
    """Return the position (id, id) after which a page begins: that of the post with id ``offset``.

    The post may be deleted. None for offset 0, the first page. An offset above the largest id
    counts as the largest id.
    """
    id = min(offset, LARGEST)
    return (id, id) if id else None


async def _posts(
    service: Service, owner: int, where: dict[str, Value], offset: int
) -> Documents[Post]:
    query = Query(
        order="id", where=where, limit=service.profile.limits.feed_page, after=_after(offset)
    )
    return await service.store.documents(POST, owner, query)


async def _pinned(service: Service, owner: int) -> Sequence[Post]:
    """Return the newest pinned posts of an account, newest first, at most ``limits.feed_page``."""
    query = Query(order="id", where={"pinned": 1}, limit=service.profile.limits.feed_page)
    return (await service.store.documents(POST, owner, query)).items


def _author_mids(owner: int, posts: Sequence[Post]) -> set[int]:
    """Return the owner's mid and the mids of all authors of reposted posts, at any depth."""
    mids = {owner}
    for post in posts:
        while post.origin is not None:
            mids.add(post.origin_mid)
            post = post.origin
    return mids


async def dynamics(service: Service, viewer: int, params: p.DynamicsParams) -> bytes:
    """Handle GET …/v1/feed/space: one page of dynamics, newest first (000, User.get_dynamics_new).

    Pinned dynamics are at the head of the first page, in addition to its other posts, and on no
    other page. The response's ``offset`` selects the next page; "" after a page without other
    posts.
    """
    owner, offset = params.host_mid, int(params.offset or 0)
    page = await _posts(service, owner, {"pinned": 0}, offset)
    posts = [*page.items] if offset else [*await _pinned(service, owner), *page.items]
    mids = _author_mids(owner, posts)
    cards = await people.cards(service, mids)
    followed = await people.followed_mids(service, viewer, mids)
    authors = {
        mid: people.dynamic_author(
            mid,
            cards[mid],
            await people.profile(service, mid),
            following=mid in followed if viewer else None,
        )
        for mid in mids
    }
    data = s.DynamicPage(
        has_more=page.more,
        items=[feed.dynamic(post, owner, authors) for post in posts],
        offset=str(page.items[-1].id) if page.items else "",
    )
    return encode(data)


async def old_dynamics(service: Service, _viewer: int, params: p.OldDynamicsParams) -> bytes:
    """Handle GET …/space_history: one page of the older feed (000, User.get_dynamics).

    Newest first. With ``need_top``, pinned posts are at the head of the first page and on no other;
    otherwise at their position in time. An empty page has no ``cards``, and ``next_offset`` 0.
    """
    owner, offset = params.host_uid, params.offset_dynamic_id
    page = await _posts(service, owner, {"pinned": 0} if params.need_top else {}, offset)
    top = await _pinned(service, owner) if params.need_top and not offset else []
    posts = [*top, *page.items]
    mids = _author_mids(owner, posts)
    cards = await people.cards(service, mids)
    authors = {
        mid: people.old_user(mid, cards[mid], await people.profile(service, mid)) for mid in mids
    }
    data = s.OldDynamicPage(
        has_more=int(page.more),
        next_offset=posts[-1].id if posts else 0,
        cards=[
            feed.old_dynamic(post, owner, authors, on_top=index < len(top))
            for index, post in enumerate(posts)
        ]
        or UNSET,
    )
    return encode(data)


async def opus(service: Service, viewer: int, params: p.OpusParams) -> bytes:
    """Handle GET …/v1/opus/feed/space: one page of picture posts (000, User.get_opus).

    Newest first, of the requested type, by default all. Only the account itself sees the number of
    views. The response's ``offset`` selects the next page; "" after an empty page.
    """
    owner = params.host_mid
    query = Query(
        order="id",
        where={} if params.type is OpusType.ALL else {"type": params.type.value},
        limit=service.profile.limits.opus_page,
        after=_after(int(params.offset or 0)),
    )
    posts, more = await service.store.documents(PICTURE_POST, owner, query)
    data = s.OpusPage(
        has_more=more,
        items=[feed.opus(post, own=viewer == owner) for post in posts],
        offset=str(posts[-1].id) if posts else "",
    )
    return encode(data)
