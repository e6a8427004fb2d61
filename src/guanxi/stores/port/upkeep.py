"""The port's verbs on a store as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.stores.looking import Looking
from guanxi.stores.port.info import StoreInfo
from guanxi.stores.port.rows import (
    About,
    AccountRow,
    EdgeRow,
    Fault,
    Imported,
    OnContradiction,
    OnOtherTime,
    OwnedGroup,
    SentRequest,
)
from guanxi.world.kind import Entry


class Upkeep(Protocol):
    """Verbs on a store as a whole: import, export, notes, checks, readiness.

    Each export reads one snapshot. ``after`` restricts it to accounts with a higher mid.
    """

    async def import_edges(
        self,
        rows: Callable[[], Iterable[EdgeRow]],
        *,
        accounts: Mapping[int, tuple[Card, Privacy, State]] | None = None,
        groups: Mapping[tuple[int, str], int] | None = None,
        strict: bool = False,
        on_contradiction: OnContradiction = "refuse",
        on_other_time: OnOtherTime = "replace",
        progress: Callable[[int], None] | None = None,
    ) -> Imported:
        """Import many edges; return how many are new, changed, unchanged and in conflict.

        All rows are checked before anything is written. If no edges are stored, and on PostgreSQL
        up to 20,000 edges, all or none are written, in one transaction. Otherwise slices are, each
        in a transaction of a fraction of a second, so that other writes go between: an interrupted
        import leaves whole slices, and the same import run again continues.

        The numbers of followings and groups are not limited. ``rows`` is read on another thread;
        ``progress`` is called, on any thread, with the number of rows read so far. ``accounts`` are
        created or replaced; other unknown accounts get a plain card, or are refused if ``strict``.
        ``groups`` gives the ids of new groups by owner and name; others get a new id.

        An existing edge gets the row's time, special flag and groups; its contract and visits
        change only if the row has some. If its time differs from the stored one, ``on_other_time``
        says whether it is replaced, the newest or the oldest of the two is kept (a row that loses
        is left out), or the row is an error. A row that contradicts a stored edge is an error with
        ``on_contradiction="refuse"``. With ``"resolve"`` a block wins over follows and whispers in
        both directions, and a follow over the follower's whisper: a row that loses is left out, one
        that wins removes the stored edges. Slices resolve so in either case, if an edge was stored
        after the check.

        Raise BadLine for a row that is invalid, later than the clock, or that contradicts another
        row or, with ``"refuse"``, a stored edge or time; StoreError if an id in ``groups`` cannot
        be used, or its owner has no account; StoreUnavailable (nothing written); StoreTimeout
        (perhaps written, or only some slices); and whatever ``rows`` raises.
        """

    async def put_edges(self, rows: Sequence[EdgeRow]) -> None:
        """Write edges of another store, as a copy does; to write the same again changes nothing.

        The caller guarantees that nobody else uses this store, that it has the accounts and groups
        which the edges name, and that the edges contradict neither one another nor what is stored.
        Their times may be later than the clock, as one that was ahead may have given them. Counts
        may lack the edges until ``count_edges``.

        Raise StoreError for some edges that break this, StoreUnavailable (not written) or
        StoreTimeout (perhaps written).
        """

    async def count_edges(self) -> int:
        """Make all counts of relations and of members right, after ``put_edges``.

        Return how many accounts were counted anew. The feed of changes gets an ``import`` for what
        ``put_edges`` wrote. Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    def edges(
        self,
        after: int = 0,
        at: Callable[[str | None], object] | None = None,
        *,
        requests: bool = False,
    ) -> AsyncIterator[EdgeRow]:
        """Yield followings, whispers and blocks of mids above ``after``, by follower, oldest first.

        With ``requests`` also their requests to follow, as rows of the kind ``REQUEST``.
        ``at`` is called before the first row, on any thread, with the cursor of the feed of changes
        after the snapshot that is read, None if the feed is off.

        Raise StoreUnavailable if the read fails.
        """

    def accounts(
        self, after: int = 0, at: Callable[[str | None], object] | None = None
    ) -> AsyncIterator[AccountRow]:
        """Yield every account with a mid above ``after``, with its card and its key, by mid.

        ``at`` is that of ``edges``.

        Raise StoreUnavailable if the read fails.
        """

    async def put_accounts(self, rows: Sequence[AccountRow]) -> None:
        """Create or replace the accounts of a copy, all or none; their keys are documents.

        A new one gets its time of creation, one that is stored keeps that. Not in the feed of
        changes. Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    def about(self, mid: int) -> AsyncIterator[About]:
        """Yield all that is stored of an account, from one snapshot; nothing if it is unknown.

        First the account, then its counts, groups, edges, followers, requests, documents, sessions
        and open sign-ins, each in a fixed order. Raise StoreError if a document cannot be decoded,
        StoreUnavailable if the read fails.
        """

    def owned_groups(self, after: int = 0) -> AsyncIterator[OwnedGroup]:
        """Yield the groups that owners above ``after`` created, by owner, then oldest first.

        Raise StoreUnavailable if the read fails.
        """

    def pending_requests(self, after: int = 0) -> AsyncIterator[SentRequest]:
        """Yield the requests to follow of owners above ``after``, by owner, oldest first.

        Raise StoreUnavailable if the read fails.
        """

    async def put_requests(self, rows: Sequence[SentRequest]) -> Imported:
        """Store the requests of a copy or an import in one transaction; return what they became.

        One that is stored already stays, with its sort key ("unchanged"). One that something
        excludes is left out ("conflicting"): an account that is unknown or deregistered, a
        following, or a block in either direction. Neither a switch nor a limit excludes one.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Yield every document of owners above ``after``, by owner, kind and id.

        Raise StoreError if one cannot be decoded, StoreUnavailable if the read fails.
        """

    def sessions(self) -> AsyncIterator[Session]:
        """Yield every session, expired ones included, in no given order.

        Raise StoreUnavailable if the read fails.
        """

    async def note(self, name: str) -> bytes | None:
        """Return a note, a named value of the store itself, or None; ``secret`` is a note.

        Raise StoreUnavailable if the read fails.
        """

    async def put_note(self, name: str, value: bytes | None) -> None:
        """Write a note, or delete it if ``value`` is None.

        A new ``secret`` takes effect with ``refresh_secret``, or when the store is opened again.
        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    def check(self, looking: Looking | None = None) -> AsyncIterator[Fault]:
        """Check every stored row; yield each broken invariant.

        ``looking`` is called, on any thread, with what is looked at and the share that is done.
        Raise StoreUnavailable if the read fails.
        """

    async def info(self, *, exact: bool = False) -> StoreInfo:
        """Return the engine, sizes and counts of the store.

        PostgreSQL returns the estimates of its planner unless ``exact``, which reads every row.
        SQLite reads each account in either case. Raise StoreUnavailable if the read fails.
        """

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        """Report to ``seen`` the seconds that each transaction waits to write, from now on.

        ``seen`` is called on any thread. It replaces the callable of an earlier call.
        """

    def forget(self) -> None:
        """Drop what is cached, and the visits that are counted and not written.

        For a store whose rows were replaced from outside.
        """

    async def ready(self) -> None:
        """Check that the store can read and write. Raise StoreUnavailable if it cannot."""

    async def close(self) -> None:
        """Write the counted visits, give pending writes a second, and close. Safe to call again.

        If the visits cannot be written, raise StoreUnavailable or StoreTimeout after closing.
        """
