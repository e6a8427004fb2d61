"""A store before which the cards that pages splice are kept in memory, for a few seconds.

It stands before any engine. What this process writes it forgets at once; what another process
writes is told at most ``staleness`` seconds late. Nothing but ``tails`` is kept: rows, counts,
privacy and ``cards`` are always read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from guanxi.accounts.account import Card, Privacy, State
from guanxi.stores.port import Store


def with_cards_kept(
    store: Store, most: int, staleness: float, clock: Callable[[], float] = time.monotonic
) -> Store:
    """The store with at most ``most`` cards kept, none for longer than ``staleness`` seconds.

    0 of either keeps none. ``clock`` tells seconds and never steps back.
    """
    if most < 2 or staleness <= 0:
        return store
    return cast(Store, _CardCache(store, most, staleness, clock))


class _CardCache:
    """Two generations, each for half of the staleness and half of the cards.

    A card is kept in the young one; the young become the old, and the old are dropped, at fixed
    times and whenever the young are full. So no card needs a time of its own.
    """

    def __init__(
        self, store: Store, most: int, staleness: float, clock: Callable[[], float]
    ) -> None:
        self._store, self._clock = store, clock
        self._most, self._span = most // 2, staleness / 2
        self._young: dict[int, bytes] = {}
        self._old: dict[int, bytes] = {}
        self._turn_at = clock() + self._span
        #: Counts what was forgotten: a card that was being read meanwhile is not kept.
        self._forgotten = 0

    def __getattr__(self, name: str) -> Any:
        """Every other verb is the store's own."""
        verb = self.__dict__[name] = getattr(self._store, name)
        return verb

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        now = self._clock()
        if now >= self._turn_at:
            self._turn(now)
        young, old = self._young, self._old
        found = {mid: tail for mid in mids if (tail := young.get(mid) or old.get(mid))}
        if len(found) < len(mids):
            forgotten = self._forgotten
            read = await self._store.tails([mid for mid in mids if mid not in found])
            found |= read
            if forgotten == self._forgotten and young is self._young:  # it is as old as its reading
                self._keep(read)
        return found

    def _turn(self, now: float) -> None:
        """Let the young become the old, if any of them may still be told."""
        passed = (now - self._turn_at) // self._span
        self._old, self._young = {} if passed else self._young, {}
        self._turn_at += (passed + 1) * self._span

    def _keep(self, read: dict[int, bytes]) -> None:
        if len(self._young) + len(read) > self._most:
            self._old, self._young = self._young, {}
        if len(read) <= self._most:
            self._young |= read

    def _forget(self, mid: int) -> None:
        self._forgotten += 1
        self._young.pop(mid, None)
        self._old.pop(mid, None)

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
            self._young, self._old = {}, {}
