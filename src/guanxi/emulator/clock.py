"""The clock of a service under test: real time, frozen, or moved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from guanxi.stores.lines import LATEST

_NS = 10**9
_RANGE = "the service's clock must be from 1970 to 9999"


def machine() -> int:
    """Return the machine's time in nanoseconds since the Unix epoch.

    Unlike ``time.time_ns``, it is not replaced by what freezes Python's clocks in tests, and only
    on some stacks: the service would have two times.
    """
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


def monotonic() -> float:
    """Return ``time.monotonic()`` as it is without such a replacement."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Clock:
    """Returns nanoseconds since the Unix epoch when it is called, as the service's clock does."""

    def __init__(self, real: Callable[[], int] = machine) -> None:
        """Follow ``real``, which returns nanoseconds since the Unix epoch."""
        self._real = real
        self._frozen: int | None = None
        self._ahead = 0

    def __call__(self) -> int:
        return self._real() + self._ahead if self._frozen is None else self._frozen

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def at(self, seconds: float) -> None:
        """Freeze the clock at a Unix time. Raise ValueError if it is before 1970 or after 9999."""
        self._frozen = _checked(_nanoseconds(seconds))

    def advance(self, seconds: float) -> None:
        """Move the clock, frozen or not, forwards, or backwards if ``seconds`` is negative.

        Raise ValueError if it would be before 1970 or after 9999.
        """
        further = _nanoseconds(seconds)
        moved = _checked(self() + further)
        if self._frozen is None:
            self._ahead += further
        else:
            self._frozen = moved

    def resume(self) -> None:
        """Return to real time."""
        self._frozen, self._ahead = None, 0


def _nanoseconds(seconds: float) -> int:
    if not math.isfinite(seconds * _NS):
        raise ValueError(_RANGE)
    return round(seconds * _NS)


def _checked(nanoseconds: int) -> int:
    if not 0 <= nanoseconds // _NS <= LATEST:
        raise ValueError(_RANGE)
    return nanoseconds
