"""An import into a PostgreSQL store that others use: in slices, between which they write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import BadLine, EdgeRow, Imported, Store
from guanxi.stores.postgresql import slices
from tests import postgres
from tests.stores.world import faults, follow, people

pytestmark = pytest.mark.usefixtures("runner")

_IMPORTED, _PAIRS = range(1, 41), 200


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "WHOLE", 100)
    monkeypatch.setattr(slices, "_LEAST", 10)
    monkeypatch.setattr(slices, "_FIRST", 10)
    monkeypatch.setattr(slices, "_LARGEST", 10)


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.schema() as made:
        yield made


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    store = await open_store(address, create=True)
    try:
        await people(store, *_IMPORTED, *range(100, 200))
        await follow(store, 100, 101)
        yield store
    finally:
        await store.close()


def rows() -> list[EdgeRow]:
    pairs = [(one, other) for one in _IMPORTED for other in _IMPORTED if one != other][:_PAIRS]
    return [EdgeRow(kind="follow", follower=one, followed=other, time=9) for one, other in pairs]


async def test_others_write_while_an_import_goes_on(address: str) -> None:
    async with opened(address) as store:
        running = asyncio.create_task(store.import_edges(rows))
        written, between = 0, 0
        while not running.done():
            await follow(store, 101 + written % 49, 150 + written // 49)
            written += 1
            between += 0 < (await store.tally(40)).follower < 5  # five of the imported follow it
        assert await running == Imported(new=_PAIRS)
        assert between >= 2
        assert (await store.tally(40)).follower == 5
        assert await faults(store) == []


async def test_an_import_that_is_stopped_leaves_whole_slices(address: str) -> None:
    async with opened(address) as store:
        running = asyncio.create_task(store.import_edges(rows))
        while not (await store.tally(1)).following:
            await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await faults(store) == []
        found = [edge async for edge in store.edges() if edge.follower < 100]
        assert found
        assert await store.import_edges(rows) == Imported(
            new=_PAIRS - len(found), unchanged=len(found)
        )
        assert await faults(store) == []


async def test_an_edge_that_is_refused_is_found_before_the_first_slice(address: str) -> None:
    async with opened(address) as store:
        last = EdgeRow(kind="block", follower=101, followed=100, time=9)
        with pytest.raises(BadLine) as caught:
            await store.import_edges(lambda: [*rows(), last])
        assert caught.value.line == _PAIRS + 1
        unknown = EdgeRow(kind="follow", follower=999, followed=1, time=9)
        with pytest.raises(BadLine):
            await store.import_edges(lambda: [*rows(), unknown], strict=True)
        assert (await store.tally(1)).following == 0


async def test_unknown_accounts_are_created_with_the_slice_that_names_them(address: str) -> None:
    async with opened(address) as store:
        new = range(1_000, 1_050)
        edges = [EdgeRow(kind="follow", follower=mid, followed=1, time=9) for mid in new]
        assert (await store.import_edges(lambda: [*rows(), *edges])).new == _PAIRS + len(new)
        assert (await store.cards([*new])).keys() == {*new}
        assert await faults(store) == []
