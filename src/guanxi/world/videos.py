"""Videos and channels (seasons and series): their documents, and a video's shapes on the wire."""

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
    """A video that an account features: its top video or a masterpiece, with its reason."""

    aid: int
    reason: str = ""
    #: The position among the masterpieces, from 0.
    place: int = 0


class Season(Struct, frozen=True):
    """A season and the aids of its videos, in its order. Responses compute ``meta.total``."""

    meta: s.SeasonMeta
    aids: tuple[int, ...] = ()


class Series(Struct, frozen=True):
    """A series and the aids of its videos, in its order. Responses compute ``meta.total``."""

    meta: s.SeriesMeta
    aids: tuple[int, ...] = ()


#: An owner's videos. The stored ``owner`` stays empty: responses read it from the card.
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
    id=lambda masterpiece: masterpiece.aid,
    keys={"place": lambda masterpiece: masterpiece.place},
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

#: The sort key of each order in the documentation; every order is descending.
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
#: Names of partitions (分区) by tid; incomplete.
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
#: How many of its first videos a channel shows in the list of channels.
RECENT = 5


def bvid(video: s.Video) -> str:
    """Return the video's stored bvid, or the one computed from its aid."""
    return video.bvid or bvid_of(video.aid)


def chosen_video(video: s.Video, author: s.Author, reason: str) -> s.ChosenVideo:
    """Return the video, with its author, as a top video or masterpiece, with its owner's reason."""
    return s.ChosenVideo(**_fields_with_author(video, author), reason=reason)


def toview_item(video: s.Video, author: s.Author, *, added: int, progress: int) -> s.ToviewVideo:
    """Return the video as an item of the watch-later list, with its author.

    ``added`` is the Unix time at which it was added, ``progress`` the seconds watched, -1 for all.
    """
    return s.ToviewVideo(
        **_fields_with_author(video, author),
        page=first_part(video),
        count=video.videos,
        progress=progress,
        add_at=added,
    )


def first_part(video: s.Video) -> s.VideoPart:
    """Return the first part (分P) of a video, from the video's own cid, title and duration."""
    return s.VideoPart(
        cid=video.cid, part=video.title, duration=video.duration, dimension=video.dimension
    )


def list_item(video: s.Video, author: s.Author) -> s.VideoMeta:
    """Return the video as an item of the list of videos in a space."""
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


def media_item(video: s.Video, author: s.Author, index: int) -> s.MediaItem:
    """Return the video as an item of a media list; ``index`` is its index on the page, from 0."""
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


def channel_video(video: s.Video) -> s.ChannelVideo:
    """Return the video as an item of a channel."""
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


def type_counts(counts: Mapping[Value, int]) -> dict[str, s.VideoType] | None:
    """Return the number of videos in each partition, with its name, by tid as text.

    ``counts`` is by tid. An unknown partition has the name ""; None if ``counts`` is empty.
    """
    return {
        str(tid): s.VideoType(int(tid), count, TYPES.get(int(tid), ""))
        for tid, count in counts.items()
    } or None


def _fields_with_author(video: s.Video, author: s.Author) -> dict[str, Any]:
    return asdict(video) | {"owner": author, "bvid": bvid(video)}
