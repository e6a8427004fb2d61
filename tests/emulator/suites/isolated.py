"""Tests that pass in any order and in any process: each gets the service as new."""

from __future__ import annotations

import random
import unittest

import pytest

from guanxi import Credential, RequestIntercepted, SyncClient
from guanxi.testing import RunningService, running

#: The addresses of the services that this process has used.
addresses: set[str] = set()


@pytest.mark.parametrize("number", range(12))
def test_a_world_of_its_own(guanxi_service: RunningService, number: int) -> None:
    addresses.add(guanxi_service.base_url)
    assert len(addresses) == 1, "one server for the tests of a process"
    assert guanxi_service.requests == []
    assert guanxi_service.do(lambda store: store.account(1)) is None
    mids = random.sample(range(1, 1_000), 5)
    guanxi_service.add_accounts(1, *mids)
    me = guanxi_service.sign_in(1)
    credential = Credential(me.sessdata, me.bili_jct)
    with SyncClient(base_url=guanxi_service.base_url, credential=credential) as client:
        for mid in mids:
            if mid != 1:
                client.relation.follow(mid)
        guanxi_service.fault(":writes", code=-352)
        with pytest.raises(RequestIntercepted):
            client.relation.unfollow(mids[0])
    guanxi_service.assert_called("relation.modify", code=-352, times=1)
    guanxi_service.at(number)


class TestWithUnittest(unittest.TestCase):
    """unittest's classes, under pytest or alone: one server for a class, renewed for each test."""

    service: RunningService

    @classmethod
    def setUpClass(cls) -> None:
        cls.service = cls.enterClassContext(running())

    def setUp(self) -> None:
        self.service.renew()

    def _add(self) -> None:
        assert self.service.do(lambda store: store.account(1)) is None
        self.service.add_accounts(1)
        assert self.service.do(lambda store: store.account(1)) is not None

    def test_one(self) -> None:
        self._add()

    def test_another(self) -> None:
        self._add()
