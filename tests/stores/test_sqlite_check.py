"""``check`` finds each invariant broken: every one of them is broken here, by hand."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.pair import SPECIAL, Act, Contract, Modify
from guanxi.stores.port import EdgeRow, StoreError
from guanxi.stores.sqlite import SQLiteStore
from guanxi.stores.sqlite.check import INVARIANTS
from tests.stores.world import do, faults, people

pytestmark = pytest.mark.usefixtures("runner")


async def a_store(path: Path) -> None:
    """1 and 2 follow each other, 1 follows 3 in two groups; 4 whispers to 5; 5 blocks 6."""
    store = await SQLiteStore.open(path, create=True)
    rows = [
        EdgeRow(follower=1, followed=2, time=10, contract=Contract(3)),
        EdgeRow(follower=2, followed=1, time=10),
        EdgeRow(follower=1, followed=3, time=11, special=True),
        EdgeRow(follower=4, followed=5, time=12, kind="whisper"),
    ]
    await store.import_edges(lambda: rows)
    await people(store, 6)
    acts = (
        CreateGroup(1, "a", 7),
        Regroup(1, RegroupMode.COPY, (3,), (7,)),
        Modify(5, 6, Act.BLOCK),
    )
    assert await do(store, *acts) == [0, 0, 0]
    store.visit(1, 2)
    assert await faults(store) == []
    await store.close()


BREAKING = {
    "a following has its follower's row, at the same place": "DELETE FROM follower WHERE owner = 3",
    "a follower's row has its following, at the same place": (
        "UPDATE follower SET place = place + 1 WHERE owner = 3"
    ),
    "a following is mutual when its target follows back": (
        "UPDATE following SET flags = flags & ~1 WHERE owner = 1 AND target = 2"
    ),
    "a follower is mutual when it is followed back": "UPDATE follower SET flags = flags | 1",
    "nobody follows one that they block or that blocks them": "INSERT INTO block VALUES (3, 1, 1)",
    "nobody whispers to one that they block or that blocks them": (
        "INSERT INTO block VALUES (5, 1, 4)"
    ),
    "a whisper is no following": "INSERT INTO whisper VALUES (1, 1, 2)",
    "nobody follows, whispers to or blocks themselves": "INSERT INTO block VALUES (6, 1, 6)",
    "a following is special when it is in the special group": (
        f"DELETE FROM member WHERE grp = {SPECIAL}"
    ),
    "a following is grouped when it is in a group": "UPDATE following SET flags = flags | 4",
    "a member is a following, at its place": "UPDATE member SET place = place + 1",
    "a member's group is there": "DELETE FROM grp",
    "a group's id is its own": "UPDATE grp SET id = 0",
    "a contract hangs on a following": "INSERT INTO contract VALUES (3, 1, 1, 0)",
    "a following knows the contracts of both sides": (
        "UPDATE following SET flags = flags & ~16 WHERE owner = 2"
    ),
    "a follower's row knows the contracts of both sides": (
        "UPDATE follower SET flags = flags & ~8 WHERE owner = 1"
    ),
    "flags are known ones": "UPDATE follower SET flags = flags | 4 WHERE owner = 3",
    "visits are of followings": "INSERT INTO visit VALUES (1, 6, 2)",
    "a count is the length of its list": "UPDATE tally SET black = black + 1 WHERE mid = 5",
    "an account has its counts, and counts their account": "DELETE FROM tally WHERE mid = 6",
    "both ends of what stands have accounts": "DELETE FROM account WHERE mid = 3",
    "a deregistered account has no sessions": (
        "UPDATE account SET state = 2 WHERE mid = 6;"
        " INSERT INTO session VALUES (x'00', 6, 'cookie', 1, 2)"
    ),
    "a deregistered account's card is erased": "UPDATE account SET state = 2 WHERE mid = 6",
    "a name without case is that of the card": "UPDATE account SET name = 'X' WHERE mid = 6",
    "a tail is that of the card": "UPDATE tail SET version = 0 WHERE mid = 6",
    "the file is whole": (
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'owner, target',"
        " 'owner, place') WHERE name = 'block_by_target'"
    ),
}


@pytest.mark.parametrize("invariant", INVARIANTS)
async def test_a_broken_invariant_is_found(tmp_path: Path, invariant: str) -> None:
    path = tmp_path / "s.db"
    await a_store(path)
    db = apsw.Connection(str(path))
    db.execute(BREAKING[invariant])
    db.close()
    store = await SQLiteStore.open(path)
    found = [fault async for fault in store.check()]
    await store.close()
    assert invariant in {fault.invariant for fault in found}
    assert all(fault.detail for fault in found)


async def test_a_torn_page_is_told_and_not_read_past(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await a_store(path)
    whole = path.read_bytes()
    pages = len(whole) // 4096
    healthy = 0
    for page in range(1, pages):
        torn = bytearray(whole)
        torn[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        path.write_bytes(torn)
        with suppress(StoreError):
            store = await SQLiteStore.open(path)
            try:
                healthy += not await faults(store)
            finally:
                await store.close()
    assert healthy == 0
