"""Requests to follow: their lists, what ends them, and acts on one request at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import State
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import REQUESTED, Act, Modify
from guanxi.operations import accounts
from guanxi.stores.copy import copy, differences, finish
from guanxi.stores.port import EdgeRow, Store
from tests.stores.engines import ENGINES, Clock, Opener
from tests.stores.world import ALL, LIMITS, faults, mids, people

CAPS = replace(LIMITS, requests=True)


async def do(store: Store, owner: int, act: Act, *targets: int) -> list[int]:
    return await store.change([Modify(owner, target, act) for target in targets], CAPS)


async def approving(store: Store, *others: int) -> None:
    """Create 1, which approves its followers, and others, each with a request to follow it."""
    await people(store, 1, *others)
    await accounts.set_privacy(store, 1, {"approve_followers": True})
    for other in others:
        assert await do(store, other, Act.FOLLOW, 1) == [REQUESTED]


async def received(store: Store) -> list[int]:
    return mids((await store.requests(1, ALL)).rows)


async def test_requests_are_paged_the_newest_first(store: Store) -> None:
    await approving(store, 2, 3, 4)
    whole = await store.requests(1, ALL)
    assert sorted(mids(whole.rows)) == [2, 3, 4]
    assert (whole.more, whole.total) == (False, None)
    first = await store.requests(1, Window(0, 2))
    assert first.more
    last = first.rows[-1]
    rest = await store.requests(1, Window(0, 2), Position(last.sort_key, last.mid))
    assert [*first.rows, *rest.rows] == [*whole.rows]
    assert not rest.more
    assert mids((await store.sent_requests(2, ALL)).rows) == [1]
    assert mids((await store.requests(1, Window(0, 0))).rows) == []


async def test_a_store_without_requests_refuses_such_a_follow(store: Store) -> None:
    await approving(store)
    await people(store, 2)
    assert await store.change([Modify(2, 1, Act.FOLLOW)], LIMITS) == [22002]
    assert await received(store) == []


async def test_requests_outlast_the_switch_and_a_ban(store: Store) -> None:
    await approving(store, 2, 3)
    await accounts.set_privacy(store, 1, {"approve_followers": False})
    await accounts.set_state(store, 3, State.BANNED)
    assert sorted(await received(store)) == [2, 3]
    assert await do(store, 3, Act.CANCEL_REQUEST, 1) == [-102]
    assert await do(store, 2, Act.FOLLOW, 1) == [0]
    assert await received(store) == [3]


@pytest.mark.parametrize("mid", [1, 2])
async def test_deregistration_ends_requests(store: Store, mid: int) -> None:
    await approving(store, 2, 3)
    await accounts.set_state(store, mid, State.DEREGISTERED)
    assert await received(store) == ([] if mid == 1 else [3])
    assert mids((await store.sent_requests(2, ALL)).rows) == []
    assert await faults(store) == []


@pytest.mark.parametrize("stored", [False, True], ids=["empty", "filled"])
async def test_imported_follows_and_blocks_end_requests(store: Store, stored: bool) -> None:
    await approving(store, 2, 3, 4, 5)
    if stored:  # imports write into a store with edges in another way
        await people(store, 8, 9)
        assert await do(store, 8, Act.FOLLOW, 9) == [0]
    rows = [
        EdgeRow(follower=1, followed=4, time=5, kind="block"),
        EdgeRow(follower=2, followed=1, time=5),
        EdgeRow(follower=3, followed=1, time=5, kind="block"),
        EdgeRow(follower=5, followed=1, time=5, kind="whisper"),
    ]
    await store.import_edges(lambda: rows)
    assert await received(store) == [5]
    assert await faults(store) == []


@pytest.mark.parametrize("act", [Act.APPROVE, Act.DECLINE, Act.BLOCK])
async def test_acts_on_one_request_at_once_leave_a_valid_pair(
    store: Store, open_again: Opener, act: Act
) -> None:
    other = await open_again()
    await approving(store, *range(2, 22))
    for target in range(2, 22):
        mine, theirs = await asyncio.gather(
            do(store, 1, Act.APPROVE, target), do(other, 1, act, target)
        )
        result = [*mine, *theirs, (await store.attributes(target, [1])).get(1, 0)]
        possible = {
            Act.APPROVE: ([0, 0, 2],),
            Act.DECLINE: ([0, 0, 2], [-404, 0, 0]),
            Act.BLOCK: ([0, 0, 0], [22003, 0, 0]),
        }
        assert result in possible[act]
    assert await received(store) == []
    assert await faults(store) == []


async def test_a_copy_has_the_requests(store: Store, tmp_path: Path) -> None:
    await people(store, 1, 2, 3, 4)
    for mid in (2, 3):
        await accounts.set_privacy(store, mid, {"approve_followers": True})
    acts = [Modify(1, 2, Act.FOLLOW), Modify(1, 3, Act.FOLLOW), Modify(4, 2, Act.FOLLOW)]
    acts += [Modify(2, 1, Act.FOLLOW), Modify(1, 4, Act.FOLLOW)]
    assert await store.change(acts, CAPS) == [REQUESTED, REQUESTED, REQUESTED, 0, 0]

    def progress(_part: str, _rows: int) -> None:
        pass

    for name in ENGINES:
        (tmp_path / name).mkdir()
        engine = ENGINES[name](tmp_path / name)
        target = await engine.open(Clock())
        try:
            await copy(store, target, progress, 0)
            await target.put_requests([row async for row in store.pending_requests()])  # again
            await finish(target)
            assert [found async for found in differences(store, target, progress, 0)] == []
            assert await listed_requests(target, 2) == await listed_requests(store, 2) == [4, 1]
            assert await faults(target) == []
            assert await target.change([Modify(2, 1, Act.APPROVE)], CAPS) == [0]
            assert await faults(target) == []
            changed = [found async for found in differences(store, target, progress, 0)]
            assert {found.part for found in changed} == {"relations", "requests"}
        finally:
            await target.close()
            engine.drop()


async def listed_requests(store: Store, mid: int) -> list[int]:
    return mids((await store.requests(mid, ALL)).rows)
