"""Writing staged edges into a store that others use: slice by slice.

A slice is a bounded number of edges, adjacent in the order of followers, in one transaction, which
writes both ends of each edge, the counts and the versions. Other writers go between two slices. An
interrupted import leaves whole slices; the same import run again skips what is stored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

import apsw

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.graph.feed import IMPORTED
from guanxi.graph.pair import SPECIAL
from guanxi.stores.port import Imported, OnOtherTime, StoreTimeout
from guanxi.stores.sqlite import feed
from guanxi.stores.sqlite.bulk import (
    BLOCK,
    FOLLOW,
    WHISPER,
    check_accounts_erased,
    create_groups,
    index_pairs,
    new_groups,
)
from guanxi.stores.sqlite.cards import put, put_plain
from guanxi.stores.sqlite.erased import ANY as ANY_ERASED
from guanxi.stores.sqlite.pairs import cut
from guanxi.stores.sqlite.schema import (
    GROUPED,
    IN_GROUPS,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)
from guanxi.stores.sqlite.writer import Turnstile, turn

T = TypeVar("T")

#: The seconds that a slice should last, and the least, first and largest number of its edges.
SLICE_SECONDS = 0.05
_LEAST, FIRST, _LARGEST = 100, 500, 20_000
#: How many accounts or groups are created in one transaction.
_ACCOUNTS = 1_000
#: A slice changes pages all over the file: they must fit, or they are written to the log twice.
_CACHE_KIB = 64 * 1024
#: At how many pages the write-ahead log is copied into the file, between two slices.
LOG_PAGES = 8_000
#: How many milliseconds a copy of the log waits for readers of it, while other writers wait.
_READERS_MS = 50

# What becomes of an edge. A winning one removes stored edges that contradict it; a losing one is
# left out.
_NEW, _CHANGED, _UNCHANGED, _WINS, _LOSES = range(5)

_ORDER = """
CREATE TEMP TABLE ordered AS
SELECT line, kind, follower, followed, place, flags FROM staged ORDER BY follower, followed;
CREATE TEMP TABLE missing AS
SELECT mid FROM touched WHERE mid NOT IN (SELECT mid FROM account) ORDER BY mid;
CREATE TEMP TABLE slice (
    follower INTEGER NOT NULL,
    followed INTEGER NOT NULL,
    line INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    place INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    stored INTEGER, -- the sort key of the stored edge of this kind
    outcome INTEGER NOT NULL,
    PRIMARY KEY (follower, followed)
) WITHOUT ROWID;
"""


def write_slices(
    db: apsw.Connection,
    path: Path,
    accounts: Mapping[int, tuple[Card, Privacy, State]],
    groups: Mapping[tuple[int, str], int],
    now: int,
    on_other_time: OnOtherTime = "replace",
) -> Imported:
    """Write the staged edges, and the accounts and groups, in transactions of some milliseconds.

    ``db`` is the connection to the store at ``path`` that has the staging tables. Stored edges that
    contradict a staged one are resolved by the rules; ``on_other_time`` is that of the port, where
    "refuse" has been checked before. ``now`` is the current time's sort key. Each transaction that
    changes something appends to the feed of changes. Raise ``StoreTimeout`` if an error of SQLite
    comes after a first transaction was committed, ``StoreError`` if an id in ``groups`` is in use.
    """
    db.pragma("cache_size", -_CACHE_KIB)
    db.pragma("synchronous", "NORMAL")  # no slice holds the lock during a sync
    db.execute(_ORDER)
    if db.execute("SELECT EXISTS (SELECT 1 FROM staged WHERE kind = ?)", (BLOCK,)).get:
        index_pairs(db)
    log = Log(db)
    imported = Imported()
    try:
        for part in _parts(accounts.items(), _ACCOUNTS):
            with turn(db, path):
                feed.append(db, now, IMPORTED)
                check_accounts_erased(db, dict(part))
                put(
                    db,
                    (
                        (Account(mid=mid, state=state, privacy=privacy), card)
                        for mid, (card, privacy, state) in part
                    ),
                )
            log.copy(path)
        for first in range(1, db.execute("SELECT count(*) FROM missing").get + 1, _ACCOUNTS):
            with turn(db, path):
                feed.append(db, now, IMPORTED)
                _create_accounts(db, first, first + _ACCOUNTS - 1)
            log.copy(path)
        for some in _parts(groups.items(), _ACCOUNTS):
            with turn(db, path):
                feed.append(db, now, IMPORTED)
                create_groups(db, dict(some))
        first, size = 1, FIRST
        last = db.execute("SELECT count(*) FROM ordered").get
        while first <= last:
            with turn(db, path):
                began = time.monotonic()
                feed.append(db, now, IMPORTED)
                imported += _write_slice(db, first, min(first + size - 1, last), on_other_time)
            first += size
            size = _next_size(size, time.monotonic() - began)
            log.copy(path)
        make_durable(db, path)
    except apsw.Error as error:
        if not log.commits:
            raise
        raise StoreTimeout(
            f"only a part of the import is written ({error}); run it again to continue"
        ) from error
    return imported


def make_durable(db: apsw.Connection, path: Path) -> None:
    """Make all commits durable that the connection made with ``synchronous`` at NORMAL."""
    db.pragma("synchronous", "FULL")
    with turn(db, path):  # the sync of a commit makes all those before it durable too
        # An UPDATE that leaves each value as it is would write nothing, and sync nothing.
        db.execute("INSERT INTO meta (name, value) VALUES ('touch', x'00')")
        db.execute("DELETE FROM meta WHERE name = 'touch'")


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _next_size(size: int, seconds: float) -> int:
    """Return the size of the next slice, after one of ``size`` that lasted ``seconds``."""
    factor = min(2.0, SLICE_SECONDS / max(seconds, 0.001))
    return max(_LEAST, min(_LARGEST, int(size * factor)))


class Log:
    """The write-ahead log as this connection leaves it, and how it is kept short."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._pages = 0
        self.commits = 0
        db.set_wal_hook(self._committed)

    def _committed(self, _db: apsw.Connection, name: str, pages: int) -> int:
        if name == "main":
            self._pages = pages
            self.commits += 1
        return apsw.SQLITE_OK

    def sync(self, path: Path) -> None:
        """Make the log durable as it is now, without a lock."""
        with suppress(OSError), open(f"{path}-wal", "rb") as file:  # make_durable would raise
            os.fsync(file.fileno())

    def copy(self, path: Path) -> None:
        """Copy the log into the file, if it is long, so that the next writer can start it again.

        Most is copied while others write, the rest while the turnstile keeps them from starting.
        What readers still need stays for the next time.
        """
        if self._pages < LOG_PAGES:
            return
        self._pages = 0  # not again before the next commit
        with suppress(apsw.Error):  # another process is copying
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        with closing(Turnstile(path)) as turnstile, suppress(apsw.Error):
            until = time.monotonic() + 1.0
            turnstile.take(lambda: time.monotonic() >= until)
            self._db.set_busy_timeout(_READERS_MS)
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


def _create_accounts(db: apsw.Connection, first: int, last: int) -> None:
    """Create the accounts in these rows of ``missing``.

    Except those that exist by now, or whose erasure began since the check.
    """
    db.execute("DROP TABLE IF EXISTS temp.unknown")
    db.execute(
        "CREATE TEMP TABLE unknown AS SELECT mid FROM missing"
        " WHERE rowid BETWEEN ? AND ? AND mid NOT IN (SELECT mid FROM account)"
        " AND mid NOT IN (SELECT mid FROM erasure)",
        (first, last),
    )
    put_plain(db)


_BOUNDS = "SELECT follower, followed FROM ordered WHERE rowid IN (?, ?) ORDER BY rowid"
# The follow back is in the same slice if its key is within the slice's bounds.
_FILL = f"""
INSERT INTO slice
SELECT follower, followed, line, kind, place, flags & {IN_GROUPS} | {MUTUAL} * (
        kind = {FOLLOW} AND (
            flags & {MUTUAL}
            AND (followed, follower) BETWEEN (:low, :low_item) AND (:high, :high_item)
            OR EXISTS (SELECT 1 FROM following WHERE owner = followed AND target = follower)
        )
    ),
    CASE kind
        WHEN {FOLLOW} THEN (
            SELECT place FROM following WHERE owner = follower AND target = followed
        )
        WHEN {WHISPER} THEN (
            SELECT place FROM whisper WHERE owner = follower AND target = followed
        )
        ELSE (SELECT place FROM block WHERE owner = follower AND target = followed)
    END AS held,
    CASE
        WHEN kind <> {BLOCK} AND (
            EXISTS (SELECT 1 FROM block WHERE owner = follower AND target = followed)
            OR EXISTS (SELECT 1 FROM block WHERE owner = followed AND target = follower)
        ) THEN {_LOSES}
        WHEN kind = {FOLLOW} AND EXISTS (
            SELECT 1 FROM whisper WHERE owner = follower AND target = followed
        ) THEN {_WINS}
        WHEN kind = {WHISPER} AND EXISTS (
            SELECT 1 FROM following WHERE owner = follower AND target = followed
        ) THEN {_LOSES}
        WHEN kind = {BLOCK} AND (
            EXISTS (SELECT 1 FROM following WHERE owner = follower AND target = followed)
            OR EXISTS (SELECT 1 FROM following WHERE owner = followed AND target = follower)
            OR EXISTS (SELECT 1 FROM whisper WHERE owner = follower AND target = followed)
            OR EXISTS (SELECT 1 FROM whisper WHERE owner = followed AND target = follower)
        ) THEN {_WINS}
        ELSE {_NEW}
    END
FROM ordered WHERE rowid BETWEEN :first AND :last
"""
# Whose erasure began since the check.
_FIND_ERASED = f"""
UPDATE slice SET outcome = {_LOSES}
WHERE follower IN (SELECT mid FROM erasure) OR followed IN (SELECT mid FROM erasure)
"""
_FIND_CHANGED = (
    f"UPDATE slice SET outcome = {_CHANGED} WHERE stored IS NOT NULL AND outcome = {_NEW}"
)
#: By the rule for an edge that is stored with another time: "place" is the given time.
_LOSES_BY_TIME = {
    rule: f"UPDATE slice SET outcome = {_LOSES} WHERE outcome = {_CHANGED} AND place {sign} stored"
    for rule, sign in (("newest", "<"), ("oldest", ">"))
}
_FIND_UNCHANGED = f"""
UPDATE slice SET outcome = {_UNCHANGED}
WHERE outcome = {_CHANGED} AND stored = place AND (kind <> {FOLLOW} OR EXISTS (
    SELECT 1 FROM following AS edge
    WHERE edge.owner = follower AND edge.place = stored AND edge.target = followed
    AND edge.flags & {IN_GROUPS} = slice.flags & {IN_GROUPS}
    AND (
        edge.flags & {GROUPED} = 0
        OR (
            SELECT json_group_array(name ORDER BY name) FROM member
            JOIN grp ON grp.owner = member.owner AND grp.id = member.grp
            WHERE member.owner = edge.owner AND member.target = edge.target
        ) = (
            SELECT json_group_array(name ORDER BY name) FROM staged_group
            WHERE staged_group.line = slice.line
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM staged_contract AS new WHERE new.line = slice.line AND NOT EXISTS (
            SELECT 1 FROM contract AS old WHERE old.owner = edge.owner AND old.target = edge.target
            AND old.ts = new.ts AND old.user_attr = new.user_attr
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM staged_visit AS new WHERE new.line = slice.line AND NOT EXISTS (
            SELECT 1 FROM visit AS old WHERE old.owner = edge.owner AND old.target = edge.target
            AND old.visits = new.visits
        )
    )
))
"""
# If two accounts block each other, the block of the lower mid is the one that removes edges.
_WINNING = f"""
SELECT kind, follower, followed FROM slice WHERE outcome = {_WINS} ORDER BY follower, followed
"""
_IS_SECOND_BLOCK = f"""
UPDATE slice SET outcome = CASE WHEN stored IS NULL THEN {_NEW} ELSE {_CHANGED} END
WHERE outcome = {_WINS} AND kind = {BLOCK} AND follower > followed AND EXISTS (
    SELECT 1 FROM staged AS other
    WHERE other.low = slice.followed AND other.high = slice.follower
    AND other.kind = {BLOCK} AND other.upward = 1
)
"""
_COUNTS = "SELECT outcome, count(*) FROM slice GROUP BY outcome"
_FORGET = f"DELETE FROM slice WHERE outcome IN ({_UNCHANGED}, {_LOSES})"
# Run before their memberships are deleted.
_DISCOUNT_CHANGED = f"""
UPDATE tally SET special = tally.special - gone.special, grouped = tally.grouped - gone.grouped
FROM (
    SELECT owner, count(*) FILTER (WHERE edge.flags & {SPECIAL_BIT}) AS special,
        count(*) FILTER (WHERE edge.flags & {IN_GROUPS}) AS grouped
    FROM slice CROSS JOIN following AS edge ON owner = follower AND edge.place = stored
    AND target = followed
    WHERE kind = {FOLLOW} AND outcome = {_CHANGED} GROUP BY owner
) AS gone
WHERE tally.mid = gone.owner;
UPDATE grp SET members = grp.members - gone.members
FROM (
    SELECT owner, grp, count(*) AS members
    FROM slice CROSS JOIN member ON owner = follower AND target = followed
    WHERE kind = {FOLLOW} AND outcome = {_CHANGED} GROUP BY owner, grp
) AS gone
WHERE grp.owner = gone.owner AND grp.id = gone.grp;
"""
_DELETE_CHANGED = f"""
DELETE FROM follower WHERE (owner, place, source) IN (
    SELECT followed, stored, follower FROM slice WHERE kind = {FOLLOW} AND outcome = {_CHANGED}
);
DELETE FROM following WHERE (owner, place, target) IN (
    SELECT follower, stored, followed FROM slice WHERE kind = {FOLLOW} AND outcome = {_CHANGED}
);
DELETE FROM member WHERE (owner, target) IN (
    SELECT follower, followed FROM slice WHERE kind = {FOLLOW} AND outcome = {_CHANGED}
);
DELETE FROM whisper WHERE (owner, place, target) IN (
    SELECT follower, stored, followed FROM slice WHERE kind = {WHISPER} AND outcome = {_CHANGED}
);
DELETE FROM block WHERE (owner, place, target) IN (
    SELECT follower, stored, followed FROM slice WHERE kind = {BLOCK} AND outcome = {_CHANGED}
);
"""
_EXTRAS = """
INSERT OR REPLACE INTO visit (owner, target, visits)
SELECT follower, followed, visits FROM slice CROSS JOIN staged_visit USING (line);
INSERT OR REPLACE INTO contract (owner, target, ts, user_attr)
SELECT follower, followed, ts, user_attr FROM slice CROSS JOIN staged_contract USING (line);
"""
_FLAG_CONTRACTS = f"""
UPDATE slice SET flags = flags
    | {OWNER_CONTRACT} * EXISTS (
        SELECT 1 FROM contract WHERE owner = follower AND target = followed
    )
    | {ITEM_CONTRACT} * EXISTS (
        SELECT 1 FROM contract WHERE owner = followed AND target = follower
    )
WHERE kind = {FOLLOW}
"""
_INSERT = f"""
INSERT INTO following (owner, place, target, flags)
SELECT follower, place, followed, flags FROM slice WHERE kind = {FOLLOW} ORDER BY 1, 2, 3;
INSERT INTO follower (owner, place, source, flags)
SELECT followed, place, follower, flags & {MUTUAL}
    | {ITEM_CONTRACT} * (flags & {OWNER_CONTRACT} <> 0)
    | {OWNER_CONTRACT} * (flags & {ITEM_CONTRACT} <> 0)
FROM slice WHERE kind = {FOLLOW} ORDER BY 1, 2, 3;
INSERT INTO whisper (owner, place, target)
SELECT follower, place, followed FROM slice WHERE kind = {WHISPER} ORDER BY 1, 2, 3;
INSERT INTO block (owner, place, target)
SELECT follower, place, followed FROM slice WHERE kind = {BLOCK} ORDER BY 1, 2, 3;
INSERT INTO member (owner, grp, place, target)
SELECT follower, id, place, followed FROM slice CROSS JOIN staged_group USING (line)
JOIN grp ON owner = follower AND grp.name = staged_group.name
UNION ALL
SELECT follower, {SPECIAL}, place, followed FROM slice WHERE flags & {SPECIAL_BIT}
ORDER BY 1, 2, 3, 4;
"""


def _flag_back(flag: int, flag_of_follower: int, which: str) -> str:
    """Return SQL that sets a flag of the follows back of those in ``slice`` that ``which`` selects.

    The two ends of a follow back get their own flags.
    """
    back = f"""
        FROM slice CROSS JOIN following AS back
        ON back.owner = slice.followed AND back.target = slice.follower
        WHERE slice.kind = {FOLLOW} AND {which}
    """
    return f"""
    UPDATE following SET flags = flags | {flag} WHERE (owner, place, target) IN (
        SELECT back.owner, back.place, back.target {back}
    );
    UPDATE follower SET flags = flags | {flag_of_follower} WHERE (owner, place, source) IN (
        SELECT back.target, back.place, back.owner {back}
    );
    """


_FLAG_BACK_MUTUAL = _flag_back(MUTUAL, MUTUAL, f"slice.flags & {MUTUAL}")
_FLAG_BACK_CONTRACT = _flag_back(
    ITEM_CONTRACT, OWNER_CONTRACT, "slice.line IN (SELECT line FROM staged_contract)"
)
# Whether others see that an edge was written: not of a whisper, a block, or of groups and visits.
_SHOWN = f"""
    kind = {FOLLOW} AND (
        outcome <> {_CHANGED} OR place <> stored OR line IN (SELECT line FROM staged_contract)
    )
"""
_COUNT = f"""
UPDATE tally SET
    following = tally.following + added.following,
    whisper = tally.whisper + added.whisper,
    black = tally.black + added.black,
    follower = tally.follower + added.follower,
    special = tally.special + added.special,
    grouped = tally.grouped + added.grouped,
    version = version + 1,
    follower_version = follower_version + 1,
    public_version = public_version + (added.shown > 0),
    public_follower_version = public_follower_version + (added.shown > 0),
    private_version = private_version + 1
FROM (
    SELECT mid, sum(following) AS following, sum(whisper) AS whisper, sum(black) AS black,
        sum(follower) AS follower, sum(special) AS special, sum(grouped) AS grouped,
        sum(shown) AS shown
    FROM (
        SELECT follower AS mid,
            kind = {FOLLOW} AND outcome <> {_CHANGED} AS following,
            kind = {WHISPER} AND outcome <> {_CHANGED} AS whisper,
            kind = {BLOCK} AND outcome <> {_CHANGED} AS black,
            0 AS follower,
            flags & {SPECIAL_BIT} <> 0 AS special,
            flags & {IN_GROUPS} <> 0 AS grouped,
            {_SHOWN} AS shown
        FROM slice
        UNION ALL
        SELECT followed, 0, 0, 0, kind = {FOLLOW} AND outcome <> {_CHANGED}, 0, 0, {_SHOWN}
        FROM slice
    )
    GROUP BY mid
) AS added
WHERE tally.mid = added.mid
"""
_COUNT_MEMBERS = """
UPDATE grp SET members = grp.members + added.members
FROM (
    SELECT follower AS owner, name, count(*) AS members
    FROM slice CROSS JOIN staged_group USING (line) GROUP BY follower, name
) AS added
WHERE grp.owner = added.owner AND grp.name = added.name
"""


# Also for an edge that lost: what it lost against excludes a request as well.
_EXCLUDED = f"""
SELECT follower, followed FROM slice WHERE kind <> {WHISPER}
UNION ALL SELECT followed, follower FROM slice WHERE kind = {BLOCK}
"""
_ANY_REQUEST = "SELECT EXISTS (SELECT 1 FROM request)"
_END_REQUEST = "DELETE FROM request WHERE owner = ? AND target = ?"


def _write_slice(
    db: apsw.Connection, first: int, last: int, on_other_time: OnOtherTime
) -> Imported:
    """Write the edges in these rows of ``ordered``, in the caller's transaction; return the counts.

    Their accounts must exist.
    """
    db.execute("DELETE FROM slice")
    bounds = list(db.execute(_BOUNDS, (first, last)))
    (low, low_item), (high, high_item) = bounds[0], bounds[-1]
    keys = {"low": low, "low_item": low_item, "high": high, "high_item": high_item}
    db.execute(_FILL, {"first": first, "last": last, **keys})
    if db.execute(ANY_ERASED).get:
        db.execute(_FIND_ERASED)
    db.execute(_FIND_CHANGED)
    changes = db.execute("SELECT changes()").get
    if changes:
        if on_other_time in _LOSES_BY_TIME:
            db.execute(_LOSES_BY_TIME[on_other_time])
        db.execute(_FIND_UNCHANGED)
    for kind, follower, followed in list(db.execute(_WINNING)):
        cut(db, follower, followed)
        if kind == BLOCK:
            cut(db, followed, follower)
    db.execute(_IS_SECOND_BLOCK)
    counts = dict(db.execute(_COUNTS))
    imported = Imported(
        new=counts.get(_NEW, 0),
        changed=counts.get(_CHANGED, 0) + counts.get(_WINS, 0),
        unchanged=counts.get(_UNCHANGED, 0),
        conflicting=counts.get(_LOSES, 0),
    )
    db.execute(_FORGET)
    if counts.get(_CHANGED):
        db.execute(_DISCOUNT_CHANGED + _DELETE_CHANGED)
    new_groups(db, "slice")
    db.execute(_EXTRAS)
    if db.execute("SELECT EXISTS (SELECT 1 FROM contract)").get:
        db.execute(_FLAG_CONTRACTS)
    db.execute(_INSERT)
    db.execute(_FLAG_BACK_MUTUAL)
    db.execute(_FLAG_BACK_CONTRACT)
    db.execute(_COUNT)
    if db.execute("SELECT EXISTS (SELECT 1 FROM staged_group)").get:
        db.execute(_COUNT_MEMBERS)
    if db.execute(_ANY_REQUEST).get:
        db.executemany(_END_REQUEST, list(db.execute(_EXCLUDED)))
    return imported
