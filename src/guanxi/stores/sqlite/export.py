"""Exports: every edge, group and document of the store, on a given connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import apsw

from guanxi.graph.pair import Contract, finer_of, mtime_of
from guanxi.stores.documents import entry
from guanxi.stores.port import REQUEST, EdgeRow, OwnedGroup
from guanxi.stores.sqlite.feed import end_cursor
from guanxi.stores.sqlite.schema import GROUPED, OWNER_CONTRACT, SPECIAL_BIT
from guanxi.world.kind import Entry

_RELATIONS = f"""
SELECT owner, place, target, 'follow', flags,
    CASE WHEN flags & {GROUPED} THEN (
        SELECT json_group_array(name ORDER BY made) FROM member JOIN grp
        ON grp.owner = member.owner AND grp.id = member.grp
        WHERE member.owner = following.owner AND member.target = following.target
    ) END,
    CASE WHEN flags & {OWNER_CONTRACT} THEN (
        SELECT json_array(ts, user_attr) FROM contract
        WHERE contract.owner = following.owner AND contract.target = following.target
    ) END,
    ifnull((
        SELECT visits FROM visit
        WHERE visit.owner = following.owner AND visit.target = following.target
    ), 0)
FROM following WHERE owner {{is_}} :mid
UNION ALL
SELECT owner, place, target, 'whisper', 0, NULL, NULL, 0 FROM whisper WHERE owner {{is_}} :mid
UNION ALL
SELECT owner, place, target, 'block', 0, NULL, NULL, 0 FROM block WHERE owner {{is_}} :mid
"""
_REQUESTS = f"""
UNION ALL
SELECT owner, place, target, '{REQUEST}', 0, NULL, NULL, 0 FROM request WHERE owner {{is_}} :mid
"""
_ORDER = "ORDER BY 1, 2, 3"
#: By whether it has the requests to follow.
_EDGES = {
    requests: f"{_RELATIONS}{_REQUESTS if requests else ''}{_ORDER}".format(is_=">")
    for requests in (False, True)
}
_EDGES_OF = f"{_RELATIONS}{_ORDER}".format(is_="=")


def edges(
    db: apsw.Connection,
    after: int = 0,
    at: Callable[[str | None], object] | None = None,
    *,
    requests: bool = False,
) -> Iterator[EdgeRow]:
    """Yield followings, whispers and blocks of mids above ``after``, by owner, oldest first.

    With ``requests`` also their requests to follow.
    ``at`` is called first, with the feed's cursor of this snapshot, None if the feed is off.
    """
    if at is not None:
        at(end_cursor(db))
    yield from _edges(db, _EDGES[requests], after)


def edges_of(db: apsw.Connection, mid: int) -> Iterator[EdgeRow]:
    """Yield the followings, whispers and blocks of one account, oldest first."""
    return _edges(db, _EDGES_OF, mid)


def _edges(db: apsw.Connection, statement: str, mid: int) -> Iterator[EdgeRow]:
    rows = db.execute(statement, {"mid": mid})
    for owner, sort_key, target, kind, flags, groups, contract, visits in rows:
        yield EdgeRow(
            follower=owner,
            followed=target,
            time=mtime_of(sort_key),
            kind=kind,
            special=bool(flags & SPECIAL_BIT),
            groups=() if groups is None else tuple(json.loads(groups)),
            contract=None if contract is None else Contract(*json.loads(contract)),
            finer=finer_of(sort_key),
            visits=visits,
        )


def owned_groups(db: apsw.Connection, after: int = 0) -> Iterator[OwnedGroup]:
    """Return an iterator over groups that mids above ``after`` created, by owner, oldest first."""
    statement = "SELECT owner, id, name FROM grp WHERE owner > ? ORDER BY owner, made"
    return (OwnedGroup(*row) for row in db.execute(statement, (after,)))


def groups_of(db: apsw.Connection, mid: int) -> Iterator[OwnedGroup]:
    """Return an iterator over the groups that one account created, oldest first."""
    statement = "SELECT owner, id, name FROM grp WHERE owner = ? ORDER BY made"
    return (OwnedGroup(*row) for row in db.execute(statement, (mid,)))


def entries(db: apsw.Connection, after: int = 0) -> Iterator[Entry]:
    """Yield the documents of owners with a mid above ``after``, by owner, kind and id.

    ``StoreError`` if a kind is not declared or a body cannot be decoded.
    """
    statement = "SELECT owner, kind, body FROM content WHERE owner > ? ORDER BY owner, kind, id"
    for owner, kind, body in db.execute(statement, (after,)):
        yield entry(owner, kind, body)


def entries_of(db: apsw.Connection, mid: int) -> Iterator[Entry]:
    """Yield the documents of one owner, by kind and id; ``StoreError`` as ``entries``."""
    statement = "SELECT kind, body FROM content WHERE owner = ? ORDER BY kind, id"
    for kind, body in db.execute(statement, (mid,)):
        yield entry(mid, kind, body)
