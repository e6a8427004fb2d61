"""The verbs of a SQLite store: each is a function on a connection and the lane that it runs in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import apsw

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract.limits import Caps
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT, Modify, sort_key_at
from guanxi.stores.acts import in_transactions
from guanxi.stores.port import (
    Documents,
    EdgeRow,
    Imported,
    OnContradiction,
    OnOtherTime,
    Query,
    Slice,
    StoreTimeout,
)
from guanxi.stores.sqlite import bulk, content, export, reads
from guanxi.stores.sqlite import cards as people
from guanxi.stores.sqlite import check as checks
from guanxi.stores.sqlite.engine import Engine, long, short, streaming, writing
from guanxi.stores.sqlite.grouping import regroup
from guanxi.stores.sqlite.pairs import add_visits, modify
from guanxi.stores.sqlite.schema import connect, failures, prepare
from guanxi.stores.sqlite.slices import write_slices
from guanxi.stores.sqlite.writer import turn
from guanxi.world.kind import Kind

T = TypeVar("T")

#: A read of more rows than this (offset included) runs on the reader thread.
SHORT = 2_000


class SQLiteStore(Engine):
    """A store in one SQLite file; ``stores.port.Store`` documents the methods."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        super().__init__(path)
        self._clock = clock
        self._secret: bytes = self.db.execute("SELECT value FROM meta WHERE name = 'secret'").get
        self._visits: Counter[tuple[int, int]] = Counter()

    @classmethod
    async def open(
        cls,
        address: str | Path,
        *,
        create: bool = False,
        clock: Callable[[], int] = time.time_ns,
    ) -> SQLiteStore:
        """Open the store at a path, migrated to the current schema; create it if ``create``.

        ``clock`` returns the time in nanoseconds since the Unix epoch. The store belongs to the
        running loop. Raise ``StoreError`` if the file is missing or empty (without ``create``),
        cannot be created, is not a guanxi store, has a newer schema or cannot be migrated,
        ``StoreUnavailable`` if it is busy.
        """
        path = Path(address)
        await asyncio.to_thread(prepare, path, create=create)
        with failures():
            return cls(path, clock)

    # --- relations ---

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        def apply(db: apsw.Connection, part: Sequence[Modify | GroupAct]) -> list[int]:
            now = sort_key_at(self._clock())
            return [
                modify(db, act, caps, now) if isinstance(act, Modify) else regroup(db, act, caps)
                for act in part
            ]

        self.owner.loop()
        return await in_transactions(acts, lambda part: self.write(lambda db: apply(db, part)))

    _page, _long_page = short(reads.page), long(reads.page)
    _members, _long_members = short(reads.members), long(reads.members)

    def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Coroutine[Any, Any, Slice]:
        is_long = sort is Sort.VISITED or listing is Listing.FRIENDS or _deep(window)
        verb = self._long_page if is_long else self._page
        return verb(listing, owner, sort, window, after)

    def members(
        self,
        owner: int,
        group: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Coroutine[Any, Any, Slice | None]:
        is_long = sort is Sort.VISITED or group == DEFAULT or _deep(window)
        verb = self._long_members if is_long else self._members
        return verb(owner, group, sort, window, after)

    search = long(reads.search)
    common = long(reads.common)
    pair = short(reads.pair)
    relations = short(reads.relations)
    attributes = short(reads.attributes)
    tally = short(reads.tally)
    groups = long(reads.groups)

    def visit(self, owner: int, target: int) -> None:
        self.owner.check()
        self._visits[owner, target] += 1

    async def flush_visits(self) -> None:
        visits, self._visits = self._visits, Counter()
        if not visits:
            return
        try:
            await self.write(lambda db: add_visits(db, visits))
        except StoreTimeout:
            raise  # they may have been written
        except Exception:
            self._visits.update(visits)
            raise

    # --- accounts ---

    account = short(people.account)
    cards = short(people.cards)
    tails = short(people.tails)
    edit_account = writing(people.edit_account)
    open_session = writing(people.open_session)
    session = short(people.session)
    close_session = writing(people.close_session)
    close_sessions = writing(people.close_sessions)
    mids = short(people.mids)

    _has_grant = short(people.has_grant)

    async def put_grant(self, digest: bytes, mid: int, expires: int) -> None:
        now = self._seconds()
        await self.write(lambda db: people.put_grant(db, digest, mid, expires, now))

    async def take_grant(self, digest: bytes) -> int | None:
        # A client polls until the sign-in is confirmed: those polls must not wait for the writer.
        if not await self._has_grant(digest):
            return None
        now = self._seconds()
        return await self.write(lambda db: people.take_grant(db, digest, now))

    @property
    def secret(self) -> bytes:
        return self._secret

    # --- content ---

    put = writing(content.put)
    get = short(content.get)
    find = short(content.find)

    _documents, _long_documents = short(content.documents), long(content.documents)

    def documents(
        self, kind: Kind[T], owner: int, query: Query
    ) -> Coroutine[Any, Any, Documents[T]]:
        is_long = query.where or query.text or query.offset + query.limit > SHORT
        verb = self._long_documents if is_long else self._documents
        return verb(kind, owner, query)

    count = long(content.count)
    counts = long(content.counts)
    total = long(content.total)
    delete = writing(content.delete)

    # --- upkeep ---

    async def import_edges(
        self,
        rows: Callable[[], Iterable[EdgeRow]],
        *,
        accounts: Mapping[int, tuple[Card, Privacy, State]] | None = None,
        groups: Mapping[tuple[int, str], int] | None = None,
        strict: bool = False,
        on_contradiction: OnContradiction = "refuse",
        on_other_time: OnOtherTime = "replace",
        progress: Callable[[int], None] | None = None,
    ) -> Imported:
        """Import edges as the port describes; the write lock is held only after all are checked."""
        self.owner.loop()
        new = accounts or {}, groups or {}

        def work() -> Imported:
            with failures(), closing(connect(self.path, writes=True)) as db:
                is_sorted = bulk.stage(db, rows(), self._seconds(), progress)
                bulk.check(
                    db,
                    *new,
                    strict=strict,
                    on_contradiction=on_contradiction,
                    on_other_time=on_other_time,
                )
                if not bulk.any_stored(db):
                    with turn(db, self.path):
                        if not bulk.any_stored(db):  # since the last look at it
                            return bulk.write(db, *new, is_sorted=is_sorted)
                return write_slices(db, self.path, *new, on_other_time)

        return await asyncio.to_thread(work)

    edges = streaming(export.edges)
    accounts = streaming(people.accounts)
    owned_groups = streaming(export.owned_groups)
    entries = streaming(export.entries)
    sessions = streaming(people.sessions)
    note = short(people.note)
    put_note = writing(people.put_note)
    check = streaming(checks.check)

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        self.writer.waited = seen

    async def ready(self) -> None:
        await self.tally(0)
        await self.write(lambda _: None)

    async def close(self) -> None:
        if self.owner.closed:
            return
        try:
            await self.flush_visits()
        finally:
            await super().close()

    def _seconds(self) -> int:
        return self._clock() // 10**9


def _deep(window: Window) -> bool:
    return window.offset + window.limit > SHORT
