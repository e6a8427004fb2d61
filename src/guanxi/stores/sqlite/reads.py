"""Reading lists, sides and groups: functions of a connection."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import apsw

from guanxi.graph.groups import DEFAULT_NAME, SPECIAL_NAME
from guanxi.graph.lists import Listing, Position, Sort, Window
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
        values |= {"place": after.sort_key, "mid": after.mid, "visits": after.visits}
    return list(db.execute(pages[sort, after is not None], values))


def rows(
    db: apsw.Connection, owner: int, found: Sequence[_Found], *, followers: bool = False
) -> Rows:
    """Rows with what their flags point to: the owner's groups, the contracts of either side."""
    if not found:
        return Rows()
    mids, sort_keys, flags, visits = zip(*found, strict=True)
    points = MUTUAL | CONTRACTS if followers else GROUPED | SPECIAL_BIT | CONTRACTS
    pointing = [at for at, each in enumerate(flags) if each & points]
    mutuals = [each & MUTUAL for each in flags]
    if not pointing and not any(visits):  # nearly always
        return Rows(mids, sort_keys, mutuals)
    grouped = [mids[at] for at in pointing if followers or flags[at] & GROUPED]
    groups = groups_of(db, owner, grouped) if grouped else {}
    bound = [mids[at] for at in pointing if flags[at] & CONTRACTS]
    mine, theirs = _contracts(db, owner, bound) if bound else ({}, {})
    special = (SPECIAL,)
    extras = {
        at: Row(
            mid,
            sort_keys[at],
            bool(mutuals[at]),
            groups.get(mid, special if flags[at] & SPECIAL_BIT else ()),
            mine.get(mid) if flags[at] & OWNER_CONTRACT else None,
            theirs.get(mid) if flags[at] & ITEM_CONTRACT else None,
            visits[at],
        )
        for at, mid in enumerate(mids)
        if flags[at] & points or visits[at]
    }
    return Rows(mids, sort_keys, mutuals, extras)


def packed(mids: Iterable[int]) -> apsw.CArrayBinding:
    """Numbers as a table for a statement; at least one."""
    return apsw.carray(array("q", mids))


# In each CROSS JOIN the numbers come first: SQLite may put the owner's rows first otherwise, and
# pass over all numbers for each of them.
_GROUPS_OF = """
SELECT target, grp FROM carray(?2) CROSS JOIN member ON owner = ?1 AND target = value
"""


def groups_of(db: apsw.Connection, owner: int, mids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The owner's groups, rising, of those that are in any, special included."""
    held: dict[int, list[int]] = defaultdict(list)
    for mid, group in db.execute(_GROUPS_OF, (owner, packed(mids))):
        held[mid].append(group)
    return {mid: tuple(sorted(groups)) for mid, groups in held.items()}


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


# Lists of about one length are merged, as both are sorted by target: that passes over each once.
# Otherwise every target of the shorter is looked up in the longer.
_COMMON_MERGED = """
SELECT found.target, mine.place, 0, 0
FROM (
    SELECT target FROM following INDEXED BY following_by_target WHERE owner = :owner
    INTERSECT
    SELECT target FROM following INDEXED BY following_by_target WHERE owner = :other
    ORDER BY target
) AS found
CROSS JOIN following AS mine INDEXED BY following_by_target
    ON mine.owner = :owner AND mine.target = found.target
ORDER BY mine.place DESC, mine.target DESC
"""
_MERGED_TIMES = 8
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
SELECT target, place, flags, 0
FROM carray(?2) CROSS JOIN following ON owner = ?1 AND target = value
"""


def common(
    db: apsw.Connection, owner: int, other: int, window: Window, after: Position | None
) -> Slice:
    """The owner's followings that the other follows too."""
    mine, theirs = tally(db, owner), tally(db, other)
    shorter, longer = sorted((mine.following, theirs.following))
    statement = _COMMON_BY_MINE if mine.following == shorter else _COMMON_BY_THEIRS
    if longer <= _MERGED_TIMES * shorter:
        statement = _COMMON_MERGED
    found = list(db.execute(statement, {"owner": owner, "other": other}))
    # Versions only rise, so their sum changes whenever either does.
    counted = _counted(db, owner, found, window, after, mine.version + theirs.version)
    if not counted.rows:
        return counted
    mids = packed(counted.rows.mids)
    flagged = {each[0]: each for each in db.execute(_FLAGS, (owner, mids))}
    return counted._replace(rows=rows(db, owner, [flagged[mid] for mid in counted.rows.mids]))


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
        found = [each for each in found if (each[1], each[0]) < (after.sort_key, after.mid)]
    shown = found[window.offset : window.offset + window.limit]
    more = window.limit > 0 and len(found) > window.offset + window.limit
    return Slice(rows(db, owner, shown), more, total, version)


#: What one holds towards another.
_FOLLOWS, _BLOCKS, _WHISPERS = 0, 1, 2

# A following leaves room for neither of the others, so the first that is found is all there is. All
# in one statement, as of one moment: nothing costs less, and nothing is asked more often.
_SIDE = f"""
SELECT {_FOLLOWS}, place, flags,
    CASE WHEN flags & {IN_GROUPS} THEN
        (SELECT group_concat(grp) FROM member WHERE owner = ?1 AND target = ?2) END,
    CASE WHEN flags & {OWNER_CONTRACT} THEN
        (SELECT ts || ',' || user_attr FROM contract WHERE owner = ?1 AND target = ?2) END
FROM following WHERE owner = ?1 AND target = ?2
UNION ALL SELECT {_BLOCKS}, place, 0, NULL, NULL FROM block WHERE owner = ?1 AND target = ?2
UNION ALL SELECT {_WHISPERS}, place, 0, NULL, NULL FROM whisper WHERE owner = ?1 AND target = ?2
LIMIT 1
"""


def _side(db: apsw.Connection, owner: int, target: int) -> Side:
    row = db.execute(_SIDE, (owner, target)).get
    if row is None:
        return EMPTY_SIDE
    kind, sort_key, _, groups, contract = row
    if kind == _BLOCKS:
        return Side(blocks=sort_key)
    if kind == _WHISPERS:
        return Side(whispers=sort_key)
    edge = Edge(sort_key)
    if groups or contract:
        held = frozenset(_numbers(groups)) if groups else frozenset()
        edge = Edge(sort_key, held, Contract(*_numbers(contract)) if contract else None)
    return Side(edge)


#: Of some targets, those that the owner follows: each looked up, or, where the owner follows not
#: so many times as many, found in one run over the list.
_SOUGHT = f"""
SELECT target, {_FOLLOWS}, place, flags
FROM carray(?2) CROSS JOIN following ON owner = ?1 AND target = value
"""
_SIFTED = f"""
SELECT target, {_FOLLOWS}, place, flags FROM following NOT INDEXED
WHERE owner = ?1 AND target IN carray(?2)
"""
_FEW = 6
_OTHERS = f"""
SELECT value, {_BLOCKS}, 0, 0 FROM carray(?2) CROSS JOIN block ON owner = ?1 AND target = value
UNION ALL
SELECT value, {_WHISPERS}, place, 0
    FROM carray(?2) CROSS JOIN whisper ON owner = ?1 AND target = value
"""

#: A target, what is held towards it, the place (0 of a block), and the flags.
_Held = tuple[int, int, int, int]


def _held(db: apsw.Connection, owner: int, targets: Sequence[int]) -> list[_Held]:
    """What the owner holds towards targets."""
    if not targets:
        return []
    counts, values = tally(db, owner), (owner, packed(targets))
    statement = _SIFTED if counts.following <= _FEW * len(targets) else _SOUGHT
    held: list[_Held] = list(db.execute(statement, values))
    if len(held) < len(targets) and (counts.black or counts.whisper):
        held += db.execute(_OTHERS, values)
    return held


#: The attribute of each kind, by whether the target follows back.
_ATTRIBUTES = {
    _FOLLOWS: (int(Attribute.FOLLOWING), int(Attribute.MUTUAL)),
    _BLOCKS: (int(Attribute.BLOCKED),) * 2,
    _WHISPERS: (int(Attribute.WHISPER),) * 2,
}


def relations(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
    """How the owner stands to each target; those to whom it does not are left out."""
    held = _held(db, owner, targets)
    grouped = [target for target, _, _, flags in held if flags & IN_GROUPS]
    groups = groups_of(db, owner, grouped) if grouped else {}
    return {
        target: Relation(_ATTRIBUTES[kind][flags & MUTUAL], sort_key, groups.get(target, ()))
        for target, kind, sort_key, flags in held
    }


def relation(db: apsw.Connection, owner: int, target: int) -> dict[int, Relation]:
    """The same of one target."""
    row = db.execute(_SIDE, (owner, target)).get
    if row is None:
        return {}
    kind, sort_key, flags, groups, _ = row
    held = tuple(sorted(_numbers(groups))) if groups else ()
    told = _ATTRIBUTES[kind][flags & MUTUAL]
    return {target: Relation(told, 0 if kind == _BLOCKS else sort_key, held)}


def _numbers(joined: str) -> tuple[int, ...]:
    return tuple(map(int, joined.split(",")))


def pair(db: apsw.Connection, owner: int, target: int) -> Pair:
    """What the two hold towards each other."""
    return Pair(_side(db, owner, target), _side(db, target, owner))


def attributes(db: apsw.Connection, owner: int, targets: Sequence[int]) -> dict[int, int]:
    """The owner's attribute towards each target; those of 0 are left out."""
    held = _held(db, owner, targets)
    return {target: _ATTRIBUTES[kind][flags & MUTUAL] for target, kind, _, flags in held}


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
