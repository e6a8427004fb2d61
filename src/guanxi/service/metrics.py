"""Prometheus metrics of a service, summed over its workers.

Labels are endpoint names and codes of the contract, never text from a request.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from guanxi.contract import endpoints
from guanxi.service.exchange import NO_ENDPOINT, Exchange

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "guanxi_requests",
            "Requests answered, by endpoint and code.",
            ("endpoint", "code"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "guanxi_request_seconds",
            "Seconds from a request's arrival to its answer, by endpoint.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waits = Histogram(
            "guanxi_write_wait_seconds",
            "Seconds that a transaction waited for its turn to write; one for each transaction.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._longest = Gauge(
            "guanxi_write_wait_longest_seconds",
            "The longest of these waits.",
            registry=self.registry,
            multiprocess_mode="max",
        )
        self._longest_wait = 0.0
        names = [NO_ENDPOINT, *endpoints.BY_NAME]
        self._count: dict[tuple[str, int], Callable[[], None]] = {}
        self._observe = {name: self._seconds.labels(name).observe for name in names}

    def collected(self) -> CollectorRegistry:
        """Return this worker's own registry, for ``exposition``."""
        return self.registry

    def answered(self, exchange: Exchange) -> None:
        """Count an exchange by endpoint and code, and record its duration."""
        name = exchange.name
        code = exchange.code
        count = self._count.get((name, code))
        if count is None:
            count = self._count[name, code] = self._requests.labels(name, str(code)).inc
        count()
        self._observe[name](exchange.seconds)

    def waited_to_write(self, seconds: float) -> None:
        """Record the seconds that a transaction waited to write. Call it on one thread only."""
        self._waits.observe(seconds)
        if seconds > self._longest_wait:
            self._longest_wait = seconds
            self._longest.set(seconds)


def exposition(registry: CollectorRegistry) -> bytes:
    """Return a registry's metrics in Prometheus text format."""
    return generate_latest(registry)


#: prometheus-client has no types for these two.
_collect: Callable[..., object] = multiprocess.MultiProcessCollector
_mark_dead: Callable[..., None] = multiprocess.mark_process_dead


def summed(folder: Path) -> CollectorRegistry:
    """Return a registry of the metrics of all workers with files in a folder, also of stopped ones.

    Counters and histograms are summed; of the longest waits, the longest is shown. Raise ValueError
    if the folder does not exist.
    """
    registry = CollectorRegistry()
    _collect(registry, path=str(folder))
    return registry


def worker_ended(folder: Path, pid: int) -> None:
    """Delete a stopped worker's files of live gauges; its other files stay."""
    _mark_dead(pid, str(folder))
