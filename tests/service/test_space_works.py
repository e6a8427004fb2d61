"""What an account has made: every list in its order, walked to its end, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import profile, videos, works
from tests.service.content_fixtures import ask, pages, put, read, someone, walk

_NOBODY = 9_999_999_999
_VIDEOS = 73
_TIDS = (17, 21, 3, 4)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


def _video(base: int, n: int) -> s.Video:
    """Numbers collide on purpose: many videos have equal counts."""
    return s.Video(
        base + n,
        title=f"第{n}期 {'Cats' if n % 5 == 0 else 'Dogs'}",
        tid=_TIDS[n % 4],
        pic=f"https://pic/{n}",
        desc=f"d{n}",
        pubdate=1_000_000 + n // 2,
        duration=60 + n,
        cid=n,
        videos=2,
        stat=s.VideoStat(view=n % 7, favorite=n % 4, reply=n, danmaku=2 * n, like=3 * n),
    )


@pytest.fixture(scope="module")
def owner(service: RunningService) -> SignedIn:
    one = someone(service, Card(name="作者", face="https://face"))
    put(service, one.mid, videos.VIDEO, *_all(one))
    return one


def _all(owner: SignedIn) -> list[s.Video]:
    return [_video(owner.mid * 1000, n) for n in range(1, _VIDEOS + 1)]


_Key = Callable[[s.Video], int]


def _aids(kept: list[s.Video], key: _Key, *, reverse: bool = True) -> list[int]:
    return [one.aid for one in sorted(kept, key=lambda one: (key(one), one.aid), reverse=reverse)]


_ORDERS: list[tuple[str, _Key]] = [
    ("pubdate", lambda one: one.pubdate),
    ("click", lambda one: one.stat.view),
    ("stow", lambda one: one.stat.favorite),
]


# --- videos ---


@pytest.mark.parametrize(("order", "key"), _ORDERS)
def test_videos_in_order(service: RunningService, owner: SignedIn, order: str, key: _Key) -> None:
    told = walk(service, e.VIDEOS, mid=owner.mid, order=order, ps=10)
    assert told == _aids(_all(owner), key)


def test_a_video_of_the_list(service: RunningService, owner: SignedIn) -> None:
    told = read(service, e.VIDEOS, mid=owner.mid, ps=1)
    last = _all(owner)[-1]
    assert told.list.videos == [
        s.VideoMeta(
            last.aid,
            author="作者",
            bvid=bvid_of(last.aid),
            comment=_VIDEOS,
            created=last.pubdate,
            description=f"d{_VIDEOS}",
            length="02:13",
            mid=owner.mid,
            pic=f"//pic/{_VIDEOS}",
            play=_VIDEOS % 7,
            title=last.title,
            typeid=last.tid,
            video_review=2 * _VIDEOS,
        )
    ]
    assert told.page == s.CountedPage(1, 1, _VIDEOS)


def _types(kept: list[s.Video]) -> dict[str, int]:
    return {str(tid): sum(one.tid == tid for one in kept) for tid in _TIDS}


@pytest.mark.parametrize("keyword", ["cats", "CATS", "期 C"])
def test_videos_with_a_word(service: RunningService, owner: SignedIn, keyword: str) -> None:
    cats = [one for one in _all(owner) if "Cats" in one.title]
    asked: dict[str, object] = {"mid": owner.mid, "keyword": keyword}
    assert walk(service, e.VIDEOS, **asked, ps=4) == _aids(cats, lambda one: one.pubdate)
    told = read(service, e.VIDEOS, **asked, tid=17, pn=2, ps=2)
    assert told.page.count == sum(one.tid == 17 for one in cats)
    assert {tid: one.count for tid, one in told.list.types.items()} == _types(cats)


def test_videos_of_a_partition(service: RunningService, owner: SignedIn) -> None:
    in_three = [one for one in _all(owner) if one.tid == 3]
    assert walk(service, e.VIDEOS, mid=owner.mid, tid=3, order="click", ps=5) == _aids(
        in_three, lambda one: one.stat.view
    )
    told = read(service, e.VIDEOS, mid=owner.mid, tid=3)
    assert told.page.count == len(in_three)
    assert {tid: one.count for tid, one in told.list.types.items()} == _types(_all(owner))
    assert told.list.types["3"].name == "音乐"


def test_no_videos(service: RunningService, owner: SignedIn) -> None:
    for told in (
        read(service, e.VIDEOS, mid=_NOBODY),
        read(service, e.VIDEOS, mid=owner.mid, keyword="%"),
    ):
        assert (told.list.videos, told.list.types, told.page.count) == ([], None, 0)
    far = read(service, e.VIDEOS, mid=owner.mid, pn=2**62, ps=100)
    assert (far.list.videos, far.page.count) == ([], _VIDEOS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ps": 101},
        {"pn": 0},
        {"order": "likes"},
        {"tid": -1},
        {"keyword": "x" * 201},
        {"pn": "1e1"},
    ],
)
def test_videos_refuse(service: RunningService, wrong: dict[str, object]) -> None:
    assert ask(service, e.VIDEOS, mid=1, **wrong).code == -400


# --- the media list ---

_SORTS: list[tuple[int, _Key]] = [
    (1, lambda one: one.pubdate),
    (2, lambda one: one.stat.view),
    (3, lambda one: one.stat.favorite),
]


@pytest.mark.parametrize(("sort", "key"), _SORTS)
@pytest.mark.parametrize("desc", [True, False])
def test_media_list_forwards(
    service: RunningService, owner: SignedIn, sort: int, key: _Key, *, desc: bool
) -> None:
    asked = {"biz_id": owner.mid, "sort_field": sort, "desc": str(desc).lower(), "ps": 9}
    told = walk(service, e.MEDIA_LIST, **asked, direction="true")
    assert told == _aids(_all(owner), key, reverse=desc)


@pytest.mark.parametrize(("sort", "key"), _SORTS)
@pytest.mark.parametrize("desc", [True, False])
def test_media_list_backwards(
    service: RunningService, owner: SignedIn, sort: int, key: _Key, *, desc: bool
) -> None:
    order = _aids(_all(owner), key, reverse=desc)
    told, oid, more = [order[-1]], order[-1], True
    while more:
        page = read(
            service,
            e.MEDIA_LIST,
            biz_id=owner.mid,
            oid=oid,
            sort_field=sort,
            desc=int(desc),
            direction="false",
            ps=10,
        )
        told = [one.id for one in page.items] + told
        oid, more = page.items[0].id, page.has_more
    assert told == order


def test_media_list_around_a_video(service: RunningService, owner: SignedIn) -> None:
    order = _aids(_all(owner), lambda one: one.pubdate)
    place = 20

    def ids(**fields: object) -> list[int]:
        told = read(service, e.MEDIA_LIST, biz_id=owner.mid, oid=order[place], ps=3, **fields)
        assert told.has_more
        assert told.next_start_key == str(told.items[-1].id)
        return [one.id for one in told.items]

    assert ids(direction="true") == order[21:24]
    assert ids(direction="false") == order[17:20]
    assert ids(direction="true", with_current="true") == order[20:24]
    assert ids(direction="false", with_current="true") == order[17:21]


def test_media_list_head(service: RunningService, owner: SignedIn) -> None:
    order = _aids(_all(owner), lambda one: one.pubdate)
    told = read(service, e.MEDIA_LIST, biz_id=owner.mid)
    assert told == read(service, e.MEDIA_LIST, biz_id=owner.mid, direction="true")
    assert [one.id for one in told.items] == order[:20]
    assert (told.has_more, told.total_count) == (True, _VIDEOS)
    newest = told.items[0]
    assert (newest.title, newest.bv_id) == (_all(owner)[-1].title, bvid_of(newest.id))
    assert newest.upper == s.Author(owner.mid, "作者", "https://face")
    assert newest.cnt_info == s.MediaCounts(_VIDEOS % 4, _VIDEOS % 7, 2 * _VIDEOS)


def test_media_list_of_a_partition(service: RunningService, owner: SignedIn) -> None:
    in_four = [one for one in _all(owner) if one.tid == 4]
    asked: dict[str, object] = {"biz_id": owner.mid, "tid": 4, "direction": "true"}
    assert walk(service, e.MEDIA_LIST, **asked, ps=7) == _aids(in_four, lambda one: one.pubdate)
    assert read(service, e.MEDIA_LIST, **asked).total_count == len(in_four)


def test_media_list_without_videos(service: RunningService) -> None:
    assert read(service, e.MEDIA_LIST, biz_id=_NOBODY) == s.MediaList()


def test_media_list_refuses(service: RunningService, owner: SignedIn) -> None:
    other = someone(service)
    put(service, other.mid, videos.VIDEO, s.Video(77))
    for oid in (78, 77, 2**62):
        answer = ask(service, e.MEDIA_LIST, biz_id=owner.mid, oid=oid)
        assert answer.code == -400
        assert "oid" in answer.body["message"]
    for wrong in ({"ps": 101}, {"sort_field": 4}, {"direction": "maybe"}, {"oid": 0}):
        assert ask(service, e.MEDIA_LIST, biz_id=owner.mid, **wrong).code == -400


# --- what is put in front ---


def test_masterpieces(service: RunningService, owner: SignedIn) -> None:
    one = someone(service, Card(name="甲"))
    assert read(service, e.MASTERPIECES, vmid=one.mid) == []
    base = one.mid * 1000
    put(service, one.mid, videos.VIDEO, *(_video(base, n) for n in range(1, 5)))
    put(
        service,
        one.mid,
        videos.MASTERPIECE,
        videos.Chosen(base + 3, "三", 0),
        videos.Chosen(base + 1, "一", 1),
        videos.Chosen(base + 900, "没有了", 2),
        videos.Chosen(base + 2, "二", 3),
    )
    told = read(service, e.MASTERPIECES, vmid=one.mid)
    assert [(video.aid, video.reason) for video in told] == [(base + 3, "三"), (base + 1, "一")]
    assert told[0].owner == s.Author(one.mid, "甲")
    assert told[0].bvid == bvid_of(base + 3)
    assert told[0].stat == _video(base, 3).stat
    assert ask(service, e.MASTERPIECES).code == -400


def test_top_video(service: RunningService) -> None:
    one = someone(service, Card(name="甲"))
    assert ask(service, e.TOP_VIDEO, vmid=one.mid).code == 53016
    aid = one.mid * 1000
    put(service, one.mid, videos.TOP_VIDEO, videos.Chosen(aid, "看这个"))
    assert ask(service, e.TOP_VIDEO, vmid=one.mid).code == 53016
    put(service, one.mid, videos.VIDEO, s.Video(aid, title="置顶"))
    told = read(service, e.TOP_VIDEO, vmid=one.mid)
    assert (told.aid, told.title, told.reason) == (aid, "置顶", "看这个")
    assert told.owner == s.Author(one.mid, "甲")
    assert ask(service, e.TOP_VIDEO, vmid=_NOBODY).code == 53016


# --- audios ---


def test_audios(service: RunningService) -> None:
    owner = someone(service, Card(name="歌手"))
    kept = [
        s.Audio(n, title=f"歌{n}", passtime=n // 2, statistic=s.AudioCounts(n, n % 5, n % 3))
        for n in range(1, 36)
    ]
    put(service, owner.mid, works.AUDIO, *kept)
    keys: dict[int, Callable[[s.Audio], int]] = {
        1: lambda one: one.passtime,
        2: lambda one: one.statistic.play,
        3: lambda one: one.statistic.collect,
    }
    for order, key in keys.items():
        wanted = sorted(kept, key=lambda one: (key(one), one.id), reverse=True)
        told = walk(service, e.AUDIOS, uid=owner.mid, order=order, ps=8)
        assert told == [one.id for one in wanted]
    page = read(service, e.AUDIOS, uid=owner.mid, ps=8, pn=5)
    assert (page.page, page.pages, page.total, page.size) == (5, 5, 35, 8)
    assert [(one.id, one.title, one.uname, one.uid) for one in page.items] == [
        (n, f"歌{n}", "歌手", owner.mid) for n in (3, 2, 1)
    ]


def test_audios_answer_in_an_envelope_of_their_own(service: RunningService) -> None:
    body = ask(service, e.AUDIOS, uid=_NOBODY).body
    assert {name: body[name] for name in ("code", "msg", "message")} == {
        "code": 0,
        "msg": "success",
        "message": "success",
    }
    assert body["data"]["totalSize"] == 0
    assert body["data"]["pageCount"] == 0
    for wrong in ({}, {"uid": "x"}, {"uid": 1, "ps": 101}, {"uid": 1, "order": 4}):
        answer = ask(service, e.AUDIOS, **wrong)
        assert answer.code == 72000000
        assert answer.body["msg"] == answer.body["message"] != ""
        assert answer.status == 200


# --- articles ---


def test_articles(service: RunningService) -> None:
    owner = someone(service, Card(name="笔者", face="f", official_type=1, official_desc="官方"))
    put(
        service,
        owner.mid,
        profile.PROFILE,
        profile.Profile(pendant=s.Pendant(pid=3), nameplate=s.Nameplate(nid=4)),
    )
    kept = [
        s.Article(
            n,
            title=f"文{n}",
            publish_time=n // 2,
            stats=s.ArticleCounts(view=n % 6, favorite=n % 4),
        )
        for n in range(1, 36)
    ]
    put(service, owner.mid, works.ARTICLE, *kept)
    keys: dict[str, Callable[[s.Article], int]] = {
        "publish_time": lambda one: one.publish_time,
        "view": lambda one: one.stats.view,
        "fav": lambda one: one.stats.favorite,
    }
    for order, key in keys.items():
        wanted = sorted(kept, key=lambda one: (key(one), one.id), reverse=True)
        told = walk(service, e.ARTICLES, mid=owner.mid, sort=order, ps=9)
        assert told == [one.id for one in wanted]
    page = read(service, e.ARTICLES, mid=owner.mid, ps=1, pn=2)
    assert (page.pn, page.ps, page.count) == (2, 1, 35)
    [told_one] = page.articles
    assert (told_one.id, told_one.title) == (34, "文34")
    assert told_one.author == s.ArticleAuthor(
        owner.mid,
        "笔者",
        "f",
        s.Pendant(pid=3),
        s.OfficialVerify(1, "官方"),
        s.Nameplate(nid=4),
        s.Membership(),
    )
    assert ask(service, e.ARTICLES, mid=owner.mid, ps=31).code == -400
    assert read(service, e.ARTICLES, mid=_NOBODY) == s.ArticlePage()


def test_article_lists(service: RunningService) -> None:
    owner = someone(service)
    old, read_most = (
        s.ArticleList(1, update_time=5, read=9),
        s.ArticleList(2, update_time=6, read=1),
    )
    put(service, owner.mid, works.ARTICLE_LIST, old, read_most)
    assert read(service, e.ARTICLE_LISTS, mid=owner.mid) == s.ArticleLists([read_most, old], 2)
    assert read(service, e.ARTICLE_LISTS, mid=owner.mid, sort=1).lists == [old, read_most]
    assert ask(service, e.ARTICLE_LISTS, mid=owner.mid, sort=2).code == -400
    assert read(service, e.ARTICLE_LISTS, mid=_NOBODY) == s.ArticleLists()


# --- albums and courses ---


def test_albums(service: RunningService) -> None:
    owner = someone(service)
    kinds: tuple[Any, ...] = ("draw", "photo", "daily")
    kept = [
        works.Album(s.Album(n, title=f"册{n}", ctime=n // 2), kinds[n % 3]) for n in range(1, 34)
    ]
    put(service, owner.mid, works.ALBUM, *kept)
    newest = [*range(33, 0, -1)]
    assert walk(service, e.ALBUMS, uid=owner.mid, page_size=7) == newest
    for place, kind in enumerate(kinds):
        told = walk(service, e.ALBUMS, uid=owner.mid, page_size=4, biz=kind)
        assert told == [n for n in newest if n % 3 == place]
    assert read(service, e.ALBUMS, uid=owner.mid, page_size=1).items == [kept[-1].album]
    body = ask(service, e.ALBUMS, uid=_NOBODY).body
    assert (body["msg"], body["data"]) == ("success", {"items": []})
    for wrong in ({"page_num": 0}, {"page_size": 101}, {"biz": "none"}):
        answer = ask(service, e.ALBUMS, uid=1, **wrong)
        assert answer.code == -400
        assert answer.body["msg"] == answer.body["message"]


def test_courses(service: RunningService) -> None:
    owner = someone(service)
    kept = [s.Course(n, title=f"课{n}") for n in range(1, 23)]
    put(service, owner.mid, works.COURSE, *kept)
    assert walk(service, e.COURSES, mid=owner.mid, ps=5) == [*range(22, 0, -1)]
    assert len(list(pages(service, e.COURSES, mid=owner.mid, ps=11))) == 2
    page = read(service, e.COURSES, mid=owner.mid, ps=11)
    assert page.page == s.CoursePages(1, 11, 22, next=True)
    assert page.items == kept[:10:-1]
    assert not read(service, e.COURSES, mid=owner.mid, ps=11, pn=2).page.next
    assert ask(service, e.COURSES, mid=owner.mid, ps=101).code == -400
    assert read(service, e.COURSES, mid=_NOBODY).page.total == 0
