"""The module against the real service and the demo's world: every function, and what it holds."""

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
    _clients,
    sync,
)
from tests.counts import count

WORLD = make_world(1, 120, 600)
ENTRIES = make_content(WORLD)
NOBODY = Credential()


def kept(kind: str, key: str, owner: int = HERO, **where: object) -> list[int]:
    """The ids of what the world holds, by a key, the largest first."""
    found = [
        one
        for one in ENTRIES
        if (one.owner, one.kind) == (owner, kind)
        and all(one.filters[name] == value for name, value in where.items())
    ]
    return [one.id for one in sorted(found, key=lambda one: (one.keys[key], one.id), reverse=True)]


def body(kind: str, owner: int = HERO) -> Any:
    (one,) = [one for one in ENTRIES if (one.owner, one.kind) == (owner, kind)]
    return json.loads(one.body)


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
    """Every page by its number until one is empty."""
    found: list[Any] = []
    for number in range(1, 100):
        run = await ask(number)
        for step in items.split("."):
            run = run[step] if step else run
        if not run:
            return found
        found += run
    raise AssertionError("no end")


def test_the_account(me: Credential) -> None:
    name = WORLD.accounts[HERO][0].name
    for account in (me, NOBODY):
        one = User(HERO, account)
        told = [sync(one.get_user_info()), sync(one.get_live_info()), one.get_user_info_sync()]
        assert {(info["mid"], info["name"]) for info in told} == {(HERO, name)}
        assert "live_room" in told[1]
    assert sync(User(HERO, me).get_user_info())["coins"] == body("profile")["coins"]
    assert sync(User(HERO, NOBODY).get_user_info())["coins"] == 0
    with pytest.raises(NotFound):
        sync(User(999_999_999, NOBODY).get_user_info())
    access_id = sync(User(HERO, NOBODY).get_access_id())
    assert access_id is not None
    assert access_id.count(".") == 2


def test_counts(me: Credential) -> None:
    counts = sync(User(HERO, NOBODY).get_overview_stat())
    assert counts["video"] == len(kept("video", "pubdate"))
    assert counts["article"] == len(kept("article", "time"))
    assert counts["audio"] == len(kept("audio", "time"))
    views = [one.keys["view"] for one in ENTRIES if (one.owner, one.kind) == (HERO, "video")]
    assert sync(User(HERO, me).get_up_stat())["archive"]["view"] == sum(views)
    assert sync(User(HERO, Credential(bili_jct="x")).get_up_stat()) == {}


def test_what_a_space_shows(me: Credential) -> None:
    one = User(HERO, me)
    reserved = sync(one.get_reservation())
    assert reserved is not None
    assert ids(reserved, "sid") == kept("reservation", "time")
    assert sync(User(NOTHING, me).get_reservation()) is None
    supporters = sync(one.get_elec_user_monthly())
    assert ids(supporters["list"], "pay_mid") == kept("support", "rank")[::-1]
    with pytest.raises(SupportNotOpen):
        sync(User(NOTHING, me).get_elec_user_monthly())
    assert sync(one.get_uplikeimg())["pre_img"] == body("like_effect")["pre_img"]
    assert len(sync(one.get_user_medal())["list"]) == len(kept("medal", "level"))
    assert sync(one.top_followers())["summary"] == body("fan_report")["summary"]
    assert sync(User(2, me).top_followers(1)) == sync(one.top_followers())
    with pytest.raises(NotSignedIn):
        sync(User(HERO, NOBODY).top_followers())


def test_a_notice_is_written_and_read_back(me: Credential) -> None:
    one = User(HERO, me)
    before = sync(one.get_space_notice())
    assert before == body("notice")["text"]
    assert sync(one.set_space_notice("新公告 & more")) is None
    assert sync(User(HERO, NOBODY).get_space_notice()) == "新公告 & more"
    with pytest.raises(NothingChanged):
        sync(one.set_space_notice("新公告 & more"))
    assert sync(one.set_space_notice()) is None
    assert sync(one.get_space_notice()) == ""


def test_followed_tags_and_series(me: Credential) -> None:
    one = User(HERO, me)
    tags = sync(pages(lambda number: one.get_user_fav_tag(number, 7), "tags"))
    assert ids(tags, "tag_id") == kept("tag", "since")

    async def series(type_: BangumiType) -> list[int]:
        found = await pages(lambda pn: one.get_subscribed_bangumi(type_, pn=pn, ps=9), "list")
        return ids(found, "season_id")

    for type_ in BangumiType:
        assert sync(series(type_)) == kept("bangumi", "since", type=type_.value)
    for call in (
        User(HIDES_SPACE, me).get_user_fav_tag,
        User(HIDES_SPACE, me).get_subscribed_bangumi,
        User(HIDES_SPACE, NOBODY).get_cheese,
    ):
        with pytest.raises(HiddenByPrivacy):
            sync(call())


@pytest.mark.parametrize(
    ("order", "key"),
    [(VideoOrder.PUBDATE, "pubdate"), (VideoOrder.VIEW, "view"), (VideoOrder.FAVORITE, "favorite")],
)
def test_videos_in_every_order(order: VideoOrder, key: str) -> None:
    one = User(HERO, NOBODY)
    found = sync(pages(lambda pn: one.get_videos(pn=pn, ps=20, order=order), "list.vlist"))
    assert ids(found, "aid") == kept("video", key)


def test_videos_of_a_partition_and_by_words() -> None:
    one = User(HERO, NOBODY)
    tid = next(e.filters["tid"] for e in ENTRIES if (e.owner, e.kind) == (HERO, "video"))
    page = sync(one.get_videos(tid=int(tid), ps=100))
    assert ids(page["list"]["vlist"], "aid") == kept("video", "pubdate", tid=tid)
    assert page["page"]["count"] == len(page["list"]["vlist"])
    text = next(e.text for e in ENTRIES if (e.owner, e.kind) == (HERO, "video"))
    word = text.split()[-1]
    found = {e.id for e in ENTRIES if (e.owner, e.kind) == (HERO, "video") and word in e.text}
    page = sync(one.get_videos(keyword=word, ps=100))
    assert set(ids(page["list"]["vlist"], "aid")) == found


async def media(one: User, direction: bool, oid: int | None) -> list[int]:
    found: list[int] = []
    for _ in range(100):
        run = await one.get_media_list(oid, 7, direction)
        items = ids(run["media_list"] or [], "id")
        found = found + items if direction else items + found
        if not run["has_more"]:
            return found
        oid = items[-1 if direction else 0]
    raise AssertionError("no end")


def test_a_media_list_goes_both_ways() -> None:
    one, all_ = User(HERO, NOBODY), kept("video", "pubdate")
    assert sync(media(one, True, None)) == all_
    assert sync(media(one, False, all_[-1])) == all_[:-1]
    run = sync(one.get_media_list(all_[3], 2, True, with_current=True))
    assert run["media_list"] is not None
    assert all_[3] in ids(run["media_list"], "id")


def test_chosen_videos() -> None:
    one = User(HERO, NOBODY)
    assert sync(one.get_top_videos())["aid"] == body("top_video")["aid"]
    assert ids(sync(one.get_masterpiece()), "aid") == kept("masterpiece", "place")[::-1]
    with pytest.raises(NoTopVideo):
        sync(User(NOTHING, NOBODY).get_top_videos())
    assert sync(User(NOTHING, NOBODY).get_masterpiece()) == []


def test_other_works() -> None:
    one = User(HERO, NOBODY)

    async def walk() -> dict[str, list[int]]:
        return {
            "audio": ids(await pages(lambda pn: one.get_audios(pn=pn, ps=9), "data"), "id"),
            "article": ids(await pages(lambda pn: one.get_articles(pn, ps=9), "articles"), "id"),
            "album": ids(
                await pages(lambda pn: one.get_album(page_num=pn, page_size=9), "items"), "doc_id"
            ),
            "article_list": ids((await one.get_article_list())["lists"], "id"),
        }

    found = sync(walk())
    assert found == {kind: kept(kind, "time") for kind in found}
    assert ids(sync(one.get_cheese())["items"], "season_id") == kept("course", "id")[:20]


def test_channels() -> None:
    one = User(HERO, NOBODY)
    lists = sync(one.get_channel_list())["items_lists"]
    seasons, series = kept("season", "time"), kept("series", "time")
    assert ids(lists["seasons_list"], "meta.season_id") == seasons
    assert ids(lists["series_list"], "meta.series_id") == series
    channels = sync(one.get_channels())
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


def test_the_feeds(me: Credential) -> None:
    posts = kept("post", "id")

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
        raise AssertionError("no end")

    async def new(kind: Callable[[str], Awaitable[Any]], name: str) -> list[int]:
        found: list[int] = []
        offset = ""
        for _ in range(100):
            page = await kind(offset)
            found += ids(page["items"], name)
            if not page["has_more"]:
                return found
            offset = page["offset"]
        raise AssertionError("no end")

    assert sync(old(me, False)) == posts
    pinned = kept("post", "id", pinned=1)
    first = pinned + [one for one in posts if one not in pinned]
    assert len(pinned) == 1
    assert sync(old(NOBODY, True)) == first
    for one in (User(HERO, me), User(HERO, NOBODY)):
        assert sync(new(one.get_dynamics_new, "id_str")) == first
        opus = partial(one.get_opus, OpusType.ALL)
        assert sync(new(opus, "opus_id")) == kept("picture_post", "id")
    articles = sync(new(lambda at: User(HERO, me).get_opus(OpusType.ARTICLE, at), "opus_id"))
    assert articles == kept("picture_post", "id", type="article")


def test_history(me: Credential) -> None:
    seen = [e for e in ENTRIES if (e.owner, e.kind) == (HERO, "seen")]
    videos = sync(pages(lambda pn: user.get_self_history(pn, 40, me), ""))
    assert len(videos) == sum(one.filters["tab"] == "archive" for one in seen)

    async def walk(type_: HistoryType) -> list[Any]:
        found: list[Any] = []
        place: tuple[Any, ...] = ()
        for _ in range(100):
            page = await user.get_self_history_new(me, type_, 30, *place)
            if not page["list"]:
                return found
            found += page["list"]
            cursor = page["cursor"]
            place = (cursor["view_at"], cursor["max"], cursor["business"])
        raise AssertionError("no end")

    for type_ in HistoryType:
        found = sync(walk(type_))
        wanted = [one for one in seen if type_.value in {"all", one.filters["tab"]}]
        assert [one["view_at"] for one in found] == sorted(
            (one.keys["time"] for one in wanted), reverse=True
        )
        assert len({(one["history"]["business"], one["kid"]) for one in found}) == len(wanted)


def test_watch_later(service: RunningService) -> None:
    mid = next(e.owner for e in ENTRIES if e.kind == "later")
    session = service.sign_in(mid)
    me = Credential(session.sessdata, session.bili_jct)
    told = sync(user.get_toview_list(me))
    later = kept("later", "time", mid)
    assert told["count"] == len(told["list"])
    assert ids(told["list"], "aid") == [one for one in later if one in ids(told["list"], "aid")]
    finished = kept("later", "time", mid, finished=1)
    assert finished
    assert sync(user.delete_viewed_videos_from_toview(me)) is None
    left = ids(sync(user.get_toview_list(me))["list"], "aid")
    assert left == [one for one in ids(told["list"], "aid") if one not in finished]
    assert sync(user.clear_toview_list(me)) is None
    assert sync(user.get_toview_list(me))["count"] == 0


def test_notes_and_logs(me: Credential) -> None:
    for ask, kind, name in (
        (user.get_self_notes_info, "note", "note_id"),
        (user.get_self_public_notes_info, "public_note", "cvid"),
    ):
        first: Any = sync(ask(1, 20, me))
        second: Any = sync(ask(2, 20, me))
        assert ids(first["list"] + second["list"], name) == kept(kind, "time")
        assert (sync(ask(3, 20, me))["list"] or []) == []
    assert len(sync(user.get_self_experience_log(me))["list"])
    assert len(sync(user.get_self_moral_log(me))["list"]) == len(kept("moral", "time"))
    assert len(sync(user.get_self_login_log(me))["list"]) == len(kept("sign_in", "time"))
    assert sync(user.get_self_jury_info(me))["case_total"] == body("jury")["case_total"]
    events = [e.keys["time"] for e in ENTRIES if (e.owner, e.kind) == (HERO, "event")]
    assert [one["ts"] for one in sync(user.get_self_events(0, me))["events"]] == sorted(events)
    assert sync(user.get_self_events(max(events) + 1, me))["events"] == []


def test_oneself(me: Credential) -> None:
    info = sync(user.get_self_info(me))
    assert (info["mid"], info["name"]) == (HERO, WORLD.accounts[HERO][0].name)
    assert sync(user.get_self_coins(me)) == body("profile")["coins"]
    assert sync(user.edit_self_info("1999-12-31", "女", "换了名字", "签名", me)) is None
    changed = sync(user.get_self_info(me))
    assert (changed["name"], changed["sign"], changed["sex"]) == ("换了名字", "签名", "女")
    assert sync(user.name2uid("换了名字", me))["uid_list"][0]["uid"] == str(HERO)


def test_names(me: Credential) -> None:
    card = WORLD.accounts[2][0]
    found: list[Any] = [
        sync(user.name2uid([card.name, "nobody has this"], me)),
        sync(user.name2uid([card.name])),
        user.name2uid_sync(card.name),
    ]
    told = [[(one["name"], int(one["uid"])) for one in each["uid_list"]] for each in found]
    assert told == [[(card.name, 2)]] * 3
    assert sync(user.check_nickname("没人用的名字")) == (True, "")
    free, why = sync(user.check_nickname(card.name))
    assert not free
    assert "40014" in why
    assert not sync(user.check_nickname("x"))[0]


def test_a_credential_is_valid_until_it_is_refreshed(service: RunningService) -> None:
    async def sign_in() -> Credential:
        async with Client(credential=NOBODY) as client:
            code = await client.login.qr_generate()
            service.agree(code.qrcode_key, 2)
            credential = await client.login.qr_wait(code.qrcode_key)
            assert credential is not None
            return Credential.from_cookies(credential.get_cookies())

    one = sync(sign_in())
    assert (one.dedeuserid, sync(one.check_valid())) == ("2", True)
    assert sync(one.check_refresh()) in {True, False}
    before = Credential.from_cookies(one.get_cookies())
    sync(one.refresh())
    assert one.sessdata != before.sessdata
    assert one.ac_time_value != before.ac_time_value
    assert sync(one.check_valid()) is True
    until = time.monotonic() + 10  # a worker remembers a session for up to a second
    while sync(before.check_valid()) and time.monotonic() < until:
        time.sleep(0.1)
    assert sync(before.check_valid()) is False
    assert sync(user.get_self_info(one))["mid"] == 2


def test_loops_that_sign_and_ask_for_pages_leave_nothing(me: Credential) -> None:
    for _ in range(count(100, 300)):
        asyncio.run(User(HERO, me).get_videos())
    gc.collect()
    assert _clients._held == {}
