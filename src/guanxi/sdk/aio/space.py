"""Typed methods for spaces: what an account shows to others, and a little more to itself.

Each method names its document. In addition to the errors that it lists, each may raise the errors
of ``call``, and ``ArgsException`` for an argument, before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.contract import enums
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.errors import ListIncomplete
from guanxi.contract.params import Order
from guanxi.sdk import answers, tallied
from guanxi.sdk.requests import checked

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class SpaceArea:
    """The methods of ``client.space``.

    The arguments mean the same everywhere. ``mid`` is an account, from 1; ``page`` counts from 1;
    ``size`` is the number of items per page, 1 to 100 unless stated otherwise; ``offset`` is the
    previous page's, and is left out for the first page. An enum member means its value. The
    ``iter_`` methods yield every item of a list once, page by page. If the list has more than the
    server shows, they raise ``ListIncomplete`` at the end; ``partial=True`` takes what there is
    instead.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # The account

    async def page(self, mid: int) -> str:
        """Return the HTML page of an account's space, which contains the access id.

        Document 000, User.get_access_id. Raises as ``call_as``.
        """
        return await self._client.call_as(e.SPACE_PAGE, str, mid=mid)

    async def access_id(self, mid: int) -> str | None:
        """Return the access id in an account's page, None if it has none (000, User.get_access_id).

        It is cached until it expires; methods that need it fetch it.

        Raises ``InitialStateException`` if the data in the page is not JSON, and as ``call_as``.
        """
        return await self._client.access_id(mid)

    async def info(self, mid: int) -> s.UserInfo:
        """Return an account as its space shows it, with its live room (000, User.get_user_info).

        A signed-in call counts as a visit. Raises ``NotFound`` (no such account), and as
        ``call_as``.
        """
        return await self._client.call_as(e.SPACE_INFO, s.UserInfo, mid=mid)

    async def overview(self, mid: int) -> s.Overview:
        """Return the number of items of each type in a space (000, User.get_overview_stat).

        What the account hides counts 0. Raises as ``call_as``.
        """
        return await self._client.call_as(e.OVERVIEW, s.Overview, mid=mid)

    async def up_stat(self, mid: int) -> s.UpStat:
        """Return the total views and likes of an account's works; no field is set when signed out.

        Document 000, User.get_up_stat. Raises as ``call_as``.
        """
        return await self._client.call_as(e.UP_STAT, s.UpStat, mid=mid)

    async def notice(self, mid: int) -> str:
        """Return the notice of a space, empty if there is none (000, User.get_space_notice).

        Raises as ``call_as``.
        """
        return await self._client.call_as(e.SPACE_NOTICE, str, mid=mid)

    async def reservations(self, mid: int) -> list[s.Reservation] | None:
        """Return a space's reservable announcements, latest start first; None for none.

        Document 000, User.get_reservation. Raises as ``call_as``.
        """
        data = await self._client.call(e.RESERVATIONS, checked(e.RESERVATIONS, {"vmid": mid}))
        if data is None:
            return None
        return answers.typed(data, list[s.Reservation], e.RESERVATIONS)

    async def supporters(self, mid: int) -> s.Supporters:
        """Return who supported an account this month, by rank (000, User.get_elec_user_monthly).

        A guanxi service returns all stored supporters, whatever the month. Raises
        ``SupportNotOpen`` if the account accepts no support, and as ``call_as``.
        """
        return await self._client.call_as(e.SUPPORTERS, s.Supporters, up_mid=mid)

    async def like_effect(self, mid: int) -> s.LikeEffect:
        """Return the images of an account's like, coin and favourite effect.

        Document 000, User.get_uplikeimg. The fields are empty if it has none.

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.LIKE_EFFECT, s.LikeEffect, vmid=mid)

    async def medals(self, mid: int) -> s.MedalWall:
        """Return an account's fan medals, highest level first (000, User.get_user_medal).

        If the account hides them, there are none and ``close_space_medal`` is 1. Raises
        ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.MEDALS, s.MedalWall, target_id=mid)

    async def tags(self, mid: int, *, page: int = 1, size: int = 20) -> s.Tags:
        """Return one page of the tags that an account follows, last followed first.

        Document 000, User.get_user_fav_tag. ``size`` is at most 100. Raises ``HiddenByPrivacy``,
        and as ``call_as``.
        """
        return await self._client.call_as(e.FOLLOWED_TAGS, s.Tags, vmid=mid, pn=page, ps=size)

    def iter_tags(self, mid: int, *, size: int = 20, partial: bool = False) -> AsyncIterator[s.Tag]:
        """Yield every tag that an account follows; see ``tags``."""
        return self._client.iter_items(e.FOLLOWED_TAGS, s.Tag, vmid=mid, ps=size, partial=partial)

    async def bangumi(
        self,
        mid: int,
        *,
        type: enums.BangumiType | int = enums.BangumiType.BANGUMI,
        follow_status: enums.BangumiFollowStatus | int = enums.BangumiFollowStatus.ALL,
        page: int = 1,
        size: int = 15,
    ) -> s.BangumiPage:
        """Return one page of the bangumi that an account follows, last followed first.

        Document 000, User.get_subscribed_bangumi.

        ``type`` is anime, or drama and the like; ``follow_status`` the progress. ``size`` is at
        most 30. Raises ``HiddenByPrivacy``, and as ``call_as``.
        """
        return await self._client.call_as(
            e.FOLLOWED_BANGUMI,
            s.BangumiPage,
            vmid=mid,
            type=type,
            follow_status=follow_status,
            pn=page,
            ps=size,
        )

    def iter_bangumi(
        self,
        mid: int,
        *,
        type: enums.BangumiType | int = enums.BangumiType.BANGUMI,
        follow_status: enums.BangumiFollowStatus | int = enums.BangumiFollowStatus.ALL,
        size: int = 15,
        partial: bool = False,
    ) -> AsyncIterator[s.Bangumi]:
        """Yield every bangumi that an account follows; see ``bangumi``."""
        return self._client.iter_items(
            e.FOLLOWED_BANGUMI,
            s.Bangumi,
            vmid=mid,
            type=type,
            follow_status=follow_status,
            ps=size,
            partial=partial,
        )

    # Videos

    async def videos(
        self,
        mid: int,
        *,
        tid: int = 0,
        keyword: str = "",
        order: enums.VideoOrder | str = enums.VideoOrder.PUBDATE,
        page: int = 1,
        size: int = 30,
    ) -> s.VideoPage:
        """Return one page of an account's videos (000, User.get_videos).

        Args:
            mid: the account, from 1.
            tid: only videos of this partition; 0 for all.
            keyword: only videos with this text in the title, in any case; at most 200 characters,
                empty for all.
            order: newest, most played or most favourited first.
            page: from 1.
            size: items per page, 1 to 100.

        Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.VIDEOS,
            s.VideoPage,
            mid=mid,
            ps=size,
            tid=tid,
            pn=page,
            keyword=keyword,
            order=order,
        )

    def iter_videos(
        self,
        mid: int,
        *,
        tid: int = 0,
        keyword: str = "",
        order: enums.VideoOrder | str = enums.VideoOrder.PUBDATE,
        size: int = 30,
        partial: bool = False,
    ) -> AsyncIterator[s.VideoMeta]:
        """Yield every matching video of an account; see ``videos``."""
        return self._client.iter_items(
            e.VIDEOS,
            s.VideoMeta,
            mid=mid,
            ps=size,
            tid=tid,
            keyword=keyword,
            order=order,
            partial=partial,
        )

    async def media_list(
        self,
        mid: int,
        *,
        after: int | None = None,
        size: int = 20,
        direction: bool = False,
        desc: bool = True,
        order: enums.MedialistOrder | int = enums.MedialistOrder.PUBDATE,
        tid: int = 0,
        with_current: bool = False,
    ) -> s.MediaList:
        """Return one page of an account's videos as a playlist (000, User.get_media_list).

        ``items`` are in the playlist's order; None for an empty page.

        Args:
            mid: the account, from 1.
            after: the aid of the video to page from, owned by ``mid``; None for the first page.
            size: items per page, 1 to 100, not counting ``after``.
            direction: True for the videos after ``after``, False for those before it; ignored if
                ``after`` is None.
            desc: True for the newest, most played or most favourited first, False for them last.
            order: sort by date, plays or favourites.
            tid: only videos of this partition; 0 for all.
            with_current: True to include the video ``after`` too.

        Raises ``BadRequest`` if ``after`` is not a video of the account, and as ``call_as``.
        """
        return await self._client.call_as(
            e.MEDIA_LIST,
            s.MediaList,
            biz_id=mid,
            oid=after,
            ps=size,
            direction=direction,
            desc=desc,
            sort_field=order,
            tid=tid,
            with_current=with_current,
        )

    def iter_media_list(
        self,
        mid: int,
        *,
        size: int = 20,
        desc: bool = True,
        order: enums.MedialistOrder | int = enums.MedialistOrder.PUBDATE,
        tid: int = 0,
        partial: bool = False,
    ) -> AsyncIterator[s.MediaItem]:
        """Yield every video of the playlist from start to end; see ``media_list``."""
        return self._client.iter_items(
            e.MEDIA_LIST,
            s.MediaItem,
            biz_id=mid,
            ps=size,
            direction=True,
            desc=desc,
            sort_field=order,
            tid=tid,
            partial=partial,
        )

    async def top_video(self, mid: int) -> s.ChosenVideo:
        """Return an account's pinned video (000, User.get_top_videos).

        Raises ``NoTopVideo`` if it has none, and as ``call_as``.
        """
        return await self._client.call_as(e.TOP_VIDEO, s.ChosenVideo, vmid=mid)

    async def masterpieces(self, mid: int) -> list[s.ChosenVideo]:
        """Return an account's up to three masterpieces, in its order (000, User.get_masterpiece).

        The list is empty if there are none. Raises as ``call_as``.
        """
        return await self._client.call_as(e.MASTERPIECES, list[s.ChosenVideo], vmid=mid)

    # Channels

    async def channels(self, mid: int, *, page: int = 1, size: int = 20) -> s.ChannelPage:
        """Return one page of an account's channels, seasons before series.

        Document 000, User.get_channel_list. Each has up to five videos. ``size`` is at most 10,000.
        Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.CHANNELS, s.ChannelPage, mid=mid, page_num=page, page_size=size
        )

    def iter_channels(
        self, mid: int, *, size: int = 20, partial: bool = False
    ) -> AsyncIterator[s.Season | s.Series]:
        """Yield every channel of an account, a season or a series; see ``channels``."""
        return self._channels(e.CHANNELS, mid, size, partial)

    async def legacy_channels(self, mid: int, *, page: int = 1, size: int = 20) -> s.ChannelPage:
        """Return the same as ``channels``, from the older address (001, User.get_channel_list).

        Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.LEGACY_CHANNELS, s.ChannelPage, mid=mid, page_num=page, page_size=size
        )

    def iter_legacy_channels(
        self, mid: int, *, size: int = 20, partial: bool = False
    ) -> AsyncIterator[s.Season | s.Series]:
        """Yield every channel of an account, from the older address; see ``channels``."""
        return self._channels(e.LEGACY_CHANNELS, mid, size, partial)

    async def _channels(
        self, endpoint: Endpoint, mid: int, size: int, partial: bool
    ) -> AsyncIterator[s.Season | s.Series]:
        params = checked(endpoint, {"mid": mid, "page_size": size})
        try:
            async for item in self._client.walk(endpoint, params, partial=partial):
                yield _channel(item, endpoint)
        except ListIncomplete as error:
            raise error.of([_channel(item, endpoint) for item in error.items]) from None

    async def season_videos(
        self,
        mid: int,
        season: int,
        *,
        order: enums.ChannelOrder | str = enums.ChannelOrder.DEFAULT,
        page: int = 1,
        size: int = 100,
    ) -> s.SeasonVideos:
        """Return one page of a season's videos (000, User.get_channel_videos_season).

        ``order`` is the season's own order, or its reverse. ``size`` is at most 100. Deleted videos
        are in ``aids`` only. Raises ``BadRequest`` if the account has no such season, and as
        ``call_as``.
        """
        return await self._client.call_as(
            e.SEASON_VIDEOS,
            s.SeasonVideos,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_num=page,
            page_size=size,
        )

    def iter_season_videos(
        self,
        mid: int,
        season: int,
        *,
        order: enums.ChannelOrder | str = enums.ChannelOrder.DEFAULT,
        size: int = 100,
        partial: bool = False,
    ) -> AsyncIterator[s.ChannelVideo]:
        """Yield the videos of a season, without deleted ones; see ``season_videos``."""
        return self._client.iter_items(
            e.SEASON_VIDEOS,
            s.ChannelVideo,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_size=size,
            partial=partial,
        )

    async def legacy_season_videos(
        self,
        mid: int,
        season: int,
        *,
        order: enums.ChannelOrder | str = enums.ChannelOrder.DEFAULT,
        page: int = 1,
        size: int = 100,
    ) -> s.SeasonVideos:
        """Return the same as ``season_videos``, from the older address (001).

        Raises the same.
        """
        return await self._client.call_as(
            e.LEGACY_SEASON_VIDEOS,
            s.SeasonVideos,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_num=page,
            page_size=size,
        )

    def iter_legacy_season_videos(
        self,
        mid: int,
        season: int,
        *,
        order: enums.ChannelOrder | str = enums.ChannelOrder.DEFAULT,
        size: int = 100,
        partial: bool = False,
    ) -> AsyncIterator[s.ChannelVideo]:
        """Yield the videos of a season, from the older address (001); see ``iter_season_videos``.

        ``order`` is a ``ChannelOrder``, the server's own order by default.
        """
        return self._client.iter_items(
            e.LEGACY_SEASON_VIDEOS,
            s.ChannelVideo,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_size=size,
            partial=partial,
        )

    async def series_videos(
        self, mid: int, series: int, *, order: Order = "desc", page: int = 1, size: int = 100
    ) -> s.SeriesVideos:
        """Return one page of the videos of a series (000, User.get_channel_videos_series).

        ``order`` is ``desc`` for the series' own order, ``asc`` for its reverse. ``size`` is at
        most 100. Deleted videos are in ``aids`` only. Raises ``BadRequest`` if the account has no
        such series, and as ``call_as``.
        """
        return await self._client.call_as(
            e.SERIES_VIDEOS,
            s.SeriesVideos,
            mid=mid,
            series_id=series,
            sort=order,
            pn=page,
            ps=size,
        )

    def iter_series_videos(
        self,
        mid: int,
        series: int,
        *,
        order: Order = "desc",
        size: int = 100,
        partial: bool = False,
    ) -> AsyncIterator[s.ChannelVideo]:
        """Yield the videos of a series, without deleted ones; see ``series_videos``."""
        return self._client.iter_items(
            e.SERIES_VIDEOS,
            s.ChannelVideo,
            mid=mid,
            series_id=series,
            sort=order,
            ps=size,
            partial=partial,
        )

    # Other works

    async def audios(
        self,
        mid: int,
        *,
        order: enums.AudioOrder | int = enums.AudioOrder.PUBDATE,
        page: int = 1,
        size: int = 30,
    ) -> s.AudioPage:
        """Return one page of an account's audios (000, User.get_audios).

        ``order`` is newest, most played or most favourited first; ``size`` is at most 100. Raises
        ``ParameterMissing`` (the server refuses a parameter), and as ``call_as``.
        """
        return await self._client.call_as(
            e.AUDIOS, s.AudioPage, uid=mid, order=order, pn=page, ps=size
        )

    def iter_audios(
        self,
        mid: int,
        *,
        order: enums.AudioOrder | int = enums.AudioOrder.PUBDATE,
        size: int = 30,
        partial: bool = False,
    ) -> AsyncIterator[s.Audio]:
        """Yield every audio of an account; see ``audios``."""
        return self._client.iter_items(
            e.AUDIOS, s.Audio, uid=mid, order=order, ps=size, partial=partial
        )

    async def articles(
        self,
        mid: int,
        *,
        order: enums.ArticleOrder | str = enums.ArticleOrder.PUBDATE,
        page: int = 1,
        size: int = 30,
    ) -> s.ArticlePage:
        """Return one page of an account's articles.

        Document 000, User.get_articles. ``size`` is at most 30. ``order`` is newest, most
        favourited or most read first. Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.ARTICLES, s.ArticlePage, mid=mid, sort=order, pn=page, ps=size
        )

    def iter_articles(
        self,
        mid: int,
        *,
        order: enums.ArticleOrder | str = enums.ArticleOrder.PUBDATE,
        size: int = 30,
        partial: bool = False,
    ) -> AsyncIterator[s.Article]:
        """Yield every article of an account; see ``articles``."""
        return self._client.iter_items(
            e.ARTICLES, s.Article, mid=mid, sort=order, ps=size, partial=partial
        )

    async def article_lists(
        self, mid: int, *, order: enums.ArticleListOrder | int = enums.ArticleListOrder.LATEST
    ) -> s.ArticleLists:
        """Return all of an account's article collections (000, User.get_article_list).

        ``order`` is last updated or most read first. Raises ``ListIncomplete`` if the server
        returns fewer than there are, and as ``call_as``.
        """
        return await self._client.call_whole(
            e.ARTICLE_LISTS, s.ArticleLists, s.ArticleList, mid=mid, sort=order
        )

    async def albums(
        self,
        mid: int,
        *,
        biz: enums.AlbumType | str = enums.AlbumType.ALL,
        page: int = 1,
        size: int = 30,
    ) -> s.AlbumPage:
        """Return one page of an account's albums, newest first (000, User.get_album).

        ``biz`` is all, drawings, photos or daily life; ``size`` is at most 100. There is no total:
        an empty page is past the end. Deprecated: the documents' host has withdrawn it. Raises as
        ``call_as``.
        """
        return await self._client.call_as(
            e.ALBUMS, s.AlbumPage, uid=mid, biz=biz, page_num=page, page_size=size
        )

    def iter_albums(
        self, mid: int, *, biz: enums.AlbumType | str = enums.AlbumType.ALL, size: int = 30
    ) -> AsyncIterator[s.Album]:
        """Yield every album of an account; see ``albums``."""
        return self._client.iter_items(e.ALBUMS, s.Album, uid=mid, biz=biz, page_size=size)

    async def courses(self, mid: int, *, page: int = 1, size: int = 20) -> s.CoursePage:
        """Return one page of an account's courses, newest first.

        Document 000, User.get_cheese. ``size`` is at most 100. Raises ``HiddenByPrivacy``, and as
        ``call_as``.
        """
        return await self._client.call_as(e.COURSES, s.CoursePage, mid=mid, pn=page, ps=size)

    def iter_courses(
        self, mid: int, *, size: int = 20, partial: bool = False
    ) -> AsyncIterator[s.Course]:
        """Yield every course of an account; see ``courses``."""
        return self._client.iter_items(e.COURSES, s.Course, mid=mid, ps=size, partial=partial)

    # The feed

    async def dynamics(self, mid: int, *, offset: str = "") -> s.DynamicPage:
        """Return one page of an account's dynamics, newest first (000, User.get_dynamics_new).

        ``offset`` is the previous page's, empty for the first page, which begins with the pinned
        dynamic. The last page has ``has_more`` False. Raises as ``call_as``.
        """
        return await self._client.call_as(e.DYNAMICS, s.DynamicPage, host_mid=mid, offset=offset)

    def iter_dynamics(self, mid: int) -> AsyncIterator[s.Dynamic]:
        """Yield every dynamic of an account; see ``dynamics``."""
        return self._client.iter_items(e.DYNAMICS, s.Dynamic, host_mid=mid)

    async def old_dynamics(
        self, mid: int, *, offset: int = 0, need_top: bool = False
    ) -> s.OldDynamicPage:
        """Return one page of an account's dynamics in the format of older clients, newest first.

        Document 000, User.get_dynamics.

        ``offset`` is the previous page's ``next_offset``, 0 for the first page. ``need_top`` moves
        the pinned dynamic to the head of the first page. The last page has ``has_more`` 0; past the
        end ``cards`` is unset. Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.OLD_DYNAMICS,
            s.OldDynamicPage,
            host_uid=mid,
            offset_dynamic_id=offset,
            need_top=need_top,
        )

    def iter_old_dynamics(self, mid: int, *, need_top: bool = False) -> AsyncIterator[s.OldDynamic]:
        """Yield every dynamic of an account in the format of older clients.

        See ``old_dynamics``.
        """
        return self._client.iter_items(
            e.OLD_DYNAMICS, s.OldDynamic, host_uid=mid, need_top=need_top
        )

    async def opus(
        self, mid: int, *, type: enums.OpusType | str = enums.OpusType.ALL, offset: str = ""
    ) -> s.OpusPage:
        """Return one page of an account's picture posts, newest first (000, User.get_opus).

        ``type`` selects all, those of articles, or the others. ``offset`` and ``has_more`` are as
        in ``dynamics``. Raises as ``call_as``.
        """
        return await self._client.call_as(
            e.OPUS, s.OpusPage, host_mid=mid, offset=offset, type=type
        )

    def iter_opus(
        self, mid: int, *, type: enums.OpusType | str = enums.OpusType.ALL
    ) -> AsyncIterator[s.Opus]:
        """Yield every picture post of an account; see ``opus``."""
        return self._client.iter_items(e.OPUS, s.Opus, host_mid=mid, type=type)


def _channel(item: Any, endpoint: Endpoint) -> s.Season | s.Series:
    path = tallied.items_path(endpoint)
    if answers.at(item, "meta.season_id") is None:
        return answers.typed(item, s.Series, endpoint, path)
    return answers.typed(item, s.Season, endpoint, path)
