"""Every list function of the module: all members once, or an error.

Functions of one page are walked until a page is empty, as a caller would who compares the total.
The functions come from the documents, so that a new one fails until it has a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import pytest

from guanxi import ListIncomplete, user
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.sdk import answers
from guanxi.testing import RunningService
from guanxi.user import ChannelSeries, ChannelSeriesType, HistoryType, User, sync
from tests.documents.test_wire import BY_ADDRESS, WIRED
from tests.end_to_end.lists_checks import (
    NO_LISTS,
    NOBODY,
    OTHER,
    OWN,
    Case,
    check,
    collected,
    credential_of,
    has_list,
    items_in,
    reader,
)
from tests.end_to_end.lists_world import HOLDERS, PS, Holder

Members = Callable[[Holder], Sequence[int]]


def accounts(holder: Holder) -> Sequence[int]:
    return holder.members


def documents(holder: Holder) -> Sequence[int]:
    return holder.ids


def by_number(endpoint: Endpoint, ask: Callable[[int], Any]) -> Any:
    """Return a coroutine of all items of pages 1, 2 …, that raises if their total is larger."""

    async def walk() -> list[Any]:
        found: list[Any] = []
        data: Any = None
        for number in range(1, 1_000):
            data = await ask(number)
            page = items_in(data, endpoint)
            if not page:
                break
            found += page
        total = answers.at(data, endpoint.pages.total) if endpoint.pages.total else None
        if total is not None and len(found) < total:
            raise ListIncomplete(found, total, cut=True, endpoint=endpoint.name)
        return found

    return walk()


def chained(endpoint: Endpoint, ask: Callable[..., Any], first: Any, *names: str) -> Any:
    """Return a coroutine of all items of a list whose pages name the next one."""

    async def walk() -> list[Any]:
        found: list[Any] = []
        position = first
        for _ in range(1_000):
            data = await ask(*position)
            page = items_in(data, endpoint)
            found += page
            more = answers.at(data, endpoint.pages.more) if endpoint.pages.more else page
            if not more:
                return found
            position = [answers.at(data, name) for name in names]
        raise AssertionError("the list does not end")

    return walk()


def own(name: str, ask: Callable[[Any, int], Any], members: Members = documents) -> Case:
    """Return the case of a function of the caller's own pages."""
    endpoint = e.BY_NAME[name]
    return Case(name, lambda c, h: by_number(endpoint, lambda pn: ask(c, pn)), OWN, members)


def of(
    name: str,
    ask: Callable[[User, int], Any],
    members: Members = documents,
    shown: int | None = None,
) -> Case:
    """Return the case of a method of ``User`` for one page, called by another account."""
    endpoint = e.BY_NAME[name]

    def walk(c: Any, h: Holder) -> Any:
        return by_number(endpoint, lambda pn: ask(User(h.mid, c), pn))

    return Case(name, walk, OTHER, members, shown)


def once(
    name: str, ask: Callable[[User], Any], viewer: str = OTHER, members: Members = documents
) -> Case:
    """Return the case of a method of ``User`` without pages."""
    return Case(name, lambda c, h: ask(User(h.mid, c)), viewer, members)


def season(c: Any, h: Holder) -> Any:
    ask = User(h.twin, c).get_channel_videos_season
    return by_number(e.SEASON_VIDEOS, lambda pn: ask(h.season, pn=pn, ps=PS))


def series(c: Any, h: Holder) -> Any:
    ask = User(h.twin, c).get_channel_videos_series
    return by_number(e.SERIES_VIDEOS, lambda pn: ask(h.series, pn=pn, ps=PS))


def channel_of_season(c: Any, h: Holder) -> Any:
    one = ChannelSeries(h.twin, ChannelSeriesType.SEASON, h.season, c)
    return by_number(e.SEASON_VIDEOS, lambda pn: one.get_videos(pn=pn, ps=PS))


def channel_of_series(c: Any, h: Holder) -> Any:
    one = ChannelSeries(h.twin, ChannelSeriesType.SERIES, h.series, c)
    return by_number(e.SERIES_VIDEOS, lambda pn: one.get_videos(pn=pn, ps=PS))


def same(c: Any, h: Holder) -> Any:
    return by_number(e.SAME, lambda pn: User(h.twin, c).get_self_same_followers(pn, PS))


def media_list(c: Any, h: Holder) -> Any:
    def ask(oid: int | None) -> Any:
        return User(h.mid, c).get_media_list(oid, PS, direction=True)

    return chained(e.MEDIA_LIST, ask, [None], "media_list.-1.id")


def old_dynamics(c: Any, h: Holder) -> Any:
    return chained(e.OLD_DYNAMICS, User(h.mid, c).get_dynamics, [0], "next_offset")


def dynamics(c: Any, h: Holder) -> Any:
    return chained(e.DYNAMICS, User(h.mid, c).get_dynamics_new, [""], "offset")


def opus(c: Any, h: Holder) -> Any:
    def ask(offset: str) -> Any:
        return User(h.mid, c).get_opus(offset=offset)

    return chained(e.OPUS, ask, [""], "offset")


def history_new(c: Any, h: Holder) -> Any:
    def ask(*position: Any) -> Any:
        return user.get_self_history_new(c, HistoryType.ALL, PS, *position)

    names = ("cursor.view_at", "cursor.max", "cursor.business")
    return chained(e.HISTORY_CURSOR, ask, [], *names)


async def channels_of(someone: User) -> list[Any]:
    """Return the channels of a user in the form in which the endpoint has them."""
    found = await someone.get_channels()
    return [{"meta": {f"{one.get_type().name.lower()}_id": one.get_id()}} for one in found]


#: The functions of the module, by name; several rows of one function are several callers.
MODULE: list[tuple[str, Case]] = [
    *(
        ("User.get_all_followings", once(name, User.get_all_followings, viewer, accounts))
        for name, viewer in (
            ("web.attentions", OWN),
            ("web.attentions", OTHER),
            ("account.card_by_mid", NOBODY),
        )
    ),
    (
        "User.get_followings",
        of("relation.followings", lambda u, pn: u.get_followings(pn, PS), accounts, 100),
    ),
    (
        "User.get_followers",
        of("relation.followers", lambda u, pn: u.get_followers(pn, PS), accounts, 1_000),
    ),
    ("User.get_self_same_followers", Case("relation.same", same, OWN, accounts)),
    (
        "get_self_friends",
        Case("relation.friends", lambda c, h: user.get_self_friends(c), OWN, accounts),
    ),
    (
        "get_self_black_list",
        own(
            "relation.blacks",
            lambda c, pn: user.get_self_black_list(c, pn, PS),
            lambda h: h.blocked,
        ),
    ),
    (
        "get_self_special_followings",
        own(
            "relation.specials",
            lambda c, pn: user.get_self_special_followings(c, pn, PS),
            accounts,
        ),
    ),
    (
        "get_self_whisper_followings",
        own(
            "relation.whispers",
            lambda c, pn: user.get_self_whisper_followings(c, pn, PS),
            lambda h: h.whispered,
        ),
    ),
    ("User.get_user_fav_tag", of("space.tags", lambda u, pn: u.get_user_fav_tag(pn, PS))),
    (
        "User.get_subscribed_bangumi",
        of("space.bangumi", lambda u, pn: u.get_subscribed_bangumi(pn=pn, ps=PS)),
    ),
    ("User.get_videos", of("space.videos", lambda u, pn: u.get_videos(pn=pn, ps=PS))),
    ("User.get_media_list", Case("space.media_list", media_list, OTHER)),
    ("User.get_audios", of("space.audios", lambda u, pn: u.get_audios(pn=pn, ps=PS))),
    ("User.get_articles", of("space.articles", lambda u, pn: u.get_articles(pn=pn, ps=PS))),
    ("User.get_article_list", once("space.article_lists", User.get_article_list)),
    (
        "User.get_album",
        of("space.albums", lambda u, pn: u.get_album(page_num=pn, page_size=PS)),
    ),
    ("User.get_cheese", once("space.courses", User.get_cheese)),
    ("User.get_channel_list", once("space.channels", lambda u: u.get_channel_list())),
    ("User.get_channels", once("space.channels", channels_of)),
    ("User.get_channel_videos_season", Case("space.season_videos", season, OTHER)),
    ("User.get_channel_videos_series", Case("space.series_videos", series, OTHER)),
    ("ChannelSeries.get_videos", Case("space.season_videos", channel_of_season, OTHER)),
    ("ChannelSeries.get_videos", Case("space.series_videos", channel_of_series, OTHER)),
    ("User.get_dynamics", Case("space.old_dynamics", old_dynamics, OTHER)),
    ("User.get_dynamics_new", Case("space.dynamics", dynamics, OTHER)),
    ("User.get_opus", Case("space.opus", opus, OTHER)),
    ("get_self_history", own("me.history", lambda c, pn: user.get_self_history(pn, PS, c))),
    ("get_self_history_new", Case("me.history_cursor", history_new)),
    (
        "get_toview_list",
        Case("me.toview", lambda c, h: user.get_toview_list(c), always=100),
    ),
    ("get_self_notes_info", own("me.notes", lambda c, pn: user.get_self_notes_info(pn, PS, c))),
    (
        "get_self_public_notes_info",
        own("me.public_notes", lambda c, pn: user.get_self_public_notes_info(pn, PS, c)),
    ),
]
ONE_RESPONSE: list[tuple[str, str, Callable[[Any, Holder], Any]]] = [
    ("User.get_user_medal", "space.medals", lambda c, h: User(h.mid, c).get_user_medal()),
    (
        "User.get_elec_user_monthly",
        "space.supporters",
        lambda c, h: User(h.mid, c).get_elec_user_monthly(),
    ),
    ("User.get_reservation", "space.reservations", lambda c, h: User(h.mid, c).get_reservation()),
    ("get_self_experience_log", "me.experience_log", lambda c, h: user.get_self_experience_log(c)),
    ("get_self_moral_log", "me.moral_log", lambda c, h: user.get_self_moral_log(c)),
    ("get_self_login_log", "me.login_log", lambda c, h: user.get_self_login_log(c)),
    ("get_self_events", "me.events", lambda c, h: user.get_self_events(0, c)),
]


def test_every_list_function_of_the_module_has_a_row() -> None:
    lists = {
        entry["name"]
        for entry in WIRED
        for endpoint in [BY_ADDRESS[entry["wire"]["method"], entry["wire"]["path"]]]
        if (endpoint.paging is not None or has_list(endpoint)) and endpoint.name not in NO_LISTS
    }
    rows = {name for name, _ in MODULE} | {name for name, _, _ in ONE_RESPONSE}
    # It sends the requests of others, so that the documents give it no wire of its own.
    assert rows - lists == {"ChannelSeries.get_videos"}
    assert lists <= rows


@pytest.mark.parametrize(
    ("name", "case"), MODULE, ids=[f"{name}-{case.viewer}" for name, case in MODULE]
)
def test_each_function_of_the_module_returns_every_member_once_or_raises(
    listed: RunningService, monkeypatch: pytest.MonkeyPatch, name: str, case: Case
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", listed.base_url)

    def walk(holder: Holder) -> list[Any]:
        credential = credential_of(listed, reader(case.viewer, holder))
        return sync(collected(case.use(credential, holder), case.endpoint))

    for holder in HOLDERS:
        check(case, holder, case.limit(listed), partial(walk, holder))


@pytest.mark.parametrize(
    ("name", "use"),
    [(name, use) for _, name, use in ONE_RESPONSE],
    ids=[name for name, _, _ in ONE_RESPONSE],
)
def test_a_list_of_the_module_in_one_response_is_whole(
    listed: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    use: Callable[[Any, Holder], Any],
) -> None:
    monkeypatch.setenv("GUANXI_BASE_URL", listed.base_url)
    for holder in HOLDERS:
        credential = credential_of(listed, holder.mid)
        found = sync(collected(use(credential, holder), e.BY_NAME[name]))
        assert len({msgspec.json.encode(item) for item in found}) == len(found) == holder.length
