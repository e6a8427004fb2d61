"""The verbs of a SQLite store: each is a function on a connection and the lane that it runs in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import apsw

from guanxi.accounts.account import (
    Account,
    AccountEdit,
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
from guanxi.stores.acts import Doing, Unfinished, in_transactions
from guanxi.stores.feed import Recording, account_records, mute_records, unmute_record
from guanxi.stores.lines import LATEST
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
)
from guanxi.stores.sqlite import account_lists as lists
from guanxi.stores.sqlite import (
    administration,
    bulk,
    content,
    erasing,
    export,
    feed,
    reads,
    shared,
    suggesting,
)
from guanxi.stores.sqlite import cards as people
from guanxi.stores.sqlite import check as checks
from guanxi.stores.sqlite import info as infos
from guanxi.stores.sqlite import requests as asking
from guanxi.stores.sqlite.engine import Engine, reading, streaming, writing
from guanxi.stores.sqlite.grouping import ROWS, regroup
from guanxi.stores.sqlite.opening import connect, failures, prepare
from guanxi.stores.sqlite.pairs import add_visits, modify
from guanxi.stores.sqlite.slices import write_slices
from guanxi.stores.sqlite.writer import turn
from guanxi.world.kind import DocumentEdit, Entry, Kind, Value
from guanxi.world.marks import MUTE

T = TypeVar("T")

#: New accounts by mid, and the ids of new groups by owner and name.
_New: TypeAlias = tuple[
    Mapping[int, tuple[Card, Privacy, State]],
    Mapping[tuple[int, str], int],
]
#: The note that ``ready`` writes.
_READY = "ready"
#: How many documents are deleted, and visits added, in one transaction: about 10 ms.
DOCUMENTS, VISITS = 200, 500


class SQLiteStore(Recording, Engine):
    """A store in one SQLite file; ``stores.port.Store`` documents the methods."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        super().__init__(path)
        self._clock = clock
        try:
            secret = self.db.execute("SELECT value FROM meta WHERE name = 'secret'").get
        except apsw.Error:
            self._shut()
            raise
        self._secret: bytes = secret
        self._visits: Counter[tuple[int, int]] = Counter()
        self._flushing = asyncio.Lock()

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
        def apply(part: Sequence[Doing]) -> Awaitable[tuple[list[int], Sequence[Doing]]]:
            return self.write(lambda db: _apply(db, part, caps, sort_key_at(self._clock())))

        self.owner.check()
        return await in_transactions(acts, apply)

    page = reading(reads.page)
    members = reading(reads.members)
    search = reading(reads.search)
    common = reading(shared.common)
    known_followers = reading(shared.known_followers)
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
        self._check_file()  # periodically, also while nothing is written
        async with self._flushing:  # whoever flushes waits for what another one has taken
            await self._write_visits()

    async def _write_visits(self) -> None:
        visits, self._visits = self._visits, Counter()
        rest = [*visits.items()]
        while rest:  # other writes get their turn after so many
            some, rest = dict(rest[:VISITS]), rest[VISITS:]
            try:
                await self.write(partial(add_visits, counts=some))
            except StoreTimeout:
                self._visits.update(dict(rest))
                raise  # these may have been written
            except Exception:
                self._visits.update(some)
                self._visits.update(dict(rest))
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
    cards = reading(people.cards)
    briefs = reading(people.briefs)
    tails = reading(people.tails)

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        now = sort_key_at(self._clock())
        if edit.state is State.DEREGISTERED:
            while await self.write(partial(people.end_requests_ahead, mid=mid, edit=edit, now=now)):
                pass
        return await self.write(lambda db: _edit_account(db, now, mid, edit, documents))

    open_session = writing(people.open_session)
    session = reading(people.session)
    sessions_of = reading(people.sessions_of)
    use_sessions = writing(people.use_sessions)
    close_session = writing(people.close_session)
    close_sessions = writing(people.close_sessions)
    mids = reading(people.mids)

    _grant = reading(people.grant)

    async def put_grant(
        self, digest: bytes, mid: int, expires: int, *, again: bool = False
    ) -> bool:
        now = self._seconds()
        return await self.write(
            lambda db: people.put_grant(db, digest, mid, expires, now, again=again)
        )

    async def take_grant(self, digest: bytes) -> int | None:
        # A client polls until the sign-in is confirmed: those polls must not wait for the writer.
        now = self._seconds()
        mid = await self._grant(digest, now)
        if not mid:
            return mid
        return await self.write(lambda db: people.take_grant(db, digest, now))

    @property
    def secret(self) -> bytes:
        return self._secret

    # --- content ---

    async def put(self, entries: Sequence[Entry], *, by: int = 0) -> None:
        now = sort_key_at(self._clock())

        def work(db: apsw.Connection) -> None:
            stored = content.put(db, entries, by=by, now=now)
            feed.append(db, now, *mute_records(stored))

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
        if kind.name == MUTE.name:
            return await self._unmute(owner, ids, where, by)
        deleted = 0
        start: int | None = -(2**63)
        while start is not None:  # other writes get their turn after so many documents
            some, start = await self.write(
                partial(
                    content.delete,
                    kind=kind,
                    owner=owner,
                    ids=ids,
                    where=where,
                    start=start,
                    most=DOCUMENTS,
                    by=by,
                    now=sort_key_at(self._clock()),
                )
            )
            deleted += some
        return deleted

    async def _unmute(
        self, owner: int, targets: Sequence[int] | None, where: Mapping[str, Value], by: int
    ) -> int:
        """Delete mutes, all if ``targets`` is None, and append that to the feed."""
        now = sort_key_at(self._clock())
        if targets is None:
            targets = [mid for _, mid in await self.documents_of(MUTE, [owner])]

        def work(db: apsw.Connection, part: Sequence[int]) -> int:
            ended = content.documents_of(db, MUTE, [owner], part) if part else {}
            content.delete(db, MUTE, owner, part, where, start=0, most=len(part), by=by, now=now)
            feed.append(db, now, *(unmute_record(owner, mute) for mute in ended.values()))
            return len(ended)

        deleted = 0
        for start in range(0, max(len(targets), 1), DOCUMENTS):  # other writes get their turn
            part = targets[start : start + DOCUMENTS]
            deleted += await self.write(partial(work, part=part))
        return deleted

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
        self.owner.here()

        def work() -> Erasure | None:
            with failures():
                return erasing.erase(self.path, mid, lambda: sort_key_at(self._clock()))

        return await self.apart(work)

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
        """Import edges as the port describes; the write lock is held only after all are checked."""
        return await self._import(
            rows,
            self._seconds(),
            (accounts or {}, groups or {}),
            strict=strict,
            on_contradiction=on_contradiction,
            on_other_time=on_other_time,
            progress=progress,
        )

    async def _import(
        self,
        rows: Callable[[], Iterable[EdgeRow]],
        latest: int,
        new: _New = ({}, {}),
        *,
        strict: bool = False,
        on_contradiction: OnContradiction = "refuse",
        on_other_time: OnOtherTime = "replace",
        progress: Callable[[int], None] | None = None,
    ) -> Imported:
        """Import edges that are not later than ``latest``, in seconds since the Unix epoch."""
        self.owner.here()
        now = sort_key_at(self._clock())

        def work() -> Imported:
            with failures(), closing(connect(self.path, writes=True)) as db:
                is_sorted = bulk.stage(db, rows(), latest, progress)
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
                            feed.append(db, now, IMPORTED)
                            return bulk.write(db, *new, is_sorted=is_sorted)
                return write_slices(db, self.path, *new, now, on_other_time)

        return await self.apart(work)

    async def put_edges(self, rows: Sequence[EdgeRow]) -> None:
        await self._import(lambda: rows, LATEST)

    async def count_edges(self) -> int:
        """Return 0: the counts, and the feed, change with the edges."""
        return 0

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
    sessions = streaming(people.sessions)
    note = reading(people.note)
    put_note = writing(people.put_note)
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
        await self.tally(0)
        self._check_file()
        # An empty transaction would succeed on a full disk.
        now = str(time.time_ns()).encode()
        await self.write(lambda db: people.put_note(db, _READY, now))

    async def close(self) -> None:
        if self.owner.closed:
            return
        self.owner.here()
        self.writer.give_up()  # the visits have the same second as the other writes
        try:
            if self._visits or self._flushing.locked():
                await self.flush_visits()
        finally:
            await super().close()

    def _check_file(self) -> None:
        # On the loop's own connection: the writer's is in use by its thread.
        with failures():
            self.writer.file.check(self.db)

    def _seconds(self) -> int:
        return self._clock() // 10**9


def _edit_account(
    db: apsw.Connection,
    now: int,
    mid: int,
    edit: AccountEdit,
    documents: Sequence[DocumentEdit[Any]],
) -> EditRefusal | None:
    """Change an account and append that to the feed; the caller commits."""
    edited = people.edit_account(db, mid, edit, documents, now=mtime_of(now))
    if isinstance(edited, EditRefusal):
        return edited
    if feed.is_on(db):
        feed.put(db, now, *account_records(*edited))
    return None


def _apply(
    db: apsw.Connection, acts: Sequence[Doing], caps: Caps, now: int
) -> tuple[list[int], Sequence[Doing]]:
    """Apply acts until they have changed ``ROWS`` rows; return their codes and the acts left.

    ``now`` is the current time's sort key. The caller commits.
    """
    codes: list[int] = []
    most = db.total_changes() + ROWS
    for at, act in enumerate(acts):
        room = most - db.total_changes()
        if room <= 0:
            return codes, acts[at:]
        code = (
            modify(db, act, caps, now)
            if isinstance(act, Modify)
            else regroup(db, act, caps, now, room)
        )
        if isinstance(code, Unfinished):
            return codes, [code, *acts[at + 1 :]]
        codes.append(code)
    return codes, ()
