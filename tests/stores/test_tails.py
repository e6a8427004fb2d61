"""The stored tail of a card: short if the card has only a name, and the same when it is read."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.accounts.account import DEREGISTERED_CARD, Card
from guanxi.operations import accounts
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.connections import schema_of
from guanxi.stores.tails import AFTER_NAME, encoded_tail, stored_tail, whole_tails
from tests import postgres
from tests.stores.test_kept import KEPT
from tests.stores.world import faults

#: As JSON these are between quotation marks that a name could imitate.
NAMES = ["a", "", "\\", '"', '",', "\x00\n", "用户", "n" * 500, AFTER_NAME.decode(), ',"uname":"a"']
PLAIN = [Card(name=name) for name in NAMES] + [Card(name="live", live=1, live_url="https://x")]
RICH = [Card(name="a", sign="s"), Card(name="a", vip_type=1), DEREGISTERED_CARD]


@pytest.mark.parametrize("card", PLAIN)
def test_a_card_with_only_a_name_has_a_short_tail(card: Card) -> None:
    stored = stored_tail(card)
    assert len(stored) <= len(encoded_tail(card)) - len(AFTER_NAME)
    assert whole_tails({1: stored}) == {1: encoded_tail(card)}


@given(st.text(max_size=20), st.sampled_from(["", "s", AFTER_NAME.decode(), '"']))
def test_a_tail_is_whole_when_it_is_read(name: str, sign: str) -> None:
    card = Card(name=name, sign=sign)
    assert whole_tails({1: stored_tail(card)}) == {1: encoded_tail(card)}
    assert (stored_tail(card) == encoded_tail(card)) is bool(sign)


async def test_tails_are_whole_on_every_engine(store: Store) -> None:
    cards = dict(enumerate([*PLAIN, *RICH], 1))
    for mid, card in cards.items():
        await accounts.put(store, mid, card)
    await store.import_edges(lambda: [EdgeRow(follower=91, followed=92, time=1)])
    cards |= {91: Card(name="用户91"), 92: Card(name="用户92")}
    assert await store.tails(range(100)) == {mid: encoded_tail(card) for mid, card in cards.items()}
    await accounts.put(store, 1, RICH[0])
    await accounts.put(store, 91, RICH[0])
    assert await store.tails([1, 91]) == {1: encoded_tail(RICH[0]), 91: encoded_tail(RICH[0])}
    assert await faults(store) == []


#: The kept stores have no card with only a name: this one gets it.
OLD = Card(name='tw"o')


#: Kept stores of the versions that stored whole tails.
WITH_WHOLE_TAILS = ["25196c1"]


@pytest.mark.parametrize("version", WITH_WHOLE_TAILS)
def test_a_migration_shortens_tails_on_sqlite(version: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_bytes(gzip.decompress((KEPT / f"{version}.db.gz").read_bytes()))
    db = apsw.Connection(str(path))
    make_plain = "UPDATE account SET name = ?1, folded = ?1, sign = '', vip_type = 0 WHERE mid = 2"
    db.execute(make_plain, (OLD.name,))
    db.execute("UPDATE tail SET tail = ? WHERE mid = 2", (encoded_tail(OLD),))
    db.close()
    asyncio.run(check(str(path)))
    db = apsw.Connection(str(path))
    assert db.execute("SELECT tail FROM tail WHERE mid = 2").get == b'"tw\\"o"'
    db.close()


@pytest.mark.parametrize("version", WITH_WHOLE_TAILS)
def test_a_migration_shortens_tails_on_postgresql(version: str) -> None:
    address = postgres.new_schema()
    dump = (KEPT / f"{version}.sql").read_text().replace("kept.", f"{schema_of(address)}.")
    name, tail = OLD.name.encode().hex(), encoded_tail(OLD).hex()
    make_plain = (
        f"UPDATE account SET name = '\\x{name}', folded = '\\x{name}', sign = '', vip_type = 0,"
        f" tail = '\\x{tail}' WHERE mid = 2"
    )
    renamed = f"UPDATE account_name SET name = '\\x{name}' WHERE mid = 2"
    postgres.sql(dump, make_plain, renamed, "SELECT 1", address=address)
    asyncio.run(schema.migrate(address))
    asyncio.run(check(address))
    short = "SELECT encode(tail, 'hex') FROM account WHERE mid = 2"
    assert postgres.sql(short, address=address) == b'"tw\\"o"'.hex()
    postgres.drop(address)


async def check(address: str) -> None:
    """Open the store; check the tail of account 2, that of another card, and all invariants."""
    store = await open_store(address)
    try:
        cards = await store.cards([2, 5])
        assert cards[2] == OLD
        assert await store.tails([2, 5]) == {mid: encoded_tail(card) for mid, card in cards.items()}
        assert await faults(store) == []
    finally:
        await store.close()
