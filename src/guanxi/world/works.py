"""Content of a space other than videos and dynamics: works, follows, medals, reservations."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from guanxi.contract import structs as s
from guanxi.contract.enums import ArticleListOrder, ArticleOrder, AudioOrder, BangumiType
from guanxi.world.kind import Kind


class Album(Struct, frozen=True):
    """An album and its type."""

    album: s.Album
    biz: Literal["draw", "photo", "daily"] = "daily"


class BangumiFollow(Struct, frozen=True):
    """A bangumi or drama that an account follows, since a Unix time, and its type."""

    bangumi: s.Bangumi
    since: int = 0
    type: BangumiType = BangumiType.BANGUMI


class TagFollow(Struct, frozen=True):
    """A tag that an account follows, since a Unix time."""

    tag: s.Tag
    since: int = 0


class Support(Struct, frozen=True):
    """A supporter of an account this month. Name and face are read from the supporter's card."""

    mid: int
    #: From 1.
    rank: int = 1
    message: str = ""
    #: Whether responses omit the message.
    hidden: bool = False


#: An owner's audios. Responses read ``uname`` from the card.
AUDIO = Kind(
    name="audio",
    body=s.Audio,
    id=lambda audio: audio.id,
    keys={
        "time": lambda audio: audio.passtime,
        "play": lambda audio: audio.statistic.play,
        "collect": lambda audio: audio.statistic.collect,
    },
)
#: An owner's articles. The stored ``author`` stays empty: responses read it from the card.
ARTICLE = Kind(
    name="article",
    body=s.Article,
    id=lambda article: article.id,
    keys={
        "time": lambda article: article.publish_time,
        "view": lambda article: article.stats.view,
        "favorite": lambda article: article.stats.favorite,
        "like": lambda article: article.stats.like,
    },
)
ARTICLE_LIST = Kind(
    name="article_list",
    body=s.ArticleList,
    id=lambda articles: articles.id,
    keys={"time": lambda articles: articles.update_time, "read": lambda articles: articles.read},
)
ALBUM = Kind(
    name="album",
    body=Album,
    id=lambda document: document.album.id,
    keys={"time": lambda document: document.album.ctime},
    filters={"biz": lambda document: document.biz},
)
#: Courses have no time: the newest has the highest id.
COURSE = Kind(
    name="course",
    body=s.Course,
    id=lambda course: course.id,
    keys={"id": lambda course: course.id},
)
BANGUMI = Kind(
    name="bangumi",
    body=BangumiFollow,
    id=lambda follow: follow.bangumi.id,
    keys={"since": lambda follow: follow.since},
    filters={
        "type": lambda follow: follow.type.value,
        "status": lambda follow: follow.bangumi.follow_status,
    },
)
TAG = Kind(
    name="tag",
    body=TagFollow,
    id=lambda follow: follow.tag.id,
    keys={"since": lambda follow: follow.since},
)
#: Fan medals that the owner has. The key sorts by level, then by points (intimacy).
MEDAL = Kind(
    name="medal",
    body=s.Medal,
    id=lambda medal: medal.medal_info.medal_id,
    keys={"level": lambda medal: medal.medal_info.level << 32 | medal.medal_info.intimacy},
)
RESERVATION = Kind(
    name="reservation",
    body=s.Reservation,
    id=lambda reservation: reservation.id,
    keys={"time": lambda reservation: reservation.stime},
)
#: Supporters of the owner; ranks count up from 1.
SUPPORT = Kind(
    name="support",
    body=Support,
    id=lambda support: support.mid,
    keys={"rank": lambda support: support.rank},
)

#: The sort key of each order in the documentation; every order is descending.
AUDIO_KEYS = {
    AudioOrder.PUBDATE: "time",
    AudioOrder.VIEW: "play",
    AudioOrder.FAVORITE: "collect",
}
ARTICLE_KEYS = {
    ArticleOrder.PUBDATE: "time",
    ArticleOrder.VIEW: "view",
    ArticleOrder.FAVORITE: "favorite",
}
ARTICLE_LIST_KEYS = {ArticleListOrder.LATEST: "time", ArticleListOrder.VIEW: "read"}
