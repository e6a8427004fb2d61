"""A group of many members: who is left in which groups, and how many statements it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import asyncpg
import pytest

from guanxi.graph.groups import DeleteGroup
from guanxi.graph.lists import Sort
from guanxi.graph.pair import DEFAULT, SPECIAL, sort_key_at
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.postgresql import PostgreSQLStore
from guanxi.stores.postgresql.grouping import member_keys, read_groups, regroup
from guanxi.stores.postgresql.pairs import lock, write
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
        locked = await lock(counting, [act], await member_keys(counting, [act]), sort_key_at(1))
        groups = await read_groups(counting, [act], locked)
        assert regroup(locked, groups[OWNER], act, LIMITS) == 0
        await write(counting, locked, 0)
        sent: int = counting.sent
        return sent

    assert await store.writer.run(delete) < 20
    await store.close()
