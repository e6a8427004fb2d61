"""The enums of the documented module, with their values on the wire.

Documents 000 and 001 name the members; the values are section 3 of the wire catalogue.
"""

from __future__ import annotations

from enum import Enum


class AlbumType(Enum):
    """Which albums: all, drawings, photography, daily life."""

    ALL = "all"
    DRAW = "draw"
    PHOTO = "photo"
    DAILY = "daily"


class ArticleListOrder(Enum):
    """The order of article lists: last updated or most read first."""

    LATEST = 0
    VIEW = 1


class ArticleOrder(Enum):
    """The order of articles: newest, most favourited or most read first."""

    PUBDATE = "publish_time"
    FAVORITE = "fav"
    VIEW = "view"


class AudioOrder(Enum):
    """The order of audios: newest, most played or most favourited first."""

    PUBDATE = 1
    VIEW = 2
    FAVORITE = 3


class BangumiFollowStatus(Enum):
    """The state of a followed series: any, wanted, being watched, watched."""

    ALL = 0
    WANT = 1
    WATCHING = 2
    WATCHED = 3


class BangumiType(Enum):
    """Which series: anime, or drama, documentaries and the like."""

    BANGUMI = 1
    DRAMA = 2


class ChannelOrder(Enum):
    """The order of a channel's videos: its own, or reversed."""

    DEFAULT = "false"
    CHANGE = "true"


class ChannelSeriesType(Enum):
    """The two kinds of channel: the older series (列表) and the newer season (合集)."""

    SERIES = 0
    SEASON = 1


class HistoryBusinessType(Enum):
    """The content type of a history entry: video, series, live room, article list, article."""

    archive = "archive"
    pgc = "pgc"
    live = "live"
    article_list = "article-list"
    article = "article"


class HistoryType(Enum):
    """Which part of the history: all of it, videos, live rooms, articles."""

    ALL = "all"
    archive = "archive"
    live = "live"
    article = "article"


class MedialistOrder(Enum):
    """The sort key of a media list: upload date, plays, favourites."""

    PUBDATE = 1
    PLAY = 2
    COLLECT = 3


class OpusType(Enum):
    """Which picture posts: all, those of articles, the others. Only in document 000."""

    ALL = "all"
    ARTICLE = "article"
    DYNAMIC = "dynamic"


class OrderType(Enum):
    """The order of a list of followings: newest first, oldest first."""

    desc = "desc"
    asc = "asc"


class RelationType(Enum):
    """A change of the caller's relation to an account.

    ``SUBSCRIBE_SECRETLY`` is deprecated: both documents call it defunct, and servers answer -400.
    """

    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    SUBSCRIBE_SECRETLY = 3
    BLOCK = 5
    UNBLOCK = 6
    REMOVE_FANS = 7


class VideoOrder(Enum):
    """The order of videos: newest, most favourited or most played first."""

    PUBDATE = "pubdate"
    FAVORITE = "stow"
    VIEW = "click"
