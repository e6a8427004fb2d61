"""The documented relation functions: their requests, results and required credential parts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from guanxi import AlreadyFollowing, user
from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.contract.endpoint import Endpoint
from guanxi.user import OrderType, RelationType, User, sync
from tests.sdk.recorder import (
    SIGNED_IN,
    SIGNED_OUT,
    Answer,
    Received,
    Recorder,
    envelope,
    recording,
)

CSRF = ("csrf", "jct-secret")
Call = Callable[[Any], Coroutine[Any, Any, Any]]


class Case(msgspec.Struct):
    """A call of the module, its endpoint, and the parameters that it sends."""

    name: str
    call: Call
    endpoint: Endpoint
    pairs: list[tuple[str, str]]


def followings(**more: str) -> list[tuple[str, str]]:
    plain = {"vmid": "7", "ps": "100", "pn": "1", "order_type": "", "order": "desc"}
    return list((plain | more).items())


CASES = [
    Case("User.get_followings", lambda c: User(7, c).get_followings(), e.FOLLOWINGS, followings()),
    Case(
        "User.get_followings",
        lambda c: User(7, c).get_followings(2, 30, True, OrderType.asc),
        e.FOLLOWINGS,
        followings(ps="30", pn="2", order_type="attention", order="asc"),
    ),
    Case(
        "User.get_followers",
        lambda c: User(7, c).get_followers(),
        e.FOLLOWERS,
        [("vmid", "7"), ("ps", "100"), ("pn", "1"), ("order", "desc")],
    ),
    Case(
        "User.get_followers",
        lambda c: User(7, c).get_followers(3, 20, False),
        e.FOLLOWERS,
        [("vmid", "7"), ("ps", "20"), ("pn", "3"), ("order", "asc")],
    ),
    Case(
        "User.get_self_same_followers",
        lambda c: User(7, c).get_self_same_followers(),
        e.SAME,
        [("vmid", "7"), ("pn", "1"), ("ps", "50")],
    ),
    Case(
        "User.get_relation_info", lambda c: User(7, c).get_relation_info(), e.STAT, [("vmid", "7")]
    ),
    Case(
        "User.modify_relation",
        lambda c: User(7, c).modify_relation(RelationType.BLOCK),
        e.MODIFY,
        [("fid", "7"), ("act", "5"), ("re_src", "11"), CSRF],
    ),
    Case(
        "User.modify_relation",
        lambda c: User(7, c).modify_relation(RelationType.SUBSCRIBE_SECRETLY),
        e.MODIFY,
        [("fid", "7"), ("act", "3"), ("re_src", "11"), CSRF],
    ),
    Case(
        "create_subscribe_group",
        lambda c: user.create_subscribe_group("测试", c),
        e.CREATE_GROUP,
        [("tag", "测试"), CSRF],
    ),
    Case(
        "delete_subscribe_group",
        lambda c: user.delete_subscribe_group(9, c),
        e.DELETE_GROUP,
        [("tagid", "9"), CSRF],
    ),
    Case(
        "rename_subscribe_group",
        lambda c: user.rename_subscribe_group(9, "x", c),
        e.RENAME_GROUP,
        [("tagid", "9"), ("name", "x"), CSRF],
    ),
    Case(
        "set_subscribe_group",
        lambda c: user.set_subscribe_group([3, 4], [-10, 9], c),
        e.SET_MEMBERS,
        [("fids", "3,4"), ("tagids", "-10,9"), CSRF],
    ),
    Case("get_self_friends", user.get_self_friends, e.FRIENDS, [("cursor", "")]),
    Case(
        "get_self_black_list",
        user.get_self_black_list,
        e.BLACKS,
        [("pn", "1"), ("ps", "50")],
    ),
]


@pytest.mark.holds(each="case", aspect="request")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_call_sends_the_documented_request_and_returns_the_data(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"list": [{"mid": 1, "new": [None]}], "other": 1.5}
    with recording(lambda request: Answer(envelope(data))) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(case.call(SIGNED_IN)) == data
    request = server.only_request()
    assert (request.method, request.path) == (case.endpoint.method, case.endpoint.path)
    assert (request.form if case.endpoint.method == "POST" else request.query) == case.pairs
    assert request.cookies == {"SESSDATA": "sess-secret", "bili_jct": "jct-secret"}


def test_a_call_raises_the_exception_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(lambda request: Answer(envelope(None, 22014, "x"))) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(AlreadyFollowing):
            sync(User(7, SIGNED_IN).modify_relation(RelationType.SUBSCRIBE))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.endpoint is not e.STAT], ids=lambda case: case.name
)
def test_sessdata_and_bili_jct_are_required_before_anything_is_sent(
    server: Recorder, case: Case
) -> None:
    with pytest.raises(errors.CredentialNoSessdataException):
        sync(case.call(SIGNED_OUT))
    if case.endpoint.writes:
        with pytest.raises(errors.CredentialNoBiliJctException):
            sync(case.call(user.Credential("sess")))
    assert server.received == []


def test_counts_need_no_sign_in(server: Recorder) -> None:
    sync(User(7, SIGNED_OUT).get_relation_info())
    assert server.only_request().cookies == {}


def test_an_invalid_relation_type_raises(server: Recorder) -> None:
    invalid: Any = 4
    with pytest.raises(ValueError, match=r"^relation: "):
        sync(User(7, SIGNED_IN).modify_relation(invalid))
    assert server.received == []


@pytest.mark.holds("User", "User.__init__", "User.get_uid")
def test_uid_and_credential_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_SESSDATA", "from-env")
    someone = User(7)
    assert someone.get_uid() == 7
    assert someone.credential == user.Credential("from-env")
    someone.credential = SIGNED_OUT
    assert someone.credential == SIGNED_OUT
    assert User(7, SIGNED_IN).credential == SIGNED_IN
    assert repr(User(7, SIGNED_IN)) == "User(7)"


def test_module_exports_are_sorted_and_complete() -> None:
    assert user.__all__ == sorted(user.__all__)
    # pytest, of which the package is a plugin, adds names with "@".
    public = {name for name in vars(user) if not name.startswith(("_", "@"))}
    assert set(user.__all__) == public


# Relations, signed


def relation(request: Received) -> Answer:
    if request.path.endswith("/nav"):
        images = {"img_url": "https://a/" + "a" * 32, "sub_url": "https://a/" + "b" * 32}
        return Answer(envelope({"wbi_img": images}, -101, "账号未登录"))
    return Answer(envelope({"mid": dict(request.query)["mid"]}))


@pytest.mark.holds("User.get_relation", aspect="request")
def test_get_relation_with_and_without_a_uid(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(relation) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        results: list[object] = [
            sync(User(7, SIGNED_IN).get_relation()),
            sync(User(7, SIGNED_IN).get_relation(8)),
        ]
        assert results == [{"mid": "7"}, {"mid": "8"}]
        with pytest.raises(errors.CredentialNoSessdataException):
            sync(User(7, SIGNED_OUT).get_relation())
    assert len(server.received) == 4


# All followings


def pages(count: int) -> Callable[[Received], Answer]:
    def handle(request: Received) -> Answer:
        requests = dict(request.query)
        start = (int(requests["pn"]) - 1) * int(requests["ps"])
        mids = range(count, 0, -1)[start : start + int(requests["ps"])]
        return Answer(envelope({"list": [{"mid": mid} for mid in mids], "total": count}))

    return handle


@pytest.mark.parametrize(
    ("call", "endpoint", "data"),
    [
        pytest.param(
            user.get_self_special_followings,
            e.SPECIALS,
            [*range(1, 8)],
            marks=pytest.mark.holds("get_self_special_followings", aspect="request"),
        ),
        pytest.param(
            user.get_self_whisper_followings,
            e.WHISPERS,
            {"list": [{"mid": n} for n in range(1, 8)]},
            marks=pytest.mark.holds("get_self_whisper_followings", aspect="request"),
        ),
    ],
)
def test_a_list_without_pages_is_paged_by_the_client(
    call: Any, endpoint: Endpoint, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(pn: int, ps: int = 50) -> list[int]:
        found = sync(call(SIGNED_IN, pn, ps))
        return found if endpoint is e.SPECIALS else [item["mid"] for item in found["list"]]

    with recording(lambda request: Answer(envelope(data))) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert [page(pn, 3) for pn in (1, 2, 3, 4)] == [[1, 2, 3], [4, 5, 6], [7], []]
        assert page(1) == [*range(1, 8)]
    assert {request.path for request in server.received} == {endpoint.path}
    assert all(not {"pn", "ps"} & dict(request.query).keys() for request in server.received)


CALLERS = [
    (SIGNED_IN, e.ATTENTIONS, e.FOLLOWINGS),
    (user.Credential(access_key="app"), e.ATTENTIONS, e.FOLLOWINGS),
    (SIGNED_OUT, e.CARD_BY_MID, e.APP_FOLLOWINGS),
    (user.Credential(bili_jct="jct"), e.CARD_BY_MID, e.APP_FOLLOWINGS),
]


def mids_at_once(endpoint: Endpoint, mids: list[int], following: int) -> Any:
    """Return a handler of a list of mids, and of the number of followings."""

    def handle(request: Received) -> Answer:
        if request.path == e.STAT.path:
            return Answer(envelope({"mid": 7, "following": following}))
        assert request.path == endpoint.path
        if endpoint is e.CARD_BY_MID:
            return Answer({"ts": 1, "code": 0, "card": {"mid": "7", "attentions": mids}})
        return Answer(envelope(mids))

    return handle


@pytest.mark.holds("User.get_all_followings", aspect="request")
@pytest.mark.parametrize(("account", "at_once", "_walked"), CALLERS)
def test_all_followings_are_requested_at_once(
    account: user.Credential, at_once: Endpoint, _walked: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(mids_at_once(at_once, [3, 2, 1], 3)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, account).get_all_followings()) == [3, 2, 1]
    assert [request.path for request in server.received] == [at_once.path, e.STAT.path]
    with recording(mids_at_once(at_once, [3, 2, 1], 9)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(errors.ListIncomplete) as caught:
            sync(User(7, account).get_all_followings())
    assert (caught.value.items, caught.value.total, caught.value.cut) == ([3, 2, 1], 9, True)
    with recording(mids_at_once(at_once, [], 9)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, account).get_all_followings()) == []


@pytest.mark.parametrize(
    "withdrawn",
    [Answer(envelope(None, -404, "啥都木有")), Answer(b"gone", 404), Answer(b"<html>gone</html>")],
)
@pytest.mark.parametrize(("account", "at_once", "walked"), CALLERS)
def test_all_followings_are_walked_on_a_host_without_a_list_of_mids(
    account: user.Credential,
    at_once: Endpoint,
    walked: Endpoint,
    withdrawn: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = pages(250)

    def handle(request: Received) -> Answer:
        return withdrawn if request.path == at_once.path else shown(request)

    with recording(handle) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, account).get_all_followings()) == list(range(250, 0, -1))
    first, *rest = server.received
    assert first.path == at_once.path
    assert {request.path for request in rest} == {walked.path}
    assert {dict(request.query)["ps"] for request in rest} == {"100"}


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (Answer(b"<html>banned</html>", 412), None, 412),
        (Answer(b"", 503), None, 503),
        (Answer(envelope(None, -412, "请求被拦截"), 412), -412, 412),
        (Answer(envelope(None, -352, "请求被拦截"), 429), -352, 429),
        (Answer(envelope(None, -503, "服务调用失败"), 503), -503, 503),
        (Answer(envelope(None, -101, "账号未登录"), 401), -101, 401),
    ],
)
def test_all_followings_are_not_walked_where_the_server_refuses(
    answer: Answer, code: int | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(lambda _: answer) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        with pytest.raises(errors.NetworkException) as caught:
            sync(User(7, SIGNED_IN).get_all_followings())
    assert (getattr(caught.value, "code", None), caught.value.status) == (code, status)
    assert [request.path for request in server.received] == [e.ATTENTIONS.path]


@pytest.mark.parametrize(
    ("account", "answer"),
    [
        (SIGNED_IN, envelope(None, 22115, "用户已设置隐私，无法查看")),
        (SIGNED_OUT, envelope({"list": None, "total": 0})),
    ],
)
def test_a_hidden_list_is_empty(
    account: user.Credential, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(lambda request: Answer(answer)) as server:
        monkeypatch.setenv("GUANXI_BASE_URL", server.url)
        assert sync(User(7, account).get_all_followings()) == []
