"""The port's verbs on relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from guanxi.contract.limits import Caps
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Modify, Pair, Relation
from guanxi.stores.port.rows import GroupRow, Slice, Suggestion, Tally


class Relations(Protocol):
    """The follow graph: acts on it, and reads of lists, pairs, counts and groups."""

    async def change(self, acts: Sequence[Modify | GroupAct], caps: Caps) -> list[int]:
        """Apply acts in order; return the code of each.

        Code 0: the act is done, or there was nothing to do. Code ``graph.pair.REQUESTED``: the
        target approves its followers, and the follow is now a request, or was one before; only with
        ``caps.requests``. Any other code: the rules refused this
        act, and it changed nothing; the other acts are applied all the same. Up to
        ``acts.MAX_ACTS`` acts are one transaction; more are several, one after another, and other
        writers get their turn between them. So may be an act on a group of many members, or on many
        memberships: if it is interrupted, a part is done, and it can be repeated. Raise
        StoreUnavailable (nothing written), also if a ``CreateGroup`` has an id that the owner
        already uses; StoreTimeout (perhaps written, or only a part of several transactions);
        ValueError if a ``Modify.act`` is not an ``Act``.
        """

    async def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice:
        """Return the page of an owner's list that ``window`` selects.

        With ``after`` (and offset 0) the page begins after that position, whether or not its row
        still exists. The list of an unknown owner is empty. ``total`` is None for friends. Raise
        ValueError for ``Sort.VISITED`` of a list that is not in ``BY_VISITS``, StoreUnavailable if
        the read fails.
        """

    async def members(
        self,
        owner: int,
        group: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice | None:
        """Return a page of the followings in one group, as ``page`` does; ``total`` is None.

        Group -10 is the special one; 0 holds the followings that are in no group. None if the owner
        has no such group. Raise StoreUnavailable if the read fails.
        """

    async def search(
        self, owner: int, text: str, within: int, window: Window, after: Position | None = None
    ) -> Slice:
        """Return a page of the followings whose name contains ``text``, newest first.

        Only the ``within`` newest followings are searched. Case is ignored; "" matches every name.
        ``total`` counts the matches. ``after`` is as in ``page``. Raise StoreUnavailable if the
        read fails.
        """

    async def common(
        self, owner: int, other: int, window: Window, after: Position | None = None
    ) -> Slice:
        """Return a page of the owner's followings that ``other`` also follows.

        The order is that of the other's list, newest first; the rows are the owner's. ``total``
        counts them all; ``version`` changes with the followings of either account. ``after`` is a
        position in the other's list, such as ``end`` of a page; it is otherwise as in ``page``.
        Raise StoreUnavailable if the read fails.
        """

    async def known_followers(
        self, owner: int, target: int, window: Window, after: Position | None = None
    ) -> Slice:
        """Return a page of the owner's followings that follow ``target``, newest first.

        ``total`` counts them all; ``version`` changes with the owner's followings and the target's
        followers. ``after`` is as in ``page``. Raise StoreUnavailable if the read fails.
        """

    async def suggestions(self, owner: int, limit: int, now: int) -> list[Suggestion]:
        """Return accounts that those whom the owner follows follow, the best first.

        Of the owner's followings the ``SOURCES`` newest count, and of each the ``TARGETS`` newest
        followings, unless it hides them or is banned or deregistered. Left out are the owner, whom
        it follows, blocks, has muted (at ``now``, in seconds since the Unix epoch) or dismissed,
        and who blocks the owner, refuses to be followed, or is banned or deregistered. The order is
        that of ``Suggestion.rank``. Raise StoreUnavailable if the read fails.
        """

    async def pair(self, owner: int, target: int) -> Pair:
        """Return the owner's side (``mine``) and the target's; empty sides if they have none.

        Raise StoreUnavailable if the read fails.
        """

    async def pairs(self, owner: int, targets: Sequence[int]) -> dict[int, Pair]:
        """Return the pair of the owner and each of ``targets`` (unique mids), by target.

        Those without a relation in either direction are omitted. Raise StoreUnavailable if the read
        fails.
        """

    async def requests(self, mid: int, window: Window, after: Position | None = None) -> Slice:
        """Return a page of the accounts that request to follow ``mid``, newest first.

        Requests are not counted: ``total`` is None and ``version`` 0. ``after`` is as in ``page``.
        How many an account may receive is not bounded, as for followers. Raise StoreUnavailable if
        the read fails.
        """

    async def sent_requests(self, mid: int, window: Window, after: Position | None = None) -> Slice:
        """Return a page of the accounts that ``mid`` requests to follow, as ``requests`` does."""

    async def relations(self, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
        """Return the owner's relation to each of ``targets`` (unique mids), by target.

        Targets without a relation are omitted. The sort key of a block is 0. Raise StoreUnavailable
        if the read fails.
        """

    async def attributes(self, owner: int, targets: Sequence[int]) -> dict[int, int]:
        """Return the owner's ``Attribute`` towards each of ``targets`` (unique mids), as a number.

        The result is by target; targets with attribute 0 are omitted. Raise StoreUnavailable if the
        read fails.
        """

    async def tally(self, mid: int) -> Tally:
        """Return an account's counts; zeros for an unknown account.

        Raise StoreUnavailable if the read fails.
        """

    async def groups(self, owner: int) -> list[GroupRow]:
        """Return the special group, the default one, then the owner's groups, oldest first.

        An unknown owner has the first two. Raise StoreUnavailable if the read fails.
        """

    def visit(self, owner: int, target: int) -> None:
        """Count a visit of the owner to the target, in memory and unchecked.

        It is lost unless ``flush_visits`` or ``close`` follows. Raise StoreUnavailable if the store
        is closed, StoreError in another thread.
        """

    async def flush_visits(self) -> None:
        """Write the counted visits, and drop those to targets that the owner does not follow.

        All that were counted before the call are written when it returns, also those that another
        call has begun to write.

        After StoreUnavailable they stay in memory, for the next call; after StoreTimeout they do
        not.
        """
