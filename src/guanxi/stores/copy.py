"""Copying of a store: accounts, groups, relations, requests, documents, erasures, sessions, tokens,
secret.

A copy reads and writes through the port, part by part, in batches of whole accounts. After each
batch the target notes the progress; an interrupted copy resumes there, and to write a batch, or a
part of one, twice changes nothing. The audit log is copied with the tokens of the administration.
Grants of QR sign-ins, which last minutes, are not copied.
Do not write to the source during a copy: a change to an account that is already copied is not in
the target. ``differences`` names the accounts that differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from guanxi.accounts.administrators import AuditEntry
from guanxi.accounts.secrets import Session
from guanxi.stores.port import Erasure, OwnedGroup, Store, StoreError
from guanxi.stores.port.info import COPYING
from guanxi.text import Text
from guanxi.world.kind import Entry

T = TypeVar("T")

_COUNTS, _SESSIONS, _TOKENS = "counts", "sessions", "tokens"
_AUDIT, _SECRET = "audit log", "secret"
#: How many entries of the audit log are copied at the same time.
_ENTRIES = 500
#: How many sessions are written concurrently.
_CONCURRENT_SESSIONS = 64

#: Called with the name of the current part and the number of its rows that are done.
Progress = Callable[[str, int], None]


class Difference(NamedTuple):
    """A part in which two stores differ, and the account (0 for tokens, audit log and secret)."""

    part: str
    mid: int


class _Done(Struct, frozen=True):
    """The progress of a copy, as the target stores it.

    ``source`` identifies the source, ``part`` is the current part, and ``after`` the last account
    of it that is done.
    """

    source: str
    part: str
    after: int


class Part(NamedTuple):
    """One kind of rows: how to read them by account, and how to write them."""

    name: str
    rows: Callable[[Store, int], AsyncIterator[Any]]
    owner: Callable[[Any], int]
    put: Callable[[Store, Sequence[Any]], Awaitable[object]]
    #: The least number of rows in a batch, which then extends to the end of the account.
    batch_size: int


async def _put_groups(store: Store, rows: Sequence[OwnedGroup]) -> None:
    await store.import_edges(tuple, groups={(row.owner, row.name): row.id for row in rows})


async def _put_entries(store: Store, rows: Sequence[Entry]) -> None:
    await store.put(rows)


async def _erasures(store: Store, after: int) -> AsyncIterator[Erasure]:
    while found := await store.erasures(after):
        for each in found:
            yield each
        after = found[-1].mid


#: The kinds of rows of a store, in the order in which they can be written.
PARTS = (
    Part(
        "accounts",
        lambda store, after: store.accounts(after),
        lambda row: int(row.account.mid),
        lambda store, rows: store.put_accounts(rows),
        10_000,
    ),
    Part(
        "groups",
        lambda store, after: store.owned_groups(after),
        lambda row: int(row.owner),
        _put_groups,
        20_000,
    ),
    Part(
        "relations",
        lambda store, after: store.edges(after),
        lambda row: int(row.follower),
        lambda store, rows: store.put_edges(rows),
        100_000,
    ),
    Part(
        "requests",
        lambda store, after: store.pending_requests(after),
        lambda row: int(row.owner),
        lambda store, rows: store.put_requests(rows),
        2_000,
    ),
    Part(
        "documents",
        lambda store, after: store.entries(after),
        lambda row: int(row.owner),
        _put_entries,
        2_000,
    ),
    # Last: nothing else is written of an account that is erased.
    Part(
        "erasures",
        _erasures,
        lambda row: int(row.mid),
        lambda store, rows: store.put_erasures(rows),
        1_000,
    ),
)
_NAMES = tuple(part.name for part in PARTS)


async def copy(source: Store, target: Store, progress: Progress, now: int) -> None:
    """Copy the source into the target; resume an interrupted copy of the same source.

    Sessions that expire by ``now``, in seconds since the Unix epoch, are not copied. ``progress``
    gets a part's name and the number of its rows copied by this call. ``StoreError`` if the target
    holds anything but an unfinished copy of this source, or if a store fails. Call ``finish``
    afterwards: until then the target is marked as unfinished.
    """
    done = await _begin(source, target)
    if done.part in _NAMES:
        for part in PARTS[_NAMES.index(done.part) :]:
            after = done.after if part.name == done.part else 0
            count = 0
            async for rows in _batches(part.rows(source, after), part.owner, part.batch_size):
                await part.put(target, rows)
                await _note(target, _Done(done.source, part.name, part.owner(rows[-1])))
                count += len(rows)
                progress(part.name, count)
        progress(_COUNTS, 0)
        progress(_COUNTS, await target.count_edges())
        await _note(target, _Done(done.source, _SESSIONS, 0))
    sessions = [session async for session in source.sessions() if session.expires > now]
    for start in range(0, len(sessions), _CONCURRENT_SESSIONS):
        end = min(start + _CONCURRENT_SESSIONS, len(sessions))
        await asyncio.gather(*map(target.open_session, sessions[start:end]))
        progress(_SESSIONS, end)
    for token in await source.admin_tokens():
        await target.put_admin_token(token)
    count = 0
    async for entries in _audit(source):
        await asyncio.gather(*map(target.append_audit, entries))
        count += len(entries)
        if entries:
            progress(_AUDIT, count)
    await target.put_note(_SECRET, source.secret)


async def _audit(store: Store) -> AsyncIterator[list[AuditEntry]]:
    """Yield the audit log page by page, the newest first; the last page is empty."""
    before = None
    while True:
        entries = await store.audit(_ENTRIES, before=before)
        yield entries
        if not entries:
            return
        before = entries[-1].number


async def _begin(source: Store, target: Store) -> _Done:
    """Return the progress noted in ``target``; if there is none, note the start and return it.

    Raise StoreError for another source's progress, or if ``target`` holds data without progress.
    """
    name = sha256(b"copy of " + source.secret).hexdigest()
    note = await target.note(COPYING)
    if note is not None:
        done = msgspec.json.decode(note, type=_Done)
        if done.source != name:
            raise StoreError(
                Text(
                    "目标中有另一个库未完成的复制：请换新的目标",
                    "the target holds an unfinished copy of another store: name a new one",
                )
            )
        return done
    for rows in (target.accounts(), target.entries()):
        async for _ in rows:
            raise StoreError(
                Text("目标不是空库：请复制到新库", "the target is not empty: copy into a new store")
            )
    done = _Done(name, _NAMES[0], 0)
    await _note(target, done)
    return done


async def _note(target: Store, done: _Done) -> None:
    await target.put_note(COPYING, msgspec.json.encode(done))


async def _batches(
    rows: AsyncIterator[T], owner: Callable[[T], int], size: int
) -> AsyncIterator[list[T]]:
    """Yield rows in lists of at least ``size``; all adjacent rows of an owner are in one list.

    The last list may be shorter.
    """
    batch: list[T] = []
    async for row in rows:
        if len(batch) >= size and owner(batch[-1]) != owner(row):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


async def differences(
    source: Store, target: Store, progress: Progress, now: int
) -> AsyncIterator[Difference]:
    """Compare two stores; yield each part of each account that differs.

    Compares the count and the checksum of an account's rows, its sessions that are valid at ``now``
    (in seconds since the Unix epoch), tokens, audit log and secrets. ``progress`` gets a
    part's name and the number of its rows compared. Raise StoreError if a read fails.
    """
    for part in PARTS:
        count = 0
        sums = [_sums(part.rows(store, 0), part.owner) for store in (source, target)]
        async for mid, in_source, in_target in _merged(*sums):
            count += max(in_source.rows, in_target.rows)
            progress(part.name, count)
            if in_source != in_target:
                yield Difference(part.name, mid)
    source_sessions, target_sessions = [
        {session async for session in store.sessions() if session.expires > now}
        for store in (source, target)
    ]
    for session in sorted(source_sessions ^ target_sessions, key=_session_order):
        yield Difference(_SESSIONS, session.mid)
    if await source.admin_tokens() != await target.admin_tokens():
        yield Difference(_TOKENS, 0)
    pages = _audit(source), _audit(target)
    async for entries in pages[0]:
        if entries != await anext(pages[1]):
            yield Difference(_AUDIT, 0)
            break
    if await target.note(_SECRET) != source.secret:
        yield Difference(_SECRET, 0)


def _session_order(session: Session) -> tuple[int, bytes]:
    return session.mid, session.digest


class _Sum(NamedTuple):
    """The number of an account's rows, and a checksum of them in order."""

    rows: int = 0
    checksum: bytes = b""


_NONE = _Sum()


async def _sums(
    rows: AsyncIterator[T], owner: Callable[[T], int]
) -> AsyncIterator[tuple[int, _Sum]]:
    """Yield each account's mid, with the count and the checksum of its rows.

    ``rows`` must be sorted by owner.
    """
    encode = msgspec.json.Encoder(order="deterministic").encode
    async for batch in _batches(rows, owner, 1):
        checksum = sha256()
        for row in batch:
            checksum.update(encode(row))
        yield owner(batch[0]), _Sum(len(batch), checksum.digest())


async def _merged(
    source: AsyncIterator[tuple[int, _Sum]], target: AsyncIterator[tuple[int, _Sum]]
) -> AsyncIterator[tuple[int, _Sum, _Sum]]:
    """Merge two iterators of sums, each in ascending order of mid; yield the mid and its two sums.

    A mid that one iterator lacks has an empty sum there.
    """
    both = source, target
    heads = [await anext(sums, None) for sums in both]
    while mids := [head[0] for head in heads if head is not None]:
        mid = min(mids)
        sums = [head[1] if head is not None and head[0] == mid else _NONE for head in heads]
        yield mid, sums[0], sums[1]
        heads = [
            await anext(rest, None) if head is not None and head[0] == mid else head
            for rest, head in zip(both, heads, strict=True)
        ]


async def finish(target: Store) -> None:
    """Mark a copy as finished, so that the target is a store like any other.

    Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
    """
    await target.put_note(COPYING, None)
