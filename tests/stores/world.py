"""Helpers that tests of stores use to create and read accounts and lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from guanxi.accounts.account import Card
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import Row, Slice, Store

LIMITS = Limits().caps
ALL = Window(0, 1_000)


async def people(store: Store, *mids: int) -> None:
    """Create accounts, named u<mid>."""
    for mid in mids:
        await accounts.put(store, mid, Card(name=f"u{mid}"))


async def do(store: Store, *acts: Modify | GroupAct) -> list[int]:
    """Apply acts under the documented limits; return their codes."""
    return await store.change(acts, LIMITS)


async def follow(store: Store, owner: int, *targets: int) -> None:
    """Let the owner follow each target, the last one newest."""
    acts = [Modify(owner, target, Act.FOLLOW) for target in targets]
    assert await do(store, *acts) == [0] * len(targets)


async def listed(store: Store, listing: Listing, owner: int, sort: Sort = Sort.NEWEST) -> list[int]:
    """Return the mids of a whole list."""
    return mids((await store.page(listing, owner, sort, ALL)).rows)


def mids(rows: Iterable[Row]) -> list[int]:
    return [row.mid for row in rows]


async def faults(store: Store) -> list[str]:
    """Return the faults that the store's own check finds."""
    return [f"{fault.invariant}: {fault.detail}" async for fault in store.check()]


#: Reads one page of some list: the window, after the position.
Reader = Callable[[Window, Position | None], Awaitable[Slice]]


async def by_pages(read: Reader, size: int) -> list[Row]:
    """Read a list by page number; check that every page but the last is full."""
    rows: list[Row] = []
    while True:
        page = await read(Window(len(rows), size), None)
        rows += page.rows
        if not page.more:
            return rows
        assert len(page.rows) == size


async def by_cursor(
    read: Reader, size: int, between: Callable[[], Awaitable[None]] | None = None
) -> list[Row]:
    """Read a list by keyset pagination, and call ``between`` after each page but the last."""
    rows: list[Row] = []
    after: Position | None = None
    while True:
        page = await read(Window(0, size), after)
        rows += page.rows
        if not page.more:
            return rows
        assert len(page.rows) == size
        last = page.rows[-1]
        after = page.end or Position(last.sort_key, last.mid, last.visits)
        if between is not None:
            await between()
