"""The part of ``User`` that is about works: videos, channels, articles, audios, courses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import (
    AlbumType,
    ArticleListOrder,
    ArticleOrder,
    AudioOrder,
    ChannelOrder,
    ChannelSeriesType,
    MedialistOrder,
    VideoOrder,
)
from guanxi.contract.errors import AnswerException
from guanxi.sdk import answers
from guanxi.user._about import About
from guanxi.user._channels import ChannelSeries, known

if TYPE_CHECKING:
    from guanxi.user._shapes import (
        AlbumPage,
        ArticleLists,
        ArticlePage,
        AudioPage,
        ChannelPage,
        ChosenVideo,
        CoursePage,
        MediaList,
        SeasonVideos,
        SeriesVideos,
        VideoPage,
    )

#: The largest page of channels that newer servers give.
_CHANNELS = 20


class Works(About):
    """What the user made."""

    async def get_videos(
        self,
        tid: int = 0,
        pn: int = 1,
        ps: int = 30,
        keyword: str = "",
        order: VideoOrder = VideoOrder.PUBDATE,
    ) -> VideoPage:
        """The user's videos (000, get_videos).

        Args:
            tid: of this partition, 0 for all.
            pn: page, from 1.
            ps: items a page, 1 to 100.
            keyword: whose title holds it; empty for all.
            order: newest, most played or most kept first.
        """
        page: VideoPage = await self._call(
            e.VIDEOS,
            {
                "mid": self._uid,
                "ps": ps,
                "tid": tid,
                "pn": pn,
                "keyword": keyword,
                "order": order,
            },
        )
        return page

    async def get_media_list(
        self,
        oid: int | None = None,
        ps: int = 20,
        direction: bool = False,
        desc: bool = True,
        sort_field: MedialistOrder = MedialistOrder.PUBDATE,
        tid: int = 0,
        with_current: bool = False,
    ) -> MediaList:
        """The user's videos as a list to play (000, get_media_list).

        Args:
            oid: the aid to go on from; None for the head of the list.
            ps: items, 1 to 100.
            direction: True towards the end of the list, False towards its head.
            desc: the largest first.
            sort_field: by date, plays or favourites.
            tid: of this partition, 0 for all.
            with_current: with the one that it goes on from.
        """
        run: MediaList = await self._call(
            e.MEDIA_LIST,
            {
                "biz_id": self._uid,
                "oid": oid,
                "ps": ps,
                "direction": direction,
                "desc": desc,
                "sort_field": sort_field,
                "tid": tid,
                "with_current": with_current,
            },
        )
        return run

    async def get_top_videos(self) -> ChosenVideo:
        """The video that the user pinned (000, get_top_videos). Raises ``NoTopVideo``."""
        video: ChosenVideo = await self._call(e.TOP_VIDEO, {"vmid": self._uid})
        return video

    async def get_masterpiece(self) -> list[ChosenVideo]:
        """Up to three videos that the user is proud of (000, get_masterpiece)."""
        videos: list[ChosenVideo] = await self._call(e.MASTERPIECES, {"vmid": self._uid})
        return videos

    async def get_audios(
        self, order: AudioOrder = AudioOrder.PUBDATE, pn: int = 1, ps: int = 30
    ) -> AudioPage:
        """The user's audios (000, get_audios).

        Args:
            order: newest, most played or most kept first.
            pn: page, from 1.
            ps: items a page, 1 to 100.
        """
        page: AudioPage = await self._call(
            e.AUDIOS, {"uid": self._uid, "ps": ps, "pn": pn, "order": order}
        )
        return page

    async def get_articles(
        self, pn: int = 1, order: ArticleOrder = ArticleOrder.PUBDATE, ps: int = 30
    ) -> ArticlePage:
        """The user's articles (000, get_articles).

        Args:
            pn: page, from 1.
            order: newest, most kept or most read first.
            ps: items a page, 1 to 30.
        """
        page: ArticlePage = await self._call(
            e.ARTICLES, {"mid": self._uid, "ps": ps, "pn": pn, "sort": order}
        )
        return page

    async def get_article_list(
        self, order: ArticleListOrder = ArticleListOrder.LATEST
    ) -> ArticleLists:
        """The lists that the user keeps articles in (000, get_article_list).

        ``order`` is last updated or most read first.
        """
        lists: ArticleLists = await self._call(e.ARTICLE_LISTS, {"mid": self._uid, "sort": order})
        return lists

    async def get_album(
        self, biz: AlbumType = AlbumType.ALL, page_num: int = 1, page_size: int = 30
    ) -> AlbumPage:
        """The user's albums (000, get_album). Deprecated: the documents' host gave them up.

        Args:
            biz: which albums.
            page_num: page, from 1.
            page_size: items a page, 1 to 100.
        """
        page: AlbumPage = await self._call(
            e.ALBUMS,
            {"uid": self._uid, "page_num": page_num, "page_size": page_size, "biz": biz},
        )
        return page

    async def get_cheese(self) -> CoursePage:
        """The user's courses, the first 20 (000, get_cheese). Raises ``HiddenByPrivacy``."""
        page: CoursePage = await self._call(e.COURSES, {"mid": self._uid})
        return page

    async def get_channel_list(self) -> ChannelPage:
        """All the user's channels, seasons and series apart (000, get_channel_list).

        It is the first page with the channels of the others joined to it.
        """
        whole = await self._channel_page(1)
        lists = whole["items_lists"]
        pages = -(-lists["page"]["total"] // _CHANNELS)
        for number in range(2, pages + 1):
            more = (await self._channel_page(number))["items_lists"]
            if not (more["seasons_list"] or more["series_list"]):
                break
            lists["seasons_list"] += more["seasons_list"]
            lists["series_list"] += more["series_list"]
        lists["page"]["page_size"] = len(lists["seasons_list"]) + len(lists["series_list"])
        return whole

    async def _channel_page(self, number: int) -> ChannelPage:
        page: ChannelPage = await self._call(
            e.CHANNELS, {"mid": self._uid, "page_num": number, "page_size": _CHANNELS}
        )
        lists = answers.at(page, "items_lists")
        for place, kind in (("seasons_list", list), ("series_list", list), ("page.total", int)):
            if not isinstance(answers.at(lists, place), kind):
                where = f"$.data.items_lists.{place}"
                raise AnswerException("not as declared", path=where, endpoint=e.CHANNELS.name)
        return page

    async def get_channels(self) -> list[ChannelSeries]:
        """All the user's channels, seasons before series, each with its ``meta`` (000)."""
        lists = (await self.get_channel_list())["items_lists"]
        seasons = [self._channel(ChannelSeriesType.SEASON, one) for one in lists["seasons_list"]]
        return seasons + [
            self._channel(ChannelSeriesType.SERIES, one) for one in lists["series_list"]
        ]

    def _channel(self, type_: ChannelSeriesType, item: Any) -> ChannelSeries:
        id_ = answers.at(item, f"meta.{type_.name.lower()}_id")
        if not isinstance(id_, int):
            where = "$.data.items_lists[...].meta"
            raise AnswerException("a channel has no id", path=where, endpoint=e.CHANNELS.name)
        return known(self._uid, type_, id_, self._credential, item["meta"])

    async def get_channel_videos_season(
        self,
        sid: int,
        sort: ChannelOrder = ChannelOrder.DEFAULT,
        pn: int = 1,
        ps: int = 100,
    ) -> SeasonVideos:
        """The videos of one of the user's seasons (000, get_channel_videos_season).

        Args:
            sid: the season's id.
            sort: in its own order, or the other way round.
            pn: page, from 1.
            ps: items a page, 1 to 100.
        """
        page: SeasonVideos = await self._call(
            e.SEASON_VIDEOS,
            {
                "mid": self._uid,
                "season_id": sid,
                "sort_reverse": sort,
                "page_num": pn,
                "page_size": ps,
            },
        )
        return page

    async def get_channel_videos_series(
        self,
        sid: int,
        sort: ChannelOrder = ChannelOrder.DEFAULT,
        pn: int = 1,
        ps: int = 100,
    ) -> SeriesVideos:
        """The videos of one of the user's series (000, get_channel_videos_series).

        Args:
            sid: the series' id.
            sort: in its own order, or the other way round.
            pn: page, from 1.
            ps: items a page, 1 to 100.
        """
        try:
            direction = "desc" if ChannelOrder(sort) is ChannelOrder.DEFAULT else "asc"
        except ValueError:
            raise ValueError(f"sort: {sort!r} is no ChannelOrder") from None
        page: SeriesVideos = await self._call(
            e.SERIES_VIDEOS,
            {"mid": self._uid, "series_id": sid, "pn": pn, "ps": ps, "sort": direction},
        )
        return page
