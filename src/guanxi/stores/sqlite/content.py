"""Reads and writes of documents, on a given connection; no kind needs code of its own here.

The keys of documents are in a table of their own, clustered by owner, kind and key, so that a page
in any order is read from adjacent rows. The filters are a JSON object in the document's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import apsw
import msgspec

from guanxi.accounts.account import State
from guanxi.stores.documents import check_declared, document, in_order, refuse_caller
from guanxi.stores.erasing import is_of_erased, named_by
from guanxi.stores.port import Documents, Query
from guanxi.stores.sqlite.erased import erased_of, is_erased
from guanxi.stores.sqlite.reads import packed
from guanxi.world.kind import ONLY, Entry, Kind, Value
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")

_OWNERS = "SELECT owner FROM content WHERE kind = ? AND id = ?"
_DELETE = "DELETE FROM content WHERE owner = ? AND kind = ? AND id = ?"
_DELETE_KEYS = "DELETE FROM content_key WHERE owner = ? AND kind = ? AND id = ?"
_PUT = "INSERT INTO content (owner, kind, id, filters, text, body) VALUES (?, ?, ?, ?, ?, ?)"
_PUT_KEY = "INSERT INTO content_key (owner, kind, name, value, id) VALUES (?, ?, ?, ?, ?)"


def encoded_filters(entry: Entry) -> str:
    """Return a document's filters as the JSON text that is stored."""
    return msgspec.json.encode(entry.filters).decode()


_STATE = "SELECT state, ban_until FROM account WHERE mid = ?"


def _stored(db: apsw.Connection, mid: int) -> tuple[int, int] | None:
    """Return the state of an account and the end of its ban, None if it is unknown.

    An erased account has left.
    """
    found: tuple[int, int] | None = db.execute(_STATE, (mid,)).get
    if found is None and is_erased(db, mid):
        return State.DEREGISTERED, 0
    return found


def put(db: apsw.Connection, entries: Iterable[Entry], *, by: int = 0, now: int = 0) -> list[Entry]:
    """Store documents; the caller commits. Return those that are stored.

    ``KeyError`` for a kind that is not declared.

    ``CallerRefused`` if the account ``by`` (0 for nobody) may change nothing at ``now``, a sort
    key.

    Each replaces the document with its owner, kind and id; if the kind is unique, also that of any
    other owner. Those of an erased account, and marks on one, are left out.
    ``OverflowError`` for an owner, id or key over 64 bits. After an error the caller must roll
    back.
    """
    entries = [*entries]
    state = None if not by else _stored(db, by)
    refuse_caller(state, now)
    erased = erased_of(db, named_by(entries, owners=state is None))
    stored = [entry for entry in entries if not is_of_erased(entry, erased)]
    for entry in stored:
        owner, kind, id = entry.owner, entry.kind, entry.id
        replaced = [owner]
        if BY_NAME[kind].unique:
            replaced = [stored_owner for (stored_owner,) in db.execute(_OWNERS, (kind, id))]
        for stored_owner in replaced:
            delete_one(db, stored_owner, kind, id)
        db.execute(
            _PUT,
            (owner, kind, id, encoded_filters(entry), entry.text, entry.body),
        )
        db.executemany(
            _PUT_KEY, ((owner, kind, name, value, id) for name, value in entry.keys.items())
        )
    return stored


def delete_one(db: apsw.Connection, owner: int, kind: str, id: int) -> None:
    """Delete a document with its keys; the caller commits."""
    db.execute(_DELETE, (owner, kind, id))
    db.execute(_DELETE_KEYS, (owner, kind, id))


def get(db: apsw.Connection, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
    """Return an owner's document, or None if there is none with this id.

    ``StoreError`` if its body cannot be decoded.
    """
    body = db.execute(
        "SELECT body FROM content WHERE owner = ? AND kind = ? AND id = ?", (owner, kind.name, id)
    ).get
    return None if body is None else document(kind, owner, id, body)


_FIND = "SELECT owner, id, body FROM carray(?2) CROSS JOIN content ON kind = ?1 AND id = value"


def find(db: apsw.Connection, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
    """Return, by id, the owner and the document of each of ``ids``, for a unique kind.

    Missing ids are omitted. ``StoreError`` if a body cannot be decoded.
    """
    if not ids:
        return {}
    return {
        id: (owner, document(kind, owner, id, body))
        for owner, id, body in db.execute(_FIND, (kind.name, packed(ids)))
    }


_OF = "SELECT owner, id, body FROM carray(?2) CROSS JOIN content ON kind = ?1 AND owner = value"
_OF_IDS = f"{_OF} WHERE id IN (SELECT value FROM carray(?3))"


def documents_of(
    db: apsw.Connection, kind: Kind[T], owners: Sequence[int], ids: Sequence[int] | None = None
) -> dict[tuple[int, int], T]:
    """Return the documents of several owners, by owner and id; ``ids`` restricts it to these ids.

    Missing ones are omitted. ``StoreError`` if a body cannot be decoded.
    """
    if not owners or (ids is not None and not ids):
        return {}
    if ids is None:
        rows = db.execute(_OF, (kind.name, packed(owners)))
    else:
        rows = db.execute(_OF_IDS, (kind.name, packed(owners), packed(ids)))
    return {(owner, id): document(kind, owner, id, body) for owner, id, body in rows}


_PAGE = """
SELECT c.id, c.body FROM content_key AS k
CROSS JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
WHERE k.owner = ? AND k.kind = ? AND k.name = ?
"""


def documents(db: apsw.Connection, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
    """Return the page of an owner's documents that ``query`` selects; empty if its limit is 0.

    ``KeyError`` for a key, or (unless the limit is 0) a filter, that the kind does not declare.
    ``StoreError`` if a body cannot be decoded.
    """
    check_declared([query.order], kind.keys)
    check_declared(query.where, kind.filters)
    if query.limit == 0:
        return Documents([], more=False)
    direction, after = ("ASC", ">") if query.ascending else ("DESC", "<")
    statement, values = _PAGE, [owner, kind.name, query.order]
    if query.after is not None:
        statement += f" AND (k.value, k.id) {after} (?, ?)"
        values += query.after
    condition, bindings = _condition(kind, query.where, query.text)
    statement += f"{condition} ORDER BY k.value {direction}, k.id {direction} LIMIT ? OFFSET ?"
    values += [*bindings, query.limit + 1, query.offset]  # one more row, to know ``more``
    rows = list(db.execute(statement, values))
    items = [document(kind, owner, id, body) for id, body in rows[: query.limit]]
    return Documents(items, more=len(rows) > query.limit)


_FROM_OWNER = "FROM content AS c WHERE c.owner = ? AND c.kind = ?"


def count(
    db: apsw.Connection, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
) -> int:
    """Return how many of an owner's documents match ``where`` and contain ``text``.

    Case is ignored in the text; "" matches every document. ``KeyError`` for a filter that the kind
    does not declare.
    """
    condition, bindings = _condition(kind, where, text)
    statement = f"SELECT count(*) {_FROM_OWNER}{condition}"
    return int(db.execute(statement, [owner, kind.name, *bindings]).get)


def counts(
    db: apsw.Connection, kind: Kind[T], owner: int, name: str, text: str = ""
) -> dict[Value, int]:
    """Count an owner's documents that contain ``text``, by the value of the filter ``name``.

    Case is ignored; "" matches every document. Values without a document are omitted. ``KeyError``
    for a filter that the kind does not declare.
    """
    check_declared([name], kind.filters)
    condition, bindings = _condition(kind, {}, text)
    statement = f"SELECT c.filters ->> ?, count(*) {_FROM_OWNER}{condition} GROUP BY 1"
    return in_order(db.execute(statement, [name, owner, kind.name, *bindings]))


# Summed in two halves: the sum of large numbers may exceed SQLite's 64 bits.
_TOTAL = """
SELECT ifnull(sum(value >> 32), 0), ifnull(sum(value & 0xffffffff), 0)
FROM content_key WHERE owner = ? AND kind = ? AND name = ?
"""


def total(db: apsw.Connection, kind: Kind[T], owner: int, key: str) -> int:
    """Return the sum of the values of a key over an owner's documents, 0 without any.

    ``KeyError`` for a key that the kind does not declare.
    """
    check_declared([key], kind.keys)
    high, low = db.execute(_TOTAL, (owner, kind.name, key)).get
    return (int(high) << 32) + int(low)


_ID_IN = " AND c.id IN (SELECT value FROM carray(?))"


def delete(
    db: apsw.Connection,
    kind: Kind[T],
    owner: int,
    ids: Sequence[int] | None,
    where: Mapping[str, Value],
    start: int,
    most: int,
    by: int = 0,
    now: int = 0,
) -> tuple[int, int | None]:
    """Delete the first ``most`` of an owner's documents that match ``where``, from id ``start`` on.

    Return how many, and the id from which to continue, None if no more match. ``ids`` restricts
    that to these ids; None means every id, an empty sequence none. The caller commits. ``KeyError``
    for a filter that the kind does not declare; ``CallerRefused`` as ``put``.
    """
    check_declared(where, kind.filters)
    if by:
        refuse_caller(_stored(db, by), now)
    if ids is not None and not ids:
        return 0, None
    condition, bindings = _condition(kind, where, "")
    id_in, id_binding = (_ID_IN, [packed(ids)]) if ids is not None else ("", [])
    statement = f"SELECT c.id {_FROM_OWNER}{condition}{id_in} AND c.id >= ? ORDER BY c.id LIMIT ?"
    values = [owner, kind.name, *bindings, *id_binding, start, most + 1]
    found = [id for (id,) in db.execute(statement, values)]
    for id in found[:most]:
        delete_one(db, owner, kind.name, id)
    return len(found[:most]), found[most] if len(found) > most else None


def _condition(kind: Kind[T], where: Mapping[str, Value], text: str) -> tuple[str, list[Value]]:
    """Return SQL conditions that each begin with AND ("" without any), and their bindings.

    The statement must name the table content ``c``. A document must have each filter's value in
    ``where``, and contain ``text`` in any case ("" for every document). ``KeyError`` for a filter
    that the kind does not declare.
    """
    check_declared(where, kind.filters)
    bindings: list[Value] = []
    for name, value in where.items():
        bindings += name, value
    condition = " AND c.filters ->> ? = ?" * len(where)
    if text:
        condition += " AND instr(c.text, ?)"
        bindings.append(text.casefold())
    return condition, bindings
