"""The pauses that a client makes between requests to other people's servers, and its clocks."""

from __future__ import annotations

import asyncio
import time
from random import SystemRandom

from msgspec import Struct

from guanxi.contract.errors import ArgsException

_READS, _WRITES, _BUSY = (1.0, 3.0), (2.0, 10.0), (10.0, 30.0)
_uniform = SystemRandom().uniform


class Pace(Struct, frozen=True, kw_only=True):
    """The pauses between a client's requests, in seconds. They can only be longer than the default.

    Args:
        reads: the range (shortest, longest) from which the pause before each GET is drawn, counted
            from the end of the previous request.
        writes: the same for requests that change something.
        busy: the waits before each retry after code -799, jittered; at most as many as by default,
            10 s or more each. Then the call fails. Codes -352 and -412 are never retried.

    Raises ``ArgsException`` for a range below the default one or with its bounds swapped.
    """

    reads: tuple[float, float] = _READS
    writes: tuple[float, float] = _WRITES
    busy: tuple[float, ...] = _BUSY

    def __post_init__(self) -> None:
        ranges = {"reads": (self.reads, _READS), "writes": (self.writes, _WRITES)}
        for name, ((low, high), (min_low, min_high)) in ranges.items():
            if not (min_low <= low <= high and min_high <= high):
                raise ArgsException(
                    f"pace: {name} must be a range of at least {min_low:g} to {min_high:g} s"
                )
        if len(self.busy) > len(_BUSY) or not all(wait >= min(_BUSY) for wait in self.busy):
            raise ArgsException(
                f"pace: busy must be at most {len(_BUSY)} waits of {min(_BUSY):g} s or more each"
            )

    def pause(self, *, writes: bool) -> float:
        """Return a random pause in seconds, within this pace's range ``writes`` or ``reads``."""
        return _uniform(*(self.writes if writes else self.reads))

    def expected(self, reads: int, writes: int) -> float:
        """Return the mean total in seconds of the pauses before so many reads and writes.

        It contains neither the time of the requests nor waits after code -799.
        """
        return (reads * sum(self.reads) + writes * sum(self.writes)) / 2


def longest(waits: tuple[float, ...]) -> float:
    """Return the most seconds that all these waits can take, jittered."""
    return sum(waits) * 3 / 2


def jittered(seconds: float) -> float:
    """Return a random time between 0.5 and 1.5 times ``seconds``."""
    return _uniform(seconds / 2, seconds * 3 / 2)


class Clock:
    """The clock of an async client; pass a subclass as ``clock=`` to control time in tests.

    Its methods raise nothing, and must not in a subclass.
    """

    def time(self) -> float:
        """Return the time in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never decreases."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``, 0 or more."""
        await asyncio.sleep(seconds)


class SyncClock:
    """The clock of a sync client; pass a subclass as ``clock=`` to control time in tests.

    Its methods raise nothing, and must not in a subclass.
    """

    def time(self) -> float:
        """Return the time in seconds since the Unix epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never decreases."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``, 0 or more."""
        time.sleep(seconds)
