"""Write the rows and counts that acts have changed, within the transaction that locked them."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter

import asyncpg

from guanxi.graph.pair import Edge
from guanxi.stores.postgresql import feed
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.many import KEYS, Insert, array, by_keys
from guanxi.stores.postgresql.pairs import NO_CAP, Key, Locked, Row


def _put_rows(visits: str) -> Insert:
    before = ("owner", "other", "follows", "whispers", "blocks", "followed")
    contracts = ("contract_ts", "contract_attr", "other_contract_ts", "other_contract_attr")
    after = (*contracts, "requests", "requested")
    columns = dict.fromkeys((*before, "groups", *after), "bigint") | {"groups": "bigint[]"}
    changed = ", ".join(f"{name} = excluded.{name}" for name in [*columns][2:])
    then = f"ON CONFLICT (owner, other) DO UPDATE SET {changed}, visits = {visits}"
    return Insert("relation", columns, then)


#: Writes rows whose owner followed the other account all the time, and the others.
_PUT, _PUT_UNFOLLOWED = _put_rows("relation.visits"), _put_rows("NULL")
_PUT_GROUPS = "UPDATE relation SET groups = $2 WHERE owner = $1 AND other = ANY($3)"
_DELETE = f"""
DELETE FROM relation USING {KEYS}
WHERE relation.owner = key.owner AND relation.other = key.other
"""
_COUNTS = ("following", "whisper", "black", "special", "grouped")
_VERSIONS = ("version", "public_version", "private_version")
# Numbers are added, so that only what the rules have read of them must still be so.
_PUT_TALLIES = Insert(
    "tally",
    {"mid": "bigint"}
    | dict.fromkeys(_COUNTS, "integer")
    | dict.fromkeys((*_VERSIONS, "newest"), "bigint"),
    "ON CONFLICT (mid) DO UPDATE SET newest = greatest(tally.newest, excluded.newest), "
    + ", ".join(f"{name} = tally.{name} + excluded.{name}" for name in (*_COUNTS, *_VERSIONS))
    + " WHERE tally.newest < {0}::bigint AND ("
    "excluded.following <= 0 OR tally.following + excluded.following <= {1}::integer"
    ") RETURNING mid",
)
_ANY_SORT_KEY = 2**63 - 1
_PUT_MEMBERS = "UPDATE grp SET members = members + $3 WHERE owner = $1 AND id = $2"
_PUT_FOLLOWERS = Insert(
    "follower_tally",
    {
        "mid": "bigint",
        "slot": "smallint",
        "follower": "bigint",
        "version": "bigint",
        "public_version": "bigint",
    },
    """
ON CONFLICT (mid, slot) DO UPDATE SET
    follower = follower_tally.follower + excluded.follower,
    version = follower_tally.version + excluded.version,
    public_version = follower_tally.public_version + excluded.public_version
""",
)


async def write(connection: Connection, locked: Locked, slot: int) -> None:
    """Write the changed rows and counts of the applied acts, and delete the rows that are empty.

    Then append to the feed of changes: the caller's transaction does nothing after this. ``slot``,
    from 0 to ``SLOTS - 1``, is the slot that follower counts are added to. Raise
    ``SerializationError`` if a tally that is not locked was changed meanwhile, as ``lock`` says.
    """
    written = [
        (key, row)
        for key, row in locked.rows.items()
        if row.changed and not row.empty and row.pair != row.made
    ]
    for put, unfollowed in ((_PUT, False), (_PUT_UNFOLLOWED, True)):
        values = [_columns(key, row) for key, row in written if row.unfollowed is unfollowed]
        await put.run(connection, values)
    if groups := _regrouped(locked):
        await connection.executemany(_PUT_GROUPS, groups)
    emptied = [key for key, row in locked.rows.items() if row.stored and row.empty]
    await by_keys(connection, _DELETE, emptied)
    await _write_tallies(connection, locked)
    members = [(*key, added) for key, added in sorted(locked.members.items()) if added]
    if members:
        await connection.executemany(_PUT_MEMBERS, members)
    followers = [
        (mid, slot, added.follower, added.version, added.public_version)
        for mid, added in sorted(locked.followers.items(), key=itemgetter(0))
    ]
    await _PUT_FOLLOWERS.run(connection, followers)
    if locked.switch is not None and locked.records:
        await feed.put(connection, locked.switch, locked.now, locked.records)


async def _write_tallies(connection: Connection, locked: Locked) -> None:
    changed = sorted((mid, tally) for mid, tally in locked.tallies.items() if tally.changed)
    values = {
        is_locked: [
            (mid, *tally.added, tally.newest) for mid, tally in changed if tally.locked is is_locked
        ]
        for is_locked in (True, False)
    }
    await _PUT_TALLIES.run(connection, values[True], _ANY_SORT_KEY, NO_CAP)
    put = await _PUT_TALLIES.run(connection, values[False], locked.now, locked.cap)
    if len(put) < len(values[False]):
        raise asyncpg.SerializationError("another transaction changed an account's counts")


def _regrouped(locked: Locked) -> list[tuple[int, list[int] | None, list[int]]]:
    """Return the rows of which only groups changed, as (owner, groups, other accounts).

    A group's members usually end in few different sets of groups, so that few statements do.
    """
    others: dict[tuple[int, frozenset[int]], list[int]] = defaultdict(list)
    for (owner, other), row in locked.rows.items():
        edge = row.pair.mine.follows
        if row.regrouped and not row.changed and edge is not None:
            others[owner, edge.groups].append(other)
    return [(owner, sorted(groups) or None, mids) for (owner, groups), mids in others.items()]


def _columns(key: Key, row: Row) -> tuple[object, ...]:
    mine, back = row.pair.mine, row.pair.theirs.follows
    edge = mine.follows
    return (
        *key,
        edge.sort_key if edge else None,
        mine.whispers,
        mine.blocks,
        back.sort_key if back else None,
        array(sorted(edge.groups)) if edge else None,
        *_contract_columns(edge),
        *_contract_columns(back),
        mine.requests,
        row.pair.theirs.requests,
    )


def _contract_columns(edge: Edge | None) -> tuple[int | None, int | None]:
    if edge is None or edge.contract is None:
        return None, None
    return edge.contract.ts, edge.contract.user_attr
