"""Answers of every kind: data, codes, and what is no answer of the contract."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from guanxi import (
    AlreadyFollowing,
    AnswerException,
    BadRequest,
    DeadlineExceeded,
    NetworkException,
    NotFound,
    RequestIntercepted,
    ResponseCodeException,
    ServiceUnavailable,
)
from guanxi.contract.errors import CODES
from tests.sdk.recorder import Answer, Kind, envelope, recording


def ask(kind: Kind, answer: Answer, name: str = "relation.groups", **params: Any) -> Any:
    with recording(lambda request: answer) as server:
        return kind.do(lambda c: c.call(name, params), base_url=server.url)


def test_data_comes_back(kind: Kind) -> None:
    assert ask(kind, Answer(envelope([1, {"a": None}]))) == [1, {"a": None}]


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
def test_where_the_data_is(kind: Kind, body: Any, data: Any) -> None:
    assert ask(kind, Answer(body)) == data


def test_a_callback_that_was_sent_is_taken_off(kind: Kind) -> None:
    wrapped = Answer(b'cb({"code":0,"data":"}{"});')
    assert ask(kind, wrapped, callback="cb") == "}{"
    with pytest.raises(AnswerException):
        ask(kind, wrapped)


def test_an_answer_without_an_envelope_is_its_own_data(kind: Kind) -> None:
    body = {"ts": 1, "code": 0, "card": {"mid": "7"}}
    assert ask(kind, Answer(body), "account.card_by_mid") == body
    with pytest.raises(NotFound):
        ask(kind, Answer({"ts": 1, "code": -404}), "account.card_by_mid")


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_is_its_own_exception(kind: Kind, code: int) -> None:
    body = envelope({"failed_fids": [3]}, code, "说明")
    with pytest.raises(CODES[code]) as caught:
        ask(kind, Answer(body))
    error = caught.value
    assert type(error) is CODES[code]
    assert (error.code, error.message, error.endpoint) == (code, "说明", "relation.groups")
    assert error.raw == body
    assert "relation.groups" in str(error)
    assert str(code) in str(error)


def test_an_unknown_code_is_a_response_code_exception(kind: Kind) -> None:
    with pytest.raises(ResponseCodeException) as caught:
        ask(kind, Answer({"code": 99999, "msg": "nobody knows"}))
    assert type(caught.value) is ResponseCodeException
    assert caught.value.message == "nobody knows"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(503, -503, ServiceUnavailable), (504, -504, DeadlineExceeded), (405, -400, BadRequest)],
)
def test_an_envelope_tells_more_than_the_status(
    kind: Kind, status: int, code: int, error: type[ResponseCodeException]
) -> None:
    with pytest.raises(error):
        ask(kind, Answer(envelope(None, code, "x"), status))


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
def test_a_status_without_a_code_is_a_network_exception(kind: Kind, answer: Answer) -> None:
    with pytest.raises(NetworkException) as caught:
        ask(kind, answer)
    assert caught.value.status == answer.status
    assert str(caught.value) == f"relation.groups: HTTP {answer.status}"


def test_a_redirect_is_not_followed(kind: Kind) -> None:
    with recording() as other:
        answer = Answer(b"", 302, {"Location": f"{other.url}/elsewhere"})
        with pytest.raises(NetworkException) as caught:
            ask(kind, answer)
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
def test_what_is_no_answer_is_named(kind: Kind, body: Any, path: str) -> None:
    with pytest.raises(AnswerException) as caught:
        ask(kind, Answer(body))
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
def test_a_typed_method_names_the_place_that_does_not_fit(kind: Kind, data: Any, path: str) -> None:
    answer = Answer(envelope(data))
    with recording(lambda request: answer) as server, pytest.raises(AnswerException) as caught:
        kind.do(lambda c: c.relation.blacks(), base_url=server.url)
    assert caught.value.path == path
    assert path in str(caught.value)


def test_a_typed_method_ignores_what_it_does_not_know(kind: Kind) -> None:
    data = {"list": [{"mid": 1, "new": 1}], "new": {}}
    with recording(lambda request: Answer(envelope(data))) as server:
        page = kind.do(lambda c: c.relation.blacks(), base_url=server.url)
    assert [item.mid for item in page.items] == [1]
    assert (page.items[0].special, page.total) == (0, 0)


@pytest.mark.parametrize("code", [-352, -412, -799, -503, 22014])
def test_a_code_is_raised_at_once_and_nothing_is_tried_again(kind: Kind, code: int) -> None:
    answer = Answer(envelope(None, code))
    with recording(lambda request: answer) as server, pytest.raises(CODES[code]):
        kind.do(lambda c: c.call("relation.groups"), base_url=server.url)
    assert len(server.received) == 1


def test_whether_trying_again_can_help_is_told(kind: Kind) -> None:
    assert ServiceUnavailable.can_retry
    assert not RequestIntercepted.can_retry
    assert not AlreadyFollowing.can_retry


def test_a_body_of_any_encoding_that_was_asked_for_is_read(kind: Kind) -> None:
    packed = gzip.compress(json.dumps(envelope("data")).encode())
    assert ask(kind, Answer(packed, 200, {"Content-Encoding": "gzip"})) == "data"
