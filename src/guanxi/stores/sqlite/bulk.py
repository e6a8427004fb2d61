"""Importing many edges.

Edges are staged in temporary tables, outside of the store, and checked against one another and
against the store. Into a store without edges they are written in one transaction, sorted as the
lists are, which is several times faster; ``slices`` writes them into any other. Memory holds one
chunk of edges, and one number for each account that the edges name.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import attrgetter, lt

import apsw

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.graph.pair import SPECIAL, sort_key_of_mtime
from guanxi.stores.group_ids import new_group_id
from guanxi.stores.lines import (
    CHUNK,
    CONTRADICTION,
    ERASED_ACCOUNT,
    MAX_FINER,
    OTHER_TIME,
    REPEATED,
    UNKNOWN_ACCOUNT,
    first_invalid,
    group_name,
    group_names,
    has_extras,
)
from guanxi.stores.port import (
    BadLine,
    EdgeRow,
    Imported,
    OnContradiction,
    OnOtherTime,
    PlainFollow,
    PlainFollows,
    StoreError,
)
from guanxi.stores.port.rows import plain_edge
from guanxi.stores.sqlite.cards import account, put, put_plain
from guanxi.stores.sqlite.erased import ANY as ANY_ERASED
from guanxi.stores.sqlite.erased import erased_of, is_erased
from guanxi.stores.sqlite.opening import snapshot
from guanxi.stores.sqlite.requests import END_CONTRADICTED
from guanxi.stores.sqlite.schema import (
    COUNT_MEMBERS,
    GROUPED,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)

FOLLOW, WHISPER, BLOCK = 0, 1, 2
#: SQLite sorts chunks of this size. A chunk that fits into the processor's cache is sorted in half
#: the time; the writes are in key order and need no larger cache.
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
    line INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (line, name)
) WITHOUT ROWID;
CREATE TEMP TABLE staged_contract (
    line INTEGER PRIMARY KEY, ts INTEGER NOT NULL, user_attr INTEGER NOT NULL
);
CREATE TEMP TABLE staged_visit (line INTEGER PRIMARY KEY, visits INTEGER NOT NULL);
CREATE TEMP TABLE touched (mid INTEGER PRIMARY KEY);
"""
# Line numbers start at 1, like SQLite's row ids. SQL does as much of the work per edge as it can.
_INSERT_EDGE = f"""
INSERT INTO staged (kind, follower, followed, place, flags) VALUES (
    CASE ?1 WHEN 'follow' THEN {FOLLOW} WHEN 'whisper' THEN {WHISPER} WHEN 'block' THEN {BLOCK} END,
    ?2, ?3,
    CASE WHEN ?5 BETWEEN 0 AND {MAX_FINER} THEN ?4 * {sort_key_of_mtime(1)} + ?5 END,
    ?6 * {SPECIAL_BIT}
)
"""
_FIELDS = attrgetter("kind", "follower", "followed", "time", "finer", "special")
# Nearly every edge is a plain follow; one statement inserts many of those.
_PLAIN = ("follow", False, 0, (), None, 0)
_PLAIN_MARKS = attrgetter("kind", "special", "finer", "groups", "contract", "visits")
_PLAIN_FIELDS = attrgetter("follower", "sort_key", "followed")
_PLAIN_ROWS = 50


def _insert_plain(rows: int) -> str:
    marks = ", ".join([f"({FOLLOW}, ?, ?, ?, 0)"] * rows)
    return f"INSERT INTO staged (kind, follower, place, followed, flags) VALUES {marks}"


_INSERT_PLAIN, _INSERT_ONE = _insert_plain(_PLAIN_ROWS), _insert_plain(1)
_FOLLOWER, _FOLLOWED = attrgetter("follower"), attrgetter("followed")


def stage(
    db: apsw.Connection,
    rows: Iterable[EdgeRow],
    now: int,
    progress: Callable[[int], None] | None,
) -> bool:
    """Write the edges into new temporary tables; check each alone, and all against one another.

    Return whether the edges are known to be in the order of ``following``.

    No edge may be later than ``now`` (seconds since the Unix epoch). ``progress`` is called with
    the number of edges read so far. Raise ``BadLine``, with a line number from 1, for an invalid
    edge. Expects no open transaction. The function commits its own; after an error, that is still
    open.
    """
    db.pragma("cache_size", -_CACHE_KIB)
    db.execute(_STAGE.format(latest=sort_key_of_mtime(now) + MAX_FINER))
    mids: set[int] = set()
    lines, last, is_sorted = 0, (0, 0, 0), True
    db.execute("BEGIN")
    for edges, follows in _chunks(rows):
        try:
            if follows:
                fields = [*chain.from_iterable(follows)]
                _stage_plain(db, fields)
                mids.update(fields[0::3], fields[2::3])
                is_sorted = is_sorted and last < follows[0] and all(map(lt, follows, follows[1:]))
                last = follows[-1]
            else:
                _stage_edges(db, edges, lines)
                mids.update(map(_FOLLOWER, edges), map(_FOLLOWED, edges))
                is_sorted = False
        except (apsw.ConstraintError, OverflowError):
            raise first_invalid(edges or map(plain_edge, follows), lines, now) from None
        lines += len(edges) or len(follows)
        if progress is not None:
            progress(lines)
    db.executemany("INSERT INTO touched VALUES (?)", ((mid,) for mid in sorted(mids)))
    _check_staged(db)
    db.execute("COMMIT")
    return is_sorted


def _chunks(
    rows: Iterable[EdgeRow],
) -> Iterator[tuple[Sequence[EdgeRow], Sequence[PlainFollow]]]:
    """Yield chunks of edges: as plain follows if all are, otherwise as edges."""
    if isinstance(rows, PlainFollows):
        yield from (((), follows) for follows in rows.chunks if follows)
        return
    rest = iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        if all(map(_PLAIN.__eq__, map(_PLAIN_MARKS, chunk))):
            yield (), [*map(_PLAIN_FIELDS, chunk)]
        else:
            yield chunk, ()


def _stage_plain(db: apsw.Connection, fields: Sequence[int]) -> None:
    """Insert plain follows, three fields each, into the temporary table.

    Raise ``apsw.ConstraintError`` or ``OverflowError`` if one is invalid.
    """
    step = 3 * _PLAIN_ROWS
    whole = len(fields) // step * step
    db.executemany(_INSERT_PLAIN, zip(*[iter(fields[:whole])] * step, strict=True))
    db.executemany(_INSERT_ONE, zip(*[iter(fields[whole:])] * 3, strict=True))


def _stage_edges(db: apsw.Connection, chunk: Sequence[EdgeRow], lines: int) -> None:
    """Insert edges that are preceded by ``lines`` others into the temporary tables.

    Raise ``BadLine`` for groups, a contract or visits that are invalid or belong to no follow,
    ``apsw.ConstraintError`` or ``OverflowError`` for an edge that is otherwise invalid.
    """
    db.executemany(_INSERT_EDGE, map(_FIELDS, chunk))
    _stage_extras(db, [(line, row) for line, row in enumerate(chunk, lines + 1) if has_extras(row)])


def _stage_extras(db: apsw.Connection, numbered: Sequence[tuple[int, EdgeRow]]) -> None:
    """Insert the groups, contracts and visits of edges into the temporary tables.

    ``numbered`` gives each edge that has some, with its line. Raise ``BadLine`` for an edge that is
    not a follow, and for invalid visits or group names.
    """
    for line, row in numbered:
        for at, name in enumerate(group_names(line, row)):
            db.execute("INSERT INTO staged_group VALUES (?, ?, ?)", (line, name, at))
        if row.groups:
            db.execute(f"UPDATE staged SET flags = flags | {GROUPED} WHERE line = ?", (line,))
        if row.contract is not None:
            contract = (line, row.contract.ts, row.contract.user_attr)
            db.execute("INSERT INTO staged_contract VALUES (?, ?, ?)", contract)
        if row.visits:
            db.execute("INSERT INTO staged_visit VALUES (?, ?)", (line, row.visits))


# The pairs of several lines: sorted once, with as few columns as possible, without an index. Two
# lines of one pair are compatible if their directions differ and both or neither is a block.
_REPEATED = f"""
CREATE TEMP TABLE repeated AS
SELECT pair.low, pair.high, first, last, one.kind = {FOLLOW} AND two.kind = {FOLLOW} AS mutual,
    lines = 2 AND one.upward <> two.upward AND (one.kind = {BLOCK}) = (two.kind = {BLOCK})
    AS compatible
FROM (
    SELECT low, high, count(*) AS lines, min(line) AS first, max(line) AS last
    FROM staged GROUP BY low, high HAVING count(*) > 1
) AS pair
CROSS JOIN staged AS one ON one.line = first
CROSS JOIN staged AS two ON two.line = last
"""
_ANY_CONFLICT = "SELECT EXISTS (SELECT 1 FROM repeated WHERE NOT compatible)"
_CONFLICT = f"""
SELECT later.line FROM repeated
CROSS JOIN staged AS earlier INDEXED BY staged_pair USING (low, high)
CROSS JOIN staged AS later INDEXED BY staged_pair USING (low, high)
WHERE NOT compatible AND earlier.line < later.line AND (
    earlier.follower = later.follower
    OR (earlier.kind = {BLOCK}) <> (later.kind = {BLOCK})
)
ORDER BY later.line LIMIT 1
"""


def _check_staged(db: apsw.Connection) -> None:
    """Raise ``BadLine`` for the first line that repeats or contradicts an earlier one.

    Otherwise flag mutual follows. Leaves the temporary table ``repeated``.
    """
    db.execute(_REPEATED)
    if db.execute(_ANY_CONFLICT).get:
        index_pairs(db)
        raise BadLine(db.execute(_CONFLICT).get, REPEATED)
    db.execute(
        f"""
        UPDATE staged SET flags = flags | {MUTUAL} WHERE line IN (
            SELECT first FROM repeated WHERE mutual UNION ALL SELECT last FROM repeated WHERE mutual
        )
        """
    )


def index_pairs(db: apsw.Connection) -> None:
    """Index the staged edges by pair, if they are not indexed yet."""
    db.execute("CREATE INDEX IF NOT EXISTS temp.staged_pair ON staged (low, high, kind, upward)")


def check(
    db: apsw.Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    *,
    strict: bool,
    on_contradiction: OnContradiction,
    on_other_time: OnOtherTime,
) -> None:
    """Check the staged edges and the groups against a snapshot of the store.

    The arguments are those of the port's ``import_edges``, and so are the errors: ``BadLine`` and
    ``StoreError``.
    """
    with snapshot(db):
        check_erased(db, accounts)
        if strict:
            _check_accounts(db, accounts)
        if on_contradiction == "refuse":
            _check_against_store(db)
        if on_other_time == "refuse":
            line = db.execute(_OTHER_TIME).get
            if line is not None:
                raise BadLine(line, OTHER_TIME)
        _check_groups(db, accounts, groups)


def write(
    db: apsw.Connection,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    *,
    is_sorted: bool,
) -> Imported:
    """Write the staged edges into a store without edges; return the counts: all are new.

    ``is_sorted`` is what ``stage`` returned.

    ``accounts`` are created or replaced; other unknown accounts get a card with only a name.
    ``groups`` gives ids by owner and name: those groups are created too, but a name that exists
    keeps its id; other new groups get a random one. The caller holds the transaction, and must roll
    it back on ``StoreError`` (a group's id or name in ``groups`` cannot be used) and on ``BadLine``
    (an account was erased since the check).
    """
    check_erased(db, accounts)
    put(
        db,
        (
            (Account(mid=mid, state=state, privacy=privacy), card)
            for mid, (card, privacy, state) in accounts.items()
        ),
    )
    db.execute(
        "CREATE TEMP TABLE unknown AS"
        " SELECT mid FROM touched WHERE mid NOT IN (SELECT mid FROM account)"
    )
    put_plain(db)
    create_groups(db, groups)
    new_groups(db, "staged")
    new = int(db.execute("SELECT count(*) FROM staged").get)
    if new:
        _write_lists(db, is_sorted=is_sorted)
        db.execute(_WRITE_EXTRAS)
        db.execute(_UPDATE_TALLIES + COUNT_MEMBERS + END_CONTRADICTED)
    return Imported(new=new)


_OF_ERASED = """
SELECT min(line) FROM staged
WHERE follower IN (SELECT mid FROM erasure) OR followed IN (SELECT mid FROM erasure)
"""


def check_erased(db: apsw.Connection, accounts: Mapping[int, tuple[Card, Privacy, State]]) -> None:
    """Raise ``BadLine`` for the first line that names an account whose erasure began.

    Raise ``StoreError`` if ``accounts`` has one.
    """
    line = db.execute(_OF_ERASED).get if db.execute(ANY_ERASED).get else None
    if line is not None:
        raise BadLine(line, ERASED_ACCOUNT)
    check_accounts_erased(db, accounts)


def check_accounts_erased(
    db: apsw.Connection, accounts: Mapping[int, tuple[Card, Privacy, State]]
) -> None:
    """Raise ``StoreError`` if the erasure of one of ``accounts`` began."""
    erased = erased_of(db, accounts)
    if erased:
        raise StoreError(ERASED_ACCOUNT)


_UNKNOWN = """
SELECT line, follower, followed FROM staged
WHERE follower NOT IN (SELECT mid FROM account) OR followed NOT IN (SELECT mid FROM account)
ORDER BY line
"""


def _check_accounts(db: apsw.Connection, accounts: Container[int]) -> None:
    """Raise ``BadLine`` for the first line that names an account not stored nor in ``accounts``."""
    for line, follower, followed in db.execute(_UNKNOWN):
        for mid in (follower, followed):
            if mid not in accounts and account(db, mid) is None:
                raise BadLine(line, UNKNOWN_ACCOUNT)


# Each finds the first line that contradicts a stored block, a stored whisper or a stored following.
_STORE_CONFLICTS = (
    f"""
    SELECT line FROM block AS edge
    JOIN staged ON low = min(edge.owner, edge.target) AND high = max(edge.owner, edge.target)
    WHERE kind <> {BLOCK} ORDER BY line LIMIT 1
    """,
    f"""
    SELECT line FROM whisper AS edge
    JOIN staged ON low = min(edge.owner, edge.target) AND high = max(edge.owner, edge.target)
    WHERE kind = {BLOCK} OR (kind = {FOLLOW} AND follower = edge.owner) ORDER BY line LIMIT 1
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


_ANY_BLOCK_OR_WHISPER = "SELECT EXISTS (SELECT 1 FROM block) OR EXISTS (SELECT 1 FROM whisper)"


def _stored_time(kind: int, table: str) -> str:
    """Return the SQL that is true if the edge of a staged row has another time in a table."""
    return (
        f"kind = {kind} AND EXISTS (SELECT 1 FROM {table} AS edge WHERE owner = follower"
        " AND target = followed AND edge.place <> staged.place)"
    )


_OTHER_TIME = f"""
SELECT min(line) FROM staged WHERE {_stored_time(FOLLOW, "following")}
    OR {_stored_time(WHISPER, "whisper")} OR {_stored_time(BLOCK, "block")}
"""


def _check_against_store(db: apsw.Connection) -> None:
    """Raise ``BadLine`` for a staged line that contradicts a relation in the store."""
    if db.execute(_ANY_BLOCK_OR_WHISPER).get:
        index_pairs(db)
    for statement in _STORE_CONFLICTS:
        line = db.execute(statement).get
        if line is not None:
            raise BadLine(line, CONTRADICTION)


_ANY_STORED = """
SELECT EXISTS (SELECT 1 FROM following) OR EXISTS (SELECT 1 FROM whisper)
    OR EXISTS (SELECT 1 FROM block)
"""


def any_stored(db: apsw.Connection) -> bool:
    """Return whether the store has a following, whisper or block."""
    return bool(db.execute(_ANY_STORED).get)


_INSERT_GROUP = """
INSERT INTO grp (owner, id, name, made)
VALUES (?1, ?2, ?3, (SELECT ifnull(max(made), 0) + 1 FROM grp WHERE owner = ?1))
"""
_GROUP_IDS = "SELECT id FROM grp WHERE owner = ?"
_ID_OF_NAME = "SELECT id FROM grp WHERE owner = ? AND name = ?"
_ID_USED = "SELECT EXISTS (SELECT 1 FROM grp WHERE owner = ? AND id = ?)"
_TOUCHED = "SELECT EXISTS (SELECT 1 FROM touched WHERE mid = ?)"


def _check_groups(
    db: apsw.Connection, accounts: Container[int], groups: Mapping[tuple[int, str], int]
) -> None:
    """Raise ``StoreError`` for the first of ``groups`` that cannot be created.

    Its owner is not stored, nor in ``accounts``, nor named by an edge; its name is invalid; or its
    id is not positive, in use, or that of an earlier one.
    """
    used: set[tuple[int, int]] = set()
    for (owner, name), group in groups.items():
        if db.execute(_ID_OF_NAME, (owner, name)).get is not None:
            continue
        if (
            group <= 0
            or (owner, group) in used
            or db.execute(_ID_USED, (owner, group)).get
            or group_name(name) != name
            or not (owner in accounts or db.execute(_TOUCHED, (owner,)).get or account(db, owner))
        ):
            raise _refused(owner, group, name)
        used.add((owner, group))


def _refused(owner: int, group: int, name: str) -> StoreError:
    return StoreError(
        f"account {owner} cannot have group {group} named {name!r}: the account is unknown,"
        " the id is already used or not positive, or the name is invalid"
    )


def create_groups(db: apsw.Connection, groups: Mapping[tuple[int, str], int]) -> None:
    """Create the groups of ``groups`` (ids by owner and name) whose names the owner does not use.

    ``check`` has checked them; those of an owner that was erased since are left out. Raise
    ``StoreError`` if an id was used since.
    """
    for (owner, name), group in groups.items():
        if db.execute(_ID_OF_NAME, (owner, name)).get is not None or is_erased(db, owner):
            continue
        if db.execute(_ID_USED, (owner, group)).get:
            raise _refused(owner, group, name)
        db.execute(_INSERT_GROUP, (owner, group, name))


def new_groups(db: apsw.Connection, table: str) -> None:
    """Create the groups that the edges in ``table`` name and their owners lack, with random ids."""
    # ``at`` is of the row that has the least line.
    lacking = f"""
        SELECT follower, name, min(line), at FROM {table} CROSS JOIN staged_group USING (line)
        WHERE NOT EXISTS (SELECT 1 FROM grp WHERE owner = follower AND grp.name = staged_group.name)
        GROUP BY follower, name ORDER BY min(line), at
    """
    if not db.execute("SELECT EXISTS (SELECT 1 FROM staged_group)").get:
        return
    for owner, name, _, _ in list(db.execute(lacking)):
        group = new_group_id({id for (id,) in db.execute(_GROUP_IDS, (owner,))})
        db.execute(_INSERT_GROUP, (owner, group, name))


# Sorted by primary key, so that each page of a table is written once, and full.
_INSERT_FOLLOWING = f"""
INSERT INTO following (owner, place, target, flags)
SELECT follower, place, followed, flags FROM staged WHERE kind = {FOLLOW}
"""
_INSERT_REST = f"""
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


def _write_lists(db: apsw.Connection, *, is_sorted: bool) -> None:
    """Insert the staged edges into the empty tables of lists and group members.

    The index of followings by target is rebuilt afterwards, so that its pages are full.
    """
    index = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'following_by_target'").get
    db.execute("DROP INDEX following_by_target")
    db.execute(_INSERT_FOLLOWING + ("ORDER BY line" if is_sorted else "ORDER BY 1, 2, 3"))
    db.execute(_INSERT_REST)
    db.execute(index)


_WRITE_EXTRAS = f"""
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
_UPDATE_TALLIES = """
UPDATE tally SET
    following = (SELECT count(*) FROM following WHERE owner = mid),
    whisper = (SELECT count(*) FROM whisper WHERE owner = mid),
    black = (SELECT count(*) FROM block WHERE owner = mid),
    follower = (SELECT count(*) FROM follower WHERE owner = mid),
    version = version + 1,
    follower_version = follower_version + 1,
    public_version = public_version + 1,
    public_follower_version = public_follower_version + 1,
    private_version = private_version + 1
WHERE mid IN (SELECT mid FROM touched);
"""
