"""What functions of the module return, value by value, and every member of the enums.

Against the real service with the demo's content, in Beijing time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
from tests.user.test_world import ENTRIES, WORLD, body, ids, pages, stored_ids

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


# --- What functions return ---


def bodies(kind: str, key: str) -> list[Any]:
    """Return the hero's documents of a kind, the largest key first."""
    found = [entry for entry in ENTRIES if (entry.owner, entry.kind) == (HERO, kind)]
    found.sort(key=lambda entry: (entry.keys[key], entry.id), reverse=True)
    return [json.loads(entry.body) for entry in found]


def beijing(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"


@pytest.mark.holds("get_self_experience_log")
def test_the_experience_log_has_the_changes_of_seven_days(me: Credential) -> None:
    changes = bodies("experience", "time")
    recent = [one for one in changes if one["time"] > changes[0]["time"] - 7 * 86_400]
    assert 0 < len(recent) < len(changes)
    log = sync(user.get_self_experience_log(me))
    assert log["count"] == len(recent)
    assert log["list"] == [
        {"delta": one["delta"], "time": beijing(one["time"]), "reason": one["reason"]}
        for one in recent
    ]


@pytest.mark.holds("get_self_moral_log", "get_self_login_log", "get_self_jury_info")
def test_moral_sign_ins_and_jury_of_the_caller(me: Credential) -> None:
    moral = sync(user.get_self_moral_log(me))
    assert moral["moral"] == body("profile")["moral"]
    assert moral["list"] == [
        {"delta": one["delta"], "time": beijing(one["time"]), "reason": one["reason"]}
        for one in bodies("moral", "time")
    ]
    sign_ins = sync(user.get_self_login_log(me))
    assert sign_ins["list"] == [
        {
            "ip": one["ip"],
            "time": one["time"],
            "time_at": beijing(one["time"]),
            "status": one["ok"],
            "type": one["type"],
            "geo": one["geo"],
        }
        for one in bodies("sign_in", "time")
    ]
    assert sign_ins["count"] == len(sign_ins["list"])
    card = WORLD.accounts[HERO][0]
    jury = body("jury") | {"face": card.face, "uname": card.name}
    assert sync(user.get_self_jury_info(me)) == jury


@pytest.mark.holds("get_self_history")
def test_the_older_history_is_the_videos_seen_newest_first(me: Credential) -> None:
    seen = [entry for entry in ENTRIES if (entry.owner, entry.kind) == (HERO, "seen")]
    videos = [entry for entry in seen if entry.filters["tab"] == "archive"]
    videos.sort(key=lambda entry: (entry.keys["time"], entry.id), reverse=True)
    oids = [json.loads(entry.body)["entry"]["history"]["oid"] for entry in videos]
    found = [item for number in (1, 2) for item in sync(user.get_self_history(number, 10, me))]
    assert ids(found, "aid") == oids[:20]
    assert len(oids) > 20


@pytest.mark.holds("User.get_user_medal", "User.get_uplikeimg", "User.get_live_info")
def test_medals_the_like_effect_and_the_live_room(me: Credential) -> None:
    hero = User(HERO, me)
    medals = [one["medal_info"] for one in bodies("medal", "level")]
    shown = sync(hero.get_user_medal())["list"]
    assert [item["medal_info"] for item in shown] == medals
    assert sync(hero.get_uplikeimg()) == body("like_effect")
    room: Any = sync(hero.get_live_info())["live_room"]
    stored = body("profile")["live_room"]
    assert {name: room[name] for name in stored} == stored


@pytest.mark.holds("User.get_relation_info", "User.get_overview_stat")
def test_counts_of_relations_and_of_works(me: Credential) -> None:
    own = [edge for edge in WORLD.edges if edge.follower == HERO]
    kinds = [edge.kind for edge in own]
    fans = [edge for edge in WORLD.edges if edge.followed == HERO and edge.kind == "follow"]
    counts = {"mid": HERO, "following": kinds.count("follow"), "follower": len(fans)}
    hidden = {"whisper": kinds.count("whisper"), "black": kinds.count("block")}
    assert all([*counts.values(), *hidden.values()])
    assert sync(User(HERO, me).get_relation_info()) == counts | hidden
    assert sync(User(HERO, Credential()).get_relation_info()) == counts | {"whisper": 0, "black": 0}
    works = sync(User(HERO, me).get_overview_stat())
    expected = {"video": "video", "article": "article", "album": "album", "audio": "audio"}
    expected |= {"pugv": "course", "tag": "tag", "opus": "picture_post", "season_num": "season"}
    stored = [entry.kind for entry in ENTRIES if entry.owner == HERO]
    assert {name: works[name] for name in expected} == {  # type: ignore[literal-required]
        name: stored.count(kind) for name, kind in expected.items()
    }


@pytest.mark.holds("edit_self_info", "get_self_info")
def test_an_edit_changes_all_four_fields(service: RunningService) -> None:
    other = signed_in(service, OTHER)
    assert sync(user.edit_self_info("1999-12-31", "男", "改过的名字", "改过的签名", other)) is None
    info = sync(user.get_self_info(other))
    assert (info["name"], info["sign"], info["sex"]) == ("改过的名字", "改过的签名", "男")
    assert beijing(info["birthday"]) == "1999-12-31 00:00:00"
