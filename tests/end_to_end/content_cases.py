"""The cases of what accounts have besides relations, against the demo's content."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from guanxi import BadRequest, NicknameExists, RefreshRefused, SyncClient
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.pages import access_id_ends, access_id_of, refresh_csrf_of
from guanxi.demo.content import make_content
from guanxi.demo.world import HERO, World
from guanxi.world import feed, mine, profile, videos, works
from guanxi.world.kind import Entry, Kind
from tests.end_to_end.cases import CASES, case

__all__ = ["CASES", "entries_of"]

T = TypeVar("T")
_made: dict[str, Any] = {}


def entries_of(world: World) -> list[Entry]:
    """The world's content, made once."""
    if _made.get("of") is not world:
        _made.update({"of": world, "entries": make_content(world)})
    entries: list[Entry] = _made["entries"]
    return entries


def of_hero(world: World, kind: Kind[T], key: str = "", **where: object) -> list[T]:
    """What the hero has of a kind, the highest first."""
    found = [
        one
        for one in entries_of(world)
        if (one.owner, one.kind) == (HERO, kind.name)
        and all(one.filters[name] == value for name, value in where.items())
    ]
    found.sort(key=lambda one: (one.keys.get(key, 0), one.id), reverse=True)
    return [kind.read(one.body) for one in found]


def ids(items: Iterable[Any]) -> list[int]:
    return [int(item.id) for item in items]


def aids(items: Iterable[Any]) -> list[int]:
    return [item.aid for item in items]


def walked(
    endpoint: Endpoint,
    walk: Callable[[SyncClient], list[Any]],
    wanted: Callable[[World], list[Any]],
) -> None:
    """A case: a list walked to its end is what the world holds of it, in order."""

    @case(endpoint)
    def check(client: SyncClient, world: World) -> None:
        told = walk(client)
        assert told
        assert told == wanted(world)


def told(
    endpoint: Endpoint, ask: Callable[[SyncClient], Any], wanted: Callable[[World], Any]
) -> None:
    """A case: one answer, or what matters in it, is what the world holds."""

    @case(endpoint)
    def check(client: SyncClient, world: World) -> None:
        assert ask(client) == wanted(world)


walked(
    e.FOLLOWED_TAGS,
    lambda client: list(client.space.iter_tags(HERO)),
    lambda world: [one.tag for one in of_hero(world, works.TAG, "since")],
)
walked(
    e.FOLLOWED_BANGUMI,
    lambda client: list(client.space.iter_bangumi(HERO)),
    lambda world: [one.bangumi for one in of_hero(world, works.BANGUMI, "since", type=1)],
)
walked(
    e.VIDEOS,
    lambda client: aids(client.space.iter_videos(HERO, order="click")),
    lambda world: aids(of_hero(world, videos.VIDEO, "view")),
)
walked(
    e.MEDIA_LIST,
    lambda client: ids(client.space.iter_media_list(HERO)),
    lambda world: aids(of_hero(world, videos.VIDEO, "pubdate")),
)
walked(
    e.AUDIOS,
    lambda client: ids(client.space.iter_audios(HERO)),
    lambda world: ids(of_hero(world, works.AUDIO, "time")),
)
walked(
    e.ARTICLES,
    lambda client: ids(client.space.iter_articles(HERO)),
    lambda world: ids(of_hero(world, works.ARTICLE, "time")),
)
walked(
    e.ARTICLE_LISTS,
    lambda client: client.space.article_lists(HERO).lists,
    lambda world: of_hero(world, works.ARTICLE_LIST, "time"),
)
walked(
    e.ALBUMS,
    lambda client: list(client.space.iter_albums(HERO)),
    lambda world: [one.album for one in of_hero(world, works.ALBUM, "time")],
)
walked(
    e.COURSES,
    lambda client: list(client.space.iter_courses(HERO)),
    lambda world: of_hero(world, works.COURSE, "id"),
)
walked(
    e.MEDALS,
    lambda client: client.space.medals(HERO).items,
    lambda world: of_hero(world, works.MEDAL, "level"),
)
walked(
    e.RESERVATIONS,
    lambda client: client.space.reservations(HERO) or [],
    lambda world: of_hero(world, works.RESERVATION, "time"),
)
walked(
    e.SUPPORTERS,
    lambda client: [(one.rank, one.pay_mid) for one in client.space.supporters(HERO).items],
    lambda world: [(one.rank, one.mid) for one in of_hero(world, works.SUPPORT, "rank")[::-1]],
)
walked(
    e.MASTERPIECES,
    lambda client: [(one.aid, one.reason) for one in client.space.masterpieces(HERO)],
    lambda world: [
        (one.aid, one.reason) for one in of_hero(world, videos.MASTERPIECE, "place")[::-1]
    ],
)


def _channel_names(world: World) -> list[str]:
    seasons = [one.meta.name for one in of_hero(world, videos.SEASON, "time")]
    return seasons + [one.meta.name for one in of_hero(world, videos.SERIES, "time")]


walked(
    e.CHANNELS,
    lambda client: [one.meta.name for one in client.space.iter_channels(HERO)],
    _channel_names,
)
walked(
    e.LEGACY_CHANNELS,
    lambda client: [one.meta.name for one in client.space.iter_legacy_channels(HERO)],
    _channel_names,
)


def _season(world: World) -> videos.Season:
    """The one with most videos."""
    return max(of_hero(world, videos.SEASON), key=lambda one: len(one.aids))


def _series(world: World) -> videos.Series:
    return max(of_hero(world, videos.SERIES), key=lambda one: len(one.aids))


@case(e.SEASON_VIDEOS)
def season_videos(client: SyncClient, world: World) -> None:
    season = _season(world)
    items = client.space.iter_season_videos(HERO, season.meta.id, size=10)
    assert aids(items) == list(season.aids)


@case(e.LEGACY_SEASON_VIDEOS)
def legacy_season_videos(client: SyncClient, world: World) -> None:
    season = _season(world)
    items = client.space.iter_legacy_season_videos(HERO, season.meta.id, order="true", size=10)
    assert aids(items) == list(season.aids[::-1])


@case(e.SERIES_VIDEOS)
def series_videos(client: SyncClient, world: World) -> None:
    series = _series(world)
    items = client.space.iter_series_videos(HERO, series.meta.id, size=10)
    assert aids(items) == list(series.aids)


@case(e.SEASON)
def season(client: SyncClient, world: World) -> None:
    one = _season(world)
    info = client.channel.season(one.meta.id).info
    assert info.upper is not None
    assert (info.title, info.media_count, info.upper.mid) == (one.meta.name, len(one.aids), HERO)


@case(e.SERIES)
def series(client: SyncClient, world: World) -> None:
    one = _series(world)
    meta = client.channel.series(one.meta.id).meta
    assert (meta.name, meta.total, meta.mid) == (one.meta.name, len(one.aids), HERO)


@case(e.TOP_VIDEO)
def top_video(client: SyncClient, world: World) -> None:
    [chosen] = of_hero(world, videos.TOP_VIDEO)
    video = client.space.top_video(HERO)
    assert (video.aid, video.reason) == (chosen.aid, chosen.reason)


# --- the account ---


@case(e.SPACE_PAGE)
def space_page(client: SyncClient, world: World) -> None:
    access_id = access_id_of(client.space.page(HERO))
    assert access_id is not None
    ends = access_id_ends(access_id)
    assert ends is not None
    assert ends > time.time()


@case(e.SPACE_INFO)
def space_info(client: SyncClient, world: World) -> None:
    [kept] = of_hero(world, profile.PROFILE)
    info = client.space.info(HERO)
    assert (info.name, info.sex, info.coins) == (
        world.accounts[HERO][0].name,
        kept.sex,
        kept.coins,
    )
    assert info.birthday == kept.birthday[5:]


@case(e.OVERVIEW)
def overview(client: SyncClient, world: World) -> None:
    counts = client.space.overview(HERO)
    assert counts.video == len(of_hero(world, videos.VIDEO))
    assert counts.article == len(of_hero(world, works.ARTICLE))
    assert counts.opus == len(of_hero(world, feed.PICTURE_POST))
    assert counts.channel.master == len(_channel_names(world))


@case(e.UP_STAT)
def up_stat(client: SyncClient, world: World) -> None:
    stat = client.space.up_stat(HERO)
    kept, written = of_hero(world, videos.VIDEO), of_hero(world, works.ARTICLE)
    views, likes = sum(one.stat.view for one in kept), sum(one.stat.like for one in kept)
    assert stat.archive
    assert stat.archive.view == views
    assert stat.likes == likes + sum(one.stats.like for one in written)


told(
    e.SPACE_NOTICE,
    lambda client: client.space.notice(HERO),
    lambda world: of_hero(world, profile.NOTICE)[0].text,
)
told(
    e.LIKE_EFFECT,
    lambda client: client.space.like_effect(HERO),
    lambda world: of_hero(world, profile.LIKE_EFFECT)[0],
)

# --- the feed ---


def _posts(world: World) -> list[int]:
    """The pinned one, then the others."""
    pinned = of_hero(world, feed.POST, "id", pinned=1)
    return ids(pinned) + ids(of_hero(world, feed.POST, "id", pinned=0))


walked(e.DYNAMICS, lambda client: ids(client.space.iter_dynamics(HERO)), _posts)
walked(
    e.OLD_DYNAMICS,
    lambda client: [one.desc.id for one in client.space.iter_old_dynamics(HERO, need_top=True)],
    _posts,
)
walked(
    e.OPUS,
    lambda client: ids(client.space.iter_opus(HERO)),
    lambda world: ids(of_hero(world, feed.PICTURE_POST, "id")),
)

# --- oneself ---


@case(e.MY_INFO)
def my_info(client: SyncClient, world: World) -> None:
    [kept] = of_hero(world, profile.PROFILE)
    info = client.me.info()
    assert (info.mid, info.name) == (HERO, world.accounts[HERO][0].name)
    assert (info.coins, info.moral, info.sex) == (kept.coins, kept.moral, kept.sex)


@case(e.EDIT)
def edit(client: SyncClient, world: World) -> None:
    client.me.edit(birthday="2001-02-03", sex="女", name="换了名字", signature="换了签名")
    info = client.space.info(HERO)
    assert (info.name, info.sign, info.sex) == ("换了名字", "换了签名", "女")
    assert info.birthday == "02-03"


@case(e.SET_NOTICE)
def set_notice(client: SyncClient, world: World) -> None:
    client.me.set_notice("换了公告")
    assert client.space.notice(HERO) == "换了公告"
    client.me.set_notice()
    assert client.space.notice(HERO) == ""


told(
    e.COINS,
    lambda client: client.me.coins().money,
    lambda world: of_hero(world, profile.PROFILE)[0].coins or None,
)
walked(
    e.HISTORY,
    lambda client: [(one.business, one.view_at) for one in client.me.iter_history()],
    lambda world: [
        (one.entry.history.business, one.entry.view_at)
        for one in of_hero(world, mine.SEEN, "time", tab="archive")
    ],
)
walked(
    e.HISTORY_CURSOR,
    lambda client: [
        (one.history.business, one.history.oid) for one in client.me.iter_history_cursor()
    ],
    lambda world: [
        (one.entry.history.business, one.entry.history.oid)
        for one in of_hero(world, mine.SEEN, "time")
    ],
)


def _later(world: World, **where: object) -> list[int]:
    """Those put by whose videos are there."""
    there = {one.id for one in entries_of(world) if one.kind == videos.VIDEO.name}
    return [aid for aid in aids(of_hero(world, mine.LATER, "time", **where)) if aid in there]


walked(e.TOVIEW, lambda client: aids(client.me.toview().items), _later)


@case(e.CLEAR_TOVIEW)
def clear_toview(client: SyncClient, world: World) -> None:
    client.me.clear_toview()
    assert client.me.toview().items == []


@case(e.DELETE_VIEWED)
def delete_viewed(client: SyncClient, world: World) -> None:
    client.me.delete_viewed()
    assert aids(client.me.toview().items) == _later(world, finished=0) != _later(world)


walked(
    e.NOTES,
    lambda client: ids(client.me.iter_notes()),
    lambda world: [one.note.id for one in of_hero(world, mine.NOTE, "time")],
)
walked(
    e.PUBLIC_NOTES,
    lambda client: ids(client.me.iter_public_notes()),
    lambda world: [one.note.id for one in of_hero(world, mine.PUBLIC_NOTE, "time")],
)


def _week(world: World) -> list[mine.Change]:
    lines = of_hero(world, mine.EXPERIENCE, "time")
    return [one for one in lines if one.time > lines[0].time - 7 * 86_400]


walked(
    e.EXPERIENCE_LOG,
    lambda client: [(one.delta, one.reason) for one in client.me.experience_log().items],
    lambda world: [(one.delta, one.reason) for one in _week(world)],
)
walked(
    e.MORAL_LOG,
    lambda client: [one["reason"] for one in client.me.moral_log().items],
    lambda world: [one.reason for one in of_hero(world, mine.MORAL, "time")],
)
walked(
    e.LOGIN_LOG,
    lambda client: [(one.time, one.ip) for one in client.me.login_log().items],
    lambda world: [(one.time, one.ip) for one in of_hero(world, mine.SIGN_IN, "time")],
)
told(
    e.JURY,
    lambda client: (client.me.jury().status, client.me.jury().case_total),
    lambda world: next((one.status, one.case_total) for one in of_hero(world, profile.JURY)),
)
walked(
    e.EVENTS,
    lambda client: [(one.ts, one.title) for one in client.me.events().events],
    lambda world: [(one.time, one.title) for one in of_hero(world, mine.EVENT, "time")[::-1]],
)
told(
    e.FAN_REPORT,
    lambda client: client.me.fan_report(),
    lambda world: of_hero(world, profile.FAN_REPORT)[0],
)

# --- signing in, and names ---


@case(e.QR_GENERATE)
def qr_generate(client: SyncClient, world: World) -> None:
    one, other = client.login.qr_generate(), client.login.qr_generate()
    assert len(one.qrcode_key) == 32
    assert one.qrcode_key in one.url
    assert one.qrcode_key != other.qrcode_key


@case(e.QR_POLL)
def qr_poll(client: SyncClient, world: World) -> None:
    key = client.login.qr_generate().qrcode_key
    assert client.login.qr_poll(key).code == 86101


@case(e.COOKIE_INFO)
def cookie_info(client: SyncClient, world: World) -> None:
    info = client.login.cookie_info()
    assert not info.refresh
    assert abs(info.timestamp / 1000 - time.time()) < 60


@case(e.CORRESPOND)
def correspond(client: SyncClient, world: World) -> None:
    assert refresh_csrf_of(client.login.correspond("00ff"))


@case(e.COOKIE_REFRESH)
def cookie_refresh(client: SyncClient, world: World) -> None:
    csrf = refresh_csrf_of(client.login.correspond("00ff"))
    assert csrf is not None
    with pytest.raises(RefreshRefused):
        client.login.cookie_refresh(csrf, "0" * 96)


@case(e.CONFIRM_REFRESH)
def confirm_refresh(client: SyncClient, world: World) -> None:
    with pytest.raises(BadRequest):
        client.login.confirm_refresh("0" * 96)


@case(e.NAME_TO_UID)
def name_to_uid(client: SyncClient, world: World) -> None:
    name = world.accounts[HERO][0].name
    [found] = client.account.name_to_uid([name, "没有人叫这个"]).uid_list
    assert (found.name, int(found.uid)) == (name, HERO)


@case(e.LEGACY_NAME_TO_UID)
def legacy_name_to_uid(client: SyncClient, world: World) -> None:
    name = world.accounts[HERO][0].name
    [found] = client.account.legacy_name_to_uid([name]).uid_list
    assert (found.name, int(found.uid)) == (name, HERO)


@case(e.CHECK_NICKNAME)
def check_nickname(client: SyncClient, world: World) -> None:
    client.account.check_nickname("没有人叫这个")
    client.me.edit(birthday="2001-02-03", sex="女", name="有人叫这个", signature="")
    with pytest.raises(NicknameExists):
        client.account.check_nickname("有人叫这个")
