"""The feed of changes, on every engine."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import partial

import pytest

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract.params import LATEST
from guanxi.graph.feed import Model, Record, Unreplayable, apply
from guanxi.graph.groups import CreateGroup, DeleteGroup, Regroup, RegroupMode, RenameGroup
from guanxi.graph.pair import SPECIAL, Act, Modify, Side
from guanxi.operations import accounts, marks
from guanxi.stores import open_store
from guanxi.stores.feed import Switch, cursor_at, cursor_of
from guanxi.stores.port import (
    ChangesOff,
    CursorInvalid,
    CursorOfAnotherStore,
    CursorTooOld,
    EdgeRow,
    FeedItem,
    Store,
)
from guanxi.world.marks import MUTE
from tests import postgres
from tests.stores.engines import Clock, Engine, Opener
from tests.stores.world import do, faults, follow, people

pytestmark = pytest.mark.usefixtures("runner")


async def read_all(store: Store, after: str | None = None, limit: int = 100) -> list[FeedItem]:
    """Return all changes after a cursor, read page by page."""
    items: list[FeedItem] = []
    while True:
        found = await store.changes(after, limit, wait=1.0 if not items else 0.0)
        if not found.items:
            assert after is None or found.cursor == after
            return items
        items += found.items
        after = found.cursor
        assert after == items[-1].cursor


async def end(store: Store) -> str:
    return (await store.changes_status()).cursor


def kinds(items: Sequence[FeedItem]) -> list[tuple[str, int, int]]:
    return [(item.kind, item.actor, item.target) for item in items]


def replayed(items: Sequence[FeedItem]) -> Model:
    model = Model()
    for item in items:
        apply(model, Record(item.kind, item.actor, item.target, item.before, item.after))
    return model


async def sides(store: Store) -> dict[tuple[int, int], Side]:
    """Return what every account has towards another one, as the store has it."""
    found = {}
    async for edge in store.edges():
        pair = await store.pair(edge.follower, edge.followed)
        found[edge.follower, edge.followed] = pair.mine
    return found


async def test_each_act_is_one_change(store: Store) -> None:
    assert await store.set_changes(True)
    await people(store, 1, 2, 3)
    start = await end(store)
    await follow(store, 1, 2)
    await follow(store, 2, 1)
    assert await do(store, CreateGroup(1, "a", 7), RenameGroup(1, 7, "b")) == [0, 0]
    assert await do(store, Regroup(1, RegroupMode.SET, (2,), (7,))) == [0]
    assert await do(store, Regroup(1, RegroupMode.COPY, (2,), (SPECIAL,))) == [0]
    assert await do(store, DeleteGroup(1, 7)) == [0]
    assert await do(store, Modify(1, 2, Act.BLOCK), Modify(1, 2, Act.UNBLOCK)) == [0, 0]
    await follow(store, 3, 1)
    assert await do(store, Modify(1, 3, Act.REMOVE_FOLLOWER)) == [0]
    await follow(store, 3, 1)
    assert await do(store, Modify(3, 1, Act.UNFOLLOW)) == [0]
    items = await read_all(store, start, limit=2)
    assert kinds(items) == [
        ("follow", 1, 2),
        ("follow", 2, 1),
        ("group_create", 1, 0),
        ("group_rename", 1, 0),
        ("regroup", 1, 2),
        ("special", 1, 2),
        ("group_delete", 1, 0),
        ("block", 1, 2),
        ("unblock", 1, 2),
        ("follow", 3, 1),
        ("remove_follower", 1, 3),
        ("follow", 3, 1),
        ("unfollow", 3, 1),
    ]
    assert items[6].before == {"group": 7, "name": "b", "members": [2]}
    # A block says which followings it ended.
    assert items[7].before["actor"]["follows"]["groups"] == [SPECIAL]
    assert "follows" in items[7].before["target"]
    assert items[7].after.keys() == {"actor"}
    assert replayed(items).sides == await sides(store) == {}


async def test_what_changes_nothing_is_no_change(store: Store) -> None:
    await store.set_changes(True)
    await people(store, 1, 2)
    await follow(store, 1, 2)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    start = await end(store)
    assert await do(store, Modify(1, 2, Act.FOLLOW), Modify(1, 1, Act.FOLLOW)) == [22014, 22001]
    assert await do(store, Modify(2, 1, Act.UNFOLLOW), RenameGroup(1, 7, "a")) == [0, 0]
    assert await do(store, Regroup(1, RegroupMode.SET, (2,), ())) == [0]
    await accounts.put(store, 1, Card(name="u1"))
    assert (await store.changes(start)).items == []


async def test_changes_of_accounts(store: Store, clock: Clock) -> None:
    await store.set_changes(True)
    await accounts.put(store, 1, Card(name="甲\0"))
    clock.advance(1.5)
    await accounts.put(store, 1, {"sign": "hello"}, {"hide_followers": True})
    await accounts.set_state(store, 1, State.BANNED)
    await accounts.set_state(store, 1, State.DEREGISTERED)
    await accounts.set_privacy(store, 1, Privacy())
    items = await read_all(store)
    assert [(item.kind, item.before, item.after) for item in items] == [
        ("account", {}, {"name": "甲\0"}),
        ("account", {"sign": ""}, {"sign": "hello"}),
        ("privacy", {"hide_followers": False}, {"hide_followers": True}),
        ("state", {"state": "normal"}, {"state": "banned"}),
        ("state", {"state": "banned"}, {"state": "deregistered"}),
        ("privacy", {"hide_followers": True}, {"hide_followers": False}),
    ]
    assert items[1].time_ms - items[0].time_ms == 1_500
    assert items[0].time_ms == 1_700_000_000_000
    assert kinds(items)[0] == ("account", 1, 0)


async def test_another_process_appends_once_it_is_on(store: Store, open_again: Opener) -> None:
    await people(store, 1, 2, 3)
    other = await open_again()
    await follow(other, 1, 2)  # it has its connections
    with pytest.raises(ChangesOff):
        await store.changes()
    assert not (await store.changes_status()).on
    assert await store.set_changes(True)
    assert not await store.set_changes(True)
    await follow(other, 1, 3)
    assert kinds((await store.changes()).items) == [("follow", 1, 3)]
    assert await store.set_changes(False)
    assert not await store.set_changes(False)
    await follow(other, 2, 3)
    with pytest.raises(ChangesOff):
        await other.changes()


async def test_the_changes_of_the_feed_give_the_graph(store: Store) -> None:
    await store.set_changes(True)
    await people(store, 1, 2, 3, 4)
    await follow(store, 1, 2, 3, 4)
    await follow(store, 2, 1)
    await follow(store, 3, 4)
    assert await do(store, CreateGroup(1, "a", 7), CreateGroup(1, "b", 8)) == [0, 0]
    assert await do(store, Regroup(1, RegroupMode.SET, (2, 3), (7, 8, SPECIAL))) == [0]
    assert await do(store, DeleteGroup(1, 8), Modify(4, 1, Act.BLOCK)) == [0, 0]
    model = replayed(await read_all(store))
    assert model.sides == await sides(store)
    assert model.sides[1, 2].follows is not None
    assert model.groups[1] == {7: "a"}
    assert model.accounts[3] == {"name": "u3"}
    assert await faults(store) == []


async def test_a_read_waits_for_a_change(store: Store) -> None:
    await store.set_changes(True)
    await people(store, 1, 2)
    start = await end(store)
    waiting = asyncio.create_task(store.changes(start, wait=20))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await follow(store, 1, 2)
    assert kinds((await waiting).items) == [("follow", 1, 2)]
    assert (await store.changes(await end(store), wait=0.05)).items == []


async def test_cursors_are_refused_by_name(
    store: Store, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await store.set_changes(True)
    await people(store, 1, 2, 3)
    start = await end(store)
    for text in ("", "x", "é" * 22, "-" * 23, start[:-1], start + "A", "=" * 22):
        with pytest.raises(CursorInvalid):
            await store.changes(text)
    other = await open_store(str(tmp_path_factory.mktemp("other") / "o.db"), create=True)
    await other.set_changes(True)
    with pytest.raises(CursorOfAnotherStore, match="store export"):
        await store.changes(await end(other))
    await other.close()
    await follow(store, 1, 2)
    later = await end(store)
    raw = bytes.fromhex("00" * 16)
    with pytest.raises(CursorOfAnotherStore):
        await store.changes(urlsafe_b64encode(raw).decode()[:22])
    await follow(store, 1, 3)
    assert await store.trim_changes(keep_rows=1) == 4
    with pytest.raises(CursorTooOld, match="store export"):
        await store.changes(start)
    assert kinds((await store.changes(later)).items) == [("follow", 1, 3)]
    assert kinds((await store.changes()).items) == [("follow", 1, 3)]
    # What was done while it was off is missing: the cursors of before end.
    await store.set_changes(False)
    await store.set_changes(True)
    with pytest.raises(CursorOfAnotherStore):
        await store.changes(later)
    assert (await store.changes()).items == []


async def test_a_cursor_of_a_later_state_is_refused(store: Store) -> None:
    """As after a backup was restored: what follows would be other changes of the same numbers."""
    await store.set_changes(True)
    await people(store, 1)
    cursor = await end(store)
    decoded = cursor_of(cursor)
    ahead = cursor_at(Switch(decoded.id, 0), decoded.number + 1)
    with pytest.raises(CursorOfAnotherStore, match="restored"):
        await store.changes(ahead)


async def test_a_restored_store_refuses_later_cursors_for_good(store: Store) -> None:
    """As after pg_restore: the test goes back by forging the cursors of what was lost."""
    assert not await store.mark_restored()
    await store.set_changes(True)
    await people(store, *range(1, 9))
    start = await end(store)
    await follow(store, 1, 2)
    last = cursor_of(await end(store))
    lost = cursor_at(Switch(last.id, 0), last.number + 2)
    assert await store.mark_restored()
    await follow(store, 1, 3, 4)
    # What bounds are kept does not bring them back.
    assert not await store.set_changes(True, keep_days=3)
    with pytest.raises(CursorOfAnotherStore, match="restored"):
        await store.changes(lost)
    await follow(store, 1, 5, 6)
    with pytest.raises(CursorOfAnotherStore, match="restored"):
        await store.changes(lost)
    assert [item.target for item in await read_all(store, start)] == [2, 3, 4, 5, 6]
    second = cursor_of(await end(store))
    assert await store.mark_restored()
    assert kinds(await read_all(store, start, limit=2)) == [
        ("follow", 1, mid) for mid in (2, 3, 4, 5, 6)
    ]
    await follow(store, 1, 7, 8)
    with pytest.raises(CursorOfAnotherStore, match="restored"):
        await store.changes(cursor_at(Switch(second.id, 0), second.number + 1))
    # Of what was deleted, a cursor is too old whatever life it is of.
    await store.trim_changes(keep_rows=1)
    with pytest.raises(CursorTooOld):
        await store.changes(start)
    assert await store.mark_restored()
    assert kinds(await read_all(store)) == [("follow", 1, 8)]


@pytest.mark.parametrize("bounds", [(0, 0.0), (1_001, 0.0), (1, -0.1), (1, 30.1)])
async def test_bounds_are_checked(store: Store, bounds: tuple[int, float]) -> None:
    await store.set_changes(True)
    with pytest.raises(ValueError, match="must be"):
        await store.changes(None, *bounds)
    with pytest.raises(ValueError, match="at least 1"):
        await store.set_changes(True, keep_days=0)
    with pytest.raises(ValueError, match="at least 1"):
        await store.trim_changes(keep_rows=0)


async def test_retention_by_days_and_rows(store: Store, clock: Clock) -> None:
    await store.set_changes(True, keep_days=2, keep_rows=3)
    await people(store, *range(1, 6))
    status = await store.changes_status()
    assert (status.keep_days, status.keep_rows, status.newest - status.oldest) == (2, 3, 4)
    assert await store.trim_changes() == 2
    assert await store.trim_changes() == 0
    assert [item.actor for item in await read_all(store)] == [3, 4, 5]
    clock.advance(86_400)
    await people(store, 6)
    clock.advance(86_400 + 1)
    assert await store.trim_changes(keep_days=2) == 3
    assert [item.actor for item in await read_all(store)] == [6]
    clock.advance(2 * 86_400)
    assert await store.trim_changes() == 1
    status = await store.changes_status()
    assert (status.oldest, status.newest) == (0, 0)
    assert (await store.changes(status.cursor)).items == []
    await people(store, 7)
    assert [item.actor for item in await read_all(store, status.cursor)] == [7]


async def test_much_is_trimmed_in_bounded_transactions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sqlite", "postgresql"):
        monkeypatch.setattr(f"guanxi.stores.{module}.feed.TRIMMED", 4)
    await store.set_changes(True)
    await people(store, *range(1, 12))
    assert await store.trim_changes(keep_rows=1) == 10
    await store.set_changes(False)
    await store.set_changes(True)
    assert (await store.changes_status()).oldest == 0


async def test_an_import_says_that_a_reader_starts_again(store: Store) -> None:
    await store.set_changes(True)
    await people(store, 1, 2)
    start = await end(store)
    for time in (5, 6):  # into a store without edges, and into one in use
        rows = [EdgeRow(follower=1, followed=2, time=time)]
        await store.import_edges(partial(iter, rows))
    items = await read_all(store, start)
    assert {kind for kind, _, _ in kinds(items)} == {"import"}
    with pytest.raises(Unreplayable):
        replayed(items)
    cursors: list[str | None] = []
    edges = [edge async for edge in store.edges(0, cursors.append)]
    assert [edge.time for edge in edges] == [6]
    assert cursors == [items[-1].cursor]


async def test_an_export_names_the_cursor_of_its_snapshot(store: Store) -> None:
    cursors: list[str | None] = []
    assert [edge async for edge in store.edges(0, cursors.append)] == []
    assert cursors == [None]
    await store.set_changes(True)
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    exported = store.edges(0, cursors.append)
    first = await anext(exported)
    await follow(store, 1, 3)
    assert [first.followed, *[edge.followed async for edge in exported]] == [2]
    assert kinds(await read_all(store, cursors[-1])) == [("follow", 1, 3)]
    everybody = [row.account.mid async for row in store.accounts(0, cursors.append)]
    assert everybody == [1, 2, 3]
    assert (await store.changes(cursors[-1])).items == []


async def test_the_deletion_of_a_large_group_says_who_left_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is several transactions, between which the group has some of its members."""
    monkeypatch.setattr("guanxi.stores.postgresql.grouping.ROWS", 4)
    monkeypatch.setattr("guanxi.stores.sqlite.store.ROWS", 4)
    await store.set_changes(True)
    members = tuple(range(2, 12))
    await people(store, 1, *members)
    await follow(store, 1, *members)
    assert await do(store, CreateGroup(1, "a", 7)) == [0]
    assert await do(store, Regroup(1, RegroupMode.SET, members, (7, SPECIAL))) == [0]
    start = await end(store)
    assert await do(store, DeleteGroup(1, 7)) == [0]
    items = await read_all(store, start)
    assert [item.kind for item in items[-2:]] == ["ungroup", "group_delete"]
    assert sorted(mid for item in items for mid in item.before["members"]) == [*members]
    model = replayed(await read_all(store))
    assert model.sides == await sides(store)
    assert model.groups[1] == {}


async def test_a_store_is_created_with_its_feed(engine: Engine) -> None:
    if "postgresql" in engine.address:
        postgres.skip_on_citus("`store init --distribute` creates a store there")
    engine.begin_anew()
    store = await open_store(engine.address, create=True, changes=True)
    await people(store, 1)
    assert kinds((await store.changes()).items) == [("account", 1, 0)]
    await store.set_changes(False)
    await store.close()
    # That is for every process: a later opening does not switch it.
    again = await open_store(engine.address, create=True, changes=True)
    assert not (await again.changes_status()).on
    await again.close()


async def test_the_end_of_all_mutes_is_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mute's, also when they are deleted without their ids, in several transactions."""
    monkeypatch.setattr("guanxi.stores.sqlite.store.DOCUMENTS", 2)
    await store.set_changes(True)
    await people(store, *range(1, 6))
    for target in (2, 3, 4, 5):
        assert await marks.mute(store, 1, target, None, 7) == 0
    assert await marks.mute(store, 2, 1, None, 7) == 0
    start = await end(store)
    assert await store.delete(MUTE, 1, [5, 6]) == 1
    assert await store.delete(MUTE, 1, []) == 0
    assert await store.delete(MUTE, 1) == 3
    assert await store.delete(MUTE, 1) == 0
    items = await read_all(store, start)
    assert sorted(kinds(items)) == [("unmute", 1, target) for target in (2, 3, 4, 5)]
    assert {item.before["until"] for item in items} == {LATEST}
    with pytest.raises(KeyError):
        await store.delete(MUTE, 2, where={"x": 1})
    assert [*await marks.muted(store, 2, [1], 8)] == [1]
