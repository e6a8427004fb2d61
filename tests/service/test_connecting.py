"""How the processes of a service share the connections to the server of their store."""

from __future__ import annotations

import asyncio

import pytest

from guanxi.service.connecting import checked_shares, shares
from guanxi.service.pool import ServiceError
from guanxi.stores import FEWEST_CONNECTIONS, MOST_CONNECTIONS
from guanxi.stores.port import StoreError
from tests import postgres


@pytest.mark.parametrize("workers", [2, 3, 4, 8])
@pytest.mark.parametrize("connections", [60, 64, 97, 500])
def test_all_processes_stay_below_the_sum(connections: int, workers: int) -> None:
    own, of_worker = shares(connections, workers)
    assert own + of_worker * (workers + 1) <= connections, "one worker more while they are replaced"
    assert FEWEST_CONNECTIONS <= min(own, of_worker) <= MOST_CONNECTIONS


def test_one_process_uses_them_alone() -> None:
    assert shares(20, 1) == (20, 0)
    assert shares(500, 1) == (MOST_CONNECTIONS, 0)


def test_too_few_connections_for_the_workers_are_refused() -> None:
    assert shares(60, 8) == (6, 6)
    with pytest.raises(ServiceError, match="8 workers need `connections` of at least 60, not 59"):
        shares(59, 8)


def test_more_than_the_server_allows_are_refused_at_the_start() -> None:
    address = postgres.server_address()
    allowed = int(postgres.sql("SHOW max_connections"))
    workers = 64
    with pytest.raises(StoreError, match="raise its max_connections, or lower `connections`"):
        asyncio.run(checked_shares(address, allowed * 40, workers))
    assert asyncio.run(checked_shares(address, 64, 2)) == shares(64, 2)


def test_a_file_needs_no_connections() -> None:
    asyncio.run(checked_shares("guanxi.db", FEWEST_CONNECTIONS, 64))
