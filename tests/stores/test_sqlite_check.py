"""``check`` reports every invariant that a statement here breaks, and corrupt pages."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.pair import DEFAULT, SPECIAL, Act, Contract, Modify
from guanxi.stores.port import EdgeRow, StoreError
from guanxi.stores.sqlite import SQLiteStore
from guanxi.stores.sqlite.check import INVARIANTS
from tests.stores.world import do, faults, people

pytestmark = pytest.mark.usefixtures("runner")


async def create_sample_store(path: Path) -> None:
    """Create a store with one relation of each kind.

    1 and 2 follow each other, 1 follows 3 in two groups, 4 whispers to 5, 5 blocks 6.
    """
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


#: By invariant, a statement that breaks it in the sample store.
STATEMENTS = {
    "each following row has a follower row with the same sort key": (
        "DELETE FROM follower WHERE owner = 3"
    ),
    "each follower row has a following row with the same sort key": (
        "UPDATE follower SET place = place + 1 WHERE owner = 3"
    ),
    "a following is flagged mutual if and only if the target follows back": (
        "UPDATE following SET flags = flags & ~1 WHERE owner = 1 AND target = 2"
    ),
    "a follower is flagged mutual if and only if it is followed back": (
        "UPDATE follower SET flags = flags | 1"
    ),
    "no account follows an account that it blocks or that blocks it": (
        "INSERT INTO block VALUES (3, 1, 1)"
    ),
    "no account whispers to an account that it blocks or that blocks it": (
        "INSERT INTO block VALUES (5, 1, 4)"
    ),
    "no target is both followed and whispered to": "INSERT INTO whisper VALUES (1, 1, 2)",
    "no request to follow is next to a following, or to a block of either side": (
        "INSERT INTO request VALUES (6, 1, 5)"
    ),
    "no account follows, whispers to, blocks or requests to follow itself": (
        "INSERT INTO block VALUES (6, 1, 6)"
    ),
    "a following is flagged special if and only if it is in the special group": (
        f"DELETE FROM member WHERE grp = {SPECIAL}"
    ),
    "a following is flagged grouped if and only if it is in another group": (
        "UPDATE following SET flags = flags | 4"
    ),
    "each group member is a following with the same sort key": (
        "UPDATE member SET place = place + 1"
    ),
    "the group of each member exists": "DELETE FROM grp",
    "no stored group has the id of a built-in group": "UPDATE grp SET id = 0",
    "each contract belongs to a following": "INSERT INTO contract VALUES (3, 1, 1, 0)",
    "a following's contract flags match the contracts of both sides": (
        "UPDATE following SET flags = flags & ~16 WHERE owner = 2"
    ),
    "a follower's contract flags match the contracts of both sides": (
        "UPDATE follower SET flags = flags & ~8 WHERE owner = 1"
    ),
    "only known flags are set": "UPDATE follower SET flags = flags | 4 WHERE owner = 3",
    "each visit count is positive and belongs to a following": "INSERT INTO visit VALUES (1, 6, 2)",
    "each count equals the length of its list": "UPDATE tally SET black = black + 1 WHERE mid = 5",
    "each group's count equals the number of its members": "UPDATE grp SET members = members + 1",
    "each account has counts, and all counts have an account": "DELETE FROM tally WHERE mid = 6",
    "every account that a row names exists": "DELETE FROM account WHERE mid = 3",
    "a deregistered account has no sessions": (
        "UPDATE account SET state = 2 WHERE mid = 6;"
        " INSERT INTO session VALUES (x'00', 6, 'cookie', 1, 2, 0)"
    ),
    "a deregistered account's card is erased": "UPDATE account SET state = 2 WHERE mid = 6",
    "each recorded change can be decoded": (
        "INSERT INTO change (time, kind, actor, target, body) VALUES (1, 'follow', 1, 2, x'5b')"
    ),
    "a name without case is that of the card": "UPDATE account SET name = 'X' WHERE mid = 6",
    "a tail is that of the card": "UPDATE tail SET version = 0 WHERE mid = 6",
    "the file passes SQLite's integrity check": (
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'owner, target',"
        " 'owner, place') WHERE name = 'block_by_target'"
    ),
}


@pytest.mark.parametrize("invariant", INVARIANTS)
async def test_check_reports_a_broken_invariant(tmp_path: Path, invariant: str) -> None:
    path = tmp_path / "s.db"
    await create_sample_store(path)
    db = apsw.Connection(str(path))
    db.execute(STATEMENTS[invariant])
    db.close()
    store = await SQLiteStore.open(path)
    found = [fault async for fault in store.check()]
    await store.close()
    assert invariant in {fault.invariant for fault in found}
    assert all(fault.detail for fault in found)


@pytest.mark.parametrize("column", ["special", "grouped"])
async def test_check_reports_a_wrong_count_of_a_built_in_group(tmp_path: Path, column: str) -> None:
    path = tmp_path / "s.db"
    await create_sample_store(path)
    db = apsw.Connection(str(path))
    db.execute(f"UPDATE tally SET {column} = {column} + 1 WHERE mid = 4")
    db.close()
    store = await SQLiteStore.open(path)
    group = {"special": SPECIAL, "grouped": DEFAULT}[column]
    assert await faults(store) == [
        f"each group's count equals the number of its members: 4, {group}"
    ]
    await store.close()


async def test_a_corrupt_page_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await create_sample_store(path)
    whole = path.read_bytes()
    pages = len(whole) // 4096
    healthy = 0
    for page in range(1, pages):
        corrupt = bytearray(whole)
        corrupt[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        path.write_bytes(corrupt)
        with suppress(StoreError):
            store = await SQLiteStore.open(path)
            try:
                healthy += not await faults(store)
            finally:
                await store.close()
    assert healthy == 0
