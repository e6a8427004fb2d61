"""Applying acts on two accounts, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import apsw

from guanxi.accounts.account import State
from guanxi.contract.limits import Limits
from guanxi.graph.pair import Act, Edge, Facts, Modify, Pair, Side, decide, next_place
from guanxi.stores.sqlite.schema import IN_GROUPS, ITEM_CONTRACT, MUTUAL, OWNER_CONTRACT

_FACTS = """
SELECT mine.place, mine.flags, theirs.place, theirs.flags,
    (SELECT place FROM whisper WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM whisper WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM block WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM block WHERE owner = ?2 AND target = ?1),
    target.state, target.refuse_follows, tally.following
FROM (SELECT 1)
LEFT JOIN following AS mine ON mine.owner = ?1 AND mine.target = ?2
LEFT JOIN following AS theirs ON theirs.owner = ?2 AND theirs.target = ?1
LEFT JOIN account AS target ON target.mid = ?2
LEFT JOIN tally ON tally.mid = ?1
"""


class _End(NamedTuple):
    """One of the two: what it holds towards the other before and after, and its row's flags."""

    mid: int
    before: Side
    after: Side
    flags: int


def modify(db: apsw.Connection, act: Modify, limits: Limits, now: int) -> int:
    """Apply an act at the place ``now``; its code."""
    owner, target = act.owner, act.target
    (
        *mine_row, whispers, whispered, blocks, blocked, state, refuses, following
    ) = db.execute(_FACTS, (owner, target)).get  # fmt: skip
    place, flags, their_place, their_flags = mine_row
    pair = Pair(
        mine=Side(None if place is None else Edge(place), whispers, blocks),
        theirs=Side(None if their_place is None else Edge(their_place), whispered, blocked),
    )
    facts = Facts(
        pair=pair,
        known=state is not None and following is not None,
        deregistered=state == State.DEREGISTERED,
        refuses_follows=bool(refuses),
        following=following or 0,
        following_cap=limits.following_cap,
        place=_new_place(db, "block" if act.act == Act.BLOCK else "following", owner, now),
        their_place=0 if their_place is None else _new_place(db, "following", target, now),
    )
    after = decide(act, facts)
    if isinstance(after, int):
        return after
    if after != pair:
        mine = _End(owner, pair.mine, after.mine, flags or 0)
        theirs = _End(target, pair.theirs, after.theirs, their_flags or 0)
        low, high = (mine, theirs) if owner < target else (theirs, mine)
        _write(db, low, high)
        _write(db, high, low)
    return 0


_NEWEST = {
    "following": "SELECT max(place) FROM following WHERE owner = ?",
    "block": "SELECT max(place) FROM block WHERE owner = ?",
}


def _new_place(db: apsw.Connection, table: str, owner: int, now: int) -> int:
    return next_place(now, db.execute(_NEWEST[table], (owner,)).get or 0)


_TALLY = """
UPDATE tally SET following = following + ?2, whisper = whisper + ?3, black = black + ?4,
    follower = follower + ?5, version = version + ?6, follower_version = follower_version + ?7
WHERE mid = ?1
"""


def _write(db: apsw.Connection, me: _End, other: _End) -> None:
    """Write every row of one account that the change to the pair concerns."""
    before, after = me.before, me.after
    lists = (
        ("following", _edge_row(before, me.flags, _shared(me, other, after=False)),
         _edge_row(after, me.flags, _shared(me, other, after=True))),
        ("whisper", _place_row(before.whispers), _place_row(after.whispers)),
        ("block", _place_row(before.blocks), _place_row(after.blocks)),
        ("follower", _edge_row(other.before, 0, _shared(me, other, after=False)),
         _edge_row(other.after, 0, _shared(me, other, after=True))),
    )  # fmt: skip
    changed = [was != now for _, was, now in lists]
    for table, was, now in lists:
        if was != now:
            _put(db, table, me.mid, other.mid, was, now)
    if before.follows is not None and before.follows != after.follows:
        _follow_edge(db, me, other.mid)
    if any(changed):
        deltas = [(now is not None) - (was is not None) for _, was, now in lists]
        db.execute(_TALLY, (me.mid, *deltas, any(changed[:3]), changed[3]))


def _shared(me: _End, other: _End, *, after: bool) -> int:
    """The flags that a following and a follower's row of one pair have in common."""
    mine = (me.after if after else me.before).follows
    theirs = (other.after if after else other.before).follows
    flags = MUTUAL if mine is not None and theirs is not None else 0
    if mine is not None and me.flags & OWNER_CONTRACT:
        flags |= OWNER_CONTRACT
    if theirs is not None and other.flags & OWNER_CONTRACT:
        flags |= ITEM_CONTRACT
    return flags


_Row = tuple[int, ...]


def _edge_row(side: Side, flags: int, shared: int) -> _Row | None:
    return None if side.follows is None else (side.follows.place, (flags & IN_GROUPS) | shared)


def _place_row(place: int | None) -> _Row | None:
    return None if place is None else (place,)


def _statements(table: str, item: str, *, flags: bool) -> tuple[str, str, str]:
    key = f"WHERE owner = ? AND {item} = ? AND place = ?"
    return (
        f"INSERT INTO {table} (owner, {item}, place{', flags' if flags else ''})"
        f" VALUES (?, ?, ?{', ?' if flags else ''})",
        f"DELETE FROM {table} {key}",
        f"UPDATE {table} SET place = ?{', flags = ?' if flags else ''} {key}",
    )


_PUT = {
    "following": _statements("following", "target", flags=True),
    "whisper": _statements("whisper", "target", flags=False),
    "block": _statements("block", "target", flags=False),
    "follower": _statements("follower", "source", flags=True),
}


def _put(
    db: apsw.Connection, table: str, owner: int, item: int, was: _Row | None, now: _Row | None
) -> None:
    """Make the row, take it away, or move it."""
    insert, delete, update = _PUT[table]
    if was is None and now is not None:
        db.execute(insert, (owner, item, *now))
    elif was is not None and now is None:
        db.execute(delete, (owner, item, was[0]))
    elif was is not None and now is not None:
        db.execute(update, (*now, owner, item, was[0]))


def _follow_edge(db: apsw.Connection, me: _End, target: int) -> None:
    """What hangs on a following goes with it, and members move with it."""
    edge, key = me.after.follows, (me.mid, target)
    if edge is None:
        if me.flags & IN_GROUPS:
            db.execute("DELETE FROM member WHERE owner = ? AND target = ?", key)
        if me.flags & OWNER_CONTRACT:
            db.execute("DELETE FROM contract WHERE owner = ? AND target = ?", key)
        db.execute("DELETE FROM visit WHERE owner = ? AND target = ?", key)
    elif me.flags & IN_GROUPS:
        db.execute("UPDATE member SET place = ? WHERE owner = ? AND target = ?", (edge.place, *key))


_VISITS = """
INSERT INTO visit (owner, target, visits)
SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM following WHERE owner = ?1 AND target = ?2)
ON CONFLICT (owner, target) DO UPDATE SET visits = visits + excluded.visits
"""


def add_visits(db: apsw.Connection, counted: Mapping[tuple[int, int], int]) -> None:
    """Add to the visits of followings; others have none."""
    db.executemany(_VISITS, ((*pair, visits) for pair, visits in counted.items()))
