"""The owner of generated content: its random sources and its id ranges."""

from __future__ import annotations

from random import Random

from msgspec import Struct

from guanxi.accounts.account import Card
from guanxi.contract import structs as s
from guanxi.demo.world import BEGIN, END
from guanxi.world.feed import Post
from guanxi.world.profile import Profile

#: The size of an owner's id range in each kind, so that ids of two owners never collide.
ROOM = 500
_POST_TIMES, _POST_ROOM = 10**9, 1_000


class Owner(Struct, frozen=True):
    """An account that owns generated content. ``index`` numbers such accounts; the hero's is 0."""

    seed: int
    index: int
    mid: int
    card: Card

    def draw(self, area: str) -> Random:
        """Return a new random source for `area`, always with the same sequence for this owner."""
        return Random(f"{self.seed}:{self.mid}:{area}")  # noqa: S311 - test data, not a secret

    def number(self, first: int, n: int) -> int:
        """Return the id of this owner's document `n` (0 <= n < 500, not checked).

        The ids of the document's kind start at `first`.
        """
        return first + self.index * ROOM + n

    def post_number(self, time: int, n: int) -> int:
        """Return the id of this owner's dynamic `n` (0 <= n < 1000, not checked).

        A later `time` (Unix seconds) gives a higher id.
        """
        return time * _POST_TIMES + self.index * _POST_ROOM + n


def picture(draw: Random, folder: str) -> str:
    """Return a random URL of a picture in `folder`, in the form that uploaded pictures have."""
    return f"https://i{draw.randint(0, 2)}.hdslb.com/bfs/{folder}/{draw.getrandbits(160):040x}.jpg"


def times(draw: Random, count: int, *, first: int = BEGIN, ties: int = 0) -> list[int]:
    """Return `count` ascending Unix times, random from `first` to END - 1, in seconds.

    The first `ties` (at most `count`) are equal.
    """
    rising = sorted(draw.randrange(first, END) for _ in range(count))
    return rising[:1] * ties + rising[ties:]


class PublicContent(Struct, frozen=True):
    """The content of an account that other accounts' content refers to."""

    owner: Owner
    profile: Profile
    videos: list[s.Video]
    articles: list[s.Article]
    article_lists: list[s.ArticleList]
    courses: list[s.Course]
    posts: list[Post]
