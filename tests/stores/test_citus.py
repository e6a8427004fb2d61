"""On Citus, each read of an account's lists and sessions is one statement on one shard.

Runs where ``GUANXI_TEST_POSTGRES`` names a coordinator; the rest of the suite runs there as well.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator

import asyncpg
import pytest

from guanxi.stores.port import Distribution, Level
from guanxi.stores.postgresql import doctor, reads, schema, sessions
from tests import postgres

pytestmark = pytest.mark.skipif(
    not os.environ.get("GUANXI_TEST_POSTGRES"),
    reason="Citus is in no package index: GUANXI_TEST_POSTGRES names a coordinator",
)

#: The statements that read one account's lists, and those of its sessions, by name.
STATEMENTS = {
    f"{name} {sort.value}{' after a position' * after}": statement
    for name, pages in (
        *((listing.value, pages) for listing, pages in reads._PAGES.items()),
        *((f"group {group}", pages) for group, pages in reads._MEMBERS.items()),
        ("a group", reads._NAMED_MEMBERS),
    )
    for (sort, after), statement in pages.items()
} | {
    "relations": reads._RELATIONS,
    "attributes": reads._ATTRIBUTES,
    "shown": reads._SHOWN,
    "tally": reads._TALLY,
    "groups": reads._GROUPS,
    "session": f"{sessions._SESSION} WHERE {sessions._IS_ONE_OF_THE_ACCOUNT}",
    "sessions": f"{sessions._SESSION} WHERE mid = $2 ORDER BY created DESC, digest",
    "sign-out": "DELETE FROM session WHERE mid = $2",
}


@pytest.fixture(scope="module")
def distributed() -> Iterator[str]:
    if not postgres.has_citus():
        pytest.skip("the server that GUANXI_TEST_POSTGRES names has no Citus")
    with postgres.schema() as address:
        asyncio.run(schema.init(address, distribute=True))
        yield address


@pytest.mark.parametrize("name", STATEMENTS)
def test_one_statement_on_one_shard(distributed: str, name: str) -> None:
    statement = STATEMENTS[name]
    arrays = {"relations", "attributes", "shown"}
    for number in sorted(set(re.findall(r"\$(\d+)", statement)), key=int, reverse=True):
        value = "ARRAY[2, 3]::bigint[]" if name in arrays and number == "2" else number
        if name == "session" and number == "1":
            value = "decode('01', 'hex')"
        statement = statement.replace(f"${number}", value)

    async def explained() -> list[str]:
        db = await asyncpg.connect(distributed)
        try:
            return [row[0] for row in await db.fetch(f"EXPLAIN (COSTS off) {statement}")]
        finally:
            await db.close()

    plan = asyncio.run(explained())
    assert [line.strip() for line in plan if "Task Count" in line] == ["Task Count: 1"], plan
    assert not any("Subplan" in line for line in plan), plan


@pytest.mark.usefixtures("runner")
async def test_the_number_of_shards_is_chosen_once() -> None:
    if not postgres.has_citus():
        pytest.skip("the server that GUANXI_TEST_POSTGRES names has no Citus")
    plans: list[Distribution] = []
    with postgres.schema() as address:
        for shards in (3, 5):
            await schema.init(address, distribute=True, shards=shards, plan=plans.append)
        name = address.rpartition("=")[2]
        counted = "SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = '{}.{}'::regclass"
        for table in ("account", "relation", "account_name"):
            assert postgres.sql(counted.format(name, table)) == 3
        assert plans[0].shards is None
        assert {"relation", "account_name", "meta"} <= {*plans[0].pending}
        assert (plans[1].shards, plans[1].pending) == (3, [])
        findings = {one.check: one async for one in doctor.examine(address)}
        assert not [one for one in findings.values() if one.level is Level.ERROR]
        assert "3 shards of each table" in findings["distribution"].found.en
