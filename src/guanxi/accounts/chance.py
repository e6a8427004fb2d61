"""Where a service draws chance from: for tokens, keys and ids.

It is an argument, as the clock is, so that an emulator can hand in one that repeats. Whoever hands
in none gets the operating system's.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_bytes

#: Returns so many random bytes for a purpose, such as ``token``. One that repeats may keep an order
#: for each purpose, so that what is drawn for one does not depend on what was drawn for another.
Chance = Callable[[str, int], bytes]

_NUMBER_BYTES = 16


def system(_purpose: str, size: int) -> bytes:
    """Return ``size`` bytes that nobody can predict."""
    return token_bytes(size)


def number_below(count: int, purpose: str, chance: Chance = system) -> int:
    """Return a random number from 0 to ``count`` - 1, for a ``count`` of at most 2**64.

    No number is more likely than another by more than 2**-64.
    """
    return int.from_bytes(chance(purpose, _NUMBER_BYTES)) % count
