"""Every endpoint, through the SDK and over HTTP, compared with the world."""

from __future__ import annotations

import pytest

from guanxi import SyncClient
from guanxi.contract.endpoints import BY_NAME
from guanxi.demo.world import World
from guanxi.stores.port import Fault, Store
from guanxi.testing import RunningService
from tests.end_to_end.content_cases import CASES

#: They count a visit, store a QR code's key, or open a session.
READS_THAT_WRITE = {
    *("relation.mutual", "relation.legacy_mutual", "login.qr_generate", "login.qr_poll"),
}


def test_every_endpoint_has_a_case() -> None:
    assert CASES.keys() == BY_NAME.keys()


@pytest.mark.holds(each="name")
@pytest.mark.parametrize("name", BY_NAME)
def test_endpoint(name: str, client: SyncClient, world: World, demo: RunningService) -> None:
    CASES[name](client, world)
    if BY_NAME[name].writes or name in READS_THAT_WRITE:
        assert demo.do(_faults) == []


async def _faults(store: Store) -> list[Fault]:
    return [fault async for fault in store.check()]
