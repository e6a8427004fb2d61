"""The facts about a store, on every engine."""

from __future__ import annotations

from guanxi.accounts.account import Card, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.port.info import BACKED_UP, CHECKED, note_of_time
from guanxi.stores.postgresql import schema as postgresql
from guanxi.stores.sqlite import schema as sqlite
from guanxi.world.profile import NOTICE, Notice
from tests import postgres
from tests.stores.engines import START, Clock, Engine
from tests.stores.world import do, people

VERSIONS = {"SQLite": sqlite.VERSION, "PostgreSQL": postgresql.VERSION}


async def test_the_facts_about_a_store(store: Store, engine: Engine, clock: Clock) -> None:
    await people(store, 1, 2, 3, 4)
    await accounts.set_state(store, 3, State.BANNED)
    await accounts.put(store, 5, Card(name="five"))
    await accounts.set_state(store, 5, State.DEREGISTERED)
    assert (
        await do(
            store,
            Modify(1, 2, Act.FOLLOW),
            Modify(2, 1, Act.FOLLOW),
            Modify(2, 4, Act.BLOCK),
            CreateGroup(1, "a", 7),
        )
        == [0] * 4
    )
    await store.import_edges(lambda: [EdgeRow(follower=1, followed=4, time=1, kind="whisper")])
    await store.open_session(
        Session(digest=b"d", mid=1, kind=TokenKind.APP, created=1, expires=2**40)
    )
    await store.put([NOTICE.entry(1, Notice("n"))])
    if not (engine.address.startswith("postgres") and postgres.has_citus()):
        await store.set_changes(True)
        await do(store, Modify(1, 2, Act.UNFOLLOW))
        clock.advance(5)
        await do(store, Modify(1, 2, Act.FOLLOW))
        changes, oldest, newest = 2, START // 10**6, START // 10**6 + 5_000
    else:
        changes, oldest, newest = 0, None, None
    found = await store.info(exact=True)
    assert found.counts == {
        "accounts": 5,
        "followings": 2,
        "whispers": 1,
        "blocks": 1,
        "requests": 0,
        "groups": 1,
        "sessions": 1,
        "documents": 1,
        "changes": changes,
    }
    assert found.states == {"normal": 3, "banned": 1, "deregistered": 1}
    assert not found.estimated
    assert (found.oldest_change_ms, found.newest_change_ms) == (oldest, newest)
    assert found.checked is None
    assert found.backed_up is None
    await store.put_note(CHECKED, note_of_time(1_700_000_000))
    await store.put_note(BACKED_UP, note_of_time(1_700_000_001))
    again = await store.info()
    assert (again.checked, again.backed_up) == (1_700_000_000, 1_700_000_001)
    await store.trim_changes(keep_rows=1)
    assert (await store.info(exact=True)).counts["changes"] == min(changes, 1)


async def test_a_new_store_has_nothing(store: Store) -> None:
    found = await store.info(exact=True)
    assert set(found.counts.values()) == {0}
    assert found.oldest_change_ms is found.newest_change_ms is None
    assert found.schema == VERSIONS[found.engine.partition(" ")[0]]


async def test_a_check_says_what_it_looks_at(store: Store) -> None:
    await people(store, 1, 2)
    seen: list[tuple[str, float]] = []
    assert not [fault async for fault in store.check(lambda *at: seen.append(at))]
    names, shares = zip(*seen, strict=True)
    assert len({*names}) == len(names) > 10
    assert names[-3:] == ("accounts", "changes", "documents")
    assert shares[0] == 0
    assert [*shares] == sorted({*shares}), "each share is above the one before"
    assert shares[-1] < 1
