"""What is left of documents of others once an account that they name is erased."""

from __future__ import annotations

from typing import Any

import msgspec
import msgspec.inspect
import pytest
from msgspec.structs import replace

from guanxi.contract import structs as s
from guanxi.world import feed, mine, profile, videos, works
from guanxi.world.feed import Post, PostType
from guanxi.world.kind import Kind
from guanxi.world.kinds import BY_NAME, KINDS
from guanxi.world.mentions import MARKS, WITHOUT

GONE, OTHER = 7_000_001, 8_000_001
NAME = "Zoë"

_WORD = Post(id=1, type=PostType.WORD, time=1, text=NAME)


def _post(*authors: int) -> Post:
    """Return a repost of reposts, the last of which is by the last author."""
    post = _WORD
    for id, mid in enumerate(reversed(authors), 2):
        post = Post(id=id, type=PostType.FORWARD, time=1, origin=post, origin_mid=mid)
    return post


def _fans(*mids: int) -> s.FanReport:
    fans = [s.RankedFan(mid, NAME) for mid in mids]
    return s.FanReport(rank_list=s.FanRanks(fans, fans, fans))


def _seen(mid: int, name: str) -> mine.Seen:
    history = s.HistoryTarget(oid=5, business="archive")
    entry = s.HistoryEntry(history=history, author_mid=mid, author_name=name, author_face=name)
    return mine.Seen(entry)


def _medal(**fields: Any) -> s.Medal:
    return replace(s.Medal(target_name=NAME), **fields)


def _worn(uid: int, target: int) -> profile.Profile:
    medal = s.WornMedal(uid=uid, target_id=target, medal_name=NAME)
    return profile.Profile(birthday="2000-01-02", fans_medal=s.FansMedal(medal=medal))


_PLAIN = profile.Profile(birthday="2000-01-02")
_META = s.SeriesMeta(id=1)
_NOTE = mine.PublicNote(s.PublicNote(id=1, author=s.NoteAuthor(GONE, NAME)), 1)


@pytest.mark.parametrize(
    ("kind", "document", "left"),
    [
        (profile.PROFILE, _worn(GONE, OTHER), _PLAIN),
        (profile.PROFILE, _worn(OTHER, GONE), _PLAIN),
        (profile.FAN_REPORT, _fans(OTHER, GONE), _fans(OTHER)),
        (feed.POST, _post(GONE), replace(_post(OTHER), origin=None, origin_mid=0)),
        (feed.POST, _post(OTHER, GONE), replace(_post(OTHER, OTHER), origin=Post(
            id=2, type=PostType.FORWARD, time=1))),
        (mine.SEEN, _seen(GONE, NAME), _seen(0, "")),
        (works.MEDAL, _medal(medal_info=s.MedalInfo(target_id=GONE)), None),
        (works.MEDAL, _medal(look=s.MedalLook(ruid=GONE)), None),
        (mine.PUBLIC_NOTE, _NOTE, mine.PublicNote(s.PublicNote(id=1), 1)),
        (videos.VIDEO, s.Video(aid=1, owner=s.Author(GONE, NAME)), s.Video(aid=1)),
        (works.ARTICLE, s.Article(id=1, author=s.ArticleAuthor(GONE, NAME)), s.Article(id=1)),
        (works.AUDIO, s.Audio(id=1, uid=GONE, uname=NAME, author=NAME), s.Audio(id=1)),
        (
            videos.SEASON,
            videos.Season(s.SeasonMeta(id=1, mid=GONE), (5,)),
            videos.Season(s.SeasonMeta(id=1), (5,)),
        ),
        (videos.SERIES, videos.Series(s.SeriesMeta(id=1, mid=GONE)), videos.Series(_META)),
        (works.ALBUM, works.Album(s.Album(id=1, poster_uid=GONE)), works.Album(s.Album(id=1))),
        (works.ARTICLE_LIST, s.ArticleList(id=1, mid=GONE), s.ArticleList(id=1)),
        (works.RESERVATION, s.Reservation(id=1, up_mid=GONE), s.Reservation(id=1)),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)  # fmt: skip
def test_what_is_said_of_an_account_is_removed(kind: Kind[Any], document: Any, left: Any) -> None:
    assert WITHOUT[kind.name](document, GONE) == left
    assert WITHOUT[kind.name](document, 99) == document
    if left is not None:
        assert WITHOUT[kind.name](left, GONE) == left
        assert str(GONE).encode() not in kind.entry(1, left).body
        assert kind.entry(1, left).id == kind.entry(1, document).id


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (profile.PROFILE, _PLAIN),
        (feed.POST, _WORD),
        (mine.PUBLIC_NOTE, mine.PublicNote(s.PublicNote(id=1), 1)),
        (videos.VIDEO, s.Video(aid=1)),
        (works.ARTICLE, s.Article(id=1)),
    ],
)
def test_a_document_that_names_nobody_stays(kind: Kind[Any], document: Any) -> None:
    assert WITHOUT[kind.name](document, GONE) is document


#: Fields that are mids, by their last part; others with a number are no account.
_MIDS = {"mid", "uid", "target_id", "ruid", "up_mid", "author_mid", "origin_mid", "poster_uid"}


def _fields(kind: msgspec.inspect.Type, within: frozenset[type] = frozenset()) -> set[str]:
    """Return the names of all fields of a type and of what it contains."""
    info: Any = kind
    if isinstance(kind, msgspec.inspect.StructType):
        if kind.cls in within:
            return set()
        inside = [_fields(field.type, within | {kind.cls}) for field in kind.fields]
        return {field.name for field in kind.fields}.union(*inside)
    if isinstance(kind, msgspec.inspect.UnionType):
        return set[str]().union(*(_fields(each, within) for each in kind.types))
    return _fields(info.item_type, within) if hasattr(info, "item_type") else set()


def test_every_kind_that_names_an_account_is_known() -> None:
    naming = {
        kind.name for kind in KINDS if _fields(msgspec.inspect.type_info(kind.body)) & _MIDS
    } | {"mute", "dismissal"}
    assert naming == WITHOUT.keys() | MARKS
    for kind in MARKS:
        assert kind in BY_NAME
