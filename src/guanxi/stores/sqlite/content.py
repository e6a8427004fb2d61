"""Documents of every kind: functions of a connection, none of which knows a kind by name.

A document's keys stand in a table of their own, clustered by owner, kind and key, so that a run in
any order is a run of neighbouring rows. Its filters are a line of JSON beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import apsw
import msgspec

from guanxi.stores.documents import declared, document
from guanxi.stores.port import Documents, Query
from guanxi.stores.sqlite.reads import packed
from guanxi.world.kind import Entry, Kind, Value
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")

_HOLDERS = "SELECT owner FROM content WHERE kind = ? AND id = ?"
_DROP = "DELETE FROM content WHERE owner = ? AND kind = ? AND id = ?"
_DROP_KEYS = "DELETE FROM content_key WHERE owner = ? AND kind = ? AND id = ?"
_PUT = "INSERT INTO content (owner, kind, id, filters, text, body) VALUES (?, ?, ?, ?, ?, ?)"
_PUT_KEY = "INSERT INTO content_key (owner, kind, name, value, id) VALUES (?, ?, ?, ?, ?)"


def encoded_filters(entry: Entry) -> str:
    """A document's filters as they are kept."""
    return msgspec.json.encode(entry.filters).decode()


def put(db: apsw.Connection, entries: Iterable[Entry]) -> None:
    """Keep documents, each in the place of the one that it replaces."""
    for entry in entries:
        owner, kind, id = entry.owner, entry.kind, entry.id
        holders = [owner]
        if BY_NAME[kind].unique:
            holders = [holder for (holder,) in db.execute(_HOLDERS, (kind, id))]
        for holder in holders:
            _drop(db, holder, kind, id)
        db.execute(
            _PUT,
            (owner, kind, id, encoded_filters(entry), entry.text, entry.body),
        )
        db.executemany(
            _PUT_KEY, ((owner, kind, name, value, id) for name, value in entry.keys.items())
        )


def _drop(db: apsw.Connection, owner: int, kind: str, id: int) -> None:
    db.execute(_DROP, (owner, kind, id))
    db.execute(_DROP_KEYS, (owner, kind, id))


def get(db: apsw.Connection, kind: Kind[T], owner: int, id: int) -> T | None:
    """One document."""
    body = db.execute(
        "SELECT body FROM content WHERE owner = ? AND kind = ? AND id = ?", (owner, kind.name, id)
    ).get
    return None if body is None else document(kind, owner, id, body)


_FIND = "SELECT owner, id, body FROM carray(?2) CROSS JOIN content ON kind = ?1 AND id = value"


def find(db: apsw.Connection, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
    """Documents whoever has them: the owner and the document, by id."""
    if not ids:
        return {}
    return {
        id: (owner, document(kind, owner, id, body))
        for owner, id, body in db.execute(_FIND, (kind.name, packed(ids)))
    }


_RUN = """
SELECT c.id, c.body FROM content_key AS k
CROSS JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
WHERE k.owner = ? AND k.kind = ? AND k.name = ?
"""


def documents(db: apsw.Connection, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
    """A run of an owner's documents, read with one more to see whether there is one."""
    declared([query.order], kind.keys)
    if query.limit == 0:
        return Documents([], more=False)
    way, behind = ("ASC", ">") if query.ascending else ("DESC", "<")
    statement, values = _RUN, [owner, kind.name, query.order]
    if query.after is not None:
        statement += f" AND (k.value, k.id) {behind} (?, ?)"
        values += query.after
    met, with_values = _met(kind, query.where, query.text)
    statement += f"{met} ORDER BY k.value {way}, k.id {way} LIMIT ? OFFSET ?"
    values += [*with_values, query.limit + 1, query.offset]
    found = list(db.execute(statement, values))
    items = [document(kind, owner, id, body) for id, body in found[: query.limit]]
    return Documents(items, more=len(found) > query.limit)


_OWNED = "FROM content AS c WHERE c.owner = ? AND c.kind = ?"


def count(
    db: apsw.Connection, kind: Kind[T], owner: int, where: Mapping[str, Value], text: str
) -> int:
    """How many documents there are."""
    met, values = _met(kind, where, text)
    return int(db.execute(f"SELECT count(*) {_OWNED}{met}", [owner, kind.name, *values]).get)


def counts(
    db: apsw.Connection, kind: Kind[T], owner: int, name: str, text: str
) -> dict[Value, int]:
    """How many documents there are for each value of a filter."""
    declared([name], kind.filters)
    met, values = _met(kind, {}, text)
    statement = f"SELECT c.filters ->> ?, count(*) {_OWNED}{met} GROUP BY 1"
    return dict(db.execute(statement, [name, owner, kind.name, *values]))


# In two halves: the sum of large numbers is larger than SQLite's own.
_TOTAL = """
SELECT ifnull(sum(value >> 32), 0), ifnull(sum(value & 0xffffffff), 0)
FROM content_key WHERE owner = ? AND kind = ? AND name = ?
"""


def total(db: apsw.Connection, kind: Kind[T], owner: int, key: str) -> int:
    """The sum of a key."""
    declared([key], kind.keys)
    high, low = db.execute(_TOTAL, (owner, kind.name, key)).get
    return (int(high) << 32) + int(low)


_AMONG = " AND c.id IN (SELECT value FROM carray(?))"


def delete(
    db: apsw.Connection,
    kind: Kind[T],
    owner: int,
    ids: Sequence[int] | None,
    where: Mapping[str, Value],
) -> int:
    """Drop documents; how many."""
    if ids is not None and not ids:
        return 0
    met, values = _met(kind, where, "")
    among, bound = (_AMONG, [packed(ids)]) if ids is not None else ("", [])
    statement = f"SELECT c.id {_OWNED}{met}{among}"
    dropped = [id for (id,) in db.execute(statement, [owner, kind.name, *values, *bound])]
    for id in dropped:
        _drop(db, owner, kind.name, id)
    return len(dropped)


def _met(kind: Kind[T], where: Mapping[str, Value], text: str) -> tuple[str, list[Value]]:
    """What ``c`` must meet, as the rest of a condition and its values."""
    declared(where, kind.filters)
    values: list[Value] = []
    for name, value in where.items():
        values += name, value
    condition = " AND c.filters ->> ? = ?" * len(where)
    if text:
        condition += " AND instr(c.text, ?)"
        values.append(text.casefold())
    return condition, values
