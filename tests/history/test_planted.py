"""The check finds bugs that are planted in a store, and none in the store without them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from guanxi.contract.limits import Caps
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Modify, Relation
from guanxi.stores.layer import Layer
from guanxi.stores.port import Changes, Slice, Store, StoreUnavailable, Tally
from guanxi.testing import running
from guanxi.text import Text
from tests.counts import count
from tests.history.checked import faults
from tests.history.load import FeedReader, clients
from tests.history.world import prepare
from tests.service.test_workers import until

#: How many operations a history has, at least.
_OPERATIONS = count(short=300, long=600)


class Early(Layer):
    """Answers a write some time before it is done."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        async def later() -> None:
            await asyncio.sleep(0.01)
            await self.store.change(acts, caps)

        self._tasks.add(asyncio.create_task(later()))
        return [0] * len(acts)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        await self.store.close()


class Losing(Layer):
    """Loses one write in twenty, and answers as if it were done."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._draw = Random(1)

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        if self._draw.random() < 0.05:
            return [0] * len(acts)
        return await self.store.change(acts, caps)


class Doubting(Layer):
    """Answers one write in twenty -503, and does it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._draw = Random(1)

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        codes = await self.store.change(acts, caps)
        if self._draw.random() < 0.05:
            raise StoreUnavailable(Text("忙", "busy"))
        return codes


class Stale(Layer):
    """Returns a relation as it was at the read before, as a cache of a worker would."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._seen: dict[tuple[int, int], dict[int, Relation]] = {}

    async def relations(self, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
        key, current = (owner, targets[0]), await self.store.relations(owner, targets)
        last, self._seen[key] = self._seen.get(key, current), current
        return last


class Forgetful(Layer):
    """Returns the counts of the first read, each other time."""

    _odd = False

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._first: dict[int, Tally] = {}

    async def tally(self, mid: int) -> Tally:
        current = await self.store.tally(mid)
        first = self._first.setdefault(mid, current)
        self._odd = not self._odd
        return first if self._odd else current


class Unversioned(Layer):
    """Returns lists of which each other page has the version before."""

    _odd = False

    async def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice:
        found = await self.store.page(listing, owner, sort, window, after)
        self._odd = not self._odd
        return found._replace(version=found.version - self._odd)


class Repeating(Layer):
    """Returns the last change of each page of the feed once more with the next page."""

    _last: Any = None

    async def changes(
        self, after: str | None = None, limit: int = 100, wait: float = 0.0
    ) -> Changes:
        found = await self.store.changes(after, limit, wait)
        items = found.items
        if items and self._last is not None:
            items = [self._last, *items]
        if items:
            self._last = items[-1]
        return replace(found, items=items)


class Skipping(Layer):
    """Leaves out one change in twenty."""

    async def changes(
        self, after: str | None = None, limit: int = 100, wait: float = 0.0
    ) -> Changes:
        found = await self.store.changes(after, limit, wait)
        return replace(found, items=[item for item in found.items if item.number % 20])


def recorded_faults(layer: Callable[[Store], Store]) -> dict[str, list[str]]:
    """Run clients against a service with the layer around its store; return the faults."""
    with running("open", layer=layer) as service:
        sessions = service.do(lambda store: prepare(store, 6))
        start = service.do(lambda store: store.changes_status()).cursor
        reader = FeedReader(service.admin_url, service.admin_token, start)
        reader.start()
        with clients(service.base_url, sessions, seed=7, pause=0.002) as running_clients:
            until(lambda: sum(len(client.ops) for client in running_clients) >= _OPERATIONS)
        reader.stopped.set()
        reader.join(60)
    assert [client.unexpected for client in running_clients] == [[]] * len(sessions)
    assert (reader.refused, reader.errors) == ([], 0)
    ops = [op for client in running_clients for op in client.ops]
    return faults(ops, reader.feed)


def test_a_store_without_a_bug_passes() -> None:
    assert recorded_faults(Layer) == {}


@pytest.mark.parametrize(
    ("layer", "claims"),
    [
        (Early, {"linearizable"}),
        (Losing, {"linearizable", "counts"}),
        (Stale, {"linearizable", "own writes"}),
        pytest.param(Doubting, {"linearizable"}, marks=pytest.mark.long),
        pytest.param(Forgetful, {"counts", "growing counts"}, marks=pytest.mark.long),
        pytest.param(Unversioned, {"versions"}, marks=pytest.mark.long),
        pytest.param(Repeating, {"linearizable", "feed"}, marks=pytest.mark.long),
        pytest.param(Skipping, {"linearizable"}, marks=pytest.mark.long),
    ],
)
def test_a_planted_bug_is_found(layer: Callable[[Store], Store], claims: set[str]) -> None:
    assert claims <= recorded_faults(layer).keys()
