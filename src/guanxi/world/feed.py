"""Dynamics (posts) and picture posts: their documents, and their shapes in both feeds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.world import clock
from guanxi.world.kind import Kind


class PostType(StrEnum):
    """The type of a dynamic, named as in the newer feed."""

    WORD = "DYNAMIC_TYPE_WORD"
    DRAW = "DYNAMIC_TYPE_DRAW"
    VIDEO = "DYNAMIC_TYPE_AV"
    ARTICLE = "DYNAMIC_TYPE_ARTICLE"
    FORWARD = "DYNAMIC_TYPE_FORWARD"


class Post(Struct, frozen=True, kw_only=True):
    """A dynamic. A newer one must have a higher id. Its author is read from the card."""

    id: int
    type: PostType
    #: Unix time, in seconds.
    time: int
    text: str = ""
    #: The aid of its video, the cvid of its article or the doc_id of its album; 0 for other types.
    rid: int = 0
    #: Title, cover and, for a video, duration of the video or article that it shows.
    title: str = ""
    cover: str = ""
    #: In seconds.
    duration: int = 0
    pictures: tuple[s.Picture, ...] = ()
    topic: str = ""
    views: int = 0
    forwards: int = 0
    comments: int = 0
    likes: int = 0
    pinned: bool = False
    #: The post that a FORWARD reposts, and the mid of its author.
    origin: Post | None = None
    origin_mid: int = 0


class PicturePost(Struct, frozen=True, kw_only=True):
    """A picture post (图文). A newer one must have a higher id."""

    id: int
    #: Whether it was published with an article.
    of_article: bool = False
    content: str = ""
    cover: s.OpusCover | None = None
    likes: int = 0
    views: int = 0


POST = Kind(
    name="post",
    body=Post,
    id=lambda post: post.id,
    keys={"id": lambda post: post.id},
    filters={"pinned": lambda post: int(post.pinned)},
    unique=True,
)
PICTURE_POST = Kind(
    name="picture_post",
    body=PicturePost,
    id=lambda post: post.id,
    keys={"id": lambda post: post.id},
    filters={"type": lambda post: "article" if post.of_article else "dynamic"},
)

#: The type's number in the older feed.
_OLD_TYPES = {
    PostType.FORWARD: 1,
    PostType.DRAW: 2,
    PostType.WORD: 4,
    PostType.VIDEO: 8,
    PostType.ARTICLE: 64,
}
#: The type of the object that the comments belong to, sent as ``comment_type``.
_COMMENT_TYPES = {
    PostType.FORWARD: 17,
    PostType.DRAW: 11,
    PostType.WORD: 17,
    PostType.VIDEO: 1,
    PostType.ARTICLE: 12,
}
_ACTIONS = {PostType.VIDEO: "投稿了视频", PostType.ARTICLE: "投稿了文章"}

#: The authors of posts and of their origins, by mid, in the shape of the feed.
Authors = Mapping[int, s.DynamicAuthor]
OldAuthors = Mapping[int, s.OldUserProfile]


def dynamic(post: Post, mid: int, authors: Authors) -> s.Dynamic:
    """Return a post of account ``mid`` as an item of the newer feed, with the post that it reposts.

    Raise ``KeyError`` if ``authors`` lacks ``mid`` or an ``origin_mid``, at any depth.
    """
    author = msgspec.structs.replace(
        authors[mid],
        pub_ts=post.time,
        pub_time=clock.minute(post.time),
        pub_action=_ACTIONS.get(post.type, ""),
    )
    return s.Dynamic(
        id=str(post.id),
        basic=s.DynamicBasic(
            comment_id_str=str(_resource_id(post)),
            comment_type=_COMMENT_TYPES[post.type],
            rid_str=str(_resource_id(post)),
        ),
        type=post.type,
        orig=dynamic(post.origin, post.origin_mid, authors) if post.origin else UNSET,
        modules=s.DynamicModules(
            author=author,
            content=s.DynamicContent(
                desc=s.DynamicText([s.RichText(post.text, post.text)], post.text)
                if post.text
                else None,
                major=_major(post),
                topic=s.Topic(name=post.topic) if post.topic else None,
            ),
            menu=s.DynamicMenu(),
            counts=s.DynamicCounts(
                comment=s.DynamicCount(post.comments),
                forward=s.DynamicCount(post.forwards),
                like=s.DynamicLikes(post.likes),
            ),
            tag={"text": "置顶"} if post.pinned else UNSET,
        ),
    )


def _resource_id(post: Post) -> int:
    return post.rid or post.id


def _major(post: Post) -> s.Major | None:
    if post.type is PostType.VIDEO:
        return s.Major(
            type="MAJOR_TYPE_ARCHIVE",
            archive={
                "aid": str(post.rid),
                "bvid": bvid_of(post.rid),
                "title": post.title,
                "cover": post.cover,
                "desc": "",
                "duration_text": clock.length(post.duration),
                "jump_url": f"//www.bilibili.com/video/{bvid_of(post.rid)}/",
                "stat": {"danmaku": "0", "play": str(post.views)},
                "type": 1,
            },
        )
    if post.type is PostType.ARTICLE:
        return s.Major(
            type="MAJOR_TYPE_ARTICLE",
            article={
                "id": post.rid,
                "title": post.title,
                "desc": post.text,
                "covers": [post.cover],
                "label": f"{post.views}阅读",
                "jump_url": f"//www.bilibili.com/read/cv{post.rid}/",
            },
        )
    if post.type is PostType.DRAW:
        items: list[s.Loose] = [
            {
                "src": picture.img_src,
                "width": picture.img_width,
                "height": picture.img_height,
                "size": picture.img_size,
                "tags": [],
            }
            for picture in post.pictures
        ]
        return s.Major(type="MAJOR_TYPE_DRAW", draw={"id": post.rid, "items": items})
    return None


def old_dynamic(post: Post, mid: int, authors: OldAuthors, *, on_top: bool) -> s.OldDynamic:
    """Return a post of account ``mid`` as an item of the older feed, with the post that it reposts.

    ``on_top`` marks it as the pinned post at the head of the list. Raise ``KeyError`` if
    ``authors`` lacks ``mid`` or an ``origin_mid``, at any depth.
    """
    origin = post.origin
    return s.OldDynamic(
        desc=s.OldDescription(
            id=post.id,
            uid=mid,
            type=_OLD_TYPES[post.type],
            rid=_resource_id(post),
            view=post.views,
            repost=post.forwards,
            comment=post.comments,
            like=post.likes,
            timestamp=post.time,
            orig_dy_id=origin.id if origin else 0,
            orig_type=_OLD_TYPES[origin.type] if origin else 0,
            user_profile=authors[mid],
            dynamic_id_str=str(post.id),
            orig_dy_id_str=str(origin.id if origin else 0),
            rid_str=str(_resource_id(post)),
            bvid=bvid_of(post.rid) if post.type is PostType.VIDEO else UNSET,
        ),
        card=msgspec.json.encode(_old_card(post, mid, authors)).decode(),
        extra=s.OldExtra(1) if on_top else UNSET,
    )


def _old_card(post: Post, mid: int, authors: OldAuthors) -> dict[str, Any]:
    """Return the fields of ``card``, which the older feed sends as JSON text, by the post's type.

    A repost has the card of its origin, as JSON text. Raise ``KeyError`` for an author not in
    ``authors``.
    """
    user = authors[mid].info
    if post.type is PostType.VIDEO:
        return {
            "aid": post.rid,
            "title": post.title,
            "pic": post.cover,
            "desc": "",
            "dynamic": post.text,
            "duration": post.duration,
            "owner": {"mid": mid, "name": user.uname, "face": user.face},
            "pubdate": post.time,
            "stat": {"aid": post.rid, "view": post.views, "like": post.likes},
        }
    if post.type is PostType.ARTICLE:
        return {
            "id": post.rid,
            "title": post.title,
            "summary": post.text,
            "image_urls": [post.cover],
            "publish_time": post.time,
            "stats": {"view": post.views, "like": post.likes},
        }
    if post.type is PostType.DRAW:
        return {
            "item": {
                "id": post.rid,
                "description": post.text,
                "pictures": post.pictures,
                "pictures_count": len(post.pictures),
                "upload_time": post.time,
            },
            "user": {"uid": mid, "name": user.uname, "head_url": user.face},
        }
    card = {
        "item": {"rp_id": post.id, "content": post.text, "timestamp": post.time},
        "user": {"uid": mid, "uname": user.uname, "face": user.face},
    }
    if post.origin is None:
        return card
    origin = _old_card(post.origin, post.origin_mid, authors)
    return card | {
        "origin": msgspec.json.encode(origin).decode(),
        "origin_user": authors[post.origin_mid],
    }


def opus(post: PicturePost, *, own: bool) -> s.Opus:
    """Return a picture post as a list item. The views are included only if ``own`` is true."""
    return s.Opus(
        id=str(post.id),
        content=post.content,
        cover=post.cover or UNSET,
        jump_url=f"//www.bilibili.com/opus/{post.id}",
        stat=s.OpusCounts(str(post.likes), str(post.views) if own else UNSET),
    )
