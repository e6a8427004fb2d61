"""The documented names that do more than one call, or more than a call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guanxi import InitialStateException, StatementException, user
from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.contract.errors import AnswerException
from guanxi.user import (
    ChannelOrder,
    ChannelSeries,
    ChannelSeriesType,
    Credential,
    User,
    sync,
)
from tests.sdk.recorder import (
    ACCESS_ID,
    Answer,
    Received,
    envelope,
    recording,
    wbi,
)

SIGNED_IN = Credential("sess-secret", "jct-secret", dedeuserid="1")
NOBODY = Credential()


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
