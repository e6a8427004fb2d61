"""The endpoints of spaces, typed: what an account shows to others, and a little more to itself.

Each method names its document. Besides the errors that it lists, each may raise what ``call``
does, and ``TypeError`` or ``ValueError`` for an argument, before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import enums
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.params import Order
from guanxi.sdk import answers, conversation
from guanxi.sdk.requests import checked

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class SpaceArea:
    """``client.space``.

    Arguments have one meaning throughout: ``mid`` is an account, from 1; ``page`` counts from 1;
    ``size`` is items a page, 1 to 100, or to 30 where that is said; ``offset`` is the last
    answer's, and begins where it is left out. Enum members are taken for their values. The
    ``iter_`` methods walk whole lists and meet each item once.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # The account

    async def page(self, mid: int) -> str:
        """The page that carries the access id, as HTML (000, User.get_access_id)."""
        return await self._client.ask(e.SPACE_PAGE, str, mid=mid)

    async def access_id(self, mid: int) -> str | None:
        """The access id in an account's page, None where it has none (000, User.get_access_id).

        It is asked for once, and kept until it ends; the methods that send it do so by themselves.

        Raises ``InitialStateException`` for a page whose data is not JSON.
        """
        return await self._client.access_id(mid)

    async def info(self, mid: int) -> s.UserInfo:
        """An account as its space shows it, the live room among it (000, User.get_user_info).

        Raises ``NotFound``.
        """
        return await self._client.ask(e.SPACE_INFO, s.UserInfo, mid=mid)

    async def overview(self, mid: int) -> s.Overview:
        """How much of each kind a space holds (000, User.get_overview_stat)."""
        return await self._client.ask(e.OVERVIEW, s.Overview, mid=mid)

    async def up_stat(self, mid: int) -> s.UpStat:
        """Views and likes of all works (000, User.get_up_stat); nothing in it when signed out."""
        return await self._client.ask(e.UP_STAT, s.UpStat, mid=mid)

    async def notice(self, mid: int) -> str:
        """The notice of a space, empty where there is none (000, User.get_space_notice)."""
        return await self._client.ask(e.SPACE_NOTICE, str, mid=mid)

    async def reservations(self, mid: int) -> list[s.Reservation] | None:
        """What a space announces for signing up, None for nothing (000, User.get_reservation)."""
        data = await self._client.call(e.RESERVATIONS, checked(e.RESERVATIONS, {"vmid": mid}))
        if data is None:
            return None
        return answers.typed(data, list[s.Reservation], e.RESERVATIONS)

    async def supporters(self, mid: int) -> s.Supporters:
        """Who supported an account this month (000, User.get_elec_user_monthly).

        Raises ``SupportNotOpen``.
        """
        return await self._client.ask(e.SUPPORTERS, s.Supporters, up_mid=mid)

    async def like_effect(self, mid: int) -> s.LikeEffect:
        """The pictures of a like, a coin and a favourite at once (000, User.get_uplikeimg).

        Raises ``NotSignedIn``.
        """
        return await self._client.ask(e.LIKE_EFFECT, s.LikeEffect, vmid=mid)

    async def medals(self, mid: int) -> s.MedalWall:
        """An account's fan medals (000, User.get_user_medal). Raises ``NotSignedIn``."""
        return await self._client.ask(e.MEDALS, s.MedalWall, target_id=mid)

    async def tags(self, mid: int, *, page: int = 1, size: int = 20) -> s.Tags:
        """The tags that an account follows (000, User.get_user_fav_tag).

        Raises ``HiddenByPrivacy``.
        """
        return await self._client.ask(e.FOLLOWED_TAGS, s.Tags, vmid=mid, pn=page, ps=size)

    def iter_tags(self, mid: int, *, size: int = 20) -> AsyncIterator[s.Tag]:
        """Every tag that an account follows, page after page; as ``tags``."""
        return self._client.items(e.FOLLOWED_TAGS, s.Tag, vmid=mid, ps=size)

    async def bangumi(
        self,
        mid: int,
        *,
        type: enums.BangumiType | int = enums.BangumiType.BANGUMI,
        follow_status: enums.BangumiFollowStatus | int = enums.BangumiFollowStatus.ALL,
        page: int = 1,
        size: int = 15,
    ) -> s.BangumiPage:
        """The series that an account follows (000, User.get_subscribed_bangumi).

        ``size`` is 30 at most. Raises ``HiddenByPrivacy``.
        """
        return await self._client.ask(
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
    ) -> AsyncIterator[s.Bangumi]:
        """Every series that an account follows, page after page; as ``bangumi``."""
        return self._client.items(
            e.FOLLOWED_BANGUMI,
            s.Bangumi,
            vmid=mid,
            type=type,
            follow_status=follow_status,
            ps=size,
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
        """An account's videos (000, User.get_videos).

        Args:
            mid: the account, from 1.
            tid: of this partition, 0 for all.
            keyword: whose title holds it, any case; up to 200 characters, empty for all.
            order: newest, most played or most kept first.
            page: page, from 1.
            size: items a page, 1 to 100.
        """
        return await self._client.ask(
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
    ) -> AsyncIterator[s.VideoMeta]:
        """Every video found, page after page; as ``videos``."""
        return self._client.items(
            e.VIDEOS, s.VideoMeta, mid=mid, ps=size, tid=tid, keyword=keyword, order=order
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
        """An account's videos as a list to play (000, User.get_media_list).

        Args:
            mid: the account, from 1.
            after: the aid to go on from; None for the head of the list.
            size: items, 1 to 100.
            direction: True towards the end of the list, False towards its head.
            desc: the largest first.
            order: by date, plays or favourites.
            tid: of this partition, 0 for all.
            with_current: with the one that it goes on from.
        """
        return await self._client.ask(
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
    ) -> AsyncIterator[s.MediaItem]:
        """Every video of the list from its head to its end; as ``media_list``."""
        return self._client.items(
            e.MEDIA_LIST,
            s.MediaItem,
            biz_id=mid,
            ps=size,
            direction=True,
            desc=desc,
            sort_field=order,
            tid=tid,
        )

    async def top_video(self, mid: int) -> s.ChosenVideo:
        """The video that an account pinned (000, User.get_top_videos). Raises ``NoTopVideo``."""
        return await self._client.ask(e.TOP_VIDEO, s.ChosenVideo, vmid=mid)

    async def masterpieces(self, mid: int) -> list[s.ChosenVideo]:
        """Up to three videos that an account is proud of (000, User.get_masterpiece)."""
        return await self._client.ask(e.MASTERPIECES, list[s.ChosenVideo], vmid=mid)

    # Channels

    async def channels(self, mid: int, *, page: int = 1, size: int = 20) -> s.ChannelPage:
        """An account's channels, seasons before series (000, User.get_channel_list)."""
        return await self._client.ask(
            e.CHANNELS, s.ChannelPage, mid=mid, page_num=page, page_size=size
        )

    def iter_channels(self, mid: int, *, size: int = 20) -> AsyncIterator[s.Season | s.Series]:
        """Every channel, page after page; as ``channels``."""
        return self._channels(e.CHANNELS, mid, size)

    async def legacy_channels(self, mid: int, *, page: int = 1, size: int = 20) -> s.ChannelPage:
        """As ``channels``, at the address of older clients (001, User.get_channel_list)."""
        return await self._client.ask(
            e.LEGACY_CHANNELS, s.ChannelPage, mid=mid, page_num=page, page_size=size
        )

    def iter_legacy_channels(
        self, mid: int, *, size: int = 20
    ) -> AsyncIterator[s.Season | s.Series]:
        """Every channel, page after page; as ``legacy_channels``."""
        return self._channels(e.LEGACY_CHANNELS, mid, size)

    async def _channels(
        self, endpoint: Endpoint, mid: int, size: int
    ) -> AsyncIterator[s.Season | s.Series]:
        params = checked(endpoint, {"mid": mid, "page_size": size})
        place = conversation.item_place(endpoint)
        async for item in self._client.walk(endpoint, params):
            if answers.at(item, "meta.season_id") is None:
                yield answers.typed(item, s.Series, endpoint, place)
            else:
                yield answers.typed(item, s.Season, endpoint, place)

    async def season_videos(
        self,
        mid: int,
        season: int,
        *,
        order: enums.ChannelOrder | str = enums.ChannelOrder.DEFAULT,
        page: int = 1,
        size: int = 100,
    ) -> s.SeasonVideos:
        """The videos of one of an account's seasons (000, User.get_channel_videos_season).

        ``order`` is the season's own, or the other way round.
        """
        return await self._client.ask(
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
    ) -> AsyncIterator[s.ChannelVideo]:
        """Every video of a season, page after page; as ``season_videos``."""
        return self._client.items(
            e.SEASON_VIDEOS,
            s.ChannelVideo,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_size=size,
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
        """As ``season_videos``, at the address of older clients (001)."""
        return await self._client.ask(
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
    ) -> AsyncIterator[s.ChannelVideo]:
        """Every video of a season, page after page; as ``legacy_season_videos``."""
        return self._client.items(
            e.LEGACY_SEASON_VIDEOS,
            s.ChannelVideo,
            mid=mid,
            season_id=season,
            sort_reverse=order,
            page_size=size,
        )

    async def series_videos(
        self, mid: int, series: int, *, order: Order = "desc", page: int = 1, size: int = 100
    ) -> s.SeriesVideos:
        """The videos of one of an account's series (000, User.get_channel_videos_series).

        ``order`` is ``desc`` for the series' own, ``asc`` for the other way round.
        """
        return await self._client.ask(
            e.SERIES_VIDEOS,
            s.SeriesVideos,
            mid=mid,
            series_id=series,
            sort=order,
            pn=page,
            ps=size,
        )

    def iter_series_videos(
        self, mid: int, series: int, *, order: Order = "desc", size: int = 100
    ) -> AsyncIterator[s.ChannelVideo]:
        """Every video of a series, page after page; as ``series_videos``."""
        return self._client.items(
            e.SERIES_VIDEOS, s.ChannelVideo, mid=mid, series_id=series, sort=order, ps=size
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
        """An account's audios (000, User.get_audios)."""
        return await self._client.ask(e.AUDIOS, s.AudioPage, uid=mid, order=order, pn=page, ps=size)

    def iter_audios(
        self,
        mid: int,
        *,
        order: enums.AudioOrder | int = enums.AudioOrder.PUBDATE,
        size: int = 30,
    ) -> AsyncIterator[s.Audio]:
        """Every audio, page after page; as ``audios``."""
        return self._client.items(e.AUDIOS, s.Audio, uid=mid, order=order, ps=size)

    async def articles(
        self,
        mid: int,
        *,
        order: enums.ArticleOrder | str = enums.ArticleOrder.PUBDATE,
        page: int = 1,
        size: int = 30,
    ) -> s.ArticlePage:
        """An account's articles (000, User.get_articles). ``size`` is 30 at most."""
        return await self._client.ask(
            e.ARTICLES, s.ArticlePage, mid=mid, sort=order, pn=page, ps=size
        )

    def iter_articles(
        self,
        mid: int,
        *,
        order: enums.ArticleOrder | str = enums.ArticleOrder.PUBDATE,
        size: int = 30,
    ) -> AsyncIterator[s.Article]:
        """Every article, page after page; as ``articles``."""
        return self._client.items(e.ARTICLES, s.Article, mid=mid, sort=order, ps=size)

    async def article_lists(
        self, mid: int, *, order: enums.ArticleListOrder | int = enums.ArticleListOrder.LATEST
    ) -> s.ArticleLists:
        """The lists that an account keeps its articles in (000, User.get_article_list)."""
        return await self._client.ask(e.ARTICLE_LISTS, s.ArticleLists, mid=mid, sort=order)

    async def albums(
        self,
        mid: int,
        *,
        biz: enums.AlbumType | str = enums.AlbumType.ALL,
        page: int = 1,
        size: int = 30,
    ) -> s.AlbumPage:
        """An account's albums (000, User.get_album). Deprecated: the documents' host gave it up."""
        return await self._client.ask(
            e.ALBUMS, s.AlbumPage, uid=mid, biz=biz, page_num=page, page_size=size
        )

    def iter_albums(
        self, mid: int, *, biz: enums.AlbumType | str = enums.AlbumType.ALL, size: int = 30
    ) -> AsyncIterator[s.Album]:
        """Every album, page after page; as ``albums``."""
        return self._client.items(e.ALBUMS, s.Album, uid=mid, biz=biz, page_size=size)

    async def courses(self, mid: int, *, page: int = 1, size: int = 20) -> s.CoursePage:
        """An account's courses (000, User.get_cheese). Raises ``HiddenByPrivacy``."""
        return await self._client.ask(e.COURSES, s.CoursePage, mid=mid, pn=page, ps=size)

    def iter_courses(self, mid: int, *, size: int = 20) -> AsyncIterator[s.Course]:
        """Every course, page after page; as ``courses``."""
        return self._client.items(e.COURSES, s.Course, mid=mid, ps=size)

    # The feed

    async def dynamics(self, mid: int, *, offset: str = "") -> s.DynamicPage:
        """An account's dynamics, the newest first (000, User.get_dynamics_new)."""
        return await self._client.ask(e.DYNAMICS, s.DynamicPage, host_mid=mid, offset=offset)

    def iter_dynamics(self, mid: int) -> AsyncIterator[s.Dynamic]:
        """Every dynamic, run after run; as ``dynamics``."""
        return self._client.items(e.DYNAMICS, s.Dynamic, host_mid=mid)

    async def old_dynamics(
        self, mid: int, *, offset: int = 0, need_top: bool = False
    ) -> s.OldDynamicPage:
        """An account's dynamics in the shape of older clients (000, User.get_dynamics).

        ``need_top`` puts the pinned one before all others.
        """
        return await self._client.ask(
            e.OLD_DYNAMICS,
            s.OldDynamicPage,
            host_uid=mid,
            offset_dynamic_id=offset,
            need_top=need_top,
        )

    def iter_old_dynamics(self, mid: int, *, need_top: bool = False) -> AsyncIterator[s.OldDynamic]:
        """Every dynamic in that shape, run after run; as ``old_dynamics``."""
        return self._client.items(e.OLD_DYNAMICS, s.OldDynamic, host_uid=mid, need_top=need_top)

    async def opus(
        self, mid: int, *, type: enums.OpusType | str = enums.OpusType.ALL, offset: str = ""
    ) -> s.OpusPage:
        """An account's picture posts, the newest first (000, User.get_opus)."""
        return await self._client.ask(e.OPUS, s.OpusPage, host_mid=mid, offset=offset, type=type)

    def iter_opus(
        self, mid: int, *, type: enums.OpusType | str = enums.OpusType.ALL
    ) -> AsyncIterator[s.Opus]:
        """Every picture post, run after run; as ``opus``."""
        return self._client.items(e.OPUS, s.Opus, host_mid=mid, type=type)
