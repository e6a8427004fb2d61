"""An in-memory cache of card tails in front of any store, for a few seconds.

A write by this process removes the card from the cache at once; a write by another process shows
after at most ``staleness`` seconds. A write that was cancelled may go on, and one whose outcome is
unknown (``StoreTimeout``) may become visible later: neither leaves an old card in the cache.

Only ``tails`` is cached: rows, counts, privacy and ``cards`` are always read from the store.
"""

from __future__ import annotations

import asyncio
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from operator import itemgetter
from typing import Any, cast

from guanxi.accounts.account import AccountEdit, EditRefusal
from guanxi.stores.layer import Layer
from guanxi.stores.port import Erasure, Imported, Store, StoreTimeout
from guanxi.world.kind import DocumentEdit


def with_card_cache(
    store: Store, size: int, staleness: float, clock: Callable[[], float] = time.monotonic
) -> Store:
    """Return ``store`` with a cache of up to ``size`` tails, at most ``staleness`` seconds old.

    A tail is the part of a list item's JSON that depends on the card. Writes through the result
    show at once. If ``size`` or ``staleness`` is 0 or less, return ``store`` itself. ``clock``
    returns seconds and never steps back.
    """
    if size <= 0 or staleness <= 0:
        return store
    return _CardCache(store, size, staleness, clock)


_read_time: Callable[[tuple[float, list[int]]], float] = itemgetter(0)


class _CardCache(Layer):
    """A store whose tails are cached; the oldest are dropped, by age or to make room."""

    def __init__(
        self, store: Store, size: int, staleness: float, clock: Callable[[], float]
    ) -> None:
        super().__init__(store)
        self._clock = clock
        self._size, self._staleness = size, staleness
        self._tails: dict[int, bytes] = {}
        #: The reads that filled the cache, oldest first: time and mids; and how many mids in all.
        #: (A mid that was removed and read again is in two reads, and is dropped with the first.)
        self._reads: deque[tuple[float, list[int]]] = deque()
        self._listed = 0
        #: Counts removals: a read during which one happened is not cached.
        self._removals = 0
        #: Until when the tail of an account is not cached, because it may still be written.
        self._unsure: dict[int, float] = {}
        self._all_unsure_until = -inf

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        now = self._clock()
        while self._reads and self._reads[0][0] <= now - self._staleness:
            self._drop_oldest()
        cached = dict(zip(mids, map(self._tails.get, mids), strict=True))
        if all(cached.values()):
            return cast(dict[int, bytes], cached)
        removals = self._removals
        read = await self.store.tails([mid for mid, tail in cached.items() if not tail])
        if removals == self._removals:
            self._add(read, now)  # as old as the start of the read
        return {mid: tail for mid, tail in cached.items() if tail} | read

    def _add(self, read: dict[int, bytes], at: float) -> None:
        if at < self._all_unsure_until:
            return
        kept, unsure = self._tails, self._unsure
        new = {
            mid: tail
            for mid, tail in read.items()
            if mid not in kept and (mid not in unsure or at >= unsure[mid])
        }
        if not new or len(new) > self._size:
            return
        self._tails |= new
        self._listed += len(new)
        insort(self._reads, (at, [*new]), key=_read_time)  # a read may finish after a later one
        while self._listed > self._size:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, mids = self._reads.popleft()
        self._listed -= len(mids)
        for mid in mids:
            self._tails.pop(mid, None)

    def _remove_after(self, done: asyncio.Future[Any], mid: int) -> None:
        """Remove a card after an error too: it may have been written, or be written soon."""
        self._removals += 1
        self._tails.pop(mid, None)
        if _is_unsure(done):
            now = self._clock()
            self._unsure = {mid: until for mid, until in self._unsure.items() if until > now}
            self._unsure[mid] = now + self._staleness

    def _clear_after(self, done: asyncio.Future[Any]) -> None:
        """Remove every card, after an error too."""
        self._clear()
        if _is_unsure(done):
            self._all_unsure_until = self._clock() + self._staleness

    def forget(self) -> None:
        self._clear()
        self.store.forget()

    def _clear(self) -> None:
        self._removals += 1
        self._tails.clear()
        self._reads.clear()
        self._listed = 0

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        # A cancelled call may go on below, and write the card later: then remove it once more.
        write = asyncio.ensure_future(self.store.edit_account(mid, edit, documents))
        write.add_done_callback(lambda done: self._remove_after(done, mid))
        return await asyncio.shield(write)

    async def erase(self, mid: int) -> Erasure | None:
        write = asyncio.ensure_future(self.store.erase(mid))
        write.add_done_callback(lambda done: self._remove_after(done, mid))
        return await asyncio.shield(write)

    async def import_edges(self, *args: Any, **kwargs: Any) -> Imported:
        """Import edges as the wrapped store does, then empty the cache, also after an error.

        A cancelled import goes on.
        """
        write = asyncio.ensure_future(self.store.import_edges(*args, **kwargs))
        write.add_done_callback(self._clear_after)
        return await asyncio.shield(write)


def _is_unsure(done: asyncio.Future[Any]) -> bool:
    """Return whether it is unknown if a write that ended was, or will be, carried out."""
    # asyncio would log an error that nobody looked at, as after a cancellation of the caller.
    return done.cancelled() or isinstance(done.exception(), StoreTimeout)
