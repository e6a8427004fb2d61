"""What an account is told of itself alone."""

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


def test_a_video_in_the_older_history() -> None:
    told = mine.old_history_item(SEEN, VIDEO, AUTHOR)
    assert (told.title, told.owner, told.bvid) == ("title", AUTHOR, "BV17x411w7KC")
    assert (told.type, told.business, told.device, told.favorite) == (3, "archive", 1, True)
    assert (told.view_at, told.progress, told.kid, told.redirect_link) == (500, -1, 170001, "uri")
    assert isinstance(told.page, s.VideoPart)
    assert told.page.cid == 7
    assert (told.bangumi, told.cheese) == (UNSET, UNSET)


def test_a_video_that_is_gone() -> None:
    told = mine.old_history_item(SEEN, None, None)
    assert (told.aid, told.title, told.pic, told.duration) == (170001, "as it was", "cover", 61)
    assert told.owner == s.Author(3, "then", "")
    assert told.bvid == "BV17x411w7KC"


def test_episodes_and_lessons_in_the_older_history() -> None:
    episode = Seen(
        msgspec.structs.replace(ENTRY, history=s.HistoryTarget(oid=5, business="pgc")),
        bangumi=s.WatchedEpisode(ep_id=6),
    )
    told = mine.old_history_item(episode, None, None)
    assert (told.type, told.business, told.bvid, told.page) == (4, "pgc", "", UNSET)
    assert told.bangumi == s.WatchedEpisode(ep_id=6)
    lesson = Seen(
        msgspec.structs.replace(ENTRY, history=s.HistoryTarget(oid=5, business="cheese")),
        cheese=s.WatchedLesson(season_id=9),
    )
    told = mine.old_history_item(lesson, None, None)
    assert (told.type, told.cheese) == (10, s.WatchedLesson(season_id=9))


def test_the_newer_history_makes_the_bvid() -> None:
    assert mine.history_item(SEEN).history.bvid == "BV17x411w7KC"
    kept = msgspec.structs.replace(ENTRY, history=s.HistoryTarget(1, business="archive", bvid="BV"))
    assert mine.history_item(Seen(kept)) == kept
    live = msgspec.structs.replace(ENTRY, history=s.HistoryTarget(1, business="live"))
    assert mine.history_item(Seen(live)) == live


def test_ids_of_one_number_in_several_businesses_differ() -> None:
    assert len({mine.seen_id(business, 7) for business in mine.BUSINESSES}) == len(mine.BUSINESSES)
    assert mine.seen_id("archive", 7) != mine.seen_id("archive", 8)
    with pytest.raises(KeyError):
        mine.seen_id("films", 7)


def test_every_business_and_tab_of_the_documents() -> None:
    assert {one.value for one in HistoryBusinessType} <= mine.BUSINESSES.keys()
    tabs = {one.value for one in HistoryType} - {"all"}
    assert set(mine.BUSINESSES.values()) == tabs == {tab.type for tab in mine.TABS}


def test_notes_and_logs() -> None:
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
