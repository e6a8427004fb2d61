"""What a service answered in the last hour and day: one sample a minute, kept in memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from guanxi.service.metrics import BOUNDS, Totals

#: Seconds between two samples, and how many are kept: a day and its start.
SECONDS, KEPT = 60, 1_441
#: The size of a chart's view, and how many points its line has at most.
WIDTH, HEIGHT, _POINTS = 600, 120, 240


class Sample(NamedTuple):
    """What was counted until a time, in seconds since the Unix epoch."""

    time: float
    totals: Totals


class Period(NamedTuple):
    """What was answered between two samples."""

    seconds: float
    requests: int
    codes: Counter[int]
    endpoints: Counter[str]
    follows: int
    buckets: tuple[int, ...]

    @property
    def each_minute(self) -> float:
        """Return how many followings began a minute."""
        return self.follows * 60 / self.seconds if self.seconds else 0.0

    def slower(self, share: float) -> float | None:
        """Return a bound in seconds that all but ``share`` of the requests kept to.

        0 without a request; None if it is above the longest bound of ``BOUNDS``.
        """
        left = sum(self.buckets) * (1 - share)
        if not left:
            return 0.0
        for bound, count in zip(BOUNDS, self.buckets, strict=False):
            left -= count
            if left <= 0:
                return bound
        return None


class Line(NamedTuple):
    """The requests a minute over some time: points as SVG has them, and the highest value."""

    points: str
    highest: float
    since: float
    until: float


class Samples:
    """The samples of the last day. A service that has just started has fewer."""

    def __init__(self, read: Callable[[], Totals], clock: Callable[[], float]) -> None:
        """``read`` returns the totals of now, ``clock`` seconds since the Unix epoch."""
        self._read, self._clock = read, clock
        self._kept: deque[Sample] = deque([self._now()], KEPT)

    def take(self) -> None:
        """Keep a sample of now; the oldest of over a day is dropped."""
        self._kept.append(self._now())

    def last(self, seconds: float) -> Period:
        """Return what was answered in the last ``seconds``, or since the start."""
        now = self._now()
        return _between(self._since(now.time - seconds), now)

    def line(self, seconds: float) -> Line | None:
        """Return the requests a minute of the last ``seconds``; None before two minutes."""
        now = self._now()
        kept = [one for one in self._kept if one.time >= now.time - seconds - 1]
        if len(kept) < 3:
            return None
        step = -(-len(kept) // _POINTS)
        chosen = [*kept[:-1:step], kept[-1]]
        periods = [_between(*pair) for pair in pairwise(chosen)]
        rates = [one.requests * 60 / max(one.seconds, 1) for one in periods]
        times = [one.time for one in chosen[1:]]
        return Line(_points(times, rates), max(rates), times[0], times[-1])

    def _now(self) -> Sample:
        return Sample(self._clock(), self._read())

    def _since(self, time: float) -> Sample:
        return next((one for one in self._kept if one.time >= time - SECONDS / 2), self._kept[-1])


def _between(first: Sample, last: Sample) -> Period:
    before, after = first.totals, last.totals
    codes = after.codes - before.codes
    return Period(
        max(last.time - first.time, 0.0),
        codes.total(),
        codes,
        after.endpoints - before.endpoints,
        after.follows - before.follows,
        tuple(now - then for now, then in zip(after.buckets, before.buckets, strict=True)),
    )


def _points(times: Sequence[float], values: Sequence[float]) -> str:
    since, width, highest = times[0], max(times[-1] - times[0], 1), max(values) or 1
    return " ".join(
        f"{WIDTH * (time - since) / width:.1f},{HEIGHT - 4 - (HEIGHT - 8) * value / highest:.1f}"
        for time, value in zip(times, values, strict=True)
    )
