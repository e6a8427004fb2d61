"""The check of the whole store: for each invariant, a statement that finds rows that break it.

The reads expect the caller's REPEATABLE READ transaction, and so share one snapshot. On Citus there
is no snapshot over several shards: a check during writes may report a change that is not complete.
Statements compare whole sets of rows, so that no join leaves its shard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from guanxi.accounts.account import State
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores import tails
from guanxi.stores.looking import ROWS, Looking, Steps
from guanxi.stores.port import Fault
from guanxi.stores.postgresql import check_content, feed
from guanxi.stores.postgresql.cards import derived
from guanxi.stores.postgresql.connections import Connection

#: By invariant, a statement that returns the rows that break it: mostly the owner and the item.
_VIOLATIONS = {
    "no row of a pair is empty": """
        SELECT owner, other FROM relation
        WHERE coalesce(follows, whispers, blocks, followed, requests, requested) IS NULL""",
    "no account has two of a following, a whisper and a block towards another": """
        SELECT owner, other FROM relation WHERE num_nonnulls(follows, whispers, blocks) > 1""",
    "no account follows or whispers to an account that blocks it": """
        SELECT owner, other FROM relation WHERE blocks IS NOT NULL
        INTERSECT
        SELECT other, owner FROM relation WHERE follows IS NOT NULL OR whispers IS NOT NULL""",
    "no account is followed by an account that it blocks": """
        SELECT owner, other FROM relation WHERE blocks IS NOT NULL AND followed IS NOT NULL""",
    "no request to follow is next to a following, or to a block of either side": """
        SELECT owner, other FROM relation WHERE
        (requests IS NOT NULL AND coalesce(follows, blocks) IS NOT NULL)
        OR (requested IS NOT NULL AND coalesce(followed, blocks) IS NOT NULL)""",
    "no account follows, whispers to, blocks or requests to follow itself": """
        SELECT owner, other FROM relation WHERE owner = other""",
    "groups, contracts and visits belong to followings": """
        SELECT owner, other FROM relation WHERE follows IS NULL
        AND num_nonnulls(groups, contract_ts, contract_attr, visits) > 0""",
    "the groups of a following are not empty, unique and sorted": f"""
        SELECT owner, other FROM relation WHERE groups IS NOT NULL
        AND ({DEFAULT} = ANY(groups) OR groups IS DISTINCT FROM (
            SELECT array_agg(DISTINCT each ORDER BY each) FROM unnest(groups) AS each
        ))""",
    "the group of each member exists": f"""
        SELECT owner, each FROM relation CROSS JOIN LATERAL unnest(groups) AS each
        WHERE each <> {SPECIAL}
        EXCEPT SELECT owner, id FROM grp""",
    "no stored group has the id of a built-in group": f"""
        SELECT owner, id FROM grp WHERE id IN ({SPECIAL}, {DEFAULT})""",
    "each contract has both its time and its attribute": """
        SELECT owner, other FROM relation WHERE num_nonnulls(contract_ts, contract_attr) = 1
        OR num_nonnulls(other_contract_ts, other_contract_attr) = 1""",
    "each visit count is positive": """
        SELECT owner, other FROM relation WHERE visits < 1""",
    "no sort key is greater than the account's stored newest one": """
        SELECT mid, newest FROM tally JOIN relation ON owner = mid
        GROUP BY mid, newest HAVING max(greatest(follows, whispers, blocks, requests)) > newest""",
    "every account that a row names exists": """
        (SELECT owner FROM relation UNION SELECT other FROM relation
        UNION SELECT owner FROM grp UNION SELECT mid FROM follower_tally
        UNION SELECT mid FROM session)
        EXCEPT SELECT mid FROM account""",
    "a deregistered account has no sessions": f"""
        SELECT mid FROM session INTERSECT
        SELECT mid FROM account WHERE state = {State.DEREGISTERED:d}""",
}

#: By invariant, two statements that must return the same rows.
_EQUAL_SETS = {
    "each following is stored at both ends with the same sort key": (
        "SELECT owner, other, follows FROM relation WHERE follows IS NOT NULL",
        "SELECT other, owner, followed FROM relation WHERE followed IS NOT NULL",
    ),
    "each request to follow is stored at both ends with the same sort key": (
        "SELECT owner, other, requests FROM relation WHERE requests IS NOT NULL",
        "SELECT other, owner, requested FROM relation WHERE requested IS NOT NULL",
    ),
    "each contract is stored at both ends": (
        """SELECT owner, other, contract_ts, contract_attr FROM relation
        WHERE contract_ts IS NOT NULL""",
        """SELECT other, owner, other_contract_ts, other_contract_attr FROM relation
        WHERE other_contract_ts IS NOT NULL""",
    ),
    "each count equals the length of its list": (
        """SELECT mid, following, whisper, black FROM tally
        WHERE (following, whisper, black) <> (0, 0, 0)""",
        """SELECT owner, count(follows), count(whispers), count(blocks) FROM relation
        GROUP BY owner HAVING count(coalesce(follows, whispers, blocks)) > 0""",
    ),
    "the counts of followers equal the lengths of their lists": (
        """SELECT mid, sum(follower)::bigint FROM follower_tally
        GROUP BY mid HAVING sum(follower) <> 0""",
        """SELECT owner, count(followed) FROM relation
        GROUP BY owner HAVING count(followed) > 0""",
    ),
    "each group's count equals the number of its members": (
        f"""SELECT owner, id, members FROM grp WHERE members <> 0
        UNION ALL SELECT mid, {SPECIAL}, special FROM tally WHERE special <> 0
        UNION ALL SELECT mid, {DEFAULT}, grouped FROM tally WHERE grouped <> 0""",
        f"""SELECT owner, each, count(*) FROM relation CROSS JOIN LATERAL unnest(groups) AS each
        GROUP BY owner, each
        UNION ALL SELECT owner, {DEFAULT}, count(*) FROM relation WHERE groups IS NOT NULL
        GROUP BY owner""",
    ),
    "each account has counts, and all counts have an account": (
        "SELECT mid FROM account",
        "SELECT mid FROM tally",
    ),
    "each account's name is in the table of names, and no other": (
        f"SELECT mid, name FROM account WHERE state <> {State.DEREGISTERED:d}",
        "SELECT mid, name FROM account_name",
    ),
}

#: The names of all invariants of relations and accounts.
INVARIANTS = (*_VIOLATIONS, *_EQUAL_SETS, *tails.INVARIANTS, feed.INVARIANT)
_PREFETCH = 500


async def check(db: Connection, looking: Looking | None = None) -> AsyncIterator[Fault]:
    """Yield a fault for each stored row that breaks an invariant, documents included.

    ``looking`` is called with each invariant, or the rows that are looked at, and the share that is
    done. Expects a transaction.
    """
    differences = {
        invariant: f"(({one}) EXCEPT ({other})) UNION ALL (({other}) EXCEPT ({one}))"
        for invariant, (one, other) in _EQUAL_SETS.items()
    }
    statements = {**_VIOLATIONS, **differences}
    steps = Steps(looking, len(statements) + len(ROWS))
    for invariant, statement in statements.items():
        steps.begin(invariant)
        async for row in db.cursor(statement, prefetch=_PREFETCH):
            yield Fault(invariant, ", ".join(map(_text, row)))
    accounts, changes, documents = ROWS
    steps.begin(accounts)
    count, number = int(await db.fetchval("SELECT count(*) FROM account")), 0
    async for account in derived(db):
        number += 1
        steps.passed(number, count)
        for fault in tails.faults_of(account):
            yield fault
    steps.begin(changes)
    async for fault in feed.faults(db):
        yield fault
    steps.begin(documents)
    async for fault in check_content.check(db, steps):
        yield fault


def _text(value: int | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else f"{value}"
