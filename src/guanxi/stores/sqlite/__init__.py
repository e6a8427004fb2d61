"""The embedded store: one SQLite file in WAL mode, which several processes may open.

Each process has one writer thread. It commits the waiting writes in one transaction, synced to disk
before their callers continue. Short reads run on the event loop, longer ones on a reader thread.
While the file is open, SQLite's ``-wal`` and ``-shm`` files are in the same folder, as is
``-turn``, an empty file whose lock orders the writers. See ``schema`` for versions and migration.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from guanxi.accounts.account import Account, AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT, Modify, Pair, Relation, sort_key_at
from guanxi.stores.acts import in_transactions
from guanxi.stores.port import (
    Documents,
    EdgeRow,
    Fault,
    GroupRow,
    OwnedGroup,
    Query,
    Slice,
    StoreUnavailable,
    Tally,
)
from guanxi.stores.sqlite import bulk, cards, check, content, export, reads
from guanxi.stores.sqlite.grouping import regroup
from guanxi.stores.sqlite.pairs import add_visits, modify
from guanxi.stores.sqlite.schema import connect, failure, failures, prepare, snapshot
from guanxi.stores.sqlite.writer import Writer
from guanxi.world.kind import ONLY, DocumentEdit, Entry, Kind, Value

P = ParamSpec("P")
T = TypeVar("T")

#: A read of more rows than this (offset included) runs on the reader thread.
SHORT = 2_000
#: How many long reads may be waiting or running, and how many seconds one may last.
LONG_WAITING, LONG_SECONDS = 256, 10.0
#: SQLite checks the deadline of a long read after this many of its instructions.
_PROGRESS_STEPS = 10_000
#: How many rows an export or a check hands over from its thread at a time.
_STREAM_ROWS = 1_000


class SQLiteStore:
    """A store in one SQLite file; ``stores.port.Store`` documents the methods."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._db = connect(path)
        self._long_db = connect(path, busy_ms=2_000)
        self._secret: bytes = self._db.execute("SELECT value FROM meta WHERE name = 'secret'").get
        self._writer = Writer(path)
        self._long = ThreadPoolExecutor(1, thread_name_prefix="guanxi-reader")
        self._long_waiting = 0
        self._visits: Counter[tuple[int, int]] = Counter()
        self._closed = False

    @classmethod
    async def open(
        cls,
        address: str | Path,
        *,
        create: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> SQLiteStore:
        """Open the store at a path, migrated to the current schema; create it if ``create``.

        ``clock`` returns the time in nanoseconds since the Unix epoch. Raise ``StoreError`` if the
        file is missing or empty (without ``create``), is not a guanxi store, has a newer schema or
        cannot be migrated, ``StoreUnavailable`` if it is busy, ``OSError`` if it cannot be created.
        """
        path = Path(address)
        await asyncio.to_thread(prepare, path, create=create)
        with failures():
            return cls(path, clock)

    # --- relations ---

    async def change(self, acts: Sequence[Modify | GroupAct], limits: Limits) -> list[int]:
        def apply(db: apsw.Connection, part: Sequence[Modify | GroupAct]) -> list[int]:
            now = sort_key_at(self._clock())
            return [
                modify(db, act, limits, now)
                if isinstance(act, Modify)
                else regroup(db, act, limits)
                for act in part
            ]

        return await in_transactions(
            acts, lambda part: self._writer.run(lambda db: apply(db, part))
        )

    async def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice:
        if sort is Sort.VISITED or listing is Listing.FRIENDS or _deep(window):
            return await self._read_long(reads.page, listing, owner, sort, window, after)
        return self._read(reads.page, listing, owner, sort, window, after)

    async def members(
        self,
        owner: int,
        group: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice | None:
        if sort is Sort.VISITED or group == DEFAULT or _deep(window):
            return await self._read_long(reads.members, owner, group, sort, window, after)
        return self._read(reads.members, owner, group, sort, window, after)

    async def search(
        self, owner: int, text: str, within: int, window: Window, after: Position | None = None
    ) -> Slice:
        return await self._read_long(reads.search, owner, text, within, window, after)

    async def common(
        self, owner: int, other: int, window: Window, after: Position | None = None
    ) -> Slice:
        return await self._read_long(reads.common, owner, other, window, after)

    async def relations(self, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
        if len(targets) == 1:
            return self._read(reads.relation, owner, targets[0])
        return self._read(reads.relations, owner, targets)

    async def pair(self, owner: int, target: int) -> Pair:
        return self._read(reads.pair, owner, target)

    async def attributes(self, owner: int, targets: Sequence[int]) -> dict[int, int]:
        return self._read(reads.attributes, owner, targets)

    async def tally(self, mid: int) -> Tally:
        return self._read(reads.tally, mid)

    async def groups(self, owner: int) -> list[GroupRow]:
        return await self._read_long(reads.groups, owner)

    def visit(self, owner: int, target: int) -> None:
        self._visits[owner, target] += 1

    async def flush_visits(self) -> None:
        visits, self._visits = self._visits, Counter()
        if not visits:
            return
        try:
            await self._writer.run(lambda db: add_visits(db, visits))
        except StoreUnavailable:
            self._visits.update(visits)
            raise

    # --- accounts ---

    async def account(self, mid: int) -> Account | None:
        return self._read(cards.account, mid)

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        return self._read(cards.cards, mids)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        return self._read(cards.tails, mids)

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        return await self._writer.run(lambda db: cards.edit_account(db, mid, edit, documents))

    async def open_session(self, session: Session) -> bool:
        return await self._writer.run(lambda db: cards.open_session(db, session))

    async def session(self, digest: bytes) -> Session | None:
        return self._read(cards.session, digest)

    async def close_session(self, digest: bytes) -> bool:
        return await self._writer.run(lambda db: cards.close_session(db, digest))

    async def close_sessions(self, mid: int) -> int:
        return await self._writer.run(lambda db: cards.close_sessions(db, mid))

    async def mids(self, names: Sequence[str]) -> dict[str, int]:
        return self._read(cards.mids, names)

    async def put_grant(self, digest: bytes, mid: int, expires: int) -> None:
        now = self._seconds()
        await self._writer.run(lambda db: cards.put_grant(db, digest, mid, expires, now))

    async def take_grant(self, digest: bytes) -> int | None:
        # A client polls until the sign-in is confirmed: those polls must not wait for the writer.
        if not self._read(cards.has_grant, digest):
            return None
        now = self._seconds()
        return await self._writer.run(lambda db: cards.take_grant(db, digest, now))

    @property
    def secret(self) -> bytes:
        return self._secret

    # --- content ---

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._writer.run(lambda db: content.put(db, entries))

    async def get(self, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
        return self._read(content.get, kind, owner, id)

    async def find(self, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
        return self._read(content.find, kind, ids)

    async def documents(self, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
        if query.where or query.text or query.offset + query.limit > SHORT:
            return await self._read_long(content.documents, kind, owner, query)
        return self._read(content.documents, kind, owner, query)

    async def count(
        self, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
    ) -> int:
        return await self._read_long(content.count, kind, owner, where, text)

    async def counts(
        self, kind: Kind[T], owner: int, name: str, text: str = ""
    ) -> dict[Value, int]:
        return await self._read_long(content.counts, kind, owner, name, text)

    async def total(self, kind: Kind[T], owner: int, key: str) -> int:
        return await self._read_long(content.total, kind, owner, key)

    async def delete(
        self,
        kind: Kind[T],
        owner: int,
        ids: Sequence[int] | None = None,
        where: Mapping[str, Value] = {},
    ) -> int:
        return await self._writer.run(lambda db: content.delete(db, kind, owner, ids, where))

    # --- upkeep ---

    async def import_edges(
        self,
        rows: Callable[[], Iterable[EdgeRow]],
        *,
        accounts: Mapping[int, tuple[Card, Privacy, State]] | None = None,
        groups: Mapping[tuple[int, str], int] | None = None,
        strict: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Import the edges of ``rows()``, all or none; return how many are new or changed.

        ``accounts`` are created or replaced. Accounts that only the edges name get a plain card, or
        are refused if ``strict``. ``groups`` gives the ids of new groups by owner and name.
        ``progress`` is called on another thread, with the number of edges read so far. The write
        lock is acquired only after all edges are read and checked against one another. Raise
        ``BadLine`` for an invalid edge, ``StoreError`` for an invalid id in ``groups``,
        ``StoreUnavailable`` if the store is busy.
        """

        def work() -> int:
            with closing(connect(self._path, writes=True)) as db, failures():
                bulk.stage(db, rows(), self._clock() // 10**9, progress)
                with self._writer.turn(db):
                    return bulk.write(db, accounts or {}, groups or {}, strict=strict)

        return await asyncio.to_thread(work)

    def edges(self, after: int = 0) -> AsyncIterator[EdgeRow]:
        return self._stream(lambda db: export.edges(db, after))

    def accounts(self, after: int = 0) -> AsyncIterator[tuple[Account, Card]]:
        return self._stream(lambda db: cards.accounts(db, after))

    def owned_groups(self, after: int = 0) -> AsyncIterator[OwnedGroup]:
        return self._stream(lambda db: export.owned_groups(db, after))

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        return self._stream(lambda db: export.entries(db, after))

    def sessions(self) -> AsyncIterator[Session]:
        return self._stream(cards.sessions)

    async def note(self, name: str) -> bytes | None:
        return self._read(cards.note, name)

    async def put_note(self, name: str, value: bytes | None) -> None:
        await self._writer.run(lambda db: cards.put_note(db, name, value))

    def check(self) -> AsyncIterator[Fault]:
        return self._stream(check.check)

    def _seconds(self) -> int:
        return self._clock() // 10**9

    async def _stream(self, read: Callable[[apsw.Connection], Iterator[T]]) -> AsyncIterator[T]:
        """Yield what ``read`` yields, from one snapshot, on a thread and connection of its own.

        Raise ``StoreError`` for SQLite's errors, but ``apsw.Error`` if the file cannot be opened.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="guanxi-stream") as thread:
            run = partial(asyncio.get_running_loop().run_in_executor, thread)
            db = await run(connect, self._path)
            try:
                with failures():
                    await run(db.execute, "BEGIN")
                    rows = read(db)
                    while chunk := await run(list, islice(rows, _STREAM_ROWS)):
                        for row in chunk:
                            yield row
            finally:
                await run(db.close)

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        self._writer.waited = seen

    async def ready(self) -> None:
        self._read(reads.tally, 0)
        await self._writer.run(lambda _: None)

    async def close(self) -> None:
        if self._closed:
            return
        try:
            await self.flush_visits()
        finally:
            self._end_snapshot()
            self._closed = True
            await self._writer.close()
            await asyncio.to_thread(self._long.shutdown)
            self._long_db.close()
            self._db.close()

    # --- where reads run ---

    def _read(
        self, read: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``read`` with the store's read connection, on the loop's thread; return its result.

        Reads share a snapshot until the callbacks that were ready when it began have run, because
        to begin and end one costs as much as a short read. Such callbacks cannot depend on a later
        request or response, so none misses a write that it must see. (Code that blocks the loop to
        wait for another process reads the same snapshot.)

        Raise ``StoreUnavailable`` if the store is closed, ``StoreError`` for SQLite's errors as
        ``schema.failure`` converts them, and what ``read`` raises.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        db = self._db
        try:
            if not db.in_transaction:
                db.execute("BEGIN")
                asyncio.get_running_loop().call_soon(self._end_snapshot)
            return read(db, *args, **kwargs)
        except apsw.Error as error:
            raise failure(error) from error

    def _end_snapshot(self) -> None:
        if not self._closed and self._db.in_transaction:
            self._db.execute("ROLLBACK")

    async def _read_long(
        self, read: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``read`` in a snapshot of its own, on the reader thread; return its result.

        Raise ``StoreUnavailable`` if the store is closed, too many reads wait, or this one exceeds
        ``LONG_SECONDS``; ``StoreError`` for SQLite's other errors; and what ``read`` raises.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._long_waiting >= LONG_WAITING:
            raise StoreUnavailable("too many reads are waiting; retry later")

        def bounded() -> T:
            until = time.monotonic() + LONG_SECONDS
            self._long_db.set_progress_handler(lambda: time.monotonic() > until, _PROGRESS_STEPS)
            with failures(), snapshot(self._long_db):
                return read(self._long_db, *args, **kwargs)

        self._long_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._long, bounded)
        finally:
            self._long_waiting -= 1


def _deep(window: Window) -> bool:
    return window.offset + window.limit > SHORT
