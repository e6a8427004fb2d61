"""Read lists, sides and groups, given a connection.

A read about one account is one statement on its rows, and so from one snapshot. ``search`` and
``common`` use several statements, in a transaction with one snapshot per node of the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg
from asyncpg.transaction import Transaction

from guanxi.graph.groups import DEFAULT_NAME, SPECIAL_NAME
from guanxi.graph.lists import BY_VISITS, Listing, Position, Sort, Window
from guanxi.graph.pair import (
    DEFAULT,
    EMPTY_SIDE,
    SPECIAL,
    Attribute,
    Contract,
    Edge,
    Pair,
    Relation,
    Side,
)
from guanxi.stores.port import NO_TALLY, GroupRow, Row, Rows, Slice, Tally
from guanxi.stores.postgresql.connections import Connection

_GROUPED = "groups, contract_ts, contract_attr, other_contract_ts, other_contract_attr"
_BARE = (
    "NULL::bigint[] AS groups, NULL::bigint AS contract_ts, NULL::bigint AS contract_attr,"
    " NULL::bigint AS other_contract_ts, NULL::bigint AS other_contract_attr"
)
# Each table is compared with the account as a value: so Citus sees that all rows are on one shard.

#: The followers of the account ``$1``, from their slots.
_FOLLOWERS = """
CROSS JOIN (
    SELECT coalesce(sum(follower), 0)::bigint AS follower,
        coalesce(sum(version), 0)::bigint AS follower_version,
        coalesce(sum(public_version), 0)::bigint AS public_follower_version
    FROM follower_tally WHERE mid = $1
) AS slots
"""


class _Source(NamedTuple):
    """The SQL parts of a list: its sort key, condition, columns, total and versions."""

    sort_key: str
    where: str = ""
    shows: str = _GROUPED
    total: str = "NULL::bigint"
    version: str = "version"
    public_version: str = "0::bigint"
    joined: str = ""
    #: Whether the group is the argument $4, before those of the position.
    has_group: bool = False


_FOLLOWINGS = _Source("follows", total="following", public_version="public_version")
_SOURCES = {
    Listing.FOLLOWINGS: _FOLLOWINGS,
    Listing.FOLLOWERS: _Source(
        "followed",
        total="follower",
        version="follower_version",
        public_version="public_follower_version",
        joined=_FOLLOWERS,
    ),
    Listing.FRIENDS: _Source("follows", "AND followed IS NOT NULL"),
    Listing.WHISPERS: _Source("whispers", shows=_BARE, total="whisper", version="private_version"),
    Listing.BLACKS: _Source("blocks", shows=_BARE, total="black", version="private_version"),
}
_UNGROUPED = _Source("follows", "AND groups IS NULL")
_SPECIAL = _Source("follows", f"AND groups @> ARRAY[{SPECIAL}::bigint]")
_NAMED = _Source(
    "follows",
    "AND groups @> ARRAY[$4::bigint]",
    joined="JOIN grp ON grp.owner = $1 AND grp.id = $4",
    has_group=True,
)


def _statements(source: _Source, *, by_visits: bool = True) -> dict[tuple[Sort, bool], str]:
    """Return a list's SQL statements for one page, by (order, whether it begins at a position).

    ``by_visits``: also in that order. Arguments: owner, limit, offset, the group if there is one,
    the position's sort key and mid, and (by visits) its visits.
    """
    sort_key = source.sort_key
    key, position = f"{sort_key}, other", _position(source)
    orders = {
        Sort.NEWEST: (f"{sort_key} DESC, other DESC", f"({key}) < ({position})"),
        Sort.OLDEST: (key, f"({key}) > ({position})"),
    }
    statements = {
        (sort, walks): _with_totals(
            source,
            f"""
    SELECT {_columns(source, "0::bigint")}
    FROM relation WHERE {_condition(source)} {f"AND {behind}" if walks else ""}
    ORDER BY {order} LIMIT $2 OFFSET $3
""",
        )
        for sort, (order, behind) in orders.items()
        for walks in (False, True)
    }
    if by_visits:
        for walks in (False, True):
            statements[Sort.VISITED, walks] = _with_totals(source, _by_visits(source, walks=walks))
    return statements


def _with_totals(source: _Source, run: str) -> str:
    """Return SQL for the rows of ``run``, each after the list's total and versions."""
    return f"""
SELECT {source.total} AS total, {source.version} AS version,
    {source.public_version} AS public_version, run.*
FROM tally {source.joined} LEFT JOIN ({run}) AS run ON true
WHERE tally.mid = $1
"""


def _by_visits(source: _Source, *, walks: bool) -> str:
    """Return SQL for a page, the most visited first; the arguments are those of ``_statements``.

    The visited are read in the order of their index, and the others, in the order of theirs, as far
    as the visited do not fill the page.
    """
    sort_key, position = source.sort_key, _position(source)
    most = f"${_sort_key_at(source) + 2}"
    down = f"{sort_key} DESC, other DESC"
    behind = behind_unvisited = ""
    if walks:
        behind = f"AND (visits, {sort_key}, other) < ({most}, {position})"
        behind_unvisited = f"AND ({most} > 0 OR ({sort_key}, other) < ({position}))"
    return f"""
    WITH visited AS MATERIALIZED (
        SELECT {_columns(source, "visits")} FROM relation
        WHERE {_condition(source)} AND visits > 0 {behind}
        ORDER BY relation.visits DESC, {down} LIMIT $2::bigint + $3::bigint
    )
    SELECT * FROM visited
    UNION ALL
    (
        SELECT {_columns(source, "0::bigint")} FROM relation
        WHERE {_condition(source)} AND visits IS NULL {behind_unvisited}
        ORDER BY {down}
        LIMIT $2::bigint + $3::bigint - (SELECT count(*) FROM visited)
    )
    ORDER BY visits DESC, place DESC, other DESC LIMIT $2 OFFSET $3
"""


def _columns(source: _Source, visits: str) -> str:
    return (
        f"other, {source.sort_key} AS place, {visits} AS visits,"
        f" follows IS NOT NULL AND followed IS NOT NULL AS mutual, {source.shows}"
    )


def _condition(source: _Source) -> str:
    return f"owner = $1 AND {source.sort_key} IS NOT NULL {source.where}"


def _sort_key_at(source: _Source) -> int:
    return 5 if source.has_group else 4


def _position(source: _Source) -> str:
    at = _sort_key_at(source)
    return f"${at}, ${at + 1}"


_PAGES = {
    listing: _statements(source, by_visits=listing in BY_VISITS)
    for listing, source in _SOURCES.items()
}
_MEMBERS = {
    group: _statements(source) for group, source in ((DEFAULT, _UNGROUPED), (SPECIAL, _SPECIAL))
}
_NAMED_MEMBERS = _statements(_NAMED)


async def page(
    db: Connection,
    listing: Listing,
    owner: int,
    sort: Sort,
    window: Window,
    after: Position | None = None,
) -> Slice:
    """Return the page of an owner's list that ``window`` selects, counted from ``after`` if given.

    The list of an unknown owner is empty. ``total`` is None for friends. Raise ``ValueError`` for
    an order that it does not have.
    """
    rows = await _select(db, _PAGES[listing], (owner,), sort, window, after)
    total = None if listing is Listing.FRIENDS else 0
    return _slice(rows, window) or Slice(Rows(), False, total, 0)


async def members(
    db: Connection,
    owner: int,
    group: int,
    sort: Sort,
    window: Window,
    after: Position | None = None,
) -> Slice | None:
    """Return one page of a group's members; None if the owner has no such group.

    Every owner has group -10 (special) and 0 (in no group). ``window`` is counted from ``after`` if
    given. ``total`` is None.
    """
    if group in _MEMBERS:
        rows = await _select(db, _MEMBERS[group], (owner,), sort, window, after)
        return _slice(rows, window) or Slice(Rows(), False, None, 0)
    rows = await _select(db, _NAMED_MEMBERS, (owner, group), sort, window, after)
    return _slice(rows, window)


async def _select(
    db: Connection,
    pages: dict[tuple[Sort, bool], str],
    key: tuple[int, ...],
    sort: Sort,
    window: Window,
    after: Position | None,
) -> list[asyncpg.Record]:
    """Return the rows of a page and the next one; one row without item if there are none.

    No row at all if the owner or group is unknown. ``pages`` come from ``_statements``; ``key`` is
    the owner, then the group if they have one. Raise ``ValueError`` for an order not in ``pages``.
    """
    statement = pages.get((sort, after is not None))
    if statement is None:
        raise ValueError(f"this list has no order by {sort.name}")
    limit = window.limit + 1 if window.limit else 0
    values = [key[0], limit, window.offset, *key[1:]]
    if after is not None:
        values += [after.sort_key, after.mid]
        if sort is Sort.VISITED:
            values.append(after.visits)
    return await db.fetch(statement, *values)


def _slice(rows: Sequence[asyncpg.Record], window: Window) -> Slice | None:
    """Return the page in the rows that ``_select`` returned; None if there are no rows."""
    if not rows:
        return None
    total, version, public_version, other = rows[0][:4]
    more = 0 < window.limit < len(rows)
    shown = [] if other is None else [row[3:] for row in rows[: window.limit]]
    return Slice(_rows(shown), more, total, version, None, public_version)


def _rows(found: Sequence[tuple[Any, ...]]) -> Rows:
    """Return selected rows as ``Rows``: by column, with ``extras`` only if any row needs them."""
    if not found:
        return Rows()
    mids, sort_keys, visits, mutuals, groups, mine, _, theirs, _ = zip(*found, strict=True)
    extras: dict[int, Row] = {}
    if any(visits) or any(groups) or {*mine, *theirs} != {None}:
        extras = {at: _row(*each) for at, each in enumerate(found)}
    return Rows(mids, sort_keys, mutuals, extras)


def _row(
    mid: int,
    sort_key: int,
    visits: int,
    mutual: bool,
    groups: list[int] | None,
    contract_ts: int | None,
    contract_attr: int,
    other_contract_ts: int | None,
    other_contract_attr: int,
) -> Row:
    return Row(
        mid,
        sort_key,
        mutual,
        tuple(groups) if groups else (),
        None if contract_ts is None else Contract(contract_ts, contract_attr),
        None if other_contract_ts is None else Contract(other_contract_ts, other_contract_attr),
        visits,
    )


def _rows_of(owner: str, others: str) -> str:
    """Return SQL, for FROM, for the owner's rows towards an array of others, each by its key.

    With ``other = ANY``, a plan for any owner expects a short list, and reads the whole of it.
    """
    return f"""unnest({others}) AS wanted (mid) CROSS JOIN LATERAL (
        SELECT * FROM relation WHERE owner = {owner} AND other = wanted.mid OFFSET 0
    ) AS relation"""


# Both statements below leave all but one page of a list on the server. Their CTEs are materialized,
# each on the shard of its account, so that Citus can combine them.
_SEARCH = """
WITH list AS MATERIALIZED (
    SELECT other, follows AS place FROM relation WHERE owner = $1 AND follows IS NOT NULL
    ORDER BY follows DESC, other DESC LIMIT $3
), found AS MATERIALIZED (
    SELECT other, place FROM list JOIN account ON mid = other WHERE position($2 IN folded) > 0
)
"""
_NEWEST = """
WITH found AS MATERIALIZED (
    SELECT other, follows AS place FROM relation WHERE owner = $1 AND follows IS NOT NULL
    ORDER BY follows DESC, other DESC LIMIT $2
)
"""
# Grouped, not joined: without statistics of the lists, a join may compare each row with each.
_IN_BOTH = """, found AS MATERIALIZED (
    SELECT other, max(place) AS place
    FROM (SELECT * FROM mine UNION ALL SELECT * FROM theirs) AS rows
    GROUP BY other HAVING count(*) = 2
)
"""
_MINE = """mine AS MATERIALIZED (
    SELECT other, {place} AS place FROM relation WHERE owner = $1 AND {of}
)"""
_THEIRS = """theirs AS MATERIALIZED (
    SELECT other, {place} AS place FROM relation WHERE owner = $2 AND {of}
)"""
_FOLLOWS, _NO_PLACE = "follows IS NOT NULL", "NULL::bigint"
_COMMON = f"""
WITH {_MINE.format(place=_NO_PLACE, of=_FOLLOWS)},
{_THEIRS.format(place="follows", of=_FOLLOWS)} {_IN_BOTH}"""
#: Of a list that is so many times as long as the other, only the other's rows are looked up.
_LONGER = 8
_COMMON_OF_FEW = f"""
WITH {_MINE.format(place=_NO_PLACE, of=_FOLLOWS)},
theirs AS MATERIALIZED (
    SELECT other, follows AS place FROM {_rows_of("$2", "ARRAY(SELECT other FROM mine)")}
    WHERE {_FOLLOWS}
) {_IN_BOTH}"""
_COMMON_WITH_FEW = f"""
WITH {_THEIRS.format(place="follows", of=_FOLLOWS)},
mine AS MATERIALIZED (
    SELECT other, {_NO_PLACE} AS place FROM {_rows_of("$1", "ARRAY(SELECT other FROM theirs)")}
    WHERE {_FOLLOWS}
) {_IN_BOTH}"""
#: Followings of the first account that are followers of the second.
_KNOWN = f"""
WITH {_MINE.format(place="follows", of=_FOLLOWS)},
theirs AS MATERIALIZED (
    SELECT other, {_NO_PLACE} AS place FROM {_rows_of("$2", "ARRAY(SELECT other FROM mine)")}
    WHERE followed IS NOT NULL
) {_IN_BOTH}"""
_VERSIONS = "SELECT version, public_version, following FROM tally WHERE mid = $1"
_SHOWN = f"""
SELECT other, follows, 0::bigint, followed IS NOT NULL, {_GROUPED}
FROM {_rows_of("$1", "$2::bigint[]")} WHERE follows IS NOT NULL
"""


def _snapshot(db: Connection) -> Transaction:
    return db.transaction(isolation="repeatable_read", readonly=True)


async def search(
    db: Connection,
    owner: int,
    text: str,
    within: int,
    window: Window,
    after: Position | None = None,
) -> Slice:
    """Return a page of the owner's followings whose name contains ``text``, newest first.

    Only the ``within`` newest followings are searched. Case is ignored; "" matches every name.
    ``total`` counts the matches. ``window`` is counted from ``after`` if given. Expects no
    transaction.
    """
    async with _snapshot(db):
        *versions, _ = await _versions(db, owner)
        named = [text.casefold().encode()] if text else []
        found = _SEARCH if text else _NEWEST
        return await _page_of(db, owner, found, [owner, *named, within], window, after, *versions)


async def common(
    db: Connection, owner: int, other: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the owner's followings that ``other`` also follows.

    The order is that of the other's list, newest first, and so are the positions ``after``, from
    which ``window`` is counted if given, and ``end``; the rows are the owner's. ``total`` counts
    them all; ``version`` is the sum of the owner's version and the other's public one. Expects no
    transaction.
    """
    async with _snapshot(db):
        # Versions only rise, so their sum changes whenever either does.
        version, _, mine = await _versions(db, owner)
        _, public_version, theirs = await _versions(db, other)
        version += public_version
        found = _COMMON
        if mine * _LONGER <= theirs:
            found = _COMMON_OF_FEW
        elif theirs * _LONGER <= mine:
            found = _COMMON_WITH_FEW
        return await _page_of(db, owner, found, [owner, other], window, after, version, 0)


async def known_followers(
    db: Connection, owner: int, target: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the owner's followings that follow ``target``, newest first.

    ``total`` counts them all; ``version`` is the sum of those of both lists. Expects no
    transaction.
    """
    async with _snapshot(db):
        version, _, _ = await _versions(db, owner)
        version += (await tally(db, target)).public_follower_version
        page = await _page_of(db, owner, _KNOWN, [owner, target], window, after, version, 0)
        return page._replace(end=None)


async def _versions(db: Connection, mid: int) -> tuple[int, int, int]:
    """Return the version, the public version and the number of an account's followings."""
    row = await db.fetchrow(_VERSIONS, mid)
    return (0, 0, 0) if row is None else (row[0], row[1], row[2])


async def _page_of(
    db: Connection,
    owner: int,
    found: str,
    values: Sequence[object],
    window: Window,
    after: Position | None,
    version: int,
    public_version: int,
) -> Slice:
    """Return the page that ``window`` selects of ``found``, a CTE of (other, place), newest first.

    ``values`` are the arguments of the CTE. ``total`` is the number of all its rows.
    """
    first = len(values) + 1
    behind = f"WHERE (place, other) < (${first + 2}, ${first + 3})" if after else ""
    statement = f"""{found}, run AS (
    SELECT other, place FROM found {behind}
    ORDER BY place DESC, other DESC LIMIT ${first} OFFSET ${first + 1}
)
SELECT (SELECT count(*) FROM found), other, place FROM (SELECT 1) AS one LEFT JOIN run ON true
ORDER BY place DESC, other DESC
"""
    position = [after.sort_key, after.mid] if after else []
    limit = window.limit + 1 if window.limit else 0
    selected = await db.fetch(statement, *values, limit, window.offset, *position)
    total = selected[0][0]
    items = [(mid, place) for _, mid, place in selected if mid is not None]
    more = 0 < window.limit < len(items)
    shown = [mid for mid, _ in items[: window.limit]]
    rows = {row[0]: tuple(row) for row in await db.fetch(_SHOWN, owner, shown)} if shown else {}
    # On Citus a snapshot covers one node: some of them may be deleted by now.
    still = _rows([rows[mid] for mid in shown if mid in rows])
    end = Position(*items[len(shown) - 1][::-1]) if shown else None
    return Slice(still, more, total, version, end, public_version)


#: What the owner holds towards the other, and whether that one follows back.
SIDE = """
SELECT owner, other, follows, whispers, blocks, groups, contract_ts, contract_attr,
    followed, other_contract_ts, other_contract_attr, requests, requested
FROM relation
"""
_PAIR = f"{SIDE} WHERE (owner = $1 AND other = $2) OR (owner = $2 AND other = $1)"


async def pair(db: Connection, owner: int, target: int) -> Pair:
    """Return the owner's side (``mine``) and the target's (``theirs``), from one snapshot.

    A side is empty without a relation.
    """
    held = {row[0]: side_of(row) for row in await db.fetch(_PAIR, owner, target)}
    return Pair(mine=held.get(owner, EMPTY_SIDE), theirs=held.get(target, EMPTY_SIDE))


_PAIRS = f"""
{SIDE} WHERE (owner = $1 AND other = ANY($2)) OR (owner = ANY($2) AND other = $1)
"""


async def pairs(db: Connection, owner: int, targets: Sequence[int]) -> dict[int, Pair]:
    """Return the pair of the owner and each of ``targets`` by target, without empty ones."""
    held = {row[:2]: side_of(row) for row in await db.fetch(_PAIRS, owner, targets)}
    found = {
        target: Pair(held.get((owner, target), EMPTY_SIDE), held.get((target, owner), EMPTY_SIDE))
        for target in targets
    }
    return {target: pair for target, pair in found.items() if pair != Pair()}


def side_of(row: asyncpg.Record) -> Side:
    """Return the owner's side in a row selected by ``SIDE``."""
    sort_key, whispers, blocks, groups, contract_ts, contract_attr = row[2:8]
    if sort_key is None:
        return Side(whispers=whispers, blocks=blocks, requests=row[11])
    contract = None if contract_ts is None else Contract(contract_ts, contract_attr)
    return Side(Edge(sort_key, frozenset(groups or ()), contract), whispers, blocks)


_ATTRIBUTE = f"""CASE
    WHEN blocks IS NOT NULL THEN {Attribute.BLOCKED:d}
    WHEN follows IS NULL THEN {Attribute.WHISPER:d}
    WHEN followed IS NULL THEN {Attribute.FOLLOWING:d}
    ELSE {Attribute.MUTUAL:d}
END"""
_RELATED = f"""
FROM {_rows_of("$1", "$2::bigint[]")}
WHERE follows IS NOT NULL OR whispers IS NOT NULL OR blocks IS NOT NULL
"""
_ATTRIBUTES = f"SELECT other, {_ATTRIBUTE} {_RELATED}"
_RELATIONS = f"SELECT other, {_ATTRIBUTE}, coalesce(follows, whispers, 0), groups {_RELATED}"


async def relations(db: Connection, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
    """Return the owner's relation to each target, by mid; targets without one are omitted.

    The sort key of a block is 0.
    """
    if not targets:
        return {}
    found = await db.fetch(_RELATIONS, owner, targets)
    return {
        other: Relation(attribute, sort_key, tuple(groups or ()))
        for other, attribute, sort_key, groups in found
    }


async def attributes(db: Connection, owner: int, targets: Sequence[int]) -> dict[int, int]:
    """Return the owner's ``Attribute`` towards each target, by mid; those with 0 are omitted."""
    if not targets:
        return {}
    return {row[0]: row[1] for row in await db.fetch(_ATTRIBUTES, owner, targets)}


_TALLY = f"""
SELECT following, whisper, black, follower, version, follower_version, public_version,
    public_follower_version, private_version
FROM tally {_FOLLOWERS} WHERE tally.mid = $1
"""


async def tally(db: Connection, mid: int) -> Tally:
    """Return an account's counts and list versions; zeros for an unknown account."""
    row = await db.fetchrow(_TALLY, mid)
    return NO_TALLY if row is None else Tally(*row)


# The greatest of one row: an unknown account has none, and counts 0.
_GROUPS = f"""
SELECT id, name, members, made FROM grp WHERE owner = $1
UNION ALL
SELECT {SPECIAL}, '{SPECIAL_NAME}', coalesce(max(special), 0), -2 FROM tally WHERE mid = $1
UNION ALL
SELECT {DEFAULT}, '{DEFAULT_NAME}', coalesce(max(following - grouped), 0), -1
FROM tally WHERE mid = $1
ORDER BY made
"""


async def groups(db: Connection, owner: int) -> list[GroupRow]:
    """Return the special group, the default group, then the owner's own by creation.

    An unknown owner has the first two.
    """
    return [GroupRow(*row[:3]) for row in await db.fetch(_GROUPS, owner)]
