"""From one store into another: accounts, groups, relations, documents, sessions and the secret.

Everything goes through the port, part by part and account by account, in runs of whole accounts
that are one transaction each. After each the target notes how far it is, so that a copy that was
interrupted goes on there; to do a run twice is to do it once. Grants of a sign-in, which last
minutes, stay behind. Nobody should write to the source meanwhile: what is written where the copy
has passed is not in it, and ``differences`` names whose it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from guanxi.accounts.account import Account, Card
from guanxi.accounts.secrets import Session
from guanxi.stores.port import EdgeRow, OwnedGroup, Store, StoreError
from guanxi.world.kind import Entry

T = TypeVar("T")

_NOTE, _SECRET = "copy", "secret"
_SESSIONS = "sessions"
#: How many sessions are opened at once.
_AT_ONCE = 64

#: Told which part is at work, and how many of its rows are done.
Progress = Callable[[str, int], None]


class Difference(NamedTuple):
    """What is not the same in two stores, and whose it is (0 for the store's own)."""

    part: str
    mid: int


class _Done(Struct, frozen=True):
    """How far a copy is: the part at work, and the last account done in it."""

    source: str
    part: str
    after: int


class _Part(NamedTuple):
    """Rows of a store in the order of their accounts, and how they are put into another."""

    name: str
    rows: Callable[[Store, int], AsyncIterator[Any]]
    owner: Callable[[Any], int]
    put: Callable[[Store, Sequence[Any]], Awaitable[object]]
    #: How many rows a run has, and then to the end of the account.
    run: int


async def _put_accounts(store: Store, rows: Sequence[tuple[Account, Card]]) -> None:
    accounts = {each.mid: (card, each.privacy, each.state) for each, card in rows}
    await store.import_edges(tuple, accounts=accounts)


async def _put_groups(store: Store, rows: Sequence[OwnedGroup]) -> None:
    await store.import_edges(tuple, groups={(row.owner, row.name): row.id for row in rows})


async def _put_edges(store: Store, rows: Sequence[EdgeRow]) -> None:
    await store.import_edges(lambda: rows)


async def _put_entries(store: Store, rows: Sequence[Entry]) -> None:
    await store.put(rows)


_PARTS = (
    _Part(
        "accounts",
        lambda store, after: store.accounts(after),
        lambda row: int(row[0].mid),
        _put_accounts,
        20_000,
    ),
    _Part(
        "groups",
        lambda store, after: store.owned_groups(after),
        lambda row: int(row.owner),
        _put_groups,
        20_000,
    ),
    _Part(
        "relations",
        lambda store, after: store.edges(after),
        lambda row: int(row.follower),
        _put_edges,
        100_000,
    ),
    _Part(
        "documents",
        lambda store, after: store.entries(after),
        lambda row: int(row.owner),
        _put_entries,
        2_000,
    ),
)
_NAMES = tuple(part.name for part in _PARTS)


async def copy(source: Store, target: Store, progress: Progress, now: int) -> None:
    """Bring all that the source holds into the target, from where an earlier copy stopped.

    ``now`` in seconds: sessions that are over by then stay behind. ``StoreError`` where the target
    holds anything but an unfinished copy of this source. ``finish`` when it has been compared.
    """
    done = await _begun(source, target)
    if done.part in _NAMES:
        for part in _PARTS[_NAMES.index(done.part) :]:
            after = done.after if part.name == done.part else 0
            count = 0
            async for run in _runs(part.rows(source, after), part.owner, part.run):
                await part.put(target, run)
                await _note(target, _Done(done.source, part.name, part.owner(run[-1])))
                count += len(run)
                progress(part.name, count)
        await _note(target, _Done(done.source, _SESSIONS, 0))
    sessions = [each async for each in source.sessions() if each.expires > now]
    for at in range(0, len(sessions), _AT_ONCE):
        await asyncio.gather(*map(target.open_session, sessions[at : at + _AT_ONCE]))
        progress(_SESSIONS, min(at + _AT_ONCE, len(sessions)))
    await target.put_note(_SECRET, source.secret)


async def _begun(source: Store, target: Store) -> _Done:
    """How far an earlier copy came; the beginning where there was none."""
    name = sha256(b"copy of " + source.secret).hexdigest()
    note = await target.note(_NOTE)
    if note is not None:
        done = msgspec.json.decode(note, type=_Done)
        if done.source != name:
            raise StoreError("the target holds an unfinished copy of another store: take a new one")
        return done
    for rows in (target.accounts(), target.entries()):
        async for _ in rows:
            raise StoreError("the target is not empty: a copy wants a new store")
    done = _Done(name, _NAMES[0], 0)
    await _note(target, done)
    return done


async def _note(target: Store, done: _Done) -> None:
    await target.put_note(_NOTE, msgspec.json.encode(done))


async def _runs(
    rows: AsyncIterator[T], owner: Callable[[T], int], size: int
) -> AsyncIterator[list[T]]:
    """Rows in lists of this size or more, each of which ends with an account."""
    run: list[T] = []
    async for row in rows:
        if len(run) >= size and owner(run[-1]) != owner(row):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


async def differences(
    source: Store, target: Store, progress: Progress, now: int
) -> AsyncIterator[Difference]:
    """Compare two stores account by account, by count and checksum of all rows of each part."""
    for part in _PARTS:
        count = 0
        ours, theirs = (_sums(part.rows(store, 0), part.owner) for store in (source, target))
        async for mid, one, other in _side_by_side(ours, theirs):
            count += max(one.rows, other.rows)
            progress(part.name, count)
            if one != other:
                yield Difference(part.name, mid)
    ours_now, theirs_now = [
        {each async for each in store.sessions() if each.expires > now}
        for store in (source, target)
    ]
    for session in sorted(ours_now ^ theirs_now, key=_whose):
        yield Difference(_SESSIONS, session.mid)
    if await target.note(_SECRET) != source.secret:
        yield Difference(_SECRET, 0)


def _whose(session: Session) -> tuple[int, bytes]:
    return session.mid, session.digest


class _Sum(NamedTuple):
    """How many rows an account has, and a checksum of them in order."""

    rows: int = 0
    checksum: bytes = b""


_NONE = _Sum()


async def _sums(
    rows: AsyncIterator[T], owner: Callable[[T], int]
) -> AsyncIterator[tuple[int, _Sum]]:
    """The sum of each account, by mid."""
    encode = msgspec.json.Encoder(order="deterministic").encode
    async for run in _runs(rows, owner, 1):
        checksum = sha256()
        for row in run:
            checksum.update(encode(row))
        yield owner(run[0]), _Sum(len(run), checksum.digest())


async def _side_by_side(
    ours: AsyncIterator[tuple[int, _Sum]], theirs: AsyncIterator[tuple[int, _Sum]]
) -> AsyncIterator[tuple[int, _Sum, _Sum]]:
    """Two runs of sums by mid as one, with none where one has nothing."""
    both = ours, theirs
    heads = [await anext(each, None) for each in both]
    while mids := [head[0] for head in heads if head is not None]:
        mid = min(mids)
        sums = [head[1] if head is not None and head[0] == mid else _NONE for head in heads]
        yield mid, sums[0], sums[1]
        heads = [
            await anext(each, None) if head is not None and head[0] == mid else head
            for each, head in zip(both, heads, strict=True)
        ]


async def finish(target: Store) -> None:
    """Let the copy be a store like any other."""
    await target.put_note(_NOTE, None)
