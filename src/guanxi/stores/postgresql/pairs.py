"""Apply acts on pairs of accounts, within the caller's transaction.

Every change of relations locks in one order, so that two transactions never deadlock: first the
rows of pairs (those whose owner has the lower mid before the others), then tallies, then accounts
that make requests, then slots of follower counts, each sorted; on Citus by shard first, as ``many``
describes. All rows of all acts of a transaction are locked before the first act is applied, in
memory. Both rows of a pair are inserted if they are missing, so that two changes of one pair always
lock the same rows: with what a follow makes of them, which is then their only write. The tally of
an account that only gains or loses a follower is not locked: the followers of a popular account do
not queue. Nor is that of an account that acts, in a transaction of pairs alone: what it adds is
written if nothing that the rules have read of the tally has changed, else all is done again.

``rows`` writes what the acts changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import sub

import asyncpg
from msgspec.structs import replace

from guanxi.accounts.account import State, state_at
from guanxi.contract.limits import Caps
from guanxi.graph.effects import change, effect, swapped
from guanxi.graph.feed import Record, record
from guanxi.graph.groups import GroupAct, Memberships
from guanxi.graph.pair import (
    EMPTY_SIDE,
    Act,
    Contract,
    Edge,
    Facts,
    Modify,
    Pair,
    Refusal,
    Side,
    code_of,
    decide,
    mtime_of,
    next_sort_key,
)
from guanxi.stores.feed import NOTE
from guanxi.stores.postgresql import citus
from guanxi.stores.postgresql.connections import Connection, send_many
from guanxi.stores.postgresql.many import KEYS, Insert, by_keys
from guanxi.stores.postgresql.reads import SIDE, side_of

#: The key of a row: its owner, and the other account of the pair.
Key = tuple[int, int]
#: More than an account can follow.
NO_CAP = 2**31 - 1


def lock_order(key: Key) -> tuple[bool, Key]:
    """Return the key that sorts rows for locking: first those whose owner is the lower mid."""
    return key[0] > key[1], key


@dataclass(slots=True)
class Row:
    """A locked row of ``relation``, after the acts applied so far.

    ``pair.mine`` is the owner's side; of the other side the row has the following and the request.
    """

    pair: Pair
    #: Whether the row is in the table; an empty one is deleted at the end.
    stored: bool = False
    #: What this transaction inserted to lock the row: what it was expected to become.
    made: Pair | None = None
    changed: bool = False
    #: Whether the groups of the following changed, and perhaps nothing else.
    regrouped: bool = False
    #: Whether the owner did not follow in between: the visits are deleted.
    unfollowed: bool = False

    @property
    def empty(self) -> bool:
        theirs = self.pair.theirs
        return self.pair.mine == EMPTY_SIDE and theirs.follows is None and theirs.requests is None


@dataclass(slots=True)
class Tally:
    """A row of ``tally``, after the acts applied so far."""

    following: int
    whisper: int
    black: int
    special: int
    grouped: int
    version: int
    public_version: int
    private_version: int
    #: The newest sort key of all lists.
    newest: int
    #: Whether it is locked; if not, ``write`` checks that no other transaction's change matters.
    locked: bool = True
    #: The newest sort keys of followings, blocks and requests; 0 unless ahead of the clock.
    follows: int = 0
    blocks: int = 0
    requests: int = 0
    changed: bool = False
    #: The counts and versions as they were read.
    read: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.read = self._numbers

    @property
    def _numbers(self) -> tuple[int, ...]:
        return (
            self.following,
            self.whisper,
            self.black,
            self.special,
            self.grouped,
            self.version,
            self.public_version,
            self.private_version,
        )

    @property
    def added(self) -> list[int]:
        """What the acts added to each count and version."""
        return list(map(sub, self._numbers, self.read))


@dataclass(slots=True)
class Followers:
    """The numbers to add to a slot of follower counts."""

    follower: int = 0
    version: int = 0
    public_version: int = 0


@dataclass(slots=True)
class Locked:
    """The locked rows, and the changes of the applied acts, which are not written yet."""

    #: The sort key of the current time.
    now: int
    rows: dict[Key, Row]
    #: Of the accounts whose own lists may change.
    tallies: dict[int, Tally]
    #: The stored state of accounts, whether they refuse to be followed, whether they approve their
    #: followers, and the end of their ban. Locked only for a request, see ``share_accounts``.
    accounts: dict[int, tuple[int | None, bool, bool, int]]
    followers: dict[int, Followers] = field(default_factory=lambda: defaultdict(Followers))
    #: What to add to the number of members of a group, by owner and group.
    members: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    #: The switch of the feed of changes, None if that is off, and what the feed gets.
    switch: bytes | None = None
    records: list[Record] = field(default_factory=list)
    #: The lowest cap of followings of the applied acts.
    cap: int = NO_CAP

    @property
    def is_recorded(self) -> bool:
        """Whether the feed of changes is on."""
        return self.switch is not None

    def state(self, mid: int) -> State | None:
        """Return the state of an account by now, None if it is unknown."""
        stored, *_, until = self.accounts.get(mid, NO_ACCOUNT)
        return None if stored is None else state_at(stored, until, mtime_of(self.now))

    def count_members(self, owner: int, added: Memberships) -> None:
        """Add to the counts of the groups of an owner, whose tally must be locked."""
        self.tallies[owner].special += added.special
        self.tallies[owner].grouped += added.grouped
        for group, members in added.members.items():
            self.members[owner, group] += members


# An existing row is locked, not written.
_MAKE = Insert(
    "relation",
    dict.fromkeys(("owner", "other", "follows", "followed"), "bigint"),
    "ON CONFLICT (owner, other) DO UPDATE SET visits = relation.visits WHERE false"
    " RETURNING owner, other",
)
_ROWS = SIDE.replace("relation", f"{KEYS} JOIN relation USING (owner, other) WHERE true")
_ROW = f"{SIDE} WHERE owner = $1 AND other = $2 FOR UPDATE"
_MANY_ROWS = f"{SIDE} WHERE owner = $1 AND other = ANY($2) ORDER BY other FOR UPDATE"
#: From how many rows of one owner on a single statement locks them: one each is slower then.
_MANY = 32
_LOCK_TALLY = "SELECT mid FROM tally WHERE mid = $1 FOR UPDATE"
_LOCK_TALLIES = "SELECT mid FROM tally WHERE mid = ANY($1) ORDER BY mid FOR UPDATE"
# Read when the rows are locked, as ``feed.switch_of`` needs it.
_ACCOUNT = "account.mid, state, refuse_follows, approve_followers, ban_until"
_ACCOUNTS = f"""
SELECT {_ACCOUNT}, meta.value AS switch, tally.mid IS NOT NULL AS has_tally, following, whisper,
    black, special, grouped, version, public_version, private_version, newest
FROM account LEFT JOIN tally USING (mid) LEFT JOIN meta ON meta.name = '{NOTE}'
WHERE account.mid = ANY($1)
"""
_SHARE = f"SELECT {_ACCOUNT} FROM account WHERE mid = $1 FOR SHARE"
#: The newest sort key of an account in a list, by the list's column.
_NEWEST = {
    column: f"SELECT owner, {column} FROM relation"
    f" WHERE owner = $1 AND {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1"
    for column in ("follows", "blocks", "requests")
}
#: Acts that need the target's account.
_NEEDS_ACCOUNT = (Act.FOLLOW, Act.BLOCK, Act.APPROVE)
#: What ``Locked.accounts`` has of an unknown account.
NO_ACCOUNT = (None, False, False, 0)


async def lock(
    connection: Connection,
    acts: Sequence[Modify | GroupAct],
    members: Iterable[Key],
    now: int,
    *,
    cap: int | None = None,
) -> Locked:
    """Lock and read the rows that the acts need, until the caller's transaction ends.

    ``members`` are the keys of rows of group acts; ``now`` is the sort key of the current time. If
    there are acts on pairs, both rows of a pair are inserted if they are missing, with what a
    follow is expected to make of them; ``write`` deletes the empty ones.

    With ``cap``, the lowest cap of followings of the acts, only tallies are locked that may reach
    it or have a sort key that is not below ``now``; ``write`` then raises ``SerializationError`` if
    another transaction changed one of the others so that it matters.
    """
    if await citus.distributes(connection):  # pragma: no cover - needs a Citus cluster
        await citus.begin_many(connection)
    modifies = [act for act in acts if isinstance(act, Modify)]
    effective = [act for act in modifies if act.owner != act.target and act.act != Act.WHISPER]
    keys = {*members, *((act.owner, act.target) for act in effective)}
    keys.update((act.target, act.owner) for act in effective)
    ordered = sorted(keys, key=lock_order)
    rows = {key: Row(Pair()) for key in ordered}
    if effective:
        found = await _make_rows(connection, rows, effective, now)
    else:
        found = await _lock_rows(connection, ordered)
    for row in found:
        rows[row["owner"], row["other"]] = Row(Pair(side_of(row), _followed(row)), stored=True)
    counted = {act.owner for act in effective} | {
        act.owner for act in acts if not isinstance(act, Modify)
    }
    counted |= {
        row["owner"]
        for row in found
        if not (row["follows"] is None and row["whispers"] is None and row["requests"] is None)
    }
    mids = counted | {act.owner for act in acts}
    mids |= {act.target for act in effective if act.act in _NEEDS_ACCOUNT}
    if cap is None:
        await _lock_tallies(connection, counted)
        locked = await _accounts(connection, mids, counted, now)
    else:
        locked = await _accounts(connection, mids, counted, now)
        acting = Counter(act.owner for act in effective)
        acting.update(act.target for act in effective if act.act == Act.APPROVE)
        exact = [
            mid
            for mid, tally in locked.tallies.items()
            if tally.newest >= now or tally.following + acting[mid] > cap
        ]
        if exact:
            await _lock_tallies(connection, exact)
            locked = await _accounts(connection, mids, counted, now)
        for mid in counted.difference(exact) & locked.tallies.keys():
            locked.tallies[mid].locked = False
    locked.rows = rows
    # Usually every stored sort key is in the past; only otherwise are the newest ones read.
    ahead = [mid for mid, tally in locked.tallies.items() if tally.newest >= now]
    for column, statement in _NEWEST.items():
        for row in await _each(connection, statement, ahead):
            setattr(locked.tallies[row["owner"]], column, row[column])
    requesting = [
        act
        for act in effective
        if act.act == Act.FOLLOW and locked.accounts.get(act.target, NO_ACCOUNT)[2]
        if rows[act.owner, act.target].pair.mine.requests is None
    ]
    await share_accounts(connection, locked, requesting)
    return locked


async def _accounts(
    connection: Connection, mids: Collection[int], counted: Collection[int], now: int
) -> Locked:
    """Return the accounts of ``mids`` and the tallies of ``counted``, which are among them."""
    states = await connection.fetch(_ACCOUNTS, [*mids]) if mids else []
    accounts = {row["mid"]: tuple(row)[1:5] for row in states}
    tallies = {
        row["mid"]: Tally(*row[7:]) for row in states if row["has_tally"] and row["mid"] in counted
    }
    switch = next((row["switch"] for row in states if row["switch"] is not None), None)
    return Locked(now, {}, tallies, accounts, switch=switch)


async def share_accounts(connection: Connection, locked: Locked, acts: Iterable[Modify]) -> None:
    """Lock and read again the accounts of acts that make requests, after all else is locked.

    A deregistration ends the requests that it finds once it has its account: it must not miss one
    that is about to be written, nor may one be written after it. It therefore locks the rows of
    requests before the account, too (``requests.lock_account``).
    """
    mids = {mid for act in acts for mid in (act.owner, act.target)}
    for row in await _each(connection, _SHARE, mids):
        locked.accounts[row["mid"]] = tuple(row)[1:]


async def _make_rows(
    connection: Connection, rows: dict[Key, Row], acts: Sequence[Modify], now: int
) -> list[asyncpg.Record]:
    """Lock the rows, which are in ``lock_order``; insert those that are missing.

    Return the others. What is inserted is in ``rows`` as stored.
    """
    expected = _expected(acts, now)
    values = [(*key, *expected.get(key, (None, None))) for key in rows]
    made: set[Key] = {(row[0], row[1]) for row in await _MAKE.run(connection, values)}
    for key in made:
        follows, followed = expected.get(key, (None, None))
        mine = EMPTY_SIDE if follows is None else Side(Edge(follows))
        theirs = EMPTY_SIDE if followed is None else Side(Edge(followed))
        rows[key] = Row(Pair(), stored=True, made=Pair(mine, theirs))
    left = [key for key in rows if key not in made]
    if not left:
        return []
    return await by_keys(connection, _ROWS, left)


def _expected(acts: Sequence[Modify], now: int) -> dict[Key, tuple[int | None, int | None]]:
    """Return ``follows`` and ``followed`` of the rows that the follows among acts make.

    That is, if nothing is stored of the pair and nothing refuses them. Pairs with several acts are
    left out.
    """
    pairs = Counter(frozenset((act.owner, act.target)) for act in acts)
    follows = Counter[int]()
    expected: dict[Key, tuple[int | None, int | None]] = {}
    for act in acts:
        if act.act != Act.FOLLOW:
            continue
        sort_key = now + follows[act.owner]
        follows[act.owner] += 1
        if pairs[frozenset((act.owner, act.target))] == 1:
            expected[act.owner, act.target] = (sort_key, None)
            expected[act.target, act.owner] = (None, sort_key)
    return expected


async def _lock_rows(connection: Connection, ordered: Sequence[Key]) -> list[asyncpg.Record]:
    """Lock and return the existing rows of keys, which are in ``lock_order``, in that order.

    Adjacent keys of one owner are locked by one statement if they are many (a group's members).
    """
    found: list[asyncpg.Record] = []
    single: list[Key] = []
    for (owner, _), adjacent in groupby(ordered, lambda key: (key[0], key[0] > key[1])):
        keys = list(adjacent)
        if len(keys) < _MANY:
            single += keys
            continue
        if single:
            found += await connection.fetchmany(_ROW, single)
            single = []
        found += await connection.fetch(_MANY_ROWS, owner, [other for _, other in keys])
    if single:
        found += await connection.fetchmany(_ROW, single)
    return found


async def _lock_tallies(connection: Connection, mids: Collection[int]) -> None:
    if not mids:
        return
    if await citus.distributes(connection):  # pragma: no cover - needs a Citus cluster
        shards = await citus.shards(connection, mids)
        ordered = sorted(mids, key=lambda mid: (shards[mid], mid))
        await connection.fetchmany(_LOCK_TALLY, [(mid,) for mid in ordered])
    else:
        await connection.fetch(_LOCK_TALLIES, [*mids])


def _followed(row: asyncpg.Record) -> Side:
    """Return what a row selected by ``SIDE`` has of the other side: its following and request."""
    sort_key, contract_ts, contract_attr = row[8:11]
    if sort_key is None:
        return EMPTY_SIDE if row["requested"] is None else Side(requests=row["requested"])
    contract = None if contract_ts is None else Contract(contract_ts, contract_attr)
    return Side(Edge(sort_key, contract=contract))


async def _each(
    connection: Connection, statement: str, mids: Iterable[int]
) -> list[asyncpg.Record]:
    numbers = [(mid,) for mid in sorted(mids)]
    return await connection.fetchmany(statement, numbers) if numbers else []


def modify(locked: Locked, act: Modify, caps: Caps) -> int:
    """Apply an act to the locked rows; return its code: 0, ``REQUESTED`` or that of a refusal.

    The code is the same if nothing changes. A refusal changes nothing. Raise
    ``ValueError`` for a number that is not an ``Act``.
    """
    owner, target = act.owner, act.target
    key, their_key = (owner, target), (target, owner)
    mine = locked.rows[key].pair.mine if key in locked.rows else EMPTY_SIDE
    theirs = locked.rows[their_key].pair.mine if their_key in locked.rows else EMPTY_SIDE
    own = locked.state(owner)
    state, refuses, approves, _ = locked.accounts.get(target, NO_ACCOUNT)
    tally, their_tally = locked.tallies.get(owner), locked.tallies.get(target)
    newest = 0
    if tally is not None:
        newest = tally.blocks if act.act == Act.BLOCK else tally.follows
        if approves and act.act == Act.FOLLOW:
            newest = tally.requests
    facts = Facts(
        pair=Pair(mine, theirs),
        banned=own == State.BANNED,
        actor_deregistered=own == State.DEREGISTERED,
        known=state is not None and tally is not None,
        deregistered=state == State.DEREGISTERED,
        refuses_follows=refuses,
        approves_followers=approves,
        requests=caps.requests,
        following=tally.following if tally else 0,
        their_following=their_tally.following if their_tally else 0,
        following_cap=caps.following,
        sort_key=next_sort_key(locked.now, newest),
        their_sort_key=next_sort_key(locked.now, their_tally.follows if their_tally else 0),
    )
    locked.cap = min(locked.cap, caps.following)
    after = decide(act, facts)
    if isinstance(after, Refusal):
        return after.code
    if after != facts.pair:
        _put(locked, key, facts.pair, after)
        _put(locked, their_key, swapped(facts.pair), swapped(after))
        made = change(owner, target, facts.pair, after) if locked.is_recorded else None
        if made is not None:
            locked.records.append(record(made))
    return code_of(act, after)


def cut(locked: Locked, owner: int, target: int) -> None:
    """Delete the owner's following of the target, its whisper and its request, if there are any.

    The rows must be locked as for an ``Act.UNFOLLOW``. No rule can refuse this. It is a part of an
    import, which the feed of changes has as a whole.
    """
    key, their_key = (owner, target), (target, owner)
    before = Pair(locked.rows[key].pair.mine, locked.rows[their_key].pair.mine)
    after = Pair(Side(blocks=before.mine.blocks), before.theirs)
    if after != before:
        _put(locked, key, before, after)
        _put(locked, their_key, swapped(before), swapped(after))


def sever(locked: Locked, owner: int, target: int) -> Pair:
    """Delete all that the two accounts have towards each other; return what that was.

    The rows must be locked as for acts of both. No rule can refuse this. It is a part of an
    erasure, which the feed of changes has as a whole.
    """
    key, their_key = (owner, target), (target, owner)
    before = Pair(locked.rows[key].pair.mine, locked.rows[their_key].pair.mine)
    if before != Pair():
        _put(locked, key, before, Pair())
        _put(locked, their_key, swapped(before), Pair())
    return before


def put_request(locked: Locked, owner: int, target: int, sort_key: int) -> bool:
    """Store a request of an import that is not stored; return False if something excludes it.

    The rows must be locked as for an ``Act.FOLLOW``.
    """
    states = [locked.accounts.get(mid, NO_ACCOUNT)[0] for mid in (owner, target)]
    key, their_key = (owner, target), (target, owner)
    before = Pair(locked.rows[key].pair.mine, locked.rows[their_key].pair.mine)
    mine, theirs = before.mine, before.theirs
    is_excluded = (
        owner == target
        or any(state is None or state == State.DEREGISTERED for state in states)
        or any(each is not None for each in (mine.follows, mine.blocks, theirs.blocks))
    )
    if is_excluded:
        return False
    after = Pair(replace(mine, requests=sort_key), theirs)
    _put(locked, key, before, after)
    _put(locked, their_key, swapped(before), swapped(after))
    return True


def end_requests(locked: Locked, owner: int, other: int, *, recorded: bool) -> None:
    """Delete the requests that two accounts have sent each other; the rows are locked.

    ``recorded``: the feed of changes, if it is on, gets what the owner cancels and declines.
    """
    key, their_key = (owner, other), (other, owner)
    for ended in ("mine", "theirs"):
        before = Pair(locked.rows[key].pair.mine, locked.rows[their_key].pair.mine)
        side: Side = replace(getattr(before, ended), requests=None)
        after = replace(before, **{ended: side})
        if after == before:
            continue
        _put(locked, key, before, after)
        _put(locked, their_key, swapped(before), swapped(after))
        made = change(owner, other, before, after)
        if recorded and locked.is_recorded and made is not None:
            locked.records.append(record(made))


def _put(locked: Locked, key: Key, before: Pair, after: Pair) -> None:
    """Record a change of a row, and what it does to the counts of the row's owner."""
    row, owner = locked.rows[key], key[0]
    row.pair, row.changed = after, True
    row.unfollowed |= after.mine.follows is None
    made = effect(before, after)
    if after.mine.requests is not None and after.mine.requests != before.mine.requests:
        tally = locked.tallies[owner]
        tally.requests = max(tally.requests, after.mine.requests)
        tally.newest, tally.changed = max(tally.newest, tally.requests), True
    if made.version or made.private_version:
        tally = locked.tallies[owner]
        tally.following += made.following
        tally.whisper += made.whisper
        tally.black += made.black
        locked.count_members(owner, made.memberships)
        tally.version += made.version
        tally.public_version += made.public_version
        tally.private_version += made.private_version
        tally.follows = max(tally.follows, after.mine.follows.sort_key if after.mine.follows else 0)
        tally.blocks = max(tally.blocks, after.mine.blocks or 0)
        tally.newest = max(tally.newest, tally.follows, tally.blocks)
        tally.changed = True
    if made.follower_version:
        locked.followers[owner].follower += made.follower
        locked.followers[owner].version += 1
        locked.followers[owner].public_version += made.public_follower_version


_VISITED = """
UPDATE relation SET visits = coalesce(visits, 0) + $3
WHERE owner = $1 AND other = $2 AND follows IS NOT NULL
"""


async def add_visits(connection: Connection, counted: Mapping[Key, int]) -> None:
    """Add numbers of visits, by (owner, target), within the caller's transaction.

    Visits of accounts not followed are ignored.
    """
    ordered = sorted(counted, key=lock_order)
    if await citus.distributes(connection):  # pragma: no cover - needs a Citus cluster
        shards = await citus.shards(connection, {owner for owner, _ in counted})
        ordered.sort(key=lambda key: shards[key[0]])
    visits = [(*key, counted[key]) for key in ordered]
    await send_many(connection, _VISITED, visits)
