"""Requests to follow: their lists, what ends them, and acts on one request at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import AccountEdit, EditRefusal, State
from guanxi.graph.feed import Model, Record, apply
from guanxi.graph.lists import Position, Window
from guanxi.graph.pair import REQUESTED, Act, Modify, Side
from guanxi.operations import accounts
from guanxi.stores import postgresql, sqlite
from guanxi.stores.copy import copy, differences, finish
from guanxi.stores.port import EdgeRow, Store
from tests import postgres
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


@pytest.mark.parametrize("mid", [1, 2], ids=["receives", "sends"])
async def test_a_deregistration_ends_many_requests_in_parts(
    store: Store, monkeypatch: pytest.MonkeyPatch, mid: int
) -> None:
    """The feed has those of the parts; the last are ended by the deregistration."""
    for module in (sqlite.requests, postgresql.requests):
        monkeypatch.setattr(module, "PART", 2)
    if "postgresql" not in type(store).__module__ or not postgres.has_citus():
        await store.set_changes(True)
    await people(store, *range(1, 9))
    for one in range(1, 9):
        await accounts.set_privacy(store, one, {"approve_followers": True})
    others = [one for one in range(1, 9) if one != mid]
    for other in others:
        pair = (other, mid) if mid == 1 else (mid, other)
        assert await do(store, pair[0], Act.FOLLOW, pair[1]) == [REQUESTED]
    assert await do(store, 1, Act.FOLLOW, 2) == [REQUESTED]
    start = (await store.changes_status()).cursor
    banned = AccountEdit(state=State.DEREGISTERED, by_owner=True)
    await accounts.set_state(store, mid, State.BANNED)
    assert await store.edit_account(mid, banned) is EditRefusal.BANNED
    pending = [(row.owner, row.target) async for row in store.pending_requests()]
    assert len(pending) == 8, "a refused deregistration ends none"
    await accounts.set_state(store, mid, State.DEREGISTERED)
    assert [row async for row in store.pending_requests()] == []
    assert await faults(store) == []
    if start:
        items = (await store.changes(start)).items
        kind = "decline" if mid == 1 else "cancel_request"
        found = [item.kind for item in items if item.actor == mid]
        assert found.count("state") == 2
        assert found[-1] == "state"
        assert kind in found
        model = Model(sides=dict.fromkeys(pending, Side(requests=1)))
        for item in items:
            apply(model, Record(item.kind, item.actor, item.target, item.before, item.after))
        assert model.sides == {}


@pytest.mark.parametrize("leaving", [1, 2], ids=["receives", "sends"])
@pytest.mark.parametrize("first", ["follow", "deregistration"])
async def test_a_follow_that_races_with_a_deregistration_leaves_no_request(
    store: Store,
    open_again: Opener,
    monkeypatch: pytest.MonkeyPatch,
    leaving: int,
    first: str,
) -> None:
    """One of the two stops when it has locked its rows, until the other one waits for it."""
    if "postgresql" not in type(store).__module__:
        pytest.skip("SQLite has one writer")
    other = await open_again()
    await approving(store)
    await people(store, 2)
    reached, go = asyncio.Event(), asyncio.Event()
    module, name = {
        "follow": (postgresql.writer, "write"),
        "deregistration": (postgresql.sessions, "close_sessions"),
    }[first]
    real = getattr(module, name)

    async def paused(*args: object) -> object:
        reached.set()
        await go.wait()
        return await real(*args)

    monkeypatch.setattr(module, name, paused)
    works: dict[str, Coroutine[object, object, object]] = {
        "follow": do(store, 2, Act.FOLLOW, 1),
        "deregistration": accounts.set_state(other, leaving, State.DEREGISTERED),
    }
    tasks = [asyncio.create_task(works.pop(first))]
    await reached.wait()
    tasks += map(asyncio.create_task, works.values())
    await asyncio.sleep(0.2)
    go.set()
    codes = [each for each in await asyncio.gather(*tasks) if each is not None]
    refused = 22013 if leaving == 1 else -101
    assert codes == [[REQUESTED if first == "follow" else refused]]
    assert [row async for row in store.pending_requests()] == []
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
