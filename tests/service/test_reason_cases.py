"""Two requests that published clients send: r5, without re_src, and r10, from a Python library."""

from __future__ import annotations

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import OPEN
from guanxi.contract.params import wire_types
from guanxi.testing import RunningService
from tests.service.client import call, contents, fresh

_RULE = "(the header rule of the profile documented; the profile open has no such rule)"


def _acts(mid: int) -> list[tuple[Endpoint, dict[str, object]]]:
    return [(e.MODIFY, {"fid": mid, "act": 1}), (e.BATCH_MODIFY, {"fids": mid, "act": 1})]


def test_r5_re_src_is_required_in_the_documented_profile(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    before = contents(documented)
    for endpoint, fields in _acts(other.mid):
        answer = call(documented, endpoint, caller, fields)
        assert (answer.code, answer.message) == (-400, "请求错误")
        assert answer.reason == "re_src: missing"
    assert contents(documented) == before


def test_r5_re_src_is_optional_in_the_open_profile(open_service: RunningService) -> None:
    for empty in ({}, {"re_src": ""}):
        caller, other, third = fresh(open_service, 3)
        for (endpoint, fields), target in zip(_acts(0), (other, third), strict=True):
            name = next(iter(fields))
            done = call(open_service, endpoint, caller, {**fields, name: target.mid, **empty})
            assert done.code == 0, done.raw
        counts = call(open_service, e.STAT, caller, {"vmid": caller.mid}).data
        assert counts["following"] == 2


def test_r5_a_wrong_re_src_is_refused_in_the_open_profile(open_service: RunningService) -> None:
    caller, other = fresh(open_service, 2)
    before = contents(open_service)
    for endpoint, fields in _acts(other.mid):
        answer = call(open_service, endpoint, caller, {**fields, "re_src": 12})
        assert (answer.code, answer.reason.partition(":")[0]) == (-400, "re_src")
    assert contents(open_service) == before


def test_the_defaults_of_a_profile_are_of_required_parameters() -> None:
    for name in OPEN.defaults:
        using = [one for one in ENDPOINTS if name in wire_types(one.params)]
        assert using == [e.MODIFY, e.BATCH_MODIFY]


@pytest.mark.parametrize("agent", ["python-requests/2.32.3", "Python-urllib/3.13", "x PYTHON/3"])
def test_r10_the_user_agent_of_python_is_named(
    agent: str, documented: RunningService, open_service: RunningService
) -> None:
    headers = {"User-Agent": agent}
    for endpoint in (e.FOLLOWINGS, e.FOLLOWERS):
        [caller] = fresh(documented)
        answer = call(documented, endpoint, caller, {"vmid": caller.mid}, headers=headers)
        assert (answer.status, answer.code, answer.message) == (200, -352, "请求被拦截")
        assert answer.reason == f'User-Agent: must not contain "python" {_RULE}'
        [caller] = fresh(open_service)
        assert call(open_service, endpoint, caller, {"vmid": caller.mid}, headers=headers).code == 0


@pytest.mark.parametrize(
    ("referer", "shown"),
    [
        ("https://example.com/a?token=secret", "'example.com'"),
        ("https://bilibili.com.example/", "'bilibili.com.example'"),
        ("nonsense", "''"),
        (f"https://{'x' * 10_000}/", f"'{'x' * 39}"),
    ],
)
def test_r10_a_foreign_referer_is_named(
    referer: str, shown: str, documented: RunningService
) -> None:
    [caller] = fresh(documented)
    fields, headers = {"vmid": caller.mid}, {"Referer": referer}
    answer = call(documented, e.FOLLOWINGS, caller, fields, headers=headers)
    assert (answer.code, answer.message) == (-352, "请求被拦截")
    rule = "Referer: the host must be bilibili.com or under it"
    assert answer.reason == f"{rule}, not {shown} {_RULE}"
    assert "secret" not in answer.reason


def test_r10_a_referer_that_is_no_url_is_named(documented: RunningService) -> None:
    [caller] = fresh(documented)
    fields, headers = {"vmid": caller.mid}, {"Referer": "https://[x/"}
    answer = call(documented, e.FOLLOWINGS, caller, fields, headers=headers)
    assert (answer.code, answer.reason) == (-352, f"Referer: not a URL {_RULE}")
