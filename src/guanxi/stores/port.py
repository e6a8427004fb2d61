"""The interface of every store, in four parts, and the values that it accepts and returns.

A store applies the rules of ``graph`` to its rows. It knows nothing of HTTP, of who is signed in
or of what a viewer may see: the caller checks that.

Every coroutine raises ``StoreUnavailable`` when the store is closed, busy or out of reach, and
``StoreTimeout`` when it cannot know whether a write succeeded; a plain ``StoreError`` means that a
retry will not help, as with a damaged file. A write is one transaction, and is durable once its
coroutine returns. A read returns one snapshot.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload

from msgspec import Struct

from guanxi.accounts.account import Account, AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Contract, Modify, Pair, Relation, sort_key_of_mtime
from guanxi.world.kind import ONLY, DocumentEdit, Entry, Kind, Value

T = TypeVar("T")


class StoreError(Exception):
    """A store cannot be opened, or cannot do the work; the text says why and what helps."""


class StoreUnavailable(StoreError):
    """The store is closed, busy or out of reach; nothing was written. Retry later (-503)."""


class StoreTimeout(StoreError):
    """A write may or may not have succeeded. Read before writing again (-504)."""


class BadLine(StoreError):
    """A line of an import is invalid. ``line`` counts from 1; nothing of the import was written."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Row(Struct, frozen=True, gc=False):  # made by the thousand, and part of no cycle
    """An item of an owner's list, without the card.

    In a list of followers, ``sort_key`` is that of the follower's edge; ``groups`` are the owner's.
    """

    mid: int
    sort_key: int
    #: Whether the two follow each other.
    mutual: bool = False
    #: Ids of the owner's groups that hold this account, ``SPECIAL`` included, ascending.
    groups: tuple[int, ...] = ()
    #: The owner's contract with the item, and the item's contract with the owner.
    owner_contract: Contract | None = None
    item_contract: Contract | None = None
    #: How often the owner visited the item; 0 in every order but ``Sort.VISITED``.
    visits: int = 0


class Rows(Sequence[Row]):
    """A sequence of ``Row``, stored as columns, since most rows have only three values.

    Each column has one value per row. A ``Row`` is created when it is read.
    """

    def __init__(
        self,
        mids: Sequence[int] = (),
        sort_keys: Sequence[int] = (),
        mutuals: Sequence[int] = (),
        extras: Mapping[int, Row] = {},
    ) -> None:
        self.mids, self.sort_keys = mids, sort_keys
        #: ``Row.mutual`` as a number: 0 is false.
        self.mutuals = mutuals
        #: By index: at least every row with groups, contracts or visits.
        self.extras = extras

    def __len__(self) -> int:
        return len(self.mids)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        selected = range(len(self))[index]
        if isinstance(selected, range):
            return [self[position] for position in selected]
        row = self.extras.get(selected)
        if row is not None:
            return row
        return Row(self.mids[selected], self.sort_keys[selected], bool(self.mutuals[selected]))

    def __eq__(self, other: object) -> bool:
        return [*self] == [*other] if isinstance(other, Rows | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like a list, it has no hash

    def __repr__(self) -> str:
        return f"Rows({[*self]})"


class Slice(NamedTuple):
    """One page of a list, with the list's total and version, read from one snapshot."""

    rows: Rows
    #: Whether the list has rows after the last of these; False for a page with ``limit`` 0.
    more: bool
    #: How many rows the whole list has; None for friends and group members.
    total: int | None
    #: A number that changes whenever the list changes.
    version: int


#: A page of an empty list.
EMPTY_SLICE = Slice(Rows(), False, 0, 0)


class Tally(Struct, frozen=True):
    """How long an account's lists are, and numbers that change whenever one of them changes."""

    following: int = 0
    whisper: int = 0
    black: int = 0
    follower: int = 0
    #: Changes with followings, whispers, blacks, groups and visits.
    version: int = 0
    #: Changes with followers.
    follower_version: int = 0


#: The counts of an account without lists, and of an unknown one.
NO_TALLY = Tally()


class GroupRow(Struct, frozen=True):
    """A group of followings and the number of its members."""

    id: int
    name: str
    count: int


# Imports create millions of these; no field can form a cycle, so the collector need not see them.
class EdgeRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A following, whisper or block, as imports and exports have it. Not validated when created."""

    follower: int
    followed: int
    #: When it began, in seconds since the Unix epoch.
    time: int
    #: "follow", "whisper" or "block". All fields below but ``finer`` need "follow".
    kind: str = "follow"
    special: bool = False
    #: Names of the follower's groups, without the special and the default group.
    groups: tuple[str, ...] = ()
    #: The follower's contract with the followed.
    contract: Contract | None = None
    #: Orders edges within one second: the low bits of the sort key, 0 to ``lines.MAX_FINER``.
    finer: int = 0
    #: How often the follower visited the followed.
    visits: int = 0

    @property
    def sort_key(self) -> int:
        """Return the integer that orders lists, computed from ``time`` and ``finer``."""
        return sort_key_of_mtime(self.time) + self.finer


class OwnedGroup(NamedTuple):
    """A group that an account created, as exports have it."""

    owner: int
    id: int
    name: str


class Fault(NamedTuple):
    """An invariant that is broken, and the row that breaks it."""

    invariant: str
    detail: str


class Relations(Protocol):
    """The follow graph: acts on it, and reads of lists, pairs, counts and groups."""

    async def change(self, acts: Sequence[Modify | GroupAct], limits: Limits) -> list[int]:
        """Apply acts in order; return the code of each.

        Code 0: the act is done, or there was nothing to do. Any other code: the rules refused this
        act, and it changed nothing; the other acts are applied all the same. Up to
        ``acts.MAX_ACTS`` acts are one transaction; more are several, one after another, and other
        writers get their turn between them. Raise StoreUnavailable (nothing written), also if a
        ``CreateGroup`` has an id that the owner already uses; StoreTimeout (perhaps written, or
        only the first acts of several transactions); ValueError if a ``Modify.act`` is not an
        ``Act``.
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
        still exists. The list of an unknown owner is empty. ``total`` is None for friends. Use
        ``Sort.VISITED`` for followings and friends only. Raise StoreUnavailable if the read fails.
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
        """Return a page of the owner's followings that ``other`` also follows, newest first.

        ``total`` counts them all; ``version`` changes with the followings of either account.
        ``after`` is as in ``page``. Raise StoreUnavailable if the read fails.
        """

    async def pair(self, owner: int, target: int) -> Pair:
        """Return the owner's side (``mine``) and the target's; empty sides if they have none.

        Raise StoreUnavailable if the read fails.
        """

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

        It is lost unless ``flush_visits`` or ``close`` follows.
        """

    async def flush_visits(self) -> None:
        """Write the counted visits, and drop those to targets that the owner does not follow.

        After StoreUnavailable they stay in memory, for the next call; after StoreTimeout they do
        not.
        """


class Accounts(Protocol):
    """Accounts, their cards, their sessions and the grants of QR sign-ins."""

    async def account(self, mid: int) -> Account | None:
        """Return an account's state and privacy, or None for an unknown account.

        Raise StoreUnavailable if the read fails.
        """

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        """Return the cards of accounts, by mid; unknown accounts are omitted.

        Raise StoreUnavailable if the read fails.
        """

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        """Return the list-item tails of accounts, by mid; unknown accounts are omitted.

        A tail is the JSON of an ``ItemTail`` whose opening brace is replaced by a comma. With a
        card cache in front of the store (``card_cache``) it may be some seconds old. Raise
        StoreUnavailable if the read fails.
        """

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        """Change an account and documents of it in one transaction; return None, or a refusal.

        ``accounts.account.decide_account`` is applied to the stored account. A refused edit changes
        nothing. An edit that deregisters also deletes the account's sessions and grants; its edges
        stay. Of several edits to one name with ``unique_name``, one succeeds. Raise
        StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def open_session(self, session: Session) -> bool:
        """Store a session; return False, and store nothing, if nobody may sign in to its account.

        That is an unknown or deregistered account. Also deletes the account's sessions that expired
        before ``session.created``. Raise StoreUnavailable (not written) or StoreTimeout (perhaps
        written).
        """

    async def session(self, digest: bytes) -> Session | None:
        """Return the session with this token digest, expired or not; None if there is none.

        Raise StoreUnavailable if the read fails.
        """

    async def close_session(self, digest: bytes) -> bool:
        """Delete the session with this token digest; return whether it existed.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def close_sessions(self, mid: int) -> int:
        """Delete all sessions of an account; return their number.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def mids(self, names: Sequence[str]) -> dict[str, int]:
        """Return the mid of the account with each exact name, by name; of several, the lowest.

        Names that no account has are omitted. Deregistered accounts are never found. Raise
        StoreUnavailable if the read fails.
        """

    async def put_grant(self, digest: bytes, mid: int, expires: int) -> None:
        """Store a grant: the QR sign-in code with this digest signs in as ``mid``.

        It is valid until ``expires``, in seconds since the Unix epoch. Expired grants are deleted.
        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def take_grant(self, digest: bytes) -> int | None:
        """Delete a valid grant and return its account, so that a code signs in only once.

        None if nobody confirmed the sign-in, or the grant has expired or was already used. Raise
        StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    @property
    def secret(self) -> bytes:
        """Return the store's secret, as read at opening; shared keys are derived from it."""


class Query(Struct, frozen=True, kw_only=True):
    """A page of an owner's documents of one kind: order, conditions and window."""

    #: The name of one of the kind's keys. Ties are ordered by id, in the same direction.
    order: str
    ascending: bool = False
    #: The value that each named filter must have.
    where: Mapping[str, Value] = {}
    #: What the document's text must contain, in any case; "" for every document.
    text: str = ""
    offset: int = 0
    limit: int
    #: Start after the document with this key and this id, whether or not it still exists.
    after: tuple[int, int] | None = None


class Documents(NamedTuple, Generic[T]):
    """One page of documents, in order."""

    items: Sequence[T]
    #: Whether more documents match after the last of these.
    more: bool


class Content(Protocol):
    """Documents of the kinds that ``world`` declares; a new kind needs no change in a store.

    Names of keys and filters are those that the kind declares; ``KeyError`` for any other. An
    owner needs no account. ``StoreError`` for a stored document that cannot be decoded.
    """

    async def put(self, entries: Sequence[Entry]) -> None:
        """Store documents, all or none. Raise KeyError for a kind that is not declared.

        A document replaces the one with the same owner, kind and id; one of a ``unique`` kind also
        replaces the one that another owner has under its id. Raise StoreUnavailable (not written)
        or StoreTimeout (perhaps written).
        """

    async def get(self, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
        """Return an owner's document, or None if there is none with this id.

        Raise StoreError if it cannot be decoded, StoreUnavailable if the read fails.
        """

    async def find(self, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
        """Return the owner and the document of each id of a ``unique`` kind, by id.

        Ids without a document are omitted. Raise StoreError if one cannot be decoded,
        StoreUnavailable if the read fails.
        """

    async def documents(self, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
        """Return the page of an owner's documents that ``query`` selects.

        Raise KeyError for an undeclared order or filter, StoreError if a document cannot be
        decoded, StoreUnavailable if the read fails.
        """

    async def count(
        self, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
    ) -> int:
        """Return how many of an owner's documents match; see ``Query.where`` and ``Query.text``.

        Raise KeyError for an undeclared filter, StoreUnavailable if the read fails.
        """

    async def counts(
        self, kind: Kind[T], owner: int, name: str, text: str = ""
    ) -> dict[Value, int]:
        """Count an owner's documents that contain ``text``, by the value of the filter ``name``.

        Values without a document are omitted. Raise KeyError for an undeclared filter,
        StoreUnavailable if the read fails.
        """

    async def total(self, kind: Kind[T], owner: int, key: str) -> int:
        """Return the sum of a key over all of an owner's documents; 0 if there are none.

        Raise KeyError for an undeclared key, StoreUnavailable if the read fails.
        """

    async def delete(
        self,
        kind: Kind[T],
        owner: int,
        ids: Sequence[int] | None = None,
        where: Mapping[str, Value] = {},
    ) -> int:
        """Delete an owner's documents that match ``where``; return their number.

        ``ids`` restricts that to these ids; None means every id, and an empty sequence no id. Raise
        KeyError for an undeclared filter. Raise StoreUnavailable (not written) or StoreTimeout
        (perhaps written).
        """


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
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Import many edges, all or none; return how many are new or changed.

        The numbers of followings and groups are not limited. ``rows`` is read on another thread;
        ``progress`` is called, on any thread, with the number of rows read so far. ``accounts`` are
        created or replaced; other unknown accounts get a plain card, or are refused if ``strict``.
        ``groups`` gives the ids of new groups by owner and name; others get a new id.

        An existing edge gets the row's time, special flag and groups; its contract and visits
        change only if the row has some. Raise BadLine for a row that is invalid, or that
        contradicts another row or an edge in the store; StoreError if an id in ``groups`` cannot be
        used; StoreUnavailable (nothing written); StoreTimeout (perhaps written); and whatever
        ``rows`` raises.
        """

    def edges(self, after: int = 0) -> AsyncIterator[EdgeRow]:
        """Yield followings, whispers and blocks of mids above ``after``, by follower, oldest first.

        Raise StoreUnavailable if the read fails.
        """

    def accounts(self, after: int = 0) -> AsyncIterator[tuple[Account, Card]]:
        """Yield every account with a mid above ``after``, with its card, by mid.

        Raise StoreUnavailable if the read fails.
        """

    def owned_groups(self, after: int = 0) -> AsyncIterator[OwnedGroup]:
        """Yield the groups that owners above ``after`` created, by owner, then oldest first.

        Raise StoreUnavailable if the read fails.
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

        A new ``secret`` takes effect when the store is opened again. Raise StoreUnavailable (not
        written) or StoreTimeout (perhaps written).
        """

    def check(self) -> AsyncIterator[Fault]:
        """Check every stored row; yield each broken invariant.

        Raise StoreUnavailable if the read fails.
        """

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        """Report to ``seen`` the seconds that each transaction waits to write, from now on.

        ``seen`` is called on any thread. It replaces the callable of an earlier call.
        """

    async def ready(self) -> None:
        """Check that the store can read and write. Raise StoreUnavailable if it cannot."""

    async def close(self) -> None:
        """Write the counted visits, finish the pending writes and close. Safe to call again.

        If the visits cannot be written, raise StoreUnavailable or StoreTimeout after closing.
        """


class Store(Relations, Accounts, Content, Upkeep, Protocol):
    """A whole store: all four parts of the interface."""
