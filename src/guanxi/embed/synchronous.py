"""How a graph is opened, closed and called without an event loop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar

from guanxi.contract.limits import OPEN, Limits
from guanxi.embed.arguments import checked_address, checked_wait
from guanxi.embed.batch import Batch
from guanxi.embed.graph import Graph
from guanxi.stores.feed import POLL_SECONDS
from guanxi.stores.port import Changes, Store
from guanxi.stores.sync import Runner, open_sync_store

T = TypeVar("T")


class Synchronous:
    """A graph that threads use: ``SyncGraph`` adds a verb for each of ``Graph``'s."""

    def __init__(
        self,
        runner: Runner,
        *,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._runner = runner
        self._graph = Graph(runner.store, limits=limits, clock=clock)

    @classmethod
    def open(
        cls,
        address: str | PathLike[str],
        *,
        create: bool = True,
        changes: bool = False,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Open the graph at the path of a SQLite file, or in a ``postgresql://…`` database.

        The arguments and errors are those of ``Graph.open``. Use the result in a ``with`` block, or
        close it. Every thread of the process may use it: on SQLite each has a connection of its
        own, on PostgreSQL one thread has all of them.
        """
        return cls(
            open_sync_store(checked_address(address), create=create, changes=changes, clock=clock),
            limits=limits,
            clock=clock,
        )

    @property
    def store(self) -> Store:
        """Return the store below; its coroutines belong to the graph."""
        return self._runner.store

    def close(self) -> None:
        """Give the writes that wait a second, then close the store. Safe to call again."""
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Collect changes in a ``with`` block, and make them at its end.

        The results are those of ``Batch.results``. If the block raises, no change is made.

        Cost: one transaction for each 256 changes.
        """
        batch = Batch()
        yield batch
        self._run(self._graph.make(batch))

    def changes(self, after: str | None = None, limit: int = 100, *, wait: float = 0.0) -> Changes:
        """Return the changes after a cursor, as ``Graph.changes`` does.

        Cost: ``limit`` rows; while it waits, a look-up every 50 milliseconds.
        """
        until = time.monotonic() + checked_wait(wait)
        while True:
            found = self._run(self._graph.changes(after, limit))
            if found.items or time.monotonic() >= until:
                return found
            time.sleep(POLL_SECONDS)

    def _run(self, verb: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(verb)

    def _iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        return self._runner.iterate(items)
