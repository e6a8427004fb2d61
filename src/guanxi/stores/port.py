"""What every store can do: four small ports, and the values that pass through them.

A store applies the rules (``graph``) to what it holds; it knows neither HTTP nor who is signed in.
Reads take and give positions of one list; the caller decides how much of a list may be seen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, overload

from msgspec import Struct

from guanxi.accounts.account import Account, Card, Privacy, State
from guanxi.accounts.secrets import Session
from guanxi.contract.limits import Limits
from guanxi.graph.groups import GroupAct
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import Contract, Modify, Pair, Relation, sort_key_of_mtime
from guanxi.world.kind import ONLY, Entry, Kind, Value

T = TypeVar("T")


class StoreError(Exception):
    """The store cannot be used as asked; the text says why and what helps."""


class StoreUnavailable(StoreError):
    """Nothing was done; the same may succeed later (-503)."""


class StoreTimeout(StoreError):
    """It may have been done; read before repeating (-504)."""


class BadLine(StoreError):
    """An edge of an import cannot be taken. ``line`` counts from 1; nothing was written."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Row(Struct, frozen=True, gc=False):  # made by the thousand, and part of no cycle
    """An item of a list: the owner's edge to ``mid``, without the card.

    In followers the place is that of the follower's edge; the groups are the owner's all the same.
    """

    mid: int
    sort_key: int
    #: Each follows the other.
    mutual: bool = False
    #: The owner's groups for this account, rising; empty for none.
    groups: tuple[int, ...] = ()
    #: The owner is a contractor of the item; the item is one of the owner.
    owner_contract: Contract | None = None
    item_contract: Contract | None = None
    #: How often the owner visited the item; told in the order by visits alone.
    visits: int = 0


class Rows(Sequence[Row]):
    """Rows of a list, by columns: so they are read and told, and few have more than three."""

    def __init__(
        self,
        mids: Sequence[int] = (),
        sort_keys: Sequence[int] = (),
        mutuals: Sequence[int] = (),
        extras: Mapping[int, Row] = {},
    ) -> None:
        self.mids, self.sort_keys = mids, sort_keys
        #: Whether each follows the other, as a number.
        self.mutuals = mutuals
        #: At least the rows that have groups, contracts or visits, by where they stand.
        self.extras = extras

    def __len__(self) -> int:
        return len(self.mids)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        where = range(len(self))[at]
        if isinstance(where, range):
            return [self[one] for one in where]
        extras = self.extras.get(where)
        if extras is not None:
            return extras
        return Row(self.mids[where], self.sort_keys[where], bool(self.mutuals[where]))

    def __eq__(self, other: object) -> bool:
        return [*self] == [*other] if isinstance(other, Rows | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def __repr__(self) -> str:
        return f"Rows({[*self]})"


class Slice(NamedTuple):
    """A run of a list, and what is told of the list, as of one moment."""

    rows: Rows
    #: Whether more follow behind the last.
    more: bool
    #: How many the list has in all; None where nobody counts.
    total: int | None
    #: Changes whenever the list does.
    version: int


#: A list without anybody.
EMPTY_SLICE = Slice(Rows(), False, 0, 0)


class Tally(Struct, frozen=True):
    """An account's counts, and what changes whenever a list of its does."""

    following: int = 0
    whisper: int = 0
    black: int = 0
    follower: int = 0
    #: Of followings, whispers, blacks and groups.
    version: int = 0
    #: Of followers.
    follower_version: int = 0


NO_TALLY = Tally()


class GroupRow(Struct, frozen=True):
    """A group and how many are in it."""

    id: int
    name: str
    count: int


# Millions at once are nothing for the collector of cycles to look through: none can hold one.
class EdgeRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A line of an import or an export. ``time`` in seconds; ``kind`` follow, whisper or block."""

    follower: int
    followed: int
    time: int
    kind: str = "follow"
    special: bool = False
    #: Names of the follower's groups.
    groups: tuple[str, ...] = ()
    contract: Contract | None = None
    #: What orders rows of one second: the finer part of the row's place.
    finer: int = 0
    #: How often the follower visited whom they follow.
    visits: int = 0

    @property
    def sort_key(self) -> int:
        return sort_key_of_mtime(self.time) + self.finer


class OwnedGroup(NamedTuple):
    """A group of an account's own."""

    owner: int
    id: int
    name: str


class Fault(NamedTuple):
    """An invariant that does not hold, and the row where it does not."""

    invariant: str
    detail: str


class Relations(Protocol):
    """The graph."""

    async def change(self, acts: Sequence[Modify | GroupAct], limits: Limits) -> list[int]:
        """Apply acts in order, each on its own: facts, rules and writes in one transaction.

        Returns each act's code, 0 when it stands afterwards. What is answered is durable.
        """

    async def page(
        self,
        listing: Listing,
        owner: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice:
        """A run of a list by position, or (``after`` given, offset 0) behind a position.

        ``Sort.VISITED`` is for followings.
        """

    async def members(
        self,
        owner: int,
        group: int,
        sort: Sort,
        window: Window,
        after: Position | None = None,
    ) -> Slice | None:
        """As ``page``, of the followings in one group (-10 special, 0 those in none).

        None where the owner has no such group.
        """

    async def search(
        self, owner: int, text: str, within: int, window: Window, after: Position | None = None
    ) -> Slice:
        """The first ``within`` followings, newest first, whose name holds ``text`` in any case."""

    async def common(
        self, owner: int, other: int, window: Window, after: Position | None = None
    ) -> Slice:
        """The owner's followings, newest first, that ``other`` follows too."""

    async def pair(self, owner: int, target: int) -> Pair:
        """What the two hold towards each other, as of one moment."""

    async def relations(self, owner: int, targets: Sequence[int]) -> dict[int, Relation]:
        """How the owner stands to targets, each named once; to whom it does not are left out."""

    async def attributes(self, owner: int, targets: Sequence[int]) -> dict[int, int]:
        """The owner's attribute towards each target; those of 0 are left out."""

    async def tally(self, mid: int) -> Tally:
        """An account's counts; zeros for one that is not there."""

    async def groups(self, owner: int) -> list[GroupRow]:
        """Special, default, then the owner's own groups in the order of their making."""

    def visit(self, owner: int, target: int) -> None:
        """Count a visit, in memory; ``flush_visits`` writes it, and counts it only if followed."""

    async def flush_visits(self) -> None:
        """Write the visits counted so far."""


class Accounts(Protocol):
    """Accounts, cards and sessions."""

    async def account(self, mid: int) -> Account | None: ...

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        """The cards of those that are there."""

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        """The encoded ``ItemTail`` of each, its opening brace replaced by a comma.

        Where cards are kept before a store (``card_cache``), this may be some seconds old.
        """

    async def put_account(self, mid: int, card: Card, privacy: Privacy | None = None) -> None:
        """Make an account or replace its card; privacy stays as it is where None."""

    async def set_privacy(self, mid: int, privacy: Privacy) -> None: ...

    async def set_state(self, mid: int, state: State) -> None:
        """Ban, deregister or restore. Deregistering ends the sessions and erases the card."""

    async def open_session(self, session: Session) -> bool:
        """Whether it stands: nobody signs in an account that is unknown or deregistered."""

    async def session(self, digest: bytes) -> Session | None: ...

    async def close_session(self, digest: bytes) -> bool:
        """Whether there was one."""

    async def close_sessions(self, mid: int) -> int:
        """How many there were."""

    async def mids(self, names: Sequence[str]) -> dict[str, int]:
        """The account of each exact name, of those that somebody has; of several, the lowest.

        Deregistered accounts have no name of their own, and are not found.
        """

    async def put_grant(self, digest: bytes, mid: int, expires: int) -> None:
        """Let whoever has the code of this digest sign in as an account, until then (seconds)."""

    async def take_grant(self, digest: bytes) -> int | None:
        """Whom a code signs in, once; None where nobody agreed yet, or it is over or taken."""

    @property
    def secret(self) -> bytes:
        """The store's secret, from which shared keys derive."""


class Query(Struct, frozen=True, kw_only=True):
    """Which run of an owner's documents of one kind, and in which order."""

    #: One of the kind's keys; equal ones go by id, in the same direction.
    order: str
    ascending: bool = False
    #: Only those whose filters have these values.
    where: Mapping[str, Value] = {}
    #: Only those whose text holds this, in any case; empty for all.
    text: str = ""
    offset: int = 0
    limit: int
    #: Behind the document with this key and this id, whether or not it is still there.
    after: tuple[int, int] | None = None


class Documents(NamedTuple, Generic[T]):
    """Documents in order, and whether more follow behind the last."""

    items: Sequence[T]
    more: bool


class Content(Protocol):
    """Documents of the kinds that ``world`` declares; a new kind needs nothing here.

    Keys, filters and ids are those that the kind names; another name is the caller's mistake
    (``KeyError``). An owner needs no account.
    """

    async def put(self, entries: Sequence[Entry]) -> None:
        """Keep documents, all or none, each in the place of one with its owner, kind and id.

        One of a ``unique`` kind takes the place of any with its kind and id.
        """

    async def get(self, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
        """One document."""

    async def find(self, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
        """Documents of a ``unique`` kind, whoever has them: the owner and the document, by id.

        Those that are not there are left out.
        """

    async def documents(self, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
        """A run of an owner's documents."""

    async def count(
        self, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
    ) -> int:
        """How many documents a query without a window would meet."""

    async def counts(
        self, kind: Kind[T], owner: int, name: str, text: str = ""
    ) -> dict[Value, int]:
        """How many documents there are for each value of a filter, those with the text alone."""

    async def total(self, kind: Kind[T], owner: int, key: str) -> int:
        """The sum of a key over an owner's documents; 0 for none."""

    async def delete(
        self,
        kind: Kind[T],
        owner: int,
        ids: Sequence[int] | None = None,
        where: Mapping[str, Value] = {},
    ) -> int:
        """Drop an owner's documents: of these ids, or all, and with these values; how many."""


class Upkeep(Protocol):
    """What is done to a store as a whole."""

    async def import_edges(
        self,
        rows: Callable[[], Iterable[EdgeRow]],
        *,
        accounts: Mapping[int, tuple[Card, Privacy, State]] | None = None,
        groups: Mapping[tuple[int, str], int] | None = None,
        strict: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Add many edges at once, all or nothing, caps apart; how many were new or changed.

        ``accounts`` are put as given; other unknown ones are made with a plain card, or refused
        when ``strict``. ``groups`` gives ids for (owner, name); others get one of their own. An
        edge that stands already takes the row's time, special and groups, and its contract and
        visits where it tells some. ``BadLine`` for a row that cannot be, or that another row or
        what stands leaves no room for. ``progress`` is told how many rows were read.
        """

    def edges(self, after: int = 0) -> AsyncIterator[EdgeRow]:
        """Every edge, whisper and block by account, of those behind one; oldest first."""

    def accounts(self, after: int = 0) -> AsyncIterator[tuple[Account, Card]]:
        """Every account behind one, by mid."""

    def owned_groups(self, after: int = 0) -> AsyncIterator[OwnedGroup]:
        """The own groups of the accounts behind one, by account, in the order of their making."""

    def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Every document of the owners behind one, by owner, kind and id."""

    def sessions(self) -> AsyncIterator[Session]:
        """Every session, those that are over included."""

    async def note(self, name: str) -> bytes | None:
        """What was put under a name in the store's own notes; ``secret`` is one of these."""

    async def put_note(self, name: str, value: bytes | None) -> None:
        """Keep a note, or drop it (None). A new secret is in force once the store is reopened."""

    def check(self) -> AsyncIterator[Fault]:
        """Every place where an invariant of the rules does not hold."""

    def watch_waits(self, seen: Callable[[float], None]) -> None:
        """Tell ``seen``, on any thread, how many seconds each transaction waited to write."""

    async def ready(self) -> None:
        """Return when the store can read and write; raise ``StoreUnavailable`` otherwise."""

    async def close(self) -> None: ...


class Store(Relations, Accounts, Content, Upkeep, Protocol):
    """A store whole."""
