"""A world of lists of given lengths: for each length an account, whose every list is that long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.sdk import answers
from guanxi.stores.port import EdgeRow, Store
from guanxi.testing import RunningService
from guanxi.world import feed, mine, profile, videos, works
from guanxi.world.kind import Entry
from tests.counts import LONG

#: The page size, where a function has one.
PS = 20
LENGTHS = (0, 1, PS - 1, PS, PS + 1, 100, 101) + ((1_000, 1_001, 3_000) if LONG else ())
BEGAN = 1_700_000_000
STRANGER = 90_000_000
#: No list of documents is longer.
_IDS = 10_000


class Holder:
    """An account whose lists have ``length`` members each, and one who follows the same accounts.

    The second also owns the season and the series with all videos of the first.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.mid, self.twin = 100_000_000 + length, 200_000_000 + length
        self.season, self.series = 300_000_000 + length, 400_000_000 + length
        #: The members of its lists of accounts, each newer than the one before.
        self.members = range(1, length + 1)
        self.whispered = range(_IDS + 1, _IDS + length + 1)
        self.blocked = range(2 * _IDS + 1, 2 * _IDS + length + 1)
        #: The ids of its documents of each kind.
        self.ids = range((length + 1) * _IDS, (length + 1) * _IDS + length)

    def edges(self) -> Iterator[EdgeRow]:
        for member in self.members:
            time = BEGAN + member
            mine = EdgeRow(follower=self.mid, followed=member, time=time, special=True)
            yield from (mine, EdgeRow(follower=member, followed=self.mid, time=time))
            yield EdgeRow(follower=self.twin, followed=member, time=time)
        for kind, others in (("whisper", self.whispered), ("block", self.blocked)):
            for member in others:
                yield EdgeRow(follower=self.mid, followed=member, time=BEGAN + member, kind=kind)

    def documents(self) -> Iterator[Entry]:
        yield profile.PROFILE.entry(self.mid, profile.Profile(supported=True))
        aids = tuple(self.ids)
        yield videos.SEASON.entry(self.twin, videos.Season(s.SeasonMeta(self.season), aids))
        yield videos.SERIES.entry(self.twin, videos.Series(s.SeriesMeta(self.series), aids))
        for place, one in enumerate(self.ids):
            for kind, document in self._documents(one, place, BEGAN + place):
                yield kind.entry(self.mid, document)

    def _documents(self, one: int, place: int, time: int) -> Iterator[tuple[Any, Any]]:
        yield videos.VIDEO, s.Video(one, pubdate=time)
        if place % 2:
            yield videos.SEASON, videos.Season(s.SeasonMeta(one, ptime=time), ())
        else:
            yield videos.SERIES, videos.Series(s.SeriesMeta(one, mtime=time), ())
        yield works.AUDIO, s.Audio(one, passtime=time)
        yield works.ARTICLE, s.Article(one, publish_time=time)
        yield works.ARTICLE_LIST, s.ArticleList(one, update_time=time)
        yield works.ALBUM, works.Album(s.Album(one, ctime=time))
        yield works.COURSE, s.Course(one)
        yield works.BANGUMI, works.BangumiFollow(s.Bangumi(one), time)
        yield works.TAG, works.TagFollow(s.Tag(one), time)
        yield works.MEDAL, s.Medal(s.MedalInfo(medal_id=one, level=1, intimacy=place))
        yield works.RESERVATION, s.Reservation(one, stime=time)
        yield works.SUPPORT, works.Support(one, place + 1)
        yield feed.POST, feed.Post(id=one, type=feed.PostType.WORD, time=time)
        yield feed.PICTURE_POST, feed.PicturePost(id=one)
        target = s.HistoryTarget(oid=one, business="archive")
        yield mine.SEEN, mine.Seen(s.HistoryEntry(view_at=time, history=target, kid=one))
        yield mine.LATER, mine.Later(one, time)
        yield mine.NOTE, mine.Note(s.Note(one), time)
        yield mine.PUBLIC_NOTE, mine.PublicNote(s.PublicNote(one), time)
        for log in (mine.EXPERIENCE, mine.MORAL):
            yield log, mine.Change(one, time, 1)
        yield mine.SIGN_IN, mine.SignedIn(one, time)
        yield mine.EVENT, mine.Happened(one, time)


HOLDERS = [Holder(length) for length in LENGTHS]


def fill(service: RunningService) -> None:
    """Store the accounts, edges and documents of all holders."""
    service.add_accounts(STRANGER, *(mid for one in HOLDERS for mid in (one.mid, one.twin)))
    service.import_edges(edge for holder in HOLDERS for edge in holder.edges())
    for holder in HOLDERS:
        service.do(partial(_put, list(holder.documents())))


async def _put(entries: Sequence[Entry], store: Store) -> None:
    await store.put(entries)


def id_of(item: Any, endpoint: Endpoint) -> int:
    """Return the id of a list's item, as decoded JSON: the last part of its key."""
    keys = [answers.at(item, name) for name in endpoint.pages.key] or [item]
    return int([key for key in keys if key is not None][-1])
