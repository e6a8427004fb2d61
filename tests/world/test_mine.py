"""Items of the history, notes and logs."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from guanxi.contract import structs as s
from guanxi.contract.enums import HistoryBusinessType, HistoryType
from guanxi.world import mine
from guanxi.world.mine import Change, Seen, SignedIn

AUTHOR = s.Author(2, "name", "face")
VIDEO = s.Video(aid=170001, title="title", duration=60, cid=7, videos=2)
ENTRY = s.HistoryEntry(
    title="as it was",
    cover="cover",
    uri="uri",
    history=s.HistoryTarget(oid=170001, business="archive", cid=8),
    videos=1,
    author_name="then",
    author_mid=3,
    view_at=500,
    progress=-1,
    duration=61,
    is_fav=1,
    kid=170001,
)
SEEN = Seen(ENTRY, device=1)


def test_the_older_history_shows_the_current_video() -> None:
    item = mine.old_history_item(SEEN, VIDEO, AUTHOR)
    assert (item.title, item.owner, item.bvid) == ("title", AUTHOR, "BV17x411w7KC")
    assert (item.type, item.business, item.device, item.favorite) == (3, "archive", 1, True)
    assert (item.view_at, item.progress, item.kid, item.redirect_link) == (500, -1, 170001, "uri")
    assert isinstance(item.page, s.VideoPart)
    assert item.page.cid == 7
    assert (item.bangumi, item.cheese) == (UNSET, UNSET)


def test_a_deleted_video_is_shown_as_its_entry_recorded_it() -> None:
    item = mine.old_history_item(SEEN, None, None)
    assert (item.aid, item.title, item.pic, item.duration) == (170001, "as it was", "cover", 61)
    assert item.owner == s.Author(3, "then", "")
    assert item.bvid == "BV17x411w7KC"


def test_episodes_and_lessons_in_the_older_history() -> None:
    episode = Seen(
        msgspec.structs.replace(ENTRY, history=s.HistoryTarget(oid=5, business="pgc")),
        bangumi=s.WatchedEpisode(ep_id=6),
    )
    item = mine.old_history_item(episode, None, None)
    assert (item.type, item.business, item.bvid, item.page) == (4, "pgc", "", UNSET)
    assert item.bangumi == s.WatchedEpisode(ep_id=6)
    lesson = Seen(
        msgspec.structs.replace(ENTRY, history=s.HistoryTarget(oid=5, business="cheese")),
        cheese=s.WatchedLesson(season_id=9),
    )
    item = mine.old_history_item(lesson, None, None)
    assert (item.type, item.cheese) == (10, s.WatchedLesson(season_id=9))


def test_the_newer_history_computes_a_missing_bvid() -> None:
    assert mine.history_item(SEEN).history.bvid == "BV17x411w7KC"
    stored = msgspec.structs.replace(
        ENTRY, history=s.HistoryTarget(1, business="archive", bvid="BV")
    )
    assert mine.history_item(Seen(stored)) == stored
    live = msgspec.structs.replace(ENTRY, history=s.HistoryTarget(1, business="live"))
    assert mine.history_item(Seen(live)) == live


def test_ids_of_equal_oids_differ_by_business() -> None:
    assert len({mine.seen_id(business, 7) for business in mine.BUSINESSES}) == len(mine.BUSINESSES)
    assert mine.seen_id("archive", 7) != mine.seen_id("archive", 8)
    with pytest.raises(KeyError):
        mine.seen_id("films", 7)


def test_every_documented_business_and_tab_exists() -> None:
    assert {item.value for item in HistoryBusinessType} <= mine.BUSINESSES.keys()
    tabs = {item.value for item in HistoryType} - {"all"}
    assert set(mine.BUSINESSES.values()) == tabs == {tab.type for tab in mine.TABS}


def test_items_of_notes_and_logs() -> None:
    note = mine.note_item(mine.Note(s.Note(9, title="t"), 1_700_000_000))
    assert (note.mtime, note.note_id_str, note.title) == ("2023-11-15 06:13", "9", "t")
    author = s.NoteAuthor(2, "name")
    public = mine.public_note_item(mine.PublicNote(s.PublicNote(9), 1_700_000_000), author)
    assert (public.pubtime, public.author) == ("2023-11-15 06:13", author)
    assert mine.log_line(Change(1, 1_700_000_000, 5, "why")) == s.Experience(
        5, "2023-11-15 06:13:20", "why"
    )
    assert mine.sign_in_item(
        SignedIn(1, 1_700_000_000, "1.2.*.*", "here", ok=False, type=1)
    ) == s.SignIn("1.2.*.*", 1_700_000_000, "2023-11-15 06:13:20", False, 1, "here")
