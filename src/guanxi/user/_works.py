"""The part of ``User`` for works: videos, channels, articles, audios, courses."""

from __future__ import annotations

from typing import Any

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
from guanxi.contract.errors import AnswerException, ArgsException, ListIncomplete
from guanxi.sdk import answers
from guanxi.sdk.tallied import check_whole
from guanxi.user import _clients
from guanxi.user import _types as t
from guanxi.user._about import About
from guanxi.user._channels import ChannelSeries, known
from guanxi.user._order import in_either_order

#: The largest page size of channels that newer servers allow.
_CHANNEL_PAGE_SIZE = 20


class Works(About):
    """Methods for what the user published."""

    async def get_videos(
        self,
        tid: int = 0,
        pn: int = 1,
        ps: int = 30,
        keyword: str = "",
        order: VideoOrder = VideoOrder.PUBDATE,
    ) -> t.VideoPage:
        """Return one page of the user's videos (000).

        Args:
            tid: only videos of this partition; 0 for all.
            pn: page, from 1.
            ps: items per page, 1 to 100.
            keyword: only videos with this text in the title, in any case; at most 200 characters,
                empty for all.
            order: newest, most played or most favourited first.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.VideoPage = await self._call_endpoint(
            e.VIDEOS,
            {
                "mid": self.uid,
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
    ) -> t.MediaList:
        """Return one page of the user's videos as a playlist, in its order (000).

        Args:
            oid: the aid of the user's video to page from; None for the first page.
            ps: items per page, 1 to 100, not counting ``oid``.
            direction: True for the videos after ``oid``, False for those before it; ignored without
                ``oid``.
            desc: True for the newest, most played or most favourited first, False for them last.
            sort_field: sort by date, plays or favourites.
            tid: only videos of this partition; 0 for all.
            with_current: True to include the video ``oid`` too.

        Raises ``BadRequest`` if ``oid`` is not a video of the user, or another ``ApiException``;
        ``ValueError`` for an invalid argument.
        """
        page: t.MediaList = await self._call_endpoint(
            e.MEDIA_LIST,
            {
                "biz_id": self.uid,
                "oid": oid,
                "ps": ps,
                "direction": direction,
                "desc": desc,
                "sort_field": sort_field,
                "tid": tid,
                "with_current": with_current,
            },
        )
        return page

    async def get_top_videos(self) -> t.ChosenVideo:
        """Return the user's pinned video (000).

        Raises ``NoTopVideo`` if there is none, or another ``ApiException``.
        """
        video: t.ChosenVideo = await self._call_endpoint(e.TOP_VIDEO, {"vmid": self.uid})
        return video

    async def get_masterpiece(self) -> list[t.ChosenVideo]:
        """Return up to three masterpieces that the user chose, in the user's order (000).

        Raises ``ApiException``.
        """
        videos: list[t.ChosenVideo] = await self._call_endpoint(e.MASTERPIECES, {"vmid": self.uid})
        return videos

    async def get_audios(
        self, order: AudioOrder = AudioOrder.PUBDATE, pn: int = 1, ps: int = 30
    ) -> t.AudioPage:
        """Return one page of the user's audios (000).

        Args:
            order: newest, most played or most favourited first.
            pn: page, from 1.
            ps: items per page, 1 to 100.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.AudioPage = await self._call_endpoint(
            e.AUDIOS, {"uid": self.uid, "ps": ps, "pn": pn, "order": order}
        )
        return page

    @in_either_order
    async def get_articles(
        self, pn: int = 1, order: ArticleOrder = ArticleOrder.PUBDATE, ps: int = 30
    ) -> t.ArticlePage:
        """Return one page of the user's articles (000).

        The documents' order of positional arguments, ``order`` first, is accepted too.

        Args:
            pn: page, from 1.
            order: newest, most favourited or most read first.
            ps: items per page, 1 to 30.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.ArticlePage = await self._call_endpoint(
            e.ARTICLES, {"mid": self.uid, "ps": ps, "pn": pn, "sort": order}
        )
        return page

    async def get_article_list(
        self, order: ArticleListOrder = ArticleListOrder.LATEST
    ) -> t.ArticleLists:
        """Return all article collections of the user (000).

        ``order`` is last updated or most read first. Raises ``ListIncomplete`` if the server
        returns fewer than there are, or another ``ApiException``.
        """
        lists: t.ArticleLists = await self._call_endpoint(
            e.ARTICLE_LISTS, {"mid": self.uid, "sort": order}
        )
        check_whole(lists, e.ARTICLE_LISTS)
        return lists

    async def get_album(
        self, biz: AlbumType = AlbumType.ALL, page_num: int = 1, page_size: int = 30
    ) -> t.AlbumPage:
        """Return one page of the user's albums, newest first (000).

        Deprecated: the documents' host has withdrawn it.

        Args:
            biz: all, drawings, photos or daily life.
            page_num: page, from 1; past the end it is empty.
            page_size: items per page, 1 to 100.

        Raises ``ApiException``, or ``ValueError`` for bad arguments.
        """
        page: t.AlbumPage = await self._call_endpoint(
            e.ALBUMS,
            {"uid": self.uid, "page_num": page_num, "page_size": page_size, "biz": biz},
        )
        return page

    async def get_cheese(self) -> t.CoursePage:
        """Return all courses of the user, newest first (000).

        The result has the form of one page with the courses of all pages in it. Raises
        ``HiddenByPrivacy`` if the user hides them, ``ListIncomplete`` if the server shows fewer
        than there are, or another ``ApiException``.
        """
        data, items = await _clients.whole(e.COURSES, {"mid": self.uid}, self._given_credential)
        data["items"] = items
        if answers.at(data, "page.next"):
            data["page"] |= {"size": len(items), "next": False}
        courses: t.CoursePage = data
        return courses

    async def get_channel_list(self, pn: int | None = None, ps: int | None = None) -> t.ChannelPage:
        """Return all channels of the user, or one page, seasons and series in two lists (000).

        Without arguments, as in the documents, the result has the form of the first page, with the
        channels of all pages in it. Each argument selects one page, as release 17.4.2 of the
        published package does.

        Args:
            pn: page, from 1; None with a ``ps`` for the first.
            ps: items per page, 1 to 10,000 (other servers: at most 20); None with a ``pn`` for 20.

        Raises ``AnswerException`` if a page lacks its lists or its total, ``ListIncomplete`` if the
        server shows fewer than there are, or another ``ApiException``; ``ValueError`` for bad
        arguments.
        """
        if pn is not None or ps is not None:
            return await self._channel_page(
                1 if pn is None else pn, _CHANNEL_PAGE_SIZE if ps is None else ps
            )
        whole = await self._channel_page(1, _CHANNEL_PAGE_SIZE)
        lists = more = whole["items_lists"]
        pages = -(-lists["page"]["total"] // _CHANNEL_PAGE_SIZE)
        for number in range(2, pages + 1):
            more = (await self._channel_page(number, _CHANNEL_PAGE_SIZE))["items_lists"]
            if not (more["seasons_list"] or more["series_list"]):
                break
            lists["seasons_list"] += more["seasons_list"]
            lists["series_list"] += more["series_list"]
        found = lists["seasons_list"] + lists["series_list"]
        if len(found) < min(lists["page"]["total"], more["page"]["total"]):
            raise ListIncomplete(found, lists["page"]["total"], cut=True, endpoint=e.CHANNELS.name)
        lists["page"]["page_size"] = len(found)
        return whole

    async def _channel_page(self, number: int, size: int) -> t.ChannelPage:
        page: t.ChannelPage = await self._call_endpoint(
            e.CHANNELS, {"mid": self.uid, "page_num": number, "page_size": size}
        )
        lists = answers.at(page, "items_lists")
        for name, kind in (("seasons_list", list), ("series_list", list), ("page.total", int)):
            if not isinstance(answers.at(lists, name), kind):
                where = f"$.data.items_lists.{name}"
                raise AnswerException(
                    "the value is missing or has the wrong type",
                    path=where,
                    endpoint=e.CHANNELS.name,
                )
        return page

    async def get_channels(self) -> list[ChannelSeries]:
        """Return all channels of the user, seasons before series, each with its ``meta`` (000).

        Raises ``AnswerException`` if a page lacks its lists or its total, or if a channel has no
        integer id; another ``ApiException``.
        """
        lists = (await self.get_channel_list())["items_lists"]
        seasons = [self._channel(ChannelSeriesType.SEASON, item) for item in lists["seasons_list"]]
        return seasons + [
            self._channel(ChannelSeriesType.SERIES, item) for item in lists["series_list"]
        ]

    def _channel(self, type_: ChannelSeriesType, item: Any) -> ChannelSeries:
        id_ = answers.at(item, f"meta.{type_.name.lower()}_id")
        if not isinstance(id_, int):
            where = "$.data.items_lists[...].meta"
            raise AnswerException(
                "a channel has no integer id", path=where, endpoint=e.CHANNELS.name
            )
        return known(self.uid, type_, id_, self._given_credential, item["meta"])

    async def get_channel_videos_season(
        self,
        sid: int,
        sort: ChannelOrder = ChannelOrder.DEFAULT,
        pn: int = 1,
        ps: int = 100,
    ) -> t.SeasonVideos:
        """Return one page of the videos of one of the user's seasons (000).

        Args:
            sid: the season's id.
            sort: the season's own order, or its reverse.
            pn: page, from 1.
            ps: items per page, 1 to 100.

        Deleted videos are in ``aids`` only. Raises ``BadRequest`` if the user has no such season,
        or another ``ApiException``; ``ValueError`` for an invalid argument.
        """
        page: t.SeasonVideos = await self._call_endpoint(
            e.SEASON_VIDEOS,
            {
                "mid": self.uid,
                "season_id": sid,
                "sort_reverse": sort,
                "page_num": pn,
                "page_size": ps,
            },
        )
        return page

    @in_either_order
    async def get_channel_videos_series(
        self,
        sid: int,
        sort: ChannelOrder = ChannelOrder.DEFAULT,
        pn: int = 1,
        ps: int = 100,
    ) -> t.SeriesVideos:
        """Return one page of the videos of one of the user's series (000).

        The documents' positional arguments, without ``sort``, are accepted too.

        Args:
            sid: the series' id.
            sort: the series' own order, or its reverse.
            pn: page, from 1.
            ps: items per page, 1 to 100.

        Deleted videos are in ``aids`` only. Raises ``BadRequest`` if the user has no such series,
        or another ``ApiException``; ``ValueError`` for an invalid argument.
        """
        try:
            direction = "desc" if ChannelOrder(sort) is ChannelOrder.DEFAULT else "asc"
        except ValueError:
            raise ArgsException(f"sort: {sort!r} is not a ChannelOrder") from None
        page: t.SeriesVideos = await self._call_endpoint(
            e.SERIES_VIDEOS,
            {"mid": self.uid, "series_id": sid, "pn": pn, "ps": ps, "sort": direction},
        )
        return page
