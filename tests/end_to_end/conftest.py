"""A service with the demo's world, which the documents' examples assume."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi import Credential, SyncClient
from guanxi.demo.world import HERO, World, make_world
from guanxi.testing import RunningService, SignedIn, running
from tests.end_to_end.content_cases import entries_of
from tests.end_to_end.lists_world import fill


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(accounts=120, edges=900)


@pytest.fixture(scope="session")
def filled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a store with the world in it."""
    path = tmp_path_factory.mktemp("world") / "store.db"
    with running(store=path) as service:
        service.do(
            lambda store: store.import_edges(
                lambda: world.edges, accounts=world.accounts, groups=world.groups
            )
        )
        service.do(lambda store: store.put(entries_of(world)))
    return path


@pytest.fixture
def demo(filled: Path, tmp_path: Path) -> Iterator[RunningService]:
    """Yield a service with the documented profile on a new copy of the world."""
    with running(store=Path(shutil.copy(filled, tmp_path))) as service:
        yield service


@pytest.fixture
def hero(demo: RunningService) -> SignedIn:
    return demo.sign_in(HERO)


@pytest.fixture
def client(demo: RunningService, hero: SignedIn) -> Iterator[SyncClient]:
    credential = Credential(sessdata=hero.sessdata, bili_jct=hero.bili_jct)
    with SyncClient(base_url=demo.base_url, credential=credential) as client:
        yield client


@pytest.fixture(scope="session", params=["documented", "open"])
def listed(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    """Yield a service of each profile with the lists of ``lists_world``."""
    with running(request.param) as service:
        fill(service)
        yield service
