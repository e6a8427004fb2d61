"""Erasing an account: nothing of or about it is left, and others are as if it had never been."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from guanxi.accounts.account import AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.graph.feed import Model, Record, apply
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import EMPTY_SIDE, Act, Edge, Modify, sort_key_at
from guanxi.operations import accounts, erasing, marks
from guanxi.operations.accounts import AccountError
from guanxi.stores import open_store
from guanxi.stores.copy import copy, differences, finish
from guanxi.stores.erasing import Stage
from guanxi.stores.port import BadLine, CallerRefused, EdgeRow, Erasure, Store, StoreError
from guanxi.stores.postgresql import PostgreSQLStore
from guanxi.stores.postgresql.connections import PATIENT, connect
from guanxi.stores.postgresql.pairs import lock, modify
from guanxi.stores.postgresql.rows import write
from guanxi.stores.sqlite import SQLiteStore
from guanxi.world.keys import KEY, key_id
from guanxi.world.marks import MUTE, Mark
from guanxi.world.mine import LATER, Later
from tests.counts import LONG, count
from tests.stores.engines import ENGINES, Clock, Engine, Opener
from tests.stores.erasure_world import (
    MIDS,
    NOW,
    assert_counted,
    name_of,
    random_world,
    rows_naming,
    seen,
    versions,
)
from tests.stores.processes import eraser, others
from tests.stores.world import LIMITS, do, faults, follow, people

pytestmark = pytest.mark.usefixtures("runner")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each call do one part, and each part change two rows."""
    for module in ("sqlite.erasing", "postgresql.store"):
        monkeypatch.setattr(f"guanxi.stores.{module}.CALL_SECONDS", 0.0)
    for name in ("_LEAST", "_FIRST", "_LARGEST"):
        monkeypatch.setattr(f"guanxi.stores.sqlite.erasing.{name}", 2)
    for name, rows in {"PAIRS": 2, "DOCUMENTS": 2, "LOOKS": 20}.items():
        monkeypatch.setattr(f"guanxi.stores.postgresql.erasing.{name}", rows)


@pytest.mark.parametrize("seed", range(count(1, 20)))
@pytest.mark.usefixtures("small_parts")
async def test_nothing_names_an_erased_account(seed: int, engine: Engine, store: Store) -> None:
    draw = Random(seed)
    await random_world(store, draw)
    gone, follows = draw.sample(MIDS, 2), list[Edge | None]()
    for at, mid in enumerate(gone):
        rest = [each for each in MIDS if each not in gone[: at + 1]]
        assert len(await rows_naming(engine.address, mid)) > 20
        expected = await seen(store, without=mid)
        before = {each: await store.tally(each) for each in rest}
        related = {
            each: (pair.mine, pair.theirs)
            for each in rest
            for pair in [await store.pair(each, mid)]
        }
        stages = []
        while not (done := await erasing.begin(store, mid)).finished:
            stages.append(done.stage)
            if LONG or len(stages) % 4 == 1 or stages[-2:].count(done.stage) == 1:
                assert await faults(store) == []
            account = await store.account(mid)
            assert account is None or account.state is State.DEREGISTERED
        assert [stage.value for stage in Stage if stage.value in stages] == [*dict.fromkeys(stages)]
        assert await faults(store) == []
        assert await rows_naming(engine.address, mid) == []
        assert await seen(store) == expected
        await assert_counted(store, rest)
        for each in rest:
            mine, theirs = related[each]
            old, new = versions(before[each]), versions(await store.tally(each))
            expect = (
                mine.follows is not None,
                theirs.follows is not None,
                mine.follows is not None,
                theirs.follows is not None,
                mine.whispers is not None or mine.blocks is not None,
            )
            assert tuple(b > a for a, b in zip(old, new, strict=True)) == expect
        assert done.counts["account"] == 1
        follows += [mine.follows or theirs.follows for mine, theirs in related.values()]
        assert await store.erasure(mid) == done
        assert await erasing.begin(store, mid) == done
    assert any(follows)  # of one of the two at least


async def test_what_was_deleted_is_counted(store: Store) -> None:
    mid, friend, fan, idol, enemy = range(11, 16)
    await people(store, mid, friend, fan, idol, enemy)
    await follow(store, mid, friend, idol)
    await follow(store, friend, mid)
    await follow(store, fan, mid)
    await do(store, CreateGroup(mid, "g", 7), CreateGroup(fan, "g", 7))
    await do(store, Modify(enemy, mid, Act.BLOCK))
    await accounts.put(store, mid, key="mine")
    await store.put([MUTE.entry(fan, Mark(mid, 1)), LATER.entry(mid, Later(5, 1))])
    erased = await erasing.erase(store, mid)
    assert erased.counts == {
        "followings": 2,
        "followers": 2,
        "blocked_it": 1,
        "groups": 1,
        "documents": 2,  # its key is one
        "marks": 1,
        "account": 1,
    }
    assert (await store.erasures(), await store.erasures(under_way=True)) == ([erased], [])
    assert await store.erasures(after=mid) == []


async def test_an_unknown_account_cannot_be_erased(store: Store) -> None:
    assert await store.erase(5) is None
    assert await store.erasure(5) is None
    with pytest.raises(AccountError) as refused:
        await erasing.erase(store, 5)
    assert refused.value.refusal is EditRefusal.UNKNOWN


@pytest.mark.parametrize("state", [State.BANNED, State.DEREGISTERED])
async def test_an_account_in_any_state_is_erased(state: State, store: Store) -> None:
    await people(store, 1, 2)
    await follow(store, 1, 2)
    await accounts.set_state(store, 1, state)
    assert (await erasing.erase(store, 1)).counts == {"followings": 1, "account": 1}
    assert (await store.tally(2)).follower == 0


@pytest.mark.usefixtures("small_parts")
async def test_nothing_brings_an_erased_account_back(store: Store) -> None:
    """Neither while it is under way nor once it is done."""
    mid, other = 11, 12
    await people(store, mid, other)
    await follow(store, other, mid)
    await store.set_changes(True)
    edge = EdgeRow(follower=other, followed=mid, time=1)
    new = Card(name="x"), Privacy(), State.NORMAL
    first = done = await erasing.begin(store, mid)
    for _ in range(2):
        for edit in (
            AccountEdit(new=Card(name="again")),
            AccountEdit(privacy={"hide_followers": True}),
            AccountEdit(state=State.NORMAL),
            AccountEdit(key="again"),
        ):
            assert await store.edit_account(mid, edit) is EditRefusal.ERASED
        with pytest.raises(BadLine):
            await store.import_edges(lambda: [edge])
        with pytest.raises(StoreError):
            await store.import_edges(list, accounts={mid: new})
        await store.put([LATER.entry(mid, Later(5, 1)), MUTE.entry(other, Mark(mid, 1))])
        with pytest.raises(CallerRefused):
            await store.put([LATER.entry(mid, Later(5, 1))], by=mid)
        await store.put_grant(b"g", mid, 2**40)
        assert await do(store, Modify(other, mid, Act.BLOCK)) != [0]
        assert await marks.mute(store, other, mid, None, 1) != 0
        done = await erasing.erase(store, mid)
    assert not first.finished
    assert done.finished
    assert await store.find(KEY, [key_id("again")]) == {}
    assert await store.get(LATER, mid, 5) is None
    assert await store.take_grant(b"g") is None
    assert {item.kind for item in (await store.changes()).items} <= {"blank", "erase"}
    assert await faults(store) == []


async def test_a_name_and_a_key_are_free_again(store: Store) -> None:
    await people(store, 1)
    await accounts.put(store, 1, Card(name="Zoë"), key="k")
    await erasing.erase(store, 1)
    await accounts.put(store, 2, Card(name="Zoë"), key="k")
    assert await store.mids(["Zoë"]) == {"Zoë": 2}


@pytest.mark.usefixtures("small_parts")
async def test_the_feed_replays_to_the_graph_without_the_account(store: Store) -> None:
    """For a reader that saw all, one in the middle of it, and one that starts when it is done."""
    draw = Random(5)
    await random_world(store, draw)
    mid = MIDS[2]
    cursors: list[str | None] = [None]
    models = [Model()]

    async def read() -> None:
        for at, model in enumerate(models):
            while (found := await store.changes(cursors[at], 100)).items:
                cursors[at] = found.cursor
                for item in found.items:
                    if item.kind != "import":
                        apply(
                            model,
                            Record(item.kind, item.actor, item.target, item.before, item.after),
                        )

    number = len((await store.changes(limit=1_000)).items)
    await read()
    while not (await erasing.begin(store, mid)).finished:
        if draw.random() < 0.3:
            await read()
        models.append(Model())
        cursors.append((await store.changes(limit=draw.randint(1, number))).cursor)
    cursors.append(None)
    models.append(Model())
    await read()
    for model in (models[0], models[-1]):
        assert not [key for key in model.sides if mid in key]
        assert mid not in model.accounts
        assert mid not in model.groups
    stored = {mid for mid in MIDS if await store.account(mid)}
    assert {mid for mid, fields in models[-1].accounts.items() if fields} == stored
    items = (await store.changes(limit=1_000)).items
    assert [item.kind for item in items].count("erase") == 1
    assert items[-1].kind == "erase"
    assert items[-1].actor == mid
    for (owner, other), side in models[0].sides.items():
        # An import is not in the feed in detail: whispers and contracts came by one.
        pair = await store.pair(owner, other)
        if side.follows is not None and pair.mine.follows is not None:
            assert pair.mine.follows.groups >= side.follows.groups
        assert side != EMPTY_SIDE


#: How many erasers are killed.
KILLS = count(3, 20)


@pytest.mark.long
@pytest.mark.parametrize("name", ENGINES)
async def test_an_erasure_is_continued_after_kills(name: str, tmp_path: Path) -> None:
    engine = ENGINES[name](tmp_path)
    store = await engine.open(Clock())
    await random_world(store, Random(3))
    mid, fans = MIDS[0], range(1, count(800, 2_000))
    rows = [EdgeRow(follower=fan, followed=mid, time=NOW - 5, groups=("f",)) for fan in fans]
    rows += [EdgeRow(follower=mid, followed=fan, time=NOW - 4) for fan in fans if fan % 3 == 0]
    await store.import_edges(lambda: rows)
    expected = await seen(store, without=mid)
    draw, killed, longest = Random(4), 0, 0.1
    while killed < KILLS:
        with others((eraser, engine.address, mid)) as (process,):
            assert process.receive() == "ready"
            started = time.monotonic()
            while time.monotonic() - started < draw.uniform(0, longest):
                await asyncio.sleep(0.001)
            process.kill()
            stages = process.received()
        killed += 1
        assert await faults(store) == []
        if "finished" in stages:
            break
    done = await erasing.erase(store, mid)
    assert done.counts["followers"] >= len(fans)
    assert done.counts["followings"] >= len(fans) // 3
    assert await faults(store) == []
    assert await rows_naming(engine.address, mid) == []
    assert await seen(store) == expected
    await assert_counted(store, MIDS[1:])
    for fan in (1, 3, 700):
        tally = await store.tally(fan)
        assert (tally.following, tally.follower) == (0, 0)
    await store.close()
    engine.drop()


@pytest.mark.usefixtures("small_parts")
async def test_follows_that_race_with_an_erasure_leave_nothing(
    engine: Engine, open_again: Opener
) -> None:
    mid, fans = 7_000_000_000_001, range(1, count(12, 40))
    one, two = await open_again(), await open_again()
    await people(one, mid, *fans)
    await one.set_changes(True)
    codes: list[int] = []

    async def act(store: Store, draw: Random) -> None:
        for _ in range(count(15, 40)):
            fan = draw.choice(fans)
            kind = draw.choice([Act.FOLLOW, Act.FOLLOW, Act.BLOCK, Act.UNFOLLOW, Act.UNBLOCK])
            codes.extend(await do(store, Modify(fan, mid, kind), Modify(mid, fan, Act.FOLLOW)))
            await marks.mute(store, fan, mid, None, 1)

    async def erase(store: Store) -> Erasure:
        await asyncio.sleep(0.02)
        return await erasing.erase(store, mid)

    first, second, *_ = await asyncio.gather(
        erase(one),
        erase(two),  # two processes may do the same
        *(act(store, Random(at)) for at, store in enumerate((one, one, two, two))),
    )
    assert first == second
    assert 0 in codes
    assert await faults(one) == []
    assert await rows_naming(engine.address, mid) == []
    assert {(await one.tally(fan)).following for fan in fans} == {0}
    assert {(await one.tally(fan)).black for fan in fans} == {0}


async def test_the_file_has_neither_name_nor_mid_after_vacuum(tmp_path: Path) -> None:
    """But for the record of the erasure and the change, until those are deleted too."""
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await random_world(store, Random(1))
    mid = MIDS[1]
    traces = [name_of(mid).encode(), str(mid).encode(), mid.to_bytes(6, "big")]
    await store.close()
    assert [trace for trace in traces if trace in _bytes(path)] == traces
    store = await SQLiteStore.open(path)
    await erasing.erase(store, mid)
    await store.close()
    db = apsw.Connection(str(path))
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert [trace for trace in traces if trace in _bytes(path)] == traces[2:]
    db.execute("DELETE FROM erasure")
    db.execute("DELETE FROM change WHERE kind = 'erase'")
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    assert [trace for trace in traces if trace in _bytes(path)] == []


def _bytes(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("s.db*")))


async def test_others_write_between_the_parts(tmp_path: Path, monkeypatch: Any) -> None:
    """SQLite: each part is one transaction, and the lock is free between two of them."""
    store = await SQLiteStore.open(tmp_path / "s.db", create=True)
    fans = range(10, 400)
    await people(store, 1, 2)
    rows = [EdgeRow(follower=fan, followed=1, time=1) for fan in fans]
    await store.import_edges(lambda: rows)
    for name in ("_LEAST", "_FIRST", "_LARGEST"):
        monkeypatch.setattr(f"guanxi.stores.sqlite.erasing.{name}", 10)
    left: list[int] = []

    async def others_write() -> None:  # from before the erasure begins, until it has ended
        while not left or left[-1]:
            assert await do(store, Modify(2, 10, Act.FOLLOW)) in ([0], [22014])
            await do(store, Modify(2, 10, Act.UNFOLLOW))
            left.append((await store.tally(1)).follower)

    await asyncio.gather(others_write(), erasing.erase(store, 1))
    assert any(0 < followers < len(fans) for followers in left)
    assert await faults(store) == []
    await store.close()


async def test_the_erasures_of_a_store_are_continued_by_whoever_opens_it(
    tmp_path: Path, small_parts: None
) -> None:
    path = tmp_path / "s.db"
    store = await SQLiteStore.open(path, create=True)
    await people(store, 1, 2, 3)
    for mid in (1, 2):
        assert not (await erasing.begin(store, mid)).finished
    await store.close()
    again = await open_store(str(path))
    assert await erasing.erase_all(again) == 2
    assert [each.mid for each in await again.erasures()] == [1, 2]
    assert await erasing.erase_all(again) == 0
    await again.close()


@pytest.mark.usefixtures("small_parts")
async def test_a_copy_has_the_erasures_and_continues_one(store: Store, tmp_path: Path) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 2, 1, 3)
    await follow(store, 3, 2)
    await store.set_changes(True)
    done = await erasing.erase(store, 1)
    begun = await erasing.begin(store, 2)
    target = await SQLiteStore.open(tmp_path / "copy.db", create=True, clock=Clock())
    for _ in range(2):  # it may be repeated
        await copy(store, target, lambda *_: None, NOW)
    assert [each async for each in differences(store, target, lambda *_: None, NOW)] == []
    await finish(target)
    assert await target.erasures() == [done, begun]
    assert await target.edit_account(1, AccountEdit(new=Card())) is EditRefusal.ERASED
    assert (await erasing.erase(target, 2)).counts == {
        **begun.counts,
        "followings": 1,
        "followers": 1,
        "account": 1,
    }
    assert await target.account(2) is None
    assert await faults(target) == []
    await target.close()


async def test_an_erasure_waits_for_a_follow_that_began_before(address: str) -> None:
    """PostgreSQL: it read the state of the account, and is not committed yet."""
    store = await PostgreSQLStore.open(address, create=True, clock=Clock())
    await people(store, 1, 2)
    act, now = Modify(2, 1, Act.FOLLOW), sort_key_at(time.time_ns())
    db = await connect(address, PATIENT)
    transaction = db.transaction()
    await transaction.start()
    try:
        locked = await lock(db, [act], (), now)
        assert modify(locked, act, LIMITS) == 0
        erasure = asyncio.create_task(erasing.erase(store, 1))
        async with asyncio.timeout(10):
            while await store.erasure(1) is None:
                await asyncio.sleep(0.05)
        await asyncio.wait([erasure], timeout=0.5)
        begun = await store.erasure(1)
        assert begun is not None
        assert begun.stage == "waiting"
        await write(db, locked, 0)
        await transaction.commit()
        assert (await erasure).counts == {"followers": 1, "account": 1}
        assert (await store.tally(2)).following == 0
        assert await faults(store) == []
    finally:
        await db.close()
        await store.close()
