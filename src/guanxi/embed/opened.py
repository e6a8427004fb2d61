"""What the verbs of a graph share: the store, the limits, the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

from guanxi.contract.limits import OPEN, Limits
from guanxi.embed.refusals import raise_for, unknown
from guanxi.graph.groups import GroupAct
from guanxi.graph.pair import Modify
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

    async def close(self) -> None:
        """Give the writes that wait a second, then close the store. Safe to call again."""
        await self.store.close()

    def _now(self) -> int:
        return self._clock() // 10**9

    async def _check_known(self, mid: int) -> None:
        if await self.store.account(mid) is None:
            raise unknown(mid)

    async def _change(self, act: Modify | GroupAct, actor: int, target: object) -> None:
        [code] = await self.store.change([act], self._limits.caps)
        raise_for(code, actor, target)
