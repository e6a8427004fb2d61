"""Accounts to follow: those whom the followings of an account follow."""

from __future__ import annotations

import apsw

from guanxi.accounts.account import State
from guanxi.stores.port import Suggestion
from guanxi.stores.port.rows import SOURCES, TARGETS
from guanxi.world.marks import DISMISSAL, MUTE

#: A condition: the account is not deregistered, and not banned at the time of the read.
_ACTS = f"""(
    account.state = {State.NORMAL}
    OR account.state = {State.BANNED} AND account.ban_until BETWEEN 1 AND :now
)"""

# `source` is a following of the owner, `found` what the sources follow; CROSS JOIN fixes the order.
# A source's newest followings are found by the place of the last of them.
_SUGGESTIONS = f"""
WITH source AS MATERIALIZED (
    SELECT target AS mid FROM following WHERE owner = :owner ORDER BY place DESC LIMIT {SOURCES}
), shown AS MATERIALIZED (
    SELECT source.mid, coalesce((
        SELECT place FROM following WHERE owner = source.mid
        ORDER BY place DESC LIMIT 1 OFFSET {TARGETS - 1}
    ), 0) AS last
    FROM source CROSS JOIN account ON account.mid = source.mid
    WHERE {_ACTS} AND NOT account.hide_followings
), found AS MATERIALIZED (
    SELECT target AS mid, count(*) AS shared
    FROM shown CROSS JOIN following ON owner = shown.mid AND place >= shown.last
    GROUP BY target
)
SELECT found.mid, found.shared, tally.follower
FROM found
CROSS JOIN account ON account.mid = found.mid
CROSS JOIN tally ON tally.mid = found.mid
WHERE found.mid <> :owner AND {_ACTS} AND NOT account.refuse_follows
AND NOT EXISTS (SELECT 1 FROM following WHERE owner = :owner AND target = found.mid)
AND NOT EXISTS (SELECT 1 FROM block WHERE owner = :owner AND target = found.mid)
AND NOT EXISTS (SELECT 1 FROM block WHERE owner = found.mid AND target = :owner)
AND NOT EXISTS (
    SELECT 1 FROM content_key
    WHERE owner = :owner AND kind IN ('{MUTE.name}', '{DISMISSAL.name}') AND id = found.mid
    AND name = 'until' AND value > :now
)
ORDER BY found.shared * found.shared * -1.0 / max(tally.follower, 1), found.shared DESC, found.mid
LIMIT :limit
"""


def suggestions(db: apsw.Connection, owner: int, limit: int, now: int) -> list[Suggestion]:
    """Return accounts that the owner's followings follow, the best first.

    ``now`` is in seconds since the Unix epoch.
    """
    found = db.execute(_SUGGESTIONS, {"owner": owner, "limit": limit, "now": now})
    return [Suggestion(*row) for row in found]
