"""The check of the whole store: for each invariant, a statement that finds rows that break it."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from guanxi.accounts.account import State
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores import tails
from guanxi.stores.looking import ROWS, Looking, Steps
from guanxi.stores.port import Fault
from guanxi.stores.sqlite import check_content, feed
from guanxi.stores.sqlite.cards import derived
from guanxi.stores.sqlite.schema import (
    CONTRACTS,
    GROUPED,
    IN_GROUPS,
    ITEM_CONTRACT,
    MUTUAL,
    OWNER_CONTRACT,
    SPECIAL_BIT,
)

_FOLLOWS = "EXISTS (SELECT 1 FROM following AS f WHERE f.owner = {} AND f.target = {})"
_CONTRACTED = "EXISTS (SELECT 1 FROM contract AS c WHERE c.owner = {} AND c.target = {})"


def _grouped(operator: str) -> str:
    """Return an SQL condition: following ``a`` is in the special group ("="), or another ("<>")."""
    return (
        "EXISTS (SELECT 1 FROM member AS m WHERE m.owner = a.owner AND m.target = a.target"
        f" AND m.grp {operator} {SPECIAL})"
    )


def _bit(flags: int) -> str:
    return f"(a.flags & {flags} <> 0)"


#: By invariant, a statement that returns two numbers for each row that breaks it: mostly the owner
#: and the item.
_VIOLATIONS = {
    "each following row has a follower row with the same sort key": """
        SELECT a.owner, a.target FROM following AS a WHERE NOT EXISTS (
            SELECT 1 FROM follower AS b
            WHERE b.owner = a.target AND b.place = a.place AND b.source = a.owner)""",
    "each follower row has a following row with the same sort key": """
        SELECT a.owner, a.source FROM follower AS a WHERE NOT EXISTS (
            SELECT 1 FROM following AS b
            WHERE b.owner = a.source AND b.place = a.place AND b.target = a.owner)""",
    "a following is flagged mutual if and only if the target follows back": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(MUTUAL)} <> {_FOLLOWS.format("a.target", "a.owner")}""",
    "a follower is flagged mutual if and only if it is followed back": f"""
        SELECT a.owner, a.source FROM follower AS a
        WHERE {_bit(MUTUAL)} <> {_FOLLOWS.format("a.owner", "a.source")}""",
    "no account follows an account that it blocks or that blocks it": f"""
        SELECT a.owner, a.target FROM block AS a
        WHERE {_FOLLOWS.format("a.owner", "a.target")} OR {_FOLLOWS.format("a.target", "a.owner")}
        """,
    "no account whispers to an account that it blocks or that blocks it": """
        SELECT a.owner, a.target FROM block AS a JOIN whisper AS w
        ON (w.owner = a.owner AND w.target = a.target)
        OR (w.owner = a.target AND w.target = a.owner)""",
    "no target is both followed and whispered to": f"""
        SELECT a.owner, a.target FROM whisper AS a WHERE {_FOLLOWS.format("a.owner", "a.target")}
        """,
    "no request to follow is next to a following, or to a block of either side": """
        SELECT a.owner, a.target FROM request AS a
        WHERE EXISTS (
            SELECT 1 FROM following AS f WHERE f.owner = a.owner AND f.target = a.target
        ) OR EXISTS (
            SELECT 1 FROM block AS b WHERE (b.owner = a.owner AND b.target = a.target)
            OR (b.owner = a.target AND b.target = a.owner)
        )""",
    "no account follows, whispers to, blocks or requests to follow itself": """
        SELECT owner, target FROM following WHERE owner = target
        UNION ALL SELECT owner, target FROM whisper WHERE owner = target
        UNION ALL SELECT owner, target FROM block WHERE owner = target
        UNION ALL SELECT owner, target FROM request WHERE owner = target""",
    "a following is flagged special if and only if it is in the special group": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(SPECIAL_BIT)} <> {_grouped("=")}""",
    "a following is flagged grouped if and only if it is in another group": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(GROUPED)} <> {_grouped("<>")}""",
    "each group member is a following with the same sort key": """
        SELECT a.owner, a.target FROM member AS a WHERE NOT EXISTS (
            SELECT 1 FROM following AS b
            WHERE b.owner = a.owner AND b.place = a.place AND b.target = a.target)""",
    "the group of each member exists": f"""
        SELECT a.owner, a.grp FROM member AS a WHERE grp <> {SPECIAL} AND NOT EXISTS (
            SELECT 1 FROM grp WHERE grp.owner = a.owner AND grp.id = a.grp)""",
    "no stored group has the id of a built-in group": f"""
        SELECT owner, id FROM grp WHERE id IN ({SPECIAL}, {DEFAULT})""",
    "each contract belongs to a following": f"""
        SELECT a.owner, a.target FROM contract AS a
        WHERE NOT {_FOLLOWS.format("a.owner", "a.target")}""",
    "a following's contract flags match the contracts of both sides": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(OWNER_CONTRACT)} <> {_CONTRACTED.format("a.owner", "a.target")}
        OR {_bit(ITEM_CONTRACT)} <> {_CONTRACTED.format("a.target", "a.owner")}""",
    "a follower's contract flags match the contracts of both sides": f"""
        SELECT a.owner, a.source FROM follower AS a
        WHERE {_bit(OWNER_CONTRACT)} <> {_CONTRACTED.format("a.owner", "a.source")}
        OR {_bit(ITEM_CONTRACT)} <> {_CONTRACTED.format("a.source", "a.owner")}""",
    "only known flags are set": f"""
        SELECT owner, target FROM following WHERE flags & ~{MUTUAL | IN_GROUPS | CONTRACTS}
        UNION ALL SELECT owner, source FROM follower WHERE flags & ~{MUTUAL | CONTRACTS}""",
    "each visit count is positive and belongs to a following": f"""
        SELECT a.owner, a.target FROM visit AS a
        WHERE visits < 1 OR NOT {_FOLLOWS.format("a.owner", "a.target")}""",
    "each count equals the length of its list": """
        SELECT mid, following FROM tally
        WHERE following <> (SELECT count(*) FROM following WHERE owner = mid)
        OR whisper <> (SELECT count(*) FROM whisper WHERE owner = mid)
        OR black <> (SELECT count(*) FROM block WHERE owner = mid)
        OR follower <> (SELECT count(*) FROM follower WHERE owner = mid)""",
    "each group's count equals the number of its members": f"""
        SELECT owner, id FROM grp WHERE members <> (
            SELECT count(*) FROM member WHERE member.owner = grp.owner AND member.grp = id)
        UNION ALL SELECT mid, {SPECIAL} FROM tally WHERE special <> (
            SELECT count(*) FROM member WHERE owner = mid AND grp = {SPECIAL})
        UNION ALL SELECT mid, {DEFAULT} FROM tally WHERE grouped <> (
            SELECT count(DISTINCT target) FROM member WHERE owner = mid)""",
    "each account has counts, and all counts have an account": """
        SELECT mid, 0 FROM account WHERE mid NOT IN (SELECT mid FROM tally)
        UNION ALL SELECT mid, 0 FROM tally WHERE mid NOT IN (SELECT mid FROM account)""",
    "every account that a row names exists": """
        SELECT owner, target FROM (
            SELECT owner, target FROM following UNION ALL SELECT owner, source FROM follower
            UNION ALL SELECT owner, target FROM whisper UNION ALL SELECT target, owner FROM whisper
            UNION ALL SELECT owner, target FROM block UNION ALL SELECT target, owner FROM block
            UNION ALL SELECT owner, target FROM request
            UNION ALL SELECT target, owner FROM request
            UNION ALL SELECT owner, id FROM grp UNION ALL SELECT mid, created FROM session
        ) WHERE owner NOT IN (SELECT mid FROM account)""",
    "a deregistered account has no sessions": f"""
        SELECT mid, session.created FROM session JOIN account USING (mid)
        WHERE state = {State.DEREGISTERED:d}""",
}


_INTEGRITY = "the file passes SQLite's integrity check"

#: The names of all invariants of the file, the relations and the accounts.
INVARIANTS = (_INTEGRITY, *_VIOLATIONS, *tails.INVARIANTS, feed.INVARIANT)


def check(db: apsw.Connection, looking: Looking | None = None) -> Iterator[Fault]:
    """Check all rows, documents included; yield a fault for each row that breaks an invariant.

    ``looking`` is called with each invariant, or the rows that are looked at, and the share that is
    done.
    """
    steps = Steps(looking, 1 + len(_VIOLATIONS) + len(ROWS))
    steps.begin(_INTEGRITY)
    for (text,) in db.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Fault(_INTEGRITY, text)
    for invariant, statement in _VIOLATIONS.items():
        steps.begin(invariant)
        for owner, item in db.execute(statement):
            yield Fault(invariant, f"{owner}, {item}")
    accounts, changes, documents = ROWS
    steps.begin(accounts)
    count = int(db.execute("SELECT count(*) FROM account").get)
    for number, account in enumerate(derived(db)):
        steps.passed(number, count)
        yield from tails.faults_of(account)
    steps.begin(changes)
    yield from feed.faults(db)
    steps.begin(documents)
    yield from check_content.check(db, steps)
