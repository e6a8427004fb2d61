"""A cache in front of any store of which accounts may write, so that a write reads no state first.

The rules look at the state again in the transaction of the write. A look before it only saves the
transaction of a write that is refused, and would cost each other write a read.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from guanxi.accounts.account import AccountEdit, EditRefusal, State
from guanxi.stores.layer import Layer
from guanxi.stores.port import Erasure, Store
from guanxi.world.kind import DocumentEdit

#: How long a state that was read is used, and for how many accounts.
_SECONDS = 1.0
_MAX_ACCOUNTS = 20_000


class StateCache(Layer):
    """A store that remembers for a second whose state is normal.

    A change of a state by this process counts at once, by another process after a second at most.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Wrap ``store``. ``clock`` returns seconds and never steps back."""
        super().__init__(store)
        self._clock = clock
        #: When each state was read.
        self._normal: dict[int, float] = {}
        #: Counts edits: a state that was read during one is not kept.
        self._edits = 0

    async def state(self, mid: int) -> State | None:
        """Return an account's state, or None for an unknown account."""
        now, edits = self._clock(), self._edits
        since = self._normal.get(mid)
        if since is not None and now - since < _SECONDS:
            return State.NORMAL
        state = await _state(self.store, mid)
        if state is State.NORMAL and edits == self._edits:
            if len(self._normal) >= _MAX_ACCOUNTS:
                self._normal.clear()
            self._normal[mid] = now
        return state

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        try:
            return await self.store.edit_account(mid, edit, documents)
        finally:
            self._edits += 1
            self._normal.pop(mid, None)

    def forget(self) -> None:
        self._edits += 1
        self._normal.clear()
        self.store.forget()

    async def erase(self, mid: int) -> Erasure | None:
        try:
            return await self.store.erase(mid)
        finally:
            self._edits += 1
            self._normal.pop(mid, None)


def state_of(store: Store) -> Callable[[int], Awaitable[State | None]]:
    """Return what reads the state of an account by its mid, from the store's cache if it has one.

    It returns None for an unknown account.
    """
    if isinstance(store, StateCache):
        return store.state
    return lambda mid: _state(store, mid)


async def _state(store: Store, mid: int) -> State | None:
    account = await store.account(mid)
    return None if account is None else account.state
