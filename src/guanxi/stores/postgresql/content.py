"""Documents of every kind: functions of a connection, none of which knows a kind by name.

A document's keys stand in a table of their own, by owner, kind and key, so that a run in any order
is a run of an index. Its filters are an object of JSON beside it, each value as the text of its own
JSON: so numbers and texts stay apart, and a text may hold U+0000. Those that write expect a
transaction that the caller holds.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from guanxi.stores.documents import declared, document
from guanxi.stores.port import Documents, Query
from guanxi.stores.postgresql.connections import Connection, ask_many, send_many
from guanxi.world.kind import Entry, Kind, Value
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")

# Whoever puts or deletes a document that is found by its id alone holds this row first.
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
    """A filter's value as it is kept."""
    return _text_of(value).decode()


def encoded_filters(entry: Entry) -> str:
    """A document's filters as they are kept."""
    return _text_of({name: encoded(value) for name, value in entry.filters.items()}).decode()


async def put(db: Connection, entries: Iterable[Entry]) -> None:
    """Keep documents, each in the place of the one that it replaces."""
    last: dict[tuple[str, int, int], Entry] = {}
    for entry in entries:
        array("q", (entry.owner, entry.id, *entry.keys.values()))  # OverflowError, as any store
        # Of several that take one place, the last stands.
        one_place = 0 if BY_NAME[entry.kind].unique else entry.owner
        last[entry.kind, entry.id, one_place] = entry
    # In one order, so that two who put the same documents wait for one another.
    kept = [last[place] for place in sorted(last)]
    places = [(entry.owner, entry.kind, entry.id) for entry in kept]
    alone = [(id, kind, owner) for owner, kind, id in places if BY_NAME[kind].unique]
    stood = [owner for (owner,) in await ask_many(db, _CLAIM, alone)]
    moved = [each for each, before in zip(alone, stood, strict=True) if each[2] != before]
    left = [
        (before, kind, id)
        for (id, kind, owner), before in zip(alone, stood, strict=True)
        if owner != before
    ]
    documents = [
        (owner, kind, id, encoded_filters(entry), entry.text.encode(), entry.body)
        for (owner, kind, id), entry in zip(places, kept, strict=True)
    ]
    keys = [
        (entry.owner, entry.kind, name, value, entry.id)
        for entry in kept
        for name, value in entry.keys.items()
    ]
    for statement, values in (
        (_HOLD, moved),
        (_DROP, left),
        (_PUT, documents),
        (_DROP_KEYS, left + places),
        (_PUT_KEY, keys),
    ):
        await send_many(db, statement, values)


async def get(db: Connection, kind: Kind[T], owner: int, id: int) -> T | None:
    """One document."""
    statement = "SELECT body FROM content WHERE owner = $1 AND kind = $2 AND id = $3"
    body = await db.fetchval(statement, owner, kind.name, id)
    return None if body is None else document(kind, owner, id, body)


_FIND_HOLDERS = "SELECT owner, id FROM content_holder WHERE kind = $1 AND id = ANY($2)"
_FIND = """
SELECT owner, id, body FROM content WHERE owner = ANY($2) AND kind = $1 AND id = ANY($3)
"""


async def find(db: Connection, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
    """Documents whoever has them: the owner and the document, by id."""
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


_RUN = """
SELECT c.id, c.body FROM content_key AS k
JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
WHERE k.owner = $1 AND k.kind = $2 AND k.name = $3
"""


async def documents(db: Connection, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
    """A run of an owner's documents, read with one more to see whether there is one."""
    declared([query.order], kind.keys)
    if query.limit == 0:
        return Documents([], more=False)
    way, behind = ("ASC", ">") if query.ascending else ("DESC", "<")
    values: list[object] = [owner, kind.name, query.order]
    statement = _RUN
    if query.after is not None:
        statement += f" AND (k.value, k.id) {behind} ({_bound(values, *query.after)})"
    statement += _met(values, kind, query.where, query.text)
    limit = _bound(values, query.limit + 1)
    statement += f" ORDER BY k.value {way}, k.id {way} LIMIT {limit}"
    statement += f" OFFSET {_bound(values, query.offset)}"
    found = await db.fetch(statement, *values)
    items = [document(kind, owner, id, body) for id, body in found[: query.limit]]
    return Documents(items, more=len(found) > query.limit)


_OWNED = "FROM content AS c WHERE c.owner = $1 AND c.kind = $2"


async def count(
    db: Connection, kind: Kind[T], owner: int, where: Mapping[str, Value], text: str
) -> int:
    """How many documents there are."""
    values: list[object] = [owner, kind.name]
    met = _met(values, kind, where, text)
    return int(await db.fetchval(f"SELECT count(*) {_OWNED}{met}", *values))


async def counts(
    db: Connection, kind: Kind[T], owner: int, name: str, text: str
) -> dict[Value, int]:
    """How many documents there are for each value of a filter."""
    declared([name], kind.filters)
    values: list[object] = [owner, kind.name, name]
    met = _met(values, kind, {}, text)
    found = await db.fetch(f"SELECT c.filters ->> $3, count(*) {_OWNED}{met} GROUP BY 1", *values)
    return {msgspec.json.decode(value, type=Value): number for value, number in found}


_TOTAL = """
SELECT coalesce(sum(value), 0)::text FROM content_key WHERE owner = $1 AND kind = $2 AND name = $3
"""


async def total(db: Connection, kind: Kind[T], owner: int, key: str) -> int:
    """The sum of a key."""
    declared([key], kind.keys)
    return int(await db.fetchval(_TOTAL, owner, kind.name, key))


async def delete(
    db: Connection,
    kind: Kind[T],
    owner: int,
    ids: Sequence[int] | None,
    where: Mapping[str, Value],
) -> int:
    """Drop documents; how many."""
    if ids is not None and not ids:
        return 0
    values: list[object] = [owner, kind.name]
    met = _met(values, kind, where, "")
    if ids is not None:
        met += f" AND c.id = ANY({_bound(values, ids)})"
    if kind.unique:
        found = await db.fetch(f"SELECT c.id {_OWNED}{met} ORDER BY 1", *values)
        mine = [(id, kind.name, owner) for (id,) in found]
        held = await db.fetchmany(f"{_HOLD_OWN} RETURNING id", mine)
        met += f" AND c.id = ANY({_bound(values, [id for (id,) in held])})"
    gone = [id for (id,) in await db.fetch(f"DELETE {_OWNED}{met} RETURNING c.id", *values)]
    await db.executemany(_DROP_KEYS, [(owner, kind.name, id) for id in gone])
    if kind.unique:
        await db.executemany(_RELEASE, [(id, kind.name) for id in gone])
    return len(gone)


def _met(values: list[object], kind: Kind[T], where: Mapping[str, Value], text: str) -> str:
    """What ``c`` must meet, as the rest of a condition; what it binds joins ``values``."""
    declared(where, kind.filters)
    condition = ""
    for name, value in where.items():
        condition += f" AND c.filters ->> {_bound(values, name)} = {_bound(values, encoded(value))}"
    if text:
        condition += f" AND position({_bound(values, text.casefold().encode())} IN c.text) > 0"
    return condition


def _bound(values: list[object], *more: object) -> str:
    """The marks of values that a statement binds next."""
    values += more
    return ", ".join(f"${at}" for at in range(len(values) - len(more) + 1, len(values) + 1))
