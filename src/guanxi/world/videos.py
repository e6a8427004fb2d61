"""Videos, the channels that hold them, and the shapes in which they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from guanxi.contract import structs as s
from guanxi.contract.enums import MedialistOrder, VideoOrder
from guanxi.contract.ids import bvid_of
from guanxi.world import clock
from guanxi.world.kind import Kind, Value


class Chosen(Struct, frozen=True):
    """One of an account's own videos that it put in front, and why."""

    aid: int
    reason: str = ""
    #: Among the masterpieces, from 0.
    place: int = 0


class Season(Struct, frozen=True):
    """A season with its videos, in its own order. ``meta.total`` is told as their count."""

    meta: s.SeasonMeta
    aids: tuple[int, ...] = ()


class Series(Struct, frozen=True):
    """A series with its videos, in its own order. ``meta.total`` is told as their count."""

    meta: s.SeriesMeta
    aids: tuple[int, ...] = ()


#: An owner's videos. ``owner`` is left empty in what is kept: it is told from the card.
VIDEO = Kind(
    name="video",
    body=s.Video,
    id=lambda video: video.aid,
    keys={
        "pubdate": lambda video: video.pubdate,
        "view": lambda video: video.stat.view,
        "favorite": lambda video: video.stat.favorite,
        "like": lambda video: video.stat.like,
    },
    filters={"tid": lambda video: video.tid},
    text=lambda video: video.title,
    unique=True,
)
TOP_VIDEO = Kind(name="top_video", body=Chosen)
MASTERPIECE = Kind(
    name="masterpiece",
    body=Chosen,
    id=lambda chosen: chosen.aid,
    keys={"place": lambda chosen: chosen.place},
)
SEASON = Kind(
    name="season",
    body=Season,
    id=lambda season: season.meta.id,
    keys={"time": lambda season: season.meta.ptime},
    unique=True,
)
SERIES = Kind(
    name="series",
    body=Series,
    id=lambda series: series.meta.id,
    keys={"time": lambda series: series.meta.mtime},
    unique=True,
)

#: Which key each order of the documents goes by; all from the highest down.
VIDEO_KEYS = {
    VideoOrder.PUBDATE: "pubdate",
    VideoOrder.VIEW: "view",
    VideoOrder.FAVORITE: "favorite",
}
MEDIA_KEYS = {
    MedialistOrder.PUBDATE: "pubdate",
    MedialistOrder.PLAY: "view",
    MedialistOrder.COLLECT: "favorite",
}
#: Partitions by tid, as far as they are known here.
TYPES = {
    1: "动画",
    3: "音乐",
    4: "游戏",
    5: "娱乐",
    36: "知识",
    119: "鬼畜",
    129: "舞蹈",
    155: "时尚",
    160: "生活",
    181: "影视",
    188: "科技",
    211: "美食",
}
#: How many of its newest videos a channel shows in the list of channels.
RECENT = 5


def bvid(video: s.Video) -> str:
    """The video's bvid, made from its aid where none is kept."""
    return video.bvid or bvid_of(video.aid)


def told(video: s.Video, author: s.Author) -> s.Video:
    """The video whole, with its author and bvid."""
    return s.Video(**_fields(video, author))


def chosen(video: s.Video, author: s.Author, reason: str) -> s.ChosenVideo:
    """A video put in front, and why."""
    return s.ChosenVideo(**_fields(video, author), reason=reason)


def later(video: s.Video, author: s.Author, *, added: int, progress: int) -> s.ToviewVideo:
    """A video put by: when, and how far it was watched (seconds, -1 to the end)."""
    return s.ToviewVideo(
        **_fields(video, author),
        page=part(video),
        count=video.videos,
        progress=progress,
        add_at=added,
    )


def part(video: s.Video) -> s.VideoPart:
    """The first part of a video."""
    return s.VideoPart(
        cid=video.cid, part=video.title, duration=video.duration, dimension=video.dimension
    )


def listed(video: s.Video, author: s.Author) -> s.VideoMeta:
    """The video in the list of its space."""
    return s.VideoMeta(
        aid=video.aid,
        author=author.name,
        bvid=bvid(video),
        comment=video.stat.reply,
        copyright=str(video.copyright),
        created=video.pubdate,
        description=video.desc,
        is_union_video=video.rights.is_cooperation,
        length=clock.length(video.duration),
        mid=author.mid,
        pic=video.pic.removeprefix("https:"),
        play=video.stat.view,
        title=video.title,
        typeid=video.tid,
        video_review=video.stat.danmaku,
    )


def media(video: s.Video, author: s.Author, index: int) -> s.MediaItem:
    """The video in a media list, at an index from 0."""
    return s.MediaItem(
        id=video.aid,
        offset=index,
        index=index,
        intro=video.desc,
        tid=video.tid,
        copy_right=video.copyright,
        cnt_info=s.MediaCounts(video.stat.favorite, video.stat.view, video.stat.danmaku),
        cover=video.pic,
        duration=video.duration,
        pubtime=video.pubdate,
        page=video.videos,
        pages=[s.MediaPart(video.cid, video.title)],
        title=video.title,
        upper=author,
        link=f"bilibili://video/{video.aid}",
        bv_id=bvid(video),
        short_link=f"https://b23.tv/{bvid(video)}",
    )


def archive(video: s.Video) -> s.ChannelVideo:
    """The video in a channel."""
    return s.ChannelVideo(
        aid=video.aid,
        bvid=bvid(video),
        ctime=video.ctime,
        duration=video.duration,
        pic=video.pic,
        pubdate=video.pubdate,
        stat=s.ChannelVideoStat(video.stat.view),
        state=video.state,
        title=video.title,
        ugc_pay=video.rights.ugc_pay,
    )


def types(counts: Mapping[Value, int]) -> dict[str, s.VideoType] | None:
    """How many videos are in each partition, by tid as text; None where there are none."""
    return {
        str(tid): s.VideoType(int(tid), count, TYPES.get(int(tid), ""))
        for tid, count in counts.items()
    } or None


def _fields(video: s.Video, author: s.Author) -> dict[str, Any]:
    return asdict(video) | {"owner": author, "bvid": bvid(video)}
