"""Dynamics as items of both feeds, and picture posts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from guanxi.contract import structs as s
from guanxi.world import feed
from guanxi.world.feed import PicturePost, Post, PostType

AUTHORS = {mid: s.DynamicAuthor(mid, name=f"name{mid}") for mid in (2, 3)}
OLD_AUTHORS = {mid: s.OldUserProfile(s.OldUser(mid, f"name{mid}", "face")) for mid in (2, 3)}

WORD = Post(id=10, type=PostType.WORD, time=1_700_000_000, text="hello", topic="topic")
VIDEO = Post(
    id=11,
    type=PostType.VIDEO,
    time=1_700_000_001,
    rid=170001,
    title="title",
    cover="cover",
    duration=61,
    views=9,
    forwards=1,
    comments=2,
    likes=3,
    pinned=True,
)
ARTICLE = Post(id=12, type=PostType.ARTICLE, time=1, rid=5, title="read", cover="cover", views=4)
DRAW = Post(
    id=13, type=PostType.DRAW, time=1, rid=6, text="look", pictures=(s.Picture("src", 1, 2),)
)
FORWARD = Post(id=14, type=PostType.FORWARD, time=1, text="see this", origin=VIDEO, origin_mid=3)


def dynamic(post: Post) -> dict[str, Any]:
    """Return the item of the newer feed as it is sent."""
    item: dict[str, Any] = msgspec.to_builtins(feed.dynamic(post, 2, AUTHORS))
    return item


def old_dynamic(post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the item of the older feed as it is sent, and its decoded card."""
    item = msgspec.to_builtins(feed.old_dynamic(post, 2, OLD_AUTHORS, on_top=False))
    return item, json.loads(item["card"])


def test_a_text_dynamic() -> None:
    item = dynamic(WORD)
    modules = item["modules"]
    assert (item["id_str"], item["type"]) == ("10", "DYNAMIC_TYPE_WORD")
    assert modules["module_author"]["name"] == "name2"
    assert modules["module_author"]["pub_ts"] == 1_700_000_000
    assert modules["module_author"]["pub_time"] == "2023-11-15 06:13"
    assert modules["module_dynamic"]["desc"]["text"] == "hello"
    assert modules["module_dynamic"]["major"] is None
    assert modules["module_dynamic"]["topic"]["name"] == "topic"
    assert "module_tag" not in modules
    assert "orig" not in item
    assert item["basic"]["comment_id_str"] == "10"
    assert AUTHORS[2].pub_ts == 0, "the given author must not be changed"


def test_a_video_dynamic() -> None:
    item = dynamic(VIDEO)
    major = item["modules"]["module_dynamic"]["major"]
    assert major["type"] == "MAJOR_TYPE_ARCHIVE"
    assert major.keys() == {"type", "archive"}
    assert (major["archive"]["bvid"], major["archive"]["duration_text"]) == (
        "BV17x411w7KC",
        "01:01",
    )
    counts = item["modules"]["module_stat"]
    assert [counts[name]["count"] for name in ("forward", "comment", "like")] == [1, 2, 3]
    assert item["modules"]["module_dynamic"]["desc"] is None
    assert item["modules"]["module_tag"] == {"text": "置顶"}
    assert item["basic"]["comment_type"] == 1


def test_an_article_and_a_picture_dynamic() -> None:
    assert dynamic(ARTICLE)["modules"]["module_dynamic"]["major"]["article"]["id"] == 5
    (item,) = dynamic(DRAW)["modules"]["module_dynamic"]["major"]["draw"]["items"]
    assert (item["src"], item["height"]) == ("src", 2)


def test_a_forward_contains_its_origin() -> None:
    item = dynamic(FORWARD)
    assert item["modules"]["module_author"]["name"] == "name2"
    assert item["orig"]["modules"]["module_author"]["name"] == "name3"
    assert item["orig"]["id_str"] == "11"


@pytest.mark.parametrize("post", [WORD, VIDEO, ARTICLE, DRAW, FORWARD], ids=lambda post: post.type)
def test_both_feeds_agree_on_every_post(post: Post) -> None:
    item, _ = old_dynamic(post)
    desc, modules = item["desc"], dynamic(post)["modules"]
    assert desc["dynamic_id_str"] == str(desc["dynamic_id"]) == dynamic(post)["id_str"]
    assert desc["timestamp"] == modules["module_author"]["pub_ts"]
    assert desc["like"] == modules["module_stat"]["like"]["count"]
    assert desc["user_profile"]["info"]["uname"] == modules["module_author"]["name"]
    assert "extra" not in item
    assert msgspec.convert(item, s.OldDynamic).desc.id == post.id


def test_the_older_feed_has_a_json_card_by_type() -> None:
    item, card = old_dynamic(VIDEO)
    assert (item["desc"]["type"], item["desc"]["bvid"]) == (8, "BV17x411w7KC")
    assert (card["aid"], card["owner"]["name"]) == (170001, "name2")
    item, card = old_dynamic(ARTICLE)
    assert (item["desc"]["type"], card["id"], card["title"]) == (64, 5, "read")
    item, card = old_dynamic(DRAW)
    assert (item["desc"]["type"], card["item"]["pictures"][0]["img_src"]) == (2, "src")
    item, card = old_dynamic(WORD)
    assert (item["desc"]["type"], card["item"]["content"]) == (4, "hello")
    assert "bvid" not in item["desc"]
    assert "origin" not in card
    item, card = old_dynamic(FORWARD)
    assert (item["desc"]["type"], item["desc"]["orig_dy_id"], item["desc"]["orig_type"]) == (
        1,
        11,
        8,
    )
    assert json.loads(card["origin"])["title"] == "title"
    assert card["origin_user"]["info"]["uname"] == "name3"


def test_a_pinned_post_on_top_is_marked_in_the_older_feed() -> None:
    top = feed.old_dynamic(VIDEO, 2, OLD_AUTHORS, on_top=True)
    assert top.extra == s.OldExtra(1)


def test_only_the_author_sees_the_views_of_a_picture_post() -> None:
    cover = s.OpusCover(1, "url", 2)
    post = PicturePost(id=5, content="text", cover=cover, likes=3, views=4)
    assert feed.opus(post, own=True) == s.Opus(
        "5", "text", cover, "//www.bilibili.com/opus/5", s.OpusCounts("3", "4")
    )
    plain = feed.opus(PicturePost(id=5), own=False)
    assert (plain.cover, plain.stat.view) == (UNSET, UNSET)
