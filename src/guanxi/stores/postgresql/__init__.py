"""The store past one machine: PostgreSQL, plain or sharded by Citus, shared by many processes.

Acts that arrive together in a process share a transaction; reads are one statement each, on a
connection of a bounded pool. What nothing was done for is tried again within a bound; see
``connections``. See ``schema`` for how the tables are made, spread and brought up to date.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from guanxi.accounts.account import Account, AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Modify, Pair, Relation
from guanxi.stores.acts import in_transactions
from guanxi.stores.port import (
    Documents,
    EdgeRow,
    Fault,
    GroupRow,
    OwnedGroup,
    Query,
    Slice,
    StoreTimeout,
    Tally,
)
from guanxi.stores.postgresql import bulk, cards, check, content, export, reads
from guanxi.stores.postgresql.connections import (
    PATIENT,
    Connection,
    Connections,
    commit,
    connect,
    failures,
    retried,
)
from guanxi.stores.postgresql.pairs import add_visits
from guanxi.stores.postgresql.schema import prepare
from guanxi.stores.postgresql.writer import LANES, Writer
from guanxi.world.kind import ONLY, DocumentEdit, Entry, Kind, Value

P = ParamSpec("P")
T = TypeVar("T")

#: Connections of one process: those that read, and those that write.
READING, WRITING = 16, 2 * LANES


class PostgreSQLStore:
    """A store on a PostgreSQL server; ``stores.port.Store`` describes its methods."""

    def __init__(self, address: str, secret: bytes, clock: Callable[[], int]) -> None:
        self._address, self._secret, self._clock = address, secret, clock
        connector = partial(connect, address)
        self._reading = Connections(connector, READING)
        self._writer = Writer(Connections(connector, WRITING), clock)
        self._visits: Counter[tuple[int, int]] = Counter()
        self._closed = False

    @classmethod
    async def open(
        cls, address: str, *, create: bool = False, clock: Callable[[], int] = time.time_ns
    ) -> PostgreSQLStore:
        """Open the store at an address; with ``create``, create missing tables first.

        ``clock`` returns the time in nanoseconds since the epoch. Raise ``StoreError`` if the
        address is invalid, there is no store, or the version of the server or the schema is
        unsupported; ``StoreUnavailable`` if no server answers.
        """
        return cls(address, await prepare(address, create=create), clock)

    # --- relations ---

    async def change(self, acts: Sequence[Modify | GroupAct], limits: Limits) -> list[int]:
        return await in_transactions(acts, lambda part: self._writer.change(part, limits))

    async def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice:
        return await self._read(reads.page, listing, owner, sort, window, after)

    async def members(
        self,
        owner: int,
        group: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice | None:
        return await self._read(reads.members, owner, group, sort, window, after)

    async def search(
        self, owner: int, text: str, within: int, window: Window, after: Position | None = None
    ) -> Slice:
        return await self._read(reads.search, owner, text, within, window, after)

    async def common(
        self, owner: int, other: int, window: Window, after: Position | None = None
    ) -> Slice:
        return await self._read(reads.common, owner, other, window, after)

    async def relations(self, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
        return await self._read(reads.relations, owner, targets)

    async def pair(self, owner: int, target: int) -> Pair:
        return await self._read(reads.pair, owner, target)

    async def attributes(self, owner: int, targets: Sequence[int]) -> dict[int, int]:
        return await self._read(reads.attributes, owner, targets)

    async def tally(self, mid: int) -> Tally:
        return await self._read(reads.tally, mid)

    async def groups(self, owner: int) -> list[GroupRow]:
        return await self._read(reads.groups, owner)

    def visit(self, owner: int, target: int) -> None:
        self._visits[owner, target] += 1

    async def flush_visits(self) -> None:
        counted, self._visits = self._visits, Counter()
        if not counted:
            return
        try:
            await self._writer.run(lambda db: add_visits(db, counted))
        except StoreTimeout:
            raise  # they may have been written
        except BaseException:
            self._visits.update(counted)
            raise

    # --- accounts ---

    async def account(self, mid: int) -> Account | None:
        return await self._read(cards.account, mid)

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        return await self._read(cards.cards, mids)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        return await self._read(cards.tails, mids)

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        return await self._writer.run(lambda db: cards.edit_account(db, mid, edit, documents))

    async def open_session(self, session: Session) -> bool:
        return await self._writer.run(lambda db: cards.open_session(db, session))

    async def session(self, digest: bytes) -> Session | None:
        return await self._read(cards.session, digest)

    async def close_session(self, digest: bytes) -> bool:
        return await self._writer.run(lambda db: cards.close_session(db, digest))

    async def close_sessions(self, mid: int) -> int:
        return await self._writer.run(lambda db: cards.close_sessions(db, mid))

    async def mids(self, names: Sequence[str]) -> dict[str, int]:
        return await self._read(cards.mids, names)

    async def put_grant(self, digest: bytes, mid: int, expires: int) -> None:
        now = self._seconds()
        await self._writer.run(lambda db: cards.put_grant(db, digest, mid, expires, now))

    async def take_grant(self, digest: bytes) -> int | None:
        # Clients poll for a grant: that must not cost a write transaction.
        if not await self._read(cards.has_grant, digest):
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
        return await self._read(content.get, kind, owner, id)

    async def find(self, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
        return await self._read(content.find, kind, ids)

    async def documents(self, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
        return await self._read(content.documents, kind, owner, query)

    async def count(
        self, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
    ) -> int:
        return await self._read(content.count, kind, owner, where, text)

    async def counts(
        self, kind: Kind[T], owner: int, name: str, text: str = ""
    ) -> dict[Value, int]:
        return await self._read(content.counts, kind, owner, name, text)

    async def total(self, kind: Kind[T], owner: int, key: str) -> int:
        return await self._read(content.total, kind, owner, key)

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
        """Import edges, all or none; return how many are new or changed. Parameters: see the port.

        The store is locked only after all rows are checked. Raise ``BadLine`` for an invalid or
        contradicting row, ``StoreError`` for an invalid group, ``StoreUnavailable`` if nothing was
        written, ``StoreTimeout`` if it may have been.
        """
        with failures():
            db = await connect(self._address, PATIENT)
            try:
                await bulk.stage(db, rows(), self._seconds(), progress)
                await db.transaction().start()
                changed = await bulk.write(db, accounts or {}, groups or {}, strict=strict)
                await commit(db)
                return changed
            finally:
                await db.close()

    def edges(self, after: int = 0) -> AsyncIterator[EdgeRow]:
        return self._stream(export.edges, after)

    def accounts(self, after: int = 0) -> AsyncIterator[tuple[Account, Card]]:
        return self._stream(cards.accounts, after)

    def owned_groups(self, after: int = 0) -> AsyncIterator[OwnedGroup]:
        return self._stream(export.owned_groups, after)

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        return self._stream(export.entries, after)

    def sessions(self) -> AsyncIterator[Session]:
        return self._stream(cards.sessions)

    async def note(self, name: str) -> bytes | None:
        return await self._read(cards.note, name)

    async def put_note(self, name: str, value: bytes | None) -> None:
        await self._writer.run(lambda db: cards.put_note(db, name, value))

    def check(self) -> AsyncIterator[Fault]:
        return self._stream(check.check)

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        self._writer.waited = seen

    async def ready(self) -> None:
        await self._read(reads.tally, 0)
        await self._writer.run(_check_writable)

    async def close(self) -> None:
        if self._closed:
            return
        try:
            await self.flush_visits()
        finally:
            self._closed = True
            await self._writer.close()
            await self._reading.close()

    def _seconds(self) -> int:
        return self._clock() // 10**9

    async def _read(
        self,
        read: Callable[Concatenate[Connection, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return the result of a read on a pooled connection, retried after transient errors.

        Raise ``StoreUnavailable`` if the store is closed, busy or out of reach, ``StoreError`` for
        other errors of the server.
        """

        async def once() -> T:
            async with self._reading.acquire() as connection:
                return await read(connection, *args, **kwargs)

        with failures():
            return await retried(once)

    async def _stream(
        self,
        read: Callable[Concatenate[Connection, P], AsyncIterator[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Yield the rows of a read of the whole store, from one snapshot, on its own connection.

        Raise ``StoreUnavailable`` if the server is out of reach, ``StoreError`` for its other
        errors.
        """
        with failures():
            db = await connect(self._address, PATIENT)
            try:
                async with db.transaction(isolation="repeatable_read", readonly=True):
                    async for row in read(db, *args, **kwargs):
                        yield row
            finally:
                await db.close()


async def _check_writable(connection: Connection) -> None:
    """Raise asyncpg's error if the server is read-only. Nothing is written."""
    await connection.execute("SELECT mid FROM tally WHERE mid = 0 FOR UPDATE")
