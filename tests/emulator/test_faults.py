"""Faults: each effect over HTTP, and which requests it applies to."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract import endpoints as e
from guanxi.emulator.faults import Armed, Fault, parsed
from guanxi.emulator.stories import STORIES
from guanxi.testing import RunningService, SignedIn
from tests.service.client import Answer, call, follow, modify, send

_DISCONNECTED = (ConnectionError, http.client.RemoteDisconnected)


def stat(service: RunningService, session: SignedIn, mid: int = 2) -> Answer:
    return call(service, e.STAT, session, {"vmid": mid})


def followers(service: RunningService, mid: int) -> int:
    tally = service.do(lambda store: store.tally(mid))
    return tally.follower


# --- effects ---


def test_a_code_in_the_envelope_of_the_endpoint(service: RunningService) -> None:
    session = service.sign_in(1)
    with service.fault("relation.*", code=-352) as fault:
        answer = modify(service, session, 2, 1)
        assert (answer.status, answer.code) == (200, -352)
        assert answer.message == "请求被拦截"
        assert answer.reason == "a fault of the emulator: code -352"
        game = call(service, e.GAME_FOLLOWINGS, None, {"vmid": 1}).body
        assert game["code"] == -352
        assert "request_id" in game
        assert fault.applied == 2
    assert followers(service, 2) == 0
    assert [one.fault for one in service.requests] == ["code -352"] * 2
    assert [one.mid for one in service.requests] == [1, 0]
    assert modify(service, session, 2, 1).code == 0


def test_a_message_and_a_status_of_its_own(service: RunningService) -> None:
    service.fault("relation.stat", code=-412, message="请求被禁止", status=412, retry_after=9)
    answer = stat(service, service.sign_in(1))
    assert (answer.status, answer.code, answer.message) == (412, -412, "请求被禁止")
    assert answer.headers["retry-after"] == "9"


def test_codes_of_the_service_have_its_status(service: RunningService) -> None:
    session = service.sign_in(1)
    for code, status in ((-503, 503), (-504, 504), (-799, 200)):
        with service.fault(code=code):
            assert (stat(service, session).status, stat(service, session).code) == (status, code)


@pytest.mark.parametrize("status", [412, 429, 502])
def test_a_page_as_proxies_send_it(service: RunningService, status: int) -> None:
    service.fault(status=status)
    answer = modify(service, service.sign_in(1), 2, 1)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{status} " in answer.raw.decode()
    assert (service.requests[-1].status, service.requests[-1].code) == (status, None)
    assert followers(service, 2) == 0


def test_a_delay_comes_before_the_act(service: RunningService) -> None:
    service.fault("relation.modify", delay=0.05)
    since = time.monotonic()
    assert modify(service, service.sign_in(1), 2, 1).code == 0
    assert time.monotonic() - since >= 0.05
    assert service.requests[-1].milliseconds >= 50


@pytest.mark.parametrize(("drop", "acted"), [("before", 0), ("while", 1), ("after", 1)])
def test_a_connection_is_cut(service: RunningService, drop: Any, acted: int) -> None:
    session = service.sign_in(1)
    with service.fault("relation.modify", drop=drop), pytest.raises(_DISCONNECTED):
        modify(service, session, 2, 1)
    last = service.requests[-1]
    assert (last.status, last.code, last.mid, last.fault) == (None, None, 1, f"drop {drop}")
    assert last.params["fid"] == "2"
    stat(service, session)  # by now the act is over
    while followers(service, 2) != acted:  # bounded by the run's own time limit
        time.sleep(0.001)


def test_a_truncated_body(service: RunningService) -> None:
    session = service.sign_in(1)
    whole = stat(service, session).raw
    with service.fault("relation.stat", body="truncated"):
        with pytest.raises(http.client.IncompleteRead) as failed:
            stat(service, session)
        assert failed.value.partial == whole[: len(whole) // 2]
    assert service.requests[-1].code == 0


def test_a_slow_body_is_whole(service: RunningService) -> None:
    session = service.sign_in(1)
    whole = stat(service, session).raw
    service.fault("relation.stat", body="slow", delay=0.05)
    since = time.monotonic()
    assert stat(service, session).raw == whole
    assert time.monotonic() - since >= 0.05


def test_bodies_of_a_wrong_form(service: RunningService) -> None:
    session = service.sign_in(1)
    with service.fault(body="html"):
        assert stat(service, session).raw.startswith(b"<html>")
    with service.fault(body="empty"):
        answer = modify(service, session, 2, 1)
        assert (answer.status, answer.raw) == (200, b"")
    with service.fault(body="wrong-type"):
        assert stat(service, session).body == {
            "code": 0,
            "message": "0",
            "ttl": 1,
            "data": "wrong-type",
        }
        assert modify(service, session, 2, 2).body["code"] == "wrong-type"
    assert followers(service, 2) == 0  # both acts were done
    assert [one.code for one in service.requests] == [0, 0, 0, 0]


def test_stale_reads(service: RunningService) -> None:
    session = service.sign_in(1)
    fault = service.fault(":reads", stale=True)
    later = service.sign_in(2)
    follow(service, session, later)
    assert stat(service, session).data["follower"] == 0
    assert call(service, e.MY_INFO, later).data["mid"] == 2, "sessions are those of now"
    fault.remove()
    fault.remove()
    assert stat(service, session).data["follower"] == 1
    assert [one.fault for one in service.requests] == ["", "stale", "stale", ""]


def test_half_of_a_list(service: RunningService) -> None:
    session = service.sign_in(1)
    service.add_accounts(*range(10, 20))
    for mid in range(10, 20):
        modify(service, session, mid, 1)
    service.fault("relation.followings", half=True)
    pages = [
        call(service, e.FOLLOWINGS, session, {"vmid": 1, "ps": 2, "pn": number}).code
        for number in range(1, 6)
    ]
    assert pages == [0, 0, 0, -352, -352]
    assert [one.code for one in service.requests[-5:]] == pages


def test_an_envelope_for_what_no_endpoint_has(service: RunningService) -> None:
    service.fault("none", code=-352)
    service.fault("/zzz/*", status=502)
    assert send(service.base_url, "GET", "/yyy").code == -352
    assert send(service.base_url, "GET", "/zzz/1").status == 502


# --- which requests ---


def test_the_last_fault_decides_and_delays_add_up(service: RunningService) -> None:
    session = service.sign_in(1)
    first = service.fault(code=-352, times=1)
    second = service.fault(code=-799, times=1)
    service.fault(delay=0.01)
    assert [stat(service, session).code for _ in range(3)] == [-799, -352, 0]
    assert (first.applied, second.applied) == (1, 1)
    assert [one.fault for one in service.requests] == [
        "delay 0.01; code -799",
        "delay 0.01; code -352",
        "delay 0.01",
    ]


def test_parameters_select_requests(service: RunningService) -> None:
    session = service.sign_in(1)
    service.fault("relation.modify", code=-352, params={"fid": 3})
    assert [modify(service, session, mid, 1).code for mid in (2, 3)] == [0, -352]


def test_clear_faults(service: RunningService) -> None:
    service.fault(code=-352)
    service.story("flaky")
    service.clear_faults()
    assert service.emulator.faults == []
    assert stat(service, service.sign_in(1)).code == 0


def _applied(fault: Fault, times: list[float], seed: int = 0) -> list[bool]:
    armed = Armed(fault, 1, seed)
    return [armed.applies(e.MODIFY, e.MODIFY.path, {}, at, free=True) for at in times]


@given(
    st.integers(0, 5),
    st.none() | st.integers(1, 5),
    st.none() | st.sampled_from([1.0, 10.0]),
    st.lists(st.integers(0, 40), max_size=30).map(sorted),
)
def test_after_and_times_count_in_each_window(
    after: int, times: int | None, per: float | None, seconds: list[int]
) -> None:
    fault = Fault(code=-352, after=after, times=times, per=per)
    seen: Counter[float] = Counter()
    expected = []
    for at in seconds:
        window = 0 if per is None else at // per
        seen[window] += 1
        beyond = seen[window] - after
        expected.append(beyond > 0 and (times is None or beyond <= times))
    assert _applied(fault, [*map(float, seconds)]) == expected


def test_a_rate_is_drawn_with_a_seed() -> None:
    fault = Fault(code=-352, rate=0.3)
    draws = _applied(fault, [0.0] * 1_000, seed=5)
    assert draws == _applied(fault, [0.0] * 1_000, seed=5)
    assert draws != _applied(fault, [0.0] * 1_000, seed=6)
    assert _applied(Fault(code=-352, rate=0.3, seed=5), [0.0] * 1_000) == draws
    expected = Random(5)
    assert draws == [expected.random() < 0.3 for _ in range(1_000)]
    assert not any(_applied(Fault(code=-352, rate=0), [0.0] * 10))


@pytest.mark.parametrize(
    ("delay", "low", "high"), [(0.2, 0.2, 0.2), ("0.1..0.5", 0.1, 0.5), ("lognormal(1, 0.1)", 0, 9)]
)
def test_delays_are_drawn(delay: float | str, low: float, high: float) -> None:
    armed = Armed(Fault(delay=delay), 1, 3)
    drawn = [armed.seconds() for _ in range(200)]
    assert low <= min(drawn) <= max(drawn) <= high
    if isinstance(delay, str):
        assert len(set(drawn)) > 100
    if delay == "lognormal(1, 0.1)":
        assert 0.9 < sorted(drawn)[100] < 1.1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs code"),
        ({"code": 0}, "must not be 0"),
        ({"code": -1, "drop": "after"}, "not both"),
        ({"half": True, "drop": "after"}, "not both"),
        ({"drop": "later"}, "drop is one of before, while, after"),
        ({"body": "odd"}, "body is one of truncated"),
        ({"status": 200}, "400 to 599"),
        ({"code": -1, "rate": 2}, "rate must be"),
        ({"code": -1, "times": 0}, "times 1 or more"),
        ({"code": -1, "after": -1}, "after must be"),
        ({"code": -1, "per": "week"}, "per must be"),
        ({"delay": "soon"}, "delay must be"),
        ({"delay": -1}, "delay must be"),
        ({"delay": 1e9}, "delay must be"),
    ],
)
def test_an_impossible_fault_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(**fields)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("relation.modify:-352@0.1", Fault(endpoint="relation.modify", code=-352, rate=0.1)),
        ("*:http502+10x3", Fault(status=502, after=10, times=3)),
        (":writes:22015+300", Fault(endpoint=":writes", code=22015, after=300)),
        ("relation.*:drop-after", Fault(endpoint="relation.*", drop="after")),
        ("*:delay=0.2", Fault(delay=0.2)),
        ("*:delay=0.1..0.5", Fault(delay="0.1..0.5")),
        ("*:delay=lognormal(0.2,0.5)@0.5", Fault(delay="lognormal(0.2,0.5)", rate=0.5)),
        ("*:wrong-type", Fault(body="wrong-type")),
        (":reads:stale", Fault(endpoint=":reads", stale=True)),
        (":lists:half", Fault(endpoint=":lists", half=True)),
    ],
)
def test_a_fault_as_the_command_line_writes_it(text: str, fault: Fault) -> None:
    assert parsed(text) == fault


@pytest.mark.parametrize("text", ["", "-352", ":-352", "*:", "*:odd", "*:-352@x", "*:-352x"])
def test_what_is_no_fault_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match="is no fault: write ENDPOINT:EFFECT"):
        parsed(text)


# --- stories ---


def test_a_story_that_does_not_exist(service: RunningService) -> None:
    with pytest.raises(ValueError, match="'rain' is no story: use risk-control, rate-limit"):
        service.story("rain")


def test_risk_control_after_100_writes(service: RunningService) -> None:
    service.story("risk-control")
    session = service.sign_in(1)
    codes = [modify(service, session, 2, act).code for _ in range(51) for act in (1, 2)]
    assert codes == [0] * 100 + [-352] * 2
    assert stat(service, session).code == 0


def test_a_rate_limit_with_recovery(service: RunningService) -> None:
    service.at(1_000_000_000)
    service.story("rate-limit")
    session = service.sign_in(1)
    assert [stat(service, session).code for _ in range(22)] == [0] * 20 + [-799] * 2
    service.advance(10)
    assert stat(service, session).code == 0


def test_a_banned_address(service: RunningService) -> None:
    service.story("banned-address")
    answers = [send(service.base_url, "GET", e.NAV.path) for _ in range(31)]
    assert {one.code for one in answers[:30]} == {-101}
    assert (answers[30].status, answers[30].code) == (412, -412)


def test_a_flaky_network_is_the_same_for_a_seed() -> None:
    def effects(seed: int) -> list[list[bool]]:
        return [_applied(fault, [0.0] * 500, seed + n) for n, fault in enumerate(_FLAKY)]

    assert effects(1) == effects(1) != effects(2)
    late, before, after, page = map(sum, effects(1))
    assert late == 500
    assert 10 < before < 45
    assert 5 < after < 30
    assert 2 < page < 25


_FLAKY = STORIES["flaky"].faults


def test_a_restart(service: RunningService) -> None:
    service.story("restarts")
    session = service.sign_in(1)
    seen: list[object] = []
    for _ in range(18):
        try:
            seen.append(stat(service, session).status)
        except _DISCONNECTED:
            seen.append("cut")
    assert seen == [200] * 10 + ["cut"] * 4 + [502] * 3 + [200]


def test_a_daily_quota(service: RunningService) -> None:
    service.at(1_793_491_200)  # 08:00 in Beijing
    session = service.sign_in(1)
    service.story("daily-quota")
    for _ in range(300):
        modify(service, session, 2, 1)
    assert modify(service, session, 3, 1).code == 22015
    assert modify(service, session, 2, 2).code == 0, "an unfollow is no follow"
    service.advance(15 * 3600)
    assert modify(service, session, 3, 1).code == 22015
    service.advance(3600)
    assert modify(service, session, 3, 1).code == 0


def test_half_of_a_list_as_a_story(service: RunningService) -> None:
    session = service.sign_in(1)
    for mid in (2, 3):
        modify(service, session, mid, 1)
    service.story("half-a-list")
    codes = [
        call(service, e.FOLLOWINGS, session, {"vmid": 1, "ps": 1, "pn": pn}).code for pn in (1, 2)
    ]
    assert codes == [0, -352]
    assert call(service, e.FRIENDS, session).code == 0
