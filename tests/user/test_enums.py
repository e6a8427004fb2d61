"""Every member of the documented enums, where it selects or sorts, against the real service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guanxi import BadRequest, user
from guanxi.demo.world import HERO
from guanxi.stores.port import EdgeRow, Store
from guanxi.testing import RunningService, running
from guanxi.user import (
    AlbumType,
    ArticleListOrder,
    ArticleOrder,
    AudioOrder,
    BangumiFollowStatus,
    BangumiType,
    Credential,
    HistoryBusinessType,
    MedialistOrder,
    OpusType,
    OrderType,
    RelationType,
    User,
    sync,
)
from tests.user.test_world import ENTRIES, WORLD, ids, pages, stored_ids

#: An account without any relation in the world.
STRANGER, OTHER = 900_001, 900_002


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    async def fill(store: Store) -> None:
        await store.import_edges(lambda: WORLD.edges, accounts=WORLD.accounts, groups=WORLD.groups)
        await store.put(ENTRIES)

    with running() as service:
        service.do(fill)
        service.add_accounts(STRANGER, OTHER)
        yield service


@pytest.fixture(scope="module")
def me(service: RunningService) -> Credential:
    return signed_in(service, HERO)


@pytest.fixture(autouse=True)
def called(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)


def signed_in(service: RunningService, mid: int) -> Credential:
    session = service.sign_in(mid)
    return Credential(session.sessdata, session.bili_jct, dedeuserid=str(mid))


@pytest.mark.holds("AlbumType", "User.get_album")
@pytest.mark.parametrize("kind", AlbumType)
def test_albums_of_each_type(kind: AlbumType, me: Credential) -> None:
    where = {} if kind is AlbumType.ALL else {"biz": kind.value}
    expected = stored_ids("album", "time", **where)
    assert expected
    found = sync(pages(lambda pn: User(HERO, me).get_album(kind, pn, 9), "items"))
    assert ids(found, "doc_id") == expected


@pytest.mark.holds("ArticleListOrder", "User.get_article_list")
@pytest.mark.parametrize(
    ("order", "key"), [(ArticleListOrder.LATEST, "time"), (ArticleListOrder.VIEW, "read")]
)
def test_article_lists_in_each_order(order: ArticleListOrder, key: str, me: Credential) -> None:
    found = sync(User(HERO, me).get_article_list(order))["lists"]
    assert ids(found, "id") == stored_ids("article_list", key)


@pytest.mark.holds("ArticleOrder", "User.get_articles")
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (ArticleOrder.PUBDATE, "time"),
        (ArticleOrder.FAVORITE, "favorite"),
        (ArticleOrder.VIEW, "view"),
    ],
)
def test_articles_in_each_order(order: ArticleOrder, key: str, me: Credential) -> None:
    found = sync(pages(lambda pn: User(HERO, me).get_articles(pn, order, 9), "articles"))
    assert ids(found, "id") == stored_ids("article", key)


@pytest.mark.holds("AudioOrder", "User.get_audios")
@pytest.mark.parametrize(
    ("order", "key"),
    [(AudioOrder.PUBDATE, "time"), (AudioOrder.VIEW, "play"), (AudioOrder.FAVORITE, "collect")],
)
def test_audios_in_each_order(order: AudioOrder, key: str, me: Credential) -> None:
    found = sync(pages(lambda pn: User(HERO, me).get_audios(order, pn, 9), "data"))
    assert ids(found, "id") == stored_ids("audio", key)


@pytest.mark.holds("BangumiFollowStatus", "User.get_subscribed_bangumi")
@pytest.mark.parametrize("status", BangumiFollowStatus)
@pytest.mark.parametrize("kind", BangumiType)
def test_bangumi_of_each_status(
    kind: BangumiType, status: BangumiFollowStatus, me: Credential
) -> None:
    where = {} if status is BangumiFollowStatus.ALL else {"status": status.value}
    expected = stored_ids("bangumi", "since", type=kind.value, **where)
    assert expected
    hero = User(HERO, me)
    found = sync(pages(lambda pn: hero.get_subscribed_bangumi(kind, status, pn, 9), "list"))
    assert ids(found, "season_id") == expected


@pytest.mark.holds("MedialistOrder", "User.get_media_list")
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (MedialistOrder.PUBDATE, "pubdate"),
        (MedialistOrder.PLAY, "view"),
        (MedialistOrder.COLLECT, "favorite"),
    ],
)
@pytest.mark.parametrize("desc", [True, False])
def test_a_media_list_in_each_order(
    order: MedialistOrder, key: str, desc: bool, me: Credential
) -> None:
    page = sync(User(HERO, me).get_media_list(ps=100, direction=True, desc=desc, sort_field=order))
    expected = stored_ids("video", key)
    assert ids(page["media_list"] or [], "id") == (expected if desc else expected[::-1])


@pytest.mark.holds("OpusType", "User.get_opus")
@pytest.mark.parametrize("kind", OpusType)
def test_picture_posts_of_each_type(kind: OpusType, me: Credential) -> None:
    where = {} if kind is OpusType.ALL else {"type": kind.value}
    expected = stored_ids("picture_post", "id", **where)
    assert expected

    async def walk() -> list[int]:
        found: list[int] = []
        page: Any = {"offset": "", "has_more": True}
        while page["has_more"]:
            page = await User(HERO, me).get_opus(kind, page["offset"])
            found += ids(page["items"], "opus_id")
        return found

    assert sync(walk()) == expected


@pytest.mark.holds("HistoryBusinessType", "get_self_history_new")
@pytest.mark.parametrize("business", HistoryBusinessType)
def test_history_before_an_entry_of_each_business(
    business: HistoryBusinessType, me: Credential
) -> None:
    seen = [entry for entry in ENTRIES if (entry.owner, entry.kind) == (HERO, "seen")]
    times = sorted((entry.keys["time"] for entry in seen), reverse=True)
    everything: Any = []
    position: tuple[Any, ...] = ()
    while len(everything) < len(seen):
        page = sync(user.get_self_history_new(me, user.HistoryType.ALL, 30, *position))
        everything += page["list"]
        position = (page["cursor"]["view_at"], page["cursor"]["max"], page["cursor"]["business"])
    assert [item["view_at"] for item in everything] == times
    index = next(
        index
        for index, item in enumerate(everything)
        if item["history"]["business"] == business.value
    )
    entry = everything[index]
    older = sync(
        user.get_self_history_new(
            me,
            user.HistoryType.ALL,
            5,
            view_at=entry["view_at"],
            max=entry["history"]["oid"],
            business=business,
        )
    )
    assert older["list"] == everything[index + 1 : index + 6]


@pytest.mark.holds("OrderType", "User.get_followings", "User.get_followers")
def test_followings_and_followers_in_each_order(me: Credential) -> None:
    follows = [edge for edge in WORLD.edges if edge.kind == "follow"]
    followed = {edge.followed: edge.time for edge in follows if edge.follower == HERO}
    following = {edge.follower: edge.time for edge in follows if edge.followed == HERO}

    async def walk(order: OrderType) -> tuple[list[int], list[int]]:
        hero = User(HERO, me)
        return (
            ids(await pages(lambda pn: hero.get_followings(pn, 30, order=order), "list"), "mid"),
            ids(
                await pages(lambda pn: hero.get_followers(pn, 30, order is OrderType.desc), "list"),
                "mid",
            ),
        )

    for order, newest_first in ((OrderType.desc, True), (OrderType.asc, False)):
        expected = tuple(
            sorted(times, key=lambda mid: (times[mid], mid), reverse=newest_first)
            for times in (followed, following)
        )
        assert sync(walk(order)) == expected


@pytest.mark.holds("RelationType", "User.modify_relation", "User.get_relation")
def test_each_change_of_a_relation(service: RunningService) -> None:
    stranger, other = (signed_in(service, mid) for mid in (STRANGER, OTHER))
    target = User(OTHER, stranger)

    def attributes() -> tuple[int, int]:
        both = sync(target.get_relation())
        return both["relation"]["attribute"], both["be_relation"]["attribute"]

    for change, expected in (
        (RelationType.SUBSCRIBE, (2, 0)),
        (RelationType.UNSUBSCRIBE, (0, 0)),
        (RelationType.BLOCK, (128, 0)),
        (RelationType.UNBLOCK, (0, 0)),
    ):
        assert sync(target.modify_relation(change)) is None
        assert attributes() == expected, change
    sync(User(STRANGER, other).modify_relation(RelationType.SUBSCRIBE))
    assert attributes() == (0, 2)
    sync(target.modify_relation(RelationType.REMOVE_FANS))
    assert attributes() == (0, 0)
    with pytest.raises(BadRequest):  # defunct in 000, 001 and 004
        sync(target.modify_relation(RelationType.SUBSCRIBE_SECRETLY))
    assert attributes() == (0, 0)


@pytest.mark.holds("get_self_whisper_followings")
def test_the_callers_whispered_accounts(service: RunningService) -> None:
    whispered = [910_001, 910_002, 910_003]
    service.import_edges(
        EdgeRow(follower=STRANGER, followed=mid, time=1_600_000_000 + mid, kind="whisper")
        for mid in whispered
    )
    found = sync(user.get_self_whisper_followings(signed_in(service, STRANGER)))["list"]
    assert ids(found, "mid") == whispered[::-1]
    assert {item["attribute"] for item in found} == {1}
