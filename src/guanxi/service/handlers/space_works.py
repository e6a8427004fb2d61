"""Handlers for an account's works: videos, audios, articles, albums, courses."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import AlbumType
from guanxi.contract.params import InvalidParameter
from guanxi.service.answers import encode
from guanxi.service.handlers import documents, people
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world import videos as world
from guanxi.world import works
from guanxi.world.kind import Value


async def _author(service: Service, mid: int) -> s.Author:
    return (await people.authors(service, [mid]))[mid]


def _in_partition(tid: int) -> dict[str, Value]:
    """Return the store filter for partition ``tid``; {} (every partition) for 0."""
    return {"tid": tid} if tid else {}


async def videos(service: Service, _viewer: int, params: p.VideosParams) -> bytes:
    """Handle GET /x/space/wbi/arc/search: one page of videos (000, User.get_videos).

    Those of partition ``tid`` (0 for all) whose title contains the keyword, sorted by ``order``,
    highest first, with the total. The counts by partition cover every video whose title contains
    the keyword, whatever ``tid`` and page.
    """
    mid = params.mid
    rows, total = await documents.numbered_page(
        service,
        world.VIDEO,
        mid,
        world.VIDEO_KEYS[params.order],
        pn=params.pn,
        ps=params.ps,
        where=_in_partition(params.tid),
        text=params.keyword,
    )
    counts = await service.store.counts(world.VIDEO, mid, "tid", params.keyword)
    author = await _author(service, mid)
    items = [world.list_item(video, author) for video in rows]
    data = s.VideoPage(
        list=s.VideoList(world.type_counts(counts), items),
        page=s.CountedPage(params.pn, params.ps, total),
    )
    return encode(data)


async def media_list(service: Service, _viewer: int, params: p.MediaListParams) -> bytes:
    """Handle GET /x/v2/medialist/resource/list: videos next to ``oid`` (000, User.get_media_list).

    The list is sorted by ``sort_field``, highest first if ``desc``. In its order: up to ``ps``
    videos after ``oid`` if ``direction`` is true, before it if false; without ``oid``, the first of
    the list. ``with_current`` adds the video ``oid`` itself. Raise InvalidParameter if the account
    does not own that video.
    """
    owner, where = params.biz_id, _in_partition(params.tid)
    order = world.MEDIA_KEYS[params.sort_field]
    items: Sequence[s.Video]
    if params.oid is UNSET:
        query = Query(order=order, ascending=not params.desc, where=where, limit=params.ps)
        items, more = await service.store.documents(world.VIDEO, owner, query)
    else:
        current = await service.store.get(world.VIDEO, owner, params.oid)
        if current is None:
            raise InvalidParameter("oid", "no video of this account")
        query = Query(
            order=order,
            ascending=not params.desc if params.direction else params.desc,
            where=where,
            limit=params.ps,
            after=(world.VIDEO.keys[order](current), current.aid),
        )
        items, more = await service.store.documents(world.VIDEO, owner, query)
        extra = [current] if params.with_current else []
        items = [*extra, *items] if params.direction else [*reversed(items), *extra]
    author = await _author(service, owner)
    data = s.MediaList(
        items=[world.media_item(video, author, index) for index, video in enumerate(items)] or None,
        has_more=more,
        total_count=await service.store.count(world.VIDEO, owner, where),
        next_start_key=str(items[-1].aid) if items else "",
    )
    return encode(data)


async def top_video(service: Service, _viewer: int, params: p.Viewed) -> bytes:
    """Handle GET /x/space/top/arc: the pinned video (000, User.get_top_videos).

    Raise Refused with 53016 if no video is pinned, or if the pinned one is deleted.
    """
    pinned = await service.store.get(world.TOP_VIDEO, params.vmid)
    items = await _chosen_videos(service, [pinned] if pinned is not None else [])
    if not items:
        raise Refused(errors.NoTopVideo.number, "vmid: the account has pinned no video")
    return encode(items[0])


async def masterpieces(service: Service, _viewer: int, params: p.Viewed) -> bytes:
    """Handle GET /x/space/masterpiece: an account's masterpieces (000, User.get_masterpiece).

    The first ``limits.masterpieces``, in their owner's order, without those whose video is deleted.
    """
    query = Query(order="place", ascending=True, limit=service.profile.limits.masterpieces)
    page = await service.store.documents(world.MASTERPIECE, params.vmid, query)
    return encode(await _chosen_videos(service, page.items))


async def _chosen_videos(service: Service, rows: Sequence[world.Chosen]) -> list[s.ChosenVideo]:
    by_aid = await documents.videos(service, [row.aid for row in rows])
    return [
        world.chosen_video(*by_aid[row.aid], reason=row.reason) for row in rows if row.aid in by_aid
    ]


async def audios(service: Service, _viewer: int, params: p.AudiosParams) -> bytes:
    """Handle GET /audio/music-service/web/song/upper: one page of audios (000, User.get_audios).

    Sorted by ``order``, highest first, with the total.
    """
    rows, total = await documents.numbered_page(
        service, works.AUDIO, params.uid, works.AUDIO_KEYS[params.order], pn=params.pn, ps=params.ps
    )
    name = (await people.card(service, params.uid)).name
    data = s.AudioPage(
        page=params.pn,
        pages=-(-total // params.ps),
        total=total,
        size=params.ps,
        items=[replace(audio, uid=params.uid, uname=name) for audio in rows],
    )
    return encode(data)


async def articles(service: Service, _viewer: int, params: p.ArticlesParams) -> bytes:
    """Handle GET /x/space/wbi/article: one page of articles (000, User.get_articles).

    Sorted by ``sort``, highest first, with the total.
    """
    rows, total = await documents.numbered_page(
        service,
        works.ARTICLE,
        params.mid,
        works.ARTICLE_KEYS[params.sort],
        pn=params.pn,
        ps=params.ps,
    )
    author = people.article_author(
        params.mid,
        await people.card(service, params.mid),
        await people.profile(service, params.mid),
    )
    items = [replace(article, author=author) for article in rows]
    return encode(s.ArticlePage(items, params.pn, params.ps, total))


async def article_lists(service: Service, _viewer: int, params: p.ArticleListsParams) -> bytes:
    """Handle GET /x/article/up/lists: an account's lists of articles (000, User.get_article_list).

    All of them, sorted by ``sort``, highest first.
    """
    order = works.ARTICLE_LIST_KEYS[params.sort]
    rows = await documents.all_documents(service, works.ARTICLE_LIST, params.mid, order)
    return encode(s.ArticleLists(list(rows), len(rows)))


async def albums(service: Service, _viewer: int, params: p.AlbumsParams) -> bytes:
    """Handle GET /link_draw/v1/doc/doc_list: one page of albums (000, User.get_album).

    Newest first, of the type ``biz``, by default all. The response has no total: an empty page is
    past the end.
    """
    where: dict[str, Value] = {} if params.biz is AlbumType.ALL else {"biz": params.biz.value}
    rows, _ = await documents.numbered_page(
        service,
        works.ALBUM,
        params.uid,
        "time",
        pn=params.page_num,
        ps=params.page_size,
        where=where,
    )
    return encode(s.AlbumPage([row.album for row in rows]))


async def courses(service: Service, viewer: int, params: p.CoursesParams) -> bytes:
    """Handle GET /pugv/app/web/season/page: one page of courses (000, User.get_cheese).

    Newest (highest id) first, with the total. Raise Refused with 53013 if the account hides them
    from the viewer.
    """
    await documents.refuse_hidden(service, viewer, params.mid, "courses")
    rows, total = await documents.numbered_page(
        service, works.COURSE, params.mid, "id", pn=params.pn, ps=params.ps
    )
    more = params.pn * params.ps < total
    return encode(s.CoursePage(list(rows), s.CoursePages(params.pn, params.ps, total, next=more)))
