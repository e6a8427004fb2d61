"""A group of many members: who is left in which groups, and how many statements it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card, State
from guanxi.contract.limits import Caps
from guanxi.graph.groups import CreateGroup, DeleteGroup, Regroup, RegroupMode
from guanxi.graph.lists import Sort
from guanxi.graph.pair import DEFAULT, SPECIAL, Act, Modify, sort_key_at
from guanxi.operations import accounts
from guanxi.stores.acts import Doing, Unfinished
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.postgresql import PostgreSQLStore, grouping
from guanxi.stores.postgresql.grouping import members_of, read_groups, regroup
from guanxi.stores.postgresql.pairs import lock
from guanxi.stores.postgresql.rows import write
from tests.stores.world import ALL, LIMITS, do, faults, mids

pytestmark = pytest.mark.usefixtures("runner")

#: In the middle of the members, whose rows are locked in two parts.
OWNER = 500
MEMBERS = [mid for mid in range(1, 900) if mid != OWNER]
DELETED, KEPT = 7, 8
NAMES = {DELETED: "同事", KEPT: "同学"}


async def fill(store: Store) -> dict[int, set[int]]:
    """Store the members, each in some groups; return the groups that each was put into."""
    draw = Random(3)
    groups: dict[int, set[int]] = {}
    rows = []
    for mid in MEMBERS:
        groups[mid] = {id for id in (DELETED, KEPT, SPECIAL) if draw.random() < 0.6}
        names = tuple(NAMES[id] for id in sorted(groups[mid] - {SPECIAL}))
        special = SPECIAL in groups[mid]
        rows.append(
            EdgeRow(follower=OWNER, followed=mid, time=1_600_000_000, special=special, groups=names)
        )
    await store.import_edges(lambda: rows, groups={(OWNER, NAMES[id]): id for id in NAMES})
    return groups


async def members(store: Store, group: int) -> set[int]:
    page = await store.members(OWNER, group, Sort.NEWEST, ALL)
    assert page is not None
    return {*mids(page.rows)}


async def test_the_members_of_a_deleted_group_keep_their_other_groups(store: Store) -> None:
    groups = await fill(store)
    assert await do(store, DeleteGroup(OWNER, DELETED)) == [0]
    assert await store.members(OWNER, DELETED, Sort.NEWEST, ALL) is None
    for group in (KEPT, SPECIAL):
        assert await members(store, group) == {mid for mid in MEMBERS if group in groups[mid]}
    assert await members(store, DEFAULT) == {mid for mid in MEMBERS if not groups[mid] - {DELETED}}
    assert await faults(store) == []


async def test_a_large_group_is_deleted_in_several_transactions(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: between two, others write, a member is unfollowed and another one joins."""
    monkeypatch.setattr(grouping, "ROWS", 50)
    store = await PostgreSQLStore.open(address, create=True)
    groups = await fill(store)
    counts: list[int] = []
    change = store.writer.change

    async def watched(acts: Sequence[Doing], caps: Caps) -> tuple[list[int], Sequence[Doing]]:
        result = await change(acts, caps)
        counts.append({row.id: row.count for row in await store.groups(OWNER)}.get(DELETED, -1))
        if len(counts) == 3:
            meddling = (
                Modify(OWNER, MEMBERS[-1], Act.UNFOLLOW),
                Regroup(OWNER, RegroupMode.COPY, (MEMBERS[0],), (DELETED,)),
            )
            assert await change(meddling, LIMITS) == ([0, 0], [])
        assert await faults(store) == []
        return result

    monkeypatch.setattr(store.writer, "change", watched)
    acts = (
        Regroup(OWNER, RegroupMode.COPY, (MEMBERS[1],), (DELETED,)),
        DeleteGroup(OWNER, DELETED),
        CreateGroup(OWNER, NAMES[DELETED], DELETED),
        Regroup(OWNER, RegroupMode.SET, (MEMBERS[2],), (DELETED,)),
    )
    assert await do(store, *acts) == [0, 0, 0, 0]
    assert counts == [*sorted(counts[:-1], reverse=True), 1]
    assert len(counts) > len(MEMBERS) // 2 // 50
    assert await members(store, DELETED) == {MEMBERS[2]}
    assert await members(store, KEPT) == {
        mid for mid in MEMBERS[:-1] if KEPT in groups[mid] and mid != MEMBERS[2]
    }
    await store.close()


async def test_a_large_deletion_that_is_refused_writes_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "ROWS", 50)
    store = await PostgreSQLStore.open(address, create=True)
    await fill(store)
    before = await store.groups(OWNER)
    acts = DeleteGroup(OWNER, SPECIAL), CreateGroup(OWNER, "c", 9), DeleteGroup(OWNER, 404)
    assert await do(store, *acts) == [-400, 0, -400]
    assert (await store.groups(OWNER))[: len(before)] == before
    await accounts.put(store, OWNER, Card(name="owner"))
    await accounts.set_state(store, OWNER, State.BANNED)
    assert await do(store, DeleteGroup(OWNER, DELETED)) == [-102]
    assert (await store.groups(OWNER))[: len(before)] == before
    await store.close()


async def test_a_begun_deletion_is_ended_also_for_an_account_that_is_banned_meanwhile(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "ROWS", 200)
    store = await PostgreSQLStore.open(address, create=True)
    await fill(store)
    codes, rest = await store.writer.change([DeleteGroup(OWNER, DELETED)], LIMITS)
    assert (codes, rest) == ([], [Unfinished(DeleteGroup(OWNER, DELETED))])
    await accounts.put(store, OWNER, Card(name="owner"))
    await accounts.set_state(store, OWNER, State.BANNED)
    while rest:
        codes, rest = await store.writer.change(rest, LIMITS)
    assert codes == [0]
    assert await store.writer.change([Unfinished(DeleteGroup(OWNER, DELETED))], LIMITS) == ([0], [])
    assert [row.id for row in await store.groups(OWNER)] == [SPECIAL, DEFAULT, KEPT]
    assert await faults(store) == []
    await store.close()


async def test_many_members_are_put_into_groups_in_several_transactions(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: between two, a member is unfollowed, a group deleted and the owner banned."""
    monkeypatch.setattr(grouping, "ROWS", 50)
    store = await PostgreSQLStore.open(address, create=True)
    await fill(store)
    await do(store, CreateGroup(OWNER, "new", 20), CreateGroup(OWNER, "other", 21))
    await accounts.put(store, OWNER, Card(name="owner"))
    counts = [0]
    change = store.writer.change

    async def watched(acts: Sequence[Doing], caps: Caps) -> tuple[list[int], Sequence[Doing]]:
        codes, rest = await change(acts, caps)
        counts.append({row.id: row.count for row in await store.groups(OWNER)}[20])
        if len(counts) == 4:
            left: Sequence[Doing] = (
                Modify(OWNER, MEMBERS[-1], Act.UNFOLLOW),
                DeleteGroup(OWNER, 21),  # which takes several too
            )
            others: Sequence[int] = ()
            while left:
                others, left = await change(left, LIMITS)
            assert others == [0]
            await accounts.set_state(store, OWNER, State.BANNED)
        assert await faults(store) == []
        return codes, rest

    monkeypatch.setattr(store.writer, "change", watched)
    acts = (
        Modify(OWNER, 2_000, Act.UNFOLLOW),
        Regroup(OWNER, RegroupMode.COPY, (*MEMBERS, MEMBERS[0]), (20, 21)),
    )
    assert await do(store, *acts) == [0, 0]
    assert await members(store, 20) == {*MEMBERS[:-1]}
    assert max(after - before for before, after in pairwise(counts)) == 50
    assert counts[-1] == len(MEMBERS) - 1
    assert len(counts) == 2 + -(-len(MEMBERS) // 50)
    await store.close()


async def test_many_members_one_of_whom_is_not_followed_are_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "ROWS", 50)
    store = await PostgreSQLStore.open(address, create=True)
    await fill(store)
    before = await store.groups(OWNER)
    for stranger in (0, 5_000):  # among the first members, and among the last
        put = Regroup(OWNER, RegroupMode.SET, (*MEMBERS, stranger), (KEPT,))
        assert await do(store, put) == [22105]
        assert await store.groups(OWNER) == before
    # A following of the same call counts, and an unfollow of it too.
    await accounts.put(store, 5_000, Card(name="new"))
    follow, put = Modify(OWNER, 5_000, Act.FOLLOW), replace(put, groups=(DELETED,))
    assert await do(store, follow, put, replace(follow, act=Act.UNFOLLOW), put) == [0, 0, 0, 22105]
    assert await members(store, DELETED) == {*MEMBERS}
    assert await faults(store) == []
    await store.close()


class Counting:
    """A connection that counts the statements sent, one for each tuple of arguments."""

    def __init__(self, connection: Any) -> None:
        self._connection, self.sent = connection, 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._connection, name)

        async def call(statement: str, *values: Any) -> Any:
            self.sent += len(values[0]) if name in ("executemany", "fetchmany") else 1
            return await method(statement, *values)

        return call


async def test_a_group_is_deleted_by_few_statements(address: str) -> None:
    """PostgreSQL: 5,000 members took as many statements, twice, and half a second."""
    store = await PostgreSQLStore.open(address, create=True)
    await fill(store)
    act = DeleteGroup(OWNER, DELETED)

    async def delete(connection: asyncpg.Connection[asyncpg.Record]) -> int:
        counting: Any = Counting(connection)
        keys, large = await members_of(counting, [act])
        locked = await lock(counting, [act], keys, sort_key_at(1))
        groups = await read_groups(counting, [act], locked, large)
        assert regroup(locked, groups[OWNER], act, LIMITS) == 0
        await write(counting, locked, 0)
        sent: int = counting.sent
        return sent

    assert await store.writer.run(delete) < 20
    await store.close()
