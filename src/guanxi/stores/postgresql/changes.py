"""Applying acts on pairs of accounts, within a transaction that the caller holds.

Locks are taken in one order by whoever changes relations: rows of pairs, those of lower mids
before those of higher ones (an end's owner before its other); then tallies; then slots of
followers; each sorted. So two transactions never wait for one another. The lower row of a pair is
made where it is missing: two changes to one pair meet there. The tally of an account that merely
gains or loses a follower is not touched: the followers of a hub do not queue.

Every statement is of one row, found by its account: one shard's.
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
    Side,
    decide,
    next_sort_key,
)
from guanxi.stores.postgresql.connections import Connection, send_many
from guanxi.stores.postgresql.reads import SIDE, side_of

#: An owner and another: whose row it is, and of whom.
Key = tuple[int, int]


def lock_order(key: Key) -> tuple[bool, Key]:
    """What rows of pairs are sorted by before they are locked."""
    return key[0] > key[1], key


class Asked(NamedTuple):
    """An act, and how many its owner may follow."""

    act: Modify
    following_cap: int


@dataclass(slots=True)
class _Tally:
    """An account's own lists; as ``tally`` has them."""

    following: int
    whisper: int
    black: int
    version: int
    newest: int


@dataclass(slots=True)
class _Followers:
    """What is added to a slot."""

    follower: int = 0
    version: int = 0


_MAKE = """
INSERT INTO relation (owner, other) VALUES ($1, $2)
ON CONFLICT (owner, other) DO UPDATE SET visits = relation.visits WHERE false
"""  # what stands is locked, and not written
_ROWS = f"{SIDE} WHERE owner = $1 AND other = $2 FOR UPDATE"
_TALLIES = """
SELECT mid, following, whisper, black, version, newest FROM tally WHERE mid = $1 FOR UPDATE
"""
_ACCOUNTS = "SELECT mid, state, refuse_follows FROM account WHERE mid = $1"


#: The places of the newest following and of the newest block of an account.
_NEWEST = {
    sort_keys: f"SELECT owner, {sort_keys} FROM relation"
    f" WHERE owner = $1 AND {sort_keys} IS NOT NULL ORDER BY {sort_keys} DESC LIMIT 1"
    for sort_keys in ("follows", "blocks")
}
#: Where an act puts a row, other than among the followings.
_LISTS: Mapping[int, str] = {Act.BLOCK: "blocks"}


async def hold(connection: Connection, acts: Iterable[Modify], now: int) -> Held:
    """Lock and read what acts at the place ``now`` need to know."""
    acts = list(acts)
    concerned = {act.owner for act in acts}
    able = [act for act in acts if act.owner != act.target and act.act != Act.WHISPER]
    lower = sorted({(min(act.owner, act.target), max(act.owner, act.target)) for act in able})
    higher = sorted((owner, other) for other, owner in lower)
    rows = []
    if lower:
        await connection.executemany(_MAKE, lower)
        rows = await connection.fetchmany(_ROWS, lower + higher)
    # Those whose own lists may change.
    mids = {act.owner for act in able}
    mids |= {
        row["owner"] for row in rows if row["follows"] is not None or row["whispers"] is not None
    }
    tallies = await _each(connection, _TALLIES, mids)
    # As a rule every place lies in the past, and nobody has to look which is the newest.
    ahead = {row["mid"] for row in tallies if row["newest"] >= now}
    newest = {
        (row["owner"], sort_keys): row[sort_keys]
        for sort_keys, statement in _NEWEST.items()
        for row in await _each(connection, statement, ahead)
    }
    concerned |= {act.target for act in able if act.act in _NEEDS_ACCOUNT}
    return Held(rows, tallies, newest, await _each(connection, _ACCOUNTS, concerned))


#: Acts that ask after the target's account.
_NEEDS_ACCOUNT = (Act.FOLLOW, Act.BLOCK)
_NOBODY = (None, False)


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
    """Write what acts changed, and take away rows of pairs that hold nothing."""
    put, gone = [], []
    for key in sorted(held.changed | held.bare, key=lock_order):
        owner, other = key
        mine = held.sides.get(key, EMPTY_SIDE)
        theirs = held.sides.get((other, owner), EMPTY_SIDE)
        if mine != EMPTY_SIDE or theirs.follows is not None:
            put.append((*key, *_columns(mine, theirs), key in held.ended))
        elif key in held.stored:
            gone.append(key)
    tallies = [(mid, *astuple(held.tallies[mid])) for mid in sorted(held.changed_tallies)]
    followers = [
        (mid, slot, added.follower, added.version)
        for mid, added in sorted(held.followers.items(), key=itemgetter(0))
    ]
    for statement, values in (
        (_PUT, put),
        (_DELETE, gone),
        (_PUT_TALLY, tallies),
        (_PUT_FOLLOWERS, followers),
    ):
        if values:
            await connection.executemany(statement, values)


def _columns(mine: Side, theirs: Side) -> tuple[object, ...]:
    """What is stored of a pair at one end, from ``follows`` on."""
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
    """What acts need to know, locked; and what they changed, not written yet."""

    def __init__(
        self,
        rows: Sequence[asyncpg.Record],
        tallies: Sequence[asyncpg.Record],
        newest: dict[tuple[int, str], int],
        accounts: Sequence[asyncpg.Record],
    ) -> None:
        #: What the owner of each stored row holds towards the other; and what by now.
        self.stored = {(row["owner"], row["other"]): side_of(row) for row in rows}
        self.sides = dict(self.stored)
        #: Stored rows in which nothing stands, not even of the other's.
        self.bare = {
            key
            for (key, side), row in zip(self.stored.items(), rows, strict=True)
            if side == EMPTY_SIDE and not row["back"]
        }
        self.tallies = {row["mid"]: _Tally(*row[1:]) for row in tallies}
        #: Of accounts that have a place ahead of the clock, and of what was changed.
        self.newest = newest
        self.accounts = {row["mid"]: (row["state"], row["refuse_follows"]) for row in accounts}
        self.changed: set[Key] = set()
        #: Ends whose following ended, whether or not another began: their visits are gone.
        self.ended: set[Key] = set()
        self.changed_tallies: set[int] = set()
        self.followers: dict[int, _Followers] = {}

    def apply(self, asked: Asked, now: int) -> int:
        """Apply an act at the place ``now``; its code."""
        act = asked.act
        owner, target = act.owner, act.target
        pair = Pair(
            mine=self.sides.get((owner, target), EMPTY_SIDE),
            theirs=self.sides.get((target, owner), EMPTY_SIDE),
        )
        own, _ = self.accounts.get(owner, _NOBODY)
        state, refuses = self.accounts.get(target, _NOBODY)
        mine = self.tallies.get(owner)
        facts = Facts(
            pair=pair,
            banned=own == State.BANNED,
            known=state is not None and mine is not None,
            deregistered=state == State.DEREGISTERED,
            refuses_follows=refuses,
            following=mine.following if mine else 0,
            following_cap=asked.following_cap,
            sort_key=next_sort_key(now, self._newest(owner, _LISTS.get(act.act, "follows"))),
            their_sort_key=next_sort_key(now, self._newest(target, "follows")),
        )
        after = decide(act, facts)
        if isinstance(after, int):
            return after
        if after != pair:
            self._put((owner, target), pair, after)
            self._put((target, owner), _turned(pair), _turned(after))
        return 0

    def _put(self, key: Key, was: Pair, now: Pair) -> None:
        """Keep what becomes of one end, the owner's being ``mine``, and count it."""
        owner, _ = key
        self.sides[key] = now.mine
        self.changed.add(key)
        if now.mine.follows is None:
            self.ended.add(key)
        if _listed(was) != _listed(now):
            tally, before, after = self.tallies[owner], was.mine, now.mine
            tally.following += (after.follows is not None) - (before.follows is not None)
            tally.whisper += (after.whispers is not None) - (before.whispers is not None)
            tally.black += (after.blocks is not None) - (before.blocks is not None)
            tally.version += 1
            self._place(owner, "follows", after.follows.sort_key if after.follows else 0)
            self._place(owner, "blocks", after.blocks or 0)
            self.changed_tallies.add(owner)
        if _shown(was) != _shown(now):
            slot = self.followers.setdefault(owner, _Followers())
            slot.follower += (now.theirs.follows is not None) - (was.theirs.follows is not None)
            slot.version += 1

    def _newest(self, mid: int, sort_keys: str) -> int:
        return self.newest.get((mid, sort_keys), 0)

    def _place(self, mid: int, sort_keys: str, sort_key: int) -> None:
        tally = self.tallies[mid]
        tally.newest = max(tally.newest, sort_key)
        self.newest[mid, sort_keys] = max(self._newest(mid, sort_keys), sort_key)


def _turned(pair: Pair) -> Pair:
    """As the other account has it."""
    return Pair(mine=pair.theirs, theirs=pair.mine)


def _listed(pair: Pair) -> tuple[Side, Edge | None]:
    """All of a pair that shows in one's own lists."""
    return pair.mine, _bare(pair.theirs.follows) if pair.mine.follows else None


def _shown(pair: Pair) -> tuple[Edge | None, Edge | None]:
    """All of a pair that shows in one's list of followers, groups apart."""
    follower = pair.theirs.follows
    return follower, _bare(pair.mine.follows) if follower else None


def _bare(edge: Edge | None) -> Edge | None:
    """An edge as it shows at the other end: that it stands, and its contract."""
    return None if edge is None else Edge(0, contract=edge.contract)


_VISITED = """
UPDATE relation SET visits = coalesce(visits, 0) + $3
WHERE owner = $1 AND other = $2 AND follows IS NOT NULL
"""
_SORTED_ANEW = "UPDATE tally SET version = version + 1 WHERE mid = $1"


async def add_visits(connection: Connection, counted: Mapping[Key, int]) -> None:
    """Add to the visits of followings; others have none."""
    visits = [(*key, counted[key]) for key in sorted(counted, key=lock_order)]
    await send_many(connection, _VISITED, visits)
    # The list by visits may have another order now.
    owners = sorted({owner for owner, _ in counted})
    await send_many(connection, _SORTED_ANEW, [(owner,) for owner in owners])
