"""Lines on a Citus cluster: the cards of a page, and the first page after a start.

``GUANXI_TEST_POSTGRES`` names the coordinator. The store is in a schema that is dropped afterwards.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from secrets import token_hex

from bench.lines import Bench, Line, Sides, Skipped
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.stores.port import EdgeRow
from guanxi.stores.postgresql import PostgreSQLStore, cards, schema
from guanxi.stores.postgresql.connections import PATIENT, connect

_OWNERS, _ACCOUNTS, _FOLLOWED, _PAGE = 300, 6_000, 100, 50
_AT_ONCE, _USUAL = 16, 300


@contextmanager
def _filled() -> Iterator[str]:
    server = os.environ.get("GUANXI_TEST_POSTGRES")
    if not server:
        raise Skipped("no cluster: GUANXI_TEST_POSTGRES names its coordinator")
    name = f"guanxi_bench_{token_hex(4)}"
    address = f"{server}{'&' if '?' in server else '?'}search_path={name}"
    draw = Random(1)

    def rows() -> Iterator[EdgeRow]:
        for owner in range(1, _OWNERS + 1):
            for other in draw.sample(range(_OWNERS + 1, _ACCOUNTS), _FOLLOWED):
                yield EdgeRow(follower=owner, followed=other, time=1_600_000_000 + other)

    async def fill() -> None:
        await schema.init(address, distribute=True)
        store = await PostgreSQLStore.open(address)
        await store.import_edges(rows)
        await store.close()

    async def drop() -> None:
        connection = await connect(address, PATIENT)
        await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        await connection.close()

    try:
        asyncio.run(fill())
        yield address
    finally:
        asyncio.run(drop())


def _cards_rate(address: str, seconds: float, *, by_node: bool) -> float:
    """Return how many pages of cards a second are read, through one node or from each."""

    async def run() -> float:
        store = await PostgreSQLStore.open(address)
        await store.ready()
        draw, count = Random(2), 0

        def through_one(mids: Sequence[int]) -> Awaitable[object]:
            return store.read(cards.tails, mids)

        read: Callable[[Sequence[int]], Awaitable[object]]
        read = store.tails if by_node else through_one
        began = time.perf_counter()

        async def send() -> None:
            nonlocal count
            while time.perf_counter() < began + seconds:
                await read(draw.sample(range(_OWNERS + 1, _ACCOUNTS), _PAGE))
                count += 1

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
        rate = count / (time.perf_counter() - began)
        await store.close()
        return rate

    return asyncio.run(run())


@contextmanager
def _cards(bench: Bench) -> Iterator[Sides]:
    with _filled() as address:
        yield Sides(
            lambda: _cards_rate(address, bench.seconds, by_node=True),
            lambda: _cards_rate(address, bench.seconds, by_node=False),
        )


@contextmanager
def _first(_bench: Bench) -> Iterator[Sides]:
    with _filled() as address:
        taken: list[float] = []

        async def run() -> None:
            store = await PostgreSQLStore.open(address)
            await store.ready()
            for number in range(_USUAL + 1):
                mid, began = 1 + number % _OWNERS, time.perf_counter()
                page = await store.page(Listing.FOLLOWINGS, mid, Sort.NEWEST, Window(0, _PAGE))
                await asyncio.gather(
                    store.attributes(mid, page.rows.mids),
                    store.tails(page.rows.mids),
                )
                taken.append((time.perf_counter() - began) * 1000)
            await store.close()

        def ours() -> float:
            taken.clear()
            asyncio.run(run())
            return taken[0]

        yield Sides(ours, lambda: sorted(taken[1:])[_USUAL * 99 // 100])


LINES = (
    Line(
        name="citus-cards",
        what=f"cards of a page of {_PAGE}, {_AT_ONCE} at once, from each node of a Citus cluster",
        against="through one node",
        unit="pages/s",
        bound=2.0,
        quick=False,
        sides=_cards,
    ),
    Line(
        name="citus-first-page",
        what="the first page after a start, on a Citus cluster",
        against="the p99 of the next ones",
        unit="ms",
        bound=3.0,
        at_most=True,
        rounds=5,
        quick=False,
        sides=_first,
    ),
)
