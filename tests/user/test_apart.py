"""The documented functions that make several calls, or process the response."""

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
SIGNED_OUT = Credential()


@pytest.mark.holds("User.get_access_id", aspect="request")
def test_the_access_id_is_fetched_once_for_each_user(answering: Any) -> None:
    async def several() -> list[object]:
        request = User(7, SIGNED_IN)
        await request.get_user_info()
        await User(7, SIGNED_OUT).get_videos()
        return [await request.get_access_id(), await User(8, SIGNED_OUT).get_access_id()]

    assert sync(several()) == [ACCESS_ID, ACCESS_ID]
    pages = [request for request in answering.server.received if request.path.endswith("/dynamic")]
    assert [(request.path, request.query, request.cookies) for request in pages] == [
        ("/7/dynamic", [], {}),
        ("/8/dynamic", [], {}),
    ]


@pytest.mark.parametrize(
    ("page", "result"),
    [
        (b"<html>no data</html>", None),
        (b'<script id="__RENDER_DATA__" type="application/json">%7B%7D</script>', None),
        (b"", None),
    ],
)
def test_a_page_without_an_access_id(
    page: bytes, result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = wbi(lambda request: Answer(envelope({"ok": True})))

    def handle(request: Received) -> Answer | None:
        return Answer(page) if request.path.endswith("/dynamic") else keys(request)

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, SIGNED_OUT).get_access_id()) is result
        info: Any = sync(User(7, SIGNED_OUT).get_user_info())
        assert info == {"ok": True}
        assert "w_webid" not in dict(server.received[-1].query)


def test_a_page_whose_data_is_not_json(monkeypatch: pytest.MonkeyPatch) -> None:
    page = b'<script id="__RENDER_DATA__" type="application/json">{"access_id":</script>'
    with recording(lambda request: Answer(page)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(InitialStateException):
            sync(User(7, SIGNED_OUT).get_user_info())


def lists(number: int, total: int) -> dict[str, Any]:
    """Return a page of channels, 20 per page: 23 seasons, then series."""
    page_ids = range(1, total + 1)[(number - 1) * 20 : number * 20]
    seasons = [
        {"meta": {"season_id": channel_id, "name": str(channel_id)}}
        for channel_id in page_ids
        if channel_id <= 23
    ]
    series = [
        {"meta": {"series_id": channel_id, "name": str(channel_id)}}
        for channel_id in page_ids
        if channel_id > 23
    ]
    page = {"page_num": number, "page_size": 20, "total": total}
    return {"items_lists": {"page": page, "seasons_list": seasons, "series_list": series}}


@pytest.mark.holds("User.get_channel_list", "User.get_channels", aspect="request")
def test_get_channel_list_joins_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Received) -> Answer:
        return Answer(envelope(lists(int(dict(request.query)["page_num"]), 45)))

    with recording(wbi(handle)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        channels_by_kind = sync(User(7, SIGNED_OUT).get_channel_list())["items_lists"]
        assert [item["meta"]["season_id"] for item in channels_by_kind["seasons_list"]] == list(
            range(1, 24)
        )
        assert [item["meta"]["series_id"] for item in channels_by_kind["series_list"]] == list(
            range(24, 46)
        )
        assert channels_by_kind["page"] == {"page_num": 1, "page_size": 45, "total": 45}
        channels = sync(User(7, SIGNED_IN).get_channels())
    requests = [dict(request.query) for request in server.received if "page_num" in request.target]
    assert [(params["page_num"], params["page_size"]) for params in requests] == [
        (number, "20") for number in "123123"
    ]
    assert [channel.get_id() for channel in channels] == list(range(1, 46))
    assert {channel.get_type() for channel in channels[:23]} == {ChannelSeriesType.SEASON}
    assert {channel.get_type() for channel in channels[23:]} == {ChannelSeriesType.SERIES}
    assert channels[0].meta == {"season_id": 1, "name": "1"}
    assert channels[0].owner.get_uid() == 7
    assert channels[0].credential is SIGNED_IN


@pytest.mark.holds("User.get_cheese", aspect="request")
def test_get_cheese_joins_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Received) -> Answer:
        number = int(dict(request.query)["pn"])
        items = [{"season_id": season} for season in range(1, 8)][(number - 1) * 3 : number * 3]
        return Answer(
            envelope(
                {"items": items, "page": {"num": number, "size": 3, "next": number < 3, "total": 7}}
            )
        )

    with recording(wbi(handle)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        courses: Any = sync(User(7, SIGNED_IN).get_cheese())
    assert [item["season_id"] for item in courses["items"]] == [*range(1, 8)]
    assert courses["page"] == {"num": 1, "size": 7, "next": False, "total": 7}
    requests = [request for request in server.received if request.path == e.COURSES.path]
    assert [(dict(r.query)["mid"], dict(r.query)["pn"]) for r in requests] == [
        ("7", "1"),
        ("7", "2"),
        ("7", "3"),
    ]


def test_channels_that_the_server_does_not_show_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    totals = iter([45, 45])

    def handle(request: Received) -> Answer:
        page = lists(int(dict(request.query)["page_num"]), 20)
        page["items_lists"]["page"]["total"] = next(totals)
        return Answer(envelope(page))

    with recording(wbi(handle)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(errors.ListIncomplete) as caught:
            sync(User(7, SIGNED_OUT).get_channels())
        assert (len(caught.value.items), caught.value.total) == (20, 45)
        totals = iter([45, 20])  # the list became shorter meanwhile
        assert len(sync(User(7, SIGNED_OUT).get_channels())) == 20


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
def test_an_invalid_channel_list_raises(answering: Any, data: object) -> None:
    answering.body = envelope(data) if data is not None else envelope()
    with pytest.raises(AnswerException) as caught:
        sync(User(7, SIGNED_OUT).get_channels())
    assert caught.value.path.startswith("$.data")


@pytest.mark.holds("ChannelSeries.get_meta", "ChannelSeries.get_owner", aspect="request")
def test_a_channel_by_its_id(answering: Any) -> None:
    answering.body = envelope({"info": {"id": 9, "title": "t", "upper": {"mid": 7}}})
    season = ChannelSeries(type_=ChannelSeriesType.SEASON, id_=9, credential=SIGNED_IN)
    assert season.meta is None
    assert (season.is_new, season.owner.get_uid()) == (1, -1)

    async def fetch_owner() -> int:
        owner = await season.get_owner()
        assert await season.get_meta() == answering.body["data"]["info"]
        return owner.get_uid()

    assert sync(fetch_owner()) == 7
    answering.body = envelope({"meta": {"series_id": 9, "mid": 7}})
    series = ChannelSeries(id_=9)
    assert sync(series.get_meta()) == {"series_id": 9, "mid": 7}
    assert [request.target for request in answering.requests()] == [
        "/x/space/fav/season/list?season_id=9",
        "/x/series/series?series_id=9",
    ]
    assert all(request.cookies == {} for request in answering.requests())


@pytest.mark.holds("ChannelSeries.get_videos", "ChannelSeriesType", aspect="request")
def test_a_channel_s_videos(answering: Any) -> None:
    answering.body = envelope({"archives": []})
    for type_ in ChannelSeriesType:
        channel = ChannelSeries(7, type_, 9, SIGNED_OUT)
        page: Any = sync(channel.get_videos(ChannelOrder.CHANGE, 2, 5))
        assert page == {"archives": []}
    assert [channel.path for channel in answering.requests()] == [
        e.SERIES_VIDEOS.path,
        e.SEASON_VIDEOS.path,
    ]
    assert [channel["mid"] for channel in answering.sent()] == ["7", "7"]


@pytest.mark.holds("ChannelSeries")
def test_a_channel_needs_an_id_and_a_type() -> None:
    no_type: Any = None
    with pytest.raises(StatementException, match="id_"):
        ChannelSeries(7)
    with pytest.raises(StatementException, match="type_"):
        ChannelSeries(7, no_type, 9)


@pytest.mark.parametrize("data", [None, {}, {"info": {}}, {"info": {"upper": {"mid": "7"}}}])
def test_an_invalid_channel_raises(answering: Any, data: Any) -> None:
    answering.body = {"code": 0, "data": data}
    with pytest.raises(AnswerException):
        sync(ChannelSeries(type_=ChannelSeriesType.SEASON, id_=9).get_meta())


def test_json_strings_in_older_dynamics_are_decoded(answering: Any) -> None:
    card = {"desc": {"dynamic_id": 1}, "card": '{"a":[1]}', "extend_json": "{}"}
    answering.body = envelope({"cards": [card, {"desc": {}}], "has_more": 1, "next_offset": 5})
    page = sync(User(7, SIGNED_OUT).get_dynamics())
    assert page["cards"] == [
        {"desc": {"dynamic_id": 1}, "card": {"a": [1]}, "extend_json": {}},
        {"desc": {}},
    ]
    answering.body = envelope({"has_more": 0, "next_offset": 0})
    assert sync(User(7, SIGNED_OUT).get_dynamics()) == {"has_more": 0, "next_offset": 0}
    answering.body = envelope({"cards": [card | {"extend_json": "{"}]})
    with pytest.raises(AnswerException) as caught:
        sync(User(7, SIGNED_OUT).get_dynamics())
    assert caught.value.path == "$.data.cards[0].extend_json"


@pytest.mark.holds("get_self_coins", aspect="request")
def test_coins(answering: Any) -> None:
    answering.body = {"code": 0, "status": True, "data": {"money": 12.5}}
    assert sync(user.get_self_coins(SIGNED_IN)) == 12.5
    answering.body = {"code": 0, "status": True, "data": {"money": None}}
    assert sync(user.get_self_coins(SIGNED_IN)) is None
    answering.body = {"code": 0, "status": True}
    with pytest.raises(AnswerException):
        sync(user.get_self_coins(SIGNED_IN))
    before = len(answering.server.received)
    for account, part in ((SIGNED_OUT, "sessdata"), (Credential("s"), "dedeuserid")):
        with pytest.raises(errors.CredentialException, match=part):
            sync(user.get_self_coins(account))
    assert len(answering.server.received) == before
    assert answering.requests()[0].cookies["DedeUserID"] == "1"


@pytest.mark.holds("check_nickname", aspect="request")
def test_check_nickname_returns_the_reason(answering: Any) -> None:
    answering.body = {"code": 0}
    assert sync(user.check_nickname("新 名")) == (True, "")
    for code in (40014, 2001, 40004, -412, 12345):
        answering.body = {"code": code, "message": "昵称已存在"}
        free, reason = sync(user.check_nickname("x"))
        assert not free
        assert str(code) in reason
        assert "昵称已存在" in reason
    assert answering.sent()[0] == {"nickName": "新 名"}
    assert all(request.cookies == {} for request in answering.requests())


@pytest.mark.holds("name2uid", "name2uid_sync", aspect="request")
def test_names_without_a_credential(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answering.body = envelope({"uid_list": [{"name": "a", "uid": "7"}]})
    found = {"uid_list": [{"name": "a", "uid": "7"}]}
    result: list[object] = [sync(user.name2uid("a")), user.name2uid_sync(["a", "b"])]
    assert result == [found, found]
    assert {request.path for request in answering.requests()} == {e.LEGACY_NAME_TO_UID.path}
    with pytest.raises(errors.CredentialNoSessdataException):
        sync(user.name2uid("a", SIGNED_OUT))
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    sync(user.name2uid("a"))
    last = answering.requests()[-1]
    assert (last.path, last.cookies) == (e.NAME_TO_UID.path, {"SESSDATA": "from-env"})


@pytest.mark.holds("User.get_user_info_sync", "name2uid_sync", aspect="request")
def test_the_sync_functions_of_001_work_inside_a_loop(answering: Any) -> None:
    answering.body = envelope({"mid": 7})
    result: Any = User(7, SIGNED_OUT).get_user_info_sync()
    assert result == {"mid": 7}

    async def within() -> list[object]:
        return [User(7, SIGNED_OUT).get_user_info_sync(), user.name2uid_sync("a")]

    assert sync(within()) == [{"mid": 7}, {"mid": 7}]


def test_a_jsonp_response_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Received) -> Answer:
        body = json.dumps(envelope({"video": 3}))
        name = dict(request.query).get("callback")
        return Answer(f"{name}({body})".encode() if name else body.encode())

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        result: Any = sync(User(7, SIGNED_OUT).get_overview_stat())
        assert result == {"video": 3}
