"""Async tests: the fixture's methods wait for the service, which has a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from guanxi import Client, Credential, RequestIntercepted
from guanxi.testing import RunningService


@pytest_asyncio.fixture
async def client(guanxi_service: RunningService) -> AsyncIterator[Client]:
    guanxi_service.add_accounts(*range(1, 10))
    me = guanxi_service.sign_in(1)
    credential = Credential(me.sessdata, me.bili_jct)
    async with Client(base_url=guanxi_service.base_url, credential=credential) as client:
        yield client


@pytest.mark.asyncio
@pytest.mark.parametrize("fid", [2, 3])
async def test_writes_at_once(guanxi_service: RunningService, client: Client, fid: int) -> None:
    guanxi_service.fault("relation.modify", code=-352, params={"fid": fid})
    follows = (client.relation.follow(mid) for mid in range(2, 10))
    results = await asyncio.gather(*follows, return_exceptions=True)
    assert [type(one) for one in results if one is not None] == [RequestIntercepted]
    guanxi_service.assert_called("relation.modify", times=8)
    assert (await client.relation.stat(1)).following == 7


@pytest.mark.asyncio
async def test_a_slow_response_does_not_hold_the_test(
    guanxi_service: RunningService, client: Client
) -> None:
    guanxi_service.fault("relation.stat", delay=0.2)
    slow = asyncio.create_task(client.relation.stat(1))
    await client.relation.follow(2)
    assert not slow.done()
    assert (await slow).following in (0, 1)
