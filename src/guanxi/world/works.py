"""What a space holds besides videos and dynamics: works, what it follows, what it announces."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from guanxi.contract import structs as s
from guanxi.contract.enums import ArticleListOrder, ArticleOrder, AudioOrder, BangumiType
from guanxi.world.kind import Kind


class Album(Struct, frozen=True):
    """An album, and which kind it is."""

    album: s.Album
    biz: Literal["draw", "photo", "daily"] = "daily"


class BangumiFollow(Struct, frozen=True):
    """A series that an account follows, since when, and which kind it is."""

    bangumi: s.Bangumi
    since: int = 0
    type: BangumiType = BangumiType.BANGUMI


class TagFollow(Struct, frozen=True):
    """A tag that an account follows, and since when."""

    tag: s.Tag
    since: int = 0


class Support(Struct, frozen=True):
    """Who supported an account this month. Name and face are told from the card."""

    mid: int
    #: From 1.
    rank: int = 1
    message: str = ""
    hidden: bool = False


#: An owner's audios. ``uname`` is told from the card.
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
#: An owner's articles. ``author`` is left empty in what is kept: it is told from the card.
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
    id=lambda one: one.id,
    keys={"time": lambda one: one.update_time, "read": lambda one: one.read},
)
ALBUM = Kind(
    name="album",
    body=Album,
    id=lambda one: one.album.id,
    keys={"time": lambda one: one.album.ctime},
    filters={"biz": lambda one: one.biz},
)
#: Courses have no time of their own: the newest has the highest id.
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
#: Fan medals that the owner has; the one with most points of its level first.
MEDAL = Kind(
    name="medal",
    body=s.Medal,
    id=lambda medal: medal.medal_info.medal_id,
    keys={"level": lambda medal: medal.medal_info.level << 32 | medal.medal_info.intimacy},
)
RESERVATION = Kind(
    name="reservation",
    body=s.Reservation,
    id=lambda one: one.id,
    keys={"time": lambda one: one.stime},
)
#: Supporters of the owner, by rank from the lowest number up.
SUPPORT = Kind(
    name="support",
    body=Support,
    id=lambda support: support.mid,
    keys={"rank": lambda support: support.rank},
)

#: Which key each order of the documents goes by; all from the highest down.
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
