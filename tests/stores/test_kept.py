"""Stores that an earlier guanxi wrote are opened, migrated and read by this one.

``kept`` has a SQLite file and a PostgreSQL dump (``pg_dump --inserts``) of each version, named by
the commit that wrote them. All hold the same: five accounts, and something in every table. Keep one
more pair before a change of the schema; never change those that are there.
"""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from guanxi.accounts.account import DEREGISTERED_CARD, Account, Card, Privacy, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import Act, Contract, Modify
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store, Tally
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.connections import schema_of
from guanxi.world.profile import NOTICE, PROFILE, Notice, Profile
from tests import postgres
from tests.stores.world import ALL, do, faults, listed

KEPT = Path(__file__).parent / "kept"
VERSIONS = ["25196c1", "f7dc975", "d42a806"]
#: What those versions distributed by other columns than this one does.
_THEN = {"session": "digest", "sign_in_grant": "digest"}
NOW = 1_700_000_000


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kept_sqlite_file_is_migrated_and_read(version: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_bytes(gzip.decompress((KEPT / f"{version}.db.gz").read_bytes()))
    asyncio.run(check(str(path)))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kept_postgresql_dump_is_migrated_and_read(version: str) -> None:
    address = postgres.new_schema()
    dump = (KEPT / f"{version}.sql").read_text()
    name = schema_of(address)
    postgres.sql(dump.replace("kept.", f"{name}."), "SELECT 1", address=address)
    asyncio.run(schema.migrate(address))
    asyncio.run(check(address))
    postgres.drop(address)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kept_distributed_store_is_migrated_and_read(version: str) -> None:
    """Citus; those versions distributed all tables but the one of changes."""
    if not postgres.has_citus():
        pytest.skip("the server has no Citus")
    with postgres.schema() as address:
        dump = (KEPT / f"{version}.sql").read_text()
        postgres.sql(
            dump.replace("kept.", f"{schema_of(address)}."),
            "SELECT create_reference_table('meta')",
            *(
                f"SELECT create_distributed_table(tablename::text, '{column}',"
                f" colocate_with => '{mate}') FROM pg_tables"
                f" WHERE schemaname = current_schema() AND tablename = '{table}'"
                for table, column, mate in (
                    *((each, column, "default") for each, column in schema.BY_ACCOUNT.items()),
                    *((each, column, "none") for each, column in schema.BY_OWN_KEY.items()),
                    *((each, column, "none") for each, column in _THEN.items()),
                )
                if table != "change" and (table not in _THEN or column == _THEN[table])
            ),
            "SELECT 1",
            address=address,
        )
        asyncio.run(schema.migrate(address))
        asyncio.run(schema.init(address, distribute=True))
        columns = postgres.sql(
            "SELECT string_agg(coalesce(column_to_column_name(logicalrelid, partkey), '-'), ' '"
            " ORDER BY logicalrelid::text) FROM pg_dist_partition"
            " WHERE logicalrelid IN (to_regclass('session'), to_regclass('sign_in_grant'))",
            address=address,
        )
        assert columns == "mid -"
        asyncio.run(check(address))


async def check(address: str) -> None:
    store = await open_store(address)
    try:
        await check_accounts(store)
        await check_relations(store)
        assert await store.get(PROFILE, 1) == Profile(sex="女", birthday="2000-01-02", coins=5)
        assert await store.get(NOTICE, 2) == Notice("公告")
        session = Session(digest=b"kept", mid=1, kind=TokenKind.APP, created=NOW, expires=2**40)
        assert await store.session(b"kept") == session
        assert await store.take_grant(b"grant") == 2
        assert await faults(store) == []
        # It is as good as a new one.
        assert await do(store, Modify(1, 3, Act.FOLLOW), Modify(5, 1, Act.UNFOLLOW)) == [22002, 0]
        assert await faults(store) == []
        assert await store.set_changes(True)
        assert await do(store, Modify(5, 3, Act.UNFOLLOW)) == [0]
        assert [item.kind for item in (await store.changes()).items] == ["unfollow"]
    finally:
        await store.close()


async def check_accounts(store: Store) -> None:
    cards = {
        mid: Card(name=name, sign=f"sign {mid}", vip_type=mid % 3)
        for mid, name in ((1, "一"), (2, "two"), (3, "三"), (5, "five"))
    }
    assert await store.cards(range(1, 7)) == {**cards, 4: DEREGISTERED_CARD}
    shy = Privacy(hide_followings=True, refuse_follows=True)
    assert [await store.account(mid) for mid in range(1, 7)] == [
        Account(mid=1),
        Account(mid=2, state=State.BANNED),
        Account(mid=3, privacy=shy),
        Account(mid=4, state=State.DEREGISTERED),
        Account(mid=5),
        None,
    ]
    assert await store.mids(["一", "two", "four", DEREGISTERED_CARD.name]) == {"一": 1, "two": 2}


async def check_relations(store: Store) -> None:
    edges = {(row.follower, row.followed): row async for row in store.edges()}
    assert edges.keys() == {(1, 2), (2, 1), (1, 5), (5, 3), (5, 1), (2, 4), (3, 2)}
    assert edges[1, 5] == EdgeRow(follower=1, followed=5, time=NOW - 100, kind="whisper")
    assert edges[5, 3] == EdgeRow(
        follower=5, followed=3, time=NOW - 90, contract=Contract(NOW, 1), visits=7, finer=3
    )
    assert edges[5, 1] == EdgeRow(
        follower=5, followed=1, time=NOW - 80, groups=("同学",), special=True
    )
    assert (edges[1, 2].groups, edges[1, 2].special, edges[1, 2].visits) == (("朋友",), True, 1)
    assert edges[3, 2].kind == "block"
    assert await listed(store, Listing.FOLLOWINGS, 5) == [1, 3]
    visited = await store.page(Listing.FOLLOWINGS, 5, Sort.VISITED, ALL)
    assert [(row.mid, row.visits) for row in visited.rows] == [(3, 7), (1, 0)]
    assert await listed(store, Listing.FOLLOWERS, 1) == [2, 5]
    assert await store.attributes(1, [2, 3, 4, 5]) == {2: 6, 5: 1}
    assert [(row.id, row.name, row.count) for row in await store.groups(1)] == [
        (-10, "特别关注", 1),
        (0, "默认分组", 0),
        (123_456, "朋友", 1),
    ]
    tally = await store.tally(1)
    assert (tally.following, tally.whisper, tally.black, tally.follower) == (1, 1, 0, 2)
    # What others have seen as the version, they see still.
    assert tally.public_version == tally.private_version == tally.version > 0
    assert tally.public_follower_version == tally.follower_version > 0
    assert await store.tally(6) == Tally()
