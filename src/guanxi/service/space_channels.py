"""Channels: an account's seasons and series, and the videos in them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from guanxi.contract import errors
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import ChannelOrder
from guanxi.contract.limits import ALL
from guanxi.contract.params import InvalidParameter
from guanxi.graph.lists import window
from guanxi.service import people
from guanxi.service.answers import encode
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world import videos
from guanxi.world.videos import RECENT, SEASON, SERIES, VIDEO


async def channels(service: Service, _viewer: int, asked: p.ChannelsParams) -> bytes:
    """000, User.get_channel_list: seasons, then series, in one numbering."""
    store, mid = service.store, asked.mid
    run = window(asked.page_num, asked.page_size, ALL)
    before = await store.count(SEASON, mid)
    query = Query(order="time", offset=run.offset, limit=run.limit)
    seasons = (await store.documents(SEASON, mid, query)).items
    offset = max(0, run.offset - before)
    query = Query(order="time", offset=offset, limit=run.limit - len(seasons))
    series = (await store.documents(SERIES, mid, query)).items
    aids = [one.aids for one in seasons] + [one.aids for one in series]
    newest = [aid for some in aids for aid in some[:RECENT]]
    found = await _archives(service, newest)

    def recent(aids: Sequence[int]) -> tuple[list[s.ChannelVideo], list[int]]:
        there = [aid for aid in aids[:RECENT] if aid in found]
        return [found[aid] for aid in there], there

    told = s.ChannelLists(
        s.NumberedPage(asked.page_num, asked.page_size, before + await store.count(SERIES, mid)),
        [s.Season(_season_meta(mid, one), *recent(one.aids)) for one in seasons],
        [s.Series(_series_meta(mid, one), *recent(one.aids)) for one in series],
    )
    return encode(s.ChannelPage(told))


async def season_videos(service: Service, _viewer: int, asked: p.SeasonVideosParams) -> bytes:
    """000, User.get_channel_videos_season; another's season is no season of this account."""
    season = await service.store.get(SEASON, asked.mid, asked.season_id)
    if season is None:
        raise InvalidParameter("season_id", "不是该用户的合集", "no season of this account")
    changed = asked.sort_reverse is ChannelOrder.CHANGE
    aids = _run(season.aids, asked.page_num, asked.page_size, reverse=changed)
    found = await _archives(service, aids)
    told = s.SeasonVideos(
        _season_meta(asked.mid, season),
        aids,
        [found[aid] for aid in aids if aid in found],
        s.NumberedPage(asked.page_num, asked.page_size, len(season.aids)),
    )
    return encode(told)


async def series_videos(service: Service, _viewer: int, asked: p.SeriesVideosParams) -> bytes:
    """000, User.get_channel_videos_series; ``desc`` is its own order (ours)."""
    series = await service.store.get(SERIES, asked.mid, asked.series_id)
    if series is None:
        raise InvalidParameter("series_id", "不是该用户的列表", "no series of this account")
    aids = _run(series.aids, asked.pn, asked.ps, reverse=asked.sort == "asc")
    found = await _archives(service, aids)
    told = s.SeriesVideos(
        aids,
        [found[aid] for aid in aids if aid in found],
        s.SizedPage(asked.pn, asked.ps, len(series.aids)),
    )
    return encode(told)


async def season(service: Service, _viewer: int, asked: p.SeasonId) -> bytes:
    """000, ChannelSeries.get_meta: a season by its id alone."""
    found = (await service.store.find(SEASON, [asked.season_id])).get(asked.season_id)
    if found is None:
        raise Refused(errors.NotFound.number)
    owner, one = found
    info = s.SeasonInfo(
        id=one.meta.id,
        title=one.meta.name,
        cover=one.meta.cover,
        intro=one.meta.description,
        media_count=len(one.aids),
        upper=(await people.authors(service, [owner]))[owner],
    )
    return encode(s.SeasonById(info))


async def series(service: Service, _viewer: int, asked: p.SeriesId) -> bytes:
    """000, ChannelSeries.get_meta: a series by its id alone."""
    found = (await service.store.find(SERIES, [asked.series_id])).get(asked.series_id)
    if found is None:
        raise Refused(errors.NotFound.number)
    owner, one = found
    newest = one.aids[:RECENT]
    there = await service.store.find(VIDEO, newest)
    recent = [aid for aid in newest if aid in there]
    return encode(s.SeriesById(_series_meta(owner, one), recent))


def _season_meta(owner: int, one: videos.Season) -> s.SeasonMeta:
    return replace(one.meta, mid=owner, total=len(one.aids))


def _series_meta(owner: int, one: videos.Series) -> s.SeriesMeta:
    return replace(one.meta, mid=owner, total=len(one.aids))


def _run(aids: Sequence[int], pn: int, ps: int, *, reverse: bool) -> list[int]:
    """A page of a channel's videos."""
    run = window(pn, ps, len(aids))
    ordered = aids[::-1] if reverse else aids
    return list(ordered[run.offset : run.offset + run.limit])


async def _archives(service: Service, aids: Sequence[int]) -> dict[int, s.ChannelVideo]:
    """The videos that are there, as channels tell them, by aid."""
    found = await service.store.find(VIDEO, aids)
    return {aid: videos.archive(video) for aid, (_, video) in found.items()}
