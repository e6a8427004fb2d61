"""What an account posts: dynamics in both generations of the feed, and picture posts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import OpusType
from guanxi.contract.params import LARGEST
from guanxi.service import people
from guanxi.service.answers import encode
from guanxi.service.handling import Service
from guanxi.stores.port import Documents, Query
from guanxi.world import feed
from guanxi.world.feed import PICTURE_POST, POST, Post
from guanxi.world.kind import Value


def _after(offset: int) -> tuple[int, int] | None:
    """The place behind a post, whether or not it is still there; None to begin.

    An offset may have more digits than an id can, and stands for the highest then.
    """
    place = min(offset, LARGEST)
    return (place, place) if place else None


async def _posts(
    service: Service, owner: int, where: dict[str, Value], offset: int
) -> Documents[Post]:
    query = Query(
        order="id", where=where, limit=service.profile.limits.feed_page, after=_after(offset)
    )
    return await service.store.documents(POST, owner, query)


async def _pinned(service: Service, owner: int) -> Sequence[Post]:
    """What stands before the others."""
    query = Query(order="id", where={"pinned": 1}, limit=service.profile.limits.feed_page)
    return (await service.store.documents(POST, owner, query)).items


def _everybody(owner: int, posts: Sequence[Post]) -> set[int]:
    """Whose posts these are, and those that they pass on."""
    mids = {owner}
    for post in posts:
        while post.origin is not None:
            mids.add(post.origin_mid)
            post = post.origin
    return mids


async def dynamics(service: Service, viewer: int, asked: p.DynamicsParams) -> bytes:
    """000, User.get_dynamics_new: the pinned one before the first page, and nowhere else."""
    owner, offset = asked.host_mid, int(asked.offset or 0)
    rest = await _posts(service, owner, {"pinned": 0}, offset)
    posts = [*rest.items] if offset else [*await _pinned(service, owner), *rest.items]
    mids = _everybody(owner, posts)
    cards = await people.cards(service, mids)
    followed = await people.followed(service, viewer, mids)
    authors = {
        mid: people.dynamic_author(
            mid,
            cards[mid],
            await people.profile(service, mid),
            following=mid in followed if viewer else None,
        )
        for mid in mids
    }
    told = s.DynamicPage(
        has_more=rest.more,
        items=[feed.dynamic(post, owner, authors) for post in posts],
        offset=str(rest.items[-1].id) if rest.items else "",
    )
    return encode(told)


async def old_dynamics(service: Service, _viewer: int, asked: p.OldDynamicsParams) -> bytes:
    """000, User.get_dynamics: the pinned one at its own place, or before all where asked for."""
    owner, offset = asked.host_uid, asked.offset_dynamic_id
    rest = await _posts(service, owner, {"pinned": 0} if asked.need_top else {}, offset)
    top = await _pinned(service, owner) if asked.need_top and not offset else []
    posts = [*top, *rest.items]
    mids = _everybody(owner, posts)
    cards = await people.cards(service, mids)
    authors = {
        mid: people.old_user(mid, cards[mid], await people.profile(service, mid)) for mid in mids
    }
    told = s.OldDynamicPage(
        has_more=int(rest.more),
        next_offset=posts[-1].id if posts else 0,
        cards=[
            feed.old_dynamic(post, owner, authors, on_top=place < len(top))
            for place, post in enumerate(posts)
        ]
        or UNSET,
    )
    return encode(told)


async def opus(service: Service, viewer: int, asked: p.OpusParams) -> bytes:
    """000, User.get_opus. Views are told to the account itself alone."""
    owner = asked.host_mid
    query = Query(
        order="id",
        where={} if asked.type is OpusType.ALL else {"type": asked.type.value},
        limit=service.profile.limits.opus_page,
        after=_after(int(asked.offset or 0)),
    )
    kept, more = await service.store.documents(PICTURE_POST, owner, query)
    told = s.OpusPage(
        has_more=more,
        items=[feed.opus(post, own=viewer == owner) for post in kept],
        offset=str(kept[-1].id) if kept else "",
    )
    return encode(told)
