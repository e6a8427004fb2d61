"""What an account has made: videos, audios, articles, albums, courses."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import AlbumType
from guanxi.contract.params import InvalidParameter
from guanxi.service import documents, people
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world import videos as world
from guanxi.world import works
from guanxi.world.kind import Value


async def _author(service: Service, mid: int) -> s.Author:
    return (await people.authors(service, [mid]))[mid]


def _in_type(tid: int) -> dict[str, Value]:
    return {"tid": tid} if tid else {}


async def videos(service: Service, _viewer: int, asked: p.VideosParams) -> bytes:
    """000, User.get_videos. The partitions count what has the keyword, whatever the page."""
    mid = asked.mid
    kept, total = await documents.numbered(
        service,
        world.VIDEO,
        mid,
        world.VIDEO_KEYS[asked.order],
        pn=asked.pn,
        ps=asked.ps,
        where=_in_type(asked.tid),
        text=asked.keyword,
    )
    counts = await service.store.counts(world.VIDEO, mid, "tid", asked.keyword)
    author = await _author(service, mid)
    told = s.VideoPage(
        list=s.VideoList(world.types(counts), [world.listed(one, author) for one in kept]),
        page=s.CountedPage(asked.pn, asked.ps, total),
    )
    return encode(told)


async def media_list(service: Service, _viewer: int, asked: p.MediaListParams) -> bytes:
    """000, User.get_media_list: on from a video in either direction; the head without one."""
    owner, where = asked.biz_id, _in_type(asked.tid)
    order = world.MEDIA_KEYS[asked.sort_field]
    kept: Sequence[s.Video]
    if asked.oid is UNSET:
        query = Query(order=order, ascending=not asked.desc, where=where, limit=asked.ps)
        kept, more = await service.store.documents(world.VIDEO, owner, query)
    else:
        current = await service.store.get(world.VIDEO, owner, asked.oid)
        if current is None:
            raise InvalidParameter("oid", "不是该用户的视频", "no video of this account")
        query = Query(
            order=order,
            ascending=not asked.desc if asked.direction else asked.desc,
            where=where,
            limit=asked.ps,
            after=(world.VIDEO.keys[order](current), current.aid),
        )
        kept, more = await service.store.documents(world.VIDEO, owner, query)
        beside = [current] if asked.with_current else []
        kept = [*beside, *kept] if asked.direction else [*reversed(kept), *beside]
    author = await _author(service, owner)
    told = s.MediaList(
        items=[world.media(one, author, index) for index, one in enumerate(kept)] or None,
        has_more=more,
        total_count=await service.store.count(world.VIDEO, owner, where),
        next_start_key=str(kept[-1].aid) if kept else "",
    )
    return encode(told)


async def top_video(service: Service, _viewer: int, asked: p.Viewed) -> bytes:
    """000, User.get_top_videos: 53016 where none is pinned, or it is gone."""
    pinned = await service.store.get(world.TOP_VIDEO, asked.vmid)
    told = await _chosen(service, [pinned] if pinned is not None else [])
    if not told:
        raise Refused(errors.NoTopVideo.number)
    return encode(told[0])


async def masterpieces(service: Service, _viewer: int, asked: p.Viewed) -> bytes:
    """000, User.get_masterpiece; those whose video is gone are left out."""
    query = Query(order="place", ascending=True, limit=service.profile.limits.masterpieces)
    kept = await service.store.documents(world.MASTERPIECE, asked.vmid, query)
    return encode(await _chosen(service, kept.items))


async def _chosen(service: Service, kept: Sequence[world.Chosen]) -> list[s.ChosenVideo]:
    found = await documents.videos(service, [one.aid for one in kept])
    return [world.chosen(*found[one.aid], reason=one.reason) for one in kept if one.aid in found]


async def audios(service: Service, _viewer: int, asked: p.AudiosParams) -> bytes:
    """000, User.get_audios."""
    kept, total = await documents.numbered(
        service, works.AUDIO, asked.uid, works.AUDIO_KEYS[asked.order], pn=asked.pn, ps=asked.ps
    )
    name = (await people.card(service, asked.uid)).name
    told = s.AudioPage(
        page=asked.pn,
        pages=-(-total // asked.ps),
        total=total,
        size=asked.ps,
        items=[replace(one, uid=asked.uid, uname=name) for one in kept],
    )
    return encode(told)


async def articles(service: Service, _viewer: int, asked: p.ArticlesParams) -> bytes:
    """000, User.get_articles."""
    kept, total = await documents.numbered(
        service, works.ARTICLE, asked.mid, works.ARTICLE_KEYS[asked.sort], pn=asked.pn, ps=asked.ps
    )
    author = people.article_author(
        asked.mid,
        await people.card(service, asked.mid),
        await people.profile(service, asked.mid),
    )
    told = [replace(one, author=author) for one in kept]
    return encode(s.ArticlePage(told, asked.pn, asked.ps, total))


async def article_lists(service: Service, _viewer: int, asked: p.ArticleListsParams) -> bytes:
    """000, User.get_article_list: all of them."""
    order = works.ARTICLE_LIST_KEYS[asked.sort]
    kept = await documents.whole(service, works.ARTICLE_LIST, asked.mid, order)
    return encode(s.ArticleLists(list(kept), len(kept)))


async def albums(service: Service, _viewer: int, asked: p.AlbumsParams) -> bytes:
    """000, User.get_album: no total, so that a page without albums is past the end."""
    where: dict[str, Value] = {} if asked.biz is AlbumType.ALL else {"biz": asked.biz.value}
    kept, _ = await documents.numbered(
        service, works.ALBUM, asked.uid, "time", pn=asked.page_num, ps=asked.page_size, where=where
    )
    return encode(s.AlbumPage([one.album for one in kept]))


async def courses(service: Service, viewer: int, asked: p.CoursesParams) -> bytes:
    """000, User.get_cheese."""
    await documents.refuse_hidden(service, viewer, asked.mid, "courses")
    kept, total = await documents.numbered(
        service, works.COURSE, asked.mid, "id", pn=asked.pn, ps=asked.ps
    )
    more = asked.pn * asked.ps < total
    return encode(s.CoursePage(list(kept), s.CoursePages(asked.pn, asked.ps, total, next=more)))
