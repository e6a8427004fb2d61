"""Every documented name besides relations: what each sends, returns, refuses and needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from guanxi import InitialStateException, NotSignedIn, StatementException, user
from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.contract.endpoint import ACCESS_KEY, Endpoint
from guanxi.contract.errors import AnswerException
from guanxi.contract.sign import wbi_verify
from guanxi.user import (
    AlbumType,
    ArticleListOrder,
    ArticleOrder,
    AudioOrder,
    BangumiFollowStatus,
    BangumiType,
    ChannelOrder,
    ChannelSeries,
    ChannelSeriesType,
    Credential,
    HistoryBusinessType,
    HistoryType,
    MedialistOrder,
    OpusType,
    User,
    VideoOrder,
    sync,
)
from tests.documents.test_wire import MODULE
from tests.sdk.recorder import (
    ACCESS_ID,
    MIXIN,
    Answer,
    Received,
    Recorder,
    envelope,
    recording,
    wbi,
)

SIGNED_IN = Credential("sess-secret", "jct-secret", dedeuserid="1")
NOBODY = Credential()
Call = Callable[[Any], Coroutine[Any, Any, Any]]
NEEDS = {one["name"]: one["wire"]["needs"] for one in MODULE if "wire" in one}


class Case(msgspec.Struct):
    """A documented call, the endpoint behind it, and what it sends besides signatures."""

    name: str
    call: Call
    endpoint: Endpoint
    sent: dict[str, str]


def videos(**more: str) -> dict[str, str]:
    plain = {"mid": "7", "ps": "30", "tid": "0", "pn": "1", "keyword": "", "order": "pubdate"}
    return plain | {"order_avoided": "1", "platform": "web"} | more


def media(**more: str) -> dict[str, str]:
    fixed = {"mobi_app": "web", "type": "1", "otype": "2"}
    plain = {"biz_id": "7", "ps": "20", "direction": "0", "desc": "1", "sort_field": "1"}
    return fixed | plain | {"tid": "0", "with_current": "0"} | more


def channel(path: str, **sent: str) -> dict[str, str]:
    return {"mid": "7", path: "9"} | sent


CASES = [
    Case("User.get_user_info", lambda c: User(7, c).get_user_info(), e.SPACE_INFO, {"mid": "7"}),
    Case("User.get_live_info", lambda c: User(7, c).get_live_info(), e.SPACE_INFO, {"mid": "7"}),
    Case(
        "User.get_overview_stat",
        lambda c: User(7, c).get_overview_stat(),
        e.OVERVIEW,
        {"mid": "7"},
    ),
    Case("User.get_up_stat", lambda c: User(7, c).get_up_stat(), e.UP_STAT, {"mid": "7"}),
    Case(
        "User.get_space_notice",
        lambda c: User(7, c).get_space_notice(),
        e.SPACE_NOTICE,
        {"mid": "7"},
    ),
    Case(
        "User.set_space_notice",
        lambda c: User(7, c).set_space_notice("你好 a+b"),
        e.SET_NOTICE,
        {"notice": "你好 a+b"},
    ),
    Case(
        "User.set_space_notice",
        lambda c: User(7, c).set_space_notice(),
        e.SET_NOTICE,
        {"notice": ""},
    ),
    Case(
        "User.get_reservation",
        lambda c: User(7, c).get_reservation(),
        e.RESERVATIONS,
        {"vmid": "7"},
    ),
    Case(
        "User.get_elec_user_monthly",
        lambda c: User(7, c).get_elec_user_monthly(),
        e.SUPPORTERS,
        {"up_mid": "7"},
    ),
    Case("User.get_uplikeimg", lambda c: User(7, c).get_uplikeimg(), e.LIKE_EFFECT, {"vmid": "7"}),
    Case(
        "User.get_user_medal", lambda c: User(7, c).get_user_medal(), e.MEDALS, {"target_id": "7"}
    ),
    Case(
        "User.get_user_fav_tag",
        lambda c: User(7, c).get_user_fav_tag(2, 10),
        e.FOLLOWED_TAGS,
        {"vmid": "7", "pn": "2", "ps": "10"},
    ),
    Case(
        "User.get_subscribed_bangumi",
        lambda c: User(7, c).get_subscribed_bangumi(),
        e.FOLLOWED_BANGUMI,
        {"vmid": "7", "pn": "1", "ps": "15", "type": "1", "follow_status": "0"},
    ),
    Case(
        "User.get_subscribed_bangumi",
        lambda c: User(7, c).get_subscribed_bangumi(
            BangumiType.DRAMA, BangumiFollowStatus.WATCHED, 2, 30
        ),
        e.FOLLOWED_BANGUMI,
        {"vmid": "7", "pn": "2", "ps": "30", "type": "2", "follow_status": "3"},
    ),
    Case("User.top_followers", lambda c: User(7, c).top_followers(), e.FAN_REPORT, {}),
    Case("User.top_followers", lambda c: User(7, c).top_followers(0), e.FAN_REPORT, {}),
    Case("User.top_followers", lambda c: User(7, c).top_followers(5), e.FAN_REPORT, {"t": "5"}),
    Case("User.get_videos", lambda c: User(7, c).get_videos(), e.VIDEOS, videos()),
    Case(
        "User.get_videos",
        lambda c: User(7, c).get_videos(4, 2, 5, "你好 a(b)", VideoOrder.VIEW),
        e.VIDEOS,
        videos(tid="4", pn="2", ps="5", keyword="你好 a(b)", order="click"),
    ),
    Case("User.get_media_list", lambda c: User(7, c).get_media_list(), e.MEDIA_LIST, media()),
    Case(
        "User.get_media_list",
        lambda c: User(7, c).get_media_list(3, 100, True, False, MedialistOrder.PLAY, 1, True),
        e.MEDIA_LIST,
        media(
            oid="3",
            ps="100",
            direction="1",
            desc="0",
            sort_field="2",
            tid="1",
            with_current="1",
        ),
    ),
    Case("User.get_top_videos", lambda c: User(7, c).get_top_videos(), e.TOP_VIDEO, {"vmid": "7"}),
    Case(
        "User.get_masterpiece",
        lambda c: User(7, c).get_masterpiece(),
        e.MASTERPIECES,
        {"vmid": "7"},
    ),
    Case(
        "User.get_audios",
        lambda c: User(7, c).get_audios(AudioOrder.VIEW, 2, 5),
        e.AUDIOS,
        {"uid": "7", "ps": "5", "pn": "2", "order": "2"},
    ),
    Case(
        "User.get_articles",
        lambda c: User(7, c).get_articles(2, ArticleOrder.FAVORITE, 5),
        e.ARTICLES,
        {"mid": "7", "ps": "5", "pn": "2", "sort": "fav"},
    ),
    Case(
        "User.get_article_list",
        lambda c: User(7, c).get_article_list(ArticleListOrder.VIEW),
        e.ARTICLE_LISTS,
        {"mid": "7", "sort": "1"},
    ),
    Case(
        "User.get_album",
        lambda c: User(7, c).get_album(AlbumType.PHOTO, 2, 5),
        e.ALBUMS,
        {"uid": "7", "page_num": "2", "page_size": "5", "biz": "photo"},
    ),
    Case("User.get_cheese", lambda c: User(7, c).get_cheese(), e.COURSES, {"mid": "7"}),
    Case(
        "User.get_channel_videos_season",
        lambda c: User(7, c).get_channel_videos_season(9),
        e.SEASON_VIDEOS,
        channel("season_id", sort_reverse="false", page_num="1", page_size="100"),
    ),
    Case(
        "User.get_channel_videos_season",
        lambda c: User(7, c).get_channel_videos_season(9, ChannelOrder.CHANGE, 2, 5),
        e.SEASON_VIDEOS,
        channel("season_id", sort_reverse="true", page_num="2", page_size="5"),
    ),
    Case(
        "User.get_channel_videos_series",
        lambda c: User(7, c).get_channel_videos_series(9),
        e.SERIES_VIDEOS,
        channel("series_id", pn="1", ps="100", sort="desc"),
    ),
    Case(
        "User.get_channel_videos_series",
        lambda c: User(7, c).get_channel_videos_series(9, ChannelOrder.CHANGE, 2, 5),
        e.SERIES_VIDEOS,
        channel("series_id", pn="2", ps="5", sort="asc"),
    ),
    Case(
        "User.get_dynamics",
        lambda c: User(7, c).get_dynamics("12", True),
        e.OLD_DYNAMICS,
        {"host_uid": "7", "offset_dynamic_id": "12", "need_top": "1"},
    ),
    Case(
        "User.get_dynamics",
        lambda c: User(7, c).get_dynamics(),
        e.OLD_DYNAMICS,
        {"host_uid": "7", "offset_dynamic_id": "0", "need_top": "0"},
    ),
    Case(
        "User.get_dynamics_new",
        lambda c: User(7, c).get_dynamics_new("12"),
        e.DYNAMICS,
        {"host_mid": "7", "offset": "12", **e.DYNAMICS.fixed},
    ),
    Case(
        "User.get_opus",
        lambda c: User(7, c).get_opus(OpusType.ARTICLE, "12"),
        e.OPUS,
        {"host_mid": "7", "offset": "12", "type": "article"},
    ),
    Case("get_self_info", user.get_self_info, e.MY_INFO, {}),
    Case(
        "edit_self_info",
        lambda c: user.edit_self_info("2000-02-29", "保密", "名字", "签 名", c),
        e.EDIT,
        {"birthday": "2000-02-29", "sex": "保密", "uname": "名字", "usersign": "签 名"},
    ),
    Case("get_self_jury_info", user.get_self_jury_info, e.JURY, {}),
    Case("get_self_experience_log", user.get_self_experience_log, e.EXPERIENCE_LOG, {}),
    Case("get_self_moral_log", user.get_self_moral_log, e.MORAL_LOG, {}),
    Case("get_self_login_log", user.get_self_login_log, e.LOGIN_LOG, {}),
    Case("get_self_events", lambda c: user.get_self_events(5, c), e.EVENTS, {"ts": "5"}),
    Case(
        "get_self_history",
        lambda c: user.get_self_history(2, 5, c),
        e.HISTORY,
        {"pn": "2", "ps": "5"},
    ),
    Case(
        "get_self_history_new",
        user.get_self_history_new,
        e.HISTORY_CURSOR,
        {"type": "all", "ps": "20"},
    ),
    Case(
        "get_self_history_new",
        lambda c: user.get_self_history_new(
            c, HistoryType.live, 5, 6, 7, HistoryBusinessType.article_list
        ),
        e.HISTORY_CURSOR,
        {"type": "live", "ps": "5", "view_at": "6", "max": "7", "business": "article-list"},
    ),
    Case("get_toview_list", user.get_toview_list, e.TOVIEW, {}),
    Case("clear_toview_list", user.clear_toview_list, e.CLEAR_TOVIEW, {}),
    Case(
        "delete_viewed_videos_from_toview",
        user.delete_viewed_videos_from_toview,
        e.DELETE_VIEWED,
        {"viewed": "true"},
    ),
    Case(
        "get_self_notes_info",
        lambda c: user.get_self_notes_info(2, 5, c),
        e.NOTES,
        {"pn": "2", "ps": "5"},
    ),
    Case(
        "get_self_public_notes_info",
        lambda c: user.get_self_public_notes_info(2, 5, c),
        e.PUBLIC_NOTES,
        {"pn": "2", "ps": "5"},
    ),
    Case(
        "name2uid",
        lambda c: user.name2uid(["一", "b"], c),
        e.NAME_TO_UID,
        {"names": "一,b"},
    ),
    Case("name2uid", lambda c: user.name2uid("一,b", c), e.NAME_TO_UID, {"names": "一,b"}),
]
#: Those that have tests of their own here, as they do more than one call.
APART = {
    "User.get_access_id",
    "User.get_channel_list",
    "User.get_channels",
    "User.get_user_info_sync",
    "check_nickname",
    "get_self_coins",
    "name2uid_sync",
}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server whose data can be set: ``answering.body``; keys and pages it answers by itself."""

    class Answering:
        body: Any = envelope()
        server: Recorder

        def asked(self) -> list[Received]:
            """What was asked besides keys and pages."""
            extra = ("/nav", "/dynamic")
            return [one for one in self.server.received if not one.path.endswith(extra)]

        def sent(self) -> list[dict[str, str]]:
            return [dict(one.form or one.query) for one in self.asked()]

    told = Answering()
    with recording(wbi(lambda request: Answer(told.body))) as server:
        told.server = server
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        yield told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_sends_what_the_documents_say(answering: Any, case: Case) -> None:
    assert sync(case.call(SIGNED_IN)) is None  # the server sends no data
    (request,) = answering.asked()
    assert (request.method, request.path) == (case.endpoint.method, case.endpoint.path)
    pairs = request.form if case.endpoint.method == "POST" else request.query
    sent = dict(pairs)
    assert len(sent) == len(pairs)
    if case.endpoint.wbi:
        assert wbi_verify(pairs, MIXIN)
        del sent["wts"], sent["w_rid"]
    if case.endpoint.access_id:
        assert sent.pop("w_webid") == ACCESS_ID
    if case.endpoint.writes:
        assert sent.pop("csrf") == "jct-secret"
    assert sent == case.sent
    assert ("SESSDATA" in request.cookies) == bool(case.endpoint.auth)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_returns_the_data_as_it_came(answering: Any, case: Case) -> None:
    answering.body = envelope({"list": [{"mid": 1, "new": [None]}], "other": 1.5})
    assert sync(case.call(SIGNED_IN)) == answering.body["data"]
    answering.body = {"code": 0, "result": ["instead"]}
    assert sync(case.call(SIGNED_IN)) == ["instead"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_raises_the_code_by_name(answering: Any, case: Case) -> None:
    answering.body = envelope(None, -101, "账号未登录")
    with pytest.raises(NotSignedIn):
        sync(case.call(SIGNED_IN))
    answering.body = b"<html>"
    with pytest.raises(AnswerException):
        sync(case.call(SIGNED_IN))
    answering.body = b'{"code":0,"data":{"list":['
    with pytest.raises(AnswerException):
        sync(case.call(SIGNED_IN))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_each_needs_is_asked_for_first(answering: Any, case: Case) -> None:
    needs = NEEDS[case.name]
    full = {"sessdata": "s", "bili_jct": "j", "dedeuserid": "1"}
    for part in needs:
        # An app token stands in for cookies where the server takes it.
        if ACCESS_KEY in case.endpoint.auth and part == "sessdata":
            continue
        lacking = Credential(**{name: value for name, value in full.items() if name != part})
        with pytest.raises(errors.CredentialException, match=part):
            sync(case.call(lacking))
        with pytest.raises(errors.CredentialException, match=needs[0]):
            sync(case.call(NOBODY))
    assert answering.server.received == []
    if not needs:
        sync(case.call(NOBODY))
        assert all(one.cookies == {} for one in answering.server.received)
        assert len(answering.asked()) == 1


def test_every_documented_call_is_tried() -> None:
    relations = {one["name"] for one in MODULE if "relation" in one.get("wire", {}).get("path", "")}
    tried = {case.name for case in CASES} | APART | relations | {"User.get_all_followings"}
    assert set(NEEDS) <= tried


#: The module, for calls that its types refuse.
odd: Any = user
WRONG: list[tuple[type[Exception], str, Call]] = [
    (ValueError, "uid", lambda c: odd.User(0, c).get_user_info()),
    (ValueError, "uid", lambda c: odd.User(-1, c).get_access_id()),
    (ValueError, "uid", lambda c: odd.User(2**63, c).get_audios()),
    (ValueError, "uid", lambda c: odd.User(0, c).get_followings()),
    (ValueError, "uid", lambda c: odd.User(0, c).get_all_followings()),
    (TypeError, "uid", lambda c: odd.User("7", c).get_videos()),
    (TypeError, "credential", lambda c: odd.User(7, "c").get_videos()),
    (ValueError, "pn", lambda c: odd.User(7, c).get_videos(pn=0)),
    (ValueError, "ps", lambda c: odd.User(7, c).get_videos(ps=101)),
    (ValueError, "tid", lambda c: odd.User(7, c).get_videos(tid=-1)),
    (ValueError, "keyword", lambda c: odd.User(7, c).get_videos(keyword="x" * 201)),
    (ValueError, "order", lambda c: odd.User(7, c).get_videos(order="x")),
    (ValueError, "order", lambda c: odd.User(7, c).get_articles(order="x")),
    (ValueError, "ps", lambda c: odd.User(7, c).get_articles(ps=31)),
    (ValueError, "oid", lambda c: odd.User(7, c).get_media_list(0)),
    (ValueError, "ps", lambda c: odd.User(7, c).get_media_list(ps=101)),
    (ValueError, "page_num", lambda c: odd.User(7, c).get_album(page_num=0)),
    (ValueError, "page_size", lambda c: odd.User(7, c).get_album(page_size=101)),
    (ValueError, "sid", lambda c: odd.User(7, c).get_channel_videos_season(0)),
    (ValueError, "pn", lambda c: odd.User(7, c).get_channel_videos_season(1, pn=0)),
    (ValueError, "ps", lambda c: odd.User(7, c).get_channel_videos_season(1, ps=101)),
    (ValueError, "sort", lambda c: odd.User(7, c).get_channel_videos_season(1, "x")),
    (ValueError, "sort", lambda c: odd.User(7, c).get_channel_videos_series(1, "x")),
    (ValueError, "type_", lambda c: odd.User(7, c).get_subscribed_bangumi(3)),
    (ValueError, "type_", lambda c: odd.User(7, c).get_opus("x")),
    (ValueError, "offset", lambda c: odd.User(7, c).get_opus(offset="x")),
    (ValueError, "offset", lambda c: odd.User(7, c).get_dynamics("x")),
    (ValueError, "offset", lambda c: odd.User(7, c).get_dynamics(-1)),
    (ValueError, "since", lambda c: odd.User(7, c).top_followers(-1)),
    (TypeError, "content", lambda c: odd.User(7, c).set_space_notice(7)),
    (ValueError, "relation", lambda c: odd.User(7, c).modify_relation(9)),
    (TypeError, "nick_name", lambda c: odd.check_nickname(7)),
    (ValueError, "names", lambda c: odd.name2uid([], c)),
    (TypeError, "names", lambda c: odd.name2uid([7], c)),
    (ValueError, "birthday", lambda c: odd.edit_self_info("1.1.2000", "男", "x", "", c)),
    (ValueError, "sex", lambda c: odd.edit_self_info("2000-01-01", "x", "x", "", c)),
    (ValueError, "page_num", lambda c: odd.get_self_history(0, credential=c)),
    (ValueError, "per_page_item", lambda c: odd.get_self_history(1, 101, c)),
    (ValueError, "_type", lambda c: odd.get_self_history_new(c, "x")),
    (ValueError, "ps", lambda c: odd.get_self_history_new(c, ps=31)),
    (ValueError, "business", lambda c: odd.get_self_history_new(c, business="x")),
    (StatementException, "page_num", lambda c: odd.get_self_notes_info(0, 1, c)),
    (StatementException, "page_size", lambda c: odd.get_self_public_notes_info(1, 0, c)),
    (TypeError, "page_num", lambda c: odd.get_self_notes_info("1", 1, c)),
    (ValueError, "pn", lambda c: odd.get_self_special_followings(c, 0)),
    (ValueError, "ts", lambda c: odd.get_self_events(-1, c)),
    (ValueError, "group_id", lambda c: odd.delete_subscribe_group(-11, c)),
    (TypeError, "new_name", lambda c: odd.rename_subscribe_group(1, 7, c)),
    (ValueError, "uids", lambda c: odd.set_subscribe_group([], [1], c)),
]


@pytest.mark.parametrize(("kind", "name", "call"), WRONG)
def test_wrong_arguments_are_named_before_anything_is_sent(
    answering: Any, kind: type[Exception], name: str, call: Call
) -> None:
    with pytest.raises(kind, match=rf"^{name}: "):
        sync(call(SIGNED_IN))
    assert answering.server.received == []


# Those that do more than one call


def test_the_access_id_is_asked_for_once_a_user(answering: Any) -> None:
    async def several() -> list[object]:
        one = User(7, SIGNED_IN)
        await one.get_user_info()
        await User(7, NOBODY).get_videos()
        return [await one.get_access_id(), await User(8, NOBODY).get_access_id()]

    assert sync(several()) == [ACCESS_ID, ACCESS_ID]
    pages = [one for one in answering.server.received if one.path.endswith("/dynamic")]
    assert [(one.path, one.query, one.cookies) for one in pages] == [
        ("/7/dynamic", [], {}),
        ("/8/dynamic", [], {}),
    ]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b"<html>no data</html>", None),
        (b'<script id="__RENDER_DATA__" type="application/json">%7B%7D</script>', None),
        (b"", None),
    ],
)
def test_a_page_without_an_access_id(
    page: bytes, told: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = wbi(lambda request: Answer(envelope({"ok": True})))

    def handle(request: Received) -> Answer | None:
        return Answer(page) if request.path.endswith("/dynamic") else keys(request)

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, NOBODY).get_access_id()) is told
        told_of: Any = sync(User(7, NOBODY).get_user_info())
        assert told_of == {"ok": True}
        assert "w_webid" not in dict(server.received[-1].query)


def test_a_page_whose_data_is_not_json(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b'<script id="__RENDER_DATA__" type="application/json">{"access_id":</script>'
    with recording(lambda request: Answer(page)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(InitialStateException):
            sync(User(7, NOBODY).get_user_info())


def lists(number: int, total: int) -> dict[str, Any]:
    """A page of channels, 20 to a page: 23 seasons, then series."""
    run = range(1, total + 1)[(number - 1) * 20 : number * 20]
    seasons = [{"meta": {"season_id": one, "name": str(one)}} for one in run if one <= 23]
    series = [{"meta": {"series_id": one, "name": str(one)}} for one in run if one > 23]
    page = {"page_num": number, "page_size": 20, "total": total}
    return {"items_lists": {"page": page, "seasons_list": seasons, "series_list": series}}


def test_channels_are_joined_over_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Received) -> Answer:
        return Answer(envelope(lists(int(dict(request.query)["page_num"]), 45)))

    with recording(wbi(handle)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        whole = sync(User(7, NOBODY).get_channel_list())["items_lists"]
        assert [one["meta"]["season_id"] for one in whole["seasons_list"]] == list(range(1, 24))
        assert [one["meta"]["series_id"] for one in whole["series_list"]] == list(range(24, 46))
        assert whole["page"] == {"page_num": 1, "page_size": 45, "total": 45}
        channels = sync(User(7, SIGNED_IN).get_channels())
    asked = [dict(one.query) for one in server.received if "page_num" in one.target]
    assert [(one["page_num"], one["page_size"]) for one in asked] == [
        (number, "20") for number in "123123"
    ]
    assert [one.get_id() for one in channels] == list(range(1, 46))
    assert {one.get_type() for one in channels[:23]} == {ChannelSeriesType.SEASON}
    assert {one.get_type() for one in channels[23:]} == {ChannelSeriesType.SERIES}
    assert channels[0].meta == {"season_id": 1, "name": "1"}
    assert channels[0].owner.get_uid() == 7
    assert channels[0].credential is SIGNED_IN


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"items_lists": None},
        {"items_lists": {"seasons_list": [], "series_list": []}},
        {"items_lists": {"seasons_list": [], "page": {"total": 1}}},
        {"items_lists": {"seasons_list": [{}], "series_list": [], "page": {"total": 1}}},
    ],
)
def test_odd_channels_are_named(answering: Any, data: object) -> None:
    answering.body = envelope(data) if data is not None else envelope()
    with pytest.raises(AnswerException) as caught:
        sync(User(7, NOBODY).get_channels())
    assert caught.value.path.startswith("$.data")


def test_a_channel_by_its_id(answering: Any) -> None:
    answering.body = envelope({"info": {"id": 9, "title": "t", "upper": {"mid": 7}}})
    season = ChannelSeries(type_=ChannelSeriesType.SEASON, id_=9, credential=SIGNED_IN)
    assert season.meta is None
    assert (season.is_new, season.owner.get_uid()) == (1, -1)

    async def ask() -> int:
        owner = await season.get_owner()
        assert await season.get_meta() == answering.body["data"]["info"]
        return owner.get_uid()

    assert sync(ask()) == 7
    answering.body = envelope({"meta": {"series_id": 9, "mid": 7}})
    series = ChannelSeries(id_=9)
    assert sync(series.get_meta()) == {"series_id": 9, "mid": 7}
    assert [one.target for one in answering.asked()] == [
        "/x/space/fav/season/list?season_id=9",
        "/x/series/series?series_id=9",
    ]
    assert all(one.cookies == {} for one in answering.asked())


def test_a_channel_s_videos(answering: Any) -> None:
    answering.body = envelope({"archives": []})
    for type_ in ChannelSeriesType:
        one = ChannelSeries(7, type_, 9, NOBODY)
        page: Any = sync(one.get_videos(ChannelOrder.CHANGE, 2, 5))
        assert page == {"archives": []}
    assert [one.path for one in answering.asked()] == [e.SERIES_VIDEOS.path, e.SEASON_VIDEOS.path]
    assert [one["mid"] for one in answering.sent()] == ["7", "7"]


def test_a_channel_needs_an_id_and_a_type() -> None:
    wrong: Any = None
    with pytest.raises(StatementException, match="id_"):
        ChannelSeries(7)
    with pytest.raises(StatementException, match="type_"):
        ChannelSeries(7, wrong, 9)


@pytest.mark.parametrize("data", [None, {}, {"info": {}}, {"info": {"upper": {"mid": "7"}}}])
def test_an_odd_channel_is_named(answering: Any, data: Any) -> None:
    answering.body = {"code": 0, "data": data}
    with pytest.raises(AnswerException):
        sync(ChannelSeries(type_=ChannelSeriesType.SEASON, id_=9).get_meta())


def test_what_older_dynamics_hold_is_decoded(answering: Any) -> None:
    card = {"desc": {"dynamic_id": 1}, "card": '{"a":[1]}', "extend_json": "{}"}
    answering.body = envelope({"cards": [card, {"desc": {}}], "has_more": 1, "next_offset": 5})
    page = sync(User(7, NOBODY).get_dynamics())
    assert page["cards"] == [
        {"desc": {"dynamic_id": 1}, "card": {"a": [1]}, "extend_json": {}},
        {"desc": {}},
    ]
    answering.body = envelope({"has_more": 0, "next_offset": 0})
    assert sync(User(7, NOBODY).get_dynamics()) == {"has_more": 0, "next_offset": 0}
    answering.body = envelope({"cards": [card | {"extend_json": "{"}]})
    with pytest.raises(AnswerException) as caught:
        sync(User(7, NOBODY).get_dynamics())
    assert caught.value.path == "$.data.cards[0].extend_json"


def test_coins(answering: Any) -> None:
    answering.body = {"code": 0, "status": True, "data": {"money": 12.5}}
    assert sync(user.get_self_coins(SIGNED_IN)) == 12.5
    answering.body = {"code": 0, "status": True, "data": {"money": None}}
    assert sync(user.get_self_coins(SIGNED_IN)) is None
    answering.body = {"code": 0, "status": True}
    with pytest.raises(AnswerException):
        sync(user.get_self_coins(SIGNED_IN))
    before = len(answering.server.received)
    for account, part in ((NOBODY, "sessdata"), (Credential("s"), "dedeuserid")):
        with pytest.raises(errors.CredentialException, match=part):
            sync(user.get_self_coins(account))
    assert len(answering.server.received) == before
    assert answering.asked()[0].cookies["DedeUserID"] == "1"


def test_a_nickname_is_free_or_it_is_said_why_not(answering: Any) -> None:
    answering.body = {"code": 0}
    assert sync(user.check_nickname("新 名")) == (True, "")
    for code in (40014, 2001, 40004, -412, 12345):
        answering.body = {"code": code, "message": "昵称已存在"}
        free, why = sync(user.check_nickname("x"))
        assert not free
        assert str(code) in why
        assert "昵称已存在" in why
    assert answering.sent()[0] == {"nickName": "新 名"}
    assert all(one.cookies == {} for one in answering.asked())


def test_names_without_a_credential(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answering.body = envelope({"uid_list": [{"name": "a", "uid": "7"}]})
    found = {"uid_list": [{"name": "a", "uid": "7"}]}
    told: list[object] = [sync(user.name2uid("a")), user.name2uid_sync(["a", "b"])]
    assert told == [found, found]
    assert {one.path for one in answering.asked()} == {e.LEGACY_NAME_TO_UID.path}
    with pytest.raises(errors.CredentialNoSessdataException):
        sync(user.name2uid("a", NOBODY))
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    sync(user.name2uid("a"))
    last = answering.asked()[-1]
    assert (last.path, last.cookies) == (e.NAME_TO_UID.path, {"SESSDATA": "from-env"})


def test_the_plain_calls_of_001_work_within_a_loop_too(answering: Any) -> None:
    answering.body = envelope({"mid": 7})
    told: Any = User(7, NOBODY).get_user_info_sync()
    assert told == {"mid": 7}

    async def within() -> list[object]:
        return [User(7, NOBODY).get_user_info_sync(), user.name2uid_sync("a")]

    assert sync(within()) == [{"mid": 7}, {"mid": 7}]


def test_jsonp_is_read_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Received) -> Answer:
        body = json.dumps(envelope({"video": 3}))
        name = dict(request.query).get("callback")
        return Answer(f"{name}({body})".encode() if name else body.encode())

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        told: Any = sync(User(7, NOBODY).get_overview_stat())
        assert told == {"video": 3}
