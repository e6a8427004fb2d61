"""History, watch-later list and notes: every entry once, by page and by cursor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import mine, profile, videos
from tests.service.content_fixtures import ask, pages, put, read, someone, succeed, walk

_SEEN = 130
_BUSINESSES = list(mine.BUSINESSES)
_TABS = {"archive": ("archive", "pgc", "cheese"), "live": ("live",)} | {
    "article": ("article", "article-list")
}


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


def _business(n: int) -> str:
    return _BUSINESSES[n % len(_BUSINESSES)]


def _seen(n: int) -> mine.Seen:
    """Return entry ``n``. Four entries share each second, and oids repeat across businesses."""
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
    account = someone(service, Card(name="我", face="f"))
    put(service, account.mid, mine.SEEN, *(_seen(n) for n in range(_SEEN)))
    return account


def _latest(*businesses: str) -> list[int]:
    """Return the numbers of the entries, latest first, then highest id first."""
    fields = [n for n in range(_SEEN) if not businesses or _business(n) in businesses]

    def order(n: int) -> tuple[int, int]:
        target = _seen(n).entry.history
        return 1_000 + n // 4, mine.seen_id(target.business, target.oid)

    return sorted(fields, key=order, reverse=True)


# --- the newer history ---


@pytest.mark.parametrize("size", [1, 7, 20, 30])
def test_the_history_is_paged_by_cursor(service: RunningService, me: SignedIn, size: int) -> None:
    ids = walk(service, e.HISTORY_CURSOR, me, ps=size)
    assert ids == [(_business(n), n) for n in _latest()]


@pytest.mark.parametrize("tab", list(_TABS))
def test_the_history_is_filtered_by_tab(service: RunningService, me: SignedIn, tab: str) -> None:
    ids = walk(service, e.HISTORY_CURSOR, me, type=tab, ps=8)
    assert ids == [(_business(n), n) for n in _latest(*_TABS[tab])]


def test_a_page_has_its_cursor_tabs_and_entries(service: RunningService, me: SignedIn) -> None:
    data = read(service, e.HISTORY_CURSOR, me)
    latest = _latest()[:20]
    last = _seen(latest[-1]).entry
    assert data.cursor == s.HistoryCursor(last.history.oid, last.view_at, last.history.business, 20)
    assert [(tab.type, tab.name) for tab in data.tab] == [
        ("archive", "视频"),
        ("live", "直播"),
        ("article", "专栏"),
    ]
    for n, item in zip(latest, data.items, strict=True):
        entry = _seen(n).entry
        if _business(n) == "archive":
            assert item.history.bvid == bvid_of(entry.history.oid)
            item.history.bvid = ""
        assert item == entry


def test_a_cursor_may_be_a_time_an_entry_or_both(service: RunningService, me: SignedIn) -> None:
    def numbers(**fields: object) -> list[int]:
        return [item.kid for item in read(service, e.HISTORY_CURSOR, me, ps=5, **fields).items]

    latest = _latest()
    assert numbers(max=0, view_at=0, business="") == latest[:5]
    before = [n for n in latest if 1_000 + n // 4 < 1_010]
    assert numbers(view_at=1_010) == before[:5]
    n = next(n for n in latest[50:] if _business(n) == "archive")
    index = latest.index(n)
    oid = _seen(n).entry.history.oid
    assert numbers(max=oid) == latest[index + 1 : index + 6]
    assert numbers(max=oid, business="archive") == latest[index + 1 : index + 6]
    assert numbers(view_at=2**62, max=2**80) == latest[:5]
    assert numbers(business="live") == latest[:5]
    assert numbers(view_at=1) == []


def test_a_cursor_with_a_time_survives_the_deletion_of_its_entry(service: RunningService) -> None:
    account = someone(service)
    put(service, account.mid, mine.SEEN, *(_seen(n) for n in range(20)))
    cursor = read(service, e.HISTORY_CURSOR, account, ps=5).cursor
    number = mine.seen_id(cursor.business, cursor.max)
    service.do(lambda store: store.delete(mine.SEEN, account.mid, [number]))
    fields = {"max": cursor.max, "view_at": cursor.view_at, "business": cursor.business}
    rest = read(service, e.HISTORY_CURSOR, account, ps=30, **fields)
    assert [entry.kid for entry in rest.items] == [n for n in _latest() if n < 20][5:]
    deleted = ask(service, e.HISTORY_CURSOR, account, max=cursor.max, business=cursor.business)
    assert deleted.code == -400


def test_an_empty_history_has_an_empty_page(service: RunningService) -> None:
    data = read(service, e.HISTORY_CURSOR, someone(service))
    assert (data.items, data.cursor) == ([], s.HistoryCursor(ps=20))
    assert len(data.tab) == 3
    assert read(service, e.HISTORY, someone(service)) == []


@pytest.mark.parametrize(
    "invalid",
    [{"ps": 31}, {"ps": 0}, {"type": "x"}, {"business": "x"}, {"max": -1}, {"view_at": 2**63}],
)
def test_the_history_refuses_invalid_parameters(
    service: RunningService, me: SignedIn, invalid: dict[str, object]
) -> None:
    assert ask(service, e.HISTORY_CURSOR, me, **invalid).code == -400


# --- the older history ---


def test_the_older_history_is_paged_by_number(service: RunningService, me: SignedIn) -> None:
    expected = [(_business(n), n) for n in _latest(*_TABS["archive"])]
    assert walk(service, e.HISTORY, me, ps=9) == expected
    assert [len(page) for page in pages(service, e.HISTORY, me)] == [len(expected)]
    assert ask(service, e.HISTORY, me, ps=101).code == -400
    assert ask(service, e.HISTORY, me, pn=0).code == -400


def test_items_of_the_older_history(
    service: RunningService,
) -> None:
    account, author = someone(service), someone(service, Card(name="现在的名字", face="f"))
    stored, deleted, episode, lesson = (
        next(n for n in range(at, _SEEN) if _business(n) == business)
        for at, business in ((0, "archive"), (60, "archive"), (0, "pgc"), (0, "cheese"))
    )
    put(service, account.mid, mine.SEEN, *(_seen(n) for n in (stored, deleted, episode, lesson)))
    aid = _seen(stored).entry.history.oid
    put(service, author.mid, videos.VIDEO, s.Video(aid, title="现在的题", videos=4, cid=9))
    data = {video.kid: video for video in read(service, e.HISTORY, account)}
    assert len(data) == 4
    video = data[stored]
    assert (video.aid, video.title, video.bvid, video.count) == (aid, "现在的题", bvid_of(aid), 4)
    assert video.owner == s.Author(author.mid, "现在的名字", "f")
    assert (video.type, video.device, video.business) == (3, 3, "archive")
    assert (video.progress, video.favorite, video.redirect_link) == (stored, bool(stored % 2), "u")
    assert video.page == s.VideoPart(cid=9, part="现在的题")
    assert (data[deleted].title, data[deleted].owner.name) == (f"题{deleted}", "当时的名字")
    assert (data[episode].type, data[episode].bangumi.ep_id) == (4, episode)
    assert (data[lesson].type, data[lesson].cheese.season_id) == (10, lesson)
    assert data[lesson].aid == _seen(lesson).entry.history.oid


# --- watch-later ---


def _with_toview(service: RunningService, count: int = 12) -> SignedIn:
    """Return an account with a watch-later list: every third finished, video 5 missing."""
    account, author = someone(service), someone(service, Card(name="作者", face="f"))
    base = account.mid * 1000
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
        account.mid,
        mine.LATER,
        *(mine.Later(base + n, 100 + n, mine.FINISHED if n % 3 == 0 else n) for n in range(count)),
    )
    return account


def _numbers(service: RunningService, account: SignedIn, older: int = 0) -> list[int]:
    data = read(service, e.TOVIEW, account)
    assert data.count == len(data.items) + older
    return [video.aid - account.mid * 1000 for video in data.items]


def test_toview_omits_deleted_videos(service: RunningService) -> None:
    account = _with_toview(service)
    assert _numbers(service, account) == [n for n in reversed(range(12)) if n != 5]
    last = read(service, e.TOVIEW, account).items[0]
    assert (last.title, last.bvid, last.owner.name) == ("v11", bvid_of(last.aid), "作者")
    assert (last.progress, last.add_at, last.count) == (11, 111, 2)
    assert last.page == s.VideoPart(cid=11, part="v11", duration=60)
    assert read(service, e.TOVIEW, someone(service)) == s.Toview()


def test_toview_returns_100_videos_at_most(service: RunningService) -> None:
    account = _with_toview(service, 107)
    assert _numbers(service, account, older=7) == [*range(106, 6, -1)]


def test_delete_viewed_deletes_finished_videos_only_on_request(service: RunningService) -> None:
    account, other = _with_toview(service), _with_toview(service)
    succeed(service, e.DELETE_VIEWED, account)
    succeed(service, e.DELETE_VIEWED, account, viewed="false")
    assert len(_numbers(service, account)) == 11
    succeed(service, e.DELETE_VIEWED, account, viewed="true")
    assert _numbers(service, account) == [11, 10, 8, 7, 4, 2, 1]
    assert len(_numbers(service, other)) == 11
    assert ask(service, e.DELETE_VIEWED, account, viewed="yes").code == -400


def test_clear_toview_empties_the_list_of_the_caller(service: RunningService) -> None:
    account, other = _with_toview(service), _with_toview(service)
    succeed(service, e.CLEAR_TOVIEW, account)
    assert _numbers(service, account) == []
    assert len(_numbers(service, other)) == 11
    succeed(service, e.CLEAR_TOVIEW, account)


# --- notes ---


def test_notes_are_newest_first_with_their_total(service: RunningService) -> None:
    account = someone(service)
    empty = read(service, e.NOTES, account, pn=1, ps=10)
    assert (empty.items, empty.page) == (None, s.SizedPage(1, 10, 0))
    stored = [
        mine.Note(s.Note(10**17 + n, f"记{n}", arc=s.NotedVideo(oid=n)), 1_700_000_000 + n // 3)
        for n in range(25)
    ]
    put(service, account.mid, mine.NOTE, *stored)
    assert walk(service, e.NOTES, account, ps=4) == [10**17 + n for n in reversed(range(25))]
    page = read(service, e.NOTES, account, pn=3, ps=12)
    assert page.page == s.SizedPage(3, 12, 25)
    [data] = page.items
    assert (data.id, data.note_id_str, data.title) == (10**17, str(10**17), "记0")
    assert (data.mtime, data.arc.oid) == ("2023-11-15 06:13", 0)


def test_public_notes_have_the_caller_as_author(service: RunningService) -> None:
    account = someone(service, Card(name="笔记主", face="f"))
    put(service, account.mid, profile.PROFILE, profile.Profile(experience=200))
    empty = read(service, e.PUBLIC_NOTES, account, pn=1, ps=10)
    assert (empty.items, empty.page.total) == (None, 0)
    put(
        service,
        account.mid,
        mine.PUBLIC_NOTE,
        *(mine.PublicNote(s.PublicNote(n, f"记{n}"), 1_700_000_000) for n in range(22)),
    )
    assert walk(service, e.PUBLIC_NOTES, account, ps=5) == [*range(21, -1, -1)]
    [data] = read(service, e.PUBLIC_NOTES, account, pn=22, ps=1).items
    assert (data.title, data.pubtime) == ("记0", "2023-11-15 06:13")
    assert data.author == s.NoteAuthor(account.mid, "笔记主", "f", 2)


def test_notes_require_pn_and_ps(service: RunningService, me: SignedIn) -> None:
    for endpoint in (e.NOTES, e.PUBLIC_NOTES):
        for invalid in ({}, {"pn": 1}, {"ps": 1}, {"pn": 0, "ps": 1}, {"pn": 1, "ps": 101}):
            assert ask(service, endpoint, me, **invalid).code == -400
