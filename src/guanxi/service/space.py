"""What an account shows of itself in its space: the account, its counts, what it follows."""

from __future__ import annotations

import time
from typing import Any

from msgspec.structs import replace

from guanxi.accounts import tokens
from guanxi.contract import errors, pages
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.service import documents, people
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service
from guanxi.world import feed, profile, videos, works
from guanxi.world.kind import Kind, Value
from guanxi.world.profile import level_of


async def page(service: Service, _viewer: int, _asked: p.Account) -> bytes:
    """000, User.get_access_id: the page of any space, whether or not somebody has it."""
    return pages.space_page(tokens.access_id(service.store.secret, int(time.time()))).encode()


async def info(service: Service, viewer: int, asked: p.Account) -> bytes:
    """000, User.get_user_info. A look at somebody's space counts as a visit."""
    store, mid = service.store, asked.mid
    account = await store.account(mid)
    if account is None:
        raise Refused(errors.NotFound.number)
    if viewer and viewer != mid:
        store.visit(viewer, mid)
    told = people.user_info(
        account,
        await people.card(service, mid),
        await people.profile(service, mid),
        own=viewer == mid,
        followed=mid in await people.followed(service, viewer, [mid]),
    )
    return encode(told)


async def overview(service: Service, viewer: int, asked: p.OverviewParams) -> bytes:
    """000, User.get_overview_stat. What the account hides counts 0 to others (ours)."""
    mid = asked.mid

    async def shown(
        kind: Kind[Any], hidden: profile.Hidden, where: dict[str, Value] | None = None
    ) -> int:
        if await documents.hides(service, viewer, mid, hidden):
            return 0
        return await service.store.count(kind, mid, where or {})

    count = service.store.count
    seasons = await count(videos.SEASON, mid)
    channels = seasons + await count(videos.SERIES, mid)
    told = s.Overview(
        video=await count(videos.VIDEO, mid),
        bangumi=await shown(works.BANGUMI, "bangumi", {"type": BangumiType.BANGUMI.value}),
        cinema=await shown(works.BANGUMI, "bangumi", {"type": BangumiType.DRAMA.value}),
        channel=s.GuestCounts(channels, channels),
        tag=await shown(works.TAG, "tags"),
        article=await count(works.ARTICLE, mid),
        album=await count(works.ALBUM, mid),
        audio=await count(works.AUDIO, mid),
        pugv=await shown(works.COURSE, "courses"),
        opus=await count(feed.PICTURE_POST, mid),
        season_num=seasons,
    )
    return encode(told)


async def up_stat(service: Service, viewer: int, asked: p.Account) -> bytes:
    """000, User.get_up_stat: an empty object where nobody is signed in."""
    if not viewer:
        return encode(s.UpStat())
    total, mid = service.store.total, asked.mid
    likes = await total(videos.VIDEO, mid, "like") + await total(works.ARTICLE, mid, "like")
    told = s.UpStat(
        archive=s.Views(await total(videos.VIDEO, mid, "view")),
        article=s.Views(await total(works.ARTICLE, mid, "view")),
        likes=likes,
    )
    return encode(told)


async def notice(service: Service, _viewer: int, asked: p.Account) -> bytes:
    """000, User.get_space_notice."""
    kept = await service.store.get(profile.NOTICE, asked.mid)
    return encode(kept.text if kept is not None else "")


async def reservations(service: Service, _viewer: int, asked: p.Viewed) -> bytes:
    """000, User.get_reservation: null where there is none."""
    return encode(await documents.whole(service, works.RESERVATION, asked.vmid, "time") or None)


async def supporters(service: Service, _viewer: int, asked: p.Receiver) -> bytes:
    """000, User.get_elec_user_monthly. A hidden message is not told."""
    owner = asked.up_mid
    if not (await people.profile(service, owner)).supported:
        raise Refused(errors.SupportNotOpen.number)
    kept = await documents.whole(service, works.SUPPORT, owner, "rank", ascending=True)
    cards = await people.cards(service, [one.mid for one in kept])
    told = [
        replace(
            people.supporter(owner, one.mid, cards[one.mid], one.rank),
            message="" if one.hidden else one.message,
            message_hidden=int(one.hidden),
        )
        for one in kept
    ]
    return encode(s.Supporters(len(told), told, total_count=len(told), total=len(told)))


async def like_effect(service: Service, _viewer: int, asked: p.Viewed) -> bytes:
    """000, User.get_uplikeimg: empty texts where none is kept."""
    return encode(await service.store.get(profile.LIKE_EFFECT, asked.vmid) or s.LikeEffect())


async def medals(service: Service, viewer: int, asked: p.MedalOwner) -> bytes:
    """000, User.get_user_medal. A wall that is closed tells others no medal (ours)."""
    mid = asked.target_id
    card = await people.card(service, mid)
    told = s.MedalWall(
        name=card.name,
        icon=card.face,
        uid=mid,
        level=level_of((await people.profile(service, mid)).experience),
    )
    if await documents.hides(service, viewer, mid, "medals"):
        told.close_space_medal = 1
    else:
        told.items = list(await documents.whole(service, works.MEDAL, mid, "level"))
        told.count = len(told.items)
    return encode(told)


async def tags(service: Service, viewer: int, asked: p.TagsParams) -> bytes:
    """000, User.get_user_fav_tag."""
    await documents.refuse_hidden(service, viewer, asked.vmid, "tags")
    kept, total = await documents.numbered(
        service, works.TAG, asked.vmid, "since", pn=asked.pn, ps=asked.ps
    )
    return encode(s.Tags([one.tag for one in kept], total))


async def bangumi(service: Service, viewer: int, asked: p.BangumiParams) -> bytes:
    """000, User.get_subscribed_bangumi."""
    await documents.refuse_hidden(service, viewer, asked.vmid, "bangumi")
    where: dict[str, Value] = {"type": asked.type.value}
    if asked.follow_status is not BangumiFollowStatus.ALL:
        where["status"] = asked.follow_status.value
    kept, total = await documents.numbered(
        service, works.BANGUMI, asked.vmid, "since", pn=asked.pn, ps=asked.ps, where=where
    )
    return encode(s.BangumiPage([one.bangumi for one in kept], asked.pn, asked.ps, total))
