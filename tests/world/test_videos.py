"""A video in each of its shapes on the wire."""

from __future__ import annotations

import msgspec

from guanxi.contract import structs as s
from guanxi.world import videos

AUTHOR = s.Author(2, "name", "face")
VIDEO = s.Video(
    aid=170001,
    tid=129,
    tname="舞蹈",
    videos=3,
    copyright=2,
    pic="https://i0.hdslb.com/1.jpg",
    title="title",
    desc="desc",
    pubdate=100,
    ctime=90,
    duration=125,
    cid=77,
    rights=s.VideoRights(is_cooperation=1, ugc_pay=1),
    stat=s.VideoStat(aid=170001, view=1, danmaku=2, reply=3, favorite=4, like=5),
    dimension=s.Dimension(1920, 1080),
)
BVID = "BV17x411w7KC"


def test_a_stored_bvid_is_not_computed() -> None:
    assert videos.bvid(msgspec.structs.replace(VIDEO, bvid="BV1own")) == "BV1own"


def test_chosen_video() -> None:
    chosen = videos.chosen_video(VIDEO, AUTHOR, "proud")
    assert (chosen.reason, chosen.owner, chosen.bvid) == ("proud", AUTHOR, BVID)
    for name in set(s.Video.__struct_fields__) - {"owner", "bvid"}:
        assert getattr(chosen, name) == getattr(VIDEO, name)
    assert VIDEO.owner is None, "the stored video must not be changed"


def test_toview_item() -> None:
    toview = videos.toview_item(VIDEO, AUTHOR, added=500, progress=-1)
    assert (toview.add_at, toview.progress, toview.count, toview.bvid) == (500, -1, 3, BVID)
    assert isinstance(toview.page, s.VideoPart)
    assert (toview.page.cid, toview.page.duration, toview.page.dimension.width) == (77, 125, 1920)


def test_list_item() -> None:
    assert videos.list_item(VIDEO, AUTHOR) == s.VideoMeta(
        aid=170001,
        author="name",
        bvid=BVID,
        comment=3,
        copyright="2",
        created=100,
        description="desc",
        is_union_video=1,
        length="02:05",
        mid=2,
        pic="//i0.hdslb.com/1.jpg",
        play=1,
        title="title",
        typeid=129,
        video_review=2,
    )


def test_media_item() -> None:
    item = videos.media_item(VIDEO, AUTHOR, 6)
    assert (item.id, item.index, item.bv_id, item.upper) == (170001, 6, BVID, AUTHOR)
    assert item.cnt_info == s.MediaCounts(collect=4, play=1, danmaku=2)
    assert item.pages == [s.MediaPart(77, "title")]


def test_channel_video() -> None:
    video = videos.channel_video(VIDEO)
    assert (video.aid, video.bvid, video.ugc_pay) == (170001, BVID, 1)
    assert video.stat.view == 1


def test_type_counts() -> None:
    assert videos.type_counts({129: 2, 999: 1}) == {
        "129": s.VideoType(129, 2, "舞蹈"),
        "999": s.VideoType(999, 1, ""),
    }
    assert videos.type_counts({}) is None


def test_every_order_has_a_declared_key() -> None:
    for keys in (videos.VIDEO_KEYS, videos.MEDIA_KEYS):
        assert len(keys) == 3
        assert set(keys.values()) <= videos.VIDEO.keys.keys()
