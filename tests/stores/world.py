"""What tests of stores make and read again and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from guanxi.accounts.account import Card
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import Row, Slice, Store

LIMITS = Limits()
ALL = Window(0, 1_000)


async def people(store: Store, *mids: int) -> None:
    """Accounts, named u<mid>."""
    for mid in mids:
        await store.put_account(mid, Card(name=f"u{mid}"))


async def do(store: Store, *acts: Modify | GroupAct) -> list[int]:
    """The codes of acts, under the documents' limits."""
    return await store.change(acts, LIMITS)


async def follow(store: Store, owner: int, *targets: int) -> None:
    """The owner follows each, the last one newest."""
    acts = [Modify(owner, target, Act.FOLLOW) for target in targets]
    assert await do(store, *acts) == [0] * len(targets)


async def listed(store: Store, listing: Listing, owner: int, sort: Sort = Sort.NEWEST) -> list[int]:
    """A whole list's mids."""
    return mids((await store.page(listing, owner, sort, ALL)).rows)


def mids(rows: Iterable[Row]) -> list[int]:
    return [row.mid for row in rows]


async def faults(store: Store) -> list[str]:
    """What the store's own check finds."""
    return [f"{fault.invariant}: {fault.detail}" async for fault in store.check()]


#: Reads a run of some list: by window, behind a position.
Reader = Callable[[Window, Position | None], Awaitable[Slice]]


async def by_pages(read: Reader, size: int) -> list[Row]:
    """A list read page by page; every page but the last is full."""
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
    """A list walked by positions, with something done between the pages."""
    rows: list[Row] = []
    after: Position | None = None
    while True:
        page = await read(Window(0, size), after)
        rows += page.rows
        if not page.more:
            return rows
        assert len(page.rows) == size
        last = page.rows[-1]
        after = Position(last.sort_key, last.mid, last.visits)
        if between is not None:
            await between()
