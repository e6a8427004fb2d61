"""The verb of a graph that reads its feed of changes."""

from __future__ import annotations

from guanxi.embed.arguments import checked_feed_cursor, checked_limit, checked_wait
from guanxi.embed.opened import Opened
from guanxi.stores.port import Changes


class Feed(Opened):
    """What was done, in order."""

    async def changes(
        self, after: str | None = None, limit: int = 100, *, wait: float = 0.0
    ) -> Changes:
        """Return the changes after a cursor, the oldest first, and the cursor to continue from.

        ``after`` None is before the oldest kept change; ``limit`` is 1 to 1,000. Without a change,
        wait up to ``wait`` seconds (0 to 30) for one. ``guanxi.graph.feed`` describes the kinds. A
        reader that keeps its cursor gets each change once, and those of an account's lists in the
        order of their commits. Raise ``ChangesOff`` if changes are not recorded, ``CursorTooOld``,
        ``CursorOfAnotherStore`` or ``CursorInvalid``.

        Cost: ``limit`` rows; while it waits, a look-up every 50 milliseconds.
        """
        checked_limit(limit)
        cursor = checked_feed_cursor(after)
        return await self.store.changes(cursor, limit, checked_wait(wait))
