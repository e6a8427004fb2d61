"""A store before which the cards that pages splice are kept in memory, for a few seconds.

It stands before any engine. What this process writes it forgets at once; what another process
writes is told at most ``staleness`` seconds late. Nothing but ``tails`` is kept: rows, counts,
privacy and ``cards`` are always read.
"""

from __future__ import annotations

import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, cast

from guanxi.accounts.account import Card, Privacy, State
from guanxi.stores.port import Store


def with_card_cache(
    store: Store, most: int, staleness: float, clock: Callable[[], float] = time.monotonic
) -> Store:
    """The store with at most ``most`` cards kept, none for longer than ``staleness`` seconds.

    0 of either keeps none. ``clock`` tells seconds and never steps back.
    """
    if most <= 0 or staleness <= 0:
        return store
    return cast(Store, _CardCache(store, most, staleness, clock))


_when: Callable[[tuple[float, list[int]]], float] = itemgetter(0)


class _CardCache:
    """Cards in the order in which they were read: the oldest go, by age or to make room."""

    def __init__(
        self, store: Store, most: int, staleness: float, clock: Callable[[], float]
    ) -> None:
        self._store, self._clock = store, clock
        self._most, self._staleness = most, staleness
        self._kept: dict[int, bytes] = {}
        #: When cards were read, and whose, oldest first; and how many that lists. (One that was
        #: forgotten, and read again, is listed twice and goes with the first.)
        self._read: deque[tuple[float, list[int]]] = deque()
        self._listed = 0
        #: Counts what was forgotten: a card that was being read meanwhile is not kept.
        self._forgotten = 0

    def __getattr__(self, name: str) -> Any:
        """Every other verb is the store's own."""
        verb = self.__dict__[name] = getattr(self._store, name)
        return verb

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        now = self._clock()
        while self._read and self._read[0][0] <= now - self._staleness:
            self._drop()
        told = dict(zip(mids, map(self._kept.get, mids), strict=True))
        if all(told.values()):
            return cast(dict[int, bytes], told)
        forgotten = self._forgotten
        read = await self._store.tails([mid for mid, kept in told.items() if not kept])
        if forgotten == self._forgotten:
            self._keep(read, now)  # it is as old as its reading
        return {mid: kept for mid, kept in told.items() if kept} | read

    def _keep(self, read: dict[int, bytes], at: float) -> None:
        new = {mid: tail for mid, tail in read.items() if mid not in self._kept}
        if not new or len(new) > self._most:
            return
        self._kept |= new
        self._listed += len(new)
        insort(self._read, (at, [*new]), key=_when)  # a reading may end after a later one
        while self._listed > self._most:
            self._drop()

    def _drop(self) -> None:
        _, mids = self._read.popleft()
        self._listed -= len(mids)
        for mid in mids:
            self._kept.pop(mid, None)

    def _forget(self, mid: int) -> None:
        self._forgotten += 1
        self._kept.pop(mid, None)

    async def put_account(self, mid: int, card: Card, privacy: Privacy | None = None) -> None:
        try:
            await self._store.put_account(mid, card, privacy)
        finally:
            self._forget(mid)  # after a failure too: it may have been written

    async def set_state(self, mid: int, state: State) -> None:
        try:
            await self._store.set_state(mid, state)
        finally:
            self._forget(mid)

    async def import_edges(self, *args: Any, **kwargs: Any) -> int:
        try:
            return await self._store.import_edges(*args, **kwargs)
        finally:
            self._forgotten += 1
            self._kept.clear()
            self._read.clear()
            self._listed = 0
