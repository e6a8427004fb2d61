"""The cases of content: videos, feeds, history and the like, against the demo's content."""

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
    """Return the world's content; it is created once for each world."""
    if _made.get("of") is not world:
        _made.update({"of": world, "entries": make_content(world)})
    entries: list[Entry] = _made["entries"]
    return entries


def of_hero(world: World, kind: Kind[T], key: str = "", **where: object) -> list[T]:
    """Return the bodies of the hero's entries of a kind, sorted by ``key``, largest first."""
    found = [
        entry
        for entry in entries_of(world)
        if (entry.owner, entry.kind) == (HERO, kind.name)
        and all(entry.filters[name] == value for name, value in where.items())
    ]
    found.sort(key=lambda entry: (entry.keys.get(key, 0), entry.id), reverse=True)
    return [kind.read(entry.body) for entry in found]


def ids(items: Iterable[Any]) -> list[int]:
    return [int(item.id) for item in items]


def aids(items: Iterable[Any]) -> list[int]:
    return [item.aid for item in items]


def list_case(
    endpoint: Endpoint,
    walk: Callable[[SyncClient], list[Any]],
    wanted: Callable[[World], list[Any]],
) -> None:
    """Add a case: a list walked to its end equals the world's entries, in order."""

    @case(endpoint)
    def check(client: SyncClient, world: World) -> None:
        items = walk(client)
        assert items
        assert items == wanted(world)


def result_case(
    endpoint: Endpoint, call: Callable[[SyncClient], Any], wanted: Callable[[World], Any]
) -> None:
    """Add a case: a result, or a part of it, equals the world's."""

    @case(endpoint)
    def check(client: SyncClient, world: World) -> None:
        assert call(client) == wanted(world)


list_case(
    e.FOLLOWED_TAGS,
    lambda client: list(client.space.iter_tags(HERO)),
    lambda world: [item.tag for item in of_hero(world, works.TAG, "since")],
)
list_case(
    e.FOLLOWED_BANGUMI,
    lambda client: list(client.space.iter_bangumi(HERO)),
    lambda world: [item.bangumi for item in of_hero(world, works.BANGUMI, "since", type=1)],
)
list_case(
    e.VIDEOS,
    lambda client: aids(client.space.iter_videos(HERO, order="click")),
    lambda world: aids(of_hero(world, videos.VIDEO, "view")),
)
list_case(
    e.MEDIA_LIST,
    lambda client: ids(client.space.iter_media_list(HERO)),
    lambda world: aids(of_hero(world, videos.VIDEO, "pubdate")),
)
list_case(
    e.AUDIOS,
    lambda client: ids(client.space.iter_audios(HERO)),
    lambda world: ids(of_hero(world, works.AUDIO, "time")),
)
list_case(
    e.ARTICLES,
    lambda client: ids(client.space.iter_articles(HERO)),
    lambda world: ids(of_hero(world, works.ARTICLE, "time")),
)
list_case(
    e.ARTICLE_LISTS,
    lambda client: client.space.article_lists(HERO).lists,
    lambda world: of_hero(world, works.ARTICLE_LIST, "time"),
)
list_case(
    e.ALBUMS,
    lambda client: list(client.space.iter_albums(HERO)),
    lambda world: [item.album for item in of_hero(world, works.ALBUM, "time")],
)
list_case(
    e.COURSES,
    lambda client: list(client.space.iter_courses(HERO)),
    lambda world: of_hero(world, works.COURSE, "id"),
)
list_case(
    e.MEDALS,
    lambda client: client.space.medals(HERO).items,
    lambda world: of_hero(world, works.MEDAL, "level"),
)
list_case(
    e.RESERVATIONS,
    lambda client: client.space.reservations(HERO) or [],
    lambda world: of_hero(world, works.RESERVATION, "time"),
)
list_case(
    e.SUPPORTERS,
    lambda client: [(item.rank, item.pay_mid) for item in client.space.supporters(HERO).items],
    lambda world: [(item.rank, item.mid) for item in of_hero(world, works.SUPPORT, "rank")[::-1]],
)
list_case(
    e.MASTERPIECES,
    lambda client: [(item.aid, item.reason) for item in client.space.masterpieces(HERO)],
    lambda world: [
        (item.aid, item.reason) for item in of_hero(world, videos.MASTERPIECE, "place")[::-1]
    ],
)


def _channel_names(world: World) -> list[str]:
    seasons = [item.meta.name for item in of_hero(world, videos.SEASON, "time")]
    return seasons + [item.meta.name for item in of_hero(world, videos.SERIES, "time")]


list_case(
    e.CHANNELS,
    lambda client: [item.meta.name for item in client.space.iter_channels(HERO)],
    _channel_names,
)
list_case(
    e.LEGACY_CHANNELS,
    lambda client: [item.meta.name for item in client.space.iter_legacy_channels(HERO)],
    _channel_names,
)


def _season(world: World) -> videos.Season:
    """Return the hero's season with the most videos."""
    return max(of_hero(world, videos.SEASON), key=lambda season: len(season.aids))


def _series(world: World) -> videos.Series:
    return max(of_hero(world, videos.SERIES), key=lambda series: len(series.aids))


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
    item = _season(world)
    info = client.channel.season(item.meta.id).info
    assert info.upper is not None
    assert (info.title, info.media_count, info.upper.mid) == (item.meta.name, len(item.aids), HERO)


@case(e.SERIES)
def series(client: SyncClient, world: World) -> None:
    item = _series(world)
    meta = client.channel.series(item.meta.id).meta
    assert (meta.name, meta.total, meta.mid) == (item.meta.name, len(item.aids), HERO)


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
    [stored] = of_hero(world, profile.PROFILE)
    info = client.space.info(HERO)
    assert (info.name, info.sex, info.coins) == (
        world.accounts[HERO][0].name,
        stored.sex,
        stored.coins,
    )
    assert info.birthday == stored.birthday[5:]


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
    stored, written = of_hero(world, videos.VIDEO), of_hero(world, works.ARTICLE)
    views, likes = sum(item.stat.view for item in stored), sum(item.stat.like for item in stored)
    assert stat.archive
    assert stat.archive.view == views
    assert stat.likes == likes + sum(item.stats.like for item in written)


result_case(
    e.SPACE_NOTICE,
    lambda client: client.space.notice(HERO),
    lambda world: of_hero(world, profile.NOTICE)[0].text,
)
result_case(
    e.LIKE_EFFECT,
    lambda client: client.space.like_effect(HERO),
    lambda world: of_hero(world, profile.LIKE_EFFECT)[0],
)

# --- the feed ---


def _posts(world: World) -> list[int]:
    """Return the hero's posts, the pinned one first."""
    pinned = of_hero(world, feed.POST, "id", pinned=1)
    return ids(pinned) + ids(of_hero(world, feed.POST, "id", pinned=0))


list_case(e.DYNAMICS, lambda client: ids(client.space.iter_dynamics(HERO)), _posts)
list_case(
    e.OLD_DYNAMICS,
    lambda client: [item.desc.id for item in client.space.iter_old_dynamics(HERO, need_top=True)],
    _posts,
)
list_case(
    e.OPUS,
    lambda client: ids(client.space.iter_opus(HERO)),
    lambda world: ids(of_hero(world, feed.PICTURE_POST, "id")),
)

# --- the own account ---


@case(e.MY_INFO)
def my_info(client: SyncClient, world: World) -> None:
    [stored] = of_hero(world, profile.PROFILE)
    info = client.me.info()
    assert (info.mid, info.name) == (HERO, world.accounts[HERO][0].name)
    assert (info.coins, info.moral, info.sex) == (stored.coins, stored.moral, stored.sex)


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


result_case(
    e.COINS,
    lambda client: client.me.coins().money,
    lambda world: of_hero(world, profile.PROFILE)[0].coins or None,
)
list_case(
    e.HISTORY,
    lambda client: [(item.business, item.view_at) for item in client.me.iter_history()],
    lambda world: [
        (item.entry.history.business, item.entry.view_at)
        for item in of_hero(world, mine.SEEN, "time", tab="archive")
    ],
)
list_case(
    e.HISTORY_CURSOR,
    lambda client: [
        (item.history.business, item.history.oid) for item in client.me.iter_history_cursor()
    ],
    lambda world: [
        (item.entry.history.business, item.entry.history.oid)
        for item in of_hero(world, mine.SEEN, "time")
    ],
)


def _later(world: World, **where: object) -> list[int]:
    """Return the watch-later entries whose videos exist."""
    video_ids = {entry.id for entry in entries_of(world) if entry.kind == videos.VIDEO.name}
    return [aid for aid in aids(of_hero(world, mine.LATER, "time", **where)) if aid in video_ids]


list_case(e.TOVIEW, lambda client: aids(client.me.toview().items), _later)


@case(e.CLEAR_TOVIEW)
def clear_toview(client: SyncClient, world: World) -> None:
    client.me.clear_toview()
    assert client.me.toview().items == []


@case(e.DELETE_VIEWED)
def delete_viewed(client: SyncClient, world: World) -> None:
    client.me.delete_viewed()
    assert aids(client.me.toview().items) == _later(world, finished=0) != _later(world)


list_case(
    e.NOTES,
    lambda client: ids(client.me.iter_notes()),
    lambda world: [item.note.id for item in of_hero(world, mine.NOTE, "time")],
)
list_case(
    e.PUBLIC_NOTES,
    lambda client: ids(client.me.iter_public_notes()),
    lambda world: [item.note.id for item in of_hero(world, mine.PUBLIC_NOTE, "time")],
)


def _week(world: World) -> list[mine.Change]:
    lines = of_hero(world, mine.EXPERIENCE, "time")
    return [item for item in lines if item.time > lines[0].time - 7 * 86_400]


list_case(
    e.EXPERIENCE_LOG,
    lambda client: [(item.delta, item.reason) for item in client.me.experience_log().items],
    lambda world: [(item.delta, item.reason) for item in _week(world)],
)
list_case(
    e.MORAL_LOG,
    lambda client: [item["reason"] for item in client.me.moral_log().items],
    lambda world: [item.reason for item in of_hero(world, mine.MORAL, "time")],
)
list_case(
    e.LOGIN_LOG,
    lambda client: [(item.time, item.ip) for item in client.me.login_log().items],
    lambda world: [(item.time, item.ip) for item in of_hero(world, mine.SIGN_IN, "time")],
)
result_case(
    e.JURY,
    lambda client: (client.me.jury().status, client.me.jury().case_total),
    lambda world: next((item.status, item.case_total) for item in of_hero(world, profile.JURY)),
)
list_case(
    e.EVENTS,
    lambda client: [(item.ts, item.title) for item in client.me.events().events],
    lambda world: [(item.time, item.title) for item in of_hero(world, mine.EVENT, "time")[::-1]],
)
result_case(
    e.FAN_REPORT,
    lambda client: client.me.fan_report(),
    lambda world: of_hero(world, profile.FAN_REPORT)[0],
)

# --- signing in, and names ---


@case(e.QR_GENERATE)
def qr_generate(client: SyncClient, world: World) -> None:
    item, other = client.login.qr_generate(), client.login.qr_generate()
    assert len(item.qrcode_key) == 32
    assert item.qrcode_key in item.url
    assert item.qrcode_key != other.qrcode_key


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
