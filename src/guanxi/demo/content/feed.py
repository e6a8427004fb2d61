"""Dynamics and picture posts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from msgspec.structs import replace

from guanxi.contract import structs as s
from guanxi.demo.content.owner import Owner, picture, times
from guanxi.world.feed import PicturePost, Post, PostType
from guanxi.world.works import Album

#: Which of the hero's posts, by age, is pinned.
_PINNED = 7
#: Where the numbers of picture posts begin among those of posts.
_PICTURE_POSTS = 500
_SAID = ("今天天气不错", "剪了一整天", "有人要一起骑车吗", "这首歌循环一周了", "新设备到了")


def small_posts(owner: Owner, own: Sequence[s.Video]) -> list[Post]:
    """Two posts: a few words, and the newest video."""
    draw = owner.draw("posts")
    first, second = times(draw, 2)
    return [
        _counted(owner, 0, _words(owner, first, 0)),
        _counted(owner, 1, _of_video(owner, second, 1, own[-1])),
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
    """Posts of every type in turn, one of them pinned; forwards pass on others' posts."""
    draw = owner.draw("posts")
    made = []
    for n, (time, type_) in enumerate(zip(times(draw, count), cycle(PostType), strict=False)):
        if type_ is PostType.VIDEO:
            post = _of_video(owner, time, n, own[n])
        elif type_ is PostType.ARTICLE:
            post = _of_article(owner, time, n, articles[n])
        elif type_ is PostType.DRAW:
            post = _of_album(owner, time, n, albums[n])
        elif type_ is PostType.FORWARD:
            post = _forward(owner, time, n, *others[n % len(others)])
        else:
            post = _words(owner, time, n)
        made.append(_counted(owner, n, post))
    return made


def _words(owner: Owner, time: int, n: int) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.WORD,
        time=time,
        text=_SAID[n % len(_SAID)],
        topic="日常" if n % 2 else "",
    )


def _of_video(owner: Owner, time: int, n: int, video: s.Video) -> Post:
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


def _of_article(owner: Owner, time: int, n: int, article: s.Article) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.ARTICLE,
        time=time,
        text=article.summary,
        rid=article.id,
        title=article.title,
        cover=article.image_urls[0] if article.image_urls else "",
    )


def _of_album(owner: Owner, time: int, n: int, one: Album) -> Post:
    return Post(
        id=owner.post_number(time, n),
        type=PostType.DRAW,
        time=time,
        text=one.album.description,
        rid=one.album.id,
        title=one.album.title,
        pictures=tuple(one.album.pictures),
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


def _counted(owner: Owner, n: int, post: Post) -> Post:
    draw = owner.draw(f"post {n}")
    return replace(
        post,
        views=draw.randint(50, 9_000),
        forwards=draw.randint(0, 40),
        comments=draw.randint(0, 200),
        likes=draw.randint(0, 900),
    )


def picture_posts(owner: Owner, count: int) -> list[PicturePost]:
    """Picture posts, every third of an article, every fifth without a picture."""
    draw = owner.draw("picture posts")
    return [
        PicturePost(
            id=owner.post_number(time, _PICTURE_POSTS + n),
            of_article=n % 3 == 0,
            content=f"{_SAID[n % len(_SAID)]}（{n + 1}）",
            cover=None if n % 5 == 4 else s.OpusCover(1440, picture(draw, "new_dyn"), 1080),
            likes=draw.randint(0, 300),
            views=draw.randint(100, 9_000),
        )
        for n, time in enumerate(times(draw, count))
    ]
