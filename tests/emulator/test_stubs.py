"""Stubs: responses that a test gives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from guanxi.contract import endpoints as e
from guanxi.emulator.stubs import Response, StubRequest
from guanxi.testing import RunningService
from tests.service.client import call, modify, send

CARD = "/x/web-interface/card"


def test_json_for_an_endpoint_that_the_contract_lacks(service: RunningService) -> None:
    service.answer("GET", CARD, {"code": 0, "data": {"follower": 7}})
    answer = send(service.base_url, "GET", CARD, query={"mid": 2})
    assert (answer.status, answer.body) == (200, {"code": 0, "data": {"follower": 7}})
    assert answer.headers["content-type"] == "application/json"
    [request] = service.requests
    assert (request.stub, request.endpoint, request.code) == (True, "none", 0)
    assert request.params == {"mid": "2"}
    service.assert_called(CARD, mid=2)
    service.assert_all_answered()
    assert send(service.base_url, "POST", CARD).status == 404
    service.clear()
    assert send(service.base_url, "GET", CARD).status == 404


def test_a_function_of_the_request(service: RunningService) -> None:
    seen: list[StubRequest] = []

    def answer(request: StubRequest) -> Any:
        seen.append(request)
        return {"code": 0, "data": request.params["cid"]}

    async def later(request: StubRequest) -> Response:
        await asyncio.sleep(0)
        return Response({"code": -1}, status=418, headers={"X-Kind": "teapot"})

    service.answer("POST", "/x/custom/{cid}", answer)
    service.answer("GET", "/x/later", later)
    session = service.sign_in(1)
    headers = {"Cookie": session.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    form = f"a=1&csrf={session.bili_jct}".encode()
    sent = send(service.base_url, "POST", "/x/custom/9", body=form, headers=headers)
    assert sent.data == "9"
    [request] = seen
    assert request.params == {"a": "1", "csrf": "…", "cid": "9"}
    assert (request.mid, request.body) == (1, form)
    assert session.sessdata not in repr(request)
    late = send(service.base_url, "GET", "/x/later")
    assert (late.status, late.code, late.headers["x-kind"]) == (418, -1, "teapot")


def test_a_stub_comes_before_an_endpoint_and_the_last_first(service: RunningService) -> None:
    session = service.sign_in(1)
    service.answer("POST", e.MODIFY.path, {"code": 1})
    service.answer("POST", e.MODIFY.path, {"code": 2}, times=2)
    assert [modify(service, session, 2, 1).code for _ in range(4)] == [2, 2, 1, 1]
    service.fault("relation.modify", code=-352, times=1)
    assert [modify(service, session, 2, 1).code for _ in range(2)] == [-352, 1]
    assert service.do(lambda store: store.tally(2)).follower == 0


def test_a_stub_counts_its_answers_alone(service: RunningService) -> None:
    service.answer("GET", "/once", {"code": 3}, times=1)
    service.fault("/once", code=-352, times=1)
    answers = [send(service.base_url, "GET", "/once") for _ in range(3)]
    assert [(answer.status, answer.code) for answer in answers] == [
        (200, -352),
        (200, 3),
        (404, -404),
    ]


def test_a_stub_has_no_stale_form(service: RunningService) -> None:
    service.answer("GET", e.STAT.path, {"code": 3})
    service.fault("relation.stat", stale=True)
    assert call(service, e.STAT, None, {"vmid": 1}).code == 3


def test_the_headers_of_a_stub(service: RunningService) -> None:
    length = Response({"code": 3}, headers={"Content-Length": "3", "X-Kind": "é"})
    service.answer("GET", "/length", length)
    answer = send(service.base_url, "GET", "/length")
    assert (answer.code, answer.headers["content-length"]) == (3, str(len(answer.raw)))
    for headers in ({"a b": "c"}, {"a": "c\r\nd: e"}, {"a": "关"}):
        with pytest.raises(ValueError, match="headers must be of HTTP"):
            service.answer("GET", "/wrong", Response({}, headers=headers))
        wrong = Response({}, headers=headers)
        service.answer("GET", "/wrong", lambda _, wrong=wrong: wrong)
        answer = send(service.base_url, "GET", "/wrong")
        assert (answer.status, answer.raw) == (500, b"the stub failed")


def test_bytes_and_faults(service: RunningService) -> None:
    service.answer("GET", "/raw", b"0123456789")
    answer = send(service.base_url, "GET", "/raw")
    assert (answer.raw, answer.headers["content-type"]) == (
        b"0123456789",
        "application/octet-stream",
    )
    assert send(service.base_url, "HEAD", "/raw").raw == b""
    service.fault("/raw", body="empty")
    assert send(service.base_url, "GET", "/raw").raw == b""


def test_a_function_that_fails(service: RunningService, caplog: pytest.LogCaptureFixture) -> None:
    service.answer("GET", "/broken", lambda _: 1 / 0)
    service.answer("GET", "/odd", lambda _: object())
    for path in ("/broken", "/odd"):
        answer = send(service.base_url, "GET", path)
        assert (answer.status, answer.raw) == (500, b"the stub failed")
    assert "ZeroDivisionError" in caplog.text
    assert call(service, e.NAV).code == -101


def test_an_impossible_stub_is_refused(service: RunningService) -> None:
    with pytest.raises(ValueError, match="must begin with a slash"):
        service.answer("GET", "x", {})
    with pytest.raises(ValueError, match="times must be 1 or more"):
        service.answer("GET", "/x", {}, times=0)
    with pytest.raises(ValueError, match="method must be a word"):
        service.answer("", "/x", {})
    with pytest.raises(ValueError, match="status must be 200 to 599, not 600"):
        service.answer("GET", "/x", Response({}, 600))


def test_a_stub_that_would_wait_for_its_own_service_fails(
    service: RunningService, caplog: pytest.LogCaptureFixture
) -> None:
    """It would wait for ever, on the thread that it waits for."""

    def create(_request: StubRequest) -> dict[str, int]:
        service.at(1_900_000_000)  # needs no waiting
        service.add_accounts(9)
        return {}

    service.answer("GET", "/x/create", create)
    assert send(service.base_url, "GET", "/x/create").status == 500
    assert service.now() == 1_900_000_000
    assert "cannot wait for the service" in caplog.text
