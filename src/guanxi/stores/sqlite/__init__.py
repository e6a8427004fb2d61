"""The embedded store: SQLite, one file in WAL mode, several processes at once.

Changes go through one writer thread a process, which commits what arrives together at once and
syncs it to disk before anything is answered. Short reads run where they are asked; longer ones on a
thread of their own. Beside the file stand SQLite's ``-wal`` and ``-shm`` while it is open, and
``-turn``, an empty file that orders the writers. See ``schema`` for versions and migration.
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
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT, Modify, Pair, Relation, sort_key_at
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
from guanxi.world.kind import ONLY, Entry, Kind, Value

P = ParamSpec("P")
T = TypeVar("T")

#: A read that passes over more rows than this has a thread of its own.
SHORT = 2_000
#: How many long reads may wait, and how long one may take.
LONG_WAITING, LONG_SECONDS = 256, 10.0
_PROGRESS_STEPS = 10_000
#: How many rows of a read of the whole store cross from its thread at once.
_STREAMED = 1_000


class SQLiteStore:
    """A store in one file; see ``stores.port.Store`` for what each verb does."""

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
        """The store at a path, made where it is missing if ``create``.

        ``clock`` tells nanoseconds since 1970. ``StoreError`` as ``schema.prepare`` says.
        """
        path = Path(address)
        await asyncio.to_thread(prepare, path, create=create)
        with failures():
            return cls(path, clock)

    # --- relations ---

    async def change(self, acts: Sequence[Modify | GroupAct], limits: Limits) -> list[int]:
        def apply(db: apsw.Connection) -> list[int]:
            now = sort_key_at(self._clock())
            return [
                modify(db, act, limits, now)
                if isinstance(act, Modify)
                else regroup(db, act, limits)
                for act in acts
            ]

        return await self._writer.run(apply)

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
        counted, self._visits = self._visits, Counter()
        if not counted:
            return
        try:
            await self._writer.run(lambda db: add_visits(db, counted))
        except StoreUnavailable:
            self._visits.update(counted)
            raise

    # --- accounts ---

    async def account(self, mid: int) -> Account | None:
        return self._read(cards.account, mid)

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        return self._read(cards.cards, mids)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        return self._read(cards.tails, mids)

    async def put_account(self, mid: int, card: Card, privacy: Privacy | None = None) -> None:
        await self._writer.run(lambda db: cards.put_account(db, mid, card, privacy))

    async def set_privacy(self, mid: int, privacy: Privacy) -> None:
        await self._writer.run(lambda db: cards.set_privacy(db, mid, privacy))

    async def set_state(self, mid: int, state: State) -> None:
        await self._writer.run(lambda db: cards.set_state(db, mid, state))

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
        # Who waits for a grant asks again and again: that must not wait for the writer.
        if not self._read(cards.granted, digest):
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
        """As the port has it; ``rows`` and ``progress`` are called on another thread.

        ``progress`` is told how many edges were read. The write lock is held only once all are
        read and agree with one another.
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
        return self._stream(lambda db: cards.everybody(db, after))

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
        """What a read of the whole store finds, as of one moment, on a thread of its own."""
        with ThreadPoolExecutor(1, thread_name_prefix="guanxi-stream") as thread:
            run = partial(asyncio.get_running_loop().run_in_executor, thread)
            db = await run(connect, self._path)
            try:
                with failures():
                    await run(db.execute, "BEGIN")
                    found = read(db)
                    while chunk := await run(list, islice(found, _STREAMED)):
                        for each in chunk:
                            yield each
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
        """A short read, here and now.

        Reads in one turn of the loop share a snapshot: to begin and end one costs as much as a
        short read. None sees less than it should: whatever runs before the snapshot ends was ready
        to run before it began, and so waited for no answer, and no request, that came later. (Who
        waits for another process without giving the loop a turn sees the same moment again.)
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
        """A longer read, on its thread, within its bounds."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._long_waiting >= LONG_WAITING:
            raise StoreUnavailable("too many wait to read")

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
