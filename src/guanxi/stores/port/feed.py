"""The port's verbs on the feed of changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

#: The most changes of one read, the longest wait for one, and for how long changes are kept.
MOST_CHANGES, LONGEST_WAIT = 1_000, 30.0
KEEP_DAYS = 7


class FeedItem(Struct, frozen=True, kw_only=True):
    """One change, as it was committed. ``guanxi.graph.feed`` describes kinds, before and after."""

    #: Rises with each change; numbers may be missing.
    number: int
    #: When the change was made, in milliseconds since the Unix epoch.
    time_ms: int
    kind: str
    #: Who did it; for a change of an account, that account. Its target, or 0.
    actor: int
    target: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    #: Where to continue after this change.
    cursor: str


class Changes(Struct, frozen=True):
    """The changes after a cursor, the oldest first, and the cursor from which to continue."""

    items: list[FeedItem]
    cursor: str


class FeedStatus(Struct, frozen=True):
    """Whether changes are recorded, and what is kept."""

    on: bool
    #: The end of the feed: read after it, only later changes are returned. "" if it is off.
    cursor: str = ""
    #: The numbers of the oldest and the newest kept change; 0 and 0 without any.
    oldest: int = 0
    newest: int = 0
    #: How many days and how many changes are kept, at most; None for no bound.
    keep_days: int | None = None
    keep_rows: int | None = None


class Feed(Protocol):
    """The feed of changes: what was done to relations, groups and accounts, in order.

    While it is on, each change is appended in the transaction that makes it. A reader that keeps
    its cursor gets each change once, and those of an account's lists in the order of their commits.
    """

    async def set_changes(
        self, on: bool, *, keep_days: int | None = KEEP_DAYS, keep_rows: int | None = None
    ) -> bool:
        """Switch the feed on or off; return whether that changed anything.

        Every change of a transaction that begins once this returns is recorded, whichever process
        makes it. If it is on already, only the bounds of what is kept change. To switch it off
        ends all cursors: whoever reads on after it is on again must start from an export. Raise
        StoreError for a store that Citus distributes but for its changes (an older guanxi did),
        ValueError for a bound below 1, and as a write.
        """

    async def changes(
        self, after: str | None = None, limit: int = 100, wait: float = 0.0
    ) -> Changes:
        """Return at most ``limit`` changes (1 to 1,000) after a cursor.

        None is before the oldest kept change. If there is none yet, wait up to ``wait`` seconds (0
        to 30) for one. No change can appear later before one that was returned. Raise ChangesOff,
        CursorTooOld, CursorOfAnotherStore, CursorInvalid; ValueError for other bounds;
        StoreUnavailable if the read fails.
        """

    async def trim_changes(self, keep_days: int | None = None, keep_rows: int | None = None) -> int:
        """Delete the changes beyond these bounds; return how many.

        Without a bound, those that ``set_changes`` stored hold. Each transaction deletes a bounded
        number. Cursors of what was deleted raise CursorTooOld. Does nothing if the feed is off.
        """

    async def mark_restored(self) -> bool:
        """Note that the store is a restored copy; return whether it records changes.

        Cursors up to the present end of the feed go on. Later ones are of changes that the copy
        lacks, and raise CursorOfAnotherStore from now on, also once the feed is as long again. Call
        it before the first change; ``guanxi store restore`` does. Raise as a write.
        """

    async def changes_status(self) -> FeedStatus:
        """Return whether the feed is on, where it ends and what is kept."""
