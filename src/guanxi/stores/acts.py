"""Split a call of many acts into transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from guanxi.graph.groups import GroupAct
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import StoreTimeout, StoreUnavailable

#: The most acts of one transaction: in SQLite about 10 ms, half of what one batch of the writer may
#: take, so that other writers wait no longer for a large call than for many small ones.
MAX_ACTS = 256


async def in_transactions(
    acts: Sequence[Modify | GroupAct],
    change: Callable[[Sequence[Modify | GroupAct]], Awaitable[list[int]]],
) -> list[int]:
    """Call ``change`` for each ``MAX_ACTS`` acts in turn; return the codes of all acts, in order.

    Raise ValueError for a number that is not an ``Act``, before any is applied. Raise what
    ``change`` raises, but StoreTimeout for StoreUnavailable if earlier acts are written.
    """
    codes: list[int] = []
    if len(acts) > MAX_ACTS:  # an invalid act must not come to light after others are written
        for act in acts:
            if isinstance(act, Modify):
                Act(act.act)
    for at in range(0, len(acts), MAX_ACTS):
        try:
            codes += await change(acts[at : at + MAX_ACTS])
        except StoreUnavailable as error:
            if not codes:
                raise
            raise StoreTimeout(f"only the first {at} acts are written: {error}") from error
    return codes
