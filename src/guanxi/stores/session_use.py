"""A layer that notes when sessions are used, in memory, and writes that with the visits.

A session is read once a second at most while it is used (``service.auth`` keeps it that long), and
its use is written once an hour at most: no request waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from guanxi.accounts.secrets import USED_SECONDS, Session
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store

#: How many uses wait to be written, at most; more are noted at their next read.
_MOST = 20_000
#: How many are written in one transaction: a few milliseconds.
_BATCH = 500


class SessionUse(Layer):
    """A store that keeps about when each session was last read before it expired."""

    def __init__(self, store: Store, clock: Callable[[], int] = time.time_ns) -> None:
        """Wrap ``store``. ``clock`` returns nanoseconds since the Unix epoch."""
        super().__init__(store)
        self._clock = clock
        self._used: dict[bytes, int] = {}

    async def session(self, digest: bytes) -> Session | None:
        session = await self.store.session(digest)
        if session is not None:
            now = self._clock() // 10**9
            due = session.used + USED_SECONDS <= now < session.expires
            if due and (len(self._used) < _MOST or digest in self._used):
                self._used[digest] = now
        return session

    def forget(self) -> None:
        self._used.clear()
        self.store.forget()

    async def flush_visits(self) -> None:
        await self.store.flush_visits()
        while some := dict(islice(self._used.items(), _BATCH)):
            await self.store.use_sessions(some)
            for digest, at in some.items():
                if self._used.get(digest) == at:
                    del self._used[digest]
