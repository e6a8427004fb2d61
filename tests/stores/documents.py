"""Helpers that tests of documents use to create and read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from guanxi.contract import structs as s
from guanxi.stores.port import Fault, Query, Store
from guanxi.stores.sqlite import SQLiteStore
from guanxi.world.kind import Kind
from guanxi.world.mine import FINISHED, Later
from tests.stores.engines import Engine

T = TypeVar("T")

#: The highest number that a store accepts.
MOST = 2**63 - 1
START = 1_700_000_000


class Clock:
    """A clock that a test sets in seconds; it returns nanoseconds."""

    seconds = START

    def __call__(self) -> int:
        return self.seconds * 10**9


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    async with closed_after(await SQLiteStore.open(path, create=True, clock=Clock())) as store:
        yield store


@asynccontextmanager
async def closed_after(store: Store) -> AsyncIterator[Store]:
    try:
        yield store
    finally:
        await store.close()


def on_a_store(test: Callable[[Store], Awaitable[None]]) -> Callable[[Engine], None]:
    """Run a test with an empty store of an engine, then check that the store has no faults."""

    async def run(engine: Engine) -> None:
        async with closed_after(await engine.open(Clock())) as store:
            await test(store)
            assert await faults(store) == []

    def test_with_engine(engine: Engine) -> None:
        asyncio.run(run(engine))

    return test_with_engine


async def faults(store: Store) -> list[Fault]:
    return [fault async for fault in store.check()]


def video(aid: int, *, at: int = 0, view: int = 0, tid: int = 0, title: str = "") -> s.Video:
    return s.Video(aid=aid, pubdate=at, tid=tid, title=title, stat=s.VideoStat(view=view))


def later(aid: int, added: int = 0, *, finished: bool = False) -> Later:
    return Later(aid=aid, added=added, progress=FINISHED if finished else 0)


async def put(store: Store, kind: Kind[T], owner: int, *documents: T) -> None:
    await store.put([kind.entry(owner, document) for document in documents])


async def ids(store: Store, kind: Kind[T], owner: int, query: Query) -> list[int]:
    return [kind.id(document) for document in (await store.documents(kind, owner, query)).items]
