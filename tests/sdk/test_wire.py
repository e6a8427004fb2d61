"""The exact requests that go over the wire."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
import pytest

from guanxi import AnswerException, Credential, __version__
from guanxi.contract import endpoints as e
from guanxi.contract import params as p
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.sign import app_verify
from guanxi.user import OrderType, RelationType
from tests.sdk.recorder import SIGNED_IN, SIGNED_OUT, Answer, Kind, Recorder, envelope, recording
from tests.sdk.test_areas import SENT

Pairs = list[tuple[str, str]]
CSRF = ("csrf", "jct-secret")


class Case(msgspec.Struct):
    """A typed call, its endpoint, and the parameters that it sends."""

    endpoint: Endpoint
    use: Callable[[Any], Any]
    pairs: Pairs


PAGE = [("ps", "50"), ("pn", "1")]
CASES = [
    Case(
        e.FOLLOWERS,
        lambda c: c.relation.followers(7),
        [("vmid", "7"), ("order", "desc"), *PAGE],
    ),
    Case(
        e.FOLLOWERS,
        lambda c: c.relation.followers(7, order=OrderType.asc, page=3, size=20),
        [("vmid", "7"), ("order", "asc"), ("ps", "20"), ("pn", "3")],
    ),
    Case(
        e.FOLLOWINGS,
        lambda c: c.relation.followings(7, order="asc", order_type="attention"),
        [("vmid", "7"), ("order", "asc"), ("order_type", "attention"), *PAGE],
    ),
    Case(
        e.FOLLOWINGS,
        lambda c: c.relation.followings(7, page=4, cursor="abc"),
        [("vmid", "7"), ("order", "desc"), ("order_type", ""), ("ps", "50"), ("cursor", "abc")],
    ),
    Case(
        e.APP_FOLLOWINGS,
        lambda c: c.relation.app_followings(7),
        [("vmid", "7"), ("order", "desc"), *PAGE],
    ),
    Case(
        e.GAME_FOLLOWINGS,
        lambda c: c.relation.game_followings(7),
        [("vmid", "7"), ("ps", "20"), ("pn", "1")],
    ),
    Case(
        e.SEARCH,
        lambda c: c.relation.search(7, "a b&c=你+'"),
        [("vmid", "7"), ("name", "a b&c=你+'"), *PAGE],
    ),
    Case(e.SAME, lambda c: c.relation.same(7), [("vmid", "7"), *PAGE]),
    Case(e.WHISPERS, lambda c: c.relation.whispers(), []),
    Case(e.FRIENDS, lambda c: c.relation.friends(cursor=""), [("cursor", "")]),
    Case(e.BLACKS, lambda c: c.relation.blacks(), PAGE),
    Case(
        e.MODIFY,
        lambda c: c.relation.modify(7, RelationType.REMOVE_FANS, source=222),
        [("fid", "7"), ("act", "7"), ("re_src", "222"), CSRF],
    ),
    *(
        Case(e.MODIFY, use, [("fid", "7"), ("act", act), ("re_src", "11"), CSRF])
        for act, use in {
            "1": lambda c: c.relation.follow(7),
            "2": lambda c: c.relation.unfollow(7),
            "4": lambda c: c.relation.cancel_whisper(7),
            "5": lambda c: c.relation.block(7),
            "6": lambda c: c.relation.unblock(7),
            "7": lambda c: c.relation.remove_follower(7),
        }.items()
    ),
    Case(
        e.BATCH_MODIFY,
        lambda c: c.relation.batch_modify((3, 4), 5),
        [("fids", "3,4"), ("act", "5"), ("re_src", "11"), CSRF],
    ),
    Case(e.RELATION, lambda c: c.relation.get(7), [("fid", "7")]),
    Case(e.LEGACY_MUTUAL, lambda c: c.relation.legacy_mutual(7), [("mid", "7")]),
    Case(e.RELATIONS, lambda c: c.relation.many(iter([3, 4])), [("fids", "3,4")]),
    Case(e.GROUPS, lambda c: c.relation.groups(), []),
    Case(
        e.GROUP_MEMBERS,
        lambda c: c.relation.group_members(-10),
        [("tagid", "-10"), ("order_type", ""), ("ps", "20"), ("pn", "1")],
    ),
    Case(e.GROUPS_OF, lambda c: c.relation.groups_of(7), [("fid", "7")]),
    Case(e.SPECIALS, lambda c: c.relation.specials(), [("cursor", "")]),
    Case(e.CREATE_GROUP, lambda c: c.relation.create_group("测试"), [("tag", "测试"), CSRF]),
    Case(
        e.RENAME_GROUP,
        lambda c: c.relation.rename_group(9, "x"),
        [("tagid", "9"), ("name", "x"), CSRF],
    ),
    Case(e.DELETE_GROUP, lambda c: c.relation.delete_group(9), [("tagid", "9"), CSRF]),
    Case(
        e.SET_MEMBERS,
        lambda c: c.relation.set_groups([3], [-10, 9]),
        [("fids", "3"), ("tagids", "-10,9"), CSRF],
    ),
    Case(
        e.COPY_MEMBERS,
        lambda c: c.relation.copy_to_groups({3}, [9]),
        [("fids", "3"), ("tagids", "9"), CSRF],
    ),
    Case(
        e.MOVE_MEMBERS,
        lambda c: c.relation.move_between_groups([3], before=[9], after=[0]),
        [("fids", "3"), ("beforeTagids", "9"), ("afterTagids", "0"), CSRF],
    ),
    Case(e.STAT, lambda c: c.relation.stat(7), [("vmid", "7")]),
    Case(e.NAV, lambda c: c.web.nav(), []),
    Case(e.BUVID, lambda c: c.web.buvid(), []),
    Case(e.DEVICE_REPORT, lambda c: c.web.device_report(), []),
    Case(e.ATTENTIONS, lambda c: c.web.attentions(7), [("mid", "7"), ("cursor", "")]),
    Case(e.CARD_BY_MID, lambda c: c.account.card_by_mid(7), [("mid", "7")]),
]


def send(kind: Kind, server: Recorder, use: Callable[[Any], Any], **settings: Any) -> None:
    """Make a call, and ignore that the response may have too little data for a typed method."""
    with contextlib.suppress(AnswerException):
        kind.do(use, base_url=server.url, **settings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.endpoint.name)
def test_each_call_sends_its_parameters_to_its_path(
    kind: Kind, server: Recorder, case: Case
) -> None:
    send(kind, server, case.use)
    request = server.only_request()
    assert (request.method, request.path) == (case.endpoint.method, case.endpoint.path)
    sent, empty = request.query, request.form
    if request.method == "POST":
        sent, empty = empty, sent
    assert sent == case.pairs
    assert empty == []


def test_the_cases_cover_every_endpoint_but_the_signed_one() -> None:
    tried = {case.endpoint.name for case in CASES} | {e.MUTUAL.name}
    assert tried | SENT.keys() == set(e.BY_NAME)


def test_headers_of_a_read(kind: Kind, server: Recorder) -> None:
    send(kind, server, lambda c: c.relation.followers(7))
    headers = server.only_request().headers
    assert headers["user-agent"] == f"guanxi/{__version__}"
    assert headers["referer"] == "https://www.bilibili.com/"
    assert "content-type" not in headers
    assert "python" not in str(headers).lower()
    assert server.only_request().cookies == {"SESSDATA": "sess-secret", "bili_jct": "jct-secret"}


def test_headers_of_a_write(kind: Kind, server: Recorder) -> None:
    kind.do(lambda c: c.relation.follow(7), base_url=server.url)
    headers = server.only_request().headers
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["referer"] == "https://www.bilibili.com/"
    assert server.only_request().cookies == {"SESSDATA": "sess-secret", "bili_jct": "jct-secret"}


def test_only_the_cookies_that_are_set_are_sent(kind: Kind, server: Recorder) -> None:
    account = Credential(
        "a,b", "j", "b3", "b4", dedeuserid="42", ac_time_value="never", appkey="never"
    )
    send(kind, server, lambda c: c.relation.stat(7), credential=account)
    assert server.only_request().cookies == {
        "SESSDATA": "a%2Cb",
        "bili_jct": "j",
        "buvid3": "b3",
        "buvid4": "b4",
        "DedeUserID": "42",
    }
    assert "never" not in str(server.only_request())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.endpoint.name)
def test_no_secret_is_sent_to_an_endpoint_without_sign_in(
    kind: Kind, server: Recorder, case: Case
) -> None:
    account = Credential("sess-secret", "jct-secret", "buvid-secret", access_key="app-secret")
    send(kind, server, case.use, credential=account)
    assert ("secret" in str(server.only_request())) == bool(case.endpoint.auth)


def test_a_signed_out_call_sends_no_cookie_and_no_csrf(kind: Kind, server: Recorder) -> None:
    send(kind, server, lambda c: c.relation.stat(7), credential=SIGNED_OUT)
    assert "cookie" not in server.only_request().headers
    assert server.only_request().query == [("vmid", "7")]


def test_an_access_key_signs_in_without_cookies_or_csrf(kind: Kind, server: Recorder) -> None:
    account = Credential(access_key="app-secret", buvid3="b3")
    kind.do(lambda c: c.relation.follow(7), base_url=server.url, credential=account)
    assert server.only_request().form == [
        ("fid", "7"),
        ("act", "1"),
        ("re_src", "11"),
        ("access_key", "app-secret"),
    ]
    assert "cookie" not in server.only_request().headers


def test_an_app_key_pair_signs_the_parameters(kind: Kind, server: Recorder) -> None:
    pair = {"appkey": "0123456789abcdef", "appsec": "fedcba9876543210fedcba9876543210"}
    account = Credential(access_key="app-secret", **pair)
    send(kind, server, lambda c: c.relation.search(7, "a b"), credential=account)
    sent = server.only_request().query
    assert [name for name, _ in sent][-3:] == ["access_key", "appkey", "sign"]
    assert app_verify(sent, pair["appsec"])
    assert pair["appsec"] not in str(server.only_request())


def test_cookies_win_over_an_access_key(kind: Kind, server: Recorder) -> None:
    account = Credential("sess-secret", "jct-secret", access_key="app-secret")
    kind.do(lambda c: c.relation.follow(7), base_url=server.url, credential=account)
    assert CSRF in server.only_request().form
    assert "app-secret" not in str(server.only_request())


class Colour(Enum):
    RED = "red"


def test_call_encodes_values_of_every_kind(kind: Kind, server: Recorder) -> None:
    params = {
        "yes": True,
        "no": False,
        "none": None,
        "number": -1.5,
        "member": Colour.RED,
        "several": (1, Colour.RED, "x"),
    }
    expected = [
        ("yes", "1"),
        ("no", "0"),
        ("number", "-1.5"),
        ("member", "red"),
        ("several", "1,red,x"),
    ]
    kind.do(lambda c: c.call("relation.groups", params), base_url=server.url)
    kind.do(lambda c: c.call("relation.modify", params), base_url=server.url)
    read, write = server.received
    assert read.query == expected
    assert write.form == [*expected, CSRF]
    assert write.query == []


def test_call_accepts_a_struct_of_the_contract(kind: Kind, server: Recorder) -> None:
    params = p.MoveParams(fids=[3], before=[9], after=[0])
    kind.do(lambda c: c.call(e.MOVE_MEMBERS, params), base_url=server.url)
    follower_params = p.FollowersParams(vmid=7)
    kind.do(lambda c: c.call(e.FOLLOWERS, follower_params), base_url=server.url)
    moved, listed = server.received
    assert moved.form == [("fids", "3"), ("beforeTagids", "9"), ("afterTagids", "0"), CSRF]
    assert listed.query == [("vmid", "7"), ("order", "desc"), ("ps", "50"), ("pn", "1")]


def test_each_call_can_have_its_own_credential(kind: Kind, server: Recorder) -> None:
    def calls(account: Credential | None) -> Callable[[Any], Any]:
        return lambda c: c.call("relation.stat", {"vmid": 1}, credential=account)

    for account in (None, Credential("other", "other-jct"), SIGNED_OUT):
        kind.do(calls(account), base_url=server.url)
    sessdata_sent = [request.cookies.get("SESSDATA") for request in server.received]
    assert sessdata_sent == [SIGNED_IN.sessdata, "other", None]


def test_a_base_url_may_have_a_path(kind: Kind, server: Recorder) -> None:
    send(kind, server, lambda c: c.relation.stat(7))
    kind.do(lambda c: c.call("relation.stat"), base_url=f"{server.url}/mounted/here/")
    assert server.received[1].target == "/mounted/here/x/relation/stat"


@pytest.mark.parametrize(
    ("name", "url", "referer"),
    [
        ("relation.followers", "https://api.bilibili.com/x/relation/followers", True),
        ("relation.app_followings", "https://app.biliapi.net/x/v2/relation/followings", False),
        (
            "relation.game_followings",
            "https://line3-h5-mobile-api.biligame.com"
            "/game/center/h5/user/relationship/following_list",
            False,
        ),
        ("account.card_by_mid", "https://account.bilibili.com/api/member/getCardByMid", True),
    ],
)
def test_without_a_base_url_requests_go_to_the_documented_hosts(
    kind: Kind, name: str, url: str, referer: bool
) -> None:
    transport = kind.script(kind.clock())
    kind.do(lambda c: c.call(name, {"vmid": 1}), transport=transport, clock=transport.clock)
    (request,) = transport.sent
    assert request.url == f"{url}?vmid=1"
    assert ("Referer" in request.headers) == referer


def test_call_returns_the_decoded_data_unchanged(kind: Kind) -> None:
    data = {"list": [{"mid": 1, "unknown": [None, {"x": 1.5}]}], "new": True}
    with recording(lambda request: Answer(envelope(data))) as server:
        assert kind.do(lambda c: c.call("relation.blacks"), base_url=server.url) == data
