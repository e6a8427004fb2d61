"""What the demo's accounts have besides relations: the same from the same seed.

The hero has something of every kind, and enough of what is paged for several pages; a few dozen
other accounts have profiles and works for it to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from guanxi.accounts.account import Card, State
from guanxi.demo.content import feed, mine, profiles, uploads, works
from guanxi.demo.content.mine import GONE_AID
from guanxi.demo.content.owner import Made, Owner
from guanxi.demo.content.uploads import COMMON_WORD
from guanxi.demo.world import HERO, HIDES_FOLLOWINGS, REFUSES_FOLLOWS, World
from guanxi.world.feed import PICTURE_POST, POST
from guanxi.world.kind import Entry, Kind
from guanxi.world.mine import (
    EVENT,
    EXPERIENCE,
    LATER,
    MORAL,
    NOTE,
    PUBLIC_NOTE,
    SEEN,
    SIGN_IN,
)
from guanxi.world.profile import FAN_REPORT, JURY, LIKE_EFFECT, NOTICE, PROFILE
from guanxi.world.videos import MASTERPIECE, SEASON, SERIES, TOP_VIDEO, VIDEO
from guanxi.world.works import (
    ALBUM,
    ARTICLE,
    ARTICLE_LIST,
    AUDIO,
    BANGUMI,
    COURSE,
    MEDAL,
    RESERVATION,
    SUPPORT,
    TAG,
)

__all__ = ["COMMON_WORD", "GONE_AID", "HIDES_SPACE", "NOTHING", "make_content"]

#: One who keeps series, tags, courses and medals to itself; one who has nothing at all.
HIDES_SPACE, NOTHING = HIDES_FOLLOWINGS, REFUSES_FOLLOWS

#: How many others have content, and how many of the hero's followers support it.
_OTHERS, _SUPPORTERS = 45, 5
_HIDDEN_TAGS, _HIDDEN_SERIES = 3, 3

#: Documents of one kind and one owner.
_Group = tuple[Kind[Any], Owner, Iterable[Any]]


def make_content(world: World, seed: int = 1) -> list[Entry]:
    """The content of a world, ready to be put."""
    mids = (
        mid
        for mid, (_, _, state) in world.accounts.items()
        if mid not in {HERO, NOTHING} and state is State.NORMAL
    )
    cards = {mid: card for mid, (card, _, _) in world.accounts.items()}
    others = [
        _other(Owner(seed, place, mid, cards[mid]))
        for place, mid in enumerate(islice(mids, _OTHERS), 1)
    ]
    hero = Owner(seed, 0, HERO, cards[HERO])
    groups = chain(
        chain.from_iterable(map(_of_other, others)),
        _of_hidden(next(made.owner for made in others if made.owner.mid == HIDES_SPACE), cards),
        _of_hero(hero, others, _followers(world), cards),
    )
    return [
        kind.entry(owner.mid, document)
        for kind, owner, documents in groups
        for document in documents
    ]


def _followers(world: World) -> list[int]:
    return sorted(
        edge.follower for edge in world.edges if edge.followed == HERO and edge.kind == "follow"
    )


def _other(owner: Owner) -> Made:
    """Some videos and two posts; every second some articles, and one list of them."""
    writes, own = owner.place % 2, uploads.videos(owner, 4 + owner.place % 5)
    hides = owner.mid == HIDES_SPACE
    return Made(
        owner,
        profiles.profile(
            owner, frozenset({"bangumi", "tags", "courses", "medals"} if hides else ())
        ),
        own,
        works.articles(owner, 2 * writes),
        works.article_lists(owner, writes),
        works.courses(owner, 12 if hides else 0),
        feed.small_posts(owner, own),
    )


def _of_other(made: Made) -> Iterator[_Group]:
    owner = made.owner
    yield PROFILE, owner, [made.profile]
    yield VIDEO, owner, made.videos
    yield ARTICLE, owner, made.articles
    yield ARTICLE_LIST, owner, made.article_lists
    yield COURSE, owner, made.courses
    yield POST, owner, made.posts
    yield SEASON, owner, uploads.seasons(owner, made.videos, owner.place % 2)


def _of_hidden(owner: Owner, cards: dict[int, Card]) -> Iterator[_Group]:
    """What there is to hide, the courses apart."""
    yield BANGUMI, owner, works.bangumi(owner, _HIDDEN_SERIES)
    yield TAG, owner, works.tags(owner, _HIDDEN_TAGS)
    yield MEDAL, owner, works.medals(owner, {HERO: cards[HERO]})


def _of_hero(
    owner: Owner, others: list[Made], followers: list[int], cards: dict[int, Card]
) -> Iterator[_Group]:
    own, articles = uploads.videos(owner, 75), works.articles(owner, 35)
    albums, bangumi = works.albums(owner, 33), works.bangumi(owner, 32)
    passed_on = [(made.owner.mid, made.posts[-1]) for made in others]
    givers = {made.owner.mid: made.owner.card for made in others[:5]}

    yield PROFILE, owner, [profiles.profile(owner)]
    yield NOTICE, owner, [profiles.notice()]
    yield LIKE_EFFECT, owner, [profiles.like_effect(owner)]
    yield JURY, owner, [profiles.jury()]
    yield FAN_REPORT, owner, [profiles.fan_report(owner, followers, cards)]

    yield VIDEO, owner, own
    yield TOP_VIDEO, owner, [uploads.top_video(own)]
    yield MASTERPIECE, owner, uploads.masterpieces(own)
    yield SEASON, owner, uploads.seasons(owner, own, 13)
    yield SERIES, owner, uploads.series(owner, own, 10)

    yield AUDIO, owner, works.audios(owner, 35)
    yield ARTICLE, owner, articles
    yield ARTICLE_LIST, owner, works.article_lists(owner, 3)
    yield ALBUM, owner, albums
    yield COURSE, owner, works.courses(owner, 22)
    yield BANGUMI, owner, bangumi
    yield TAG, owner, works.tags(owner, 25)
    yield MEDAL, owner, works.medals(owner, givers)
    yield RESERVATION, owner, works.reservations(owner)
    yield SUPPORT, owner, works.supporters(followers[:_SUPPORTERS])

    yield (
        POST,
        owner,
        feed.posts(owner, 30, own=own, articles=articles, albums=albums, others=passed_on),
    )
    yield PICTURE_POST, owner, feed.picture_posts(owner, 45)

    yield SEEN, owner, mine.history(owner, others, bangumi)
    yield LATER, owner, mine.later(owner, others, 12)
    yield NOTE, owner, mine.notes(owner, others, 25)
    yield PUBLIC_NOTE, owner, mine.public_notes(owner, 22)
    yield EXPERIENCE, owner, mine.experience(owner)
    yield MORAL, owner, mine.moral(owner)
    yield SIGN_IN, owner, mine.sign_ins(owner)
    yield EVENT, owner, mine.events(owner)
