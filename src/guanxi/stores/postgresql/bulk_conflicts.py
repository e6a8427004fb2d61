"""The staged edges of an import that contradict stored ones: found, refused or resolved.

Within the import's transaction, on its temporary tables.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from guanxi.graph.pair import Act, Modify
from guanxi.stores.lines import CONTRADICTION, ERASED_ACCOUNT, OTHER_TIME
from guanxi.stores.port import BadLine, OnContradiction, OnOtherTime, StoreError
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.erased import erased_of
from guanxi.stores.postgresql.pairs import cut, lock
from guanxi.stores.postgresql.rows import write

# Also read on Citus into a local table.
_ERASED = "CREATE TEMP TABLE erased ON COMMIT DROP AS SELECT mid FROM erasure"
_OF_ERASED = """
SELECT min(line) FROM staged
WHERE source IN (SELECT mid FROM erased) OR target IN (SELECT mid FROM erased)
"""


async def refuse_erased(db: Connection, accounts: Collection[int]) -> None:
    """Raise ``BadLine`` for the first line that names an account whose erasure began.

    Raise ``StoreError`` if ``accounts`` has one.
    """
    await db.execute(_ERASED)
    line = await db.fetchval(_OF_ERASED)
    if line is not None:
        raise BadLine(line, ERASED_ACCOUNT)
    if await erased_of(db, accounts):
        raise StoreError(ERASED_ACCOUNT)


# The stored rows of the pairs in the file, before the import, copied into a local table: Citus
# joins its tables with local ones only in a subquery.
_STORED = """
CREATE TEMP TABLE stored ON COMMIT DROP AS
SELECT relation.*
FROM (SELECT owner, other FROM ends OFFSET 0) AS named JOIN relation USING (owner, other)
"""
# A stored block contradicts a following or whisper of its pair, and so on.
_CONTRADICTION = """
SELECT min(staged.line) FROM stored AS held JOIN ends AS new USING (owner, other)
JOIN staged ON (source = owner AND target = other)
    OR (source = other AND target = owner AND (blocked OR held.blocks IS NOT NULL))
WHERE (blocked AND (held.follows IS NOT NULL OR held.whispers IS NOT NULL))
    OR (NOT blocked AND held.blocks IS NOT NULL)
    OR (new.follows IS NOT NULL AND held.whispers IS NOT NULL)
    OR (new.whispers IS NOT NULL AND held.follows IS NOT NULL)
"""


class Conflicting(NamedTuple):
    """How many staged rows were left out, and how many removed stored edges."""

    left_out: int = 0
    removing: int = 0


async def refuse_conflicts(
    db: Connection, on_contradiction: OnContradiction, on_other_time: OnOtherTime
) -> bool:
    """Return whether a staged edge contradicts a stored one.

    Raise ``BadLine`` for the first if ``on_contradiction`` is "refuse", and for the first that is
    stored with another time if ``on_other_time`` is. Creates the temporary table ``stored`` (the
    stored rows of the staged pairs), which lasts until the transaction ends.
    """
    await _read_stored(db)
    if not await db.fetchval("SELECT EXISTS (SELECT 1 FROM stored)"):  # an empty store
        return False
    line = await db.fetchval(_CONTRADICTION)
    if line is not None and on_contradiction == "refuse":
        raise BadLine(line, CONTRADICTION)
    if on_other_time == "refuse":
        other = await db.fetchval(_OTHER_TIME)
        if other is not None:
            raise BadLine(other, OTHER_TIME)
    return line is not None


async def _read_stored(db: Connection) -> None:
    await db.execute(_STORED)
    await db.execute("ANALYZE stored")


async def settle_conflicts(
    db: Connection, on_contradiction: OnContradiction, on_other_time: OnOtherTime
) -> Conflicting:
    """Find the staged edges that contradict stored ones; return how many there were.

    Raise and create ``stored`` as ``refuse_conflicts``. Take the edges that lose out of what is
    staged, and delete from the store those that lose.
    """
    contradicts = await refuse_conflicts(db, on_contradiction, on_other_time)
    if contradicts or on_other_time in _LOSES_BY_TIME:
        return await _resolve(db, _LOSES_BY_TIME.get(on_other_time, "false"))
    return Conflicting()


_STORED_TIME = "CASE kind WHEN 'follow' THEN follows WHEN 'whisper' THEN whispers ELSE blocks END"
_OTHER_TIME = f"""
SELECT min(line) FROM staged JOIN stored ON owner = source AND other = target
WHERE place <> {_STORED_TIME}
"""
#: By the rule for an edge that is stored with another time.
_LOSES_BY_TIME = {"newest": f"place < {_STORED_TIME}", "oldest": f"place > {_STORED_TIME}"}
# The staged rows that lose against a stored edge, which are forgotten. {0}: or by their time.
_LOSING = """
CREATE TEMP TABLE losing ON COMMIT DROP AS
SELECT line, source, target FROM staged JOIN stored ON owner = source AND other = target
WHERE (kind <> 'block' AND blocks IS NOT NULL) OR (kind = 'whisper' AND follows IS NOT NULL) OR {0}
UNION
SELECT line, source, target FROM staged JOIN stored ON owner = target AND other = source
WHERE kind <> 'block' AND blocks IS NOT NULL
"""
_FORGET = (
    """
    UPDATE ends SET follows = NULL, whispers = NULL, blocks = NULL, line = NULL FROM losing
    WHERE owner = source AND other = target
    """,
    """
    UPDATE ends SET followed = NULL, back = NULL FROM losing
    WHERE owner = target AND other = source
    """,
)
# The staged rows that remove stored edges. (If both block each other, the lower source counts.)
_WINNING = """
SELECT kind = 'block' AS both, source, target FROM staged
JOIN stored ON owner = source AND other = target
WHERE (kind = 'follow' AND whispers IS NOT NULL)
    OR (kind = 'block' AND (follows IS NOT NULL OR whispers IS NOT NULL))
UNION
SELECT true, source, target FROM staged JOIN stored ON owner = target AND other = source
WHERE kind = 'block' AND (follows IS NOT NULL OR whispers IS NOT NULL)
ORDER BY source, target
"""
#: How many pairs are removed at once; later than the sort key of every row.
_CUT, _NEVER = 1_000, 2**63 - 1


async def _resolve(db: Connection, loses_by_time: str) -> Conflicting:
    """Unstage the edges that lose, and delete the stored ones that lose, with what depends on them.

    ``loses_by_time`` is the SQL that is true for a staged edge that also loses by its time.
    The tables must be locked. ``stored`` is created again if rows were deleted.
    """
    await db.execute(_LOSING.format(loses_by_time))
    for statement in _FORGET:
        await db.execute(statement)
    left_out = int(await db.fetchval("SELECT count(*) FROM losing"))
    winning = await db.fetch(_WINNING)
    pairs = dict.fromkeys(
        (min(row["source"], row["target"]), max(row["source"], row["target"]))
        for row in winning
        if row["both"]
    )
    single = [(row["source"], row["target"]) for row in winning if not row["both"]]
    acts = [
        Modify(*key, Act.UNFOLLOW)
        for key in (*single, *pairs, *((high, low) for low, high in pairs))
    ]
    for start in range(0, len(acts), _CUT):
        some = acts[start : start + _CUT]
        locked = await lock(db, some, (), _NEVER)
        for act in some:
            cut(locked, act.owner, act.target)
        await write(db, locked, 0)
    if acts:
        await db.execute("DROP TABLE stored")
        await _read_stored(db)
    return Conflicting(left_out, len(single) + len(pairs))
