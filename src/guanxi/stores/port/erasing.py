"""The port's verbs on erasures: the deletion of all that is of and about an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Erasure(Struct, frozen=True, kw_only=True):
    """How far the erasure of an account is."""

    mid: int
    #: When it began, in seconds since the Unix epoch.
    begun: int
    #: What is being deleted: one of ``stores.erasing.Stage``; "finished" at the end.
    stage: str
    #: How much was deleted so far, by what it was; what there was none of is omitted.
    counts: Mapping[str, int]
    #: When it ended, in seconds since the Unix epoch; 0 while it is under way.
    finished: int = 0


class Erasures(Protocol):
    """Erasing accounts, part by part.

    The first part deregisters the account, so that nothing new is about it. Each further part is a
    transaction of some milliseconds, between which others write, and after each the store is whole.
    The last but one deletes the account and appends ``erase`` to the feed of changes; then older
    changes that name it are blanked. What was done is stored with each part: any process continues
    where another one stopped.

    Neither an edit nor an import brings an account back whose erasure began; documents of it and
    marks on it are left out by ``put``.
    """

    async def erase(self, mid: int) -> Erasure | None:
        """Begin or continue to erase an account; return how far that is, None for no account.

        Each call ends after a quarter of a second or so: call it again until ``finished``. One that
        is finished is returned as it is. Raise StoreUnavailable or StoreTimeout: some parts may be
        done, so call it again.
        """

    async def erasure(self, mid: int) -> Erasure | None:
        """Return the erasure of an account, under way or finished; None if none began.

        Raise StoreUnavailable if the read fails.
        """

    async def erasures(self, after: int = 0, *, under_way: bool = False) -> list[Erasure]:
        """Return up to 1,000 erasures of mids above ``after``, by mid; all, or those not finished.

        Raise StoreUnavailable if the read fails.
        """

    async def put_erasures(self, erasures: Sequence[Erasure]) -> None:
        """Store the erasures of a copy, all or none; one that is stored already stays.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """
