"""What a service shows of the requests that it got."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.emulator.requests import SECRETS, Recorded, Requests
from guanxi.testing import RunningService, running
from tests.service.client import call, modify, send


def test_a_request_is_recorded_before_its_response(service: RunningService) -> None:
    service.at(2_000_000_000)
    session = service.sign_in(1)
    assert modify(service, session, 2, 1).code == 0
    assert modify(service, session, 2, 1).code == 22014
    assert call(service, e.MY_INFO).code == -101
    first, second, third = service.requests
    assert (first.endpoint, first.method, first.path) == (
        "relation.modify",
        "POST",
        "/x/relation/modify",
    )
    assert first.params == {"fid": "2", "act": "1", "re_src": "11", "csrf": "…"}
    assert (first.mid, first.status, first.code, first.time) == (1, 200, 0, 2_000_000_000)
    assert first.milliseconds > 0
    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert (second.code, third.code, third.mid) == (22014, -101, 0)


def test_no_secret_is_recorded(service: RunningService) -> None:
    session, key = service.sign_in(1), service.access_key(2)
    modify(service, session, 2, 1)
    send(service.base_url, "GET", "/x/relation/stat", query={"vmid": 1, "access_key": key})
    form = {"csrf": session.bili_jct, "refresh_csrf": "page", "refresh_token": "renew"}
    call(service, e.COOKIE_REFRESH, session, form)
    shown = repr(service.requests)
    for secret in (session.sessdata, session.bili_jct, key, "page", "renew"):
        assert secret not in shown
    assert [one.mid for one in service.requests][:2] == [1, 2]


def test_parameters_have_the_name_of_the_contract(service: RunningService) -> None:
    """The documents' examples send ``fid`` to an endpoint whose parameter is ``fids``."""
    session = service.sign_in(1)
    for name in ("fid", "fids"):
        call(service, e.RELATIONS, session, {name: "2,3"})
    service.assert_called("relation.many", times=2, fids=[2, 3], by=1, code=0)
    service.assert_called("relation.many", times=2, fid="2,3")


def test_the_last_requests_are_kept() -> None:
    kept = Requests(most=2)
    for number in range(3):
        kept.add(_request(number=kept.number(), params={"n": str(number)}))
    assert [one.params["n"] for one in kept.all()] == ["1", "2"]
    kept.clear()
    assert (kept.all(), kept.number()) == ([], 1)


def test_a_failed_assertion_shows_what_differs(service: RunningService) -> None:
    session = service.sign_in(1)
    modify(service, session, 2, 1)
    modify(service, session, 3, 2)
    with pytest.raises(AssertionError) as failed:
        service.assert_called("relation.modify", times=1, fid=3, act=1)
    assert str(failed.value) == (
        "relation.modify: expected 1 call with fid=3, act=1; found 0 in 2 calls\n"
        "  #1 relation.modify fid=2 act=1 re_src=11 by mid 1: code 0\n"
        "    - fid=3\n"
        "    + fid=2\n"
        "      act=1\n"
        "  #2 relation.modify fid=3 act=2 re_src=11 by mid 1: code 0\n"
        "      fid=3\n"
        "    - act=1\n"
        "    + act=2"
    )


def test_a_failed_assertion_without_a_call_shows_the_others(service: RunningService) -> None:
    with pytest.raises(AssertionError, match="no request has arrived"):
        service.assert_called("relation.modify")
    session = service.sign_in(1)
    for _ in range(2):
        call(service, e.STAT, session, {"vmid": 1})
    with pytest.raises(AssertionError, match=re.escape("relation.stat × 2")):
        service.assert_called("relation.modify", fid=2, whatever=1)
    with pytest.raises(AssertionError, match=r"- whatever=1\n    \+ \(no whatever\)"):
        service.assert_called("relation.stat", whatever=1)
    with pytest.raises(AssertionError, match="expected 0 calls; found 2 in 2 calls"):
        service.assert_not_called("relation.*")
    service.assert_not_called("relation.stat", vmid=2)
    service.assert_not_called("relation.stat", by=2)


def test_an_unknown_endpoint_is_an_error_of_the_test(service: RunningService) -> None:
    with pytest.raises(ValueError, match=r"'relation.modfy' names no endpoint; near: relation.mod"):
        service.assert_called("relation.modfy")
    with pytest.raises(ValueError, match="names no endpoint"):
        service.fault("nothing.*", code=-352)


def test_an_unanswered_request_names_near_endpoints(service: RunningService) -> None:
    service.assert_all_answered()
    answer = send(service.base_url, "GET", "/x/relation/follower", query={"vmid": 1})
    assert (answer.status, answer.code) == (404, -404)
    assert "near: GET /x/relation/followers (relation.followers)" in answer.reason
    assert send(service.base_url, "HEAD", "/x/relation/follower").status == 404
    send(service.base_url, "GET", "/zzz")
    with pytest.raises(AssertionError) as failed:
        service.assert_all_answered()
    lines = str(failed.value).splitlines()
    assert lines[:3] == [
        "3 requests without an endpoint:",
        "  #1 GET /x/relation/follower",
        "    near: GET /x/relation/followers (relation.followers)",
    ]
    assert lines[-1] == "  #3 GET /zzz"
    assert [one.endpoint for one in service.requests] == ["none"] * 3


def test_pages_are_not_recorded(service: RunningService) -> None:
    assert send(service.base_url, "GET", "/healthz").status == 200
    assert service.requests == []


def test_a_wrong_method_is_answered_as_ever(service: RunningService) -> None:
    assert send(service.base_url, "POST", "/x/relation/stat").status == 405
    with pytest.raises(AssertionError, match="POST /x/relation/stat"):
        service.assert_all_answered()


def test_several_workers_have_no_emulator() -> None:
    with running(workers=2) as service, pytest.raises(RuntimeError, match="workers=1"):
        service.fault("*", code=-352)


@given(st.text("ab,é", max_size=8), st.sampled_from(sorted(SECRETS)))
def test_requests_are_found_by_what_they_sent(text: str, secret: str) -> None:
    """A plain model: those whose parameters contain the wanted ones."""
    kept = Requests()
    sent = [{"fid": text}, {"fid": text, "act": "1"}, {"fid": text + "x"}, {secret: "…"}]
    for params in sent:
        kept.add(_request(number=kept.number(), params=params))
    found = [one.params for one in kept.to("relation.modify", {"fid": text})]
    assert found == [params for params in sent if params.get("fid") == text]


def _request(*, number: int, params: dict[str, str]) -> Recorded:
    return Recorded(
        number=number,
        time=0,
        method="POST",
        path=e.MODIFY.path,
        endpoint=e.MODIFY.name,
        params=params,
        mid=1,
        status=200,
        code=0,
        milliseconds=1,
    )
