"""Accounts to follow: those whom the followings of an account follow."""

from __future__ import annotations

from guanxi.accounts.account import State
from guanxi.stores.port import Suggestion
from guanxi.stores.port.rows import SOURCES, TARGETS
from guanxi.stores.postgresql import citus
from guanxi.stores.postgresql.connections import Connection
from guanxi.world.marks import DISMISSAL, MUTE

#: A condition: the account is not deregistered, and not banned at the time of the read.
_ACTS = f"""(
    account.state = {State.NORMAL}
    OR account.state = {State.BANNED} AND account.ban_until BETWEEN 1 AND $3
)"""

# `source` is a following of the owner, `found` what the sources follow.
_SUGGESTIONS = f"""
WITH source AS MATERIALIZED (
    SELECT other AS mid FROM relation WHERE owner = $1 AND follows IS NOT NULL
    ORDER BY follows DESC, other DESC LIMIT {SOURCES}
), found AS MATERIALIZED (
    SELECT theirs.other AS mid, count(*) AS shared
    FROM source
    JOIN account ON account.mid = source.mid
    CROSS JOIN LATERAL (
        SELECT other FROM relation WHERE owner = source.mid AND follows IS NOT NULL
        ORDER BY follows DESC, other DESC LIMIT {TARGETS}
    ) AS theirs
    WHERE {_ACTS} AND NOT account.hide_followings
    GROUP BY theirs.other
), counted AS (
    SELECT found.mid, found.shared, (
        SELECT coalesce(sum(follower), 0)::bigint FROM follower_tally WHERE mid = found.mid
    ) AS followers
    FROM found JOIN account ON account.mid = found.mid
    WHERE found.mid <> $1 AND {_ACTS} AND NOT account.refuse_follows
    AND NOT EXISTS (
        SELECT 1 FROM relation WHERE owner = $1 AND other = found.mid
        AND (follows IS NOT NULL OR blocks IS NOT NULL)
    )
    AND NOT EXISTS (
        SELECT 1 FROM relation WHERE owner = found.mid AND other = $1 AND blocks IS NOT NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM content_key
        WHERE owner = $1 AND kind IN ('{MUTE.name}', '{DISMISSAL.name}') AND id = found.mid
        AND name = 'until' AND value > $3
    )
)
SELECT mid, shared, followers FROM counted
ORDER BY shared * shared * -1.0::float8 / greatest(followers, 1), shared DESC, mid
LIMIT $2
"""


async def suggestions(db: Connection, owner: int, limit: int, now: int) -> list[Suggestion]:
    """Return accounts that the owner's followings follow, the best first.

    ``now`` is in seconds since the Unix epoch.
    """
    if await citus.is_distributed(db):
        return await citus.suggestions(db, owner, limit, now)
    return [Suggestion(*row) for row in await db.fetch(_SUGGESTIONS, owner, limit, now)]
