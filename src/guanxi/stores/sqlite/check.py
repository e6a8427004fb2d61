"""Every invariant of the rules over the whole store: each a statement that finds what breaks it."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from guanxi.accounts.account import State
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores import tails
from guanxi.stores.port import Fault
from guanxi.stores.sqlite import check_content
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


def _grouped(kind: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM member AS m WHERE m.owner = a.owner AND m.target = a.target"
        f" AND m.grp {kind} {SPECIAL})"
    )


def _bit(flags: int) -> str:
    return f"(a.flags & {flags} <> 0)"


#: Each invariant, and what breaks it: two numbers, mostly the owner and the item of a row.
_BROKEN = {
    "a following has its follower's row, at the same place": """
        SELECT a.owner, a.target FROM following AS a WHERE NOT EXISTS (
            SELECT 1 FROM follower AS b
            WHERE b.owner = a.target AND b.place = a.place AND b.source = a.owner)""",
    "a follower's row has its following, at the same place": """
        SELECT a.owner, a.source FROM follower AS a WHERE NOT EXISTS (
            SELECT 1 FROM following AS b
            WHERE b.owner = a.source AND b.place = a.place AND b.target = a.owner)""",
    "a following is mutual when its target follows back": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(MUTUAL)} <> {_FOLLOWS.format("a.target", "a.owner")}""",
    "a follower is mutual when it is followed back": f"""
        SELECT a.owner, a.source FROM follower AS a
        WHERE {_bit(MUTUAL)} <> {_FOLLOWS.format("a.owner", "a.source")}""",
    "nobody follows one that they block or that blocks them": f"""
        SELECT a.owner, a.target FROM block AS a
        WHERE {_FOLLOWS.format("a.owner", "a.target")} OR {_FOLLOWS.format("a.target", "a.owner")}
        """,
    "nobody whispers to one that they block or that blocks them": """
        SELECT a.owner, a.target FROM block AS a JOIN whisper AS w
        ON (w.owner = a.owner AND w.target = a.target)
        OR (w.owner = a.target AND w.target = a.owner)""",
    "a whisper is no following": f"""
        SELECT a.owner, a.target FROM whisper AS a WHERE {_FOLLOWS.format("a.owner", "a.target")}
        """,
    "nobody follows, whispers to or blocks themselves": """
        SELECT owner, target FROM following WHERE owner = target
        UNION ALL SELECT owner, target FROM whisper WHERE owner = target
        UNION ALL SELECT owner, target FROM block WHERE owner = target""",
    "a following is special when it is in the special group": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(SPECIAL_BIT)} <> {_grouped("=")}""",
    "a following is grouped when it is in a group": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(GROUPED)} <> {_grouped("<>")}""",
    "a member is a following, at its place": """
        SELECT a.owner, a.target FROM member AS a WHERE NOT EXISTS (
            SELECT 1 FROM following AS b
            WHERE b.owner = a.owner AND b.place = a.place AND b.target = a.target)""",
    "a member's group is there": f"""
        SELECT a.owner, a.grp FROM member AS a WHERE grp <> {SPECIAL} AND NOT EXISTS (
            SELECT 1 FROM grp WHERE grp.owner = a.owner AND grp.id = a.grp)""",
    "a group's id is its own": f"""
        SELECT owner, id FROM grp WHERE id IN ({SPECIAL}, {DEFAULT})""",
    "a contract hangs on a following": f"""
        SELECT a.owner, a.target FROM contract AS a
        WHERE NOT {_FOLLOWS.format("a.owner", "a.target")}""",
    "a following knows the contracts of both sides": f"""
        SELECT a.owner, a.target FROM following AS a
        WHERE {_bit(OWNER_CONTRACT)} <> {_CONTRACTED.format("a.owner", "a.target")}
        OR {_bit(ITEM_CONTRACT)} <> {_CONTRACTED.format("a.target", "a.owner")}""",
    "a follower's row knows the contracts of both sides": f"""
        SELECT a.owner, a.source FROM follower AS a
        WHERE {_bit(OWNER_CONTRACT)} <> {_CONTRACTED.format("a.owner", "a.source")}
        OR {_bit(ITEM_CONTRACT)} <> {_CONTRACTED.format("a.source", "a.owner")}""",
    "flags are known ones": f"""
        SELECT owner, target FROM following WHERE flags & ~{MUTUAL | IN_GROUPS | CONTRACTS}
        UNION ALL SELECT owner, source FROM follower WHERE flags & ~{MUTUAL | CONTRACTS}""",
    "visits are of followings": f"""
        SELECT a.owner, a.target FROM visit AS a
        WHERE visits < 1 OR NOT {_FOLLOWS.format("a.owner", "a.target")}""",
    "a count is the length of its list": """
        SELECT mid, following FROM tally
        WHERE following <> (SELECT count(*) FROM following WHERE owner = mid)
        OR whisper <> (SELECT count(*) FROM whisper WHERE owner = mid)
        OR black <> (SELECT count(*) FROM block WHERE owner = mid)
        OR follower <> (SELECT count(*) FROM follower WHERE owner = mid)""",
    "an account has its counts, and counts their account": """
        SELECT mid, 0 FROM account WHERE mid NOT IN (SELECT mid FROM tally)
        UNION ALL SELECT mid, 0 FROM tally WHERE mid NOT IN (SELECT mid FROM account)""",
    "both ends of what stands have accounts": """
        SELECT owner, target FROM (
            SELECT owner, target FROM following UNION ALL SELECT owner, source FROM follower
            UNION ALL SELECT owner, target FROM whisper UNION ALL SELECT target, owner FROM whisper
            UNION ALL SELECT owner, target FROM block UNION ALL SELECT target, owner FROM block
            UNION ALL SELECT owner, id FROM grp UNION ALL SELECT mid, created FROM session
        ) WHERE owner NOT IN (SELECT mid FROM account)""",
    "a deregistered account has no sessions": f"""
        SELECT mid, created FROM session JOIN account USING (mid)
        WHERE state = {State.DEREGISTERED:d}""",
}


_WHOLE = "the file is whole"

#: All that is checked of relations and accounts, by name.
INVARIANTS = (_WHOLE, *_BROKEN, *tails.INVARIANTS)


def check(db: apsw.Connection) -> Iterator[Fault]:
    """Every fault of a store, row by row; the file itself first."""
    for (text,) in db.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield Fault(_WHOLE, text)
    for invariant, statement in _BROKEN.items():
        for owner, item in db.execute(statement):
            yield Fault(invariant, f"{owner}, {item}")
    for kept in derived(db):
        yield from tails.faults_of(kept)
    yield from check_content.check(db)
