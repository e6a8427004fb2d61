"""What the demo's accounts have: the same from the same seed, enough of everything, and whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.demo.content import COMMON_WORD, GONE_AID, HIDES_SPACE, NOTHING, make_content
from guanxi.demo.world import END, HERO, World, make_world
from guanxi.world import clock, feed, mine, profile, videos, works
from guanxi.world.feed import Post, PostType
from guanxi.world.kind import Entry, Kind
from guanxi.world.kinds import BY_NAME, KINDS, entry_of


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(accounts=100, edges=1_500)


@pytest.fixture(scope="module")
def entries(world: World) -> list[Entry]:
    return make_content(world)


def of(entries: list[Entry], kind: Kind[Any], owner: int | None = HERO) -> list[Any]:
    """The documents of a kind, an owner's or all."""
    return [
        kind.read(entry.body)
        for entry in entries
        if entry.kind == kind.name and owner in {None, entry.owner}
    ]


def ids(entries: list[Entry], kind: Kind[Any], owner: int | None = None) -> set[int]:
    return {kind.id(document) for document in of(entries, kind, owner)}


def test_the_seed_decides(world: World, entries: list[Entry]) -> None:
    assert make_content(world) == entries
    assert make_content(world, seed=2) != entries


DIGEST = """
import hashlib
from guanxi.demo.content import make_content
from guanxi.demo.world import make_world

content = make_content(make_world(accounts=100, edges=500))
print(hashlib.sha256(repr(content).encode()).hexdigest())
"""


def test_nothing_but_the_seed_decides() -> None:
    """Sets have another order in another process."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in range(4)
    }
    assert len(digests) == 1


def test_the_hero_has_something_of_every_kind(entries: list[Entry]) -> None:
    assert {entry.kind for entry in entries if entry.owner == HERO} == {kind.name for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (videos.VIDEO, 70),
        (works.AUDIO, 35),
        (works.ARTICLE, 35),
        (works.ARTICLE_LIST, 3),
        (works.ALBUM, 33),
        (works.COURSE, 22),
        (works.BANGUMI, 64),
        (works.TAG, 25),
        (works.MEDAL, 5),
        (works.RESERVATION, 2),
        (works.SUPPORT, 5),
        (videos.MASTERPIECE, 3),
        (feed.POST, 30),
        (feed.PICTURE_POST, 45),
        (mine.SEEN, 130),
        (mine.LATER, 12),
        (mine.NOTE, 25),
        (mine.PUBLIC_NOTE, 22),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else str(value),
)
def test_what_is_paged_takes_pages(entries: list[Entry], kind: Kind[Any], least: int) -> None:
    assert len(of(entries, kind)) >= least


def test_channels_take_pages(entries: list[Entry]) -> None:
    seasons, series = of(entries, videos.SEASON), of(entries, videos.SERIES)
    assert len(seasons) + len(series) > 20
    assert max(len(season.aids) for season in seasons) > 30
    assert max(len(one.aids) for one in series) > 30
    own = ids(entries, videos.VIDEO, HERO)
    for channel in [*seasons, *series]:
        assert set(channel.aids) <= own
        assert len(set(channel.aids)) == len(channel.aids) == channel.meta.total > 0
        assert channel.meta.mid == HERO


def test_some_tie_in_every_order(entries: list[Entry]) -> None:
    for kind, key in (
        (videos.VIDEO, "pubdate"),
        (videos.VIDEO, "view"),
        (videos.VIDEO, "favorite"),
        (works.AUDIO, "play"),
        (works.ARTICLE, "view"),
        (mine.SEEN, "time"),
    ):
        told = Counter(kind.keys[key](document) for document in of(entries, kind))
        assert max(told.values()) > 1, f"{kind.name}.{key}"


def test_videos_are_in_partitions_and_some_share_a_word(entries: list[Entry]) -> None:
    own = of(entries, videos.VIDEO)
    assert len({video.tid for video in own}) >= 4
    assert {video.tname for video in own} <= set(videos.TYPES.values())
    assert 20 <= sum(COMMON_WORD in video.title for video in own) < len(own)


def test_every_filter_finds_something(entries: list[Entry]) -> None:
    assert {album.biz for album in of(entries, works.ALBUM)} == {"draw", "photo", "daily"}
    assert {
        (follow.type, follow.bangumi.follow_status) for follow in of(entries, works.BANGUMI)
    } == {
        (type_, status.value)
        for type_ in BangumiType
        for status in BangumiFollowStatus
        if status is not BangumiFollowStatus.ALL
    }
    assert {post.of_article for post in of(entries, feed.PICTURE_POST)} == {True, False}
    assert {seen.entry.history.business for seen in of(entries, mine.SEEN)} == set(mine.BUSINESSES)
    assert {later.progress == mine.FINISHED for later in of(entries, mine.LATER)} == {True, False}


def test_a_page_of_the_history_ends_within_a_second(entries: list[Entry]) -> None:
    times = sorted((seen.entry.view_at for seen in of(entries, mine.SEEN)), reverse=True)
    assert times[19] == times[20]
    assert times[29] == times[30]


def test_posts_are_of_every_type_and_one_is_pinned(entries: list[Entry]) -> None:
    posts = of(entries, feed.POST)
    assert {post.type for post in posts} == set(PostType)
    assert sum(post.pinned for post in posts) == 1
    others = {post.id: post for post in of(entries, feed.POST, None)}
    for post in posts:
        assert (post.type is PostType.FORWARD) == (post.origin is not None)
        if post.origin is not None:
            assert others[post.origin.id] == post.origin
            assert post.origin_mid != HERO


def test_ids_of_posts_rise_with_time(entries: list[Entry]) -> None:
    rising = sorted(of(entries, feed.POST, None), key=lambda post: post.id)
    assert all(one.time <= other.time for one, other in pairwise(rising))


def test_ids_tell_apart(entries: list[Entry]) -> None:
    for kind in KINDS:
        told = [
            (0 if kind.unique else entry.owner, entry.id)
            for entry in entries
            if entry.kind == kind.name
        ]
        assert len(set(told)) == len(told), kind.name
    assert all(aid < 2**51 for aid in ids(entries, videos.VIDEO))


def test_what_is_referred_to_is_there(world: World, entries: list[Entry]) -> None:
    every, own = ids(entries, videos.VIDEO), ids(entries, videos.VIDEO, HERO)
    assert GONE_AID not in every
    seen = of(entries, mine.SEEN)
    found: dict[str, set[int]] = {
        business: {one.entry.history.oid for one in seen if one.entry.history.business == business}
        for business in mine.BUSINESSES
    }
    assert found["archive"] - every == {GONE_AID}
    assert found["pgc"] <= ids(entries, works.BANGUMI, HERO)
    assert found["cheese"] <= ids(entries, works.COURSE)
    assert found["article"] <= ids(entries, works.ARTICLE)
    assert found["article-list"] <= ids(entries, works.ARTICLE_LIST)
    rooms = {one.live_room.room_id for one in of(entries, profile.PROFILE, None) if one.live_room}
    assert found["live"] <= rooms
    assert ids(entries, mine.LATER) - every == {GONE_AID}
    assert {note.note.arc.oid for note in of(entries, mine.NOTE)} <= every
    assert ids(entries, videos.MASTERPIECE) <= own
    assert {chosen.aid for chosen in of(entries, videos.TOP_VIDEO)} <= own
    shown = {
        PostType.VIDEO: own,
        PostType.ARTICLE: ids(entries, works.ARTICLE, HERO),
        PostType.DRAW: ids(entries, works.ALBUM, HERO),
    }
    for post in of(entries, feed.POST):
        assert post.rid in shown.get(post.type, {0})
    followers = {edge.follower for edge in world.edges if edge.followed == HERO}
    assert ids(entries, works.SUPPORT) <= followers
    [report] = of(entries, profile.FAN_REPORT)
    assert {fan.mid for fan in report.rank_list.video_act} <= followers
    assert {
        medal.medal_info.target_id for medal in of(entries, works.MEDAL)
    } <= world.accounts.keys()


def test_others_have_profiles_and_works(world: World, entries: list[Entry]) -> None:
    with_profiles = {entry.owner for entry in entries if entry.kind == profile.PROFILE.name}
    with_videos = {entry.owner for entry in entries if entry.kind == videos.VIDEO.name}
    assert with_profiles == with_videos
    assert 24 < len(with_profiles) < 60
    assert {entry.owner for entry in entries} <= world.accounts.keys()
    assert sum(one.supported for one in of(entries, profile.PROFILE, None)) > 1


def test_one_hides_and_one_has_nothing(entries: list[Entry]) -> None:
    [hides] = of(entries, profile.PROFILE, HIDES_SPACE)
    assert hides.hides == {"bangumi", "tags", "courses", "medals"}
    for kind in (works.BANGUMI, works.TAG, works.COURSE, works.MEDAL):
        assert of(entries, kind, HIDES_SPACE)
    assert not [entry for entry in entries if entry.owner == NOTHING]


def test_nothing_happens_after_the_world_ends(entries: list[Entry]) -> None:
    """But for what is announced, and what runs out."""
    for entry in entries:
        for name in ("time", "pubdate", "since"):
            assert entry.keys.get(name, 0) < END, entry.kind
    for one in of(entries, profile.PROFILE, None):
        assert clock.seconds_of_day(one.birthday) < one.joined < END


def test_a_small_world_has_content_too() -> None:
    assert make_content(make_world(accounts=1, edges=0))


def lines(entries: list[Entry]) -> Iterator[bytes]:
    for entry in entries:
        line = {"owner": entry.owner, "kind": entry.kind, "document": msgspec.Raw(entry.body)}
        yield msgspec.json.encode(line)


def test_it_stands_in_a_file_of_content(entries: list[Entry]) -> None:
    assert [entry_of(line) for line in lines(entries)] == entries
    assert {entry.kind for entry in entries} == BY_NAME.keys()
    assert all(isinstance(post, Post) for post in of(entries, feed.POST))
