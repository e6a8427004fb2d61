"""Reading lists, sides and groups: functions of a connection."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import apsw

from guanxi.graph.groups import DEFAULT_NAME, SPECIAL_NAME
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT, NOTHING, SPECIAL, Contract, Edge, Pair, Side
from guanxi.stores.port import NO_TALLY, GroupRow, Row, Slice, Tally
from guanxi.stores.sqlite.schema import (
    CONTRACTS,
    GROUPED,
    IN_GROUPS,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)

#: An item's mid, its place, flags and visits.
_Found = tuple[int, int, int, int]


class _Source(NamedTuple):
    """Where the rows of a list are."""

    table: str
    item: str = "a.target"
    flags: str = "a.flags"
    where: str = "a.owner = :owner"


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
)
_VISITED = " LEFT JOIN visit AS v ON v.owner = a.owner AND v.target = a.target"


def _statements(source: _Source) -> dict[tuple[Sort, bool], str]:
    """The statements that page a source: by order, and from an offset or behind a position."""
    key, visits = f"a.place, {source.item}", "ifnull(v.visits, 0)"
    down = f"a.place DESC, {source.item} DESC"
    orders = {
        Sort.NEWEST: ("0", "", down, f"({key}) < (:place, :mid)"),
        Sort.OLDEST: ("0", "", key, f"({key}) > (:place, :mid)"),
    }
    if source.item == "a.target":
        behind = f"({visits}, {key}) < (:visits, :place, :mid)"
        orders[Sort.VISITED] = (visits, _VISITED, f"{visits} DESC, {down}", behind)
    return {
        (sort, walks): f"SELECT {source.item}, a.place, {source.flags}, {count}"
        f" FROM {source.table}{joined} WHERE {source.where}{f' AND {behind}' if walks else ''}"
        f" ORDER BY {order} LIMIT :limit OFFSET :offset"
        for sort, (count, joined, order, behind) in orders.items()
        for walks in (False, True)
    }


_PAGES = {listing: _statements(source) for listing, source in _SOURCES.items()}
#: What is told of a list besides its rows: how many there are, and its version.
_TOLD: dict[Listing, Callable[[Tally], tuple[int | None, int]]] = {
    Listing.FOLLOWINGS: lambda held: (held.following, held.version),
    Listing.FOLLOWERS: lambda held: (held.follower, held.follower_version),
    Listing.FRIENDS: lambda held: (None, held.version),
    Listing.WHISPERS: lambda held: (held.whisper, held.version),
    Listing.BLACKS: lambda held: (held.black, held.version),
}
_UNGROUPED_PAGES, _MEMBER_PAGES = _statements(_UNGROUPED), _statements(_MEMBERS)


def page(
    db: apsw.Connection,
    listing: Listing,
    owner: int,
    sort: Sort,
    window: Window,
    after: Position | None,
) -> Slice:
    """A run of a list."""
    found = _run(db, _PAGES[listing], owner, sort, window, after)
    total, version = _TOLD[listing](tally(db, owner))
    shown = rows(db, owner, found[: window.limit], followers=listing is Listing.FOLLOWERS)
    return Slice(shown, len(found) > window.limit, total, version)


def members(
    db: apsw.Connection,
    owner: int,
    group: int,
    sort: Sort,
    window: Window,
    after: Position | None,
) -> Slice | None:
    """A run of a group; None where the owner has no such group."""
    if group not in (DEFAULT, SPECIAL):
        named = "SELECT EXISTS (SELECT 1 FROM grp WHERE owner = ? AND id = ?)"
        if not db.execute(named, (owner, group)).get:
            return None
    pages = _UNGROUPED_PAGES if group == DEFAULT else _MEMBER_PAGES
    found = _run(db, pages, owner, sort, window, after, group)
    shown = rows(db, owner, found[: window.limit])
    return Slice(shown, len(found) > window.limit, None, tally(db, owner).version)


def _run(
    db: apsw.Connection,
    pages: dict[tuple[Sort, bool], str],
    owner: int,
    sort: Sort,
    window: Window,
    after: Position | None,
    group: int = DEFAULT,
) -> list[_Found]:
    """A window's rows, and one more where there is one."""
    if window.limit == 0:
        return []
    values = {"owner": owner, "grp": group, "limit": window.limit + 1, "offset": window.offset}
    if after is not None:
        values |= {"place": after.place, "mid": after.mid, "visits": after.visits}
    return list(db.execute(pages[sort, after is not None], values))


def rows(
    db: apsw.Connection, owner: int, found: Sequence[_Found], *, followers: bool = False
) -> list[Row]:
    """Rows with what their flags point to: the owner's groups, the contracts of either side."""
    if followers:
        grouped = [mid for mid, _, flags, _ in found if flags & MUTUAL]
    else:
        grouped = [mid for mid, _, flags, _ in found if flags & GROUPED]
    groups = groups_of(db, owner, grouped) if grouped else {}
    bound = [mid for mid, _, flags, _ in found if flags & CONTRACTS]
    mine, theirs = _contracts(db, owner, bound) if bound else ({}, {})
    special = (SPECIAL,)
    return [
        Row(mid, place, flags == MUTUAL, groups.get(mid, ()), None, None, visits)
        if flags <= MUTUAL
        else Row(
            mid,
            place,
            bool(flags & MUTUAL),
            groups.get(mid, special if flags & SPECIAL_BIT else ()),
            mine.get(mid) if flags & OWNER_CONTRACT else None,
            theirs.get(mid) if flags & ITEM_CONTRACT else None,
            visits,
        )
        for mid, place, flags, visits in found
    ]


def packed(mids: Iterable[int]) -> apsw.CArrayBinding:
    """Numbers as a table for a statement; at least one."""
    return apsw.carray(array("q", mids))


def groups_of(db: apsw.Connection, owner: int, mids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The owner's groups, rising, of those that are in any, special included."""
    held: dict[int, list[int]] = defaultdict(list)
    statement = "SELECT target, grp FROM carray(?2) JOIN member ON owner = ?1 AND target = value"
    for mid, group in db.execute(statement, (owner, packed(mids))):
        held[mid].append(group)
    return {mid: tuple(sorted(groups)) for mid, groups in held.items()}


_CONTRACTS = """
SELECT owner, target, ts, user_attr FROM carray(?2) JOIN contract ON owner = ?1 AND target = value
UNION ALL
SELECT owner, target, ts, user_attr FROM carray(?2) JOIN contract ON owner = value AND target = ?1
"""


def _contracts(
    db: apsw.Connection, owner: int, mids: Sequence[int]
) -> tuple[dict[int, Contract], dict[int, Contract]]:
    """The owner's contracts with these, and theirs with the owner."""
    mine, theirs = {}, {}
    for who, other, ts, user_attr in db.execute(_CONTRACTS, (owner, packed(mids))):
        if who == owner:
            mine[other] = Contract(ts, user_attr)
        else:
            theirs[who] = Contract(ts, user_attr)
    return mine, theirs


_SEARCH = """
SELECT target, place, flags, 0
FROM (
    SELECT target, place, flags FROM following WHERE owner = :owner
    ORDER BY place DESC, target DESC LIMIT :within
) JOIN account ON mid = target
WHERE instr(folded, :text)
ORDER BY place DESC, target DESC
"""
_FIRST = """
SELECT target, place, flags, 0 FROM following WHERE owner = :owner
ORDER BY place DESC, target DESC LIMIT :within
"""


def search(
    db: apsw.Connection,
    owner: int,
    text: str,
    within: int,
    window: Window,
    after: Position | None,
) -> Slice:
    """The first followings whose name holds the text in any case."""
    values = {"owner": owner, "within": within, "text": text.casefold()}
    found = list(db.execute(_SEARCH if text else _FIRST, values))
    return _counted(db, owner, found, window, after, tally(db, owner).version)


# Both sides of the join are sorted by target, so that look-ups go from neighbour to neighbour.
_COMMON = """
SELECT mine.target, mine.place, 0, 0
FROM following AS {outer} INDEXED BY following_by_target
CROSS JOIN following AS {inner} INDEXED BY following_by_target ON {inner}.target = {outer}.target
WHERE mine.owner = :owner AND theirs.owner = :other
ORDER BY mine.place DESC, mine.target DESC
"""
_COMMON_BY_MINE = _COMMON.format(outer="mine", inner="theirs")
_COMMON_BY_THEIRS = _COMMON.format(outer="theirs", inner="mine")
_FLAGS = """
SELECT target, place, flags, 0 FROM carray(?2) JOIN following ON owner = ?1 AND target = value
"""


def common(
    db: apsw.Connection, owner: int, other: int, window: Window, after: Position | None
) -> Slice:
    """The owner's followings that the other follows too."""
    mine, theirs = tally(db, owner), tally(db, other)
    statement = _COMMON_BY_MINE if mine.following <= theirs.following else _COMMON_BY_THEIRS
    found = list(db.execute(statement, {"owner": owner, "other": other}))
    # Versions only rise, so their sum changes whenever either does.
    counted = _counted(db, owner, found, window, after, mine.version + theirs.version)
    if not counted.rows:
        return counted
    mids = packed(row.mid for row in counted.rows)
    flagged = {each[0]: each for each in db.execute(_FLAGS, (owner, mids))}
    return counted._replace(rows=rows(db, owner, [flagged[row.mid] for row in counted.rows]))


def _counted(
    db: apsw.Connection,
    owner: int,
    found: Sequence[_Found],
    window: Window,
    after: Position | None,
    version: int,
) -> Slice:
    total = len(found)
    if after is not None:
        found = [each for each in found if (each[1], each[0]) < (after.place, after.mid)]
    shown = found[window.offset : window.offset + window.limit]
    more = window.limit > 0 and len(found) > window.offset + window.limit
    return Slice(rows(db, owner, shown), more, total, version)


# A following leaves room for neither of the others, so the first that is found is all there is.
_SIDE = """
SELECT 0, place, flags FROM following WHERE owner = ?1 AND target = ?2
UNION ALL SELECT 1, place, 0 FROM block WHERE owner = ?1 AND target = ?2
UNION ALL SELECT 2, place, (SELECT count(*) FROM following WHERE owner = ?2 AND target = ?1)
    FROM whisper WHERE owner = ?1 AND target = ?2
LIMIT 1
"""
_SIDES = """
SELECT value, 0, place, flags FROM carray(?2) JOIN following ON owner = ?1 AND target = value
UNION ALL
SELECT value, 1, place, 0 FROM carray(?2) JOIN block ON owner = ?1 AND target = value
UNION ALL
SELECT value, 2, place,
    (SELECT count(*) FROM following AS back WHERE back.owner = value AND back.target = ?1)
    FROM carray(?2) JOIN whisper ON owner = ?1 AND target = value
"""


def _held(
    db: apsw.Connection, owner: int, targets: Sequence[int]
) -> Iterable[tuple[int, int, int, int]]:
    """What the owner holds towards targets: target, kind, place, flags."""
    if len(targets) == 1:
        target = targets[0]
        return ((target, *row) for row in db.execute(_SIDE, (owner, target)))
    return db.execute(_SIDES, (owner, packed(targets))) if targets else ()


def sides(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, tuple[Side, bool]]:
    """The owner's side towards each target, and whether it follows back."""
    held = list(_held(db, owner, targets))
    grouped = [target for target, _, _, flags in held if flags & GROUPED]
    groups = groups_of(db, owner, grouped) if grouped else {}
    bound = [target for target, _, _, flags in held if flags & OWNER_CONTRACT]
    contracts = _contracts(db, owner, bound)[0] if bound else {}
    found = {}
    for target, kind, place, flags in held:
        if kind == 0:
            special = (SPECIAL,) if flags & SPECIAL_BIT else ()
            edge = Edge(place, frozenset(groups.get(target, special)), contracts.get(target))
            found[target] = Side(follows=edge), bool(flags & MUTUAL)
        elif kind == 1:
            found[target] = Side(blocks=place), False
        else:
            found[target] = Side(whispers=place), bool(flags)
    return found


def pair(db: apsw.Connection, owner: int, target: int) -> Pair:
    """What the two hold towards each other."""
    mine, _ = sides(db, owner, [target]).get(target, (NOTHING, False))
    theirs, _ = sides(db, target, [owner]).get(owner, (NOTHING, False))
    return Pair(mine, theirs)


_ATTRIBUTES = """
SELECT value, 2 + 4 * (flags & 1) FROM carray(?2) JOIN following ON owner = ?1 AND target = value
"""
_OTHER_ATTRIBUTES = """
SELECT value, 128 FROM carray(?2) JOIN block ON owner = ?1 AND target = value
UNION ALL
SELECT value, 1 FROM carray(?2) JOIN whisper ON owner = ?1 AND target = value
"""


def attributes(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, int]:
    """The owner's attribute towards each target; those of 0 are left out."""
    if not targets:
        return {}
    mids = packed(targets)
    found = dict(db.execute(_ATTRIBUTES, (owner, mids)))
    if len(found) < len(targets):
        held = tally(db, owner)
        if held.black or held.whisper:
            found.update(db.execute(_OTHER_ATTRIBUTES, (owner, mids)))
    return found


_TALLY = """
SELECT following, whisper, black, follower, version, follower_version FROM tally WHERE mid = ?
"""


def tally(db: apsw.Connection, mid: int) -> Tally:
    """An account's counts."""
    row = db.execute(_TALLY, (mid,)).get
    return NO_TALLY if row is None else Tally(*row)


_GROUPS = """
SELECT id, name, (SELECT count(*) FROM member WHERE member.owner = grp.owner AND grp = id)
FROM grp WHERE owner = ? ORDER BY made
"""
_SPECIAL = f"SELECT count(*) FROM member WHERE owner = ? AND grp = {SPECIAL}"
_IN_NONE = f"SELECT count(*) FROM following WHERE owner = ? AND flags & {IN_GROUPS} = 0"


def groups(db: apsw.Connection, owner: int) -> list[GroupRow]:
    """Special, default, then the owner's own groups."""
    return [
        GroupRow(SPECIAL, SPECIAL_NAME, db.execute(_SPECIAL, (owner,)).get),
        GroupRow(DEFAULT, DEFAULT_NAME, db.execute(_IN_NONE, (owner,)).get),
        *(GroupRow(*row) for row in db.execute(_GROUPS, (owner,))),
    ]
