"""Generate the content of the demo's accounts: profiles, videos, posts, history and so on.

The same seed gives the same content. The hero has every kind of document, and several pages of each
paged kind; a few dozen other accounts have profiles and works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from guanxi.accounts.account import Card, State
from guanxi.demo.content import feed, mine, profiles, uploads, works
from guanxi.demo.content.mine import DELETED_AID
from guanxi.demo.content.owner import Owner, PublicContent
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

__all__ = ["COMMON_WORD", "DELETED_AID", "HIDES_SPACE", "NOTHING", "make_content"]

#: An account that hides its bangumi, tags, courses and medals; an account without any content.
HIDES_SPACE, NOTHING = HIDES_FOLLOWINGS, REFUSES_FOLLOWS

#: The number of other accounts with content, and of the hero's followers who support it.
_OTHERS, _SUPPORTERS = 45, 5
_HIDDEN_TAGS, _HIDDEN_BANGUMI = 3, 3

#: A kind, an owner and the owner's documents of that kind.
_Group = tuple[Kind[Any], Owner, Iterable[Any]]


def make_content(world: World, seed: int = 1) -> list[Entry]:
    """Return generated content of the hero and up to 45 other accounts of `world`, as entries.

    `world` must contain the example accounts and edges, as every result of `make_world` does.
    """
    mids = (
        mid
        for mid, (_, _, state) in world.accounts.items()
        if mid not in {HERO, NOTHING} and state is State.NORMAL
    )
    cards = {mid: card for mid, (card, _, _) in world.accounts.items()}
    others = [
        _other(Owner(seed, index, mid, cards[mid]))
        for index, mid in enumerate(islice(mids, _OTHERS), 1)
    ]
    hero = Owner(seed, 0, HERO, cards[HERO])
    groups = chain(
        chain.from_iterable(map(_of_other, others)),
        _of_hidden(next(it.owner for it in others if it.owner.mid == HIDES_SPACE), cards),
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


def _other(owner: Owner) -> PublicContent:
    """Return a non-hero account's content: profile, 4 to 8 videos, two posts.

    Every second account also has two articles and a list of articles; `HIDES_SPACE` has courses,
    and hides parts of its space.
    """
    writes, own = owner.index % 2, uploads.videos(owner, 4 + owner.index % 5)
    hides = owner.mid == HIDES_SPACE
    return PublicContent(
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


def _of_other(content: PublicContent) -> Iterator[_Group]:
    owner = content.owner
    yield PROFILE, owner, [content.profile]
    yield VIDEO, owner, content.videos
    yield ARTICLE, owner, content.articles
    yield ARTICLE_LIST, owner, content.article_lists
    yield COURSE, owner, content.courses
    yield POST, owner, content.posts
    yield SEASON, owner, uploads.seasons(owner, content.videos, owner.index % 2)


def _of_hidden(owner: Owner, cards: dict[int, Card]) -> Iterator[_Group]:
    """Yield groups with the bangumi, the tags and the medal that `HIDES_SPACE` (`owner`) hides.

    Raise KeyError if `cards` lacks the hero.
    """
    yield BANGUMI, owner, works.bangumi(owner, _HIDDEN_BANGUMI)
    yield TAG, owner, works.tags(owner, _HIDDEN_TAGS)
    yield MEDAL, owner, works.medals(owner, {HERO: cards[HERO]})


def _of_hero(
    owner: Owner, others: list[PublicContent], followers: list[int], cards: dict[int, Card]
) -> Iterator[_Group]:
    own, articles = uploads.videos(owner, 75), works.articles(owner, 35)
    albums, bangumi = works.albums(owner, 33), works.bangumi(owner, 32)
    forwarded = [(content.owner.mid, content.posts[-1]) for content in others]
    givers = {content.owner.mid: content.owner.card for content in others[:5]}

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
        feed.posts(owner, 30, own=own, articles=articles, albums=albums, others=forwarded),
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
