"""Mute accounts, and keep them out of the suggestions: marks that only their owner sees."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from guanxi.accounts.account import State
from guanxi.contract import errors
from guanxi.contract.params import LATEST
from guanxi.stores.port import CallerRefused, Query, Store
from guanxi.world.kind import Kind
from guanxi.world.marks import DISMISSAL, MUTE, Mark


async def mute(store: Store, owner: int, target: int, until: int | None, now: int) -> int:
    """Mute ``target`` for ``owner`` until a time, None for good; return a code.

    Times are in seconds since the Unix epoch. A muted account is muted anew. Code 0: done. Any
    other code is that of the rule that refused it, and nothing changed. Raise ValueError if
    ``until`` is not after ``now``.
    """
    if until is not None and not now < until <= LATEST:
        raise ValueError(f"until: must be after now and before the year 10000, not {until}")
    end = LATEST if until is None else until
    return await _mark(store, MUTE, owner, Mark(target, now, end))


async def unmute(store: Store, owner: int, target: int) -> int:
    """End a mute, if there is one; return a code as ``mute`` does."""
    return await _unmark(store, MUTE, owner, target)


async def muted(store: Store, owner: int, targets: Sequence[int], now: int) -> dict[int, Mark]:
    """Return, by mid, the mutes of those of ``targets`` that the owner has muted at ``now``."""
    found = await store.documents_of(MUTE, [owner], targets)
    return {mark.target: mark for mark in found.values() if mark.until > now}


async def mutes(
    store: Store, owner: int, limit: int, after: Mark | None, now: int
) -> tuple[list[Mark], Mark | None]:
    """Return a page of an owner's mutes, newest first, and the last one if there are more.

    The page follows ``after``, a mute. Those that have ended are left out, so that a page may be
    short.
    """
    position = None if after is None else (after.time, after.target)
    page = await store.documents(MUTE, owner, Query(order="time", limit=limit, after=position))
    return [mark for mark in page.items if mark.until > now], page.items[-1] if page.more else None


async def dismiss(store: Store, owner: int, target: int, now: int) -> int:
    """Suggest ``target`` to ``owner`` no more; return a code as ``mute`` does."""
    return await _mark(store, DISMISSAL, owner, Mark(target, now))


async def undismiss(store: Store, owner: int, target: int) -> int:
    """Let ``target`` be suggested to ``owner`` again; return a code as ``mute`` does."""
    return await _unmark(store, DISMISSAL, owner, target)


async def _mark(store: Store, kind: Kind[Mark], owner: int, mark: Mark) -> int:
    code = await _refusal(store, owner, mark.target)
    if code:
        return code
    return await _code(store.put([kind.entry(owner, mark)], by=owner))


async def _unmark(store: Store, kind: Kind[Mark], owner: int, target: int) -> int:
    if owner == target:
        return errors.CannotTargetSelf.number
    return await _code(store.delete(kind, owner, [target], by=owner))


async def _code(change: Awaitable[object]) -> int:
    """Make a change; return 0, or the code of the owner's state that refuses it."""
    try:
        await change
    except CallerRefused as refused:
        return refused.code
    return 0


async def _refusal(store: Store, owner: int, target: int) -> int:
    """Return the code that refuses a mark whatever the owner's state is, 0 for none."""
    if owner == target:
        return errors.CannotTargetSelf.number
    actor, other = await store.account(owner), await store.account(target)
    if actor is None or other is None or actor.state is State.DEREGISTERED:
        return errors.NoSuchUser.number
    return errors.AccountDeregistered.number if other.state is State.DEREGISTERED else 0
