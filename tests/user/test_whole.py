"""The other documented functions: their requests, results, errors and credential parts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from guanxi import ArgsException, NotSignedIn, StatementException, user
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
    Credential,
    HistoryBusinessType,
    HistoryType,
    MedialistOrder,
    OpusType,
    User,
    VideoOrder,
    sync,
)
from tests.documents.test_wire import FEED, MODULE
from tests.sdk.recorder import (
    ACCESS_ID,
    MIXIN,
    envelope,
)

SIGNED_IN = Credential("sess-secret", "jct-secret", dedeuserid="1")
SIGNED_OUT = Credential()
Call = Callable[[Any], Coroutine[Any, Any, Any]]
NEEDS = {entry["name"]: entry["wire"]["needs"] for entry in MODULE if "wire" in entry}


class Case(msgspec.Struct):
    """A documented call, its endpoint, and the parameters that it sends, without signatures."""

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
        {"host_mid": "7", "offset": "12", **FEED},
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
#: Functions with tests in test_apart.py, because they make several calls.
APART = {
    "User.get_cheese",
    "User.get_access_id",
    "User.get_channel_list",
    "User.get_channels",
    "User.get_user_info_sync",
    "check_nickname",
    "get_self_coins",
    "name2uid_sync",
}


@pytest.mark.holds(each="case", aspect="request")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_call_sends_the_documented_request_and_returns_the_data(
    answering: Any, case: Case
) -> None:
    answering.body = envelope({"list": [{"mid": 1, "new": [None]}], "other": 1.5})
    assert sync(case.call(SIGNED_IN)) == answering.body["data"]
    (request,) = answering.requests()
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


def test_a_call_returns_none_or_the_result_where_there_is_no_data(answering: Any) -> None:
    assert sync(untyped.User(7, SIGNED_IN).get_videos()) is None
    answering.body = {"code": 0, "result": ["instead"]}
    assert sync(untyped.User(7, SIGNED_IN).get_videos()) == ["instead"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (envelope(None, -101, "账号未登录"), NotSignedIn),
        (b"<html>", AnswerException),
        (b'{"code":0,"data":{"list":[', AnswerException),
    ],
)
def test_a_call_raises_the_exception_of_the_response(
    answering: Any, body: Any, error: type[Exception]
) -> None:
    answering.body = body
    with pytest.raises(error):
        sync(User(7, SIGNED_IN).get_videos())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_call_checks_the_credential_first(answering: Any, case: Case) -> None:
    needs = NEEDS[case.name]
    full = {"sessdata": "s", "bili_jct": "j", "dedeuserid": "1"}
    for part in needs:
        # An app token replaces cookies if the server accepts it.
        if ACCESS_KEY in case.endpoint.auth and part == "sessdata":
            continue
        lacking = Credential(**{name: value for name, value in full.items() if name != part})
        with pytest.raises(errors.CredentialException, match=part):
            sync(case.call(lacking))
        with pytest.raises(errors.CredentialException, match=needs[0]):
            sync(case.call(SIGNED_OUT))
    assert answering.server.received == []
    if not needs:
        sync(case.call(SIGNED_OUT))
        assert all(request.cookies == {} for request in answering.server.received)
        assert len(answering.requests()) == 1


def test_every_documented_call_has_a_case() -> None:
    relations = {
        entry["name"] for entry in MODULE if "relation" in entry.get("wire", {}).get("path", "")
    }
    tried = {case.name for case in CASES} | APART | relations | {"User.get_all_followings"}
    assert set(NEEDS) <= tried


#: The module without its types, for invalid calls.
untyped: Any = user
#: Values that are not an account's id.
NO_IDS = {
    ArgsException: ("seven", "-7", "", "7.0", "²", " 7", "9" * 5_000),
    TypeError: (7.0, None, True, b"7", [7]),
}
WRONG: list[tuple[type[Exception], str, Call]] = [
    (ValueError, "uid", lambda c: untyped.User(0, c).get_user_info()),
    (ValueError, "uid", lambda c: untyped.User(-1, c).get_access_id()),
    (ValueError, "uid", lambda c: untyped.User(2**63, c).get_audios()),
    (ValueError, "uid", lambda c: untyped.User(0, c).get_followings()),
    (ValueError, "uid", lambda c: untyped.User(0, c).get_all_followings()),
    *(
        (error, "uid", lambda c, uid=uid: untyped.User(uid, c))
        for error, uids in NO_IDS.items()
        for uid in uids
    ),
    (TypeError, "credential", lambda c: untyped.User(7, "c").get_videos()),
    (ValueError, "pn", lambda c: untyped.User(7, c).get_videos(pn=0)),
    (ValueError, "ps", lambda c: untyped.User(7, c).get_videos(ps=101)),
    (ValueError, "tid", lambda c: untyped.User(7, c).get_videos(tid=-1)),
    (ValueError, "keyword", lambda c: untyped.User(7, c).get_videos(keyword="x" * 201)),
    (ValueError, "order", lambda c: untyped.User(7, c).get_videos(order="x")),
    (ValueError, "order", lambda c: untyped.User(7, c).get_articles(order="x")),
    (ValueError, "ps", lambda c: untyped.User(7, c).get_articles(ps=31)),
    (ValueError, "oid", lambda c: untyped.User(7, c).get_media_list(0)),
    (ValueError, "ps", lambda c: untyped.User(7, c).get_media_list(ps=101)),
    (ValueError, "page_num", lambda c: untyped.User(7, c).get_album(page_num=0)),
    (ValueError, "page_size", lambda c: untyped.User(7, c).get_album(page_size=101)),
    (ValueError, "sid", lambda c: untyped.User(7, c).get_channel_videos_season(0)),
    (ValueError, "pn", lambda c: untyped.User(7, c).get_channel_videos_season(1, pn=0)),
    (ValueError, "ps", lambda c: untyped.User(7, c).get_channel_videos_season(1, ps=101)),
    (ValueError, "sort", lambda c: untyped.User(7, c).get_channel_videos_season(1, "x")),
    (ValueError, "sort", lambda c: untyped.User(7, c).get_channel_videos_series(1, "x")),
    (ValueError, "type_", lambda c: untyped.User(7, c).get_subscribed_bangumi(type_=3)),
    (ValueError, "type_", lambda c: untyped.User(7, c).get_opus("x")),
    (ValueError, "offset", lambda c: untyped.User(7, c).get_opus(offset="x")),
    (ValueError, "offset", lambda c: untyped.User(7, c).get_dynamics("x")),
    (ValueError, "offset", lambda c: untyped.User(7, c).get_dynamics(-1)),
    (ValueError, "since", lambda c: untyped.User(7, c).top_followers(-1)),
    (TypeError, "content", lambda c: untyped.User(7, c).set_space_notice(7)),
    (ValueError, "relation", lambda c: untyped.User(7, c).modify_relation(9)),
    (TypeError, "nick_name", lambda c: untyped.check_nickname(7)),
    (ValueError, "names", lambda c: untyped.name2uid([], c)),
    (TypeError, "names", lambda c: untyped.name2uid([7], c)),
    (ValueError, "birthday", lambda c: untyped.edit_self_info("1.1.2000", "男", "x", "", c)),
    (ValueError, "sex", lambda c: untyped.edit_self_info("2000-01-01", "x", "x", "", c)),
    (ValueError, "page_num", lambda c: untyped.get_self_history(0, credential=c)),
    (ValueError, "per_page_item", lambda c: untyped.get_self_history(1, 101, c)),
    (ValueError, "_type", lambda c: untyped.get_self_history_new(c, "x")),
    (ValueError, "ps", lambda c: untyped.get_self_history_new(c, ps=31)),
    (ValueError, "business", lambda c: untyped.get_self_history_new(c, business="x")),
    (StatementException, "page_num", lambda c: untyped.get_self_notes_info(0, 1, c)),
    (StatementException, "page_size", lambda c: untyped.get_self_public_notes_info(1, 0, c)),
    (TypeError, "page_num", lambda c: untyped.get_self_notes_info("1", 1, c)),
    (ValueError, "pn", lambda c: untyped.get_self_special_followings(c, 0)),
    (ValueError, "ts", lambda c: untyped.get_self_events(-1, c)),
    (ValueError, "group_id", lambda c: untyped.delete_subscribe_group(-11, c)),
    (TypeError, "new_name", lambda c: untyped.rename_subscribe_group(1, 7, c)),
    (ValueError, "uids", lambda c: untyped.set_subscribe_group([], [1], c)),
]


@pytest.mark.parametrize(("kind", "name", "call"), WRONG)
def test_invalid_arguments_raise_before_anything_is_sent(
    answering: Any, kind: type[Exception], name: str, call: Call
) -> None:
    with pytest.raises(kind, match=rf"^{name}: ") as caught:
        sync(call(SIGNED_IN))
    assert isinstance(caught.value, errors.ArgsException)
    assert isinstance(caught.value, ValueError)
    assert answering.server.received == []
