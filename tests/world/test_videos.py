"""One video in each of its shapes."""

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


def test_whole() -> None:
    video = videos.with_author(VIDEO, AUTHOR)
    assert (video.owner, video.bvid) == (AUTHOR, BVID)
    assert msgspec.structs.replace(video, owner=None, bvid="") == VIDEO
    assert VIDEO.owner is None, "what is kept stays as it is"


def test_a_bvid_that_is_kept_is_told() -> None:
    assert videos.bvid(msgspec.structs.replace(VIDEO, bvid="BV1own")) == "BV1own"


def test_chosen() -> None:
    chosen = videos.chosen_video(VIDEO, AUTHOR, "proud")
    assert (chosen.reason, chosen.title, chosen.owner) == ("proud", "title", AUTHOR)


def test_later() -> None:
    later = videos.toview_item(VIDEO, AUTHOR, added=500, progress=-1)
    assert (later.add_at, later.progress, later.count, later.bvid) == (500, -1, 3, BVID)
    assert isinstance(later.page, s.VideoPart)
    assert (later.page.cid, later.page.duration, later.page.dimension.width) == (77, 125, 1920)


def test_in_the_list_of_a_space() -> None:
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


def test_in_a_media_list() -> None:
    item = videos.media_item(VIDEO, AUTHOR, 6)
    assert (item.id, item.index, item.bv_id, item.upper) == (170001, 6, BVID, AUTHOR)
    assert item.cnt_info == s.MediaCounts(collect=4, play=1, danmaku=2)
    assert item.pages == [s.MediaPart(77, "title")]


def test_in_a_channel() -> None:
    archive = videos.channel_video(VIDEO)
    assert (archive.aid, archive.bvid, archive.ugc_pay) == (170001, BVID, 1)
    assert archive.stat.view == 1


def test_partitions() -> None:
    assert videos.type_counts({129: 2, 999: 1}) == {
        "129": s.VideoType(129, 2, "舞蹈"),
        "999": s.VideoType(999, 1, ""),
    }
    assert videos.type_counts({}) is None


def test_every_order_of_the_documents_has_its_key() -> None:
    for keys in (videos.VIDEO_KEYS, videos.MEDIA_KEYS):
        assert len(keys) == 3
        assert set(keys.values()) <= videos.VIDEO.keys.keys()
