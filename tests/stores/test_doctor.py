"""What ``guanxi store doctor`` finds of a server and a store, with faults that are planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.stores import examine, open_store
from guanxi.stores.port import Finding, Level, StoreError, StoreUnavailable
from guanxi.stores.postgresql import doctor
from tests import postgres
from tests.cli.runner import guanxi
from tests.stores.world import follow, people

pytestmark = pytest.mark.usefixtures("runner")


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.schema() as made:
        yield made


async def fill(address: str) -> None:
    """Make a store in which account 1 follows 2 and 3."""
    store = await open_store(address, create=True)
    try:
        await people(store, 1, 2, 3)
        await follow(store, 1, 2, 3)
    finally:
        await store.close()


async def found(address: str) -> dict[str, Finding]:
    return {one.check: one for one in await examine(address)}


def errors(findings: dict[str, Finding]) -> set[str]:
    return {check for check, one in findings.items() if one.level is Level.ERROR}


async def test_a_healthy_store_has_no_error(address: str) -> None:
    await fill(address)
    findings = await found(address)
    assert errors(findings) == set()
    assert {"PostgreSQL", "schema", "fsync", "connections", "clock", "indexes"} <= findings.keys()
    assert findings["one-ended pairs"].found.en == "none in a sample of 4 rows"
    assert all(one.advice is None for one in findings.values() if one.level is Level.OK)


async def test_a_pair_with_one_end_is_found(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(address)
    monkeypatch.setattr("guanxi.stores.postgresql.ends._PAUSE_SECONDS", 0)
    schema = address.rpartition("=")[2]
    postgres.sql(f"DELETE FROM {schema}.relation WHERE owner = 3 AND other = 1")
    postgres.sql(f"UPDATE {schema}.relation SET followed = followed + 1 WHERE owner = 2")
    findings = await found(address)
    assert errors(findings) == {"one-ended pairs"}
    assert findings["one-ended pairs"].found.en == "the ends differ: 1-2, 1-3"


async def test_a_missing_index_is_found(address: str) -> None:
    postgres.skip_on_citus("the index of the coordinator's empty table")
    await fill(address)
    postgres.sql(f"DROP INDEX {address.rpartition('=')[2]}.relation_followed")
    findings = await found(address)
    assert errors(findings) == {"indexes"}
    assert "relation_followed" in findings["indexes"].found.en


async def test_a_prepared_transaction_that_is_left_over_is_found(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(address)
    schema = address.rpartition("=")[2]
    name = f"left_{schema}"
    postgres.sql(f"BEGIN; CREATE TABLE {schema}.t (); PREPARE TRANSACTION '{name}'", "SELECT 1")
    try:
        assert "prepared" not in errors(await found(address)), "it may still be committed"
        monkeypatch.setattr(doctor, "_PREPARED_SECONDS", 0)
        findings = await found(address)
    finally:
        postgres.sql(f"ROLLBACK PREPARED '{name}'", "SELECT 1")
    assert "prepared" in errors(findings)
    assert name in findings["prepared"].found.en


async def test_a_database_without_a_store_is_found(address: str) -> None:
    findings = await found(address)
    assert errors(findings) == {"schema"}
    assert findings["schema"].advice is not None


async def test_a_file_and_a_server_that_does_not_answer_are_refused() -> None:
    with pytest.raises(StoreError, match="guanxi check"):
        await examine("mine.db")
    with pytest.raises(StoreUnavailable, match="refuses connections"):
        await examine("postgresql://guanxi@127.0.0.1:1/guanxi")


def test_the_command_prints_80_columns_and_has_a_status(address: str) -> None:
    table = guanxi("store", "doctor", address)
    assert table.returncode == 1, table
    assert all(len(line) <= 80 for line in table.stdout.splitlines())
    assert "→ guanxi store init ADDRESS" in table.stdout
    unreachable = guanxi("store", "doctor", "postgresql://guanxi@127.0.0.1:1/guanxi")
    assert unreachable.returncode == 3
    assert "127.0.0.1:1 refuses connections" in unreachable.stderr
