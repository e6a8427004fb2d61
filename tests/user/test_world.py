"""Every function of the module against the real service with the demo's content."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from guanxi import (
    Client,
    HiddenByPrivacy,
    NotFound,
    NothingChanged,
    NoTopVideo,
    NotSignedIn,
    SupportNotOpen,
    user,
)
from guanxi.demo.content import HIDES_SPACE, NOTHING, make_content
from guanxi.demo.world import HERO, make_world
from guanxi.sdk import current
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running
from guanxi.user import (
    BangumiType,
    ChannelOrder,
    Credential,
    HistoryType,
    OpusType,
    User,
    VideoOrder,
    sync,
)
from tests.counts import count

WORLD = make_world(1, 120, 600)
ENTRIES = make_content(WORLD)
SIGNED_OUT = Credential()


def stored_ids(kind: str, key: str, owner: int = HERO, **where: object) -> list[int]:
    """Return the ids of an owner's entries of a kind, sorted by a key, largest first."""
    found = [
        entry
        for entry in ENTRIES
        if (entry.owner, entry.kind) == (owner, kind)
        and all(entry.filters[name] == value for name, value in where.items())
    ]
    return [
        entry.id
        for entry in sorted(found, key=lambda entry: (entry.keys[key], entry.id), reverse=True)
    ]


def body(kind: str, owner: int = HERO) -> Any:
    (entry,) = [entry for entry in ENTRIES if (entry.owner, entry.kind) == (owner, kind)]
    return json.loads(entry.body)


def ids(items: Any, name: str) -> list[int]:
    found = []
    for item in items:
        value = item
        for step in name.split("."):
            value = value[step]
        found.append(int(value))
    return found


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    async def fill(store: Store) -> None:
        await store.import_edges(lambda: WORLD.edges, accounts=WORLD.accounts, groups=WORLD.groups)
        await store.put(ENTRIES)

    with running() as service:
        service.do(fill)
        yield service


@pytest.fixture(autouse=True)
def called(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)


@pytest.fixture(scope="module")
def me(service: RunningService) -> Credential:
    session = service.sign_in(HERO)
    return Credential(session.sessdata, session.bili_jct, dedeuserid=str(HERO))


async def pages(ask: Callable[[int], Awaitable[Any]], items: str) -> list[Any]:
    """Return the items of all pages, requested by number until one is empty."""
    found: list[Any] = []
    for number in range(1, 100):
        page = await ask(number)
        for step in items.split("."):
            page = page[step] if step else page
        if not page:
            return found
        found += page
    raise AssertionError("the list does not end")


@pytest.mark.holds(
    "User.get_user_info", "User.get_live_info", "User.get_user_info_sync", "User.get_access_id"
)
def test_the_account(me: Credential) -> None:
    name = WORLD.accounts[HERO][0].name
    for account in (me, SIGNED_OUT):
        hero = User(HERO, account)
        results = [
            sync(hero.get_user_info()),
            sync(hero.get_live_info()),
            hero.get_user_info_sync(),
        ]
        assert {(info["mid"], info["name"]) for info in results} == {(HERO, name)}
        assert "live_room" in results[1]
    assert sync(User(HERO, me).get_user_info())["coins"] == body("profile")["coins"]
    assert sync(User(HERO, SIGNED_OUT).get_user_info())["coins"] == 0
    with pytest.raises(NotFound):
        sync(User(999_999_999, SIGNED_OUT).get_user_info())
    access_id = sync(User(HERO, SIGNED_OUT).get_access_id())
    assert access_id is not None
    assert access_id.count(".") == 2


@pytest.mark.holds("User.get_overview_stat", "User.get_up_stat")
def test_counts(me: Credential) -> None:
    counts = sync(User(HERO, SIGNED_OUT).get_overview_stat())
    assert counts["video"] == len(stored_ids("video", "pubdate"))
    assert counts["article"] == len(stored_ids("article", "time"))
    assert counts["audio"] == len(stored_ids("audio", "time"))
    views = [
        entry.keys["view"] for entry in ENTRIES if (entry.owner, entry.kind) == (HERO, "video")
    ]
    assert sync(User(HERO, me).get_up_stat())["archive"]["view"] == sum(views)
    assert sync(User(HERO, Credential(bili_jct="x")).get_up_stat()) == {}


@pytest.mark.holds(
    "User.get_reservation",
    "User.get_elec_user_monthly",
    "User.get_uplikeimg",
    "User.get_user_medal",
    "User.top_followers",
)
def test_contents_of_a_space(me: Credential) -> None:
    hero = User(HERO, me)
    reserved = sync(hero.get_reservation())
    assert reserved is not None
    assert ids(reserved, "sid") == stored_ids("reservation", "time")
    assert sync(User(NOTHING, me).get_reservation()) is None
    supporters = sync(hero.get_elec_user_monthly())
    assert ids(supporters["list"], "pay_mid") == stored_ids("support", "rank")[::-1]
    with pytest.raises(SupportNotOpen):
        sync(User(NOTHING, me).get_elec_user_monthly())
    assert sync(hero.get_uplikeimg())["pre_img"] == body("like_effect")["pre_img"]
    assert len(sync(hero.get_user_medal())["list"]) == len(stored_ids("medal", "level"))
    assert sync(hero.top_followers())["summary"] == body("fan_report")["summary"]
    assert sync(User(2, me).top_followers()) == sync(hero.top_followers())
    times = sorted(
        edge.time for edge in WORLD.edges if (edge.followed, edge.kind) == (HERO, "follow")
    )
    since = times[len(times) // 2]
    counted = sync(hero.top_followers(since * 1_000))["summary"]["inc"]
    assert counted == sum(time >= since for time in times)
    with pytest.raises(NotSignedIn):
        sync(User(HERO, SIGNED_OUT).top_followers())


@pytest.mark.holds("User.get_space_notice", "User.set_space_notice")
def test_a_notice_is_written_and_read_back(me: Credential) -> None:
    hero = User(HERO, me)
    before = sync(hero.get_space_notice())
    assert before == body("notice")["text"]
    assert sync(hero.set_space_notice("新公告 & more")) is None
    assert sync(User(HERO, SIGNED_OUT).get_space_notice()) == "新公告 & more"
    with pytest.raises(NothingChanged):
        sync(hero.set_space_notice("新公告 & more"))
    assert sync(hero.set_space_notice()) is None
    assert sync(hero.get_space_notice()) == ""


@pytest.mark.holds("User.get_user_fav_tag", "User.get_subscribed_bangumi", "BangumiType")
def test_followed_tags_and_series(me: Credential) -> None:
    hero = User(HERO, me)
    tags = sync(pages(lambda number: hero.get_user_fav_tag(number, 7), "tags"))
    assert ids(tags, "tag_id") == stored_ids("tag", "since")

    async def series(type_: BangumiType) -> list[int]:
        found = await pages(lambda pn: hero.get_subscribed_bangumi(type_, pn=pn, ps=9), "list")
        return ids(found, "season_id")

    for type_ in BangumiType:
        assert sync(series(type_)) == stored_ids("bangumi", "since", type=type_.value)
    for call in (
        User(HIDES_SPACE, me).get_user_fav_tag,
        User(HIDES_SPACE, me).get_subscribed_bangumi,
        User(HIDES_SPACE, SIGNED_OUT).get_cheese,
    ):
        with pytest.raises(HiddenByPrivacy):
            sync(call())


@pytest.mark.holds("User.get_videos", "VideoOrder")
@pytest.mark.parametrize(
    ("order", "key"),
    [(VideoOrder.PUBDATE, "pubdate"), (VideoOrder.VIEW, "view"), (VideoOrder.FAVORITE, "favorite")],
)
def test_videos_in_every_order(order: VideoOrder, key: str) -> None:
    hero = User(HERO, SIGNED_OUT)
    found = sync(pages(lambda pn: hero.get_videos(pn=pn, ps=20, order=order), "list.vlist"))
    assert ids(found, "aid") == stored_ids("video", key)


@pytest.mark.holds("User.get_videos")
def test_videos_by_partition_and_keyword() -> None:
    hero = User(HERO, SIGNED_OUT)
    tid = next(e.filters["tid"] for e in ENTRIES if (e.owner, e.kind) == (HERO, "video"))
    page = sync(hero.get_videos(tid=int(tid), ps=100))
    assert ids(page["list"]["vlist"], "aid") == stored_ids("video", "pubdate", tid=tid)
    assert page["page"]["count"] == len(page["list"]["vlist"])
    text = next(e.text for e in ENTRIES if (e.owner, e.kind) == (HERO, "video"))
    word = text.split()[-1]
    found = {e.id for e in ENTRIES if (e.owner, e.kind) == (HERO, "video") and word in e.text}
    page = sync(hero.get_videos(keyword=word, ps=100))
    assert set(ids(page["list"]["vlist"], "aid")) == found


async def media(hero: User, direction: bool, oid: int | None) -> list[int]:
    found: list[int] = []
    for _ in range(100):
        page = await hero.get_media_list(oid, 7, direction)
        items = ids(page["media_list"] or [], "id")
        found = found + items if direction else items + found
        if not page["has_more"]:
            return found
        oid = items[-1 if direction else 0]
    raise AssertionError("the list does not end")


@pytest.mark.holds("User.get_media_list")
def test_a_media_list_is_walked_in_both_directions() -> None:
    hero, all_ = User(HERO, SIGNED_OUT), stored_ids("video", "pubdate")
    assert sync(media(hero, True, None)) == all_
    assert sync(media(hero, False, all_[-1])) == all_[:-1]
    run = sync(hero.get_media_list(all_[3], 2, True, with_current=True))
    assert run["media_list"] is not None
    assert all_[3] in ids(run["media_list"], "id")


@pytest.mark.holds("User.get_top_videos", "User.get_masterpiece")
def test_chosen_videos() -> None:
    hero = User(HERO, SIGNED_OUT)
    assert sync(hero.get_top_videos())["aid"] == body("top_video")["aid"]
    assert ids(sync(hero.get_masterpiece()), "aid") == stored_ids("masterpiece", "place")[::-1]
    with pytest.raises(NoTopVideo):
        sync(User(NOTHING, SIGNED_OUT).get_top_videos())
    assert sync(User(NOTHING, SIGNED_OUT).get_masterpiece()) == []


@pytest.mark.holds(
    "User.get_audios",
    "User.get_articles",
    "User.get_album",
    "User.get_article_list",
    "User.get_cheese",
)
def test_other_works() -> None:
    hero = User(HERO, SIGNED_OUT)

    async def walk() -> dict[str, list[int]]:
        return {
            "audio": ids(await pages(lambda pn: hero.get_audios(pn=pn, ps=9), "data"), "id"),
            "article": ids(await pages(lambda pn: hero.get_articles(pn, ps=9), "articles"), "id"),
            "album": ids(
                await pages(lambda pn: hero.get_album(page_num=pn, page_size=9), "items"), "doc_id"
            ),
            "article_list": ids((await hero.get_article_list())["lists"], "id"),
        }

    found = sync(walk())
    assert found == {kind: stored_ids(kind, "time") for kind in found}
    courses = sync(hero.get_cheese())
    stored = stored_ids("course", "id")
    assert ids(courses["items"], "season_id") == stored
    assert courses["page"] == {"num": 1, "size": len(stored), "total": len(stored), "next": False}
    assert len(stored) > 20, "more than one page"


@pytest.mark.holds(
    "User.get_channel_list",
    "User.get_channels",
    "User.get_channel_videos_season",
    "User.get_channel_videos_series",
    "ChannelSeries.get_videos",
    "ChannelSeries.get_owner",
    "ChannelSeries.get_meta",
    "ChannelOrder",
    "ChannelSeriesType",
)
def test_channels() -> None:
    hero = User(HERO, SIGNED_OUT)
    lists = sync(hero.get_channel_list())["items_lists"]
    seasons, series = stored_ids("season", "time"), stored_ids("series", "time")
    assert ids(lists["seasons_list"], "meta.season_id") == seasons
    assert ids(lists["series_list"], "meta.series_id") == series
    channels = sync(hero.get_channels())
    assert [channel.get_id() for channel in channels] == seasons + series
    longest = max(channels[: len(seasons)], key=lambda channel: (channel.meta or {})["total"])

    async def walk(channel: user.ChannelSeries, sort: ChannelOrder) -> list[int]:
        return ids(await pages(lambda pn: channel.get_videos(sort, pn, 7), "archives"), "aid")

    for channel in (longest, channels[-1]):
        found = sync(walk(channel, ChannelOrder.DEFAULT))
        assert len(found) == len(set(found)) == (channel.meta or {})["total"]
        assert sync(walk(channel, ChannelOrder.CHANGE)) == found[::-1]
        alone = user.ChannelSeries(type_=channel.get_type(), id_=channel.get_id())
        assert sync(alone.get_owner()).get_uid() == HERO


@pytest.mark.holds("User.get_dynamics", "User.get_dynamics_new", "User.get_opus")
def test_the_feeds(me: Credential) -> None:
    posts = stored_ids("post", "id")

    async def old(account: Credential, need_top: bool) -> list[int]:
        found: list[int] = []
        offset = 0
        for _ in range(100):
            page = await User(HERO, account).get_dynamics(offset, need_top)
            assert all(isinstance(card["card"], dict) for card in page.get("cards", []))
            found += ids(page.get("cards", []), "desc.dynamic_id")
            if not page["has_more"]:
                return found
            offset = page["next_offset"]
        raise AssertionError("the list does not end")

    async def new(kind: Callable[[str], Awaitable[Any]], name: str) -> list[int]:
        found: list[int] = []
        offset = ""
        for _ in range(100):
            page = await kind(offset)
            found += ids(page["items"], name)
            if not page["has_more"]:
                return found
            offset = page["offset"]
        raise AssertionError("the list does not end")

    assert sync(old(me, False)) == posts
    pinned = stored_ids("post", "id", pinned=1)
    first = pinned + [id_ for id_ in posts if id_ not in pinned]
    assert len(pinned) == 1
    assert sync(old(SIGNED_OUT, True)) == first
    for hero in (User(HERO, me), User(HERO, SIGNED_OUT)):
        assert sync(new(hero.get_dynamics_new, "id_str")) == first
        opus = partial(hero.get_opus, OpusType.ALL)
        assert sync(new(opus, "opus_id")) == stored_ids("picture_post", "id")
    articles = sync(new(lambda at: User(HERO, me).get_opus(OpusType.ARTICLE, at), "opus_id"))
    assert articles == stored_ids("picture_post", "id", type="article")


@pytest.mark.holds("get_self_history", "get_self_history_new", "HistoryType")
def test_history(me: Credential) -> None:
    seen = [e for e in ENTRIES if (e.owner, e.kind) == (HERO, "seen")]
    videos = sync(pages(lambda pn: user.get_self_history(pn, 40, me), ""))
    assert len(videos) == sum(item.filters["tab"] == "archive" for item in seen)

    async def walk(type_: HistoryType) -> list[Any]:
        found: list[Any] = []
        position: tuple[Any, ...] = ()
        for _ in range(100):
            page = await user.get_self_history_new(me, type_, 30, *position)
            if not page["list"]:
                return found
            found += page["list"]
            cursor = page["cursor"]
            position = (cursor["view_at"], cursor["max"], cursor["business"])
        raise AssertionError("the list does not end")

    for type_ in HistoryType:
        found = sync(walk(type_))
        wanted = [item for item in seen if type_.value in {"all", item.filters["tab"]}]
        assert [item["view_at"] for item in found] == sorted(
            (item.keys["time"] for item in wanted), reverse=True
        )
        assert len({(item["history"]["business"], item["kid"]) for item in found}) == len(wanted)


@pytest.mark.holds("get_toview_list", "delete_viewed_videos_from_toview", "clear_toview_list")
def test_watch_later(service: RunningService) -> None:
    mid = next(e.owner for e in ENTRIES if e.kind == "later")
    session = service.sign_in(mid)
    me = Credential(session.sessdata, session.bili_jct)
    toview = sync(user.get_toview_list(me))
    later = stored_ids("later", "time", mid)
    assert toview["count"] == len(toview["list"])
    assert ids(toview["list"], "aid") == [aid for aid in later if aid in ids(toview["list"], "aid")]
    finished = stored_ids("later", "time", mid, finished=1)
    assert finished
    assert sync(user.delete_viewed_videos_from_toview(me)) is None
    remaining = ids(sync(user.get_toview_list(me))["list"], "aid")
    assert remaining == [aid for aid in ids(toview["list"], "aid") if aid not in finished]
    assert sync(user.clear_toview_list(me)) is None
    assert sync(user.get_toview_list(me))["count"] == 0


@pytest.mark.holds(
    "get_self_notes_info",
    "get_self_public_notes_info",
    "get_self_experience_log",
    "get_self_moral_log",
    "get_self_login_log",
    "get_self_jury_info",
    "get_self_events",
)
def test_notes_and_logs(me: Credential) -> None:
    for ask, kind, name in (
        (user.get_self_notes_info, "note", "note_id"),
        (user.get_self_public_notes_info, "public_note", "cvid"),
    ):
        first: Any = sync(ask(1, 20, me))
        second: Any = sync(ask(2, 20, me))
        assert ids(first["list"] + second["list"], name) == stored_ids(kind, "time")
        assert (sync(ask(3, 20, me))["list"] or []) == []
    assert len(sync(user.get_self_experience_log(me))["list"])
    assert len(sync(user.get_self_moral_log(me))["list"]) == len(stored_ids("moral", "time"))
    assert len(sync(user.get_self_login_log(me))["list"]) == len(stored_ids("sign_in", "time"))
    assert sync(user.get_self_jury_info(me))["case_total"] == body("jury")["case_total"]
    events = [e.keys["time"] for e in ENTRIES if (e.owner, e.kind) == (HERO, "event")]
    assert [item["ts"] for item in sync(user.get_self_events(0, me))["events"]] == sorted(events)
    assert sync(user.get_self_events(max(events) + 1, me))["events"] == []


@pytest.mark.holds("get_self_info", "get_self_coins", "edit_self_info")
def test_the_own_account(me: Credential) -> None:
    info = sync(user.get_self_info(me))
    assert (info["mid"], info["name"]) == (HERO, WORLD.accounts[HERO][0].name)
    assert sync(user.get_self_coins(me)) == body("profile")["coins"]
    assert sync(user.edit_self_info("1999-12-31", "女", "换了名字", "签名", me)) is None
    changed = sync(user.get_self_info(me))
    assert (changed["name"], changed["sign"], changed["sex"]) == ("换了名字", "签名", "女")
    assert sync(user.name2uid("换了名字", me))["uid_list"][0]["uid"] == str(HERO)


@pytest.mark.holds("name2uid", "name2uid_sync", "check_nickname")
def test_names(me: Credential) -> None:
    card = WORLD.accounts[2][0]
    found: list[Any] = [
        sync(user.name2uid([card.name, "nobody has this"], me)),
        sync(user.name2uid([card.name])),
        user.name2uid_sync(card.name),
    ]
    results = [[(item["name"], int(item["uid"])) for item in data["uid_list"]] for data in found]
    assert results == [[(card.name, 2)]] * 3
    assert sync(user.check_nickname("没人用的名字")) == (True, "")
    free, why = sync(user.check_nickname(card.name))
    assert not free
    assert "40014" in why
    assert not sync(user.check_nickname("x"))[0]


@pytest.mark.holds(
    "Credential", "Credential.check_valid", "Credential.check_refresh", "Credential.refresh", "sync"
)
def test_a_credential_is_valid_until_its_refresh(service: RunningService) -> None:
    async def sign_in() -> Credential:
        async with Client(credential=SIGNED_OUT) as client:
            code = await client.login.qr_generate()
            service.agree(code.qrcode_key, 2)
            signed_in = await client.login.qr_wait(code.qrcode_key)
            assert signed_in is not None
            return Credential.from_cookies(signed_in.get_cookies())

    credential = sync(sign_in())
    assert (credential.dedeuserid, sync(credential.check_valid())) == ("2", True)
    assert sync(credential.check_refresh()) is False
    before = Credential.from_cookies(credential.get_cookies())
    sync(credential.refresh())
    assert credential.sessdata != before.sessdata
    assert credential.ac_time_value != before.ac_time_value
    assert sync(credential.check_valid()) is True
    deadline = time.monotonic() + 10  # a worker caches a session for up to a second
    while sync(before.check_valid()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sync(before.check_valid()) is False
    assert sync(user.get_self_info(credential))["mid"] == 2


@pytest.mark.long
def test_loops_with_signed_calls_leave_no_client(me: Credential) -> None:
    for _ in range(count(100, 300)):
        asyncio.run(User(HERO, me).get_videos())
    gc.collect()
    assert current._loop_clients == {}
