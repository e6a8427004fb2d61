"""How fast a client may go at a server that is not one's own, and the clocks it goes by."""

from __future__ import annotations

import asyncio
import time
from random import SystemRandom

from msgspec import Struct

from guanxi.contract.errors import ArgsException

_READS, _WRITES, _BUSY = (1.0, 3.0), (2.0, 10.0), (10.0, 30.0)
_uniform = SystemRandom().uniform


class Pace(Struct, frozen=True, kw_only=True):
    """Pauses, in seconds, each drawn from a range anew. They can be longer, never shorter.

    ``reads`` and ``writes`` are the pauses before a request of that kind, counted from the end of
    the one before; ``busy`` are the waits after -799, as many as there are for one call, before the
    call gives up. On -352 and -412 a call stops at once, whatever the pace.

    Raises ``ArgsException`` for a range that is shorter than the default or runs backwards.
    """

    reads: tuple[float, float] = _READS
    writes: tuple[float, float] = _WRITES
    busy: tuple[float, ...] = _BUSY

    def __post_init__(self) -> None:
        ranges = {"reads": (self.reads, _READS), "writes": (self.writes, _WRITES)}
        for name, ((low, high), (least, most)) in ranges.items():
            if not (least <= low <= high and most <= high):
                raise ArgsException(f"pace: {name} are {least:g} to {most:g} s apart, or more")
        if len(self.busy) > len(_BUSY) or not all(wait >= min(_BUSY) for wait in self.busy):
            raise ArgsException(
                f"pace: busy is up to {len(_BUSY)} waits of {min(_BUSY):g} s or more"
            )

    def pause(self, *, writes: bool) -> float:
        """How long to pause before the next request."""
        return _uniform(*(self.writes if writes else self.reads))


def jittered(seconds: float) -> float:
    """About so long: clients that lost one server do not come back all at once."""
    return _uniform(seconds / 2, seconds * 3 / 2)


class Clock:
    """What an async client asks for the time, and waits by."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from some moment on, never backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class SyncClock:
    """What a sync client asks for the time, and waits by."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds from some moment on, never backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
