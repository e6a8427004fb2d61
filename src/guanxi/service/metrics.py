"""Prometheus metrics of a service, summed over its workers.

Labels are endpoint names and codes of the contract, never text from a request. Each worker counts
in cells of memory that it shares with its parent: to add to one costs far less than a counter of
prometheus-client, and no file can fill up or be removed.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import IO, NamedTuple, TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.contract import endpoints, errors
from guanxi.service.exchange import NO_ENDPOINT, Exchange

#: Upper bounds of the histograms' buckets, in seconds; a last bucket has none.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LABELS = (*map(str, map(float, BOUNDS)), "+Inf")
#: A histogram's cells: one for each bucket, not cumulative, and the sum of the seconds.
_SUM = len(_LABELS)
_HISTOGRAM = _SUM + 1

_NAMES = (NO_ENDPOINT, *endpoints.BY_NAME)
_CODES = (0, *errors.CODES)
#: An endpoint's cells: a count for each code, then the histogram of its seconds.
_OF_CODE = {code: index for index, code in enumerate(_CODES)}
_ENDPOINT = len(_CODES) + _HISTOGRAM
_START = {name: index * _ENDPOINT for index, name in enumerate(_NAMES)}
#: Whose requests were too many, by the code of the refusal.
_LIMITED = {errors.TooManyRequests.number: "account", errors.RequestBanned.number: "address"}
#: After the endpoints: the histogram of the waits to write, and the longest of them.
_WAITS = len(_NAMES) * _ENDPOINT
_LONGEST = _WAITS + _HISTOGRAM
#: The followings that requests began, one by one.
_FOLLOWS = _LONGEST + 1
_WORKER = _FOLLOWS + 1
_CELL_BYTES = 8

#: The cells of one worker, each a float; a count is exact up to 2^53.
Cells: TypeAlias = "memoryview[float]"


class Metrics:
    """The metrics of one worker. Each cell is written by one thread only."""

    def __init__(self, cells: Cells | None = None) -> None:
        """Count in ``cells``, which go on from their values, or in memory of this process."""
        own = memoryview(bytearray(_WORKER * _CELL_BYTES)).cast("d")
        self.cells: Cells = own if cells is None else cells

    def answered(self, exchange: Exchange) -> None:
        """Count an exchange by endpoint and code, and record its duration."""
        cells, seconds, endpoint = self.cells, exchange.seconds, exchange.endpoint
        start = _START[NO_ENDPOINT if endpoint is None else endpoint.name]
        cells[start + _OF_CODE[exchange.code]] += 1
        start += len(_CODES)
        cells[start + bisect_left(BOUNDS, seconds)] += 1
        cells[start + _SUM] += seconds

    def followed(self, count: int) -> None:
        """Count followings that a request began. Call it on the thread that counts exchanges."""
        self.cells[_FOLLOWS] += count

    def waited_to_write(self, seconds: float) -> None:
        """Record the seconds that a transaction waited to write. Call it on one thread only."""
        cells = self.cells
        cells[_WAITS + bisect_left(BOUNDS, seconds)] += 1
        cells[_WAITS + _SUM] += seconds
        cells[_LONGEST] = max(cells[_LONGEST], seconds)


class Totals(NamedTuple):
    """What all workers have counted since they started."""

    codes: Counter[int]
    endpoints: Counter[str]
    #: The requests of each bucket of ``BOUNDS``, and of a last one without a bound.
    buckets: tuple[int, ...]
    #: The followings that requests began: of one account, or of many in one request.
    follows: int
    longest_wait: float


def totals(workers: Iterable[Cells]) -> Totals:
    """Return the sum of what workers count; of the longest waits to write, the longest."""
    columns = list(zip(*workers, strict=True))
    cells = [sum(column) for column in columns]
    codes, by_endpoint, buckets = Counter[int](), Counter[str](), [0] * _SUM
    for name, start in _START.items():
        of_codes = {code: int(cells[start + index]) for code, index in _OF_CODE.items()}
        codes.update({code: count for code, count in of_codes.items() if count})
        by_endpoint[name] += sum(of_codes.values())
        first = start + len(_CODES)
        buckets = [have + int(more) for have, more in zip(buckets, cells[first:], strict=False)]
    follows = int(cells[_FOLLOWS])
    return Totals(codes, +by_endpoint, tuple(buckets), follows, max(columns[_LONGEST]))


@contextmanager
def shared(workers: int) -> Iterator[tuple[int, list[Cells]]]:
    """Yield memory for the metrics of some workers: its descriptor, and the cells of each.

    Raise OSError if there is no space for it.
    """
    with memory_file() as file:
        file.write(bytes(workers * _WORKER * _CELL_BYTES))  # a hole may find no space later
        yield file.fileno(), [cells_of(file.fileno(), worker) for worker in range(workers)]


def memory_file() -> IO[bytes]:
    """Return a new file that is in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("guanxi-metrics"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def cells_of(descriptor: int, worker: int) -> Cells:
    """Return a worker's cells in shared memory; ``worker`` counts from 0."""
    cells = memoryview(mmap.mmap(descriptor, 0)).cast("d")
    return cells[worker * _WORKER : (worker + 1) * _WORKER]


class _Collector(Collector):
    """The metrics of one or several workers, as prometheus-client writes them."""

    def __init__(self, workers: Iterable[Cells]) -> None:
        columns = list(zip(*workers, strict=True))
        self._cells = [sum(column) for column in columns]
        self._longest = max(columns[_LONGEST])

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of endpoints that were requested, and of the waits to write."""
        requests = CounterMetricFamily(
            "guanxi_requests",
            "Requests answered, by endpoint and code.",
            labels=("endpoint", "code"),
        )
        seconds = HistogramMetricFamily(
            "guanxi_request_seconds",
            "Seconds from a request's arrival to its answer, by endpoint.",
            labels=("endpoint",),
        )
        for name, start in _START.items():
            for code, index in _OF_CODE.items():
                if count := self._cells[start + index]:
                    requests.add_metric((name, str(code)), count)
            buckets, total = self._histogram(start + len(_CODES))
            if buckets[-1][1]:
                seconds.add_metric((name,), buckets, total)
        waits = HistogramMetricFamily(
            "guanxi_write_wait_seconds",
            "Seconds that a transaction waited for its turn to write; one for each transaction.",
        )
        waits.add_metric((), *self._histogram(_WAITS))
        yield requests
        yield seconds
        yield self._limited()
        follows = CounterMetricFamily(
            "guanxi_follows", "Followings that requests began, each of a batch counted."
        )
        follows.add_metric((), self._cells[_FOLLOWS])
        yield follows
        yield waits
        yield GaugeMetricFamily(
            "guanxi_write_wait_longest_seconds", "The longest of these waits.", self._longest
        )

    def _limited(self) -> CounterMetricFamily:
        """Return how many requests the limits of accounts and addresses refused."""
        limited = CounterMetricFamily(
            "guanxi_limited",
            "Requests refused by a limit a minute, by what it limits and whose requests.",
            labels=("does", "by"),
        )
        counts: Counter[tuple[str, str]] = Counter()
        for name, endpoint in endpoints.BY_NAME.items():
            for code, by in _LIMITED.items():
                counts[endpoint.counts_as, by] += self._cells[_START[name] + _OF_CODE[code]]
        for labels in sorted(counts):
            if counts[labels]:
                limited.add_metric(labels, counts[labels])
        return limited

    def _histogram(self, start: int) -> tuple[list[tuple[str, float]], float]:
        """Return a histogram's buckets, each a label and a cumulative count, and its sum."""
        counts = accumulate(self._cells[start : start + _SUM])
        return list(zip(_LABELS, counts, strict=True)), self._cells[start + _SUM]


def exposition(workers: Iterable[Cells]) -> bytes:
    """Return the metrics of workers in Prometheus text format.

    Counters and histograms are summed; of the longest waits, the longest is shown.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(workers))
    return generate_latest(registry)


def described() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Return the name, the type, the labels and the meaning of every metric."""
    return [
        (
            f"{metric.name}_total" if metric.type == "counter" else metric.name,
            metric.type,
            tuple(metric._labelnames),  # type: ignore[attr-defined] # of every family
            metric.documentation,
        )
        for metric in _Collector([Metrics().cells]).collect()
    ]


def application(exposed: Callable[[], bytes]) -> Starlette:
    """Return the application of an address for metrics: GET /metrics, without a token.

    ``exposed`` returns them in Prometheus text format.
    """

    async def metrics(_request: Request) -> Response:
        return Response(exposed(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", metrics)])
