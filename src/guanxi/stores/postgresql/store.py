"""The verbs of a PostgreSQL store: each is a function on a connection and its lane."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from guanxi.accounts.account import (
    Account,
    AccountEdit,
    Brief,
    Card,
    EditRefusal,
    Privacy,
    State,
    account_at,
)
from guanxi.contract.limits import Caps
from guanxi.graph.feed import IMPORTED
from guanxi.graph.groups import GroupAct
from guanxi.graph.pair import Modify, mtime_of, sort_key_at
from guanxi.stores.acts import in_transactions
from guanxi.stores.erasing import CALL_SECONDS, Stage
from guanxi.stores.feed import Recording, account_records, mute_records, unmute_record
from guanxi.stores.port import (
    About,
    AccountRow,
    EdgeRow,
    Erasure,
    Imported,
    OnContradiction,
    OnOtherTime,
    SentRequest,
    StoreInfo,
    StoreTimeout,
    StoreUnavailable,
)
from guanxi.stores.postgresql import account_lists as lists
from guanxi.stores.postgresql import (
    administration,
    bulk,
    bulk_copied,
    bulk_staging,
    content,
    erasing,
    export,
    feed,
    notes,
    reads,
    slices,
    suggesting,
)
from guanxi.stores.postgresql import cards as people
from guanxi.stores.postgresql import check as checks
from guanxi.stores.postgresql import info as infos
from guanxi.stores.postgresql import requests as asking
from guanxi.stores.postgresql import sessions as signed_in
from guanxi.stores.postgresql.circuit import NodeDown
from guanxi.stores.postgresql.connections import Connection, commit, failures
from guanxi.stores.postgresql.engine import Engine, reading, streaming, writing
from guanxi.stores.postgresql.pairs import add_visits
from guanxi.stores.postgresql.schema import prepare
from guanxi.stores.postgresql.warming import warm
from guanxi.stores.postgresql.writer import CLOSE_SECONDS
from guanxi.world.kind import DocumentEdit, Entry, Kind, Value
from guanxi.world.marks import MUTE, Mark

T = TypeVar("T")


class PostgreSQLStore(Recording, Engine):
    """A store on a PostgreSQL server; ``stores.port.Store`` describes its methods."""

    def __init__(
        self,
        address: str,
        secret: bytes,
        clock: Callable[[], int],
        connections: int | None = None,
    ) -> None:
        super().__init__(address, clock, connections)
        self._secret, self._clock = secret, clock
        self._visits: Counter[tuple[int, int]] = Counter()
        self._flushing = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        address: str,
        *,
        create: bool = False,
        connections: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> PostgreSQLStore:
        """Open the store at an address; with ``create``, create missing tables first.

        ``connections`` is how many this process may open, at least
        ``FEWEST_CONNECTIONS``; None as in ``open_store``. ``clock`` returns
        the time in nanoseconds since the epoch. The store belongs to the running
        loop. Raise ``StoreError`` if the address is invalid, there is no store, or the version of
        the server or the schema is unsupported; ``StoreUnavailable`` if no server answers.
        """
        return cls(address, await prepare(address, create=create), clock, connections)

    # --- relations ---

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        self.owner.here()
        return await in_transactions(acts, partial(self.writer.change, caps=caps))

    page = reading(reads.page)
    members = reading(reads.members)
    search = reading(reads.search)
    common = reading(reads.common)
    known_followers = reading(reads.known_followers)
    suggestions = reading(suggesting.suggestions)
    pair = reading(reads.pair)
    pairs = reading(reads.pairs)
    relations = reading(reads.relations)
    attributes = reading(reads.attributes)
    tally = reading(reads.tally)
    groups = reading(reads.groups)
    requests = reading(asking.requests)
    sent_requests = reading(asking.sent_requests)

    def visit(self, owner: int, target: int) -> None:
        self.owner.check()
        self._visits[owner, target] += 1

    async def flush_visits(self) -> None:
        async with self._flushing:  # whoever flushes waits for what another one has taken
            visits, self._visits = self._visits, Counter()
            for key in [key for key in visits if self.circuit.is_down(key[:1])]:
                self._visits[key] += visits.pop(key)  # they wait for their node
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

    _account = reading(people.account)
    _accounts_of = reading(people.accounts_of)

    async def account(self, mid: int) -> Account | None:
        stored = await self._account(mid)
        if stored is None or stored.ban is None:
            return stored
        return account_at(stored, self._seconds())

    async def accounts_of(self, mids: Sequence[int]) -> dict[int, Account]:
        now = self._seconds()
        return {mid: account_at(one, now) for mid, one in (await self._accounts_of(mids)).items()}

    created = reading(lists.created)
    _cards = reading(people.cards)
    _briefs = reading(people.briefs)
    _tails = reading(people.tails)

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        rows = await self.rows_of(people.CARD, mids, partly=True)
        return await self._cards(mids) if rows is None else people.cards_in(rows)

    async def briefs(self, mids: Sequence[int]) -> dict[int, Brief]:
        rows = await self.rows_of(people.BRIEF, mids)
        return await self._briefs(mids) if rows is None else people.briefs_in(rows)

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        rows = await self.rows_of(people.TAIL, mids, partly=True)
        return await self._tails(mids) if rows is None else people.tails_in(rows)

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        now = sort_key_at(self._clock())
        if edit.state is State.DEREGISTERED:
            while await self.write(partial(people.end_requests_ahead, mid=mid, edit=edit, now=now)):
                pass
        return await self.write(lambda db: _edit_account(db, now, mid, edit, documents))

    open_session = writing(signed_in.open_session)
    session = reading(signed_in.session)
    sessions_of = reading(signed_in.sessions_of)
    use_sessions = writing(signed_in.use_sessions)
    close_session = writing(signed_in.close_session)
    close_sessions = writing(signed_in.close_sessions)
    mids = reading(people.mids)

    async def put_grant(
        self, digest: bytes, mid: int, expires: int, *, again: bool = False
    ) -> bool:
        now = self._seconds()
        return await self.write(
            lambda db: signed_in.put_grant(db, digest, mid, expires, now, again=again)
        )

    async def take_grant(self, digest: bytes) -> int | None:
        # Clients poll for a grant: that must not cost a write transaction.
        now = self._seconds()
        mid = await self.read(signed_in.grant, digest, now)
        if not mid:
            return mid
        return await self.write(lambda db: signed_in.take_grant(db, digest, now))

    @property
    def secret(self) -> bytes:
        return self._secret

    # --- content ---

    async def put(self, entries: Sequence[Entry], *, by: int = 0) -> None:
        now = sort_key_at(self._clock())

        async def work(db: Connection) -> None:
            stored = await content.put(db, entries, by=by, now=now)
            await feed.append(db, now, *mute_records(stored))

        await self.write(work)

    get = reading(content.get)
    find = reading(content.find)
    documents_of = reading(content.documents_of)
    documents = reading(content.documents)
    count = reading(content.count)
    counts = reading(content.counts)
    total = reading(content.total)

    async def delete(
        self,
        kind: Kind[T],
        owner: int,
        ids: Sequence[int] | None = None,
        where: Mapping[str, Value] = {},
        *,
        by: int = 0,
    ) -> int:
        now = sort_key_at(self._clock())

        async def work(db: Connection) -> int:
            ended: dict[tuple[int, int], Mark] = {}
            if kind.name == MUTE.name and (ids is None or ids):
                ended = await content.documents_of(db, MUTE, [owner], ids)
            deleted = await content.delete(db, kind, owner, ids, where, by=by, now=now)
            await feed.append(db, now, *(unmute_record(owner, mute) for mute in ended.values()))
            return deleted

        return await self.write(work)

    # --- the feed of changes ---

    _changes_after = reading(feed.changes_after)
    changes_status = reading(feed.changes_status)
    _set_changes = writing(feed.set_changes)
    _trim = writing(feed.trim)
    mark_restored = writing(feed.mark_restored)

    # --- administration ---

    put_admin_token = writing(administration.put_admin_token)
    admin_token = reading(administration.admin_token)
    admin_tokens = reading(administration.admin_tokens)
    delete_admin_token = writing(administration.delete_admin_token)
    append_audit = writing(administration.append_audit)
    end_audit = writing(administration.end_audit)
    audit = reading(administration.audit)
    trim_audit = writing(administration.trim_audit)

    async def refresh_secret(self) -> bool:
        secret = await self.note("secret")
        if secret is None or secret == self._secret:  # the same object shows that nothing changed
            return False
        self._secret = secret
        return True

    # --- erasures ---

    async def erase(self, mid: int) -> Erasure | None:
        until = time.monotonic() + CALL_SECONDS
        while True:
            found = await self.erasure(mid)
            ended = False
            if found is not None and found.stage == Stage.WAITING:
                ended = await self.read(erasing.others_ended)
            now = sort_key_at(self._clock())
            found = await self.write(partial(erasing.erase_part, mid=mid, now=now, ended=ended))
            if found is None or found.finished or time.monotonic() >= until:
                return found

    erasure = reading(erasing.erasure)
    erasures = reading(erasing.erasures)
    put_erasures = writing(erasing.put_erasures)

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
        """Import edges as the port describes; the tables are locked only after all are checked."""
        self.owner.here()
        async with self.pools.patient() as db:
            await bulk_staging.stage(db, rows(), self._seconds(), progress)
            with failures():
                in_slices = await slices.are_needed(db)
                await bulk_staging.pair(db, in_slices=in_slices)
                if in_slices:
                    return await slices.write(
                        db,
                        accounts or {},
                        groups or {},
                        strict=strict,
                        on_contradiction=on_contradiction,
                        on_other_time=on_other_time,
                        now=lambda: sort_key_at(self._clock()),
                    )
                await db.transaction().start()
                imported = await bulk.write(
                    db,
                    accounts or {},
                    groups or {},
                    strict=strict,
                    on_contradiction=on_contradiction,
                    on_other_time=on_other_time,
                )
                await feed.append(db, sort_key_at(self._clock()), IMPORTED)
                await commit(db)
            return imported

    async def put_edges(self, rows: Sequence[EdgeRow]) -> None:
        await self._alone(partial(bulk_copied.put_edges, rows=rows))

    async def count_edges(self) -> int:
        async def count(db: Connection) -> int:
            counted = await bulk_copied.count(db)
            await feed.append(db, sort_key_at(self._clock()), IMPORTED)
            return counted

        return await self._alone(count)

    async def _alone(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do work that may take minutes in a transaction, on a connection of its own."""
        self.owner.here()
        async with self.pools.patient() as db:
            with failures():
                await db.transaction().start()
                done = await work(db)
                await commit(db)
                return done

    edges = streaming(export.edges)

    def accounts(
        self, after: int = 0, at: Callable[[str | None], object] | None = None
    ) -> AsyncIterator[AccountRow]:
        return self.stream(people.accounts, after, at, now=self._seconds())

    put_accounts = writing(lists.put_accounts)
    list_accounts = reading(lists.list_accounts)

    def about(self, mid: int) -> AsyncIterator[About]:
        return self.stream(lists.about, mid, self._seconds())

    owned_groups = streaming(export.owned_groups)
    pending_requests = streaming(asking.pending_requests)

    async def put_requests(self, rows: Sequence[SentRequest]) -> Imported:
        now = sort_key_at(self._clock())
        return await self.write(lambda db: asking.put_requests(db, rows, now))

    entries = streaming(export.entries)
    sessions = streaming(signed_in.sessions)
    note = reading(notes.note)
    put_note = writing(notes.put_note)
    check = streaming(checks.check)
    _info = streaming(infos.info)

    async def info(self, *, exact: bool = False) -> StoreInfo:
        [found] = [one async for one in self._info(exact)]
        return found

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        self.writer.waited = seen

    def forget(self) -> None:
        self.owner.check()
        self._visits.clear()

    async def ready(self) -> None:
        self.owner.here()
        with suppress(NodeDown):  # the others answer
            await self._fill()
            await self.tally(0)
            await self.write(_check_writable)

    async def _fill(self) -> None:
        try:
            with failures():
                await self.pools.fill(warm)
                await self.nodes.fill(people.TAIL)
        except StoreUnavailable as error:
            if error.__cause__ is not None:
                await self.circuit.after(error.__cause__)
            raise

    async def close(self) -> None:
        if self.owner.closed:
            return
        try:
            with suppress(TimeoutError):  # visits may be lost
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.flush_visits()
        finally:
            await super().close()

    def _seconds(self) -> int:
        return self._clock() // 10**9


async def _edit_account(
    db: Connection,
    now: int,
    mid: int,
    edit: AccountEdit,
    documents: Sequence[DocumentEdit[Any]],
) -> EditRefusal | None:
    """Change an account, and append that to the feed; expects a transaction."""
    edited = await people.edit_account(db, mid, edit, documents, now=mtime_of(now))
    if isinstance(edited, EditRefusal):
        return edited
    await feed.append(db, now, *account_records(*edited))
    return None


async def _check_writable(connection: Connection) -> None:
    """Write without a change. Raise asyncpg's error if the server is read-only or cannot write."""
    await connection.execute("SELECT mid FROM tally WHERE mid = 0 FOR UPDATE")
    # A transaction with an id has a record of its commit, which must reach the disk.
    await connection.execute("SELECT pg_current_xact_id()")
