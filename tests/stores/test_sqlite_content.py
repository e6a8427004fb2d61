"""Documents in the SQLite file: shared by processes, changed by hand, migrated."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import apsw
import pytest

from guanxi.accounts.account import Card, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract.limits import Limits
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.stores.port import Fault, Query, StoreError, StoreUnavailable
from guanxi.stores.sqlite.check_content import INVARIANTS
from guanxi.stores.sqlite.opening import prepare
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from tests.stores.documents import (
    MOST,
    faults,
    opened,
    put,
    video,
)


def test_documents_are_read_after_reopening_and_by_other_processes(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "s.db"
        async with opened(path) as first, opened(path) as second:
            await put(first, VIDEO, 1, video(1, view=3), video(2))
            assert await second.get(VIDEO, 1, 1) == video(1, view=3)
            assert await second.delete(VIDEO, 1, [2]) == 1
            assert await first.count(VIDEO, 1) == 1
        async with opened(path) as reopened:
            assert await reopened.find(VIDEO, [1, 2]) == {1: (1, video(1, view=3))}
            assert await reopened.total(VIDEO, 1, "view") == 3

    asyncio.run(run())


def test_every_call_on_a_closed_store_fails(tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(tmp_path / "s.db") as store:
            await store.close()
            for call in (
                put(store, VIDEO, 1, video(1)),
                store.get(VIDEO, 1, 1),
                store.find(VIDEO, [1]),
                store.documents_of(VIDEO, [1]),
                store.documents(VIDEO, 1, Query(order="view", limit=1)),
                store.documents(VIDEO, 1, Query(order="view", limit=1, text="a")),
                store.count(VIDEO, 1),
                store.counts(VIDEO, 1, "tid"),
                store.total(VIDEO, 1, "view"),
                store.delete(VIDEO, 1),
                store.mids(["a"]),
                store.put_grant(b"a", 1, 2),
                store.take_grant(b"a"),
            ):
                with pytest.raises(StoreUnavailable):
                    await call

    asyncio.run(run())


def _execute(path: Path, statement: str) -> None:
    db = apsw.Connection(str(path))
    try:
        db.execute(statement)
    finally:
        db.close()


_VIDEO_1 = " WHERE kind = 'video' AND id = 1"
_NEW_AID = """replace(CAST(body AS TEXT), '"aid":1,', '"aid":9,')"""
#: By invariant, statements that break it for the video 1 of the account 1.
STATEMENTS = {
    "a document can be read": (
        f"UPDATE content SET body = x'7b'{_VIDEO_1}",
        f"UPDATE content SET kind = 'poem'{_VIDEO_1}; DELETE FROM content_key{_VIDEO_1}",
    ),
    "what a document is found by is that of its body": (
        f"UPDATE content SET filters = replace(filters, '3', '4'){_VIDEO_1}",
        f"UPDATE content SET filters = 'torn'{_VIDEO_1}",
        f"UPDATE content SET text = 'One'{_VIDEO_1}",
        f"UPDATE content SET body = CAST({_NEW_AID} AS BLOB){_VIDEO_1}",
        f"UPDATE content_key SET value = value + 1{_VIDEO_1} AND name = 'view'",
        f"DELETE FROM content_key{_VIDEO_1} AND name = 'like'",
        "INSERT INTO content_key VALUES (1, 'video', 'view', 77, 1)",
        "INSERT INTO content_key VALUES (1, 'video', 'mood', 1, 1)",
    ),
    "a document of a unique kind has one owner": (
        f"INSERT INTO content SELECT 2, kind, id, filters, text, body FROM content{_VIDEO_1};"
        f" INSERT INTO content_key SELECT 2, kind, name, value, id FROM content_key{_VIDEO_1}",
    ),
    "each key belongs to a document": (f"DELETE FROM content{_VIDEO_1}",),
}


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        (invariant, statement)
        for invariant, statements in STATEMENTS.items()
        for statement in statements
    ],
)
def test_check_reports_a_changed_document(tmp_path: Path, invariant: str, statement: str) -> None:
    async def run() -> None:
        path = tmp_path / "s.db"
        async with opened(path) as store:
            await put(store, VIDEO, 1, video(1, view=2, tid=3, title="One"), video(2))
            await put(store, NOTICE, 1, Notice("text"))
            assert await faults(store) == []
        _execute(path, statement)
        kind = "poem" if "poem" in statement else "video"
        async with opened(path) as store:
            assert await faults(store) == [Fault(invariant, f"1, {kind} 1")]

    asyncio.run(run())


def test_every_invariant_of_documents_is_tested() -> None:
    assert set(STATEMENTS) == set(INVARIANTS)


def test_an_undecodable_document_raises_a_store_error(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "s.db"
        async with opened(path) as store:
            await put(store, VIDEO, 1, video(5))
        _execute(path, "UPDATE content SET body = x'7b'")
        async with opened(path) as store:
            for call in (
                store.get(VIDEO, 1, 5),
                store.find(VIDEO, [5]),
                store.documents_of(VIDEO, [1]),
                store.documents_of(VIDEO, [1], [5]),
                store.documents(VIDEO, 1, Query(order="view", limit=1)),
            ):
                with pytest.raises(StoreError, match="video 5 of 1"):
                    await call

    asyncio.run(run())


_SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text()


def _columns(db: apsw.Connection) -> dict[str, str]:
    """Return the columns of each table of a store, comma-separated, by table."""
    columns = defaultdict(list)
    statement = """
        SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'
    """
    for table, name in db.execute(statement):
        columns[str(table)].append(str(name))
    return {table: ", ".join(names) for table, names in columns.items()}


def _copy_to_first_schema(new: Path, old: Path) -> None:
    """Create a store of the first schema and copy the rows of ``new`` that it has tables for."""
    prepare(old, create=True, version=1, schema=_SCHEMA_1)
    db = apsw.Connection(str(old))
    try:
        columns = _columns(db)
        db.execute("ATTACH ? AS new", (str(new),))
        for table, names in columns.items():
            db.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT {names} FROM new.{table}")
    finally:
        db.close()


def _schema(path: Path) -> set[tuple[str, str]]:
    db = apsw.Connection(str(path))
    try:
        return set(db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    finally:
        db.close()


def test_a_store_of_the_first_schema_is_migrated(tmp_path: Path) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    session = Session(digest=b"a", mid=1, kind=TokenKind.COOKIE, created=1, expires=MOST)

    async def run() -> None:
        async with opened(new) as store:
            for mid, name in ((1, "one"), (2, "same"), (3, "same"), (4, "gone")):
                await accounts.put(store, mid, Card(name=name))
            await accounts.set_state(store, 4, State.DEREGISTERED)
            assert await store.change([Modify(1, 2, Act.FOLLOW)], Limits().caps) == [0]
            await store.open_session(session)
            secret = store.secret
        _copy_to_first_schema(new, old)
        async with opened(old) as store:
            assert store.secret == secret
            assert await store.session(b"a") == session
            page = await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, Window(0, 9))
            assert [row.mid for row in page.rows] == [2]
            assert await store.mids(["one", "same", "gone"]) == {"one": 1, "same": 2}
            await put(store, VIDEO, 1, video(5))
            assert await store.get(VIDEO, 1, 5) == video(5)
            assert await faults(store) == []

    asyncio.run(run())
    assert _schema(old) == _schema(new)
    assert (tmp_path / "old.db.schema-1").exists()
