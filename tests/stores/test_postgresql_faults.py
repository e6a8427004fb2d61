"""The PostgreSQL store when its server, a lock or another client fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from random import Random
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import new_token
from guanxi.contract import errors
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores import open_store, redacted
from guanxi.stores.port import EdgeRow, Store, StoreError, StoreTimeout, StoreUnavailable
from guanxi.stores.postgresql import PostgreSQLStore, connections
from tests import postgres
from tests.counts import count
from tests.stores.world import do, faults, follow, listed, people
from tools.postgres import Server

pytestmark = pytest.mark.usefixtures("runner")

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
def restartable() -> Server:
    """Return a server that a test may stop; skip the test if another server is named."""
    return postgres.own_server()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between retries."""
    monkeypatch.setattr(connections, "PAUSES", (0.01, 0.05))


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    store = await open_store(address, create=True)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def client(address: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Provide another client's connection to the server."""
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_cancelled_close_still_closes_its_connections(address: str) -> None:
    store = await PostgreSQLStore.open(address, create=True)
    running, go_on = asyncio.Event(), asyncio.Event()

    async def pid(connection: asyncpg.Connection[asyncpg.Record]) -> int:
        return connection.get_server_pid()

    async def work(connection: asyncpg.Connection[asyncpg.Record]) -> int:
        running.set()
        await go_on.wait()
        return await pid(connection)

    reader = await store.read(pid)
    writing = asyncio.create_task(store.writer.run(work))
    await running.wait()
    closing = asyncio.create_task(store.close())
    while not store.owner.closed:
        await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    go_on.set()
    pids = (reader, await writing)
    async with client(address) as other, asyncio.timeout(30):
        statement = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)"
        while await other.fetchval(statement, pids):
            await asyncio.sleep(0.01)


# --- concurrency ---


async def test_many_accounts_follow_one_concurrently(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "POOL_SECONDS", 60)  # on a busy machine the last ones wait
    deadlocks = postgres.sql(DEADLOCKS)
    fans = range(10, count(310, 1_010))
    async with opened(address) as one, opened(address) as two:
        await one.import_edges(tuple, accounts={})
        await people(one, 1)
        await asyncio.gather(*(people(one, fan) for fan in fans))
        codes = await asyncio.gather(
            *(do((one, two)[fan % 2], Modify(fan, 1, Act.FOLLOW)) for fan in fans)
        )
        assert codes == [[0]] * len(fans)
        assert (await one.tally(1)).follower == len(fans)
        page = await two.page(Listing.FOLLOWERS, 1, Sort.NEWEST, Window(0, 2_000))
        assert sorted(row.mid for row in page.rows) == list(fans)
        assert await faults(one) == []
    assert postgres.sql(DEADLOCKS) == deadlocks


async def test_concurrent_acts_on_few_accounts(address: str) -> None:
    deadlocks = postgres.sql(DEADLOCKS)
    draw = Random(23)
    pairs = [(a, b) for a, b in product(range(1, 9), repeat=2) if a != b]
    async with opened(address) as one, opened(address) as two, opened(address) as three:
        await people(one, *range(1, 9))
        stores = one, two, three
        for _ in range(count(5, 60)):
            changes = [
                do(
                    draw.choice(stores),
                    *(
                        Modify(*draw.choice(pairs), draw.choice((1, 1, 2, 5, 6, 7)))
                        for _ in range(draw.choice((1, 1, 5)))
                    ),
                )
                for _ in range(120)
            ]
            for codes in await asyncio.gather(*changes):
                known = {0, 22001, 22002, 22003, 22014, 22120}
                assert set(codes) <= known
        assert await faults(one) == []
    assert postgres.sql(DEADLOCKS) == deadlocks


# --- locks that are not released ---


async def test_an_abandoned_prepared_transaction_blocks_only_its_rows(address: str) -> None:
    if postgres.sql("SHOW max_prepared_transactions") == "0":
        pytest.skip("the server prepares no transactions")
    name = f"left_{new_token()[:8]}"
    async with opened(address) as store, client(address) as other:
        await people(store, *range(1, 9))
        await follow(store, 1, 2)
        await other.execute("BEGIN")
        await other.execute("SELECT follows FROM relation WHERE owner = 1 AND other = 2 FOR UPDATE")
        await other.execute("SELECT following FROM tally WHERE mid = 1 FOR UPDATE")
        await other.execute("UPDATE relation SET visits = 5 WHERE owner = 2 AND other = 1")
        await other.execute(f"PREPARE TRANSACTION '{name}'")
        try:
            async with asyncio.timeout(30):
                held, *answers = await asyncio.gather(
                    do(store, Modify(1, 2, Act.UNFOLLOW)),
                    *(do(store, Modify(mid, 1, Act.FOLLOW)) for mid in range(3, 9)),
                    *(do(store, Modify(mid, 2, Act.FOLLOW)) for mid in range(3, 9)),
                    return_exceptions=True,
                )
            assert isinstance(held, StoreUnavailable)
            assert answers == [[0]] * 12
            assert await store.attributes(1, [2]) == {2: 2}
            assert sorted(await listed(store, Listing.FOLLOWERS, 1)) == [3, 4, 5, 6, 7, 8]
        finally:
            await other.execute(f"ROLLBACK PREPARED '{name}'")
        assert await do(store, Modify(1, 2, Act.UNFOLLOW)) == [0]
        assert await faults(store) == []


# --- a server that stops under load ---


class Load:
    """Writers that follow each pair once, and the outcome of each follow."""

    MIDS = range(1, 121)

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._pairs = [(a, b) for a, b in product(self.MIDS, repeat=2) if a != b]
        Random(seed).shuffle(self._pairs)
        self.confirmed: list[tuple[int, int]] = []
        self.refused: list[tuple[int, int]] = []
        self.unknown: list[tuple[int, int]] = []
        self.finished = asyncio.Event()

    async def write(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(16)))

    async def _one(self) -> None:
        while self._pairs and not self.finished.is_set():
            pair = self._pairs.pop()
            try:
                codes = await do(self._store, Modify(*pair, Act.FOLLOW))
            except StoreTimeout:
                self.unknown.append(pair)
            except StoreUnavailable:
                self.refused.append(pair)
            else:
                assert codes == [0]
                self.confirmed.append(pair)

    async def until(self, many: int) -> None:
        """Wait until ``many`` more follows are confirmed, or no pair is left."""
        wanted = len(self.confirmed) + many
        while len(self.confirmed) < wanted and self._pairs:
            await asyncio.sleep(0.005)

    async def check(self, store: Store) -> None:
        """Check that confirmed follows are stored, refused ones are not, and `check` is clean."""
        stored = {(row.follower, row.followed) async for row in store.edges()}
        assert stored >= set(self.confirmed)
        assert stored.isdisjoint(self.refused)
        assert stored <= {*self.confirmed, *self.unknown}
        assert await faults(store) == []


class FeedReader:
    """Follows the feed of changes with a store of its own, and keeps what it reads."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.follows: list[tuple[int, int]] = []
        self.finished = False

    async def read(self, store: Store, cursor: str) -> None:
        """Read until ``finished``, and then to the end; continue after errors that say so."""
        while True:
            is_last = self.finished
            try:
                found = await store.changes(cursor, 50, wait=0.05)
            except StoreUnavailable:
                continue
            cursor = found.cursor
            self.numbers += [item.number for item in found.items]
            self.follows += [(item.actor, item.target) for item in found.items]
            if is_last and not found.items:
                return


@asynccontextmanager
async def loaded(address: str, seed: int) -> AsyncIterator[Load]:
    """Run writers while the block runs; check the outcomes at the end and after reopening.

    A reader of the feed of changes runs too: it must get each stored follow once.
    """
    async with opened(address) as store, opened(address) as other:
        await people(store, *Load.MIDS)
        reader, reading = FeedReader(), None
        if not postgres.has_citus():
            await store.set_changes(True)
            start = (await store.changes_status()).cursor
            reading = asyncio.create_task(reader.read(other, start))
        load = Load(store, seed)
        writing = asyncio.create_task(load.write())
        try:
            async with asyncio.timeout(60):
                await load.until(50)
                yield load
                await load.until(50)  # writes continue
        finally:
            load.finished.set()
            await writing
            reader.finished = True
        await load.check(store)
        if reading is not None:
            await reading
            stored = [(row.follower, row.followed) async for row in store.edges()]
            assert sorted(reader.follows) == sorted(stored)
            assert reader.numbers == sorted(set(reader.numbers))
    async with opened(address) as store:
        await load.check(store)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restarted_server_loses_no_confirmed_write(
    restartable: Server, address: str, how: signal.Signals
) -> None:
    draw = Random(how)
    async with loaded(address, how) as load:
        for _ in range(count(2, 12)):
            await load.until(draw.randrange(30, 100))
            await asyncio.to_thread(restartable.stop, how)
            await asyncio.sleep(draw.uniform(0, 0.2))
            await asyncio.to_thread(restartable.start)
            if not load.refused and how is signal.SIGINT:
                await load.until(20)


async def test_terminated_backends_lose_no_confirmed_write(address: str) -> None:
    terminated, times = 0, count(12, 200)
    async with client(address) as other, loaded(address, 3) as load:
        for _ in range(times):
            await load.until(10)
            terminated += await other.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'guanxi' AND backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            )
    assert terminated > times // 2


async def test_a_stopped_server_is_unavailable_within_a_bound(
    restartable: Server, address: str, short_pauses: None
) -> None:
    async with opened(address) as store:
        await people(store, 1, 2)
        restartable.stop()
        try:
            async with asyncio.timeout(30):
                for call in (
                    do(store, Modify(1, 2, Act.FOLLOW)),
                    store.tally(1),
                    store.groups(1),
                    store.ready(),
                    open_store(address),
                ):
                    with pytest.raises(StoreUnavailable):
                        await call
        finally:
            restartable.start()
        await store.ready()
        await follow(store, 1, 2)


@pytest.mark.long
async def test_a_promoted_standby_has_every_confirmed_write() -> None:
    """The same over HTTP, also in the short form: tests/history/test_services.py."""
    primary, standby = postgres.new_server(), postgres.new_server()
    try:
        primary.make()
        primary.start(synchronous_standby_names="*")
        standby.make_standby_of(primary)
        standby.start()
        hosts = f"host={primary.folder},{standby.folder}"
        address = f"{primary.address.partition('?')[0]}?user=guanxi&{hosts}"
        async with loaded(address, 5) as load:
            await asyncio.to_thread(primary.stop, signal.SIGQUIT)
            await asyncio.to_thread(postgres.sql, "SELECT pg_promote()", address=standby.address)
            await load.until(100)
    finally:
        primary.delete()
        standby.delete()


# --- conflicts ---

_FAILING = """
CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('failed') <= {times} THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = '{code}';
    END IF;
    RETURN NEW;
END $$
"""


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_conflict_is_retried_within_a_bound(
    address: str, short_pauses: None, code: str
) -> None:
    if postgres.has_citus():
        pytest.skip("distributed tables have no triggers")
    async with opened(address) as store, client(address) as other:
        await people(store, 1, 2, 3)
        await other.execute("CREATE SEQUENCE failed")
        await other.execute(_FAILING.format(times=2, code=code))
        await other.execute(
            "CREATE TRIGGER failing BEFORE UPDATE ON tally FOR EACH ROW EXECUTE FUNCTION fail()"
        )
        assert await do(store, Modify(1, 2, Act.FOLLOW)) == [0]
        assert await other.fetchval("SELECT last_value FROM failed") == 3
        assert await do(store, Modify(1, 2, Act.FOLLOW)) == [errors.AlreadyFollowing.number]
        await other.execute(_FAILING.format(times=10**9, code=code))
        async with asyncio.timeout(30):
            with pytest.raises(StoreUnavailable):
                await do(store, Modify(1, 3, Act.FOLLOW))
        assert await store.attributes(1, [2, 3]) == {2: 2}
        await other.execute("DROP TRIGGER failing ON tally")
        assert await do(store, Modify(1, 3, Act.FOLLOW)) == [0]
        assert await faults(store) == []


async def test_a_deadlock_with_another_client_is_retried(address: str) -> None:
    async with opened(address) as store, client(address) as other:
        await people(store, 1, 2, 3)
        await follow(store, 1, 2, 3)
        await other.execute(
            "SET deadlock_timeout = '60s'"
        )  # so that the store's connection detects it first
        before = postgres.sql(DEADLOCKS)
        lock = "SELECT follows FROM relation WHERE owner = 1 AND other = $1 FOR UPDATE"
        await other.execute("BEGIN")
        await other.fetch(lock, 3)
        change = asyncio.create_task(
            do(store, Modify(1, 2, Act.UNFOLLOW), Modify(1, 3, Act.UNFOLLOW))
        )
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(10):
            while not await other.fetchval(waits):
                await asyncio.sleep(0.01)
            await other.fetch(lock, 2)  # after the store's transaction was aborted
        await other.execute("COMMIT")
        assert await change == [0, 0]
        assert await listed(store, Listing.FOLLOWINGS, 1) == []
        assert await faults(store) == []
    assert postgres.sql(DEADLOCKS) > before


# --- a read-only server ---


async def test_writes_to_a_read_only_server_are_unavailable(
    restartable: Server, address: str, short_pauses: None
) -> None:
    async with opened(address) as store:
        await people(store, 1, 2, 3)
        await follow(store, 1, 2)
        restartable.stop()
        restartable.start(default_transaction_read_only="on")
        try:
            assert await listed(store, Listing.FOLLOWINGS, 1) == [2]
            for call in (do(store, Modify(1, 3, Act.FOLLOW)), store.ready()):
                with pytest.raises(StoreUnavailable):
                    await call
        finally:
            restartable.stop()
            restartable.start()
        assert await do(store, Modify(1, 3, Act.FOLLOW)) == [0]
        assert await faults(store) == []


# --- addresses ---


@pytest.mark.parametrize(
    "place",
    [
        "me:{}@127.0.0.1:1/name",
        "127.0.0.1:1/name?user=me&password={}",
        "me:{}@127.0.0.1:port/name",
        "me:{}/#?@127.0.0.1:1/name",
        "me:a?{}@127.0.0.1:1/name",
    ],
)
async def test_no_error_contains_the_password(short_pauses: None, place: str) -> None:
    password = new_token()
    address = "postgresql://" + place.format(password)
    with pytest.raises(StoreError) as raised:
        await open_store(address, create=True)
    texts = [redacted(address), str(raised.value), repr(raised.value)]
    cause = raised.value.__cause__
    while cause is not None:
        texts.append(repr(cause))
        cause = cause.__cause__
    assert not [text for text in texts if password in text]


async def test_a_silent_host_does_not_hide_the_others(
    address: str, restartable: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host accepts connections and sends nothing, as after a network failure."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.5)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with TemporaryDirectory() as silent:
        server = await asyncio.start_unix_server(say_nothing, f"{silent}/.s.PGSQL.5432")
        schema = address.rpartition("search_path=")[2]
        hosts = f"host={silent},{restartable.folder}&search_path={schema}"
        async with opened(f"{address.partition('?')[0]}?user=guanxi&{hosts}") as store:
            await people(store, 1, 2)
            await follow(store, 1, 2)
        server.close()


@pytest.mark.parametrize("act", [Act.BLOCK, Act.REMOVE_FOLLOWER])
async def test_a_following_with_sort_key_zero_can_be_removed(address: str, act: Act) -> None:
    """A sort key of 0 is valid, not a missing one."""
    async with opened(address) as store:
        await store.import_edges(lambda: [EdgeRow(follower=1, followed=2, time=0)])
        assert await do(store, Modify(2, 1, act)) == [0]
        assert not await listed(store, Listing.FOLLOWINGS, 1)
        assert await faults(store) == []


async def test_a_cancelled_read_leaves_no_broken_connection(address: str) -> None:
    """Two reads are cancelled while the server is slow; later reads are not affected."""
    async with opened(address) as store:
        await people(store, 1, 2)
        await follow(store, 1, 2)
        async with client(address) as other:
            await other.execute("BEGIN; LOCK TABLE tally IN ACCESS EXCLUSIVE MODE")
            for _ in range(count(5, 50)):
                searches = [asyncio.create_task(store.search(1, "", 10, Window(0, 10)))]
                await asyncio.sleep(0.02)
                searches[0].cancel()
                searches.append(asyncio.create_task(store.search(1, "", 10, Window(0, 10))))
                await asyncio.sleep(0)
                searches[1].cancel()
                await asyncio.gather(*searches, return_exceptions=True)
            await other.execute("ROLLBACK")
        for _ in range(20):
            assert (await store.search(1, "", 10, Window(0, 10))).total == 1


@pytest.mark.parametrize("columns", ["name text, value text", "id bigint"])
async def test_a_table_meta_of_another_program_is_refused(address: str, columns: str) -> None:
    async with client(address) as other:
        schema = connections.schema_of(address)
        await other.execute(f"CREATE TABLE {schema}.meta ({columns})")
        for create in (False, True):
            with pytest.raises(StoreError, match="another program"):
                await open_store(address, create=create)
        assert await other.fetchval(f"SELECT count(*) FROM {schema}.meta") == 0


async def test_closing_waits_for_every_write(address: str) -> None:
    store = await open_store(address, create=True)
    await people(store, 1)
    async with client(address) as other:
        await other.execute("BEGIN")
        await other.execute("SELECT state FROM account WHERE mid = 1 FOR UPDATE")
        write = asyncio.create_task(accounts.put(store, 1, {"sign": "late"}))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        await other.execute("ROLLBACK")
    await closing
    assert write.done()
    async with opened(address) as again:
        assert (await again.cards([1]))[1].sign == "late"


async def test_an_import_waits_for_the_edits_of_its_accounts(address: str) -> None:
    async with opened(address) as store:
        await people(store, *range(1, 9))
        imported = {mid: (Card(name=f"i{mid}"), Privacy(), State.NORMAL) for mid in range(1, 9)}

        async def edit(mid: int) -> None:
            for turn in range(count(20, 100)):
                await accounts.put(store, mid, {"sign": f"{turn}"})

        async def replace_all() -> None:
            for _ in range(count(8, 40)):
                await store.import_edges(tuple, accounts=imported)

        await asyncio.gather(replace_all(), *map(edit, range(1, 9)))
        assert await faults(store) == []


WAITING = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock')"


async def test_an_import_waits_for_a_transaction_that_has_locked_rows(address: str) -> None:
    """A change of groups locks rows first and writes them later: a deadlock if both got there."""
    async with opened(address) as store, client(address) as other, client(address) as observer:
        await people(store, 1, 2)
        await follow(store, 1, 2)
        transaction = other.transaction()
        await transaction.start()
        await other.fetch("SELECT 1 FROM relation WHERE owner = 1 AND other = 2 FOR UPDATE")
        load = asyncio.ensure_future(
            store.import_edges(lambda: [EdgeRow(follower=1, followed=2, time=5)])
        )
        while not await observer.fetchval(WAITING) and not load.done():
            await asyncio.sleep(0.01)
        await other.execute("UPDATE relation SET visits = 7 WHERE owner = 1 AND other = 2")
        await transaction.commit()
        assert (await load).changed == 1
        assert await other.fetchval("SELECT visits FROM relation WHERE owner = 1") == 7
        assert await faults(store) == []


# --- what a server is set to ---


async def test_a_message_at_commit_is_judged_by_its_severity(address: str) -> None:
    """A server that logs statements may send each to its clients; a warning is about the write."""
    settings = "options=-c%20client_min_messages%3Dlog%20-c%20log_statement%3Dall"
    async with opened(f"{address}&{settings}") as store:
        await people(store, 1, 2)
        await follow(store, 1, 2)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_hold_every_text_is_refused(
    restartable: Server, encoding: str
) -> None:
    name = f"narrow_{encoding.lower()}"
    address = restartable.address.replace("postgres?", f"{name}?")
    postgres.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        for create in (True, False):
            with pytest.raises(StoreError, match=f"{encoding}.*ENCODING 'UTF8'"):
                await open_store(address, create=create)
    finally:
        postgres.sql(f"DROP DATABASE {name}")


async def test_nothing_is_done_where_the_server_refuses_a_connection(
    restartable: Server, short_pauses: None
) -> None:
    """The role may not log in any more, then its database has another name."""
    one, two = "refused_one", "refused_two"
    postgres.sql(f"CREATE DATABASE {one}", f"CREATE ROLE {one} LOGIN SUPERUSER")
    address = restartable.address.replace("postgres?", f"{one}?").replace("=guanxi", f"={one}")
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{one}'"
    try:
        async with opened(address) as store:
            await people(store, 1, 2)
            for refuse, allow in (
                (f"ALTER ROLE {one} NOLOGIN", f"ALTER ROLE {one} LOGIN"),
                (f"ALTER DATABASE {one} RENAME TO {two}", f"ALTER DATABASE {two} RENAME TO {one}"),
            ):
                for statement in (cut, refuse, cut):
                    await asyncio.to_thread(postgres.sql, statement, "SELECT 1")
                for call in (do(store, Modify(1, 2, Act.FOLLOW)), store.tally(1), store.ready()):
                    with pytest.raises(StoreUnavailable):
                        await call
                await asyncio.to_thread(postgres.sql, allow, "SELECT 1")
            assert await listed(store, Listing.FOLLOWINGS, 1) == []
    finally:
        postgres.sql(f"DROP DATABASE {one}", f"DROP ROLE {one}", "SELECT 1")
