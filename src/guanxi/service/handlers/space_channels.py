"""Handlers for channels: an account's seasons and series, and the videos in them."""

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
from guanxi.service.answers import encode
from guanxi.service.handlers import people
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world import videos
from guanxi.world.videos import RECENT, SEASON, SERIES, VIDEO


async def channels(service: Service, _viewer: int, params: p.ChannelsParams) -> bytes:
    """Handle GET seasons_series_list: one page of channels (000, User.get_channel_list).

    Seasons, then series, each newest first, paged as one list with one total. Each channel has
    those of its first 5 videos that are not deleted.
    """
    store, mid = service.store, params.mid
    page = window(params.page_num, params.page_size, ALL)
    season_count = await store.count(SEASON, mid)
    query = Query(order="time", offset=page.offset, limit=page.limit)
    seasons = (await store.documents(SEASON, mid, query)).items
    offset = max(0, page.offset - season_count)
    query = Query(order="time", offset=offset, limit=page.limit - len(seasons))
    series = (await store.documents(SERIES, mid, query)).items
    channel_aids = [channel.aids for channel in seasons] + [channel.aids for channel in series]
    recent_aids = [aid for aids in channel_aids for aid in aids[:RECENT]]
    by_aid = await _channel_videos(service, recent_aids)

    def recent(aids: Sequence[int]) -> tuple[list[s.ChannelVideo], list[int]]:
        existing = [aid for aid in aids[:RECENT] if aid in by_aid]
        return [by_aid[aid] for aid in existing], existing

    lists = s.ChannelLists(
        s.NumberedPage(
            params.page_num, params.page_size, season_count + await store.count(SERIES, mid)
        ),
        [s.Season(_season_meta(mid, season), *recent(season.aids)) for season in seasons],
        [s.Series(_series_meta(mid, a_series), *recent(a_series.aids)) for a_series in series],
    )
    return encode(s.ChannelPage(lists))


async def season_videos(service: Service, _viewer: int, params: p.SeasonVideosParams) -> bytes:
    """Handle GET seasons_archives_list: one page of a season (000, User.get_channel_videos_season).

    In the season's own order, or reversed if ``sort_reverse`` is "true". Deleted videos are omitted
    from the archives, not from the aids and the total. Raise InvalidParameter if the account does
    not own the season.
    """
    season = await service.store.get(SEASON, params.mid, params.season_id)
    if season is None:
        raise InvalidParameter("season_id", "no season of this account")
    changed = params.sort_reverse is ChannelOrder.CHANGE
    aids = _page_of(season.aids, params.page_num, params.page_size, reverse=changed)
    by_aid = await _channel_videos(service, aids)
    page = s.SeasonVideos(
        _season_meta(params.mid, season),
        aids,
        [by_aid[aid] for aid in aids if aid in by_aid],
        s.NumberedPage(params.page_num, params.page_size, len(season.aids)),
    )
    return encode(page)


async def series_videos(service: Service, _viewer: int, params: p.SeriesVideosParams) -> bytes:
    """Handle GET /x/series/archives: one page of a series (000, User.get_channel_videos_series).

    ``sort=desc`` is the series' own order (guanxi's own rule), ``asc`` the reverse. Deleted videos
    are omitted from the archives, not from the aids and the total. Raise InvalidParameter if the
    account does not own the series.
    """
    series = await service.store.get(SERIES, params.mid, params.series_id)
    if series is None:
        raise InvalidParameter("series_id", "no series of this account")
    aids = _page_of(series.aids, params.pn, params.ps, reverse=params.sort == "asc")
    by_aid = await _channel_videos(service, aids)
    page = s.SeriesVideos(
        aids,
        [by_aid[aid] for aid in aids if aid in by_aid],
        s.SizedPage(params.pn, params.ps, len(series.aids)),
    )
    return encode(page)


async def season(service: Service, _viewer: int, params: p.SeasonId) -> bytes:
    """Handle GET /x/space/fav/season/list: a season by its id (000, ChannelSeries.get_meta).

    Raise Refused with -404 if there is no such season.
    """
    owned = (await service.store.find(SEASON, [params.season_id])).get(params.season_id)
    if owned is None or not await people.shows_space(service, owned[0]):
        raise Refused(errors.NotFound.number, "season_id: no such season")
    owner, season = owned
    info = s.SeasonInfo(
        id=season.meta.id,
        title=season.meta.name,
        cover=season.meta.cover,
        intro=season.meta.description,
        media_count=len(season.aids),
        upper=(await people.authors(service, [owner]))[owner],
    )
    return encode(s.SeasonById(info))


async def series(service: Service, _viewer: int, params: p.SeriesId) -> bytes:
    """Handle GET /x/series/series: a series by its id (000, ChannelSeries.get_meta).

    With the aids of those of its first 5 videos that are not deleted. Raise Refused with -404 if
    there is no such series.
    """
    owned = (await service.store.find(SERIES, [params.series_id])).get(params.series_id)
    if owned is None or not await people.shows_space(service, owned[0]):
        raise Refused(errors.NotFound.number, "series_id: no such series")
    owner, series = owned
    aids = series.aids[:RECENT]
    existing = await service.store.find(VIDEO, aids)
    recent_aids = [aid for aid in aids if aid in existing]
    return encode(s.SeriesById(_series_meta(owner, series), recent_aids))


def _season_meta(owner: int, season: videos.Season) -> s.SeasonMeta:
    return replace(season.meta, mid=owner, total=len(season.aids))


def _series_meta(owner: int, series: videos.Series) -> s.SeriesMeta:
    return replace(series.meta, mid=owner, total=len(series.aids))


def _page_of(aids: Sequence[int], pn: int, ps: int, *, reverse: bool) -> list[int]:
    """Return page ``pn`` (from 1) of ``ps`` aids, from the last aid back if ``reverse``.

    A page past the end is empty.
    """
    page = window(pn, ps, len(aids))
    ordered = aids[::-1] if reverse else aids
    return list(ordered[page.offset : page.offset + page.limit])


async def _channel_videos(service: Service, aids: Sequence[int]) -> dict[int, s.ChannelVideo]:
    """Return the videos as items of a channel, by aid, whoever owns them. Omit missing ones."""
    owned = await service.store.find(VIDEO, aids)
    return {aid: videos.channel_video(video) for aid, (_, video) in owned.items()}
