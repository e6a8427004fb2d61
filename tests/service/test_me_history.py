"""What one looked at, put by and noted: every entry once, by page and by cursor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import mine, profile, videos
from tests.service.content_fixtures import ask, done, pages, put, read, someone, walk

_SEEN = 130
_BUSINESSES = list(mine.BUSINESSES)
_TABS = {"archive": ("archive", "pgc", "cheese"), "live": ("live",)} | {
    "article": ("article", "article-list")
}


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


def _business(n: int) -> str:
    return _BUSINESSES[n % len(_BUSINESSES)]


def _seen(n: int) -> mine.Seen:
    """Four entries share each second; ids of different businesses collide."""
    business = _business(n)
    return mine.Seen(
        s.HistoryEntry(
            title=f"题{n}",
            cover=f"c{n}",
            history=s.HistoryTarget(oid=1 + n // 2, business=business, cid=n),
            author_mid=5,
            author_name="当时的名字",
            view_at=1_000 + n // 4,
            progress=n,
            duration=100 + n,
            kid=n,
            is_fav=n % 2,
            uri="u",
        ),
        device=3,
        bangumi=s.WatchedEpisode(ep_id=n) if business == "pgc" else None,
        cheese=s.WatchedLesson(season_id=n) if business == "cheese" else None,
    )


@pytest.fixture(scope="module")
def me(service: RunningService) -> SignedIn:
    one = someone(service, Card(name="我", face="f"))
    put(service, one.mid, mine.SEEN, *(_seen(n) for n in range(_SEEN)))
    return one


def _latest(*businesses: str) -> list[int]:
    """The numbers of entries, the latest first; equal ones by id from the highest."""
    some = [n for n in range(_SEEN) if not businesses or _business(n) in businesses]

    def order(n: int) -> tuple[int, int]:
        what = _seen(n).entry.history
        return 1_000 + n // 4, mine.seen_id(what.business, what.oid)

    return sorted(some, key=order, reverse=True)


# --- the newer history ---


@pytest.mark.parametrize("size", [1, 7, 20, 30])
def test_history_by_cursor(service: RunningService, me: SignedIn, size: int) -> None:
    told = walk(service, e.HISTORY_CURSOR, me, ps=size)
    assert told == [(_business(n), n) for n in _latest()]


@pytest.mark.parametrize("tab", list(_TABS))
def test_history_of_a_tab(service: RunningService, me: SignedIn, tab: str) -> None:
    told = walk(service, e.HISTORY_CURSOR, me, type=tab, ps=8)
    assert told == [(_business(n), n) for n in _latest(*_TABS[tab])]


def test_a_page_of_the_history(service: RunningService, me: SignedIn) -> None:
    told = read(service, e.HISTORY_CURSOR, me)
    latest = _latest()[:20]
    last = _seen(latest[-1]).entry
    assert told.cursor == s.HistoryCursor(last.history.oid, last.view_at, last.history.business, 20)
    assert [(tab.type, tab.name) for tab in told.tab] == [
        ("archive", "视频"),
        ("live", "直播"),
        ("article", "专栏"),
    ]
    for n, one in zip(latest, told.items, strict=True):
        entry = _seen(n).entry
        if _business(n) == "archive":
            assert one.history.bvid == bvid_of(entry.history.oid)
            one.history.bvid = ""
        assert one == entry


def test_where_a_cursor_may_begin(service: RunningService, me: SignedIn) -> None:
    def numbers(**fields: object) -> list[int]:
        return [one.kid for one in read(service, e.HISTORY_CURSOR, me, ps=5, **fields).items]

    latest = _latest()
    assert numbers(max=0, view_at=0, business="") == latest[:5]
    before = [n for n in latest if 1_000 + n // 4 < 1_010]
    assert numbers(view_at=1_010) == before[:5]
    n = next(n for n in latest[50:] if _business(n) == "archive")
    place = latest.index(n)
    oid = _seen(n).entry.history.oid
    assert numbers(max=oid) == latest[place + 1 : place + 6]
    assert numbers(max=oid, business="archive") == latest[place + 1 : place + 6]
    assert numbers(view_at=2**62, max=2**80) == latest[:5]
    assert numbers(business="live") == latest[:5]
    assert numbers(view_at=1) == []


def test_a_cursor_whose_entry_is_gone(service: RunningService) -> None:
    one = someone(service)
    put(service, one.mid, mine.SEEN, *(_seen(n) for n in range(20)))
    cursor = read(service, e.HISTORY_CURSOR, one, ps=5).cursor
    number = mine.seen_id(cursor.business, cursor.max)
    service.do(lambda store: store.delete(mine.SEEN, one.mid, [number]))
    fields = {"max": cursor.max, "view_at": cursor.view_at, "business": cursor.business}
    rest = read(service, e.HISTORY_CURSOR, one, ps=30, **fields)
    assert [entry.kid for entry in rest.items] == [n for n in _latest() if n < 20][5:]
    gone = ask(service, e.HISTORY_CURSOR, one, max=cursor.max, business=cursor.business)
    assert gone.code == -400


def test_an_empty_history(service: RunningService) -> None:
    told = read(service, e.HISTORY_CURSOR, someone(service))
    assert (told.items, told.cursor) == ([], s.HistoryCursor(ps=20))
    assert len(told.tab) == 3
    assert read(service, e.HISTORY, someone(service)) == []


@pytest.mark.parametrize(
    "wrong",
    [{"ps": 31}, {"ps": 0}, {"type": "x"}, {"business": "x"}, {"max": -1}, {"view_at": 2**63}],
)
def test_history_refuses(service: RunningService, me: SignedIn, wrong: dict[str, object]) -> None:
    assert ask(service, e.HISTORY_CURSOR, me, **wrong).code == -400


# --- the older history ---


def test_history_by_page(service: RunningService, me: SignedIn) -> None:
    wanted = [(_business(n), n) for n in _latest(*_TABS["archive"])]
    assert walk(service, e.HISTORY, me, ps=9) == wanted
    assert [len(page) for page in pages(service, e.HISTORY, me)] == [len(wanted)]
    assert ask(service, e.HISTORY, me, ps=101).code == -400
    assert ask(service, e.HISTORY, me, pn=0).code == -400


def test_an_entry_of_the_older_history(service: RunningService) -> None:
    one, author = someone(service), someone(service, Card(name="现在的名字", face="f"))
    kept, gone, episode, lesson = (
        next(n for n in range(at, _SEEN) if _business(n) == business)
        for at, business in ((0, "archive"), (60, "archive"), (0, "pgc"), (0, "cheese"))
    )
    put(service, one.mid, mine.SEEN, *(_seen(n) for n in (kept, gone, episode, lesson)))
    aid = _seen(kept).entry.history.oid
    put(service, author.mid, videos.VIDEO, s.Video(aid, title="现在的题", videos=4, cid=9))
    told = {video.kid: video for video in read(service, e.HISTORY, one)}
    assert len(told) == 4
    video = told[kept]
    assert (video.aid, video.title, video.bvid, video.count) == (aid, "现在的题", bvid_of(aid), 4)
    assert video.owner == s.Author(author.mid, "现在的名字", "f")
    assert (video.type, video.device, video.business) == (3, 3, "archive")
    assert (video.progress, video.favorite, video.redirect_link) == (kept, bool(kept % 2), "u")
    assert video.page == s.VideoPart(cid=9, part="现在的题")
    assert (told[gone].title, told[gone].owner.name) == (f"题{gone}", "当时的名字")
    assert (told[episode].type, told[episode].bangumi.ep_id) == (4, episode)
    assert (told[lesson].type, told[lesson].cheese.season_id) == (10, lesson)
    assert told[lesson].aid == _seen(lesson).entry.history.oid


# --- watch-later ---


def _put_by(service: RunningService, count: int = 12) -> SignedIn:
    """Every third is watched to its end; the fifth video is gone."""
    one, author = someone(service), someone(service, Card(name="作者", face="f"))
    base = one.mid * 1000
    put(
        service,
        author.mid,
        videos.VIDEO,
        *(
            s.Video(base + n, title=f"v{n}", duration=60, videos=2, cid=n)
            for n in range(count)
            if n != 5
        ),
    )
    put(
        service,
        one.mid,
        mine.LATER,
        *(mine.Later(base + n, 100 + n, mine.FINISHED if n % 3 == 0 else n) for n in range(count)),
    )
    return one


def _numbers(service: RunningService, one: SignedIn) -> list[int]:
    told = read(service, e.TOVIEW, one)
    assert told.count == len(told.items)
    return [video.aid - one.mid * 1000 for video in told.items]


def test_toview(service: RunningService) -> None:
    one = _put_by(service)
    assert _numbers(service, one) == [n for n in reversed(range(12)) if n != 5]
    last = read(service, e.TOVIEW, one).items[0]
    assert (last.title, last.bvid, last.owner.name) == ("v11", bvid_of(last.aid), "作者")
    assert (last.progress, last.add_at, last.count) == (11, 111, 2)
    assert last.page == s.VideoPart(cid=11, part="v11", duration=60)
    assert read(service, e.TOVIEW, someone(service)) == s.Toview()


def test_toview_tells_a_hundred(service: RunningService) -> None:
    one = _put_by(service, 107)
    assert _numbers(service, one) == [*range(106, 6, -1)]


def test_delete_viewed(service: RunningService) -> None:
    one, other = _put_by(service), _put_by(service)
    done(service, e.DELETE_VIEWED, one)
    done(service, e.DELETE_VIEWED, one, viewed="false")
    assert len(_numbers(service, one)) == 11
    done(service, e.DELETE_VIEWED, one, viewed="true")
    assert _numbers(service, one) == [11, 10, 8, 7, 4, 2, 1]
    assert len(_numbers(service, other)) == 11
    assert ask(service, e.DELETE_VIEWED, one, viewed="yes").code == -400


def test_clear_toview(service: RunningService) -> None:
    one, other = _put_by(service), _put_by(service)
    done(service, e.CLEAR_TOVIEW, one)
    assert _numbers(service, one) == []
    assert len(_numbers(service, other)) == 11
    done(service, e.CLEAR_TOVIEW, one)


# --- notes ---


def test_notes(service: RunningService) -> None:
    one = someone(service)
    empty = read(service, e.NOTES, one, pn=1, ps=10)
    assert (empty.items, empty.page) == (None, s.SizedPage(1, 10, 0))
    kept = [
        mine.Note(s.Note(10**17 + n, f"记{n}", arc=s.NotedVideo(oid=n)), 1_700_000_000 + n // 3)
        for n in range(25)
    ]
    put(service, one.mid, mine.NOTE, *kept)
    assert walk(service, e.NOTES, one, ps=4) == [10**17 + n for n in reversed(range(25))]
    page = read(service, e.NOTES, one, pn=3, ps=12)
    assert page.page == s.SizedPage(3, 12, 25)
    [told] = page.items
    assert (told.id, told.note_id_str, told.title) == (10**17, str(10**17), "记0")
    assert (told.mtime, told.arc.oid) == ("2023-11-15 06:13", 0)


def test_public_notes(service: RunningService) -> None:
    one = someone(service, Card(name="笔记主", face="f"))
    put(service, one.mid, profile.PROFILE, profile.Profile(experience=200))
    empty = read(service, e.PUBLIC_NOTES, one, pn=1, ps=10)
    assert (empty.items, empty.page.total) == (None, 0)
    put(
        service,
        one.mid,
        mine.PUBLIC_NOTE,
        *(mine.PublicNote(s.PublicNote(n, f"记{n}"), 1_700_000_000) for n in range(22)),
    )
    assert walk(service, e.PUBLIC_NOTES, one, ps=5) == [*range(21, -1, -1)]
    [told] = read(service, e.PUBLIC_NOTES, one, pn=22, ps=1).items
    assert (told.title, told.pubtime) == ("记0", "2023-11-15 06:13")
    assert told.author == s.NoteAuthor(one.mid, "笔记主", "f", 2)


def test_notes_want_a_page(service: RunningService, me: SignedIn) -> None:
    for endpoint in (e.NOTES, e.PUBLIC_NOTES):
        for wrong in ({}, {"pn": 1}, {"ps": 1}, {"pn": 0, "ps": 1}, {"pn": 1, "ps": 101}):
            assert ask(service, endpoint, me, **wrong).code == -400
