"""An account's works: every list in every order, read to its end, in both directions."""

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

_UNKNOWN_MID = 9_999_999_999
_VIDEOS = 73
_TIDS = (17, 21, 3, 4)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


def _video(base: int, n: int) -> s.Video:
    """Return video ``n``. Many have equal counts, to test the order of equal keys."""
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
    account = someone(service, Card(name="作者", face="https://face"))
    put(service, account.mid, videos.VIDEO, *_all_videos(account))
    return account


def _all_videos(owner: SignedIn) -> list[s.Video]:
    return [_video(owner.mid * 1000, n) for n in range(1, _VIDEOS + 1)]


_Key = Callable[[s.Video], int]


def _sorted_aids(stored: list[s.Video], key: _Key, *, reverse: bool = True) -> list[int]:
    return [
        item.aid for item in sorted(stored, key=lambda item: (key(item), item.aid), reverse=reverse)
    ]


_ORDERS: list[tuple[str, _Key]] = [
    ("pubdate", lambda item: item.pubdate),
    ("click", lambda item: item.stat.view),
    ("stow", lambda item: item.stat.favorite),
]


# --- videos ---


@pytest.mark.parametrize(("order", "key"), _ORDERS)
def test_videos_are_sorted_by_each_order(
    service: RunningService, owner: SignedIn, order: str, key: _Key
) -> None:
    ids = walk(service, e.VIDEOS, mid=owner.mid, order=order, ps=10)
    assert ids == _sorted_aids(_all_videos(owner), key)


def test_an_item_of_the_list_of_videos(service: RunningService, owner: SignedIn) -> None:
    data = read(service, e.VIDEOS, mid=owner.mid, ps=1)
    last = _all_videos(owner)[-1]
    assert data.list.videos == [
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
    assert data.page == s.CountedPage(1, 1, _VIDEOS)


def _types(stored: list[s.Video]) -> dict[str, int]:
    return {str(tid): sum(item.tid == tid for item in stored) for tid in _TIDS}


@pytest.mark.parametrize("keyword", ["cats", "CATS", "期 C"])
def test_a_keyword_is_searched_in_titles_ignoring_case(
    service: RunningService, owner: SignedIn, keyword: str
) -> None:
    cats = [item for item in _all_videos(owner) if "Cats" in item.title]
    params: dict[str, object] = {"mid": owner.mid, "keyword": keyword}
    assert walk(service, e.VIDEOS, **params, ps=4) == _sorted_aids(cats, lambda item: item.pubdate)
    data = read(service, e.VIDEOS, **params, tid=17, pn=2, ps=2)
    assert data.page.count == sum(item.tid == 17 for item in cats)
    assert {tid: item.count for tid, item in data.list.types.items()} == _types(cats)


def test_videos_are_filtered_by_partition(service: RunningService, owner: SignedIn) -> None:
    in_three = [item for item in _all_videos(owner) if item.tid == 3]
    assert walk(service, e.VIDEOS, mid=owner.mid, tid=3, order="click", ps=5) == _sorted_aids(
        in_three, lambda item: item.stat.view
    )
    data = read(service, e.VIDEOS, mid=owner.mid, tid=3)
    assert data.page.count == len(in_three)
    assert {tid: item.count for tid, item in data.list.types.items()} == _types(_all_videos(owner))
    assert data.list.types["3"].name == "音乐"


def test_a_page_without_videos_is_empty(service: RunningService, owner: SignedIn) -> None:
    for data in (
        read(service, e.VIDEOS, mid=_UNKNOWN_MID),
        read(service, e.VIDEOS, mid=owner.mid, keyword="%"),
    ):
        assert (data.list.videos, data.list.types, data.page.count) == ([], None, 0)
    past_end = read(service, e.VIDEOS, mid=owner.mid, pn=2**62, ps=100)
    assert (past_end.list.videos, past_end.page.count) == ([], _VIDEOS)


@pytest.mark.parametrize(
    "invalid",
    [
        {"ps": 101},
        {"pn": 0},
        {"order": "likes"},
        {"tid": -1},
        {"keyword": "x" * 201},
        {"pn": "1e1"},
    ],
)
def test_videos_refuse_invalid_parameters(
    service: RunningService, invalid: dict[str, object]
) -> None:
    assert ask(service, e.VIDEOS, mid=1, **invalid).code == -400


# --- the media list ---

_SORTS: list[tuple[int, _Key]] = [
    (1, lambda item: item.pubdate),
    (2, lambda item: item.stat.view),
    (3, lambda item: item.stat.favorite),
]


@pytest.mark.parametrize(("sort", "key"), _SORTS)
@pytest.mark.parametrize("desc", [True, False])
def test_the_media_list_is_paged_forwards(
    service: RunningService, owner: SignedIn, sort: int, key: _Key, *, desc: bool
) -> None:
    params = {"biz_id": owner.mid, "sort_field": sort, "desc": str(desc).lower(), "ps": 9}
    ids = walk(service, e.MEDIA_LIST, **params, direction="true")
    assert ids == _sorted_aids(_all_videos(owner), key, reverse=desc)


@pytest.mark.parametrize(("sort", "key"), _SORTS)
@pytest.mark.parametrize("desc", [True, False])
def test_the_media_list_is_paged_backwards(
    service: RunningService, owner: SignedIn, sort: int, key: _Key, *, desc: bool
) -> None:
    order = _sorted_aids(_all_videos(owner), key, reverse=desc)
    data, oid, more = [order[-1]], order[-1], True
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
        data = [item.id for item in page.items] + data
        oid, more = page.items[0].id, page.has_more
    assert data == order


def test_the_media_list_on_both_sides_of_a_video(service: RunningService, owner: SignedIn) -> None:
    order = _sorted_aids(_all_videos(owner), lambda item: item.pubdate)
    index = 20

    def ids(**fields: object) -> list[int]:
        data = read(service, e.MEDIA_LIST, biz_id=owner.mid, oid=order[index], ps=3, **fields)
        assert data.has_more
        assert data.next_start_key == str(data.items[-1].id)
        return [item.id for item in data.items]

    assert ids(direction="true") == order[21:24]
    assert ids(direction="false") == order[17:20]
    assert ids(direction="true", with_current="true") == order[20:24]
    assert ids(direction="false", with_current="true") == order[17:21]


def test_the_media_list_without_oid_begins_at_the_first_video(
    service: RunningService, owner: SignedIn
) -> None:
    order = _sorted_aids(_all_videos(owner), lambda item: item.pubdate)
    data = read(service, e.MEDIA_LIST, biz_id=owner.mid)
    assert data == read(service, e.MEDIA_LIST, biz_id=owner.mid, direction="true")
    assert [item.id for item in data.items] == order[:20]
    assert (data.has_more, data.total_count) == (True, _VIDEOS)
    newest = data.items[0]
    assert (newest.title, newest.bv_id) == (_all_videos(owner)[-1].title, bvid_of(newest.id))
    assert newest.upper == s.Author(owner.mid, "作者", "https://face")
    assert newest.cnt_info == s.MediaCounts(_VIDEOS % 4, _VIDEOS % 7, 2 * _VIDEOS)


def test_the_media_list_is_filtered_by_partition(service: RunningService, owner: SignedIn) -> None:
    in_four = [item for item in _all_videos(owner) if item.tid == 4]
    params: dict[str, object] = {"biz_id": owner.mid, "tid": 4, "direction": "true"}
    assert walk(service, e.MEDIA_LIST, **params, ps=7) == _sorted_aids(
        in_four, lambda item: item.pubdate
    )
    assert read(service, e.MEDIA_LIST, **params).total_count == len(in_four)


def test_the_media_list_of_an_account_without_videos_is_empty(service: RunningService) -> None:
    assert read(service, e.MEDIA_LIST, biz_id=_UNKNOWN_MID) == s.MediaList()


def test_the_media_list_refuses_a_video_of_another_account(
    service: RunningService, owner: SignedIn
) -> None:
    other = someone(service)
    put(service, other.mid, videos.VIDEO, s.Video(77))
    for oid in (78, 77, 2**62):
        response = ask(service, e.MEDIA_LIST, biz_id=owner.mid, oid=oid)
        assert response.code == -400
        assert response.reason == "oid: no video of this account"
    for invalid in ({"ps": 101}, {"sort_field": 4}, {"direction": "maybe"}, {"oid": 0}):
        assert ask(service, e.MEDIA_LIST, biz_id=owner.mid, **invalid).code == -400


# --- top video and masterpieces ---


def test_masterpieces_omit_deleted_videos(service: RunningService, owner: SignedIn) -> None:
    account = someone(service, Card(name="甲"))
    assert read(service, e.MASTERPIECES, vmid=account.mid) == []
    base = account.mid * 1000
    put(service, account.mid, videos.VIDEO, *(_video(base, n) for n in range(1, 5)))
    put(
        service,
        account.mid,
        videos.MASTERPIECE,
        videos.Chosen(base + 3, "三", 0),
        videos.Chosen(base + 1, "一", 1),
        videos.Chosen(base + 900, "没有了", 2),
        videos.Chosen(base + 2, "二", 3),
    )
    data = read(service, e.MASTERPIECES, vmid=account.mid)
    assert [(video.aid, video.reason) for video in data] == [(base + 3, "三"), (base + 1, "一")]
    assert data[0].owner == s.Author(account.mid, "甲")
    assert data[0].bvid == bvid_of(base + 3)
    assert data[0].stat == _video(base, 3).stat
    assert ask(service, e.MASTERPIECES).code == -400


def test_the_top_video_is_53016_until_it_exists(service: RunningService) -> None:
    account = someone(service, Card(name="甲"))
    assert ask(service, e.TOP_VIDEO, vmid=account.mid).code == 53016
    aid = account.mid * 1000
    put(service, account.mid, videos.TOP_VIDEO, videos.Chosen(aid, "看这个"))
    assert ask(service, e.TOP_VIDEO, vmid=account.mid).code == 53016
    put(service, account.mid, videos.VIDEO, s.Video(aid, title="置顶"))
    data = read(service, e.TOP_VIDEO, vmid=account.mid)
    assert (data.aid, data.title, data.reason) == (aid, "置顶", "看这个")
    assert data.owner == s.Author(account.mid, "甲")
    assert ask(service, e.TOP_VIDEO, vmid=_UNKNOWN_MID).code == 53016


# --- audios ---


def test_audios_are_sorted_by_each_order(service: RunningService) -> None:
    owner = someone(service, Card(name="歌手"))
    stored = [
        s.Audio(n, title=f"歌{n}", passtime=n // 2, statistic=s.AudioCounts(n, n % 5, n % 3))
        for n in range(1, 36)
    ]
    put(service, owner.mid, works.AUDIO, *stored)
    keys: dict[int, Callable[[s.Audio], int]] = {
        1: lambda item: item.passtime,
        2: lambda item: item.statistic.play,
        3: lambda item: item.statistic.collect,
    }
    for order, key in keys.items():
        expected = sorted(stored, key=lambda item: (key(item), item.id), reverse=True)
        ids = walk(service, e.AUDIOS, uid=owner.mid, order=order, ps=8)
        assert ids == [item.id for item in expected]
    page = read(service, e.AUDIOS, uid=owner.mid, ps=8, pn=5)
    assert (page.page, page.pages, page.total, page.size) == (5, 5, 35, 8)
    assert [(item.id, item.title, item.uname, item.uid) for item in page.items] == [
        (n, f"歌{n}", "歌手", owner.mid) for n in (3, 2, 1)
    ]


def test_audios_use_their_own_envelope(service: RunningService) -> None:
    body = ask(service, e.AUDIOS, uid=_UNKNOWN_MID).body
    assert {name: body[name] for name in ("code", "msg", "message")} == {
        "code": 0,
        "msg": "success",
        "message": "success",
    }
    assert body["data"]["totalSize"] == 0
    assert body["data"]["pageCount"] == 0
    for invalid in ({}, {"uid": "x"}, {"uid": 1, "ps": 101}, {"uid": 1, "order": 4}):
        response = ask(service, e.AUDIOS, **invalid)
        assert response.code == 72000000
        assert response.body["msg"] == response.body["message"] != ""
        assert response.status == 200


# --- articles ---


def test_articles_are_sorted_by_each_order(service: RunningService) -> None:
    owner = someone(service, Card(name="笔者", face="f", official_type=1, official_desc="官方"))
    put(
        service,
        owner.mid,
        profile.PROFILE,
        profile.Profile(pendant=s.Pendant(pid=3), nameplate=s.Nameplate(nid=4)),
    )
    stored = [
        s.Article(
            n,
            title=f"文{n}",
            publish_time=n // 2,
            stats=s.ArticleCounts(view=n % 6, favorite=n % 4),
        )
        for n in range(1, 36)
    ]
    put(service, owner.mid, works.ARTICLE, *stored)
    keys: dict[str, Callable[[s.Article], int]] = {
        "publish_time": lambda item: item.publish_time,
        "view": lambda item: item.stats.view,
        "fav": lambda item: item.stats.favorite,
    }
    for order, key in keys.items():
        expected = sorted(stored, key=lambda item: (key(item), item.id), reverse=True)
        ids = walk(service, e.ARTICLES, mid=owner.mid, sort=order, ps=9)
        assert ids == [item.id for item in expected]
    page = read(service, e.ARTICLES, mid=owner.mid, ps=1, pn=2)
    assert (page.pn, page.ps, page.count) == (2, 1, 35)
    [article] = page.articles
    assert (article.id, article.title) == (34, "文34")
    assert article.author == s.ArticleAuthor(
        owner.mid,
        "笔者",
        "f",
        s.Pendant(pid=3),
        s.OfficialVerify(1, "官方"),
        s.Nameplate(nid=4),
        s.Membership(),
    )
    assert ask(service, e.ARTICLES, mid=owner.mid, ps=31).code == -400
    assert read(service, e.ARTICLES, mid=_UNKNOWN_MID) == s.ArticlePage()


def test_article_lists_are_sorted_by_each_order(service: RunningService) -> None:
    owner = someone(service)
    old, read_most = (
        s.ArticleList(1, update_time=5, read=9),
        s.ArticleList(2, update_time=6, read=1),
    )
    put(service, owner.mid, works.ARTICLE_LIST, old, read_most)
    assert read(service, e.ARTICLE_LISTS, mid=owner.mid) == s.ArticleLists([read_most, old], 2)
    assert read(service, e.ARTICLE_LISTS, mid=owner.mid, sort=1).lists == [old, read_most]
    assert ask(service, e.ARTICLE_LISTS, mid=owner.mid, sort=2).code == -400
    assert read(service, e.ARTICLE_LISTS, mid=_UNKNOWN_MID) == s.ArticleLists()


# --- albums and courses ---


def test_albums_are_filtered_by_type(service: RunningService) -> None:
    owner = someone(service)
    kinds: tuple[Any, ...] = ("draw", "photo", "daily")
    stored = [
        works.Album(s.Album(n, title=f"册{n}", ctime=n // 2), kinds[n % 3]) for n in range(1, 34)
    ]
    put(service, owner.mid, works.ALBUM, *stored)
    newest = [*range(33, 0, -1)]
    assert walk(service, e.ALBUMS, uid=owner.mid, page_size=7) == newest
    for index, kind in enumerate(kinds):
        ids = walk(service, e.ALBUMS, uid=owner.mid, page_size=4, biz=kind)
        assert ids == [n for n in newest if n % 3 == index]
    assert read(service, e.ALBUMS, uid=owner.mid, page_size=1).items == [stored[-1].album]
    body = ask(service, e.ALBUMS, uid=_UNKNOWN_MID).body
    assert (body["msg"], body["data"]) == ("success", {"items": []})
    for invalid in ({"page_num": 0}, {"page_size": 101}, {"biz": "none"}):
        response = ask(service, e.ALBUMS, uid=1, **invalid)
        assert response.code == -400
        assert response.body["msg"] == response.body["message"]


def test_courses_are_newest_first(service: RunningService) -> None:
    owner = someone(service)
    stored = [s.Course(n, title=f"课{n}") for n in range(1, 23)]
    put(service, owner.mid, works.COURSE, *stored)
    assert walk(service, e.COURSES, mid=owner.mid, ps=5) == [*range(22, 0, -1)]
    assert len(list(pages(service, e.COURSES, mid=owner.mid, ps=11))) == 2
    page = read(service, e.COURSES, mid=owner.mid, ps=11)
    assert page.page == s.CoursePages(1, 11, 22, next=True)
    assert page.items == stored[:10:-1]
    assert not read(service, e.COURSES, mid=owner.mid, ps=11, pn=2).page.next
    assert ask(service, e.COURSES, mid=owner.mid, ps=101).code == -400
    assert read(service, e.COURSES, mid=_UNKNOWN_MID).page.total == 0
