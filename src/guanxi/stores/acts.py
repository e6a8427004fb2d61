"""Split a call of many acts into transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from guanxi.graph.groups import GroupAct
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import StoreTimeout, StoreUnavailable

#: The most acts of one transaction: in SQLite about 10 ms, as much as one batch of the writer may
#: take, so that other writers wait no longer for a large call than for many small ones.
MAX_ACTS = 256


class Unfinished(NamedTuple):
    """The rest of an act on groups, the first rows of which are written."""

    act: GroupAct


Doing: TypeAlias = Modify | GroupAct | Unfinished
#: Apply acts in one transaction; return the codes of the first, and the acts that are left.
ChangeSome: TypeAlias = Callable[[Sequence[Doing]], Awaitable[tuple[list[int], Sequence[Doing]]]]


async def in_transactions(acts: Sequence[Modify | GroupAct], change: ChangeSome) -> list[int]:
    """Call ``change`` for ``MAX_ACTS`` acts at a time until none is left; return the codes of all.

    Raise ValueError for a number that is not an ``Act``, before any is applied. Raise what
    ``change`` raises, but StoreTimeout for StoreUnavailable if something is written already.
    """
    codes: list[int] = []
    if len(acts) > MAX_ACTS:  # an invalid act must not come to light after others are written
        for act in acts:
            if isinstance(act, Modify):
                Act(act.act)
    left: Sequence[Doing] = acts
    while left:
        try:
            done, rest = await change(left[:MAX_ACTS])
        except StoreUnavailable as error:
            if left is acts:
                raise
            raise StoreTimeout(
                f"only the first {len(codes)} acts are written, and perhaps a part of the next:"
                f" {error}"
            ) from error
        codes += done
        left = [*rest, *left[MAX_ACTS:]]
    return codes
