"""The whole check of a recorded history."""

from __future__ import annotations

from collections.abc import Sequence

from tests.history import claims, linear
from tests.history.ops import Change, Op
from tests.history.world import ACCOUNTS, STARS, START


def faults(ops: Sequence[Op], feed: Sequence[Change] | None) -> dict[str, list[str]]:
    """Return what contradicts each claim; without the claims that hold."""
    checks = {
        "linearizable": linear.contradictions(ops, ACCOUNTS, START, feed),
        "own writes": claims.lost_writes(ops),
        "counts": claims.wrong_counts(ops),
        "growing counts": claims.fallen_counts(ops, STARS),
        "versions": claims.wrong_versions(ops),
        "feed": claims.wrong_feed(ops, feed or ()),
    }
    return {claim: found for claim, found in checks.items() if found}
