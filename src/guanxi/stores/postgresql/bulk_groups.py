"""The groups of an import: creating those that it names, and counting their members.

Within the import's transaction, on its temporary tables.
"""

from __future__ import annotations

from collections.abc import Mapping

from guanxi.graph.pair import DEFAULT
from guanxi.stores.group_ids import COUNT, LOWEST
from guanxi.stores.lines import group_name
from guanxi.stores.port import StoreError
from guanxi.stores.postgresql.connections import Connection

_GIVEN = """
CREATE TEMP TABLE given (owner bigint, id bigint, name text, at bigint) ON COMMIT DROP
"""
# The groups of the owners that get new ones: the stored and the new.
_OWN = """
CREATE TEMP TABLE own (
    owner bigint, id bigint, name text, made bigint, is_stored boolean,
    UNIQUE (owner, id), UNIQUE (owner, name)
) ON COMMIT DROP
"""
_STORED_GROUPS = """
INSERT INTO own
SELECT owner, id, name, made, true FROM (
    SELECT owner FROM given UNION SELECT source FROM staged_group JOIN staged USING (line) OFFSET 0
) AS named JOIN grp USING (owner)
"""
_DROP_EXISTING = (
    "DELETE FROM given USING own WHERE own.owner = given.owner AND own.name = given.name"
)
_CONFLICTING = """
SELECT owner, id, name FROM given WHERE id <= 0
OR EXISTS (SELECT 1 FROM own WHERE own.owner = given.owner AND own.id = given.id)
OR EXISTS (
    SELECT 1 FROM given AS earlier
    WHERE earlier.owner = given.owner AND earlier.id = given.id AND earlier.at < given.at
)
ORDER BY at LIMIT 1
"""
_ADD_GIVEN = """
INSERT INTO own
SELECT owner, id, name, row_number() OVER (PARTITION BY owner ORDER BY at)
    + coalesce((SELECT max(made) FROM own WHERE own.owner = given.owner), 0), false
FROM given
ON CONFLICT DO NOTHING
"""
_INSERT_GROUPS = """
INSERT INTO grp (owner, id, name, made)
SELECT owner, id, name, made FROM own WHERE NOT is_stored ORDER BY owner, made
"""
_DRAW_IDS = f"""
INSERT INTO given (owner, name, at, id)
SELECT owner, name, row_number() OVER (ORDER BY line, at), {LOWEST} + floor(random() * {COUNT})
FROM (
    SELECT DISTINCT ON (source, name) source AS owner, name, line, at
    FROM staged_group JOIN staged USING (line) ORDER BY source, name, line, at
) AS named
WHERE NOT EXISTS (SELECT 1 FROM own WHERE own.owner = named.owner AND own.name = named.name)
"""


_KNOWN = "SELECT mid FROM account WHERE mid = ANY($1)"


async def create_groups(db: Connection, given: Mapping[tuple[int, str], int]) -> None:
    """Create the given groups with their ids, and the others that edges name with random ids.

    ``given`` has ids by (owner, name); existing names are skipped. Raise ``StoreError`` for an
    unknown owner, an invalid name, and an id that is invalid or in use. Creates the temporary table
    ``own``: all groups, old and new, of the owners named in ``given`` or in edges with groups.
    """
    records = []
    owners = {owner for owner, _ in given}
    known = {mid for (mid,) in await db.fetch(_KNOWN, owners)}
    for at, ((owner, name), group) in enumerate(given.items()):
        if group_name(name) != name or owner not in known:
            raise _refused(owner, group, name)
        records.append((owner, group, name, at))
    await db.execute(_GIVEN)
    await db.copy_records_to_table("given", records=records)
    await db.execute(_OWN)
    await db.execute(_STORED_GROUPS)
    await db.execute(_DROP_EXISTING)
    conflicting = await db.fetchrow(_CONFLICTING)
    if conflicting is not None:
        raise _refused(*conflicting)
    await db.execute(_ADD_GIVEN)
    # An id in use is drawn again.
    await db.execute("TRUNCATE given")
    while await db.execute(_DRAW_IDS) != "INSERT 0 0":
        await db.execute(_ADD_GIVEN)
        await db.execute("TRUNCATE given")
    await db.execute(_INSERT_GROUPS)


def _refused(owner: int, group: int, name: str) -> StoreError:
    return StoreError(f"account {owner} cannot have group {group} named {name!r}")


_REGROUPED = f"""
CREATE TEMP TABLE regrouped ON COMMIT DROP AS
SELECT owner, id, sum(many) AS members FROM (
    SELECT owner, unnest(extras.groups || {DEFAULT}::bigint) AS id, 1 AS many
    FROM ends JOIN extras USING (line) WHERE extras.groups IS NOT NULL
    UNION ALL
    SELECT owner, unnest(held.groups || {DEFAULT}::bigint), -1
    FROM ends AS new JOIN stored AS held USING (owner, other)
    WHERE held.groups IS NOT NULL AND new.follows IS NOT NULL
) AS changed
GROUP BY owner, id
"""
_COUNT_MEMBERS = """
INSERT INTO grp AS held (owner, id, name, made, members)
SELECT owner, id, name, made, changed.members
FROM (SELECT owner, id, members FROM regrouped OFFSET 0) AS changed JOIN grp USING (owner, id)
ON CONFLICT (owner, id) DO UPDATE SET members = held.members + excluded.members
"""


async def count_members(db: Connection) -> None:
    """Add to the counts of the groups whose members the import changes.

    Creates the temporary table ``regrouped``: by owner and group what is added, where group 0
    means the followings in any group. Expects ``ends``, ``extras`` and ``stored``.
    """
    await db.execute(_REGROUPED)
    await db.execute("ANALYZE regrouped")
    await db.execute(_COUNT_MEMBERS)
