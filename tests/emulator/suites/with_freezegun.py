"""Python's clocks stand still in the test; the service has its own, which ``at`` sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from freezegun import freeze_time

from guanxi import Credential, SyncClient

if TYPE_CHECKING:  # the import of the service is under test too
    from guanxi.testing import RunningService

THEN = "2020-01-02 03:04:05"
SECONDS = int(datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True, scope="session")
def _frozen_start() -> Iterator[None]:
    """Freeze while the service is imported and started."""
    with freeze_time(THEN):
        yield


def _mtime(service: RunningService) -> int:
    """Return the time of a follow, which the SDK sends and reads."""
    service.add_accounts(1, 2)
    me = service.sign_in(1)
    with SyncClient(
        base_url=service.base_url, credential=Credential(me.sessdata, me.bili_jct)
    ) as client:
        client.relation.follow(2)
        [row] = client.relation.followings(1).items
    assert all(0 < one.milliseconds < 60_000 for one in service.requests)
    return row.mtime


def test_frozen_around_the_start_of_the_service(guanxi_service: RunningService) -> None:
    assert time.time() == SECONDS
    assert _mtime(guanxi_service) > 1_790_000_000, "the service's clock is the machine's"
    assert guanxi_service.now() > 1_790_000_000
    assert guanxi_service.requests[-1].time > 1_790_000_000


@freeze_time(THEN)
def test_frozen_around_a_test(guanxi_service: RunningService) -> None:
    assert _mtime(guanxi_service) > 1_790_000_000


@freeze_time(THEN)
def test_the_service_at_the_time_of_the_test(guanxi_service: RunningService) -> None:
    guanxi_service.at(time.time())
    assert _mtime(guanxi_service) == SECONDS
    guanxi_service.advance(60)
    assert guanxi_service.now() == SECONDS + 60


def test_frozen_while_a_request_runs(guanxi_service: RunningService) -> None:
    guanxi_service.fault("relation.stat", delay=0.3)
    url = f"{guanxi_service.base_url}/x/relation/stat?vmid=1"
    with ThreadPoolExecutor() as threads:
        response = threads.submit(urlopen, url)
        with freeze_time("2030-01-01"):
            assert response.result().status == 200
    assert 300 <= guanxi_service.requests[-1].milliseconds < 60_000
