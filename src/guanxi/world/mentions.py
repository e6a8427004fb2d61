"""What documents of others say of an account, and what is left of them once it is erased.

Documents that an account owns are deleted with it. Those of others name it by its mid in the fields
below; a text that somebody wrote may name it too, which nobody can find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from guanxi.contract import structs as s
from guanxi.world.feed import POST, Post
from guanxi.world.marks import DISMISSAL, MUTE
from guanxi.world.mine import PUBLIC_NOTE, SEEN, PublicNote, Seen
from guanxi.world.profile import FAN_REPORT, PROFILE, Profile
from guanxi.world.videos import SEASON, SERIES, VIDEO, Season, Series
from guanxi.world.works import (
    ALBUM,
    ARTICLE,
    ARTICLE_LIST,
    AUDIO,
    MEDAL,
    RESERVATION,
    SUPPORT,
    Album,
)

T = TypeVar("T")

#: The kinds whose documents are about one other account, whose mid is their id.
MARKS = frozenset({MUTE.name, DISMISSAL.name, SUPPORT.name})


def _profile(profile: Profile, mid: int) -> Profile:
    medal = profile.fans_medal.medal
    if medal is None or mid not in (medal.uid, medal.target_id):
        return profile
    return replace(profile, fans_medal=s.FansMedal())


def _fan_report(report: s.FanReport, mid: int) -> s.FanReport:
    def others(fans: Sequence[s.RankedFan]) -> list[s.RankedFan]:
        return [fan for fan in fans if fan.mid != mid]

    ranks = report.rank_list
    return replace(
        report,
        rank_list=s.FanRanks(
            dynamic_act=others(ranks.dynamic_act),
            video_act=others(ranks.video_act),
            video_play=others(ranks.video_play),
        ),
    )


def _post(post: Post, mid: int) -> Post:
    if post.origin_mid == mid:
        return replace(post, origin=None, origin_mid=0)
    return post if post.origin is None else replace(post, origin=_post(post.origin, mid))


def _seen(seen: Seen, mid: int) -> Seen:
    if seen.entry.author_mid != mid:
        return seen
    return replace(seen, entry=replace(seen.entry, author_mid=0, author_name="", author_face=""))


def _medal(medal: s.Medal, mid: int) -> s.Medal | None:
    return None if mid in (medal.medal_info.target_id, medal.look.ruid) else medal


def _public_note(document: PublicNote, mid: int) -> PublicNote:
    author = document.note.author
    if author is None or author.mid != mid:
        return document
    return replace(document, note=replace(document.note, author=None))


def _video(video: s.Video, mid: int) -> s.Video:
    return replace(video, owner=None) if video.owner and video.owner.mid == mid else video


def _article(article: s.Article, mid: int) -> s.Article:
    if article.author is None or article.author.mid != mid:
        return article
    return replace(article, author=None)


def _audio(audio: s.Audio, mid: int) -> s.Audio:
    return replace(audio, uid=0, uname="", author=None) if audio.uid == mid else audio


def _channel(channel: Season | Series, mid: int) -> Season | Series:
    if channel.meta.mid != mid:
        return channel
    return replace(channel, meta=replace(channel.meta, mid=0))


def _album(document: Album, mid: int) -> Album:
    if document.album.poster_uid != mid:
        return document
    return replace(document, album=replace(document.album, poster_uid=0))


def _article_list(articles: s.ArticleList, mid: int) -> s.ArticleList:
    return replace(articles, mid=0) if articles.mid == mid else articles


def _reservation(reservation: s.Reservation, mid: int) -> s.Reservation:
    return replace(reservation, up_mid=0) if reservation.up_mid == mid else reservation


#: By kind, what is left of another account's document: the same if it does not name the account,
#: None if nothing is.
WITHOUT: Mapping[str, Callable[[Any, int], Any]] = {
    PROFILE.name: _profile,
    FAN_REPORT.name: _fan_report,
    POST.name: _post,
    SEEN.name: _seen,
    MEDAL.name: _medal,
    PUBLIC_NOTE.name: _public_note,
    VIDEO.name: _video,
    ARTICLE.name: _article,
    AUDIO.name: _audio,
    SEASON.name: _channel,
    SERIES.name: _channel,
    ALBUM.name: _album,
    ARTICLE_LIST.name: _article_list,
    RESERVATION.name: _reservation,
}
