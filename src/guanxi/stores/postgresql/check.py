"""Every invariant of the rules over the whole store: each a statement that finds what breaks it.

The reads expect a REPEATABLE READ transaction that the caller holds, and so are of one moment; on
Citus there is no such moment over several shards, and a check beside writers may name what was only
on its way. Statements there compare whole sets of rows: no join leaves its shard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from guanxi.accounts.account import State
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores import tails
from guanxi.stores.port import Fault
from guanxi.stores.postgresql import check_content
from guanxi.stores.postgresql.cards import derived
from guanxi.stores.postgresql.connections import Connection

#: Each invariant, and what breaks it: mostly the owner and the item of a row.
_BROKEN = {
    "a row says something": """
        SELECT owner, other FROM relation
        WHERE coalesce(follows, whispers, blocks, followed) IS NULL""",
    "nobody holds two of a following, a whisper and a block": """
        SELECT owner, other FROM relation WHERE num_nonnulls(follows, whispers, blocks) > 1""",
    "nobody follows or whispers to one that blocks them": """
        SELECT owner, other FROM relation WHERE blocks IS NOT NULL
        INTERSECT
        SELECT other, owner FROM relation WHERE follows IS NOT NULL OR whispers IS NOT NULL""",
    "nobody is followed by one that they block": """
        SELECT owner, other FROM relation WHERE blocks IS NOT NULL AND followed IS NOT NULL""",
    "nobody follows, whispers to or blocks themselves": """
        SELECT owner, other FROM relation WHERE owner = other""",
    "groups, contracts and visits are of followings": """
        SELECT owner, other FROM relation WHERE follows IS NULL
        AND num_nonnulls(groups, contract_ts, contract_attr, visits) > 0""",
    "the groups of a following are some, and rise": f"""
        SELECT owner, other FROM relation WHERE groups IS NOT NULL
        AND ({DEFAULT} = ANY(groups) OR groups IS DISTINCT FROM (
            SELECT array_agg(DISTINCT each ORDER BY each) FROM unnest(groups) AS each
        ))""",
    "a following's group is there": f"""
        SELECT owner, each FROM relation CROSS JOIN LATERAL unnest(groups) AS each
        WHERE each <> {SPECIAL}
        EXCEPT SELECT owner, id FROM grp""",
    "a group's id is its own": f"""
        SELECT owner, id FROM grp WHERE id IN ({SPECIAL}, {DEFAULT})""",
    "a contract is told whole": """
        SELECT owner, other FROM relation WHERE num_nonnulls(contract_ts, contract_attr) = 1
        OR num_nonnulls(other_contract_ts, other_contract_attr) = 1""",
    "visits are some": """
        SELECT owner, other FROM relation WHERE visits < 1""",
    "no place is behind the newest that an account had": """
        SELECT mid, newest FROM tally JOIN relation ON owner = mid
        GROUP BY mid, newest HAVING max(greatest(follows, whispers, blocks)) > newest""",
    "both ends of what stands have accounts": """
        (SELECT owner FROM relation UNION SELECT other FROM relation
        UNION SELECT owner FROM grp UNION SELECT mid FROM follower_tally
        UNION SELECT mid FROM session)
        EXCEPT SELECT mid FROM account""",
    "a deregistered account has no sessions": f"""
        SELECT mid FROM session INTERSECT
        SELECT mid FROM account WHERE state = {State.DEREGISTERED:d}""",
}

#: Each invariant that two sets of rows are the same, and the two.
_SAME = {
    "a following stands at both ends, at the same place": (
        "SELECT owner, other, follows FROM relation WHERE follows IS NOT NULL",
        "SELECT other, owner, followed FROM relation WHERE followed IS NOT NULL",
    ),
    "both ends know a contract": (
        """SELECT owner, other, contract_ts, contract_attr FROM relation
        WHERE contract_ts IS NOT NULL""",
        """SELECT other, owner, other_contract_ts, other_contract_attr FROM relation
        WHERE other_contract_ts IS NOT NULL""",
    ),
    "a count is the length of its list": (
        """SELECT mid, following, whisper, black FROM tally
        WHERE (following, whisper, black) <> (0, 0, 0)""",
        """SELECT owner, count(follows), count(whispers), count(blocks) FROM relation
        GROUP BY owner HAVING count(coalesce(follows, whispers, blocks)) > 0""",
    ),
    "the counts of followers add up": (
        """SELECT mid, sum(follower)::bigint FROM follower_tally
        GROUP BY mid HAVING sum(follower) <> 0""",
        """SELECT owner, count(followed) FROM relation
        GROUP BY owner HAVING count(followed) > 0""",
    ),
    "an account has its counts, and counts their account": (
        "SELECT mid FROM account",
        "SELECT mid FROM tally",
    ),
    "an account is found by its name": (
        f"SELECT mid, name FROM account WHERE state <> {State.DEREGISTERED:d}",
        "SELECT mid, name FROM account_name",
    ),
}

#: All that is checked of relations and accounts, by name.
INVARIANTS = (*_BROKEN, *_SAME, *tails.INVARIANTS)
_AT_ONCE = 500


async def check(db: Connection) -> AsyncIterator[Fault]:
    """Every fault of a store, row by row."""
    apart = {
        invariant: f"({one} EXCEPT {other}) UNION ALL ({other} EXCEPT {one})"
        for invariant, (one, other) in _SAME.items()
    }
    for invariant, statement in {**_BROKEN, **apart}.items():
        async for row in db.cursor(statement, prefetch=_AT_ONCE):
            yield Fault(invariant, ", ".join(map(_told, row)))
    async for kept in derived(db):
        for fault in tails.faults_of(kept):
            yield fault
    async for fault in check_content.check(db):
        yield fault


def _told(value: int | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else f"{value}"
