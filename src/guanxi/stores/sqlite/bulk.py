"""Many edges at once: the import.

Edges are staged in temporary tables, checked there and against the store, and written sorted, list
after list, in one transaction: a process that is killed leaves the old store. What an import keeps
in memory is one number for each of its accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from secrets import randbelow

import apsw

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, GroupFacts, PutGroup, decide_group
from guanxi.graph.pair import SPECIAL, place_of_mtime
from guanxi.stores.port import BadLine, EdgeRow, StoreError
from guanxi.stores.sqlite.cards import put, put_plain
from guanxi.stores.sqlite.schema import (
    GROUPED,
    IN_GROUPS,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)

FOLLOW, WHISPER, BLOCK = 0, 1, 2
_KINDS = ("follow", "whisper", "block")
_CHUNK = 10_000
_CACHE_KIB = 256 * 1024

_STAGE = f"""
CREATE TEMP TABLE staged (
    line INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    follower INTEGER NOT NULL CHECK (follower > 0),
    followed INTEGER NOT NULL CHECK (followed > 0),
    place INTEGER NOT NULL CHECK (place BETWEEN 0 AND {{latest}}),
    flags INTEGER NOT NULL CHECK (flags = 0 OR kind = {FOLLOW}),
    low INTEGER AS (min(follower, followed)),
    high INTEGER AS (max(follower, followed)),
    CHECK (follower <> followed)
) STRICT;
CREATE TEMP TABLE staged_group (
    line INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (line, name)
) WITHOUT ROWID;
CREATE TEMP TABLE staged_contract (
    line INTEGER PRIMARY KEY, ts INTEGER NOT NULL, user_attr INTEGER NOT NULL
);
CREATE TEMP TABLE touched (mid INTEGER PRIMARY KEY);
"""
# Lines count from 1, as SQLite numbers rows. The work on each edge is left to C as far as it goes.
_STAGED = f"""
INSERT INTO staged (kind, follower, followed, place, flags) VALUES (
    CASE ?1 WHEN 'follow' THEN {FOLLOW} WHEN 'whisper' THEN {WHISPER} WHEN 'block' THEN {BLOCK} END,
    ?2, ?3, ?4 * {place_of_mtime(1)}, ?5 * {SPECIAL_BIT}
)
"""
_FIELDS = attrgetter("kind", "follower", "followed", "time", "special")
_FOLLOWER, _FOLLOWED = attrgetter("follower"), attrgetter("followed")


def stage(
    db: apsw.Connection,
    rows: Iterable[EdgeRow],
    now: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Put the edges into temporary tables, and see that they agree with one another.

    None may be of a time after ``now``: whatever its account did next would be told to be of that
    time too, as places rise.

    ``BadLine`` names an edge that cannot be, by its position from 1.
    """
    db.pragma("cache_size", -_CACHE_KIB)
    db.execute(_STAGE.format(latest=place_of_mtime(now)))
    mids: set[int] = set()
    lines, rows = 0, iter(rows)
    db.execute("BEGIN")
    while chunk := list(islice(rows, _CHUNK)):
        try:
            db.executemany(_STAGED, map(_FIELDS, chunk))
        except (apsw.ConstraintError, OverflowError):
            raise _first_unfit(chunk, lines, now) from None
        _stage_rest(db, [each for each in enumerate(chunk, lines + 1) if _has_more(each[1])])
        mids.update(map(_FOLLOWER, chunk))
        mids.update(map(_FOLLOWED, chunk))
        lines += len(chunk)
        if progress is not None:
            progress(lines)
    db.executemany("INSERT INTO touched VALUES (?)", ((mid,) for mid in sorted(mids)))
    _agree(db)
    db.execute("COMMIT")


def _first_unfit(chunk: Iterable[EdgeRow], lines: int, now: int) -> BadLine:
    """What is wrong with the first edge that cannot be by itself."""
    for line, row in enumerate(chunk, lines + 1):
        if row.kind not in _KINDS:
            return BadLine(line, f"kind {row.kind!r} is not follow, whisper or block")
        if not (0 < row.follower < 2**63 and 0 < row.followed < 2**63):
            return BadLine(line, "an account is a whole number from 1, below 2^63")
        if row.follower == row.followed:
            return BadLine(line, "an account cannot follow, whisper to or block itself")
        if not 0 <= row.time <= now:
            return BadLine(line, f"time {row.time} is no past second since 1970 (milliseconds?)")
        if row.special and row.kind != "follow":
            return BadLine(line, "only a follow can be special")
    raise AssertionError("the table refused a row that fits")


def _has_more(row: EdgeRow) -> bool:
    return bool(row.groups) or row.contract is not None


def _stage_rest(db: apsw.Connection, numbered: Sequence[tuple[int, EdgeRow]]) -> None:
    """Stage groups and contracts, of the edges that have some."""
    for line, row in numbered:
        if row.kind != "follow":
            raise BadLine(line, "only a follow can be in groups or under contract")
        for name in row.groups:
            cleaned = _cleaned(name)
            if cleaned is None:
                raise BadLine(line, f"{name!r} cannot be the name of a group")
            db.execute("INSERT OR IGNORE INTO staged_group VALUES (?, ?)", (line, cleaned))
        if row.groups:
            db.execute(f"UPDATE staged SET flags = flags | {GROUPED} WHERE line = ?", (line,))
        if row.contract is not None:
            contract = (line, row.contract.ts, row.contract.user_attr)
            db.execute("INSERT INTO staged_contract VALUES (?, ?, ?)", contract)


@lru_cache(maxsize=10_000)
def _cleaned(name: str) -> str | None:
    """A group's name as the rules have it; None where they refuse it."""
    limits = Limits()
    facts = GroupFacts(names={}, name_length=limits.group_name, most_groups=limits.groups)
    change = decide_group(CreateGroup(owner=0, name=name, group=1), facts)
    return change.name if isinstance(change, PutGroup) else None


# Two lines of one pair agree when they go opposite ways and either both or neither is a block.
_CLASH = f"""
SELECT later.line FROM repeated
JOIN staged AS earlier INDEXED BY staged_pair USING (low, high)
JOIN staged AS later INDEXED BY staged_pair USING (low, high)
WHERE earlier.line < later.line AND (
    earlier.follower = later.follower
    OR (earlier.kind = {BLOCK}) <> (later.kind = {BLOCK})
)
ORDER BY later.line LIMIT 1
"""


def _agree(db: apsw.Connection) -> None:
    """Refuse lines that contradict one another; mark the follows that make a mutual."""
    db.execute("CREATE INDEX temp.staged_pair ON staged (low, high, kind)")
    db.execute(
        f"""
        CREATE TEMP TABLE repeated AS
        SELECT low, high, sum(kind = {FOLLOW}) AS follows FROM staged
        GROUP BY low, high HAVING count(*) > 1
        """
    )
    line = db.execute(_CLASH).get
    if line is not None:
        raise BadLine(line, "an earlier line says otherwise of this pair, or the same")
    db.execute(
        f"""
        UPDATE staged SET flags = flags | {MUTUAL} FROM repeated
        WHERE follows = 2 AND staged.low = repeated.low AND staged.high = repeated.high
        """
    )


def write(
    db: apsw.Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    *,
    strict: bool,
) -> int:
    """Write what is staged, within a transaction that the caller holds; how many edges changed."""
    put(
        db,
        (
            (Account(mid=mid, state=state, privacy=privacy), card)
            for mid, (card, privacy, state) in accounts.items()
        ),
    )
    _make_accounts(db, strict=strict)
    _agree_with_store(db)
    _take_standing(db)
    _write_groups(db, groups)
    changed = int(db.execute("SELECT count(*) FROM staged").get)
    if changed:
        _write_lists(db)
        db.execute(_CONTRACTS)
        db.execute(_COUNT)
    return changed


_UNKNOWN = """
SELECT line FROM staged
WHERE follower NOT IN (SELECT mid FROM account) OR followed NOT IN (SELECT mid FROM account)
ORDER BY line LIMIT 1
"""


def _make_accounts(db: apsw.Connection, *, strict: bool) -> None:
    """Make the accounts that the edges name and the store lacks, each with a plain card."""
    db.execute(
        "CREATE TEMP TABLE unknown AS"
        " SELECT mid FROM touched WHERE mid NOT IN (SELECT mid FROM account)"
    )
    if strict and db.execute("SELECT EXISTS (SELECT 1 FROM unknown)").get:
        raise BadLine(db.execute(_UNKNOWN).get, "one of the accounts is unknown")
    put_plain(db)


# A block in the store leaves no room for a following or whisper of that pair; and so on.
_CLASHES = (
    f"""
    SELECT line FROM block AS held
    JOIN staged ON low = min(held.owner, held.target) AND high = max(held.owner, held.target)
    WHERE kind <> {BLOCK} ORDER BY line LIMIT 1
    """,
    f"""
    SELECT line FROM whisper AS held
    JOIN staged ON low = min(held.owner, held.target) AND high = max(held.owner, held.target)
    WHERE kind = {BLOCK} OR (kind = {FOLLOW} AND follower = held.owner) ORDER BY line LIMIT 1
    """,
    f"""
    SELECT line FROM staged WHERE kind <> {FOLLOW} AND (
        EXISTS (SELECT 1 FROM following WHERE owner = follower AND target = followed)
        OR kind = {BLOCK}
        AND EXISTS (SELECT 1 FROM following WHERE owner = followed AND target = follower)
    )
    ORDER BY line LIMIT 1
    """,
)


def _agree_with_store(db: apsw.Connection) -> None:
    for clash in _CLASHES:
        line = db.execute(clash).get
        if line is not None:
            raise BadLine(line, "what stands between the two leaves no room for this")


_STANDING = f"""
CREATE TEMP TABLE standing (
    line INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    target INTEGER NOT NULL,
    place INTEGER NOT NULL,
    same INTEGER NOT NULL
);
INSERT INTO standing
SELECT staged.line, kind, owner, target, held.place,
    held.place = staged.place
    AND held.flags & {IN_GROUPS} = staged.flags & {IN_GROUPS}
    AND (
        held.flags & {GROUPED} = 0
        OR (
            SELECT json_group_array(name ORDER BY name) FROM member
            JOIN grp ON grp.owner = member.owner AND grp.id = member.grp
            WHERE member.owner = held.owner AND member.target = held.target
        ) = (
            SELECT json_group_array(name ORDER BY name) FROM staged_group
            WHERE staged_group.line = staged.line
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM staged_contract AS new WHERE new.line = staged.line AND NOT EXISTS (
            SELECT 1 FROM contract AS old WHERE old.owner = held.owner AND old.target = held.target
            AND old.ts = new.ts AND old.user_attr = new.user_attr
        )
    )
FROM staged JOIN following AS held ON held.owner = follower AND held.target = followed
WHERE kind = {FOLLOW};
INSERT INTO standing
SELECT line, kind, owner, target, held.place, held.place = staged.place
FROM staged JOIN whisper AS held ON held.owner = follower AND held.target = followed
WHERE kind = {WHISPER};
INSERT INTO standing
SELECT line, kind, owner, target, held.place, held.place = staged.place
FROM staged JOIN block AS held ON held.owner = follower AND held.target = followed
WHERE kind = {BLOCK};
"""
# Each goes where it stands otherwise, to be written anew with the rest; its contract and its
# visits stay. Before that: a follow whose other side stands already makes both a mutual.
_TAKE = f"""
DELETE FROM staged WHERE line IN (SELECT line FROM standing WHERE same);
DELETE FROM standing WHERE same;
UPDATE staged SET flags = staged.flags | {MUTUAL} FROM following AS back
WHERE kind = {FOLLOW} AND back.owner = followed AND back.target = follower;
UPDATE follower SET flags = follower.flags | {MUTUAL}
FROM staged JOIN following AS back ON back.owner = followed AND back.target = follower
WHERE kind = {FOLLOW} AND follower.owner = staged.follower AND follower.place = back.place
AND follower.source = staged.followed;
UPDATE following SET flags = following.flags | {MUTUAL} FROM staged
WHERE kind = {FOLLOW} AND owner = followed AND target = follower;
DELETE FROM follower WHERE (owner, place, source) IN (
    SELECT target, place, owner FROM standing WHERE kind = {FOLLOW}
);
DELETE FROM following WHERE (owner, place, target) IN (
    SELECT owner, place, target FROM standing WHERE kind = {FOLLOW}
);
DELETE FROM member WHERE (owner, target) IN (
    SELECT owner, target FROM standing WHERE kind = {FOLLOW}
);
DELETE FROM whisper WHERE (owner, place, target) IN (
    SELECT owner, place, target FROM standing WHERE kind = {WHISPER}
);
DELETE FROM block WHERE (owner, place, target) IN (
    SELECT owner, place, target FROM standing WHERE kind = {BLOCK}
);
"""


_ANY = """
SELECT EXISTS (SELECT 1 FROM following) OR EXISTS (SELECT 1 FROM whisper)
    OR EXISTS (SELECT 1 FROM block)
"""


def _take_standing(db: apsw.Connection) -> None:
    """Leave what stands as staged alone; take away what stands otherwise."""
    if db.execute(_ANY).get:  # most imports meet an empty store
        db.execute(_STANDING)
        db.execute(_TAKE)


_NEW_GROUPS = """
SELECT follower, name FROM staged_group JOIN staged USING (line)
WHERE NOT EXISTS (SELECT 1 FROM grp WHERE owner = follower AND grp.name = staged_group.name)
GROUP BY follower, name ORDER BY min(line)
"""
_MAKE_GROUP = """
INSERT INTO grp (owner, id, name, made)
VALUES (?1, ?2, ?3, (SELECT ifnull(max(made), 0) + 1 FROM grp WHERE owner = ?1))
"""
_GROUP_IDS = 2**31 - 1


def _write_groups(db: apsw.Connection, given: Mapping[tuple[int, str], int]) -> None:
    """Make the groups that are given, and those that the edges name besides."""
    held = "SELECT id FROM grp WHERE owner = ? AND name = ?"
    taken = "SELECT EXISTS (SELECT 1 FROM grp WHERE owner = ? AND id = ?)"
    for (owner, name), group in given.items():
        if db.execute(held, (owner, name)).get is not None:
            continue
        if group <= 0 or db.execute(taken, (owner, group)).get or _cleaned(name) != name:
            raise StoreError(f"account {owner} cannot have group {group} named {name!r}")
        db.execute(_MAKE_GROUP, (owner, group, name))
    for owner, name in list(db.execute(_NEW_GROUPS)):
        group = 1 + randbelow(_GROUP_IDS)
        while db.execute(taken, (owner, group)).get:
            group = 1 + randbelow(_GROUP_IDS)
        db.execute(_MAKE_GROUP, (owner, group, name))


# Sorted as the tables are, so that every page of theirs is written once and full.
_LISTS = f"""
INSERT INTO following (owner, place, target, flags)
SELECT follower, place, followed, flags FROM staged WHERE kind = {FOLLOW} ORDER BY 1, 2, 3;
INSERT INTO follower (owner, place, source, flags)
SELECT followed, place, follower, flags & {MUTUAL} FROM staged WHERE kind = {FOLLOW}
ORDER BY 1, 2, 3;
INSERT INTO whisper (owner, place, target)
SELECT follower, place, followed FROM staged WHERE kind = {WHISPER} ORDER BY 1, 2, 3;
INSERT INTO block (owner, place, target)
SELECT follower, place, followed FROM staged WHERE kind = {BLOCK} ORDER BY 1, 2, 3;
INSERT INTO member (owner, grp, place, target)
SELECT follower, id, place, followed FROM staged_group JOIN staged USING (line)
JOIN grp ON owner = follower AND grp.name = staged_group.name
UNION ALL
SELECT follower, {SPECIAL}, place, followed FROM staged WHERE flags & {SPECIAL_BIT}
ORDER BY 1, 2, 3, 4;
"""


def _write_lists(db: apsw.Connection) -> None:
    """Write the rows; the index of an empty table after them, so that its pages are full too."""
    if db.execute("SELECT EXISTS (SELECT 1 FROM following)").get:
        db.execute(_LISTS)
        return
    index = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'following_by_target'").get
    db.execute("DROP INDEX following_by_target")
    db.execute(_LISTS)
    db.execute(index)


_CONTRACTS = f"""
INSERT OR REPLACE INTO contract (owner, target, ts, user_attr)
SELECT follower, followed, ts, user_attr FROM staged_contract JOIN staged USING (line);
UPDATE following SET flags = flags | {OWNER_CONTRACT} WHERE (owner, place, target) IN (
    SELECT owner, place, target FROM contract CROSS JOIN following USING (owner, target)
);
UPDATE follower SET flags = flags | {ITEM_CONTRACT} WHERE (owner, place, source) IN (
    SELECT target, place, owner FROM contract CROSS JOIN following USING (owner, target)
);
UPDATE following SET flags = flags | {ITEM_CONTRACT} WHERE (owner, place, target) IN (
    SELECT back.owner, back.place, back.target FROM contract CROSS JOIN following AS back
    ON back.owner = contract.target AND back.target = contract.owner
);
UPDATE follower SET flags = flags | {OWNER_CONTRACT} WHERE (owner, place, source) IN (
    SELECT back.target, back.place, back.owner FROM contract CROSS JOIN following AS back
    ON back.owner = contract.target AND back.target = contract.owner
);
"""
_COUNT = """
UPDATE tally SET
    following = (SELECT count(*) FROM following WHERE owner = mid),
    whisper = (SELECT count(*) FROM whisper WHERE owner = mid),
    black = (SELECT count(*) FROM block WHERE owner = mid),
    follower = (SELECT count(*) FROM follower WHERE owner = mid),
    version = version + 1,
    follower_version = follower_version + 1
WHERE mid IN (SELECT mid FROM touched)
"""
