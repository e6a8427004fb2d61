"""Refuse requests beyond what a process can answer soon, so that the admitted ones do not wait.

An event loop works in turns: it reads what has arrived on all connections, then answers it. With
more requests than it can answer, turns become as long as there are connections, and everybody waits
for two of them. Here a turn takes about ``TURN_SECONDS`` at most; what was read beyond that is
refused while it is read, for less than the cost of an answer. ``FEWEST`` requests are always
admitted, so that a process with so few connections refuses nothing, however slow its machine is.

A burst is not overload: nothing is refused until all turns of the last ``STANDING_SECONDS`` were
longer. Overload ends when nothing had to be refused for ``CALM_SECONDS``: those that were refused
come back after a second, all of them in one turn.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from guanxi.service import logs

#: How long a turn may take. A request waits for the rest of the turn in which it arrives, and in
#: the next one for the requests that were read before it.
TURN_SECONDS = 0.03
#: How many requests every turn admits.
FEWEST = 128
#: How long turns are longer before anything is refused.
STANDING_SECONDS = 0.5
#: How long after the last refusal the limit holds.
CALM_SECONDS = 2.0
#: The part of a new measurement in the seconds that an answer takes.
_NEW = 0.25
_UNLIMITED = 2**62


class Overload:
    """How many requests a turn of the running event loop may admit.

    Attributes that are read for each request are public to save calls.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: The requests that this turn has admitted and refused so far, and may admit.
        self._admitted = self._refused = 0
        self._limit = _UNLIMITED
        #: Whether turns are watched: while requests come in each of them.
        self._is_watching = False
        #: When the first request of this turn was read, and the answers of the last one began.
        self._read_at = self._answered_at = 0.0
        #: How many requests the last turn admitted, and the seconds that an answer takes.
        self._before, self._seconds = 0, 0.0
        #: Since when all turns were too long; None if the last one was not.
        self._since: float | None = None
        #: How many requests were refused since the overload began, and when the last turn of them
        #: was.
        self._refused_in_all, self._refused_at = 0, 0.0

    @property
    def is_overloaded(self) -> bool:
        """Return whether requests are being refused."""
        return self._limit != _UNLIMITED

    def admits(self) -> bool:
        """Count a request that was read; return whether it may be answered."""
        if not self._admitted:
            self._begin()
        if self._admitted >= self._limit:
            self._refused += 1
            return False
        self._admitted += 1
        return True

    def _begin(self) -> None:
        self._read_at = monotonic()
        if self.is_overloaded and self._read_at - self._refused_at > CALM_SECONDS:
            self._end()
        if not self._is_watching:
            self._is_watching, self._since = True, None
            self._answered_at = 0.0
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Look at the last turn: after everything was read, and before it is answered."""
        now = monotonic()
        if self._refused:
            self._refused_in_all, self._refused_at = self._refused_in_all + self._refused, now
        if self._answered_at:
            # Without a new request, the answers of the last turn took until now.
            read_at = self._read_at if self._admitted else now
            self._look(now, read_at - self._answered_at, now - read_at)
        self._before, self._answered_at = self._admitted, now
        self._is_watching = self._admitted > 0
        self._admitted = self._refused = 0
        if self._is_watching:
            self._loop.call_soon(self._turn)  # in the next turn

    def _look(self, now: float, took: float, reading: float) -> None:
        """Decide how many requests the next turn may admit.

        ``took`` are the seconds of the last answers, ``reading`` those of reading the next
        requests and refusing some of them.
        """
        self._seconds += _NEW * (took / self._before - self._seconds)
        if not self.is_overloaded:
            if took + reading <= TURN_SECONDS or self._before <= FEWEST:
                self._since = None
                return
            self._since = self._since or now
            if now - self._since < STANDING_SECONDS:
                return
            self._refused_in_all, self._refused_at = 0, now
            logs.event(logging.WARNING, "overloaded", seconds=round(took + reading, 3))
        # Clients that come back without waiting may take most of a turn, but not all of it.
        left = max(TURN_SECONDS - reading, reading / 3)
        self._limit = max(FEWEST, int(left / self._seconds))

    def _end(self) -> None:
        self._limit, self._since = _UNLIMITED, None
        logs.event(logging.WARNING, "no longer overloaded", refused=self._refused_in_all)
