"""Kinds of content: entries, decoding, and lines of content files."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from guanxi.contract import structs as s
from guanxi.contract.enums import BangumiType
from guanxi.contract.params import LATEST
from guanxi.world import feed, keys, marks, mine, profile, videos, works
from guanxi.world.feed import Post, PostType
from guanxi.world.kind import ONLY, Kind
from guanxi.world.kinds import BY_NAME, KINDS, MAX_ORIGINS, entry_of
from guanxi.world.marks import Mark
from guanxi.world.mine import Change, Happened, Later, Seen, SignedIn

VIDEO = s.Video(
    aid=170001,
    tid=129,
    title="Ein Lied, STRASSE",
    pubdate=100,
    stat=s.VideoStat(view=5, favorite=7, like=9),
)
SEEN = Seen(s.HistoryEntry(view_at=50, history=s.HistoryTarget(oid=9, business="pgc")))

#: A document of each kind, with its id, keys, filters and searched text.
CASES: list[tuple[Kind[Any], Any, int, dict[str, int], dict[str, object], str]] = [
    (profile.PROFILE, profile.Profile(sex="女"), ONLY, {}, {}, ""),
    (profile.NOTICE, profile.Notice("hello"), ONLY, {}, {}, ""),
    (profile.LIKE_EFFECT, s.LikeEffect("a", "b", "c"), ONLY, {}, {}, ""),
    (profile.JURY, s.Jury(case_total=3), ONLY, {}, {}, ""),
    (profile.FAN_REPORT, s.FanReport(s.FanSummary(total=4)), ONLY, {}, {}, ""),
    (
        videos.VIDEO,
        VIDEO,
        170001,
        {"pubdate": 100, "view": 5, "favorite": 7, "like": 9},
        {"tid": 129},
        "ein lied, strasse",
    ),
    (videos.TOP_VIDEO, videos.Chosen(3, "best"), ONLY, {}, {}, ""),
    (videos.MASTERPIECE, videos.Chosen(3, "best", 2), 3, {"place": 2}, {}, ""),
    (
        videos.SEASON,
        videos.Season(s.SeasonMeta(4, ptime=11), (1, 2)),
        4,
        {"time": 11},
        {},
        "",
    ),
    (
        videos.SERIES,
        videos.Series(s.SeriesMeta(5, mtime=12), (1, 2)),
        5,
        {"time": 12},
        {},
        "",
    ),
    (
        works.AUDIO,
        s.Audio(6, passtime=1, statistic=s.AudioCounts(play=2, collect=3)),
        6,
        {"time": 1, "play": 2, "collect": 3},
        {},
        "",
    ),
    (
        works.ARTICLE,
        s.Article(7, publish_time=1, stats=s.ArticleCounts(view=2, favorite=3, like=4)),
        7,
        {"time": 1, "view": 2, "favorite": 3, "like": 4},
        {},
        "",
    ),
    (
        works.ARTICLE_LIST,
        s.ArticleList(8, update_time=1, read=2),
        8,
        {"time": 1, "read": 2},
        {},
        "",
    ),
    (works.ALBUM, works.Album(s.Album(9, ctime=1), "draw"), 9, {"time": 1}, {"biz": "draw"}, ""),
    (works.COURSE, s.Course(10), 10, {"id": 10}, {}, ""),
    (
        works.BANGUMI,
        works.BangumiFollow(s.Bangumi(11, follow_status=2), 1, BangumiType.DRAMA),
        11,
        {"since": 1},
        {"type": 2, "status": 2},
        "",
    ),
    (works.TAG, works.TagFollow(s.Tag(12, "tag"), 1), 12, {"since": 1}, {}, ""),
    (
        works.MEDAL,
        s.Medal(s.MedalInfo(medal_id=13, level=2, intimacy=5)),
        13,
        {"level": 2 * 2**32 + 5},
        {},
        "",
    ),
    (works.RESERVATION, s.Reservation(14, stime=1), 14, {"time": 1}, {}, ""),
    (works.SUPPORT, works.Support(15, 2), 15, {"rank": 2}, {}, ""),
    (
        feed.POST,
        Post(id=16, type=PostType.WORD, time=1, pinned=True),
        16,
        {"id": 16},
        {"pinned": 1},
        "",
    ),
    (
        feed.PICTURE_POST,
        feed.PicturePost(id=17, of_article=True),
        17,
        {"id": 17},
        {"type": "article"},
        "",
    ),
    (mine.SEEN, SEEN, 9 * 8 + 1, {"time": 50}, {"tab": "archive", "business": "pgc"}, ""),
    (mine.LATER, Later(18, 1, -1), 18, {"time": 1}, {"finished": 1}, ""),
    (mine.NOTE, mine.Note(s.Note(19), 1), 19, {"time": 1}, {}, ""),
    (mine.PUBLIC_NOTE, mine.PublicNote(s.PublicNote(20), 1), 20, {"time": 1}, {}, ""),
    (mine.EXPERIENCE, Change(21, 1, 5), 21, {"time": 1}, {}, ""),
    (mine.MORAL, Change(22, 1, -1), 22, {"time": 1}, {}, ""),
    (mine.SIGN_IN, SignedIn(23, 1), 23, {"time": 1}, {}, ""),
    (mine.EVENT, Happened(24, 1), 24, {"time": 1}, {}, ""),
    (marks.MUTE, Mark(25, 1, 9), 25, {"time": 1, "until": 9}, {}, ""),
    (marks.DISMISSAL, Mark(26, 1), 26, {"time": 1, "until": LATEST}, {}, ""),
    (keys.KEY, keys.Key("guanxi"), keys.key_id("guanxi"), {"place": 0}, {}, ""),
]


def test_every_kind_has_a_unique_name_and_a_case() -> None:
    assert len(BY_NAME) == len(KINDS)
    assert [case[0] for case in CASES] == list(KINDS)


@pytest.mark.parametrize(
    ("kind", "document", "id", "keys", "filters", "text"),
    CASES,
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_entry_has_the_declared_values_and_decodes(
    kind: Kind[Any],
    document: Any,
    id: int,
    keys: dict[str, int],
    filters: dict[str, object],
    text: str,
) -> None:
    entry = kind.entry(1, document)
    assert (entry.owner, entry.kind, entry.id) == (1, kind.name, id)
    assert (entry.keys, entry.filters, entry.text) == (keys, filters, text)
    assert kind.read(entry.body) == document


@pytest.mark.parametrize(("kind", "document"), [case[:2] for case in CASES])
def test_a_line_of_a_content_file_becomes_an_entry(kind: Kind[Any], document: Any) -> None:
    line = msgspec.json.encode({"owner": 7, "kind": kind.name, "document": document})
    assert entry_of(line) == kind.entry(7, document)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "truncated"),
        ("{}", "owner"),
        ('{"owner":0,"kind":"notice","document":{"text":""}}', "owner"),
        ('{"owner":1,"kind":"film","document":{}}', "'film'"),
        ('{"owner":1,"kind":"notice","document":{}}', "text"),
        ('{"owner":1,"kind":"notice","document":{"text":7}}', "text"),
        ('{"owner":1,"kind":"course","document":{"season_id":-1}}', "id: -1"),
        (json.dumps({"owner": 1, "kind": "course", "document": {"season_id": 2**63}}), "id: "),
        (
            '{"owner":1,"kind":"seen","document":{"entry":{"history":{"oid":1,"business":"x"}}}}',
            "business: 'x' is not one of archive",
        ),
    ],
)
def test_an_invalid_line_is_refused_with_its_reason(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entry_of(line.encode())


@pytest.mark.parametrize(
    ("kind", "document", "reason"),
    [
        ("profile", {"birthday": "2023-02-29"}, "birthday: '2023-02-29' is not a day"),
        ("profile", {"birthday": "soon"}, "birthday: 'soon' is not a day"),
        ("post", {"id": 1, "type": "DYNAMIC_TYPE_WORD", "time": 253_402_272_000}, "time: 2534"),
        ("post", {"id": 1, "type": "DYNAMIC_TYPE_WORD", "time": -1}, "time: -1 is not"),
    ],
)
def test_a_line_that_no_response_could_show_is_refused(
    kind: str, document: dict[str, object], reason: str
) -> None:
    line = json.dumps({"owner": 1, "kind": kind, "document": document})
    with pytest.raises(ValueError, match=reason):
        entry_of(line.encode())


def _repost(depth: int, time: int = 1) -> bytes:
    """Return a line of a post that reposts ``depth`` others, the first of them of ``time``."""
    head = '{"id": 1, "type": "DYNAMIC_TYPE_WORD", "origin_mid": 1, "time": '
    document = f'{head}1, "origin": ' * depth + f"{head}{time}}}" + "}" * depth
    return f'{{"owner": 1, "kind": "post", "document": {document}}}'.encode()


def test_reposts_have_a_bound() -> None:
    assert entry_of(_repost(MAX_ORIGINS - 1)).id == 1
    with pytest.raises(ValueError, match=f"origin: more than {MAX_ORIGINS}"):
        entry_of(_repost(MAX_ORIGINS))
    with pytest.raises(ValueError, match="nested too deeply"):
        entry_of(_repost(100_000))


def test_the_times_of_reposted_posts_are_checked() -> None:
    with pytest.raises(ValueError, match="time: -5 is not"):
        entry_of(_repost(3, time=-5))
