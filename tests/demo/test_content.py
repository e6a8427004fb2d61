"""The demo's content: deterministic, large enough for several pages, and consistent."""

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

from guanxi.accounts.account import Card
from guanxi.contract.enums import BangumiFollowStatus, BangumiType
from guanxi.demo.content import COMMON_WORD, DELETED_AID, HIDES_SPACE, NOTHING, make_content
from guanxi.demo.content.owner import Owner
from guanxi.demo.content.works import article_lists
from guanxi.demo.world import END, HERO, World, make_world
from guanxi.world import clock, feed, mine, profile, videos, works
from guanxi.world.feed import Post, PostType
from guanxi.world.keys import KEY
from guanxi.world.kind import Entry, Kind
from guanxi.world.kinds import KINDS, entry_of
from guanxi.world.marks import DISMISSAL, MUTE

#: Every kind that some endpoint shows: the library alone has marks and keys.
SHOWN = {kind.name for kind in KINDS} - {MUTE.name, DISMISSAL.name, KEY.name}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(accounts=100, edges=1_500)


@pytest.fixture(scope="module")
def entries(world: World) -> list[Entry]:
    return make_content(world)


def documents(entries: list[Entry], kind: Kind[Any], owner: int | None = HERO) -> list[Any]:
    """Return the decoded documents of a kind; `owner=None` selects every owner's."""
    return [
        kind.read(entry.body)
        for entry in entries
        if entry.kind == kind.name and owner in {None, entry.owner}
    ]


def ids(entries: list[Entry], kind: Kind[Any], owner: int | None = None) -> set[int]:
    """Return the ids of the documents of a kind; `owner=None` selects every owner's."""
    return {kind.id(document) for document in documents(entries, kind, owner)}


def test_an_account_may_have_more_lists_of_articles_than_names() -> None:
    lists = article_lists(Owner(seed=1, index=0, mid=HERO, card=Card()), 20)
    assert len({one.name for one in lists}) == len({one.id for one in lists}) == 20


def test_the_same_seed_gives_the_same_content(world: World, entries: list[Entry]) -> None:
    assert make_content(world) == entries
    assert make_content(world, seed=2) != entries


DIGEST = """
import hashlib
from guanxi.demo.content import make_content
from guanxi.demo.world import make_world

content = make_content(make_world(accounts=100, edges=500))
print(hashlib.sha256(repr(content).encode()).hexdigest())
"""


def test_content_does_not_depend_on_the_hash_seed() -> None:
    """The order of sets differs between processes."""
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


def test_the_hero_has_every_kind_of_document(entries: list[Entry]) -> None:
    assert {entry.kind for entry in entries if entry.owner == HERO} == SHOWN


@pytest.mark.parametrize(
    ("kind", "minimum"),
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
def test_paged_kinds_fill_several_pages(
    entries: list[Entry], kind: Kind[Any], minimum: int
) -> None:
    assert len(documents(entries, kind)) >= minimum


def test_channels_fill_several_pages_with_the_heros_videos(entries: list[Entry]) -> None:
    seasons, series = documents(entries, videos.SEASON), documents(entries, videos.SERIES)
    assert len(seasons) + len(series) > 20
    assert max(len(season.aids) for season in seasons) > 30
    assert max(len(channel.aids) for channel in series) > 30
    own = ids(entries, videos.VIDEO, HERO)
    for channel in [*seasons, *series]:
        assert set(channel.aids) <= own
        assert len(set(channel.aids)) == len(channel.aids) == channel.meta.total > 0
        assert channel.meta.mid == HERO


def test_every_sort_key_has_ties(entries: list[Entry]) -> None:
    for kind, key in (
        (videos.VIDEO, "pubdate"),
        (videos.VIDEO, "view"),
        (videos.VIDEO, "favorite"),
        (works.AUDIO, "play"),
        (works.ARTICLE, "view"),
        (mine.SEEN, "time"),
    ):
        counts = Counter(kind.keys[key](document) for document in documents(entries, kind))
        assert max(counts.values()) > 1, f"{kind.name}.{key}"


def test_videos_are_in_partitions_and_some_share_a_word(entries: list[Entry]) -> None:
    own = documents(entries, videos.VIDEO)
    assert len({video.tid for video in own}) >= 4
    assert {video.tname for video in own} <= set(videos.TYPES.values())
    assert 20 <= sum(COMMON_WORD in video.title for video in own) < len(own)


def test_every_filter_matches_documents(entries: list[Entry]) -> None:
    assert {album.biz for album in documents(entries, works.ALBUM)} == {"draw", "photo", "daily"}
    assert {
        (follow.type, follow.bangumi.follow_status) for follow in documents(entries, works.BANGUMI)
    } == {
        (type_, status.value)
        for type_ in BangumiType
        for status in BangumiFollowStatus
        if status is not BangumiFollowStatus.ALL
    }
    assert {post.of_article for post in documents(entries, feed.PICTURE_POST)} == {True, False}
    assert {seen.entry.history.business for seen in documents(entries, mine.SEEN)} == set(
        mine.BUSINESSES
    )
    assert {later.progress == mine.FINISHED for later in documents(entries, mine.LATER)} == {
        True,
        False,
    }


def test_pages_of_20_and_30_of_the_history_end_between_equal_times(entries: list[Entry]) -> None:
    times = sorted((seen.entry.view_at for seen in documents(entries, mine.SEEN)), reverse=True)
    assert times[19] == times[20]
    assert times[29] == times[30]


def test_posts_have_every_type_and_one_is_pinned(entries: list[Entry]) -> None:
    posts = documents(entries, feed.POST)
    assert {post.type for post in posts} == set(PostType)
    assert sum(post.pinned for post in posts) == 1
    others = {post.id: post for post in documents(entries, feed.POST, None)}
    for post in posts:
        assert (post.type is PostType.FORWARD) == (post.origin is not None)
        if post.origin is not None:
            assert others[post.origin.id] == post.origin
            assert post.origin_mid != HERO


def test_post_ids_rise_with_time(entries: list[Entry]) -> None:
    rising = sorted(documents(entries, feed.POST, None), key=lambda post: post.id)
    assert all(earlier.time <= later.time for earlier, later in pairwise(rising))


def test_ids_are_unique(entries: list[Entry]) -> None:
    for kind in KINDS:
        keys = [
            (0 if kind.unique else entry.owner, entry.id)
            for entry in entries
            if entry.kind == kind.name
        ]
        assert len(set(keys)) == len(keys), kind.name
    assert all(aid < 2**51 for aid in ids(entries, videos.VIDEO))


def test_references_point_to_existing_documents(world: World, entries: list[Entry]) -> None:
    every, own = ids(entries, videos.VIDEO), ids(entries, videos.VIDEO, HERO)
    assert DELETED_AID not in every
    seen = documents(entries, mine.SEEN)
    oids: dict[str, set[int]] = {
        business: {
            item.entry.history.oid for item in seen if item.entry.history.business == business
        }
        for business in mine.BUSINESSES
    }
    assert oids["archive"] - every == {DELETED_AID}
    assert oids["pgc"] <= ids(entries, works.BANGUMI, HERO)
    assert oids["cheese"] <= ids(entries, works.COURSE)
    assert oids["article"] <= ids(entries, works.ARTICLE)
    assert oids["article-list"] <= ids(entries, works.ARTICLE_LIST)
    profiles = documents(entries, profile.PROFILE, None)
    rooms = {shown.live_room.room_id for shown in profiles if shown.live_room}
    assert oids["live"] <= rooms
    assert ids(entries, mine.LATER) - every == {DELETED_AID}
    assert {note.note.arc.oid for note in documents(entries, mine.NOTE)} <= every
    assert ids(entries, videos.MASTERPIECE) <= own
    assert {chosen.aid for chosen in documents(entries, videos.TOP_VIDEO)} <= own
    own_ids = {
        PostType.VIDEO: own,
        PostType.ARTICLE: ids(entries, works.ARTICLE, HERO),
        PostType.DRAW: ids(entries, works.ALBUM, HERO),
    }
    for post in documents(entries, feed.POST):
        assert post.rid in own_ids.get(post.type, {0})
    followers = {edge.follower for edge in world.edges if edge.followed == HERO}
    assert ids(entries, works.SUPPORT) <= followers
    [report] = documents(entries, profile.FAN_REPORT)
    assert {fan.mid for fan in report.rank_list.video_act} <= followers
    assert {
        medal.medal_info.target_id for medal in documents(entries, works.MEDAL)
    } <= world.accounts.keys()


def test_other_accounts_have_profiles_and_videos(world: World, entries: list[Entry]) -> None:
    with_profiles = {entry.owner for entry in entries if entry.kind == profile.PROFILE.name}
    with_videos = {entry.owner for entry in entries if entry.kind == videos.VIDEO.name}
    assert with_profiles == with_videos
    assert 24 < len(with_profiles) < 60
    assert {entry.owner for entry in entries} <= world.accounts.keys()
    assert sum(owner.supported for owner in documents(entries, profile.PROFILE, None)) > 1


def test_one_account_hides_its_content_and_one_has_none(entries: list[Entry]) -> None:
    [hides] = documents(entries, profile.PROFILE, HIDES_SPACE)
    assert hides.hides == {"bangumi", "tags", "courses", "medals"}
    for kind in (works.BANGUMI, works.TAG, works.COURSE, works.MEDAL):
        assert documents(entries, kind, HIDES_SPACE)
    assert not [entry for entry in entries if entry.owner == NOTHING]


def test_no_time_is_after_the_end_of_the_world(entries: list[Entry]) -> None:
    """Only announced and expiry times, which are not sort keys, may be later."""
    for entry in entries:
        for name in ("time", "pubdate", "since"):
            assert entry.keys.get(name, 0) < END, entry.kind
    for owner in documents(entries, profile.PROFILE, None):
        assert clock.seconds_of_day(owner.birthday) < owner.joined < END


def test_the_smallest_world_has_content() -> None:
    assert make_content(make_world(accounts=1, edges=0))


def lines(entries: list[Entry]) -> Iterator[bytes]:
    """Yield the lines of a content file with these entries."""
    for entry in entries:
        line = {"owner": entry.owner, "kind": entry.kind, "document": msgspec.Raw(entry.body)}
        yield msgspec.json.encode(line)


def test_content_survives_export_as_a_content_file(entries: list[Entry]) -> None:
    assert [entry_of(line) for line in lines(entries)] == entries
    assert {entry.kind for entry in entries} == SHOWN
    assert all(isinstance(post, Post) for post in documents(entries, feed.POST))
