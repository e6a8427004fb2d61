"""A large write on SQLite is several transactions, between which others write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, DeleteGroup, Regroup, RegroupMode
from guanxi.graph.lists import Sort, Window
from guanxi.graph.pair import DEFAULT, Act, Modify
from guanxi.stores.port import EdgeRow, StoreTimeout, StoreUnavailable
from guanxi.stores.sqlite import SQLiteStore, grouping
from guanxi.stores.sqlite.store import DOCUMENTS, VISITS
from guanxi.world.mine import LATER
from tests.stores.documents import later, put
from tests.stores.world import do, faults, people

pytestmark = pytest.mark.usefixtures("runner")

OWNER, OTHER, GROUP = 1, 2, 7
MEMBERS = [*range(10, 60)]
CAPS = Limits().caps


class Recording(SQLiteStore):
    """A store that counts the rows changed by each write, and may do something after each."""

    rows: list[int]
    #: Called after each write with their number so far.
    between: Callable[[int], Awaitable[None]] | None = None

    async def write(self, work: Callable[[apsw.Connection], Any]) -> Any:
        def counting(db: apsw.Connection) -> Any:
            before = db.total_changes()
            result = work(db)
            self.rows.append(db.total_changes() - before)
            return result

        result = await super().write(counting)
        if self.between is not None:
            await self.between(len(self.rows))
        return result


async def opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    monkeypatch.setattr(grouping, "ROWS", 40)
    monkeypatch.setattr("guanxi.stores.sqlite.store.ROWS", 40)
    store = await Recording.open(path / "s.db", create=True)
    assert isinstance(store, Recording)
    store.rows = []
    return store


async def fill(store: SQLiteStore) -> None:
    rows = [
        EdgeRow(follower=OWNER, followed=mid, time=9, groups=("a", "b")[: 1 + mid % 2])
        for mid in MEMBERS
    ]
    await store.import_edges(lambda: rows, groups={(OWNER, "a"): GROUP, (OWNER, "b"): GROUP + 1})
    await people(store, OTHER)


async def members(store: SQLiteStore, group: int) -> int:
    page = await store.members(OWNER, group, Sort.NEWEST, Window(0, 1_000))
    return -1 if page is None else len(page.rows)


async def test_a_group_is_deleted_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, monkeypatch)
    await fill(store)
    store.rows.clear()
    seen: list[int] = []

    async def look(_: int) -> None:
        seen.append(await members(store, GROUP))
        ungrouped = await members(store, DEFAULT)
        assert ungrouped == (len(MEMBERS) - max(seen[-1], 0)) // 2
        assert await faults(store) == []

    store.between = look
    assert await store.change([DeleteGroup(OWNER, GROUP)], CAPS) == [0]
    store.between = None
    assert max(store.rows) <= 2 * 40 + 3  # of each member two; the group, the counts, the versions
    assert seen == [10, -1]
    assert await members(store, GROUP + 1) == len(MEMBERS) // 2
    await store.close()


async def test_others_write_while_a_group_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, monkeypatch)
    await fill(store)
    ended: list[str] = []

    async def end(name: str, act: DeleteGroup | Modify) -> None:
        assert await store.change([act], CAPS) == [0]
        ended.append(name)

    await asyncio.gather(
        end("deleted", DeleteGroup(OWNER, GROUP)),
        end("followed", Modify(OTHER, OWNER, Act.FOLLOW)),
    )
    assert ended == ["followed", "deleted"]
    await store.close()


async def test_a_deletion_that_fails_in_between_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, monkeypatch)
    monkeypatch.setattr("guanxi.stores.sqlite.store.ROWS", 10)
    await fill(store)

    async def fail(_: int) -> None:
        store.between = fail_next

    async def fail_next(_: int) -> None:
        raise StoreUnavailable("busy")

    store.between = fail
    with pytest.raises(StoreTimeout, match="perhaps a part"):
        await store.change([DeleteGroup(OWNER, GROUP)], CAPS)
    store.between = None
    assert 0 < await members(store, GROUP) < len(MEMBERS)
    assert await faults(store) == []
    assert await store.change([DeleteGroup(OWNER, GROUP)], CAPS) == [0]
    assert await members(store, GROUP) == -1
    assert await faults(store) == []
    await store.close()


async def test_many_memberships_are_written_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the parts a member is unfollowed, a group deleted: as if that came afterwards."""
    store = await opened(tmp_path, monkeypatch)
    await fill(store)
    groups = [*range(20, 30)]
    await do(store, *(CreateGroup(OWNER, f"g{group}", group) for group in groups))
    store.rows.clear()

    async def meddle(writes: int) -> None:
        if writes == 2:
            store.between = None
            acts = Modify(OWNER, MEMBERS[-1], Act.UNFOLLOW), DeleteGroup(OWNER, groups[0])
            assert await do(store, *acts) == [0, 0]
            store.between = meddle
        assert await faults(store) == []

    store.between = meddle
    act = Regroup(OWNER, RegroupMode.COPY, (*MEMBERS, MEMBERS[0]), tuple(groups))
    assert await store.change([act], CAPS) == [0]
    store.between = None
    assert max(store.rows) <= 40 + 2 * len(groups) + 3  # the last member's rows, and the counts
    assert [await members(store, group) for group in groups] == [-1] + [len(MEMBERS) - 1] * 9
    assert await faults(store) == []
    # One that is refused writes nothing.
    refused = Regroup(OWNER, RegroupMode.SET, (*MEMBERS[:-1], OTHER), (groups[1],))
    assert await store.change([refused], CAPS) == [22105]
    assert await members(store, groups[2]) == len(MEMBERS) - 1
    await store.close()


async def test_documents_are_deleted_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, monkeypatch)
    many = 2 * DOCUMENTS + 1
    await put(store, LATER, OWNER, *(later(aid, finished=aid % 2 == 0) for aid in range(many)))
    store.rows.clear()
    assert await store.delete(LATER, OWNER, where={"finished": 1}) == DOCUMENTS + 1
    assert len(store.rows) == 2
    assert await store.count(LATER, OWNER) == DOCUMENTS
    assert await store.delete(LATER, OWNER) == DOCUMENTS
    assert await store.delete(LATER, OWNER) == 0
    await store.close()


async def test_visits_are_written_part_by_part_and_kept_if_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path, monkeypatch)
    many = range(2, VISITS + 4)
    rows = [EdgeRow(follower=OWNER, followed=mid, time=9) for mid in many]
    await store.import_edges(lambda: rows)

    async def visits() -> list[int]:
        found = await store.members(OWNER, DEFAULT, Sort.VISITED, Window(0, 1_000))
        assert found is not None
        return sorted(row.visits for row in found.rows)

    for mid in many:
        store.visit(OWNER, mid)
    write = store.write
    refused = 0

    async def second_fails(work: Callable[[apsw.Connection], Any]) -> Any:
        nonlocal refused
        refused += 1
        if refused == 2:
            raise StoreUnavailable("busy")
        return await write(work)

    monkeypatch.setattr(store, "write", second_fails)
    with pytest.raises(StoreUnavailable):
        await store.flush_visits()
    assert await visits() == [0, 0] + [1] * VISITS
    await store.flush_visits()
    assert await visits() == [1] * (VISITS + 2)
    await store.close()
