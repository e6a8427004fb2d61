"""Handlers for a space: the account, its counts, notice, supporters, medals and follows."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from guanxi.accounts import tokens
from guanxi.contract import errors, pages
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.service.answers import encode
from guanxi.service.handlers import documents, people
from guanxi.service.handling import Refused, Service
from guanxi.world import feed, profile, videos, works
from guanxi.world.kind import Kind, Value
from guanxi.world.profile import level_of


async def page(service: Service, _viewer: int, _params: p.Account) -> bytes:
    """Handle GET /{mid}/dynamic: an HTML page with a new access id (000, User.get_access_id).

    The account need not exist.
    """
    return pages.space_page(tokens.access_id(service.store.secret, service.now())).encode()


async def info(service: Service, viewer: int, params: p.Account) -> bytes:
    """Handle GET /x/space/wbi/acc/info: an account and its profile (000, User.get_user_info).

    Counts a visit if the viewer is signed in and not the account. Raise Refused with -404 if the
    account does not exist.
    """
    store, mid = service.store, params.mid
    account = await store.account(mid)
    if account is None:
        raise Refused(errors.NotFound.number, "mid: no such account")
    if viewer and viewer != mid:
        store.visit(viewer, mid)
    user_info = people.user_info(
        account,
        await people.card(service, mid),
        await people.profile(service, mid),
        own=viewer == mid,
        followed=mid in await people.followed_mids(service, viewer, [mid]),
    )
    return encode(user_info)


async def overview(service: Service, viewer: int, params: p.OverviewParams) -> bytes:
    """Handle GET /x/space/navnum: the number of works by type (000, User.get_overview_stat).

    What the account hides from the viewer counts 0 (guanxi's own rule).
    """
    mid = params.mid

    async def visible_count(
        kind: Kind[Any], hidden: profile.Hidden, where: dict[str, Value] | None = None
    ) -> int:
        if await documents.is_hidden(service, viewer, mid, hidden):
            return 0
        return await service.store.count(kind, mid, where or {})

    count = service.store.count
    seasons = await count(videos.SEASON, mid)
    channels = seasons + await count(videos.SERIES, mid)
    result = s.Overview(
        video=await count(videos.VIDEO, mid),
        bangumi=await visible_count(works.BANGUMI, "bangumi", {"type": BangumiType.BANGUMI.value}),
        cinema=await visible_count(works.BANGUMI, "bangumi", {"type": BangumiType.DRAMA.value}),
        channel=s.GuestCounts(channels, channels),
        tag=await visible_count(works.TAG, "tags"),
        article=await count(works.ARTICLE, mid),
        album=await count(works.ALBUM, mid),
        audio=await count(works.AUDIO, mid),
        pugv=await visible_count(works.COURSE, "courses"),
        opus=await count(feed.PICTURE_POST, mid),
        season_num=seasons,
    )
    return encode(result)


async def up_stat(service: Service, viewer: int, params: p.Account) -> bytes:
    """Handle GET /x/space/upstat: views and likes of an account's works (000, User.get_up_stat).

    The views of its videos and of its articles, and the likes of both together. An empty object for
    a viewer without a session.
    """
    if not viewer:
        return encode(s.UpStat())
    total, mid = service.store.total, params.mid
    likes = await total(videos.VIDEO, mid, "like") + await total(works.ARTICLE, mid, "like")
    stat = s.UpStat(
        archive=s.Views(await total(videos.VIDEO, mid, "view")),
        article=s.Views(await total(works.ARTICLE, mid, "view")),
        likes=likes,
    )
    return encode(stat)


async def notice(service: Service, _viewer: int, params: p.Account) -> bytes:
    """Handle GET /x/space/notice: an account's notice, "" for none (000, User.get_space_notice)."""
    current = await service.store.get(profile.NOTICE, params.mid)
    return encode(current.text if current is not None else "")


async def reservations(service: Service, _viewer: int, params: p.Viewed) -> bytes:
    """Handle GET /x/space/reservation: an account's reservations (000, User.get_reservation).

    All of them, the latest start first; null for none.
    """
    items = await documents.all_documents(service, works.RESERVATION, params.vmid, "time")
    return encode(items or None)


async def supporters(service: Service, _viewer: int, params: p.Receiver) -> bytes:
    """Handle GET /x/ugcpay-rank/elec/month/up: an account's supporters, by rank from 1.

    Source: 000, User.get_elec_user_monthly. Returns all stored ones, whatever the month. Hidden
    messages are empty. Raise Refused with 88214 if the account accepts no support.
    """
    owner = params.up_mid
    if not (await people.profile(service, owner)).supported:
        raise Refused(errors.SupportNotOpen.number, "up_mid: the account accepts no support")
    rows = await documents.all_documents(service, works.SUPPORT, owner, "rank", ascending=True)
    cards = await people.cards(service, [support.mid for support in rows])
    items = [
        replace(
            people.supporter(owner, support.mid, cards[support.mid], support.rank),
            message="" if support.hidden else support.message,
            message_hidden=int(support.hidden),
        )
        for support in rows
    ]
    return encode(s.Supporters(len(items), items, total_count=len(items), total=len(items)))


async def like_effect(service: Service, _viewer: int, params: p.Viewed) -> bytes:
    """Handle GET /x/web-interface/view/uplikeimg: the like effect (000, User.get_uplikeimg).

    Its fields are "" if the account has no like effect.
    """
    return encode(await service.store.get(profile.LIKE_EFFECT, params.vmid) or s.LikeEffect())


async def medals(service: Service, viewer: int, params: p.MedalOwner) -> bytes:
    """Handle GET /xlive/web-ucenter/user/MedalWall: fan medals (000, User.get_user_medal).

    All of the account's, the highest level first. If the account hides them from the viewer, none,
    and ``close_space_medal`` is 1 (guanxi's own rule).
    """
    mid = params.target_id
    card = await people.card(service, mid)
    wall = s.MedalWall(
        name=card.name,
        icon=card.face,
        uid=mid,
        level=level_of((await people.profile(service, mid)).experience),
    )
    if await documents.is_hidden(service, viewer, mid, "medals"):
        wall.close_space_medal = 1
    else:
        wall.items = list(await documents.all_documents(service, works.MEDAL, mid, "level"))
        wall.count = len(wall.items)
    return encode(wall)


async def tags(service: Service, viewer: int, params: p.TagsParams) -> bytes:
    """Handle GET /x/space/tag/sub/list: one page of followed tags (000, User.get_user_fav_tag).

    The most recently followed first, with the total. Raise Refused with 53013 if the account hides
    them from the viewer.
    """
    await documents.refuse_hidden(service, viewer, params.vmid, "tags")
    rows, total = await documents.numbered_page(
        service, works.TAG, params.vmid, "since", pn=params.pn, ps=params.ps
    )
    return encode(s.Tags([follow.tag for follow in rows], total))


async def bangumi(service: Service, viewer: int, params: p.BangumiParams) -> bytes:
    """Handle GET /x/space/bangumi/follow/list: one page of followed bangumi.

    Those of the requested type and follow status, the most recently followed first, with the total.
    Raise Refused with 53013 if the account hides them from the viewer. Source: 000,
    User.get_subscribed_bangumi.
    """
    await documents.refuse_hidden(service, viewer, params.vmid, "bangumi")
    where: dict[str, Value] = {"type": params.type.value}
    if params.follow_status is not BangumiFollowStatus.ALL:
        where["status"] = params.follow_status.value
    rows, total = await documents.numbered_page(
        service, works.BANGUMI, params.vmid, "since", pn=params.pn, ps=params.ps, where=where
    )
    return encode(s.BangumiPage([follow.bangumi for follow in rows], params.pn, params.ps, total))
