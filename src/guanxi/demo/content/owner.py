"""Whose content is made: what it is drawn from, and the numbers that keep it apart from others'."""

from __future__ import annotations

from random import Random

from msgspec import Struct

from guanxi.accounts.account import Card
from guanxi.contract import structs as s
from guanxi.demo.world import BEGIN, END
from guanxi.world.feed import Post
from guanxi.world.profile import Profile

#: How many documents of one kind an owner has room for, so that no number falls to two.
ROOM = 500
_POST_TIMES, _POST_ROOM = 10**9, 1_000


class Owner(Struct, frozen=True):
    """An account of the demo. ``place`` counts those with content, from 0; the hero's is 0."""

    seed: int
    place: int
    mid: int
    card: Card

    def draw(self, area: str) -> Random:
        """What an area is drawn from: what one of them holds moves no other."""
        return Random(f"{self.seed}:{self.mid}:{area}")  # noqa: S311 - a world, not a secret

    def number(self, first: int, n: int) -> int:
        """An id of the numbers that begin at ``first``, for the owner's n-th document."""
        return first + self.place * ROOM + n

    def post_number(self, time: int, n: int) -> int:
        """The id of a dynamic: it rises with time, and tells two of one second apart."""
        return time * _POST_TIMES + self.place * _POST_ROOM + n


def picture(draw: Random, folder: str) -> str:
    """An address as that of an uploaded picture."""
    return f"https://i{draw.randint(0, 2)}.hdslb.com/bfs/{folder}/{draw.getrandbits(160):040x}.jpg"


def times(draw: Random, count: int, *, first: int = BEGIN, ties: int = 0) -> list[int]:
    """So many times up to the end of the world, rising; the first ones ``ties`` times the same."""
    some = sorted(draw.randrange(first, END) for _ in range(count))
    return some[:1] * ties + some[ties:]


class Made(Struct, frozen=True):
    """What an owner has made, as far as others look at it."""

    owner: Owner
    profile: Profile
    videos: list[s.Video]
    articles: list[s.Article]
    article_lists: list[s.ArticleList]
    courses: list[s.Course]
    posts: list[Post]
