"""The switches of the profile documented, for harsher readings of the documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.secrets import DAY, wbi_keys
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.sign import mixin_key, wbi_sign
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.service.config import Settings
from guanxi.testing import RunningService, running
from tests.service.client import Answer, call, encoded, fresh, secret_of, send
from tests.service.scene import Scene
from tests.stores.engines import START, Clock

_WINDOW = 60
_BOTH = Settings(profile=DOCUMENTED, strict_referer=True, wbi_window=_WINDOW)
#: Noon, so that no key changes within the tests.
_NOW = START // 10**9 // DAY * DAY + DAY // 2
_SIGNED = [one for one in ENDPOINTS if one.wbi]


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningService]:
    """A service with both switches, with a clock that does not move."""
    clock = Clock()
    clock.ns = _NOW * 10**9 + 999_999_999
    with running(settings=_BOTH, clock=clock) as service:
        yield service


@pytest.mark.parametrize("endpoint", [e.FOLLOWERS, e.FOLLOWINGS], ids=lambda one: one.name)
def test_a_missing_referer_is_refused_where_the_documents_demand_one(
    endpoint: Endpoint, strict: RunningService, documented: RunningService
) -> None:
    [caller] = fresh(strict)
    for headers in ({}, {"Referer": ""}):
        answer = call(strict, endpoint, caller, {"vmid": 1}, headers=headers)
        assert (answer.status, answer.code, answer.message) == (200, -352, "请求被拦截")
        assert answer.reason.startswith("Referer: missing; the host must be bilibili.com")
        assert "data" not in answer.body
    for referer in ("https://www.bilibili.com/", "https://space.bilibili.com/1/fans"):
        answer = call(strict, endpoint, caller, {"vmid": 1}, headers={"Referer": referer})
        assert answer.code == 0
    foreign = call(strict, endpoint, caller, {"vmid": 1}, headers={"Referer": "https://x.example/"})
    assert (foreign.code, "not 'x.example'" in foreign.reason) == (-352, True)
    [caller] = fresh(documented)
    assert call(documented, endpoint, caller, {"vmid": 1}).code == 0, "it is off by default"


def test_no_other_endpoint_needs_a_referer() -> None:
    with running(settings=Settings(profile=DOCUMENTED, strict_referer=True)) as service:
        for endpoint in ENDPOINTS:
            answer = Scene(service).call(endpoint)
            assert answer.code == (-352 if endpoint.header_rule else 0), endpoint.name


def _signed_at(
    service: RunningService, endpoint: Endpoint, wts: object, *, days_ago: int = 0
) -> Answer:
    """Call an endpoint with a right signature of a request with this ``wts``."""
    scene = Scene(service)
    pairs = [(name, str(value)) for name, value in scene.fields(endpoint).items()]
    pairs.append(("wts", str(wts)))
    mixin = mixin_key(*wbi_keys(secret_of(service), _NOW - days_ago * DAY))
    pairs.append(("w_rid", wbi_sign(pairs, mixin)))
    headers = {"Cookie": scene.caller.cookie}
    return send(service.base_url, "GET", endpoint.path, query=encoded(pairs), headers=headers)


@pytest.mark.parametrize("endpoint", _SIGNED, ids=lambda one: one.name)
def test_a_signature_counts_within_the_window(endpoint: Endpoint, strict: RunningService) -> None:
    for age in (0, 1, _WINDOW, -1):
        assert _signed_at(strict, endpoint, _NOW - age).code == 0, age
    for age, reason in (
        (_WINDOW + 1, "wts: 61 seconds old; at most 60 by wbi_window, so sign again"),
        (DAY // 4, f"wts: {DAY // 4} seconds old"),
        (-2, "wts: 2 seconds after the service's time"),
        (-DAY, f"wts: {DAY} seconds after the service's time"),
    ):
        answer = _signed_at(strict, endpoint, _NOW - age)
        assert (answer.status, answer.code) == (200, -403), age
        assert answer.message == endpoint.message(-403)
        assert answer.reason.startswith(reason)
        assert "data" not in answer.body


@pytest.mark.parametrize("wts", ["now", "-5", "1.5e9", "²", "9" * 20, "9" * 5_000])
def test_a_time_that_is_no_number_is_refused(wts: str, strict: RunningService) -> None:
    answer = _signed_at(strict, e.MUTUAL, wts)
    assert (answer.status, answer.code) == (200, -403)
    assert answer.reason == "wts: must be the time of the request in seconds since 1970"


def test_a_wrong_signature_is_reported_before_its_time(strict: RunningService) -> None:
    answer = _signed_at(strict, e.MUTUAL, _NOW - _WINDOW - 1, days_ago=2)
    assert (answer.code, answer.reason.partition(";")[0]) == (-403, "w_rid: wrong or stale")


def test_without_a_window_any_time_counts() -> None:
    clock = Clock()
    clock.ns = _NOW * 10**9
    with running(clock=clock) as service:
        for wts in (0, _NOW - 10 * DAY, _NOW + DAY, "now"):
            assert _signed_at(service, e.MUTUAL, wts).code == 0, wts


def test_the_client_is_accepted_with_both_switches() -> None:
    """It signs by its own clock, and sends the Referer that the endpoint declares."""
    with running(settings=_BOTH) as service:
        service.add_accounts(1, 2)
        session = service.sign_in(1)
        credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            assert client.relation.followers(2).total == 0
            assert client.relation.followings(2).total == 0
            assert client.relation.mutual(2).relation.attribute == 0
