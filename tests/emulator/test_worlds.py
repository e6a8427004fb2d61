"""Services next to a service, each with a world of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.contract import endpoints as e
from guanxi.testing import RunningService, running
from tests.emulator.test_control import control_call
from tests.service.client import call, follow, modify, send


def test_worlds_are_apart() -> None:
    with running(worlds=2) as service:
        one, two = service.worlds
        for each in (service, one, two):
            each.add_accounts(1, 2)
        follow(one, one.sign_in(1), one.sign_in(2))
        assert [each.do(lambda s: s.tally(2)).follower for each in (service, one, two)] == [0, 1, 0]
        one.fault(code=-352)
        assert call(two, e.NAV).code == -101
        assert call(one, e.NAV).code == -352
        assert [len(each.requests) for each in (service, one, two)] == [0, 2, 1]
        two.at(1_000_000_000)
        assert service.now() > 1_700_000_000
        one.renew()
        assert one.do(lambda store: store.account(1)) is None
        stores = [Path(each.store) for each in (one, two)]
    assert not any(map(Path.exists, stores))


def test_a_world_draws_as_the_service_does() -> None:
    def codes(service: RunningService) -> list[int]:
        service.fault(code=-352, rate=0.5)
        return [call(service, e.NAV).code for _ in range(40)]

    with running(seed=7) as seven, running(seed=8) as eight:
        drawn = codes(seven)
        assert codes(seven.world()) == drawn
        assert codes(eight) != drawn


def test_a_world_of_a_mark_has_its_sessions(service: RunningService) -> None:
    session = service.sign_in(1)
    service.mark("before")
    modify(service, session, 2, 1)
    now, before = service.world(), service.world("before")
    assert now.do(lambda store: store.tally(1)).following == 1
    assert before.do(lambda store: store.tally(1)).following == 0
    assert modify(before, session, 3, 1).code == 0
    assert service.do(lambda store: store.tally(1)).following == 1
    service.at(2_000_000_000)
    assert before.now() == 2_000_000_000, "its clock follows until it is set"
    with pytest.raises(ValueError, match="there is no mark"):
        service.world("nowhere")


def test_worlds_over_http(service: RunningService) -> None:
    control_call(service, "DELETE", "/worlds")
    opened = control_call(service, "POST", "/worlds", {"mark": "start"}).body
    assert control_call(service, "GET", "/worlds").body == [opened]
    headers = {"Authorization": f"Bearer {service.emulator_token}"}
    assert send(opened["emulator_url"], "GET", "/requests", headers=headers).body == []
    assert send(opened["base_url"], "GET", e.NAV.path).code == -101
    assert control_call(service, "POST", "/worlds", {"mark": "nowhere"}).status == 400
    assert control_call(service, "DELETE", "/worlds").status == 200
    with pytest.raises(ConnectionError):
        send(opened["base_url"], "GET", e.NAV.path)
