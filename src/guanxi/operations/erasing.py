"""Erase accounts: delete all that is of and about them, for good."""

from __future__ import annotations

from collections.abc import Callable

from guanxi.accounts.account import EditRefusal
from guanxi.operations.accounts import AccountError
from guanxi.stores.port import Erasure, Store


async def begin(store: Store, mid: int) -> Erasure:
    """Begin or continue to erase an account, for a quarter of a second; return how far that is.

    Raise ``AccountError`` if there is none and none was erased.
    """
    found = await store.erase(mid)
    if found is None:
        raise AccountError(EditRefusal.UNKNOWN, mid)
    return found


async def erase(
    store: Store, mid: int, progress: Callable[[Erasure], object] = lambda _erasure: None
) -> Erasure:
    """Erase an account whole, or what is left of it; return what was deleted.

    ``progress`` is called four times a second or so. To stop in between leaves an erasure that a
    repeated call continues. Raise ``AccountError`` as ``begin``.
    """
    while True:
        found = await begin(store, mid)
        if found.finished:
            return found
        progress(found)


async def erase_all(store: Store) -> int:
    """Continue each erasure that is under way until it is finished; return their number."""
    number = 0
    while under_way := await store.erasures(under_way=True):
        for each in under_way:
            await erase(store, each.mid)
        number += len(under_way)
    return number


async def state(store: Store, mid: int) -> Erasure:
    """Return the erasure of an account; raise ``AccountError`` if none began."""
    found = await store.erasure(mid)
    if found is None:
        raise AccountError(EditRefusal.UNKNOWN, mid)
    return found
