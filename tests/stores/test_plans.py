"""The plan of every statement: none scans a table or an array where a search is meant."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, TypeVar

import apsw
import asyncpg
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import AccountEdit, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.lists import BY_VISITS, Listing, Position, Sort, Window
from guanxi.graph.pair import SPECIAL, Act, Contract
from guanxi.operations import erasing
from guanxi.stores.account_pages import examined
from guanxi.stores.port import AccountQuery, EdgeRow, Query
from guanxi.stores.postgresql import PostgreSQLStore, account_lists, reads
from guanxi.stores.postgresql.connections import PATIENT, connect
from guanxi.world.profile import NOTICE
from guanxi.world.videos import VIDEO
from tests import postgres
from tests.machine import PEOPLE, START
from tests.stores.documents import put, video
from tests.stores.driver import InFolder
from tests.stores.engines import ENGINES
from tests.stores.test_sqlite_statements import act_and_look

T = TypeVar("T")

#: Where a scan is meant, by a part of the statement.
MEANT = {
    "UPDATE tally SET public_version = version": "a migration",
    "SET special = counted.special": "a migration, or an import into an empty store",
    "SET members = counted.members": "a migration, or an import into an empty store",
    "EXISTS (SELECT 1 FROM following)": "whether there is any row: one is read",
    "EXISTS (SELECT 1 FROM block)": "whether there is any row: one is read",
    "DELETE FROM request WHERE EXISTS": "an import into an empty store",
    "EXISTS (SELECT 1 FROM request)": "whether there is any row: one is read",
    "EXISTS (SELECT 1 FROM erasure)": "whether there is any row: one is read",
    "EXISTS (SELECT 1 FROM contract)": "whether there is any row: one is read",
    "SELECT line FROM block AS edge": "an import checks the stored blocks, its lines are indexed",
    "SELECT line FROM whisper AS edge": "an import checks the stored whispers",
    "FROM sqlite_sequence": "it has one row",
    "FROM change_number": "it is a sequence",
    "SELECT count(*) FROM sqlite_schema": "it opens the log, and has some twenty rows",
}
#: Of these every row is meant: temporary tables of an import, and subqueries.
EVERY_ROW = (
    r"source|shown|found|staged\w*|ordered|missing|slice|touched|repeated|unknown|pair|added|gone|new"
    r"|visited|part|side|\(.*"
)


class Step(NamedTuple):
    """One line of a plan: ``within`` is the id of the line that it belongs to."""

    id: int
    within: int
    detail: str


def scans(plan: list[Step]) -> list[str]:
    """Return the lines of a plan that read a whole table, or an array once for each row.

    An array may be the first of a join's loops, which reads it once.
    """
    found = []
    begun: set[int] = set()
    for step in plan:
        if not step.detail.startswith(("SCAN", "SEARCH")):
            continue
        first = step.within not in begun
        begun.add(step.within)
        if not step.detail.startswith("SCAN") or step.detail == "SCAN CONSTANT ROW":
            continue
        name = step.detail.split()[1]
        if re.fullmatch(EVERY_ROW, name) or (first and name in ("carray", "json_each")):
            continue
        found.append(step.detail)
    return found


def test_a_scan_within_a_join_is_found() -> None:
    """The join that grouping once had: each following of the owner scanned the array."""
    joined = [Step(3, 0, "SEARCH following USING PRIMARY KEY (owner=?)"), Step(9, 0, "SCAN carray")]
    assert scans(joined) == ["SCAN carray"]
    assert scans([*reversed(joined)]) == []
    assert scans([Step(3, 0, "SCAN following")]) == ["SCAN following"]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Step]]:
    """Return the plans of the statements that SQLite runs in this test, by statement."""
    found: dict[str, list[Step]] = {}

    class Connection(apsw.Connection):
        def __init__(self, path: str, *, flags: int, statementcachesize: int = 0) -> None:
            super().__init__(path, flags=flags, statementcachesize=statementcachesize)
            self.exec_trace = self.explain

        def explain(self, _cursor: apsw.Cursor, statement: str, values: Any) -> bool:
            statement = statement.strip()
            if statement not in found and statement.startswith(
                ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
            ):
                db: apsw.Connection = self
                db.exec_trace = None
                try:
                    lines = db.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                    found[statement] = [Step(id, within, text) for id, within, _, text in lines]
                finally:
                    db.exec_trace = self.explain
            return True

    monkeypatch.setattr(apsw, "Connection", Connection)
    return found


async def in_order(rows: AsyncIterator[T]) -> list[T]:
    return [row async for row in rows]


def do_the_rest(driver: InFolder) -> None:
    """Call the verbs, and bring about the cases, that ``act_and_look`` does not."""
    do, store = driver.do, driver.store
    contract = Contract(START, 1)
    rows = [
        EdgeRow(follower=1, followed=3, time=START, groups=("a", "b"), special=True, visits=2),
        EdgeRow(follower=3, followed=1, time=START, contract=contract),
        EdgeRow(follower=1, followed=4, time=START, kind="block"),
        EdgeRow(follower=4, followed=5, time=START, kind="whisper"),
        EdgeRow(follower=50, followed=51, time=START),
    ]
    for time in (START - 9, START - 5):
        again = [replace(row, time=time) for row in rows]
        do(store.import_edges(lambda: again, on_contradiction="resolve"))  # noqa: B023 - is done
    for place in (None, Position(1, 1, 1)):
        for listing in Listing:
            for sort in Sort if listing in BY_VISITS else (Sort.NEWEST, Sort.OLDEST):
                do(store.page(listing, 1, sort, Window(0, 2), place))
        for group in (0, SPECIAL, *(row.id for row in do(store.groups(1)))):
            for sort in Sort:
                do(store.members(1, group, sort, Window(0, 2), place))
        do(store.search(1, "", 100, Window(0, 2), place))
        do(store.common(1, 3, Window(0, 2), place))
    driver.modify(1, 3, Act.UNFOLLOW)
    driver.modify(3, 1, Act.BLOCK)
    for targets in ([2, 3], list(range(2, 90))):
        do(store.relations(1, targets))
        do(store.attributes(5, targets))
    session = Session(digest=b"d", mid=1, kind=TokenKind.COOKIE, created=START, expires=START + 9)
    do(store.open_session(session))
    do(store.session(b"d"))
    do(store.sessions_of(1))
    do(store.use_sessions({b"d": START + 5}))
    do(store.created(1))
    do(in_order(store.about(1)))
    do(store.put_accounts(do(in_order(store.accounts()))[:1]))
    list_them(driver)
    do(store.close_session(b"d"))
    do(store.close_sessions(1))
    do(store.put_grant(b"g", 1, START + 900))
    do(store.take_grant(b"g"))
    do(store.cards([1, 2]))
    do(store.briefs([1, 2]))
    do(store.tails([1, 2]))
    do(store.mids(["Warma"]))
    do(store.put_note("n", b"1"))
    do(store.note("n"))
    do(store.put_note("n", None))
    do(put(store, VIDEO, 1, video(1), video(2)))
    reading = store.get(NOTICE, 1)
    do(reading)
    do(store.find(VIDEO, [1, 2]))
    do(store.documents_of(VIDEO, [1, 2]))
    do(store.documents_of(VIDEO, [1, 2], [1, 2]))
    for text in ("", "a"):
        for after in (None, (1, 1)):
            query = Query(order="view", limit=1, text=text, after=after)
            do(store.documents(VIDEO, 1, query))
        do(store.count(VIDEO, 1, {}, text))
        do(store.counts(VIDEO, 1, "tid", text))
    do(store.total(VIDEO, 1, "view"))
    do(store.delete(VIDEO, 1, [1]))
    do(store.delete(VIDEO, 1))
    do(store.edit_account(5, AccountEdit(card={"name": "new"}, unique_name=True)))
    do(store.edit_account(5, AccountEdit(state=State.DEREGISTERED)))
    do(store.set_changes(True))
    driver.modify(1, 2, Act.FOLLOW)
    do(erasing.erase(store, 1))
    do(store.erasures())
    do(store.erasures(under_way=True))
    do(store.import_edges(lambda: rows[4:], on_contradiction="resolve"))


#: The index of each order of the accounts, with the part of a statement that has the order.
ACCOUNT_LISTS = {
    "ORDER BY folded, mid": "account_by_folded",
    "ORDER BY created, mid": "account_by_created",
}


def list_them(driver: InFolder) -> None:
    """List accounts in each order, of one state and of all, from the start and after a place."""
    places: tuple[tuple[str, tuple[str | int, int] | None], ...]
    places = (("w", None), ("w", ("wa", 3)), ("", None), ("", (START, 3)))
    for name, after in places:
        for state in (None, State.BANNED, State.NORMAL):
            query = AccountQuery(name=name, state=state, limit=2, after=after)
            driver.do(driver.store.list_accounts(query, START))


def test_sqlite_lists_accounts_by_an_index_for_each_state(plans: dict[str, list[Step]]) -> None:
    """Each state is read from a position in the index on: no page reads the rows before it."""
    driver = InFolder(ENGINES["sqlite"])
    driver.start(PEOPLE, START)
    plans.clear()
    list_them(driver)
    driver.close()
    seen = 0
    for statement, plan in plans.items():
        for order, index in ACCOUNT_LISTS.items():
            if order not in statement:
                continue
            seen += 1
            column = order.split()[2].rstrip(",")
            begins = f"SEARCH account USING INDEX {index} (state=? AND {column}"
            found = [step.detail for step in plan if "account" in step.detail]
            parts = [f"{begins}=? AND rowid>?)", f"{begins}>? AND {column}<?)"]
            assert found == parts * (statement.count("FROM account") // 2)
    assert seen == 6


def test_postgresql_lists_accounts_by_an_index_for_each_state() -> None:
    driver = InFolder(ENGINES["postgresql"])
    driver.start(PEOPLE, START)

    async def explained() -> list[tuple[str, str]]:
        connection = await connect(driver.engine.address, PATIENT)
        await connection.execute("BEGIN; SET LOCAL citus.propagate_set_commands = 'local'")
        for method in ("seqscan", "bitmapscan", "sort"):
            await connection.execute(f"SET LOCAL enable_{method} = off")
        plans = []
        for query in (AccountQuery(name="w", limit=2), AccountQuery(limit=2)):
            wanted = examined(query)
            values = (*wanted.after, wanted.end, wanted.most)
            rows = await connection.fetch(f"EXPLAIN {account_lists.statement(wanted)}", *values)
            plans.append((wanted.column, "\n".join(row[0] for row in rows)))
        await connection.close()
        return plans

    found = driver.do(explained())
    driver.close()
    for column, plan in found:
        # On Citus an index and its table have the number of a shard at their ends.
        scan = re.compile(rf"Index Scan using account_by_{column}(_\d+)? on account")
        assert len(scan.findall(plan)) == 3, plan
        conditions = [line for line in plan.splitlines() if "Index Cond" in line]
        assert len(conditions) == 3
        assert all(f"ROW({column}, mid) > ROW(" in line for line in conditions), plan


#: What may read the counts of groups, which are kept.
COUNTS = {"tally", "grp"}


def test_sqlite_reads_the_groups_without_their_members(plans: dict[str, list[Step]]) -> None:
    driver = InFolder(ENGINES["sqlite"])
    driver.start(PEOPLE, START)
    act_and_look(driver)
    plans.clear()
    driver.do(driver.store.groups(1))
    driver.close()
    steps = [step.detail.split() for plan in plans.values() for step in plan]
    assert {step[1] for step in steps if step[0] in ("SCAN", "SEARCH")} == COUNTS


def test_postgresql_reads_the_groups_without_their_members() -> None:
    postgres.skip_on_citus("its plans are those of a coordinator; test_citus reads them")
    driver = InFolder(ENGINES["postgresql"])
    driver.start(PEOPLE, START)

    async def explained() -> str:
        connection = await connect(driver.engine.address, PATIENT)
        rows = await connection.fetch(f"EXPLAIN {reads._GROUPS}", 1)
        await connection.close()
        return "\n".join(row[0] for row in rows)

    plan = driver.do(explained())
    driver.close()
    assert {*re.findall(r" on ([a-z]+)\b", plan)} == COUNTS


#: A list, its most visited first, whether or not the page begins at a position.
MOST_VISITED = [
    (pages, walks)
    for pages in (reads._PAGES[Listing.FOLLOWINGS], reads._NAMED_MEMBERS)
    for walks in (False, True)
]


def test_postgresql_reads_the_most_visited_by_their_index() -> None:
    """A sort of the whole list would cost each page as much as the list is long."""
    postgres.skip_on_citus("its plans are those of a coordinator; test_citus reads them")
    driver = InFolder(ENGINES["postgresql"])
    driver.start(PEOPLE, START)

    async def explained() -> list[str]:
        connection = await connect(driver.engine.address, PATIENT)
        for method in ("seqscan", "bitmapscan", "sort"):
            await connection.execute(f"SET enable_{method} = off")
        plans = []
        for pages, walks in MOST_VISITED:
            group = [5] if pages is reads._NAMED_MEMBERS else []
            values = [1, 51, 0, *group, *([1, 1, 1] if walks else [])]
            rows = await connection.fetch(f"EXPLAIN {pages[Sort.VISITED, walks]}", *values)
            plans.append("\n".join(row[0] for row in rows))
        await connection.close()
        return plans

    found = driver.do(explained())
    driver.close()
    for plan in found:
        assert "Index Scan Backward using relation_visited" in plan, plan
        # Only the rows of the page are sorted.
        keys = [line for line in plan.splitlines() if "Sort Key" in line]
        assert all("visited.visits DESC" in key for key in keys), plan


def test_sqlite_reads_the_most_visited_by_their_index(plans: dict[str, list[Step]]) -> None:
    driver = InFolder(ENGINES["sqlite"])
    driver.start(PEOPLE, START)
    driver.do(driver.store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, Window(0, 2)))
    at = Position(1, 1, 1)
    driver.do(driver.store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, Window(0, 2), at))
    driver.close()
    found = [plan for statement, plan in plans.items() if "WITH visited" in statement]
    assert len(found) == 2
    for plan in found:
        details = [step.detail for step in plan]
        assert any("COVERING INDEX visit_by_visits (owner=?" in detail for detail in details)
        # Only those with equal visits are sorted.
        assert "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY" in details


async def sequential(address: str, statements: dict[str, tuple[Any, ...]]) -> dict[str, list[str]]:
    """Return the sequential scans of statements on PostgreSQL that an index could not replace."""
    connection = await connect(address, PATIENT)
    await connection.execute("SET enable_seqscan = off")
    await connection.execute("SET enable_bitmapscan = off")
    found = {}
    for statement, values in statements.items():
        try:
            rows = await connection.fetch(f"EXPLAIN {statement}", *values)
        except asyncpg.UndefinedTableError:  # a temporary table of an import
            continue
        lines = [row[0] for row in rows]
        if scanned := [line for line in lines if "Seq Scan on" in line]:
            found[statement] = scanned
    await connection.close()
    return found


def test_no_statement_of_postgresql_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres.skip_on_citus("its plans are those of a coordinator; test_citus reads them")
    statements: dict[str, tuple[Any, ...]] = {}
    connecting = asyncpg.connect

    def see(query: Any) -> None:
        text = query.query.strip()
        if text.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            values = query.args
            statements[text] = values[0] if isinstance(values, list) else values

    async def seen(*args: Any, **settings: Any) -> Any:
        connection = await connecting(*args, **settings)
        connection.add_query_logger(see)
        return connection

    monkeypatch.setattr(asyncpg, "connect", seen)
    driver = InFolder(ENGINES["postgresql"])
    driver.start(PEOPLE, START)
    act_and_look(driver)
    do_the_rest(driver)
    found = driver.do(sequential(driver.engine.address, statements))
    driver.close()
    assert len(statements) > 50
    assert {key for key in found if not any(part in key for part in MEANT)} == set()


def test_no_statement_of_sqlite_scans(plans: dict[str, list[Step]]) -> None:
    driver = InFolder(ENGINES["sqlite"])
    driver.start(PEOPLE, START)
    act_and_look(driver)
    do_the_rest(driver)
    driver.close()
    assert any("CROSS JOIN member" in statement for statement in plans)
    scanning = {
        statement: found
        for statement, plan in plans.items()
        if (found := scans(plan)) and not any(part in statement for part in MEANT)
    }
    assert scanning == {}
    # A write holds up all others: it reads no list from end to end. An owner has few groups.
    whole = {
        statement: step.detail
        for statement, plan in plans.items()
        for step in plan
        if not statement.startswith(("SELECT", "WITH"))
        and not statement.startswith("DELETE FROM request WHERE owner")  # of who leaves for good
        and step.detail.endswith("(owner=?)")
        and not step.detail.startswith("SEARCH grp")
    }
    assert whole == {}


@pytest.mark.usefixtures("runner")
async def test_rows_of_a_page_are_looked_up_each_by_its_key() -> None:
    """Also by a plan for any owner, which expects a short list: one owner here has a long one."""
    postgres.skip_on_citus("a plan of Citus shows one shard's tasks")
    with postgres.schema() as address:
        store = await PostgreSQLStore.open(address, create=True)
        lists = dict.fromkeys(range(10, 310), 1) | {1: 2_000}
        await store.import_edges(
            lambda: (
                EdgeRow(follower=mid, followed=other, time=1)
                for mid, length in lists.items()
                for other in range(1_000, 1_000 + length)
            )
        )
        await store.close()
        db = await connect(address, PATIENT)
        await db.execute("ANALYZE relation; SET plan_cache_mode = force_generic_plan")
        for statement, values in (
            (reads._ATTRIBUTES, "1, '{1000, 1500}'"),
            (reads._RELATIONS, "1, '{1000, 1500}'"),
            (reads._SHOWN, "1, '{1000, 1500}'"),
            (f"{reads._COMMON_WITH_FEW} SELECT other FROM found", "1, 10"),
            (f"{reads._COMMON_OF_FEW} SELECT other FROM found", "10, 1"),
            (f"{reads._KNOWN} SELECT other FROM found", "10, 1000"),
        ):
            await db.execute(f"PREPARE looked AS {statement}")
            plan = [row[0] for row in await db.fetch(f"EXPLAIN EXECUTE looked({values})")]
            conditions = [line for line in plan if "Index Cond" in line and "other = " in line]
            assert conditions, plan
            assert all("owner = " in line for line in conditions), plan
            await db.execute("DEALLOCATE looked")
        await db.close()
