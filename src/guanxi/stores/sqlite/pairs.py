"""Applying acts between two accounts, in a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import apsw
from msgspec.structs import astuple

from guanxi.accounts.account import State
from guanxi.contract.limits import Caps
from guanxi.graph.effects import Item, change, effect, swapped
from guanxi.graph.feed import record
from guanxi.graph.groups import SAME_MEMBERSHIPS
from guanxi.graph.pair import (
    Act,
    Edge,
    Facts,
    Modify,
    Pair,
    Refusal,
    Side,
    code_of,
    decide,
    next_sort_key,
)
from guanxi.stores.sqlite import feed
from guanxi.stores.sqlite.cards import is_banned
from guanxi.stores.sqlite.grouping import count_members, flags_of
from guanxi.stores.sqlite.reads import side
from guanxi.stores.sqlite.schema import IN_GROUPS, ITEM_CONTRACT, MUTUAL, OWNER_CONTRACT

# Scalar subqueries: a join of single rows is several times slower in SQLite, and so is a statement
# for each.
_FACTS = f"""
SELECT
    (SELECT place FROM following WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM following WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM whisper WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM whisper WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM block WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM block WHERE owner = ?2 AND target = ?1),
    (SELECT place FROM request WHERE owner = ?1 AND target = ?2),
    (SELECT place FROM request WHERE owner = ?2 AND target = ?1),
    (SELECT max(place) FROM following WHERE owner = ?1),
    (SELECT following FROM tally WHERE mid = ?1),
    ({feed.IS_ON}),
    (SELECT state FROM account WHERE mid = ?1),
    state, refuse_follows, approve_followers
FROM account WHERE mid = ?2
"""
_FOLLOWING = "SELECT following FROM tally WHERE mid = ?"
_STATE = "SELECT state FROM account WHERE mid = ?"


def modify(db: apsw.Connection, act: Modify, caps: Caps, now: int) -> int:
    """Apply an act; return its code: 0, ``REQUESTED`` or that of a refusal.

    A refusal changes nothing. ``now`` is the current time's sort key. The caller commits. Raise
    ``ValueError`` for a number that is not an ``Act``.
    """
    owner, target = act.owner, act.target
    row = db.execute(_FACTS, (owner, target)).get
    if row is None:  # the target does not exist, so there are no relations
        row = (None,) * 11 + (db.execute(_STATE, (owner,)).get, None, None, None)
    (
        mine,
        theirs,
        my_whisper,
        their_whisper,
        my_block,
        their_block,
        my_request,
        their_request,
        newest,
        following,
        feed_is_on,
        owner_state,
        target_state,
        refuses_follows,
        approves_followers,
    ) = row
    pair = Pair(
        Side(_edge(db, owner, target, mine), my_whisper, my_block, my_request),
        Side(_edge(db, target, owner, theirs), their_whisper, their_block, their_request),
    )
    approves = act.act == Act.APPROVE
    table = "block" if act.act == Act.BLOCK else "following"
    if approves_followers and act.act == Act.FOLLOW:
        table = "request"
    facts = Facts(
        pair=pair,
        banned=is_banned(db, owner, owner_state, now),
        actor_deregistered=owner_state == State.DEREGISTERED,
        known=target_state is not None and following is not None,
        deregistered=target_state == State.DEREGISTERED,
        refuses_follows=bool(refuses_follows),
        approves_followers=bool(approves_followers),
        requests=caps.requests,
        following=following or 0,
        their_following=(db.execute(_FOLLOWING, (target,)).get or 0) if approves else 0,
        following_cap=caps.following,
        sort_key=next_sort_key(now, newest or 0)
        if table == "following"
        else _new_sort_key(db, table, owner, now),
        their_sort_key=0
        if theirs is None and not approves
        else _new_sort_key(db, "following", target, now),
    )
    after = decide(act, facts)
    if isinstance(after, Refusal):
        return after.code
    if after != pair:
        _write(db, owner, target, pair, after)
        _write(db, target, owner, swapped(pair), swapped(after))
        if feed_is_on and (made := change(owner, target, pair, after)) is not None:
            feed.put(db, now, record(made))
    return code_of(act, after)


def cut(db: apsw.Connection, owner: int, target: int) -> None:
    """Delete the owner's following of the target, its whisper and its request, if there are any.

    No rule can refuse this. It is a part of an import, which the feed of changes has as a whole.
    The caller commits.
    """
    before = Pair(side(db, owner, target), side(db, target, owner))
    after = Pair(Side(blocks=before.mine.blocks), before.theirs)
    if after != before:
        _write(db, owner, target, before, after)
        _write(db, target, owner, swapped(before), swapped(after))


_FLAGS = "SELECT flags FROM following WHERE owner = ? AND place = ? AND target = ?"


def _edge(db: apsw.Connection, owner: int, target: int, sort_key: int | None) -> Edge | None:
    """Return a following with its groups and contract, given its sort key; None for None."""
    if sort_key is None:
        return None
    flags = db.execute(_FLAGS, (owner, sort_key, target)).get
    if flags & (IN_GROUPS | OWNER_CONTRACT):
        return side(db, owner, target).follows
    return Edge(sort_key)


_NEWEST = {
    "following": "SELECT max(place) FROM following WHERE owner = ?",
    "block": "SELECT max(place) FROM block WHERE owner = ?",
    "request": "SELECT max(place) FROM request WHERE owner = ?",
}


def _new_sort_key(db: apsw.Connection, table: str, owner: int, now: int) -> int:
    """Return the sort key of the owner's next row: ``now``, but above that of its newest row.

    ``table`` is "following", "block" or "request".
    """
    return next_sort_key(now, db.execute(_NEWEST[table], (owner,)).get or 0)


_TALLY = """
UPDATE tally SET following = following + ?2, whisper = whisper + ?3, black = black + ?4,
    follower = follower + ?5, version = version + ?6, follower_version = follower_version + ?7,
    public_version = public_version + ?8,
    public_follower_version = public_follower_version + ?9,
    private_version = private_version + ?10
WHERE mid = ?1
"""
_REQUEST = "INSERT INTO request (owner, target, place) VALUES (?, ?, ?)"


def _write(db: apsw.Connection, owner: int, other: int, before: Pair, after: Pair) -> None:
    """Write what a change does to one account: its rows, counts and versions.

    ``owner`` is the account whose side is ``mine`` in both pairs.
    """
    made = effect(before, after)
    for table, old, new in zip(_TABLES, astuple(made.before), astuple(made.after), strict=True):
        if old == new:
            continue
        if old is None:
            db.execute(table.insert, (owner, other, *table.columns(new)))
        elif new is None:
            db.execute(table.delete, (owner, other, old.sort_key))
        else:
            db.execute(table.update, (*table.columns(new), owner, other, old.sort_key))
    if before.mine.requests != after.mine.requests:
        key = (owner, other)
        if before.mine.requests is not None:
            db.execute("DELETE FROM request WHERE owner = ? AND target = ?", key)
        if after.mine.requests is not None:
            db.execute(_REQUEST, (*key, after.mine.requests))
    if before.mine.follows is not None and before.mine.follows != after.mine.follows:
        _write_dependents(db, owner, other, before.mine.follows, after.mine.follows)
    if made.version or made.follower_version or made.private_version:
        db.execute(
            _TALLY,
            (
                owner,
                made.following,
                made.whisper,
                made.black,
                made.follower,
                made.version,
                made.follower_version,
                made.public_version,
                made.public_follower_version,
                made.private_version,
            ),
        )
    if made.memberships is not SAME_MEMBERSHIPS:
        count_members(db, owner, made.memberships)


class _Table(NamedTuple):
    """A list's table: its statements, and the columns of an item: the sort key, then any flags."""

    insert: str
    delete: str
    update: str
    columns: Callable[[Item], tuple[int, ...]]


def _table(name: str, item: str, columns: Callable[[Item], tuple[int, ...]], flags: str) -> _Table:
    """Return a table; ``item`` is the column of the other account, ``flags`` "flags" or ""."""
    key = f"WHERE owner = ? AND {item} = ? AND place = ?"
    return _Table(
        f"INSERT INTO {name} (owner, {item}, place{flags and ', flags'})"
        f" VALUES (?, ?, ?{flags and ', ?'})",
        f"DELETE FROM {name} {key}",
        f"UPDATE {name} SET place = ?{flags and ', flags = ?'} {key}",
        columns,
    )


def _following_columns(item: Item) -> tuple[int, int]:
    return item.sort_key, flags_of(item.groups) | _shared_flags(item)


def _follower_columns(item: Item) -> tuple[int, int]:
    return item.sort_key, _shared_flags(item)


def _sort_key(item: Item) -> tuple[int]:
    return (item.sort_key,)


def _shared_flags(item: Item) -> int:
    """Return the flags that rows of followings and of followers have in common."""
    return (
        (MUTUAL if item.mutual else 0)
        | (OWNER_CONTRACT if item.owner_contract else 0)
        | (ITEM_CONTRACT if item.item_contract else 0)
    )


#: In the order of the fields of ``effects.Items``.
_TABLES = (
    _table("following", "target", _following_columns, "flags"),
    _table("whisper", "target", _sort_key, ""),
    _table("block", "target", _sort_key, ""),
    _table("follower", "source", _follower_columns, "flags"),
)


def _write_dependents(
    db: apsw.Connection, owner: int, target: int, before: Edge, after: Edge | None
) -> None:
    """Delete the memberships, contract and visits of a following that was deleted.

    If it only has a new sort key, update that of its group memberships instead.
    """
    key = (owner, target)
    if after is None:
        if before.groups:
            db.execute("DELETE FROM member WHERE owner = ? AND target = ?", key)
        if before.contract is not None:
            db.execute("DELETE FROM contract WHERE owner = ? AND target = ?", key)
        db.execute("DELETE FROM visit WHERE owner = ? AND target = ?", key)
    elif before.groups:
        db.execute(
            "UPDATE member SET place = ? WHERE owner = ? AND target = ?", (after.sort_key, *key)
        )


_VISITS = """
INSERT INTO visit (owner, target, visits)
SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM following WHERE owner = ?1 AND target = ?2)
ON CONFLICT (owner, target) DO UPDATE SET visits = visits + excluded.visits
"""


def add_visits(db: apsw.Connection, counts: Mapping[tuple[int, int], int]) -> None:
    """Add visits, by owner and target; drop those of targets that are not followed."""
    db.executemany(_VISITS, ((*pair, visits) for pair, visits in counts.items()))
