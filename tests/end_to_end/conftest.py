"""The demo's world, served: what the documents' examples presume."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi import Credential, SyncClient
from guanxi.demo.world import HERO, World, make_world
from guanxi.testing import RunningService, SignedIn, running


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(accounts=300, edges=4_000)


@pytest.fixture
def demo(world: World) -> Iterator[RunningService]:
    """A documented service on a fresh copy of the world."""
    with running() as service:
        service.do(
            lambda store: store.import_edges(
                lambda: world.edges, accounts=world.accounts, groups=world.groups
            )
        )
        yield service


@pytest.fixture
def hero(demo: RunningService) -> SignedIn:
    return demo.sign_in(HERO)


@pytest.fixture
def client(demo: RunningService, hero: SignedIn) -> Iterator[SyncClient]:
    credential = Credential(sessdata=hero.sessdata, bili_jct=hero.bili_jct)
    with SyncClient(base_url=demo.base_url, credential=credential) as client:
        yield client
