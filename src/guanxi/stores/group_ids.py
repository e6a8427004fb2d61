"""The ids of new groups: random, from one range, unique within an owner."""

from __future__ import annotations

from collections.abc import Container

from guanxi.accounts.chance import Chance, number_below, system

#: New ids are at least ``LOWEST`` and less than ``LOWEST + COUNT``.
LOWEST, COUNT = 100_000, 2**31 - 1 - 100_000


def new_group_id(used: Container[int], chance: Chance = system) -> int:
    """Return a random id from 100000 to 2**31 - 2 that is not in ``used``, the owner's ids."""
    group = LOWEST + number_below(COUNT, "group", chance)
    while group in used:
        group = LOWEST + number_below(COUNT, "group", chance)
    return group
