"""Erasing an account: part by part, each in a transaction of some milliseconds.

As an import's slices, the parts are written on a connection of their own, so that the writes of
this process wait no longer for them than those of others, and the log is kept short. What is
deleted is overwritten in the file's pages (``secure_delete``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from guanxi.graph.feed import erased, without
from guanxi.stores.erasing import (
    CALL_SECONDS,
    MOST_ERASURES,
    PART_SECONDS,
    Progress,
    Stage,
    deregistration,
    progress_of,
    rewritten,
    row_of,
)
from guanxi.stores.feed import body_of, ms_of, record_of
from guanxi.stores.port import Erasure
from guanxi.stores.sqlite import cards, content, feed
from guanxi.stores.sqlite.opening import connect
from guanxi.stores.sqlite.reads import packed
from guanxi.stores.sqlite.schema import CONTRACTS, IN_GROUPS, SPECIAL_BIT
from guanxi.stores.sqlite.slices import Log, make_durable
from guanxi.stores.sqlite.writer import turn
from guanxi.world.mentions import MARKS, WITHOUT

#: The least, first and largest number of pairs, documents or changes of a part.
_LEAST, _FIRST, _LARGEST = 20, 100, 2_000
#: How many rows that are only looked at cost as much as one that is changed.
_LOOKS = 10

_COLUMNS = "mid, begun, stage, position, counts, finished"
_GET = f"SELECT {_COLUMNS} FROM erasure WHERE mid = ?"
_LIST = f"SELECT {_COLUMNS} FROM erasure WHERE mid > ? ORDER BY mid LIMIT {MOST_ERASURES}"
_UNDER_WAY = (
    f"SELECT {_COLUMNS} FROM erasure WHERE finished = 0 AND mid > ?"
    f" ORDER BY mid LIMIT {MOST_ERASURES}"
)
_PUT = f"INSERT OR REPLACE INTO erasure ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"


def erasure(db: apsw.Connection, mid: int) -> Erasure | None:
    """Return the erasure of an account, None if none began."""
    found = _progress(db, mid)
    return None if found is None else found.shown()


def erasures(db: apsw.Connection, after: int = 0, *, under_way: bool = False) -> list[Erasure]:
    """Return erasures of mids above ``after``, by mid: all, or those that are under way."""
    rows = db.execute(_UNDER_WAY if under_way else _LIST, (after,))
    return [progress_of(row).shown() for row in rows]


def put_erasures(db: apsw.Connection, erasures: Sequence[Erasure]) -> None:
    """Store erasures, except those that are stored. The caller commits."""
    db.executemany(_PUT.replace("REPLACE", "IGNORE"), [row_of(each) for each in erasures])


def begin_again(db: apsw.Connection, erased: Mapping[int, int], now: int) -> int:
    """Begin the erasures of another store that this one lacks; return how many these are.

    ``erased`` has by mid when each began, in seconds since the Unix epoch; ``now`` is the current
    time's sort key. An account that does not exist is erased too: other rows may name it, and its
    mid is not used again. The caller commits.
    """
    begun = 0
    for mid, since in sorted(erased.items()):
        if _progress(db, mid) is None:
            progress = _begin(db, mid, now) or Progress(mid, since, Stage.WAITING)
            db.execute(_PUT, progress.row())
            begun += 1
    return begun


def erase(path: Path, mid: int, clock: Callable[[], int]) -> Erasure | None:
    """Begin or continue to erase an account of the store at a path; None if there is none.

    Returns after ``CALL_SECONDS`` or at the end. ``clock`` returns sort keys.
    """
    until = time.monotonic() + CALL_SECONDS
    with closing(connect(path, writes=True)) as db:
        db.pragma("secure_delete", True)
        db.pragma("synchronous", "NORMAL")  # no part holds the lock during a sync
        db.execute(_PART_TABLE)
        log, size = Log(db), _FIRST
        while True:
            with turn(db, path):
                began = time.monotonic()
                progress = _do_part(db, mid, clock(), size)
            size = next_size(size, time.monotonic() - began)
            log.copy(path)
            is_over = progress is None or progress.stage is Stage.FINISHED
            if is_over or time.monotonic() >= until:
                break
        if log.commits:
            log.sync(path)  # others write meanwhile: the lock is held for little more
            make_durable(db, path)
    return None if progress is None else progress.shown()


def next_size(size: int, seconds: float) -> int:
    """Return the size of the next part, after one of ``size`` that lasted ``seconds``."""
    factor = min(2.0, PART_SECONDS / max(seconds, 0.001))
    return max(_LEAST, min(_LARGEST, int(size * factor)))


def _progress(db: apsw.Connection, mid: int) -> Progress | None:
    row = db.execute(_GET, (mid,)).get
    return None if row is None else progress_of(row)


def _do_part(db: apsw.Connection, mid: int, now: int, size: int) -> Progress | None:
    """Do the next part of about ``size`` rows; return how far the erasure is then.

    ``now`` is the current time's sort key. The caller commits.
    """
    progress = _progress(db, mid)
    if progress is None:
        progress = _begin(db, mid, now)
    elif progress.stage is not Stage.FINISHED:
        before = progress.stage
        is_done = _STAGES[before](db, progress, now, size)
        if is_done and progress.stage is before:
            progress.enter(before.next, ms_of(now) // 1_000)
    else:
        return progress
    if progress is not None:
        db.execute(_PUT, progress.row())
    return progress


def _begin(db: apsw.Connection, mid: int, now: int) -> Progress | None:
    """Deregister the account and delete what signs it in; return None if there is no account."""
    account = cards.account(db, mid)
    if account is None:
        return None
    card = cards.cards(db, [mid])[mid]
    after, records = deregistration(account, card)
    cards.put(db, [(after, card)])
    progress = Progress(mid, ms_of(now) // 1_000, Stage.WAITING)
    progress.counts["sessions"] = cards.close_sessions(db, mid)
    db.execute("DELETE FROM sign_in_grant WHERE mid = ?", (mid,))
    progress.counts["grants"] = db.changes()
    feed.append(db, now, *records)
    return progress


def _waited(_db: apsw.Connection, _progress: Progress, _now: int, _size: int) -> bool:
    """Return True: the writers of a file have it one after another, so that none is half done."""
    return True


# --- relations: both ends of a number of pairs at a time ---

_PART_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS part (
    item INTEGER PRIMARY KEY,
    -- The sort keys and flags of what the account follows, and of what follows it.
    there INTEGER, there_flags INTEGER NOT NULL, back INTEGER, back_flags INTEGER NOT NULL,
    -- 1 for each other thing that the account has towards the item, and the item towards it.
    whispers INTEGER NOT NULL, whispered INTEGER NOT NULL,
    blocks INTEGER NOT NULL, blocked INTEGER NOT NULL,
    requests INTEGER NOT NULL, requested INTEGER NOT NULL
)
"""
#: Where the items of the next part are, until none has any.
_ITEMS = (
    "SELECT target FROM following WHERE owner = ? ORDER BY place LIMIT ?",
    "SELECT source FROM follower WHERE owner = ? ORDER BY place LIMIT ?",
    "SELECT target FROM whisper WHERE owner = ? LIMIT ?",
    "SELECT owner FROM whisper WHERE target = ? LIMIT ?",
    "SELECT target FROM block WHERE owner = ? LIMIT ?",
    "SELECT owner FROM block WHERE target = ? LIMIT ?",
    "SELECT target FROM request WHERE owner = ? LIMIT ?",
    "SELECT owner FROM request WHERE target = ? LIMIT ?",
)


def _either(table: str) -> str:
    """Return SQL for whether the account has a row of a table towards the item, and the reverse."""
    return (
        f"EXISTS (SELECT 1 FROM {table} WHERE owner = :mid AND target = item),"
        f" EXISTS (SELECT 1 FROM {table} WHERE owner = item AND target = :mid)"
    )


_FILL = f"""
INSERT INTO part
SELECT item, there.place, ifnull(there.flags, 0), back.place, ifnull(back.flags, 0),
    {_either("whisper")}, {_either("block")}, {_either("request")}
FROM (SELECT value AS item FROM carray(:items)) AS items
LEFT JOIN following AS there ON there.owner = :mid AND there.target = item
LEFT JOIN following AS back ON back.owner = item AND back.target = :mid
"""
#: What an erasure counts of a part, by name.
_COUNTED = {
    "followings": "count(there)",
    "followers": "count(back)",
    "contracts": f"total(there_flags & {CONTRACTS} <> 0)",
    "whispers": "total(whispers)",
    "whispered_to_it": "total(whispered)",
    "blocks": "total(blocks)",
    "blocked_it": "total(blocked)",
    "requests_sent": "total(requests)",
    "requests_received": "total(requested)",
}
_COUNT = f"SELECT {', '.join(_COUNTED.values())} FROM part"
_SIDES = """
SELECT :mid AS owner, item AS target, there AS place, there_flags AS flags FROM part
UNION ALL SELECT item, :mid, back, back_flags FROM part
"""


def _of_pairs(where: str = "") -> str:
    """Return SQL for (owner, target) of both directions of the part's pairs."""
    return f"(owner, target) IN (SELECT owner, target FROM ({_SIDES}) {where})"


# The signs before columns keep SQLite from reading all rows of a table or kind.
# Counts and members first: they are found by the rows that go.
_SEVER = f"""
UPDATE grp SET members = grp.members - gone.members
FROM (
    SELECT member.owner, grp, count(*) AS members
    FROM ({_SIDES}) AS side CROSS JOIN member USING (owner, target)
    WHERE flags & {IN_GROUPS} GROUP BY 1, 2
) AS gone
WHERE grp.owner = gone.owner AND grp.id = gone.grp;
DELETE FROM member WHERE {_of_pairs(f"WHERE flags & {IN_GROUPS}")};
DELETE FROM contract WHERE {_of_pairs(f"WHERE flags & {CONTRACTS}")};
DELETE FROM visit WHERE {_of_pairs("WHERE place IS NOT NULL")};
DELETE FROM follower WHERE (owner, place, source) IN (
    SELECT target, place, owner FROM ({_SIDES}) WHERE place IS NOT NULL
);
DELETE FROM following WHERE (owner, place, target) IN (
    SELECT owner, place, target FROM ({_SIDES}) WHERE place IS NOT NULL
);
DELETE FROM whisper WHERE {_of_pairs()};
DELETE FROM block WHERE {_of_pairs()};
DELETE FROM request WHERE {_of_pairs()};
UPDATE tally SET
    following = following - (back IS NOT NULL),
    follower = follower - (there IS NOT NULL),
    whisper = whisper - part.whispered,
    black = black - blocked,
    special = special - (back_flags & {SPECIAL_BIT} <> 0),
    grouped = grouped - (back_flags & {IN_GROUPS} <> 0),
    version = version + (back IS NOT NULL),
    public_version = public_version + (back IS NOT NULL),
    follower_version = follower_version + (there IS NOT NULL),
    public_follower_version = public_follower_version + (there IS NOT NULL),
    private_version = private_version + (whispered OR blocked)
FROM part WHERE tally.mid = +item;
UPDATE tally SET
    following = tally.following - gone.followings,
    follower = tally.follower - gone.followers,
    whisper = tally.whisper - gone.whispers,
    black = tally.black - gone.blocks,
    special = tally.special - gone.special,
    grouped = tally.grouped - gone.grouped,
    version = version + 1, public_version = public_version + 1,
    follower_version = follower_version + 1,
    public_follower_version = public_follower_version + 1,
    private_version = private_version + 1
FROM (
    SELECT count(there) AS followings, count(back) AS followers, sum(whispers) AS whispers,
        sum(blocks) AS blocks, sum(there_flags & {SPECIAL_BIT} <> 0) AS special,
        sum(there_flags & {IN_GROUPS} <> 0) AS grouped
    FROM part
) AS gone
WHERE tally.mid = :mid;
DELETE FROM part;
"""


def _erase_relations(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    for statement in _ITEMS:
        items = [item for (item,) in db.execute(statement, (progress.mid, size))]
        if items:
            _sever(db, progress, items)
            return False
    return True


def _sever(db: apsw.Connection, progress: Progress, items: list[int]) -> None:
    """Delete all that is between the account and ``items``, with counts and versions of both."""
    values = {"mid": progress.mid}
    db.execute(_FILL, {**values, "items": packed(items)})
    counted = db.execute(_COUNT).get
    for name, number in zip(_COUNTED, counted, strict=True):
        progress.counts[name] += int(number)
    db.execute(_SEVER, values)


# --- groups and documents ---

_GROUPS = """
DELETE FROM grp WHERE owner = ?1 AND id IN (SELECT id FROM grp WHERE owner = ?1 LIMIT ?2)
"""


def _erase_groups(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    db.execute(_GROUPS, (progress.mid, size))
    progress.counts["groups"] += db.changes()
    return db.changes() < size


_OWN = "SELECT kind, id FROM content WHERE owner = ? LIMIT ?"


def _erase_documents(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    found = list(db.execute(_OWN, (progress.mid, size)))
    for kind, id in found:
        content.delete_one(db, progress.mid, kind, id)
    progress.counts["documents"] += len(found)
    return len(found) < size


_MARKED = f"""
SELECT owner, kind FROM content
WHERE kind IN ({", ".join(f"'{kind}'" for kind in sorted(MARKS))}) AND id = ? LIMIT ?
"""


def _erase_marks(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    found = list(db.execute(_MARKED, (progress.mid, size)))
    for owner, kind in found:
        content.delete_one(db, owner, kind, progress.mid)
    progress.counts["marks"] += len(found)
    return len(found) < size


_LAST_OF_PART = """
SELECT owner, kind, id FROM content WHERE (owner, kind, id) > (?, ?, ?)
ORDER BY owner, kind, id LIMIT 1 OFFSET ?
"""
_MENTIONING = f"""
SELECT owner, kind, id, body FROM content
WHERE (owner, kind, id) > (?, ?, ?) AND (owner, kind, id) <= (?, ?, ?)
AND +kind IN ({", ".join(f"'{kind}'" for kind in sorted(WITHOUT))}) AND instr(body, ?)
"""
_END = (2**63 - 1, "\U0010ffff", 2**63 - 1)


def _erase_mentions(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    after = progress.position or [0, "", 0]
    last = db.execute(_LAST_OF_PART, (*after, size * _LOOKS)).get
    digits = str(progress.mid).encode()
    for owner, kind, id, body in list(db.execute(_MENTIONING, (*after, *(last or _END), digits))):
        entry = rewritten(kind, owner, id, body, progress.mid)
        if entry is None:
            content.delete_one(db, owner, kind, id)
        elif entry.body != body:
            content.put(db, [entry])
        else:
            continue
        progress.counts["mentions"] += 1
    progress.position = list(last or ())
    return last is None


# --- the account, and the feed ---

_LEFT = """
SELECT EXISTS (SELECT 1 FROM following WHERE owner = ?1)
    OR EXISTS (SELECT 1 FROM follower WHERE owner = ?1)
    OR EXISTS (SELECT 1 FROM whisper WHERE owner = ?1 OR target = ?1)
    OR EXISTS (SELECT 1 FROM block WHERE owner = ?1 OR target = ?1)
    OR EXISTS (SELECT 1 FROM request WHERE owner = ?1 OR target = ?1)
    OR EXISTS (SELECT 1 FROM grp WHERE owner = ?1)
    OR EXISTS (SELECT 1 FROM content WHERE owner = ?1)
"""


def _erase_account(db: apsw.Connection, progress: Progress, now: int, _size: int) -> bool:
    mid = progress.mid
    if db.execute(_LEFT, (mid,)).get:  # a write that nothing above foresees
        progress.enter(Stage.RELATIONS, 0)
        return False
    for table, column in (("account", "mid"), ("tail", "mid"), ("tally", "mid")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (mid,))
    progress.counts["account"] = 1
    feed.append(db, now, erased(mid))
    progress.enter(Stage.CHANGES, 0)
    progress.position = [0, feed.newest_number(db)]
    return False


_CHANGES = """
SELECT number, kind, actor, target, body FROM change WHERE number > ? AND number < ?
ORDER BY number LIMIT ?
"""
_BLANK = "UPDATE change SET kind = ?, actor = ?, target = ?, body = ? WHERE number = ?"


def _blank_changes(db: apsw.Connection, progress: Progress, _now: int, size: int) -> bool:
    after, end = progress.position or (0, feed.newest_number(db))
    rows = list(db.execute(_CHANGES, (after, end, size)))
    for number, *stored in rows:
        record = record_of(*stored)
        left = without(record, progress.mid)
        if left is not record:
            values = (left.kind, left.actor, left.target, body_of(left), number)
            db.execute(_BLANK, values)
            progress.counts["changes"] += 1
    if rows:
        progress.position = [rows[-1][0], end]
    return len(rows) < size


_STAGES: Mapping[Stage, Callable[[apsw.Connection, Progress, int, int], bool]] = {
    Stage.WAITING: _waited,
    Stage.RELATIONS: _erase_relations,
    Stage.GROUPS: _erase_groups,
    Stage.DOCUMENTS: _erase_documents,
    Stage.MARKS: _erase_marks,
    Stage.MENTIONS: _erase_mentions,
    Stage.ACCOUNT: _erase_account,
    Stage.CHANGES: _blank_changes,
}
