"""Reads of lists, relations, counts and groups, on a given connection."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import apsw

from guanxi.graph.groups import DEFAULT_NAME, SPECIAL_NAME
from guanxi.graph.lists import BY_VISITS, Listing, Position, Sort, Window
from guanxi.graph.pair import (
    DEFAULT,
    SPECIAL,
    Attribute,
    Contract,
    Edge,
    Pair,
    Relation,
    Side,
)
from guanxi.stores.port import NO_TALLY, GroupRow, Row, Rows, Slice, Tally
from guanxi.stores.sqlite.schema import (
    CONTRACTS,
    GROUPED,
    IN_GROUPS,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)

#: A row of a list: the item's mid, its sort key, its flags and the owner's visits.
_ListRow = tuple[int, int, int, int]


class _Source(NamedTuple):
    """Where the rows of a list come from, as parts of a SELECT statement."""

    table: str
    item: str = "a.target"
    flags: str = "a.flags"
    where: str = "a.owner = :owner"
    #: How to find the rows of visited accounts, from ``visit AS v``.
    visited: str = "CROSS JOIN following AS a ON a.owner = v.owner AND a.target = v.target"


_OWNED = "a.owner = :owner"
_FOLLOWINGS = _Source("following AS a")
_SOURCES = {
    Listing.FOLLOWINGS: _FOLLOWINGS,
    Listing.FOLLOWERS: _Source("follower AS a", item="a.source"),
    Listing.FRIENDS: _FOLLOWINGS._replace(where=f"{_OWNED} AND a.flags & {MUTUAL}"),
    Listing.WHISPERS: _Source("whisper AS a", flags="0"),
    Listing.BLACKS: _Source("block AS a", flags="0"),
}
_UNGROUPED = _FOLLOWINGS._replace(where=f"{_OWNED} AND a.flags & {IN_GROUPS} = 0")
_MEMBERS = _Source(
    "member AS a JOIN following AS f"
    " ON f.owner = a.owner AND f.place = a.place AND f.target = a.target",
    flags="f.flags",
    where=f"{_OWNED} AND a.grp = :grp",
    visited="CROSS JOIN following AS f ON f.owner = v.owner AND f.target = v.target"
    " CROSS JOIN member AS a ON a.owner = f.owner AND a.place = f.place AND a.target = f.target",
)


def _statements(source: _Source, *, by_visits: bool = True) -> dict[tuple[Sort, bool], str]:
    """Return SQL for one page of a list, by (order, whether the page starts after a position).

    ``by_visits``: also in that order. The bindings are ``owner``, ``grp``, ``limit``, ``offset``
    and, for a position, ``place``, ``mid``, ``visits``.
    """
    key = f"a.place, {source.item}"
    orders = {
        Sort.NEWEST: (f"a.place DESC, {source.item} DESC", f"({key}) < (:place, :mid)"),
        Sort.OLDEST: (key, f"({key}) > (:place, :mid)"),
    }
    statements = {
        (sort, keyset): f"SELECT {source.item}, a.place, {source.flags}, 0"
        f" FROM {source.table} WHERE {source.where}{f' AND {after}' if keyset else ''}"
        f" ORDER BY {order} LIMIT :limit OFFSET :offset"
        for sort, (order, after) in orders.items()
        for keyset in (False, True)
    }
    if by_visits:
        statements |= {
            (Sort.VISITED, keyset): _by_visits(source, keyset) for keyset in (False, True)
        }
    return statements


def _by_visits(source: _Source, keyset: bool) -> str:
    """Return SQL for one page of a list, the most visited first; the bindings are those of others.

    The visited are read in the order of their index, in which only those with equal visits are
    sorted. The others, already in order, are read as far as the visited do not fill the page.
    """
    key, down = f"a.place, {source.item}", f"a.place DESC, {source.item} DESC"
    columns, most = f"{source.item}, a.place, {source.flags}", "LIMIT :limit + :offset"
    after = ""
    if keyset:  # the first condition is for the index
        after = f" AND v.visits <= :visits AND (v.visits, {key}) < (:visits, :place, :mid)"
    after_unvisited = f" AND (:visits > 0 OR ({key}) < (:place, :mid))" if keyset else ""
    visited = "SELECT 1 FROM visit AS v WHERE v.owner = a.owner AND v.target = a.target"
    return f"""
WITH visited AS MATERIALIZED (
    SELECT {columns}, v.visits FROM visit AS v {source.visited}
    WHERE v.owner = :owner AND v.visits > 0 AND {source.where}{after}
    ORDER BY v.visits DESC, {down} {most}
)
SELECT * FROM visited
UNION ALL
SELECT * FROM (
    SELECT {columns}, 0 FROM {source.table}
    WHERE {source.where}{after_unvisited} AND NOT EXISTS ({visited} AND v.visits > 0)
    ORDER BY {down} {most} - (SELECT count(*) FROM visited)
)
ORDER BY 4 DESC, 2 DESC, 1 DESC LIMIT :limit OFFSET :offset
"""


_PAGES = {
    listing: _statements(source, by_visits=listing in BY_VISITS)
    for listing, source in _SOURCES.items()
}
#: How to find a list's total (None where it is not counted), version and public version in its
#: owner's tally.
_TOTAL_AND_VERSIONS: dict[Listing, Callable[[Tally], tuple[int | None, int, int]]] = {
    Listing.FOLLOWINGS: lambda tally: (tally.following, tally.version, tally.public_version),
    Listing.FOLLOWERS: lambda tally: (
        tally.follower,
        tally.follower_version,
        tally.public_follower_version,
    ),
    Listing.FRIENDS: lambda tally: (None, tally.version, 0),
    Listing.WHISPERS: lambda tally: (tally.whisper, tally.private_version, 0),
    Listing.BLACKS: lambda tally: (tally.black, tally.private_version, 0),
}
_UNGROUPED_PAGES, _MEMBER_PAGES = _statements(_UNGROUPED), _statements(_MEMBERS)


def page(
    db: apsw.Connection,
    listing: Listing,
    owner: int,
    sort: Sort,
    window: Window,
    after: Position | None = None,
) -> Slice:
    """Return the page of an owner's list that ``window`` selects, counted from ``after`` if given.

    The list of an unknown owner is empty. ``total`` is None for friends. Raise
    ``ValueError`` for an order that it does not have.
    """
    selected = _select(db, _PAGES[listing], owner, sort, window, after)
    total, version, public_version = _TOTAL_AND_VERSIONS[listing](tally(db, owner))
    shown = rows(db, owner, selected[: window.limit], followers=listing is Listing.FOLLOWERS)
    return Slice(shown, len(selected) > window.limit, total, version, None, public_version)


def members(
    db: apsw.Connection,
    owner: int,
    group: int,
    sort: Sort,
    window: Window,
    after: Position | None = None,
) -> Slice | None:
    """Return a page of a group's members, or None if the owner has no such group.

    Every owner has group -10 (special) and 0 (in no group). ``window`` is counted from ``after`` if
    given. ``total`` is None.
    """
    if group not in (DEFAULT, SPECIAL):
        exists = "SELECT EXISTS (SELECT 1 FROM grp WHERE owner = ? AND id = ?)"
        if not db.execute(exists, (owner, group)).get:
            return None
    pages = _UNGROUPED_PAGES if group == DEFAULT else _MEMBER_PAGES
    selected = _select(db, pages, owner, sort, window, after, group)
    shown = rows(db, owner, selected[: window.limit])
    return Slice(shown, len(selected) > window.limit, None, tally(db, owner).version)


def _select(
    db: apsw.Connection,
    pages: dict[tuple[Sort, bool], str],
    owner: int,
    sort: Sort,
    window: Window,
    after: Position | None,
    group: int = DEFAULT,
) -> list[_ListRow]:
    """Return a page's rows (mid, sort key, flags, visits) and the next row, if there is one.

    ``pages`` come from ``_statements``; only those of a group use ``group``. No row if the limit is
    0. Visits are 0 except in the order by visits. Raise ``ValueError`` for an order that ``pages``
    lacks.
    """
    statement = pages.get((sort, after is not None))
    if statement is None:
        raise ValueError(f"this list has no order by {sort.name}")
    if window.limit == 0:
        return []
    values = {"owner": owner, "grp": group, "limit": window.limit + 1, "offset": window.offset}
    if after is not None:
        values |= {"place": after.sort_key, "mid": after.mid, "visits": after.visits}
    return list(db.execute(statement, values))


def rows(
    db: apsw.Connection, owner: int, selected: Sequence[_ListRow], *, followers: bool = False
) -> Rows:
    """Return ``selected`` as ``Rows``, in the same order, with groups, contracts and visits.

    A selected row holds its visits; groups and contracts are read only for rows whose flags
    announce them. ``followers``: these are the owner's followers, which have groups only if the
    owner follows them back.
    """
    if not selected:
        return Rows()
    mids, sort_keys, flags, visits = zip(*selected, strict=True)
    announced = MUTUAL | CONTRACTS if followers else GROUPED | SPECIAL_BIT | CONTRACTS
    announcing = [index for index, bits in enumerate(flags) if bits & announced]
    mutuals = [bits & MUTUAL for bits in flags]
    if not announcing and not any(visits):  # nearly always
        return Rows(mids, sort_keys, mutuals)
    grouped = [mids[index] for index in announcing if followers or flags[index] & GROUPED]
    groups = groups_of(db, owner, grouped) if grouped else {}
    contracted = [mids[index] for index in announcing if flags[index] & CONTRACTS]
    mine, theirs = _contracts(db, owner, contracted) if contracted else ({}, {})
    special = (SPECIAL,)
    extras = {
        index: Row(
            mid,
            sort_keys[index],
            bool(mutuals[index]),
            groups.get(mid, special if flags[index] & SPECIAL_BIT else ()),
            mine.get(mid) if flags[index] & OWNER_CONTRACT else None,
            theirs.get(mid) if flags[index] & ITEM_CONTRACT else None,
            visits[index],
        )
        for index, mid in enumerate(mids)
        if flags[index] & announced or visits[index]
    }
    return Rows(mids, sort_keys, mutuals, extras)


def packed(mids: Iterable[int]) -> apsw.CArrayBinding:
    """Return integers as an array to bind to ``carray(?)``; there must be at least one.

    ``OverflowError`` for one over 64 bits.
    """
    return apsw.carray(array("q", mids))


# CROSS JOIN fixes the order, array first: otherwise SQLite may loop over the owner's rows, and scan
# the whole array for each of them.
_GROUPS_OF = """
SELECT target, grp FROM carray(?2) CROSS JOIN member ON owner = ?1 AND target = value
"""


def groups_of(db: apsw.Connection, owner: int, mids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Return, by mid, the ids of the owner's groups that contain it, ascending.

    The special group is included; mids in no group are omitted. ``mids`` must not be empty.
    """
    groups_by_mid: dict[int, list[int]] = defaultdict(list)
    for mid, group in db.execute(_GROUPS_OF, (owner, packed(mids))):
        groups_by_mid[mid].append(group)
    return {mid: tuple(sorted(groups)) for mid, groups in groups_by_mid.items()}


_CONTRACTS = """
SELECT owner, target, ts, user_attr
FROM carray(?2) CROSS JOIN contract ON owner = ?1 AND target = value
UNION ALL
SELECT owner, target, ts, user_attr
FROM carray(?2) CROSS JOIN contract ON owner = value AND target = ?1
"""


def _contracts(
    db: apsw.Connection, owner: int, mids: Sequence[int]
) -> tuple[dict[int, Contract], dict[int, Contract]]:
    """Return the owner's contracts with these accounts, and theirs with the owner, by mid.

    Accounts without a contract are omitted. ``mids`` must not be empty.
    """
    mine, theirs = {}, {}
    for holder, target, ts, user_attr in db.execute(_CONTRACTS, (owner, packed(mids))):
        if holder == owner:
            mine[target] = Contract(ts, user_attr)
        else:
            theirs[holder] = Contract(ts, user_attr)
    return mine, theirs


_SEARCH = """
SELECT target, place, flags, 0
FROM (
    SELECT target, place, flags FROM following WHERE owner = :owner
    ORDER BY place DESC, target DESC LIMIT :within
) CROSS JOIN account ON mid = target
WHERE instr(folded, :text)
ORDER BY place DESC, target DESC
"""
_NEWEST = """
SELECT target, place, flags, 0 FROM following WHERE owner = :owner
ORDER BY place DESC, target DESC LIMIT :within
"""


def search(
    db: apsw.Connection,
    owner: int,
    text: str,
    within: int,
    window: Window,
    after: Position | None = None,
) -> Slice:
    """Return a page of the owner's followings whose name contains ``text``, newest first.

    Only the ``within`` newest followings are searched. Case is ignored; "" matches every name.
    ``total`` counts the matches. ``window`` is counted from ``after`` if given.
    """
    values = {"owner": owner, "within": within, "text": text.casefold()}
    matches = list(db.execute(_SEARCH if text else _NEWEST, values))
    return _page_of(db, owner, matches, window, after)


def _page_of(
    db: apsw.Connection,
    owner: int,
    matches: Sequence[_ListRow],
    window: Window,
    after: Position | None,
) -> Slice:
    """Return the page of ``matches``, a whole list newest first, that ``window`` selects.

    ``window`` is counted from ``after`` if given. ``total`` is the number of all matches.
    """
    total = len(matches)
    if after is not None:
        matches = [row for row in matches if (row[1], row[0]) < (after.sort_key, after.mid)]
    shown = matches[window.offset : window.offset + window.limit]
    more = window.limit > 0 and len(matches) > window.offset + window.limit
    counts = tally(db, owner)
    return Slice(rows(db, owner, shown), more, total, counts.version, None, counts.public_version)


#: Kinds of a relation.
_FOLLOWS, _BLOCKS, _WHISPERS = 0, 1, 2

# One row, whatever there is: the time of a read must not say whether an account blocks another.
_SIDE = """
SELECT
    (SELECT place FROM following WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM block WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM whisper WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM request WHERE owner = ?1 AND target = ?2),
    (SELECT group_concat(grp) FROM member WHERE owner = ?1 AND target = ?2),
    (SELECT ts || ',' || user_attr FROM contract WHERE owner = ?1 AND target = ?2)
"""


def side(db: apsw.Connection, owner: int, target: int) -> Side:
    """Return the owner's side towards a target."""
    follows, blocks, whispers, requests, groups, contract = db.execute(_SIDE, (owner, target)).get
    edge = None
    if follows is not None:
        ids = frozenset(_numbers(groups)) if groups else frozenset()
        edge = Edge(follows, ids, Contract(*_numbers(contract)) if contract else None)
    return Side(edge, whispers, blocks, requests)


#: Which targets the owner follows: by looking up each, or by one scan of the owner's followings if
#: these are at most ``_SCAN_RATIO`` times as many as the targets.
_LOOK_UP_FOLLOWED = f"""
SELECT target, {_FOLLOWS}, place, flags
FROM carray(?2) CROSS JOIN following ON owner = ?1 AND target = value
"""
_SCAN_FOLLOWED = f"""
SELECT target, {_FOLLOWS}, place, flags FROM following NOT INDEXED
WHERE owner = ?1 AND target IN carray(?2)
"""
_SCAN_RATIO = 6
_BLOCKED_OR_WHISPERED = f"""
SELECT value, {_BLOCKS}, 0, 0 FROM carray(?2) CROSS JOIN block ON owner = ?1 AND target = value
UNION ALL
SELECT value, {_WHISPERS}, place, 0
    FROM carray(?2) CROSS JOIN whisper ON owner = ?1 AND target = value
"""

#: A target, the kind of relation, the sort key (0 for a block), and the flags.
_RelationRow = tuple[int, int, int, int]


def _relation_rows(db: apsw.Connection, owner: int, targets: Sequence[int]) -> list[_RelationRow]:
    """Return (target, kind, sort key, flags) for each target to which the owner has a relation.

    Kinds are ``_FOLLOWS``, ``_BLOCKS`` and ``_WHISPERS``. A block has sort key 0; only a following
    has flags.
    """
    if not targets:
        return []
    counts, values = tally(db, owner), (owner, packed(targets))
    scan = counts.following <= _SCAN_RATIO * len(targets)
    statement = _SCAN_FOLLOWED if scan else _LOOK_UP_FOLLOWED
    found: list[_RelationRow] = list(db.execute(statement, values))
    if len(found) < len(targets) and (counts.black or counts.whisper):
        found += db.execute(_BLOCKED_OR_WHISPERED, values)
    return found


#: By kind of relation, the attribute without and with a follow back.
_ATTRIBUTES = {
    _FOLLOWS: (int(Attribute.FOLLOWING), int(Attribute.MUTUAL)),
    _BLOCKS: (int(Attribute.BLOCKED),) * 2,
    _WHISPERS: (int(Attribute.WHISPER),) * 2,
}


def relations(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
    """Return the owner's relation to each target; targets without a relation are omitted.

    ``targets`` must be unique. The sort key of a block is 0.
    """
    if len(targets) == 1:
        return _relation(db, owner, targets[0])
    found = _relation_rows(db, owner, targets)
    grouped = [target for target, _, _, flags in found if flags & IN_GROUPS]
    groups = groups_of(db, owner, grouped) if grouped else {}
    return {
        target: Relation(_ATTRIBUTES[kind][flags & MUTUAL], sort_key, groups.get(target, ()))
        for target, kind, sort_key, flags in found
    }


# The text is short because each look-up of a statement in apsw's cache reads all of it.
_RELATION = f"""
SELECT {_FOLLOWS}, place, flags FROM following WHERE owner = ?1 AND target = ?2
UNION ALL SELECT {_BLOCKS}, 0, 0 FROM block WHERE owner = ?1 AND target = ?2
UNION ALL SELECT {_WHISPERS}, place, 0 FROM whisper WHERE owner = ?1 AND target = ?2 LIMIT 1
"""


def _relation(db: apsw.Connection, owner: int, target: int) -> dict[int, Relation]:
    """Return the owner's relation to ``target`` in a dict by target; {} without a relation.

    The sort key of a block is 0.
    """
    row = db.execute(_RELATION, (owner, target)).get
    if row is None:
        return {}
    kind, sort_key, flags = row
    groups = groups_of(db, owner, [target])[target] if flags & IN_GROUPS else ()
    return {target: Relation(_ATTRIBUTES[kind][flags & MUTUAL], sort_key, groups)}


def _numbers(joined: str) -> tuple[int, ...]:
    """Return the integers of a comma-separated text, which must not be empty."""
    return tuple(map(int, joined.split(",")))


def pair(db: apsw.Connection, owner: int, target: int) -> Pair:
    """Return the owner's side (``mine``) and the target's (``theirs``), empty if unrelated."""
    return Pair(side(db, owner, target), side(db, target, owner))


def pairs(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, Pair]:
    """Return the pair of the owner and each of ``targets`` by target, without empty ones."""
    found = {target: pair(db, owner, target) for target in targets}
    return {target: held for target, held in found.items() if held != Pair()}


def attributes(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, int]:
    """Return the owner's ``Attribute`` number towards each of ``targets`` (unique), by target.

    Those of 0 are omitted.
    """
    found = _relation_rows(db, owner, targets)
    return {target: _ATTRIBUTES[kind][flags & MUTUAL] for target, kind, _, flags in found}


_TALLY = """
SELECT following, whisper, black, follower, version, follower_version, public_version,
    public_follower_version, private_version
FROM tally WHERE mid = ?
"""


def tally(db: apsw.Connection, mid: int) -> Tally:
    """Return an account's counts and list versions; zeros for an unknown account."""
    row = db.execute(_TALLY, (mid,)).get
    return NO_TALLY if row is None else Tally(*row)


_GROUPS = "SELECT id, name, members FROM grp WHERE owner = ? ORDER BY made"
_SPECIAL_AND_UNGROUPED = "SELECT special, following - grouped FROM tally WHERE mid = ?"


def groups(db: apsw.Connection, owner: int) -> list[GroupRow]:
    """Return the special group, the default one, then the owner's groups, oldest first.

    Each has its number of members; the default group counts the followings in no group. An unknown
    owner has the first two.
    """
    special, ungrouped = db.execute(_SPECIAL_AND_UNGROUPED, (owner,)).get or (0, 0)
    return [
        GroupRow(SPECIAL, SPECIAL_NAME, special),
        GroupRow(DEFAULT, DEFAULT_NAME, ungrouped),
        *(GroupRow(*row) for row in db.execute(_GROUPS, (owner,))),
    ]
