"""The service's clock: frozen, moved, set back."""

from __future__ import annotations

import time

import pytest

from guanxi.contract import endpoints as e
from guanxi.emulator.clock import Clock
from guanxi.testing import RunningService
from tests.service.client import Fields, call, modify, send, signed


def times(service: RunningService, mid: int) -> list[int]:
    data = call(service, e.FOLLOWINGS, service.sign_in(mid), {"vmid": mid}).data
    return [item["mtime"] for item in data["list"]]


def test_a_frozen_clock(service: RunningService) -> None:
    service.at(2_000_000_000)
    session = service.sign_in(1)
    modify(service, session, 2, 1)
    service.advance(3_600.5)
    modify(service, session, 3, 1)
    assert times(service, 1) == [2_000_003_600, 2_000_000_000]
    service.real_time()
    assert abs(service.emulator.clock() / 1e9 - time.time()) < 60


def test_a_moving_clock_advances() -> None:
    real = [100 * 10**9]
    clock = Clock(lambda: real[0])
    clock.advance(5)
    real[0] += 10**9
    assert (clock() // 10**9, clock.is_frozen) == (106, False)
    clock.at(50)
    clock.advance(-1)
    real[0] += 10**9
    assert (clock() // 10**9, clock.is_frozen) == (49, True)
    for seconds in (-1, 1e12, 1e308, float("nan")):
        with pytest.raises(ValueError, match="1970 to 9999"):
            clock.at(seconds)
    with pytest.raises(ValueError, match="1970 to 9999"):
        clock.advance(-50)
    with pytest.raises(ValueError, match="1970 to 9999"):
        clock.advance(1e300)
    assert clock() // 10**9 == 49
    clock.resume()
    assert clock() == 102 * 10**9


def test_times_rise_within_an_owner_when_the_clock_is_set_back(service: RunningService) -> None:
    service.at(2_000_000_000)
    session = service.sign_in(1)
    modify(service, session, 2, 1)
    service.advance(-100_000)
    modify(service, session, 3, 1)
    modify(service, service.sign_in(2), 3, 1)
    data = call(service, e.FOLLOWINGS, session, {"vmid": 1}).data["list"]
    assert [item["mid"] for item in data] == [3, 2]
    assert [item["mtime"] for item in data] == [2_000_000_000, 2_000_000_000]
    assert times(service, 2) == [1_999_900_000]


def test_sessions_expire(service: RunningService) -> None:
    service.at(2_000_000_000)
    session = service.sign_in(1)
    assert call(service, e.MY_INFO, session).code == 0
    service.advance(10 * 365 * 86_400)
    assert call(service, e.MY_INFO, session).code == -101
    service.at(2_000_000_000)
    assert call(service, e.MY_INFO, session).code == 0


def test_qr_codes_expire(service: RunningService) -> None:
    service.at(2_000_000_000)
    key = call(service, e.QR_GENERATE).data["qrcode_key"]
    seconds = service.settings.profile.limits.qr_seconds
    service.advance(seconds - 1)
    assert call(service, e.QR_POLL, None, {"qrcode_key": key}).data["code"] == 86101
    service.advance(1)
    assert call(service, e.QR_POLL, None, {"qrcode_key": key}).data["code"] == 86038


def test_wbi_keys_of_yesterday_are_accepted_until_tomorrow(service: RunningService) -> None:
    endpoint = next(one for one in e.ENDPOINTS if one.wbi and not one.unsigned)
    service.at(20_000 * 86_400 + 60)
    session = service.sign_in(1)
    real = int(time.time())
    days = real // 86_400 - 20_000

    def code() -> int:
        fields: Fields = {"mid": 1}
        pairs = signed(service, fields, days_ago=days)  # with the keys of that day
        return send(
            service.base_url, "GET", endpoint.path, query=pairs, headers={"Cookie": session.cookie}
        ).code

    assert code() == 0
    service.advance(86_400)
    assert code() == 0
    service.advance(86_400)
    assert code() == -403
