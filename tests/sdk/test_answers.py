"""Responses with data, with codes, and outside the contract."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
import sys
from typing import Any

import pytest

from guanxi import (
    AlreadyFollowing,
    AnswerException,
    BadRequest,
    DeadlineExceeded,
    NetworkException,
    NotFound,
    Pace,
    RequestIntercepted,
    ResponseCodeException,
    ServiceUnavailable,
    WbiRetryTimesExceedException,
)
from guanxi.contract.endpoints import DYNAMICS
from guanxi.contract.errors import CODES
from guanxi.contract.structs import Dynamic
from guanxi.sdk.answers import typed
from tests.sdk.recorder import Answer, Kind, envelope, recording, wbi


def call(kind: Kind, answer: Answer, name: str = "relation.groups", **params: Any) -> Any:
    with recording(lambda request: answer) as server:
        return kind.do(lambda c: c.call(name, params), base_url=server.url)


def test_the_data_of_a_response_is_returned(kind: Kind) -> None:
    assert call(kind, Answer(envelope([1, {"a": None}]))) == [1, {"a": None}]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({"code": 0}, None),
        ({"code": 0, "data": None}, None),
        ({"code": 0, "data": None, "result": {"a": 1}}, {"a": 1}),
        ({"code": 0, "result": [1]}, [1]),
        ({"code": 0, "data": {}, "result": [1]}, {}),
        ({"code": 0, "msg": "success", "data": False}, False),
        (b"", None),
    ],
)
def test_the_data_is_read_from_data_or_result(kind: Kind, body: Any, data: Any) -> None:
    assert call(kind, Answer(body)) == data


def test_a_jsonp_callback_is_removed(kind: Kind) -> None:
    wrapped = Answer(b'cb({"code":0,"data":"}{"});')
    assert call(kind, wrapped, callback="cb") == "}{"
    with pytest.raises(AnswerException):
        call(kind, wrapped)


def test_a_response_without_an_envelope_is_returned_whole(kind: Kind) -> None:
    body = {"ts": 1, "code": 0, "card": {"mid": "7"}}
    assert call(kind, Answer(body), "account.card_by_mid") == body
    with pytest.raises(NotFound):
        call(kind, Answer({"ts": 1, "code": -404}), "account.card_by_mid")
    with pytest.raises(AnswerException, match="no integer code"):
        call(kind, Answer({"ts": 1, "code": "0", "card": {"mid": "7"}}), "account.card_by_mid")


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_raises_its_own_exception(kind: Kind, code: int) -> None:
    body = envelope({"failed_fids": [3]}, code, "说明")
    with pytest.raises(CODES[code]) as caught:
        call(kind, Answer(body))
    error = caught.value
    assert type(error) is CODES[code]
    assert (error.code, error.message, error.endpoint) == (code, "说明", "relation.groups")
    assert error.raw == body
    assert "relation.groups" in str(error)
    assert str(code) in str(error)


def test_an_unknown_code_raises_response_code_exception(kind: Kind) -> None:
    with pytest.raises(ResponseCodeException) as caught:
        call(kind, Answer({"code": 99999, "msg": "nobody knows"}))
    assert type(caught.value) is ResponseCodeException
    assert (caught.value.message, caught.value.reason) == ("nobody knows", "")


def test_an_error_contains_the_reason_in_the_response(kind: Kind) -> None:
    body = envelope(None, -400, "请求错误") | {"reason": "fids: missing"}
    with pytest.raises(BadRequest) as caught:
        call(kind, Answer(body))
    error = caught.value
    assert (error.message, error.reason, error.raw) == ("请求错误", "fids: missing", body)
    assert str(error) == "relation.groups: code -400, 请求错误 (fids: missing)"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(503, -503, ServiceUnavailable), (504, -504, DeadlineExceeded), (405, -400, BadRequest)],
)
def test_the_code_wins_over_the_http_status(
    kind: Kind, status: int, code: int, error: type[ResponseCodeException]
) -> None:
    with pytest.raises(error):
        call(kind, Answer(envelope(None, code, "x"), status))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>Bad gateway</html>", 502),
        Answer(b"", 500),
        Answer(envelope({"a": 1}), 500),
        Answer([1], 404),
        Answer({"code": "-400"}, 412),
    ],
)
def test_an_http_error_without_a_code_raises_network_exception(kind: Kind, answer: Answer) -> None:
    with pytest.raises(NetworkException) as caught:
        call(kind, answer)
    assert caught.value.status == answer.status
    assert str(caught.value) == f"relation.groups: HTTP {answer.status}"


@pytest.mark.parametrize(("status", "code"), [(412, -412), (404, -404), (500, 22014), (503, 99999)])
def test_a_code_with_an_http_error_raises_both_exceptions(
    kind: Kind, status: int, code: int
) -> None:
    body = envelope({"a": 1}, code, "说明") | {"reason": "why"}
    caught: list[Any] = []
    for both in (NetworkException, CODES.get(code, ResponseCodeException)):
        with pytest.raises(both) as one:
            call(kind, Answer(body, status))
        caught.append(one.value)
    for error in (*caught, pickle.loads(pickle.dumps(caught[0])), copy.copy(caught[0])):
        assert isinstance(error, NetworkException)
        assert isinstance(error, CODES.get(code, ResponseCodeException))
        assert (error.status, error.sent, error.code, error.msg) == (status, True, code, "说明")
        assert (error.reason, error.raw, error.endpoint) == ("why", body, "relation.groups")
        assert str(error) == str(caught[0]) == f"relation.groups: code {code}, 说明 (why)"
        assert error.stops is CODES.get(code, ResponseCodeException).stops


def test_a_busy_response_with_an_http_status_is_retried(kind: Kind) -> None:
    clock = kind.clock()
    answers = [Answer(envelope(None, -799), 429), Answer(envelope([7]))]
    script = kind.script(clock, *answers)
    groups = kind.do(
        lambda c: c.call("relation.groups"),
        base_url="",
        transport=script,
        clock=clock,
        pace=Pace(),
    )
    assert groups == [7]
    assert len(script.sent) == 2


def test_stale_keys_with_an_http_status_are_fetched_again(kind: Kind) -> None:
    handle = wbi(lambda request: Answer(envelope(None, -403), 403))
    with recording(handle) as server, pytest.raises(WbiRetryTimesExceedException):
        kind.do(lambda c: c.relation.mutual(7), base_url=server.url)
    assert len([one for one in server.received if not one.path.endswith("/nav")]) == 3


def test_the_server_s_text_alone_is_msg(kind: Kind) -> None:
    with pytest.raises(AlreadyFollowing) as caught:
        call(kind, Answer(envelope(None, 22014, "已经关注用户，无法重复关注")))
    assert caught.value.msg == caught.value.message == "已经关注用户，无法重复关注"
    assert str(caught.value).startswith("relation.groups: code 22014, 已经关注用户，无法重复关注 (")


def test_a_redirect_is_not_followed(kind: Kind) -> None:
    with recording() as other:
        answer = Answer(b"", 302, {"Location": f"{other.url}/elsewhere"})
        with pytest.raises(NetworkException) as caught:
            call(kind, answer)
        assert caught.value.status == 302
        assert other.received == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"<!DOCTYPE html><html></html>", "$"),
        (b'{"code":0,"data":{"list":[', "$"),
        (b"\xff\xfe", "$"),
        (b'{"code":0,"data":"\xff"}', "$"),
        (b"[" * 5000, "$"),
        ([], "$"),
        (None, "$"),
        ({"data": 1}, "$.code"),
        ({"code": "0", "data": 1}, "$.code"),
        ({"code": False, "data": 1}, "$.code"),
        ({"code": 0.0}, "$.code"),
        ({"code": None}, "$.code"),
    ],
)
def test_a_response_outside_the_contract_raises_answer_exception(
    kind: Kind, body: Any, path: str
) -> None:
    with pytest.raises(AnswerException) as caught:
        call(kind, Answer(body))
    assert caught.value.path == path
    assert caught.value.endpoint == "relation.groups"
    assert str(caught.value).startswith("relation.groups: ")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, "$.data"),
        ([], "$.data"),
        ({"list": {}}, "$.data.list"),
        ({"list": [{"mid": 1}, {"mid": "1"}]}, "$.data.list[1].mid"),
        ({"list": [{"attribute": 2}]}, "$.data.list[0]"),
        ({"list": [{"mid": 1, "vip": {"label": {"path": 1}}}]}, "$.data.list[0].vip.label.path"),
        ({"total": "many"}, "$.data.total"),
    ],
)
def test_a_typed_method_reports_the_path_of_an_invalid_value(
    kind: Kind, data: Any, path: str
) -> None:
    answer = Answer(envelope(data))
    with recording(lambda request: answer) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.relation.blacks(), base_url=server.url)
    assert caught.value.path == path
    assert path in str(caught.value)


def test_a_typed_method_ignores_unknown_fields(kind: Kind) -> None:
    data = {"list": [{"mid": 1, "new": 1}], "new": {}}
    with recording(lambda request: Answer(envelope(data))) as server:
        page = kind.do(lambda c: c.relation.blacks(), base_url=server.url)
    assert [item.mid for item in page.items] == [1]
    assert (page.items[0].special, page.total) == (0, 0)


@pytest.mark.parametrize("code", [-352, -412, -799, -503, 22014])
def test_a_code_is_raised_without_a_retry(kind: Kind, code: int) -> None:
    answer = Answer(envelope(None, code))
    with recording(lambda request: answer) as server, pytest.raises(CODES[code]):
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url)
    assert len(server.received) == 1


def test_exceptions_show_whether_a_retry_can_help(kind: Kind) -> None:
    assert ServiceUnavailable.can_retry
    assert not RequestIntercepted.can_retry
    assert not AlreadyFollowing.can_retry


def test_a_compressed_body_is_decoded(kind: Kind) -> None:
    packed = gzip.compress(json.dumps(envelope("data")).encode())
    assert call(kind, Answer(packed, 200, {"Content-Encoding": "gzip"})) == "data"


def test_data_that_is_nested_too_deep_does_not_fit() -> None:
    dynamic: dict[str, Any] = {"id_str": "1"}
    for _ in range(sys.getrecursionlimit()):
        dynamic = {"id_str": "1", "orig": dynamic}
    with pytest.raises(AnswerException, match=r"^space.dynamics: the data is nested too deep"):
        typed(dynamic, Dynamic, DYNAMICS)
