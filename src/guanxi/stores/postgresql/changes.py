"""Apply acts on pairs of accounts, within the caller's transaction.

Every change of relations locks in one order, so that two transactions never deadlock: first the
rows of pairs (those whose owner has the lower mid before the others), then tallies, then slots of
follower counts, each sorted. The lower row of a pair is inserted if it is missing, so that two
changes of one pair always lock the same row. The tally of an account that only gains or loses a
follower is not locked: the followers of a popular account do not queue.

Every statement is for one row, found by its account, and so for one shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import itemgetter
from typing import NamedTuple

import asyncpg

from guanxi.accounts.account import State
from guanxi.graph.pair import (
    EMPTY_SIDE,
    Act,
    Edge,
    Facts,
    Modify,
    Pair,
    Refusal,
    Side,
    decide,
    next_sort_key,
)
from guanxi.stores.postgresql.connections import Connection, send_many
from guanxi.stores.postgresql.reads import SIDE, side_of

#: The key of a row: its owner, and the other account of the pair.
Key = tuple[int, int]


def lock_order(key: Key) -> tuple[bool, Key]:
    """Return the key that sorts rows for locking: first those whose owner is the lower mid."""
    return key[0] > key[1], key


class CappedAct(NamedTuple):
    """An act, with the maximum number of its owner's followings."""

    act: Modify
    following_cap: int


@dataclass(slots=True)
class _Tally:
    """A row of ``tally``: the counts of an account's own lists, their version, newest sort key."""

    following: int
    whisper: int
    black: int
    version: int
    newest: int


@dataclass(slots=True)
class _Followers:
    """The numbers to add to a slot of follower counts."""

    follower: int = 0
    version: int = 0


_MAKE = """
INSERT INTO relation (owner, other) VALUES ($1, $2)
ON CONFLICT (owner, other) DO UPDATE SET visits = relation.visits WHERE false
"""  # an existing row is locked, not written
_ROWS = f"{SIDE} WHERE owner = $1 AND other = $2 FOR UPDATE"
_TALLIES = """
SELECT mid, following, whisper, black, version, newest FROM tally WHERE mid = $1 FOR UPDATE
"""
_ACCOUNTS = "SELECT mid, state, refuse_follows FROM account WHERE mid = $1"


#: The sort keys of the newest following and of the newest block of an account.
_NEWEST = {
    sort_keys: f"SELECT owner, {sort_keys} FROM relation"
    f" WHERE owner = $1 AND {sort_keys} IS NOT NULL ORDER BY {sort_keys} DESC LIMIT 1"
    for sort_keys in ("follows", "blocks")
}
#: The column that an act writes its sort key to, where it is not ``follows``.
_LISTS: Mapping[int, str] = {Act.BLOCK: "blocks"}


async def hold(connection: Connection, acts: Iterable[Modify], now: int) -> Held:
    """Lock and read the rows that the acts need, until the caller's transaction ends.

    ``now`` is the sort key of the current time. Rows of pairs that do not exist are inserted, to be
    locked; ``write`` deletes the empty ones.
    """
    acts = list(acts)
    accounts = {act.owner for act in acts}
    effective = [act for act in acts if act.owner != act.target and act.act != Act.WHISPER]
    lower = sorted({(min(act.owner, act.target), max(act.owner, act.target)) for act in effective})
    higher = sorted((owner, other) for other, owner in lower)
    rows = []
    if lower:
        await connection.executemany(_MAKE, lower)
        rows = await connection.fetchmany(_ROWS, lower + higher)
    # The accounts whose own lists may change.
    mids = {act.owner for act in effective}
    mids |= {
        row["owner"] for row in rows if row["follows"] is not None or row["whispers"] is not None
    }
    tallies = await _each(connection, _TALLIES, mids)
    # Usually every stored sort key is in the past; only otherwise is the newest one read.
    ahead = {row["mid"] for row in tallies if row["newest"] >= now}
    newest = {
        (row["owner"], sort_keys): row[sort_keys]
        for sort_keys, statement in _NEWEST.items()
        for row in await _each(connection, statement, ahead)
    }
    accounts |= {act.target for act in effective if act.act in _NEEDS_ACCOUNT}
    return Held(rows, tallies, newest, await _each(connection, _ACCOUNTS, accounts))


#: Acts that need the target's account.
_NEEDS_ACCOUNT = (Act.FOLLOW, Act.BLOCK)
_NO_ACCOUNT = (None, False)


async def _each(
    connection: Connection, statement: str, mids: Iterable[int]
) -> list[asyncpg.Record]:
    numbers = [(mid,) for mid in sorted(mids)]
    return await connection.fetchmany(statement, numbers) if numbers else []


_PUT = """
INSERT INTO relation (
    owner, other, follows, whispers, blocks, followed, groups,
    contract_ts, contract_attr, other_contract_ts, other_contract_attr
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (owner, other) DO UPDATE SET
    follows = excluded.follows, whispers = excluded.whispers, blocks = excluded.blocks,
    followed = excluded.followed, groups = excluded.groups,
    contract_ts = excluded.contract_ts, contract_attr = excluded.contract_attr,
    other_contract_ts = excluded.other_contract_ts,
    other_contract_attr = excluded.other_contract_attr,
    visits = CASE WHEN $12 THEN NULL ELSE relation.visits END
"""
_DELETE = "DELETE FROM relation WHERE owner = $1 AND other = $2"
_PUT_TALLY = """
UPDATE tally SET following = $2, whisper = $3, black = $4, version = $5, newest = $6 WHERE mid = $1
"""
_PUT_FOLLOWERS = """
INSERT INTO follower_tally (mid, slot, follower, version) VALUES ($1, $2, $3, $4)
ON CONFLICT (mid, slot) DO UPDATE SET
    follower = follower_tally.follower + excluded.follower,
    version = follower_tally.version + excluded.version
"""


async def write(connection: Connection, held: Held, slot: int) -> None:
    """Write the changed rows and counts of the applied acts, and delete the rows that are empty.

    Runs in the caller's transaction. ``slot``, from 0 to ``SLOTS - 1``, is the slot that follower
    counts are added to.
    """
    put, deleted = [], []
    for key in sorted(held.changed | held.bare, key=lock_order):
        owner, other = key
        mine = held.sides.get(key, EMPTY_SIDE)
        theirs = held.sides.get((other, owner), EMPTY_SIDE)
        if mine != EMPTY_SIDE or theirs.follows is not None:
            put.append((*key, *_columns(mine, theirs), key in held.unfollowed))
        elif key in held.stored:
            deleted.append(key)
    tallies = [(mid, *astuple(held.tallies[mid])) for mid in sorted(held.changed_tallies)]
    followers = [
        (mid, slot, added.follower, added.version)
        for mid, added in sorted(held.followers.items(), key=itemgetter(0))
    ]
    for statement, values in (
        (_PUT, put),
        (_DELETE, deleted),
        (_PUT_TALLY, tallies),
        (_PUT_FOLLOWERS, followers),
    ):
        if values:
            await connection.executemany(statement, values)


def _columns(mine: Side, theirs: Side) -> tuple[object, ...]:
    """Return the column values, from ``follows`` on, of the row whose owner has side ``mine``."""
    edge, back = mine.follows, theirs.follows
    return (
        edge.sort_key if edge else None,
        mine.whispers,
        mine.blocks,
        back.sort_key if back else None,
        sorted(edge.groups) if edge and edge.groups else None,
        *_contract_columns(edge),
        *_contract_columns(back),
    )


def _contract_columns(edge: Edge | None) -> tuple[int | None, int | None]:
    if edge is None or edge.contract is None:
        return None, None
    return edge.contract.ts, edge.contract.user_attr


class Held:
    """The locked rows that acts need, and the changes of applied acts, not written yet."""

    def __init__(
        self,
        rows: Sequence[asyncpg.Record],
        tallies: Sequence[asyncpg.Record],
        newest: dict[tuple[int, str], int],
        accounts: Sequence[asyncpg.Record],
    ) -> None:
        #: The owner's side of each stored row; and the current side after the applied acts.
        self.stored = {(row["owner"], row["other"]): side_of(row) for row in rows}
        self.sides = dict(self.stored)
        #: Stored rows that are empty on both sides.
        self.bare = {
            key
            for (key, side), row in zip(self.stored.items(), rows, strict=True)
            if side == EMPTY_SIDE and not row["back"]
        }
        self.tallies = {row["mid"]: _Tally(*row[1:]) for row in tallies}
        #: The newest sort keys of accounts that are ahead of the clock, and of changed accounts.
        self.newest = newest
        self.accounts = {row["mid"]: (row["state"], row["refuse_follows"]) for row in accounts}
        self.changed: set[Key] = set()
        #: Rows without a following now, or in between: their visits are deleted.
        self.unfollowed: set[Key] = set()
        self.changed_tallies: set[int] = set()
        self.followers: dict[int, _Followers] = {}

    def apply(self, capped: CappedAct, now: int) -> int:
        """Apply a held act in memory; return 0, also if nothing changes, or the code of a refusal.

        A refusal changes nothing. ``now`` is the sort key of the current time. Raise ``ValueError``
        for a number that is not an ``Act``.
        """
        act = capped.act
        owner, target = act.owner, act.target
        pair = Pair(
            mine=self.sides.get((owner, target), EMPTY_SIDE),
            theirs=self.sides.get((target, owner), EMPTY_SIDE),
        )
        own, _ = self.accounts.get(owner, _NO_ACCOUNT)
        state, refuses = self.accounts.get(target, _NO_ACCOUNT)
        mine = self.tallies.get(owner)
        facts = Facts(
            pair=pair,
            banned=own == State.BANNED,
            known=state is not None and mine is not None,
            deregistered=state == State.DEREGISTERED,
            refuses_follows=refuses,
            following=mine.following if mine else 0,
            following_cap=capped.following_cap,
            sort_key=next_sort_key(now, self._newest(owner, _LISTS.get(act.act, "follows"))),
            their_sort_key=next_sort_key(now, self._newest(target, "follows")),
        )
        after = decide(act, facts)
        if isinstance(after, Refusal):
            return after.code
        if after != pair:
            self._put((owner, target), pair, after)
            self._put((target, owner), _swapped(pair), _swapped(after))
        return 0

    def _put(self, key: Key, was: Pair, now: Pair) -> None:
        """Record in memory the change of the row ``key``, and of its owner's counts.

        In both pairs, ``mine`` is the side of the row's owner. The caller must put the other
        account's row as well.
        """
        owner, _ = key
        self.sides[key] = now.mine
        self.changed.add(key)
        if now.mine.follows is None:
            self.unfollowed.add(key)
        if _listed(was) != _listed(now):
            tally, before, after = self.tallies[owner], was.mine, now.mine
            tally.following += (after.follows is not None) - (before.follows is not None)
            tally.whisper += (after.whispers is not None) - (before.whispers is not None)
            tally.black += (after.blocks is not None) - (before.blocks is not None)
            tally.version += 1
            self._record_sort_key(owner, "follows", after.follows.sort_key if after.follows else 0)
            self._record_sort_key(owner, "blocks", after.blocks or 0)
            self.changed_tallies.add(owner)
        if _shown(was) != _shown(now):
            slot = self.followers.setdefault(owner, _Followers())
            slot.follower += (now.theirs.follows is not None) - (was.theirs.follows is not None)
            slot.version += 1

    def _newest(self, mid: int, column: str) -> int:
        return self.newest.get((mid, column), 0)

    def _record_sort_key(self, mid: int, column: str, sort_key: int) -> None:
        tally = self.tallies[mid]
        tally.newest = max(tally.newest, sort_key)
        self.newest[mid, column] = max(self._newest(mid, column), sort_key)


def _swapped(pair: Pair) -> Pair:
    """Return the pair as the other account sees it."""
    return Pair(mine=pair.theirs, theirs=pair.mine)


def _listed(pair: Pair) -> tuple[Side, Edge | None]:
    """Return the parts of a pair that its owner's lists show: its side, the other's following.

    The following has only its contract, and is None unless both follow.
    """
    return pair.mine, _bare(pair.theirs.follows) if pair.mine.follows else None


def _shown(pair: Pair) -> tuple[Edge | None, Edge | None]:
    """Return the parts of a pair that its owner's list of followers shows: both followings.

    The follower's comes first. The owner's has only its contract, and is None unless both follow.
    """
    follower = pair.theirs.follows
    return follower, _bare(pair.mine.follows) if follower else None


def _bare(edge: Edge | None) -> Edge | None:
    """Return an edge with only its contract, without sort key (0) and groups; None for None."""
    return None if edge is None else Edge(0, contract=edge.contract)


_VISITED = """
UPDATE relation SET visits = coalesce(visits, 0) + $3
WHERE owner = $1 AND other = $2 AND follows IS NOT NULL
"""
_BUMP_VERSION = "UPDATE tally SET version = version + 1 WHERE mid = $1"


async def add_visits(connection: Connection, counted: Mapping[Key, int]) -> None:
    """Add numbers of visits, by (owner, target), within the caller's transaction.

    Visits of accounts not followed are ignored. The list version of every owner rises.
    """
    visits = [(*key, counted[key]) for key in sorted(counted, key=lock_order)]
    await send_many(connection, _VISITED, visits)
    # The order by visits may have changed.
    owners = sorted({owner for owner, _ in counted})
    await send_many(connection, _BUMP_VERSION, [(owner,) for owner in owners])
