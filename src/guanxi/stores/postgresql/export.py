"""Read a whole store row by row, by server-side cursor.

Each function expects the caller's transaction, REPEATABLE READ for one snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from guanxi.graph.pair import SPECIAL, Contract, finer_of, mtime_of
from guanxi.stores.documents import entry
from guanxi.stores.port import REQUEST, EdgeRow, OwnedGroup
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.feed import end_cursor
from guanxi.world.kind import Entry

_PREFETCH = 1_000

_SORT_KEY = "coalesce(follows, whispers, blocks)"
_KIND = """
CASE WHEN follows IS NOT NULL THEN 'follow' WHEN whispers IS NOT NULL THEN 'whisper'
ELSE 'block' END
"""


def _edges(place: str, kind: str, rows: str, is_: str = ">") -> str:
    """Return the SQL of the edges of rows. Those of an account are adjacent: a sort of each.

    Owners are those above ``$1``, or ``$1`` alone if ``is_`` is ``=``.
    """
    return f"""
    SELECT owner, other, {place} AS place, {kind}, coalesce({SPECIAL} = ANY(groups), false),
        CASE WHEN groups IS NOT NULL THEN (
            SELECT array_agg(name ORDER BY made) FROM grp
            WHERE grp.owner = relation.owner AND id = ANY(groups)
        ) END,
        contract_ts, contract_attr, coalesce(visits, 0)
    FROM {rows}
    WHERE owner {is_} $1 AND {place} IS NOT NULL
    ORDER BY owner, place, other
    """


_RELATIONS = _edges(_SORT_KEY, _KIND, "relation")
_EDGES_OF = _edges(_SORT_KEY, _KIND, "relation", "=")
# A request may be in one row with a whisper.
_ENTRIES = f"(VALUES ({_SORT_KEY}, {_KIND}), (requests, '{REQUEST}')) AS entry (place, kind)"
_WITH_REQUESTS = _edges("entry.place", "kind", f"relation CROSS JOIN LATERAL {_ENTRIES}")


async def edges(
    db: Connection,
    after: int = 0,
    at: Callable[[str | None], object] | None = None,
    *,
    requests: bool = False,
) -> AsyncIterator[EdgeRow]:
    """Yield every following, whisper and block of owners with a mid above ``after``.

    With ``requests`` also their requests to follow. By owner, then oldest first. ``at`` is called
    first, with the feed's cursor of this snapshot, None if the feed is off. Expects a REPEATABLE
    READ transaction that has not read yet.
    """
    if at is not None:
        at(await end_cursor(db))
    async for edge in _rows(db, _WITH_REQUESTS if requests else _RELATIONS, after):
        yield edge


def edges_of(db: Connection, mid: int) -> AsyncIterator[EdgeRow]:
    """Yield the followings, whispers and blocks of one account, oldest first.

    Expects a transaction.
    """
    return _rows(db, _EDGES_OF, mid)


async def _rows(db: Connection, statement: str, mid: int) -> AsyncIterator[EdgeRow]:
    async for row in db.cursor(statement, mid, prefetch=_PREFETCH):
        owner, other, sort_key, kind, special, groups, since, attr, visits = row
        yield EdgeRow(
            follower=owner,
            followed=other,
            time=mtime_of(sort_key),
            kind=kind,
            special=special,
            groups=tuple(groups or ()),
            contract=None if since is None else Contract(since, attr),
            finer=finer_of(sort_key),
            visits=visits,
        )


async def owned_groups(db: Connection, after: int = 0) -> AsyncIterator[OwnedGroup]:
    """Yield the groups that mids above ``after`` created, by owner, then oldest first.

    Expects a transaction.
    """
    found = "SELECT owner, id, name FROM grp WHERE owner > $1 ORDER BY owner, made"
    async for row in db.cursor(found, after, prefetch=_PREFETCH):
        yield OwnedGroup(*row)


async def entries(db: Connection, after: int = 0) -> AsyncIterator[Entry]:
    """Yield every document of owners with a mid above ``after``, by owner, kind and id.

    Raise ``StoreError`` for an unreadable one. Expects a transaction.
    """
    found = "SELECT owner, kind, body FROM content WHERE owner > $1 ORDER BY owner, kind, id"
    async for owner, kind, body in db.cursor(found, after, prefetch=_PREFETCH):
        yield entry(owner, kind, body)


async def groups_of(db: Connection, mid: int) -> AsyncIterator[OwnedGroup]:
    """Yield the groups that one account created, oldest first. Expects a transaction."""
    found = "SELECT owner, id, name FROM grp WHERE owner = $1 ORDER BY made"
    async for row in db.cursor(found, mid, prefetch=_PREFETCH):
        yield OwnedGroup(*row)


async def entries_of(db: Connection, mid: int) -> AsyncIterator[Entry]:
    """Yield the documents of one owner, by kind and id; ``StoreError`` as ``entries``.

    Expects a transaction.
    """
    found = "SELECT kind, body FROM content WHERE owner = $1 ORDER BY kind, id"
    async for kind, body in db.cursor(found, mid, prefetch=_PREFETCH):
        yield entry(mid, kind, body)
