"""Dynamics and picture posts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from msgspec.structs import replace

from guanxi.contract import structs as s
from guanxi.demo.content.owner import Owner, picture, times
from guanxi.world.feed import PicturePost, Post, PostType
from guanxi.world.works import Album

#: The index of the hero's pinned post, the oldest being 0.
_PINNED = 7
#: The first index of picture posts, so that their ids differ from those of dynamics.
_FIRST_PICTURE_POST = 500
_TEXTS = ("今天天气不错", "剪了一整天", "有人要一起骑车吗", "这首歌循环一周了", "新设备到了")


def small_posts(owner: Owner, own: Sequence[s.Video]) -> list[Post]:
    """Return two posts: a text, then the last video of `own`. Raise IndexError if there is none."""
    draw = owner.draw("posts")
    first, second = times(draw, 2)
    return [
        _with_counts(owner, 0, _text_post(owner, first, 0)),
        _with_counts(owner, 1, _video_post(owner, second, 1, own[-1])),
    ]


def posts(
    owner: Owner,
    count: int,
    *,
    own: Sequence[s.Video],
    articles: Sequence[s.Article],
    albums: Sequence[Album],
    others: Sequence[tuple[int, Post]],
) -> list[Post]:
    """Return `count` posts, oldest first, with the types in turn; the eighth, a video, is pinned.

    `others` holds the posts to forward, each with its author's mid. Raise IndexError if `own`,
    `articles` or `albums` has no item at a post's index, ZeroDivisionError if a post must forward
    one and `others` is empty.
    """
    draw = owner.draw("posts")
    documents = []
    for n, (time, type_) in enumerate(zip(times(draw, count), cycle(PostType), strict=False)):
        if type_ is PostType.VIDEO:
            post = _video_post(owner, time, n, own[n])
        elif type_ is PostType.ARTICLE:
            post = _article_post(owner, time, n, articles[n])
        elif type_ is PostType.DRAW:
            post = _album_post(owner, time, n, albums[n])
        elif type_ is PostType.FORWARD:
            post = _forward(owner, time, n, *others[n % len(others)])
        else:
            post = _text_post(owner, time, n)
        documents.append(_with_counts(owner, n, post))
    return documents


def _text_post(owner: Owner, time: int, n: int) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.WORD,
        time=time,
        text=_TEXTS[n % len(_TEXTS)],
        topic="日常" if n % 2 else "",
    )


def _video_post(owner: Owner, time: int, n: int, video: s.Video) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.VIDEO,
        time=time,
        text=video.dynamic,
        rid=video.aid,
        title=video.title,
        cover=video.pic,
        duration=video.duration,
        pinned=n == _PINNED,
    )


def _article_post(owner: Owner, time: int, n: int, article: s.Article) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.ARTICLE,
        time=time,
        text=article.summary,
        rid=article.id,
        title=article.title,
        cover=article.image_urls[0] if article.image_urls else "",
    )


def _album_post(owner: Owner, time: int, n: int, album: Album) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.DRAW,
        time=time,
        text=album.album.description,
        rid=album.album.id,
        title=album.album.title,
        pictures=tuple(album.album.pictures),
    )


def _forward(owner: Owner, time: int, n: int, mid: int, origin: Post) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.FORWARD,
        time=time,
        text="转给你们看",
        origin=origin,
        origin_mid=mid,
    )


def _with_counts(owner: Owner, n: int, post: Post) -> Post:
    draw = owner.draw(f"post {n}")
    return replace(
        post,
        views=draw.randint(50, 9_000),
        forwards=draw.randint(0, 40),
        comments=draw.randint(0, 200),
        likes=draw.randint(0, 900),
    )


def picture_posts(owner: Owner, count: int) -> list[PicturePost]:
    """Return `count` picture posts, oldest first.

    Every third was published with an article; every fifth has no picture.
    """
    draw = owner.draw("picture posts")
    return [
        PicturePost(
            id=owner.post_number(time, _FIRST_PICTURE_POST + n),
            of_article=n % 3 == 0,
            content=f"{_TEXTS[n % len(_TEXTS)]}（{n + 1}）",
            cover=None if n % 5 == 4 else s.OpusCover(1440, picture(draw, "new_dyn"), 1080),
            likes=draw.randint(0, 300),
            views=draw.randint(100, 9_000),
        )
        for n, time in enumerate(times(draw, count))
    ]
