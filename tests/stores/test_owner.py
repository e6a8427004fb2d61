"""A store serves the process and the event loop that opened it, until it is closed."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from guanxi.accounts.account import AccountEdit
from guanxi.graph.groups import DeleteGroup
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import EdgeRow, Query, Store, StoreError, StoreUnavailable
from guanxi.stores.sqlite import SQLiteStore
from guanxi.world.kinds import BY_NAME
from tests.stores.world import ALL, LIMITS, follow, people

KIND = next(kind for kind in BY_NAME.values() if kind.keys)
QUERY = Query(order=next(iter(KIND.keys)), limit=1)

EDGE = EdgeRow(follower=1, followed=3, time=1)


async def first(rows: AsyncIterator[Any]) -> Any:
    return await anext(rows, None)


async def visit(store: Store) -> None:
    store.visit(1, 2)


CALLS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "change": lambda store: store.change([Modify(1, 3, Act.FOLLOW)], LIMITS),
    "group change": lambda store: store.change([DeleteGroup(1, 5)], LIMITS),
    "page": lambda store: store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, ALL),
    "friends": lambda store: store.page(Listing.FRIENDS, 1, Sort.NEWEST, ALL),
    "tally": lambda store: store.tally(1),
    "attributes": lambda store: store.attributes(1, [2]),
    "groups": lambda store: store.groups(1),
    "visit": visit,
    "edit_account": lambda store: store.edit_account(1, AccountEdit()),
    "take_grant": lambda store: store.take_grant(b""),
    "documents": lambda store: store.documents(KIND, 1, QUERY),
    "delete": lambda store: store.delete(KIND, 1),
    "edges": lambda store: first(store.edges()),
    "accounts": lambda store: first(store.accounts()),
    "owned_groups": lambda store: first(store.owned_groups()),
    "entries": lambda store: first(store.entries()),
    "sessions": lambda store: first(store.sessions()),
    "check": lambda store: first(store.check()),
    "import_edges": lambda store: store.import_edges(lambda: [EDGE]),
    "ready": lambda store: store.ready(),
}


async def error_of(store: Store, call: Callable[[Store], Awaitable[Any]]) -> str:
    """Return the name and text of the ``StoreError`` that a call raises; "" if it succeeds."""
    try:
        await call(store)
    except StoreError as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def errors_of(store: Store) -> dict[str, str]:
    return {name: await error_of(store, call) for name, call in CALLS.items()}


async def test_three_loops_cannot_share_a_store(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    together = threading.Barrier(3)

    async def use() -> list[str]:
        together.wait()
        return [
            await error_of(store, CALLS[name])
            for _ in range(30)
            for name in ("tally", "attributes", "change")
        ]

    with ThreadPoolExecutor(2) as threads:
        others = [threads.submit(asyncio.run, use()) for _ in range(2)]
        assert set(await use()) == {""}
        for other in others:
            assert len(set(other.result())) == 1
            assert "run_coroutine_threadsafe" in other.result()[0]


async def test_every_verb_refuses_another_loop(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    for name, error in (await asyncio.to_thread(asyncio.run, errors_of(store))).items():
        assert error.startswith("StoreError: the store belongs to another event loop"), name
    with pytest.raises(StoreError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, store.close())
    assert (await store.tally(1)).following == 1
    assert set((await errors_of(store)).values()) == {""}


async def test_another_thread_can_call_through_the_stores_loop(store: Store) -> None:
    await people(store, 1, 2, 3)
    loop = asyncio.get_running_loop()

    async def follow_and_count() -> int:
        await follow(store, 1, 2)
        return (await store.tally(1)).following

    def follow_and_read() -> int:
        return asyncio.run_coroutine_threadsafe(follow_and_count(), loop).result(30)

    assert await asyncio.to_thread(follow_and_read) == 1


def test_a_second_loop_of_the_same_thread_is_refused(store: Store) -> None:
    errors = asyncio.run(errors_of(store))
    assert "another event loop" in errors.pop("change")
    errors.pop("visit")  # counts in memory, and needs no loop
    assert all("another event loop" in error for error in errors.values())


async def test_a_forked_process_is_refused(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
        child = os.fork()
    if child == 0:
        try:
            os.write(write, pickle.dumps(asyncio.run(errors_of(store))))
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        errors = pickle.loads(await asyncio.to_thread(pipe.read))
    os.waitpid(child, 0)
    for name, error in errors.items():
        assert error.startswith("StoreError: the store was opened before a fork"), name
    assert set((await errors_of(store)).values()) == {""}


async def test_every_verb_refuses_a_closed_store(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    await store.close()
    for name, error in (await errors_of(store)).items():
        assert error == "StoreUnavailable: the store is closed", name
    await store.close()


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize("name", ["edges", "check", "import_edges"])
async def test_a_moved_file_is_unavailable(name: str, tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    (tmp_path / "s.db").rename(tmp_path / "moved.db")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await CALLS[name](store)
    await store.close()
