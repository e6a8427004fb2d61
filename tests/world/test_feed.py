"""One dynamic in the shapes of both feeds."""

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
    """As it travels."""
    told: dict[str, Any] = msgspec.to_builtins(feed.dynamic(post, 2, AUTHORS))
    return told


def old(post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
    """As it travels, and the card in it."""
    told = msgspec.to_builtins(feed.old_dynamic(post, 2, OLD_AUTHORS, on_top=False))
    return told, json.loads(told["card"])


def test_words() -> None:
    told = dynamic(WORD)
    modules = told["modules"]
    assert (told["id_str"], told["type"]) == ("10", "DYNAMIC_TYPE_WORD")
    assert modules["module_author"]["name"] == "name2"
    assert modules["module_author"]["pub_ts"] == 1_700_000_000
    assert modules["module_author"]["pub_time"] == "2023-11-15 06:13"
    assert modules["module_dynamic"]["desc"]["text"] == "hello"
    assert modules["module_dynamic"]["major"] is None
    assert modules["module_dynamic"]["topic"]["name"] == "topic"
    assert "module_tag" not in modules
    assert "orig" not in told
    assert told["basic"]["comment_id_str"] == "10"
    assert AUTHORS[2].pub_ts == 0, "the author that was given stays as it is"


def test_a_video() -> None:
    told = dynamic(VIDEO)
    major = told["modules"]["module_dynamic"]["major"]
    assert major["type"] == "MAJOR_TYPE_ARCHIVE"
    assert major.keys() == {"type", "archive"}
    assert (major["archive"]["bvid"], major["archive"]["duration_text"]) == (
        "BV17x411w7KC",
        "01:01",
    )
    counts = told["modules"]["module_stat"]
    assert [counts[name]["count"] for name in ("forward", "comment", "like")] == [1, 2, 3]
    assert told["modules"]["module_dynamic"]["desc"] is None
    assert told["modules"]["module_tag"] == {"text": "置顶"}
    assert told["basic"]["comment_type"] == 1


def test_an_article_and_pictures() -> None:
    assert dynamic(ARTICLE)["modules"]["module_dynamic"]["major"]["article"]["id"] == 5
    (item,) = dynamic(DRAW)["modules"]["module_dynamic"]["major"]["draw"]["items"]
    assert (item["src"], item["height"]) == ("src", 2)


def test_a_forward() -> None:
    told = dynamic(FORWARD)
    assert told["modules"]["module_author"]["name"] == "name2"
    assert told["orig"]["modules"]["module_author"]["name"] == "name3"
    assert told["orig"]["id_str"] == "11"


@pytest.mark.parametrize("post", [WORD, VIDEO, ARTICLE, DRAW, FORWARD], ids=lambda post: post.type)
def test_both_feeds_tell_the_same(post: Post) -> None:
    told, _ = old(post)
    desc, modules = told["desc"], dynamic(post)["modules"]
    assert desc["dynamic_id_str"] == str(desc["dynamic_id"]) == dynamic(post)["id_str"]
    assert desc["timestamp"] == modules["module_author"]["pub_ts"]
    assert desc["like"] == modules["module_stat"]["like"]["count"]
    assert desc["user_profile"]["info"]["uname"] == modules["module_author"]["name"]
    assert "extra" not in told
    assert msgspec.convert(told, s.OldDynamic).desc.id == post.id


def test_the_older_cards() -> None:
    told, card = old(VIDEO)
    assert (told["desc"]["type"], told["desc"]["bvid"]) == (8, "BV17x411w7KC")
    assert (card["aid"], card["owner"]["name"]) == (170001, "name2")
    told, card = old(ARTICLE)
    assert (told["desc"]["type"], card["id"], card["title"]) == (64, 5, "read")
    told, card = old(DRAW)
    assert (told["desc"]["type"], card["item"]["pictures"][0]["img_src"]) == (2, "src")
    told, card = old(WORD)
    assert (told["desc"]["type"], card["item"]["content"]) == (4, "hello")
    assert "bvid" not in told["desc"]
    assert "origin" not in card
    told, card = old(FORWARD)
    assert (told["desc"]["type"], told["desc"]["orig_dy_id"], told["desc"]["orig_type"]) == (
        1,
        11,
        8,
    )
    assert json.loads(card["origin"])["title"] == "title"
    assert card["origin_user"]["info"]["uname"] == "name3"


def test_the_pinned_one_at_the_head() -> None:
    top = feed.old_dynamic(VIDEO, 2, OLD_AUTHORS, on_top=True)
    assert top.extra == s.OldExtra(1)


def test_picture_posts() -> None:
    cover = s.OpusCover(1, "url", 2)
    post = PicturePost(id=5, content="text", cover=cover, likes=3, views=4)
    assert feed.opus(post, own=True) == s.Opus(
        "5", "text", cover, "//www.bilibili.com/opus/5", s.OpusCounts("3", "4")
    )
    plain = feed.opus(PicturePost(id=5), own=False)
    assert (plain.cover, plain.stat.view) == (UNSET, UNSET)
