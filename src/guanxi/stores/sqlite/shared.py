"""Reads of the followings that two accounts share, on a given connection."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from guanxi.graph.lists import Position, Window
from guanxi.stores.port import Slice
from guanxi.stores.sqlite.reads import packed, rows, tally

# How to find the shared followings: the rows of the two lists, ``mine`` of the owner and ``theirs``
# of the other account, joined in an order that CROSS JOIN fixes.
_BY_MINE = """
FROM following AS mine INDEXED BY following_by_target
CROSS JOIN following AS theirs INDEXED BY following_by_target ON theirs.target = mine.target
"""
_BY_THEIRS = """
FROM following AS theirs INDEXED BY following_by_target
CROSS JOIN following AS mine INDEXED BY following_by_target ON mine.target = theirs.target
"""
#: In the order of the other's list.
_IN_ORDER = """
FROM following AS theirs
CROSS JOIN following AS mine INDEXED BY following_by_target ON mine.target = theirs.target
"""
# Lists of similar length are merged by target, which reads each of them once.
_MERGED = """
SELECT target FROM following INDEXED BY following_by_target WHERE owner = :owner
INTERSECT
SELECT target FROM following INDEXED BY following_by_target WHERE owner = :other
"""
_BY_MERGING = f"""
FROM ({_MERGED} ORDER BY target) AS mine
CROSS JOIN following AS theirs INDEXED BY following_by_target ON theirs.target = mine.target
"""
_OF_BOTH, _OF_OTHER = "mine.owner = :owner AND theirs.owner = :other", "theirs.owner = :other"


class _Way(NamedTuple):
    """SQL that counts the shared followings, or selects one page of them.

    The bindings are ``owner``, ``other``, ``limit``, ``offset`` and, after a position, ``place``
    and ``mid``. Rows are (target, place in the other's list).
    """

    total: str
    page: str
    page_after: str


def _way(source: str, where: str = _OF_BOTH, total: str = "") -> _Way:
    selected = f"SELECT theirs.target, theirs.place {source} WHERE {where}"
    order = "ORDER BY theirs.place DESC, theirs.target DESC LIMIT :limit OFFSET :offset"
    return _Way(
        total or f"SELECT count(*) {source} WHERE {where}",
        f"{selected} {order}",
        f"{selected} AND (theirs.place, theirs.target) < (:place, :mid) {order}",
    )


_LOOK_UP_MINE, _LOOK_UP_THEIRS, _WALK = _way(_BY_MINE), _way(_BY_THEIRS), _way(_IN_ORDER)
_MERGE = _way(_BY_MERGING, _OF_OTHER, f"SELECT count(*) FROM ({_MERGED})")
#: The longer list has at most this many times the length of the shorter to be merged.
_MERGE_RATIO = 8
#: The other's list is walked until the page is full if at least one in so many is shared.
_WALK_RATIO = 8
_OWN = """
SELECT target, place, flags, 0
FROM carray(?2) CROSS JOIN following ON owner = ?1 AND target = value
"""


def common(
    db: apsw.Connection, owner: int, other: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the owner's followings that ``other`` also follows.

    The order is that of the other's list, newest first, and so are the positions ``after``, from
    which ``window`` is counted if given, and ``end``; the rows are the owner's. ``total`` counts
    them all; ``version`` is the sum of the owner's version and the other's public one.
    """
    mine, theirs = tally(db, owner), tally(db, other)
    shorter, longer = sorted((mine.following, theirs.following))
    way = _LOOK_UP_MINE if mine.following == shorter else _LOOK_UP_THEIRS
    if longer <= _MERGE_RATIO * shorter:
        way = _MERGE
    both = {"owner": owner, "other": other}
    total = int(db.execute(way.total, both).get)
    # Versions only rise, so their sum changes whenever either does.
    version = mine.version + theirs.public_version
    if not (total and window.limit):
        return Slice(rows(db, owner, []), False, total, version)
    if total * _WALK_RATIO >= theirs.following:
        way = _WALK
    values = {**both, "limit": window.limit + 1, "offset": window.offset}
    if after is not None:
        values |= {"place": after.sort_key, "mid": after.mid}
    found = list(db.execute(way.page if after is None else way.page_after, values))
    shown = found[: window.limit]
    if not shown:
        return Slice(rows(db, owner, []), False, total, version)
    own = {row[0]: row for row in db.execute(_OWN, (owner, packed(mid for mid, _ in shown)))}
    selected = rows(db, owner, [own[mid] for mid, _ in shown])
    mid, place = shown[-1]
    return Slice(selected, len(found) > len(shown), total, version, Position(place, mid))


# The followings of an account that follow another: `mine` is a row of the first, in whose order the
# page is, and `theirs` the same account among the followers of the second.
_KNOWN_BY_MINE = """
FROM following AS mine
CROSS JOIN following AS theirs INDEXED BY following_by_target
    ON theirs.owner = mine.target AND theirs.target = :target
WHERE mine.owner = :owner
"""
_KNOWN_BY_THEIRS = """
FROM follower AS theirs
CROSS JOIN following AS mine INDEXED BY following_by_target
    ON mine.owner = :owner AND mine.target = theirs.source
WHERE theirs.owner = :target
"""


def known_followers(
    db: apsw.Connection, owner: int, target: int, window: Window, after: Position | None = None
) -> Slice:
    """Return a page of the owner's followings that follow ``target``, newest first.

    ``total`` counts them all; ``version`` is the sum of those of both lists.
    """
    mine, theirs = tally(db, owner), tally(db, target)
    source = _KNOWN_BY_MINE if mine.following <= theirs.follower else _KNOWN_BY_THEIRS
    version = mine.version + theirs.public_follower_version
    values = {"owner": owner, "target": target}
    total = int(db.execute(f"SELECT count(*) {source}", values).get)
    values |= {"limit": window.limit + 1, "offset": window.offset}
    behind = ""
    if after is not None:
        behind = "AND (mine.place, mine.target) < (:place, :mid)"
        values |= {"place": after.sort_key, "mid": after.mid}
    page = f"""
SELECT mine.target, mine.place, mine.flags, 0 {source} {behind}
ORDER BY mine.place DESC, mine.target DESC LIMIT :limit OFFSET :offset
"""
    found = list(db.execute(page, values)) if total and window.limit else []
    shown = found[: window.limit]
    return Slice(rows(db, owner, shown), len(found) > len(shown), total, version)
