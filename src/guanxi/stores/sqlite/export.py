"""Every edge of a store, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw

from guanxi.graph.pair import Contract, mtime_of
from guanxi.stores.port import EdgeRow
from guanxi.stores.sqlite.schema import GROUPED, OWNER_CONTRACT, SPECIAL_BIT

_EDGES = f"""
SELECT owner, place, target, 'follow', flags,
    CASE WHEN flags & {GROUPED} THEN (
        SELECT json_group_array(name ORDER BY made) FROM member JOIN grp
        ON grp.owner = member.owner AND grp.id = member.grp
        WHERE member.owner = following.owner AND member.target = following.target
    ) END,
    CASE WHEN flags & {OWNER_CONTRACT} THEN (
        SELECT json_array(ts, user_attr) FROM contract
        WHERE contract.owner = following.owner AND contract.target = following.target
    ) END
FROM following
UNION ALL SELECT owner, place, target, 'whisper', 0, NULL, NULL FROM whisper
UNION ALL SELECT owner, place, target, 'block', 0, NULL, NULL FROM block
ORDER BY 1, 2, 3
"""


def edges(db: apsw.Connection) -> Iterator[EdgeRow]:
    """Every following, whisper and block, by account, oldest first."""
    for owner, place, target, kind, flags, groups, contract in db.execute(_EDGES):
        yield EdgeRow(
            follower=owner,
            followed=target,
            time=mtime_of(place),
            kind=kind,
            special=bool(flags & SPECIAL_BIT),
            groups=() if groups is None else tuple(json.loads(groups)),
            contract=None if contract is None else Contract(*json.loads(contract)),
        )
