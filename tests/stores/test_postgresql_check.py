"""``check`` on PostgreSQL reports each invariant after a statement that breaks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from guanxi.accounts.account import State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.pair import Act, Contract, Modify
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow
from guanxi.stores.postgresql import check, check_content
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from tests.stores.documents import put, video
from tests.stores.engines import PostgreSQL
from tests.stores.world import do, faults, people


async def _filled(engine: PostgreSQL) -> None:
    """1 and 2 follow each other, 1 follows 3 in two groups; 4 whispers to 5; 5 blocks 6."""
    store = await engine.open(time.time_ns)
    rows = [
        EdgeRow(follower=1, followed=2, time=10, contract=Contract(3), visits=1),
        EdgeRow(follower=2, followed=1, time=10),
        EdgeRow(follower=1, followed=3, time=11, special=True),
        EdgeRow(follower=4, followed=5, time=12, kind="whisper"),
    ]
    await store.import_edges(lambda: rows)
    await people(store, 6, 7)
    await accounts.set_state(store, 7, State.DEREGISTERED)
    await store.open_session(
        Session(digest=b"a", mid=6, kind=TokenKind.COOKIE, created=1, expires=2**40)
    )
    acts = (
        CreateGroup(1, "a", 7),
        Regroup(1, RegroupMode.COPY, (3,), (7,)),
        Modify(5, 6, Act.BLOCK),
    )
    assert await do(store, *acts) == [0, 0, 0]
    await put(store, VIDEO, 1, video(1, view=2, tid=3, title="One"), video(2))
    await put(store, NOTICE, 1, Notice("text"))
    assert await faults(store) == []
    await store.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a store that tests read, or change in transactions that they roll back."""
    folder: Path = tmp_path_factory.mktemp("store")
    engine = PostgreSQL(folder)
    asyncio.run(_filled(engine))
    yield engine.address
    engine.drop()


_1_2, _1_3 = "WHERE owner = 1 AND other = 2", "WHERE owner = 1 AND other = 3"
_VIDEO_1 = "WHERE owner = 1 AND kind = 'video' AND id = 1"
#: What breaks each invariant, in one way or several.
BREAKING: dict[str, tuple[str, ...]] = {
    "no row of a pair is empty": ("INSERT INTO relation (owner, other) VALUES (1, 6)",),
    "no account has two of a following, a whisper and a block towards another": (
        f"UPDATE relation SET whispers = 1 {_1_2}",
        f"UPDATE relation SET blocks = 1 {_1_3}",
    ),
    "no account follows or whispers to an account that blocks it": (
        "INSERT INTO relation (owner, other, blocks) VALUES (5, 4, 1)",
        "UPDATE relation SET blocks = 1 WHERE owner = 3 AND other = 1",
    ),
    "no account is followed by an account that it blocks": (
        "UPDATE relation SET blocks = 1 WHERE owner = 3 AND other = 1",
    ),
    "no request to follow is next to a following, or to a block of either side": (
        f"UPDATE relation SET requests = 1 {_1_2}",
        f"UPDATE relation SET requested = 1 {_1_2}",
        "UPDATE relation SET requests = 1 WHERE owner = 5 AND other = 6",
        "UPDATE relation SET requested = 1 WHERE owner = 5 AND other = 6",
    ),
    "each request to follow is stored at both ends with the same sort key": (
        "INSERT INTO relation (owner, other, requests) VALUES (6, 1, 1)",
        "INSERT INTO relation (owner, other, requested) VALUES (6, 1, 1)",
    ),
    "no account follows, whispers to, blocks or requests to follow itself": (
        "INSERT INTO relation (owner, other, blocks) VALUES (6, 6, 1)",
    ),
    "groups, contracts and visits belong to followings": (
        "UPDATE relation SET groups = ARRAY[7] WHERE owner = 3 AND other = 1",
        "UPDATE relation SET visits = 1 WHERE owner = 4 AND other = 5",
        "UPDATE relation SET contract_ts = 1, contract_attr = 0 WHERE owner = 5 AND other = 6",
    ),
    "the groups of a following are not empty, unique and sorted": (
        f"UPDATE relation SET groups = ARRAY[7, -10] {_1_3}",
        f"UPDATE relation SET groups = ARRAY[7, 7] {_1_3}",
        f"UPDATE relation SET groups = ARRAY[0] {_1_3}",
        f"UPDATE relation SET groups = '{{}}' {_1_3}",
    ),
    "the group of each member exists": ("DELETE FROM grp WHERE owner = 1",),
    "no stored group has the id of a built-in group": ("INSERT INTO grp VALUES (1, 0, 'b', 9)",),
    "each contract has both its time and its attribute": (
        f"UPDATE relation SET contract_attr = NULL {_1_2}",
    ),
    "each visit count is positive": (f"UPDATE relation SET visits = 0 {_1_2}",),
    "no sort key is greater than the account's stored newest one": (
        "UPDATE tally SET newest = 1 WHERE mid = 1",
    ),
    "every account that a row names exists": (
        "DELETE FROM account WHERE mid = 5",
        "INSERT INTO grp VALUES (99, 1, 'b', 9)",
        "INSERT INTO follower_tally VALUES (99, 1, 0, 0)",
        "UPDATE session SET mid = 99",
    ),
    "each recorded change can be decoded": (
        "INSERT INTO change VALUES (1, 1, 'follow', 1, 2, '[')",
    ),
    "a deregistered account has no sessions": ("UPDATE session SET mid = 7",),
    "each following is stored at both ends with the same sort key": (
        "UPDATE relation SET followed = followed + 1 WHERE owner = 3",
        "DELETE FROM relation WHERE owner = 3",
        f"UPDATE relation SET follows = follows + 1 {_1_3}",
    ),
    "each contract is stored at both ends": (
        f"UPDATE relation SET contract_ts = 4 {_1_2}",
        f"UPDATE relation SET contract_ts = NULL, contract_attr = NULL {_1_2}",
        "UPDATE relation SET other_contract_attr = 1 WHERE owner = 2 AND other = 1",
    ),
    "each count equals the length of its list": (
        "UPDATE tally SET following = following + 1 WHERE mid = 1",
        "UPDATE tally SET whisper = 0 WHERE mid = 4",
        "UPDATE tally SET black = 2 WHERE mid = 6",
    ),
    "the counts of followers equal the lengths of their lists": (
        "UPDATE follower_tally SET follower = follower + 1 WHERE mid = 1",
        "DELETE FROM follower_tally WHERE mid = 3",
    ),
    "each group's count equals the number of its members": (
        "UPDATE grp SET members = members + 1 WHERE owner = 1",
        "UPDATE tally SET special = special + 1 WHERE mid = 4",
        "UPDATE tally SET grouped = 0 WHERE mid = 1",
    ),
    "each account has counts, and all counts have an account": ("DELETE FROM tally WHERE mid = 6",),
    "each account's name is in the table of names, and no other": (
        "DELETE FROM account_name WHERE mid = 6",
        "INSERT INTO account_name VALUES ('x', 6)",
        "INSERT INTO account_name SELECT name, mid FROM account WHERE mid = 7",
    ),
    "a deregistered account's card is erased": ("UPDATE account SET sign = 'x' WHERE mid = 7",),
    "a name without case is that of the card": ("UPDATE account SET folded = 'x' WHERE mid = 6",),
    "a tail is that of the card": (
        "UPDATE account SET tail_version = 0 WHERE mid = 6",
        "UPDATE account SET tail = 'x' WHERE mid = 6",
    ),
    "a document can be read": (
        f"UPDATE content SET body = 'x' {_VIDEO_1}",
        "INSERT INTO content VALUES (1, 'poem', 1, '{}', '', '{}')",
    ),
    "what a document is found by is that of its body": (
        f"UPDATE content SET filters = '{{\"tid\": 3}}' {_VIDEO_1}",
        f"UPDATE content SET filters = '7' {_VIDEO_1}",
        f"UPDATE content SET text = 'One' {_VIDEO_1}",
        f"UPDATE content_key SET value = value + 1 {_VIDEO_1} AND name = 'view'",
        f"DELETE FROM content_key {_VIDEO_1} AND name = 'like'",
        "INSERT INTO content_key VALUES (1, 'video', 'view', 77, 1)",
    ),
    "a document of a unique kind has one owner": (
        "DELETE FROM content_holder WHERE id = 1",
        f"INSERT INTO content SELECT 2, kind, id, filters, text, body FROM content {_VIDEO_1}",
    ),
    "each key belongs to a document": (f"DELETE FROM content {_VIDEO_1}",),
    "the recorded holder of a document has it": (
        f"DELETE FROM content {_VIDEO_1}",
        "UPDATE content_holder SET owner = 2 WHERE id = 1",
    ),
}


def test_every_invariant_has_a_breaking_statement() -> None:
    assert BREAKING.keys() == {*check.INVARIANTS, *check_content.INVARIANTS}


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [(invariant, one) for invariant, statements in BREAKING.items() for one in statements],
)
def test_check_reports_a_broken_invariant(address: str, invariant: str, statement: str) -> None:
    async def run() -> None:
        db = await asyncpg.connect(address)
        try:
            transaction = db.transaction()
            await transaction.start()
            await db.execute(statement)
            reported = [fault async for fault in check.check(db)]
            await transaction.rollback()
        finally:
            await db.close()
        assert invariant in {fault.invariant for fault in reported}
        assert all(fault.detail for fault in reported)

    asyncio.run(run())
