"""Writing the edges of another store, as a copy does, into a store that nobody else uses.

They were stored, so they do not contradict one another, and nothing of them is checked. A row of
``relation`` gets what the edges say of each of its sides, so that to write it again changes
nothing. The counts are not kept meanwhile: ``count`` makes them from the rows, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from guanxi.graph.pair import SPECIAL
from guanxi.stores.lines import KINDS
from guanxi.stores.port import EdgeRow, StoreError
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.schema import COUNT_MEMBERS

_Groups: TypeAlias = dict[tuple[int, str], int]

_OWN = "follows, whispers, blocks, groups, contract_ts, contract_attr, visits"
_OTHER = "followed, other_contract_ts, other_contract_attr"
_COPIED = """
CREATE TEMP TABLE copied (
    owner bigint, other bigint, follows bigint, whispers bigint, blocks bigint, groups bigint[],
    contract_ts bigint, contract_attr bigint, visits bigint
) ON COMMIT DROP
"""


def _insert(columns: str, values: str, where: str = "") -> str:
    """Return the SQL that sets columns of the rows of pairs, and creates the missing rows."""
    sets = ", ".join(f"{column} = excluded.{column}" for column in columns.split(", "))
    return (
        f"INSERT INTO relation (owner, other, {columns}) SELECT {values} FROM copied {where}"
        f" ORDER BY 1, 2 ON CONFLICT (owner, other) DO UPDATE SET {sets}"
    )


_SIDES = (
    _insert(_OWN, f"owner, other, {_OWN}"),
    _insert(
        _OTHER,
        "other, owner, follows, contract_ts, contract_attr",
        "WHERE follows IS NOT NULL",
    ),
)
_GROUPS = "SELECT owner, name, id FROM grp WHERE owner = ANY($1)"


async def put_edges(db: Connection, rows: Sequence[EdgeRow]) -> None:
    """Write the edges of another store; ``StoreError`` for a group that its owner does not have.

    Expects the caller's transaction, and that accounts and groups are written before.
    """
    owners = {row.follower for row in rows if row.groups}
    groups: _Groups = {}
    if owners:
        found = await db.fetch(_GROUPS, [*owners])
        groups = {(owner, name): id for owner, name, id in found}
    await db.execute(_COPIED)
    await db.copy_records_to_table("copied", records=_records(rows, groups))
    await db.execute("ANALYZE copied")
    for statement in _SIDES:
        await db.execute(statement)


def _records(rows: Sequence[EdgeRow], groups: _Groups) -> Iterator[tuple[Any, ...]]:
    """Yield the records of the table ``copied``."""
    for row in rows:
        # in the order of the columns: follows, whispers, blocks
        sort_keys = [row.sort_key if row.kind == kind else None for kind in KINDS]
        yield (
            row.follower,
            row.followed,
            *sort_keys,
            _group_ids(row, groups),
            row.contract and row.contract.ts,
            row.contract and row.contract.user_attr,
            row.visits or None,
        )


def _group_ids(row: EdgeRow, groups: _Groups) -> list[int] | None:
    """Return the sorted ids of the groups that hold a following; None for none."""
    ids = [SPECIAL] if row.special else []
    for name in row.groups:
        id = groups.get((row.follower, name))
        if id is None:
            raise StoreError(f"account {row.follower} has no group named {name!r}")
        ids.append(id)
    return sorted(ids) or None


# On Citus each statement runs on every shard for its own rows: no row leaves its shard.
_CLEAR = (
    """
UPDATE tally SET following = 0, whisper = 0, black = 0, special = 0, grouped = 0
WHERE (following, whisper, black, special, grouped) <> (0, 0, 0, 0, 0)
""",
    "UPDATE follower_tally SET follower = 0 WHERE follower <> 0",
    "UPDATE grp SET members = 0 WHERE members <> 0",
)
_COUNT = f"""
INSERT INTO tally AS held (
    mid, following, whisper, black, special, grouped, version, public_version, private_version,
    newest
)
SELECT owner, count(follows), count(whispers), count(blocks),
    count(*) FILTER (WHERE {SPECIAL} = ANY(groups)), count(groups), 1, 1, 1,
    coalesce(max(greatest(follows, whispers, blocks, requests)), 0)
FROM relation GROUP BY owner
ON CONFLICT (mid) DO UPDATE SET
    following = excluded.following, whisper = excluded.whisper, black = excluded.black,
    special = excluded.special, grouped = excluded.grouped,
    version = held.version + 1, public_version = held.public_version + 1,
    private_version = held.private_version + 1, newest = greatest(held.newest, excluded.newest)
"""
_COUNT_FOLLOWERS = """
INSERT INTO follower_tally AS held (mid, slot, follower, version, public_version)
SELECT owner, 0, count(followed), 1, 1 FROM relation WHERE followed IS NOT NULL GROUP BY owner
ON CONFLICT (mid, slot) DO UPDATE SET
    follower = excluded.follower, version = held.version + 1,
    public_version = held.public_version + 1
"""


async def count(db: Connection) -> int:
    """Count the relations of all accounts and the members of all groups anew, from the rows.

    Return the number of accounts with relations. Expects the caller's transaction.
    """
    for statement in _CLEAR:
        await db.execute(statement)
    counted = await db.execute(_COUNT)
    for statement in (_COUNT_FOLLOWERS, COUNT_MEMBERS):
        await db.execute(statement)
    return int(counted.rpartition(" ")[2])
