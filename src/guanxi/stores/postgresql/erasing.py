"""Erasing an account: part by part, each in a transaction of some milliseconds.

A transaction that began before the account was deregistered may have read its state before, and
still write something about it. It holds a lock on a table by then (see ``_LOCKS``): the erasure
waits until those that it sees have ended, and deletes only then. Later ones read the new state.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import randrange

from guanxi.graph.feed import erased, without
from guanxi.graph.pair import Act, Modify, Pair
from guanxi.stores.erasing import (
    MOST_ERASURES,
    Progress,
    Stage,
    deregistration,
    progress_of,
    rewritten,
    row_of,
)
from guanxi.stores.feed import body_of, ms_of, record_of
from guanxi.stores.port import Erasure
from guanxi.stores.postgresql import cards, citus, content, feed, holders, sessions
from guanxi.stores.postgresql.connections import Connection, delete_rows, send_many
from guanxi.stores.postgresql.pairs import lock, sever
from guanxi.stores.postgresql.rows import write
from guanxi.stores.postgresql.schema import SLOTS
from guanxi.world.mentions import MARKS, WITHOUT

#: How many pairs, documents and changes one transaction deletes, and how many documents and changes
#: one looks at.
PAIRS, DOCUMENTS, LOOKS = 50, 200, 2_000
#: How long one call waits for transactions that began before.
WAIT_SECONDS = 2.0
#: No sort key is greater: nothing new is written.
_LATEST = 2**63 - 1

_COLUMNS = "mid, begun, stage, position, counts, finished"
_GET = f"SELECT {_COLUMNS} FROM erasure WHERE mid = $1"
_LIST = (
    f"SELECT {_COLUMNS} FROM erasure WHERE mid > $1 AND (finished = 0 OR NOT $2)"
    f" ORDER BY mid LIMIT {MOST_ERASURES}"
)
_BEGIN = f"""
INSERT INTO erasure ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mid) DO NOTHING
"""
_PUT = """
UPDATE erasure SET begun = $2, stage = $3, position = $4, counts = $5, finished = $6 WHERE mid = $1
"""


async def erasure(db: Connection, mid: int) -> Erasure | None:
    """Return the erasure of an account, None if none began."""
    row = await db.fetchrow(_GET, mid)
    return None if row is None else progress_of(row).shown()


async def erasures(db: Connection, after: int = 0, *, under_way: bool = False) -> list[Erasure]:
    """Return erasures of mids above ``after``, by mid: all, or those that are under way."""
    return [progress_of(row).shown() for row in await db.fetch(_LIST, after, under_way)]


async def put_erasures(db: Connection, erasures: Sequence[Erasure]) -> None:
    """Store erasures, except those that are stored. Expects a transaction."""
    await send_many(db, _BEGIN, [row_of(each) for each in erasures])


# The three tables are those of which each change of relations, groups and documents locks rows
# before it looks at a state.
_LOCKS = (["relation", "tally", "content"], ["RowShareLock", "RowExclusiveLock"])
_LOOKS, _LOOKS_ON_CITUS = (holders.look(*_LOCKS),), citus.looks(*_LOCKS)


async def others_ended(db: Connection) -> bool:
    """Wait until the transactions that run now have ended; return whether they have in time.

    Expects no transaction.
    """
    looks = _LOOKS_ON_CITUS if await citus.is_distributed(db) else _LOOKS
    return await holders.ended(db, looks, WAIT_SECONDS)


async def erase_part(db: Connection, mid: int, now: int, *, ended: bool) -> Erasure | None:
    """Do the next part of an erasure; return how far it is then, None if there is no account.

    ``now`` is the current time's sort key; ``ended`` says that ``others_ended`` since the account
    was deregistered. Expects a transaction.
    """
    row = await db.fetchrow(f"{_GET} FOR UPDATE", mid)
    if row is None:
        return await _begin(db, mid, now)
    progress = progress_of(row)
    if progress.stage is Stage.FINISHED or (progress.stage is Stage.WAITING and not ended):
        return progress.shown()
    before = progress.stage
    is_done = before is Stage.WAITING or await _STAGES[before](db, progress)
    if is_done:
        progress.enter(before.next, ms_of(now) // 1_000)
    if before is Stage.ACCOUNT and is_done:
        await _put(db, progress)
        await _append_erased(db, progress, now)
    else:
        await _put(db, progress)
    return progress.shown()


async def _put(db: Connection, progress: Progress) -> None:
    await db.execute(_PUT, *progress.row())


async def _begin(db: Connection, mid: int, now: int) -> Erasure | None:
    """Deregister the account and delete what signs it in; return None if there is no account."""
    stored = await cards.locked(db, mid)
    if stored is None:
        return await erasure(db, mid)  # by another process meanwhile, or None
    progress = Progress(mid, ms_of(now) // 1_000, Stage.WAITING)
    after, records = deregistration(*stored)
    await db.execute(_BEGIN, *progress.row())
    await cards.put(db, [(after, stored[1])])
    progress.counts["sessions"] = await sessions.close_sessions(db, mid)
    progress.counts["grants"] = await sessions.delete_grants(db, mid)
    await _put(db, progress)
    await feed.append(db, now, *records)
    return progress.shown()


# --- relations: both ends of a number of pairs at a time ---

_OTHERS = "SELECT other FROM relation WHERE owner = $1 LIMIT $2"
# What others have towards the account, and it has nothing towards them.
_OTHERS_ALONE = """
SELECT owner FROM relation
WHERE other = $1 AND (blocks IS NOT NULL OR whispers IS NOT NULL) LIMIT $2
"""


async def _erase_relations(db: Connection, progress: Progress) -> bool:
    for statement in (_OTHERS, _OTHERS_ALONE):
        others = [other for (other,) in await db.fetch(statement, progress.mid, PAIRS)]
        if others:
            await _sever(db, progress, others)
            return False
    return True


async def _sever(db: Connection, progress: Progress, others: Sequence[int]) -> None:
    """Delete all that is between the account and others, with counts and versions of both."""
    mid = progress.mid
    acts = [Modify(mid, other, Act.UNFOLLOW) for other in others]
    acts += [Modify(other, mid, Act.UNFOLLOW) for other in others]  # locks their tallies too
    locked = await lock(db, acts, (), _LATEST)
    for other in others:
        _count(progress, sever(locked, mid, other))
    locked.switch = None
    await write(db, locked, randrange(SLOTS))  # noqa: S311 - no secret


def _count(progress: Progress, pair: Pair) -> None:
    """Add what was between the account, whose side is ``mine``, and another one."""
    mine, theirs = pair.mine, pair.theirs
    found = {
        "followings": mine.follows,
        "followers": theirs.follows,
        "whispers": mine.whispers,
        "whispered_to_it": theirs.whispers,
        "blocks": mine.blocks,
        "blocked_it": theirs.blocks,
        "requests_sent": mine.requests,
        "requests_received": theirs.requests,
    }
    progress.counts.update(name for name, what in found.items() if what is not None)
    edges = [edge for edge in (mine.follows, theirs.follows) if edge is not None]
    progress.counts["contracts"] += any(edge.contract is not None for edge in edges)


# --- groups and documents ---

_GROUPS = """
DELETE FROM grp WHERE owner = $1 AND id = ANY (
    SELECT id FROM grp WHERE owner = $1 LIMIT $2
)
"""


async def _erase_groups(db: Connection, progress: Progress) -> bool:
    deleted = await delete_rows(db, _GROUPS, progress.mid, DOCUMENTS)
    progress.counts["groups"] += deleted
    return deleted < DOCUMENTS


_OWN = "SELECT kind, id FROM content WHERE owner = $1 ORDER BY kind, id LIMIT $2"


async def _erase_documents(db: Connection, progress: Progress) -> bool:
    found = [(progress.mid, kind, id) for kind, id in await db.fetch(_OWN, progress.mid, DOCUMENTS)]
    await content.drop(db, found)
    progress.counts["documents"] += len(found)
    return len(found) < DOCUMENTS


_MARKED = f"""
SELECT owner, kind FROM content
WHERE kind IN ({", ".join(f"'{kind}'" for kind in sorted(MARKS))}) AND id = $1
ORDER BY owner LIMIT $2
"""


async def _erase_marks(db: Connection, progress: Progress) -> bool:
    rows = await db.fetch(_MARKED, progress.mid, DOCUMENTS)
    await content.drop(db, sorted((owner, kind, progress.mid) for owner, kind in rows))
    progress.counts["marks"] += len(rows)
    return len(rows) < DOCUMENTS


_LAST_OF_PART = """
SELECT owner, kind, id FROM content WHERE (owner, kind, id) > ($1, $2, $3)
ORDER BY owner, kind, id LIMIT 1 OFFSET $4
"""
_MENTIONING = f"""
SELECT owner, kind, id, body FROM content
WHERE (owner, kind, id) > ($1, $2, $3) AND (owner, kind, id) <= ($4, $5, $6)
AND kind IN ({", ".join(f"'{kind}'" for kind in sorted(WITHOUT))})
AND position($7::bytea IN body) > 0
ORDER BY owner, kind, id
"""
_END = (_LATEST, "\U0010ffff", _LATEST)


async def _erase_mentions(db: Connection, progress: Progress) -> bool:
    after, mid = progress.position or [0, "", 0], progress.mid
    last = await db.fetchrow(_LAST_OF_PART, *after, LOOKS)
    rows = await db.fetch(_MENTIONING, *after, *(last or _END), str(mid).encode())
    for owner, kind, id, body in rows:
        entry = rewritten(kind, owner, id, body, mid)
        if entry is None:
            await content.drop(db, [(owner, kind, id)])
        elif entry.body != body:
            await content.put(db, [entry])
        else:
            continue
        progress.counts["mentions"] += 1
    progress.position = list(last or ())
    return last is None


# --- the account, and the feed ---

_LEFT = """
SELECT EXISTS (SELECT 1 FROM relation WHERE owner = $1)
    OR EXISTS (SELECT 1 FROM grp WHERE owner = $1)
    OR EXISTS (SELECT 1 FROM content WHERE owner = $1)
"""
_ROWS = tuple(
    f"DELETE FROM {table} WHERE {column} = $1"
    for table, column in (
        ("content_key", "owner"),
        ("follower_tally", "mid"),
        ("tally", "mid"),
        ("account", "mid"),
    )
)


async def _erase_account(db: Connection, progress: Progress) -> bool:
    left = await db.fetchval(_LEFT, progress.mid)
    if left or await db.fetch(_OTHERS_ALONE, progress.mid, 1):  # of a write unforeseen above
        progress.enter(Stage.RELATIONS, 0)
        return False
    for statement in _ROWS:
        await db.execute(statement, progress.mid)
    progress.counts["account"] = 1
    return True


async def _append_erased(db: Connection, progress: Progress, now: int) -> None:
    """Append the erasure to the feed, as the last that the transaction does."""
    await feed.append(db, now, erased(progress.mid))


_CHANGES = """
SELECT number, time, kind, actor, target, body FROM change WHERE number > $1 AND number <= $2
ORDER BY number LIMIT $3
"""
# Not an UPDATE: Citus distributes by the actor, which one that blanks may change.
_DELETE_CHANGE = "DELETE FROM change WHERE number = $1 AND actor = $2"
_PUT_CHANGE = """
INSERT INTO change (number, time, kind, actor, target, body) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def _blank_changes(db: Connection, progress: Progress) -> bool:
    if await feed.is_missing(db):
        return True
    if not progress.position:
        progress.position = [0, await feed.newest_number(db, await citus.is_distributed(db))]
    after, end = progress.position
    rows = await db.fetch(_CHANGES, after, end, LOOKS)
    deleted, blanked = [], []
    for number, made, *stored in rows:
        record = record_of(*stored)
        left = without(record, progress.mid)
        if left is not record and record != erased(progress.mid):
            deleted.append((number, record.actor))
            blanked.append((number, made, left.kind, left.actor, left.target, body_of(left)))
    await send_many(db, _DELETE_CHANGE, deleted)
    await send_many(db, _PUT_CHANGE, blanked)
    progress.counts["changes"] += len(blanked)
    if rows:
        progress.position = [rows[-1][0], end]
    return len(rows) < LOOKS


_STAGES: Mapping[Stage, Callable[[Connection, Progress], Awaitable[bool]]] = {
    Stage.RELATIONS: _erase_relations,
    Stage.GROUPS: _erase_groups,
    Stage.DOCUMENTS: _erase_documents,
    Stage.MARKS: _erase_marks,
    Stage.MENTIONS: _erase_mentions,
    Stage.ACCOUNT: _erase_account,
    Stage.CHANGES: _blank_changes,
}
