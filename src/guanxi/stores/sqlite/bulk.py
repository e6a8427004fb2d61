"""Many edges at once: the import.

Edges are staged in temporary tables, checked there and against the store, and written sorted, list
after list, in one transaction: a process that is killed leaves the old store. What an import keeps
in memory is one number for each of its accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter
from secrets import randbelow

import apsw

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.graph.pair import SPECIAL, sort_key_of_mtime
from guanxi.stores.lines import CHUNK, FINEST, first_unfit, group_name, group_names, has_more
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
#: SQLite sorts in runs of this size. One that the processor's own cache holds is sorted in half the
#: time; what is written comes sorted, and wants no more.
_CACHE_KIB = 2 * 1024

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
    upward INTEGER AS (follower < followed),
    CHECK (follower <> followed)
) STRICT;
CREATE TEMP TABLE staged_group (
    line INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (line, name)
) WITHOUT ROWID;
CREATE TEMP TABLE staged_contract (
    line INTEGER PRIMARY KEY, ts INTEGER NOT NULL, user_attr INTEGER NOT NULL
);
CREATE TEMP TABLE staged_visit (line INTEGER PRIMARY KEY, visits INTEGER NOT NULL);
CREATE TEMP TABLE touched (mid INTEGER PRIMARY KEY);
"""
# Lines count from 1, as SQLite numbers rows. The work on each edge is left to C as far as it goes.
_STAGED = f"""
INSERT INTO staged (kind, follower, followed, place, flags) VALUES (
    CASE ?1 WHEN 'follow' THEN {FOLLOW} WHEN 'whisper' THEN {WHISPER} WHEN 'block' THEN {BLOCK} END,
    ?2, ?3,
    CASE WHEN ?5 BETWEEN 0 AND {FINEST} THEN ?4 * {sort_key_of_mtime(1)} + ?5 END,
    ?6 * {SPECIAL_BIT}
)
"""
_FIELDS = attrgetter("kind", "follower", "followed", "time", "finer", "special")
# Nearly every edge is a follow and nothing besides; of those many go in by one statement.
_PLAIN = ("follow", False, 0, (), None, 0)
_REST = attrgetter("kind", "special", "finer", "groups", "contract", "visits")
_PLAIN_FIELDS = attrgetter("follower", "followed", "time")
_PLAIN_ROWS = 50
_PLAIN_STAGED = "INSERT INTO staged (kind, follower, followed, place, flags) VALUES " + ", ".join(
    [f"({FOLLOW}, ?, ?, ? * {sort_key_of_mtime(1)}, 0)"] * _PLAIN_ROWS
)
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
    db.execute(_STAGE.format(latest=sort_key_of_mtime(now) + FINEST))
    mids: set[int] = set()
    lines, rows = 0, iter(rows)
    db.execute("BEGIN")
    while chunk := list(islice(rows, CHUNK)):
        try:
            _stage_chunk(db, chunk, lines)
        except (apsw.ConstraintError, OverflowError):
            raise first_unfit(chunk, lines, now) from None
        mids.update(map(_FOLLOWER, chunk))
        mids.update(map(_FOLLOWED, chunk))
        lines += len(chunk)
        if progress is not None:
            progress(lines)
    db.executemany("INSERT INTO touched VALUES (?)", ((mid,) for mid in sorted(mids)))
    _agree(db)
    db.execute("COMMIT")


def _stage_chunk(db: apsw.Connection, chunk: Sequence[EdgeRow], lines: int) -> None:
    """Stage edges that stand behind so many lines."""
    if len(chunk) % _PLAIN_ROWS == 0 and all(map(_PLAIN.__eq__, map(_REST, chunk))):
        fields = chain.from_iterable(map(_PLAIN_FIELDS, chunk))
        db.executemany(_PLAIN_STAGED, zip(*[fields] * (3 * _PLAIN_ROWS), strict=True))
        return
    db.executemany(_STAGED, map(_FIELDS, chunk))
    _stage_rest(db, [each for each in enumerate(chunk, lines + 1) if has_more(each[1])])


def _stage_rest(db: apsw.Connection, numbered: Sequence[tuple[int, EdgeRow]]) -> None:
    """Stage groups, contracts and visits, of the edges that have some."""
    for line, row in numbered:
        for name in group_names(line, row):
            db.execute("INSERT INTO staged_group VALUES (?, ?)", (line, name))
        if row.groups:
            db.execute(f"UPDATE staged SET flags = flags | {GROUPED} WHERE line = ?", (line,))
        if row.contract is not None:
            contract = (line, row.contract.ts, row.contract.user_attr)
            db.execute("INSERT INTO staged_contract VALUES (?, ?, ?)", contract)
        if row.visits:
            db.execute("INSERT INTO staged_visit VALUES (?, ?)", (line, row.visits))


# Two lines of one pair agree when they go opposite ways and either both or neither is a block.
_REPEATED = f"""
CREATE TEMP TABLE repeated AS
SELECT low, high, sum(kind = {FOLLOW}) AS follows,
    count(*) = 2 AND sum(upward) = 1 AND sum(kind = {BLOCK}) <> 1 AS agree
FROM staged GROUP BY low, high HAVING count(*) > 1
"""
_CLASH = f"""
SELECT later.line FROM repeated
CROSS JOIN staged AS earlier INDEXED BY staged_pair USING (low, high)
CROSS JOIN staged AS later INDEXED BY staged_pair USING (low, high)
WHERE NOT agree AND earlier.line < later.line AND (
    earlier.follower = later.follower
    OR (earlier.kind = {BLOCK}) <> (later.kind = {BLOCK})
)
ORDER BY later.line LIMIT 1
"""


def _agree(db: apsw.Connection) -> None:
    """Refuse lines that contradict one another; mark the follows that make a mutual."""
    db.execute("CREATE INDEX temp.staged_pair ON staged (low, high, kind, upward)")
    db.execute(_REPEATED)
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
        db.execute(_BESIDE)
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
    AND NOT EXISTS (
        SELECT 1 FROM staged_visit AS new WHERE new.line = staged.line AND NOT EXISTS (
            SELECT 1 FROM visit AS old WHERE old.owner = held.owner AND old.target = held.target
            AND old.visits = new.visits
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
        if group <= 0 or db.execute(taken, (owner, group)).get or group_name(name) != name:
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


_BESIDE = f"""
INSERT OR REPLACE INTO visit (owner, target, visits)
SELECT follower, followed, visits FROM staged_visit JOIN staged USING (line);
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
