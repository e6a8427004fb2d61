"""What the verbs of a graph share: the store, the limits, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from guanxi.contract.limits import OPEN, Limits
from guanxi.embed.refusals import raise_for, unknown
from guanxi.graph.groups import GroupAct
from guanxi.graph.pair import REQUESTED, Modify
from guanxi.stores.port import Store


class Opened:
    """An open graph, without its verbs."""

    def __init__(
        self,
        store: Store,
        *,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.store = store
        self._limits, self._clock = limits, clock
        self._caps = replace(limits.caps, requests=True)

    async def close(self) -> None:
        """Give the writes that wait a second, then close the store.

        Safe to call again. Raises nothing; a write that is not done by then raises ``StoreError``.
        """
        await self.store.close()

    def _now(self) -> int:
        return self._clock() // 10**9

    async def _check_known(self, mid: int) -> None:
        if await self.store.account(mid) is None:
            raise unknown(mid)

    async def _change(self, act: Modify | GroupAct, actor: int, target: object) -> bool:
        """Make a change, or raise why it is refused; return whether a follow became a request."""
        [code] = await self.store.change([act], self._caps)
        if code == REQUESTED:
            return True
        raise_for(code, actor, target)
        return False
