"""Applying acts between two accounts, in a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import apsw

from guanxi.accounts.account import State
from guanxi.contract.limits import Limits
from guanxi.graph.pair import Act, Edge, Facts, Modify, Pair, Refusal, Side, decide, next_sort_key
from guanxi.stores.sqlite.schema import IN_GROUPS, ITEM_CONTRACT, MUTUAL, OWNER_CONTRACT

# Scalar subqueries: a join of single rows is several times slower in SQLite.
_FACTS = """
SELECT
    (SELECT place FROM following WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM following WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM whisper WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM whisper WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM block WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM block WHERE owner = ?2 AND target = ?1),
    (SELECT following FROM tally WHERE mid = ?1),
    (SELECT state FROM account WHERE mid = ?1),
    state, refuse_follows
FROM account WHERE mid = ?2
"""
_STATE = "SELECT state FROM account WHERE mid = ?"
_FLAGS = "SELECT flags FROM following WHERE owner = ? AND place = ? AND target = ?"


class _End(NamedTuple):
    """One of the two accounts: its side before and after the act, and its following row's flags."""

    mid: int
    before: Side
    after: Side
    flags: int


def modify(db: apsw.Connection, act: Modify, limits: Limits, now: int) -> int:
    """Apply an act; return 0, or the code of its refusal, which changes nothing.

    ``now`` is the current time's sort key. The caller commits. Raise ``ValueError`` for a number
    that is not an ``Act``.
    """
    owner, target = act.owner, act.target
    row = db.execute(_FACTS, (owner, target)).get
    if row is None:  # the target does not exist, so there are no relations
        row = (None,) * 7 + (db.execute(_STATE, (owner,)).get, None, None)
    (
        mine,
        theirs,
        my_whisper,
        their_whisper,
        my_block,
        their_block,
        following,
        owner_state,
        target_state,
        refuses_follows,
    ) = row
    pair = Pair(
        mine=Side(None if mine is None else Edge(mine), my_whisper, my_block),
        theirs=Side(None if theirs is None else Edge(theirs), their_whisper, their_block),
    )
    facts = Facts(
        pair=pair,
        banned=owner_state == State.BANNED,
        known=target_state is not None and following is not None,
        deregistered=target_state == State.DEREGISTERED,
        refuses_follows=bool(refuses_follows),
        following=following or 0,
        following_cap=limits.following_cap,
        sort_key=_new_sort_key(db, "block" if act.act == Act.BLOCK else "following", owner, now),
        their_sort_key=0 if theirs is None else _new_sort_key(db, "following", target, now),
    )
    after = decide(act, facts)
    if isinstance(after, Refusal):
        return after.code
    if after != pair:
        me = _End(owner, pair.mine, after.mine, _flags(db, owner, mine, target))
        other = _End(target, pair.theirs, after.theirs, _flags(db, target, theirs, owner))
        low, high = (me, other) if owner < target else (other, me)
        _write(db, low, high)
        _write(db, high, low)
    return 0


def _flags(db: apsw.Connection, owner: int, sort_key: int | None, target: int) -> int:
    """Return the flags of a following, given its sort key; 0 if that is None (no following)."""
    return 0 if sort_key is None else int(db.execute(_FLAGS, (owner, sort_key, target)).get)


_NEWEST = {
    "following": "SELECT max(place) FROM following WHERE owner = ?",
    "block": "SELECT max(place) FROM block WHERE owner = ?",
}


def _new_sort_key(db: apsw.Connection, table: str, owner: int, now: int) -> int:
    """Return the sort key of the owner's next row: ``now``, but above that of its newest row.

    ``table`` is "following" or "block".
    """
    return next_sort_key(now, db.execute(_NEWEST[table], (owner,)).get or 0)


_TALLY = """
UPDATE tally SET following = following + ?2, whisper = whisper + ?3, black = black + ?4,
    follower = follower + ?5, version = version + ?6, follower_version = follower_version + ?7
WHERE mid = ?1
"""


def _write(db: apsw.Connection, me: _End, other: _End) -> None:
    """Write the changes of the pair to one account, ``me``: its rows, counts and versions."""
    before = _rows(me.before, other.before, me.flags, other.flags)
    after = _rows(me.after, other.after, me.flags, other.flags)
    deltas = dict.fromkeys(_PUT, 0)
    own_lists = followers = False
    for table in before | after:
        old, new = before.get(table), after.get(table)
        if old == new:
            continue
        _put(db, table, me.mid, other.mid, old, new)
        deltas[table] = (new is not None) - (old is not None)
        own_lists |= table != "follower"
        followers |= table == "follower"
    if me.before.follows is not None and me.before.follows != me.after.follows:
        _write_dependents(db, me, other.mid)
    if own_lists or followers:
        db.execute(_TALLY, (me.mid, *deltas.values(), own_lists, followers))


#: The sort key, and the flags in tables that have them.
_Row = tuple[int, ...]


def _rows(mine: Side, theirs: Side, my_flags: int, their_flags: int) -> dict[str, _Row]:
    """Return the rows of the account with the side ``mine`` for a pair, by table.

    A row is its sort key, then its flags if the table has them. ``my_flags`` and ``their_flags``
    are those of the two following rows before the act.
    """
    rows: dict[str, _Row] = {}
    shared = MUTUAL if mine.follows is not None and theirs.follows is not None else 0
    if mine.follows is not None and my_flags & OWNER_CONTRACT:
        shared |= OWNER_CONTRACT
    if theirs.follows is not None and their_flags & OWNER_CONTRACT:
        shared |= ITEM_CONTRACT
    if mine.follows is not None:
        rows["following"] = (mine.follows.sort_key, (my_flags & IN_GROUPS) | shared)
    if mine.whispers is not None:
        rows["whisper"] = (mine.whispers,)
    if mine.blocks is not None:
        rows["block"] = (mine.blocks,)
    if theirs.follows is not None:
        rows["follower"] = (theirs.follows.sort_key, shared)
    return rows


def _statements(table: str, item: str, *, flags: bool) -> tuple[str, str, str]:
    """Return the statements that insert, delete and update a row of a table.

    ``item`` is the name of the column of the other account.
    """
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
    db: apsw.Connection, table: str, owner: int, item: int, old: _Row | None, new: _Row | None
) -> None:
    """Insert, delete or update one row of a list, from ``old`` to ``new``; None means no row."""
    insert, delete, update = _PUT[table]
    if old is None and new is not None:
        db.execute(insert, (owner, item, *new))
    elif old is not None and new is None:
        db.execute(delete, (owner, item, old[0]))
    elif old is not None and new is not None:
        db.execute(update, (*new, owner, item, old[0]))


def _write_dependents(db: apsw.Connection, me: _End, target: int) -> None:
    """Delete the memberships, contract and visits of a following that was deleted.

    If it only has a new sort key, update that of its group memberships instead.
    """
    edge, key = me.after.follows, (me.mid, target)
    if edge is None:
        if me.flags & IN_GROUPS:
            db.execute("DELETE FROM member WHERE owner = ? AND target = ?", key)
        if me.flags & OWNER_CONTRACT:
            db.execute("DELETE FROM contract WHERE owner = ? AND target = ?", key)
        db.execute("DELETE FROM visit WHERE owner = ? AND target = ?", key)
    elif me.flags & IN_GROUPS:
        db.execute(
            "UPDATE member SET place = ? WHERE owner = ? AND target = ?", (edge.sort_key, *key)
        )


_VISITS = """
INSERT INTO visit (owner, target, visits)
SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM following WHERE owner = ?1 AND target = ?2)
ON CONFLICT (owner, target) DO UPDATE SET visits = visits + excluded.visits
"""


def add_visits(db: apsw.Connection, counts: Mapping[tuple[int, int], int]) -> None:
    """Add visits, by owner and target; drop those of targets that are not followed.

    Raises the version of every owner in ``counts``.
    """
    db.executemany(_VISITS, ((*pair, visits) for pair, visits in counts.items()))
    # The list ordered by visits may have changed.
    owners = sorted({owner for owner, _ in counts})
    db.executemany("UPDATE tally SET version = version + 1 WHERE mid = ?", zip(owners))
