"""Read and write documents of every kind, given a connection.

A document's keys are in a separate table, by owner, kind and key, so that a page in any order is a
range of an index. Its filters are a JSON object, each value again as JSON text: numbers and texts
stay distinct, and a text may contain U+0000. Functions that write expect the caller's transaction.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from guanxi.accounts.account import State
from guanxi.stores.documents import check_declared, document, in_order, refuse_caller
from guanxi.stores.erasing import is_of_erased, named_by
from guanxi.stores.port import Documents, Query
from guanxi.stores.postgresql.connections import Connection, fetch_many, send_many
from guanxi.stores.postgresql.erased import erased_of, is_erased
from guanxi.world.kind import ONLY, Entry, Kind, Value
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")

# Writers of a document of a unique kind lock this row first.
_CLAIM = """
INSERT INTO content_holder (id, kind, owner) VALUES ($1, $2, $3)
ON CONFLICT (id, kind) DO UPDATE SET owner = content_holder.owner
RETURNING owner
"""
_HOLD = "UPDATE content_holder SET owner = $3 WHERE id = $1 AND kind = $2"
_HOLD_OWN = "UPDATE content_holder SET owner = $3 WHERE id = $1 AND kind = $2 AND owner = $3"
_RELEASE = "DELETE FROM content_holder WHERE id = $1 AND kind = $2"
_DROP = "DELETE FROM content WHERE owner = $1 AND kind = $2 AND id = $3"
_DROP_KEYS = "DELETE FROM content_key WHERE owner = $1 AND kind = $2 AND id = $3"
_PUT = """
INSERT INTO content (owner, kind, id, filters, text, body) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, kind, id) DO UPDATE
SET filters = excluded.filters, text = excluded.text, body = excluded.body
"""
_PUT_KEY = """
INSERT INTO content_key (owner, kind, name, value, id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""

_text_of = msgspec.json.Encoder().encode


def encoded(value: Value) -> str:
    """Return a filter's value as the JSON text that is stored."""
    return _text_of(value).decode()


def encoded_filters(entry: Entry) -> str:
    """Return a document's filters as the JSON text that is stored."""
    return _text_of({name: encoded(value) for name, value in entry.filters.items()}).decode()


# A ban waits for the end of the transaction, or this waits for the ban.
_STATE = "SELECT state, ban_until FROM account WHERE mid = $1 FOR SHARE"


async def _stored(db: Connection, mid: int) -> tuple[int, int] | None:
    """Lock an account; return its state and the end of its ban, None if it is unknown.

    An erased account has left.
    """
    row = await db.fetchrow(_STATE, mid)
    if row is None:
        return (State.DEREGISTERED, 0) if await is_erased(db, mid) else None
    return row["state"], row["ban_until"]


async def put(
    db: Connection, entries: Iterable[Entry], *, by: int = 0, now: int = 0
) -> list[Entry]:
    """Insert or replace documents by owner, kind and id; of a unique kind, by kind and id.

    Return those that are stored: of an erased account none is, nor a mark on one.
    ``CallerRefused`` if the account ``by`` (0 for nobody) may change nothing at ``now``, a sort
    key.

    The last of several entries for the same document counts. Expects the caller's transaction.
    Raise ``KeyError`` for an undeclared kind and ``OverflowError`` for an owner, id or key over 64
    bits, before anything is written.
    """
    state = await _stored(db, by) if by else None
    refuse_caller(state, now)
    last: dict[tuple[str, int, int], Entry] = {}
    for entry in entries:
        array("q", (entry.owner, entry.id, *entry.keys.values()))  # OverflowError over 64 bits
        # Of several with the same key, the last one is stored.
        unique_owner = 0 if BY_NAME[entry.kind].unique else entry.owner
        last[entry.kind, entry.id, unique_owner] = entry
    # Sorted, so that two writers of the same documents do not deadlock.
    stored = [last[key] for key in sorted(last)]
    ids = [(entry.owner, entry.kind, entry.id) for entry in stored]
    unique = [(id, kind, owner) for owner, kind, id in ids if BY_NAME[kind].unique]
    holders = [owner for (owner,) in await fetch_many(db, _CLAIM, unique)]
    moved = [key for key, holder in zip(unique, holders, strict=True) if key[2] != holder]
    replaced = [
        (holder, kind, id)
        for (id, kind, owner), holder in zip(unique, holders, strict=True)
        if owner != holder
    ]
    documents = [
        (owner, kind, id, encoded_filters(entry), entry.text.encode(), entry.body)
        for (owner, kind, id), entry in zip(ids, stored, strict=True)
    ]
    keys = [
        (entry.owner, entry.kind, name, value, entry.id)
        for entry in stored
        for name, value in entry.keys.items()
    ]
    for statement, values in (
        (_HOLD, moved),
        (_DROP, replaced),
        (_PUT, documents),
        (_DROP_KEYS, replaced + ids),
        (_PUT_KEY, keys),
    ):
        await send_many(db, statement, values)
    # Only now: an erasure that begins waits for the locks of what was written.
    erased = await erased_of(db, named_by(stored, owners=state is None))
    left_out = [entry for entry in stored if is_of_erased(entry, erased)]
    await drop(db, [(entry.owner, entry.kind, entry.id) for entry in left_out])
    return [entry for entry in stored if entry not in left_out] if left_out else stored


async def drop(db: Connection, keys: Sequence[tuple[int, str, int]]) -> None:
    """Delete the documents with these owners, kinds and ids. Expects the caller's transaction."""
    unique = [
        (id, kind, owner) for owner, kind, id in keys if kind in BY_NAME and BY_NAME[kind].unique
    ]
    await send_many(db, _HOLD_OWN, unique)
    await send_many(db, _DROP, keys)
    await send_many(db, _DROP_KEYS, keys)
    await send_many(db, f"{_RELEASE} AND owner = $3", unique)


async def claim(db: Connection, kind: Kind[T], owner: int, id: int) -> int:
    """Lock an id of a unique kind until the caller's transaction ends; return who has it.

    That is ``owner`` if nobody has it. Without a document of it, ``release`` it in the end.
    """
    return int(await db.fetchval(_CLAIM, id, kind.name, owner))


async def release(db: Connection, kind: Kind[T], owner: int, id: int) -> None:
    """Give up an id that ``claim`` locked, unless its owner has the document."""
    if await get(db, kind, owner, id) is None:
        await db.execute(f"{_RELEASE} AND owner = $3", id, kind.name, owner)


async def get(db: Connection, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
    """Return an owner's document, or None if there is none with this id.

    Raise ``StoreError`` if it cannot be decoded.
    """
    statement = "SELECT body FROM content WHERE owner = $1 AND kind = $2 AND id = $3"
    body = await db.fetchval(statement, owner, kind.name, id)
    return None if body is None else document(kind, owner, id, body)


_INSERT = f"{_PUT.partition('ON CONFLICT')[0]} ON CONFLICT DO NOTHING"


async def lock(db: Connection, kind: Kind[T], entry: Entry) -> T:
    """Lock a document until the caller's transaction ends, and return it; insert it if missing.

    Raise ``StoreError`` if it cannot be decoded.
    """
    key = (entry.owner, entry.kind, entry.id)
    text = entry.text.encode()
    await db.execute(_INSERT, *key, encoded_filters(entry), text, entry.body)
    statement = "SELECT body FROM content WHERE owner = $1 AND kind = $2 AND id = $3 FOR UPDATE"
    return document(kind, entry.owner, entry.id, await db.fetchval(statement, *key))


_FIND_HOLDERS = "SELECT owner, id FROM content_holder WHERE kind = $1 AND id = ANY($2)"
_FIND = """
SELECT owner, id, body FROM content WHERE owner = ANY($2) AND kind = $1 AND id = ANY($3)
"""


async def find(db: Connection, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
    """Return (owner, document) by id, of a unique kind; unknown ids are omitted.

    Raise ``StoreError`` for an unreadable document.
    """
    if not ids:
        return {}
    holders = await db.fetch(_FIND_HOLDERS, kind.name, ids)
    if not holders:
        return {}
    owners = list({owner for owner, _ in holders})
    return {
        id: (owner, document(kind, owner, id, body))
        for owner, id, body in await db.fetch(_FIND, kind.name, owners, ids)
    }


_OF = "SELECT owner, id, body FROM content WHERE owner = ANY($2) AND kind = $1"


async def documents_of(
    db: Connection, kind: Kind[T], owners: Sequence[int], ids: Sequence[int] | None = None
) -> dict[tuple[int, int], T]:
    """Return documents of several owners by owner and id, only those of ``ids`` if it is given.

    Missing ones are omitted. Raise ``StoreError`` for an unreadable document.
    """
    if not owners or (ids is not None and not ids):
        return {}
    found = (
        await db.fetch(_OF, kind.name, owners)
        if ids is None
        else await db.fetch(f"{_OF} AND id = ANY($3)", kind.name, owners, ids)
    )
    return {(owner, id): document(kind, owner, id, body) for owner, id, body in found}


_PAGE = """
SELECT c.id, c.body FROM content_key AS k
JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
WHERE k.owner = $1 AND k.kind = $2 AND k.name = $3
"""


async def documents(db: Connection, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
    """Return the page of an owner's documents that ``query`` selects; none for ``limit`` 0.

    Raise ``KeyError`` for a key or filter that the kind does not declare, ``StoreError`` for an
    unreadable document.
    """
    check_declared([query.order], kind.keys)
    check_declared(query.where, kind.filters)
    if query.limit == 0:
        return Documents([], more=False)
    way, behind = ("ASC", ">") if query.ascending else ("DESC", "<")
    values: list[object] = [owner, kind.name, query.order]
    statement = _PAGE
    if query.after is not None:
        statement += f" AND (k.value, k.id) {behind} ({_bound(values, *query.after)})"
    statement += _condition(values, kind, query.where, query.text)
    limit = _bound(values, query.limit + 1)
    statement += f" ORDER BY k.value {way}, k.id {way} LIMIT {limit}"
    statement += f" OFFSET {_bound(values, query.offset)}"
    found = await db.fetch(statement, *values)
    items = [document(kind, owner, id, body) for id, body in found[: query.limit]]
    return Documents(items, more=len(found) > query.limit)


_FROM_OWNER = "FROM content AS c WHERE c.owner = $1 AND c.kind = $2"


async def count(
    db: Connection, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
) -> int:
    """Return how many of an owner's documents match; see ``Query.where`` and ``Query.text``.

    Raise ``KeyError`` for a filter that the kind does not declare.
    """
    values: list[object] = [owner, kind.name]
    condition = _condition(values, kind, where, text)
    return int(await db.fetchval(f"SELECT count(*) {_FROM_OWNER}{condition}", *values))


async def counts(
    db: Connection, kind: Kind[T], owner: int, name: str, text: str = ""
) -> dict[Value, int]:
    """Count an owner's documents that contain ``text``, by the value of the filter ``name``.

    Case is ignored; "" matches every document. Values without a document are omitted. Raise
    ``KeyError`` for a filter that the kind does not declare.
    """
    check_declared([name], kind.filters)
    values: list[object] = [owner, kind.name, name]
    condition = _condition(values, kind, {}, text)
    found = await db.fetch(
        f"SELECT c.filters ->> $3, count(*) {_FROM_OWNER}{condition} GROUP BY 1", *values
    )
    return in_order((msgspec.json.decode(value, type=Value), number) for value, number in found)


_TOTAL = """
SELECT coalesce(sum(value), 0)::text FROM content_key WHERE owner = $1 AND kind = $2 AND name = $3
"""


async def total(db: Connection, kind: Kind[T], owner: int, key: str) -> int:
    """Return the sum of the values of a key over an owner's documents, 0 for none.

    Raise ``KeyError`` for a key that the kind does not declare.
    """
    check_declared([key], kind.keys)
    return int(await db.fetchval(_TOTAL, owner, kind.name, key))


async def delete(
    db: Connection,
    kind: Kind[T],
    owner: int,
    ids: Sequence[int] | None = None,
    where: Mapping[str, Value] = {},
    *,
    by: int = 0,
    now: int = 0,
) -> int:
    """Delete an owner's documents that match ``where``; return their number.

    ``ids`` restricts that to these ids; None means every id, and [] none. Expects the caller's
    transaction. Raise ``KeyError`` for a filter that the kind does not declare, ``CallerRefused``
    as ``put``.
    """
    check_declared(where, kind.filters)
    if by:
        refuse_caller(await _stored(db, by), now)
    if ids is not None and not ids:
        return 0
    values: list[object] = [owner, kind.name]
    condition = _condition(values, kind, where, "")
    if ids is not None:
        condition += f" AND c.id = ANY({_bound(values, ids)})"
    if kind.unique:
        found = await db.fetch(f"SELECT c.id {_FROM_OWNER}{condition} ORDER BY 1", *values)
        mine = [(id, kind.name, owner) for (id,) in found]
        locked = await db.fetchmany(f"{_HOLD_OWN} RETURNING id", mine)
        condition += f" AND c.id = ANY({_bound(values, [id for (id,) in locked])})"
    deleted = [
        id for (id,) in await db.fetch(f"DELETE {_FROM_OWNER}{condition} RETURNING c.id", *values)
    ]
    await db.executemany(_DROP_KEYS, [(owner, kind.name, id) for id in deleted])
    if kind.unique:
        await db.executemany(_RELEASE, [(id, kind.name) for id in deleted])
    return len(deleted)


def _condition(values: list[object], kind: Kind[T], where: Mapping[str, Value], text: str) -> str:
    """Return the SQL condition for ``where`` and ``text``, which are as in ``Query``.

    It begins with AND, or is "" if both are empty. Append its values to ``values``, the statement's
    arguments so far. The statement must name the table content ``c``. Raise ``KeyError`` for a
    filter that the kind does not declare.
    """
    check_declared(where, kind.filters)
    condition = ""
    for name, value in where.items():
        condition += f" AND c.filters ->> {_bound(values, name)} = {_bound(values, encoded(value))}"
    if text:
        condition += f" AND position({_bound(values, text.casefold().encode())} IN c.text) > 0"
    return condition


def _bound(values: list[object], *more: object) -> str:
    """Append ``more`` to a statement's arguments ``values``; return placeholders, as "$4, $5"."""
    values += more
    return ", ".join(f"${at}" for at in range(len(values) - len(more) + 1, len(values) + 1))
