"""The values that reads return and imports accept: rows, pages of rows, counts, edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, overload

from msgspec import Struct

from guanxi.accounts.account import Account, Ban, Card, State
from guanxi.accounts.secrets import Session
from guanxi.graph.lists import Position
from guanxi.graph.pair import Contract, sort_key_of_mtime
from guanxi.world.kind import Entry


class AccountRow(NamedTuple):
    """An account as an export has it."""

    account: Account
    card: Card
    #: Its id in the application that uses guanxi; "" for none.
    key: str = ""
    #: When it was created in this store, in seconds since the Unix epoch; 0 if that is unknown, as
    #: for an account that an import of edges created.
    created: int = 0


#: How many accounts of each state a page of them examines at least, if it selects by more than an
#: index can.
EXAMINED = 1_000

#: Where a page of accounts ends: the name without case of its last account, or the time of
#: its creation, and its mid.
AccountPlace: TypeAlias = tuple[str | int, int]


class AccountQuery(Struct, frozen=True, kw_only=True):
    """Which accounts to list: by the start of their name, by state, by creation.

    They are in the order of their names without case if ``name`` is given, else by creation, the
    oldest first; then by mid.
    """

    #: What the name begins with, in any case; "" for every name.
    name: str = ""
    state: State | None = None
    #: Created after, and before, these times, in seconds since the Unix epoch. The creation of an
    #: account is 0 if it is unknown.
    created_after: int | None = None
    created_before: int | None = None
    limit: int
    #: Start after this place, whether or not its account still exists.
    after: AccountPlace | None = None


class ListedAccount(Struct, frozen=True, kw_only=True):
    """An account in a list of accounts."""

    mid: int
    name: str
    state: State
    #: None unless it is banned with a reason or an end.
    ban: Ban | None
    #: In seconds since the Unix epoch; 0 if it is unknown.
    created: int


class AccountPage(NamedTuple):
    """A page of accounts, and where to continue; None at the end."""

    rows: list[ListedAccount]
    next: AccountPlace | None


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
    #: A number that changes whenever what the owner sees of the list does, but for the order by
    #: visits.
    version: int
    #: The position of the last row, if it does not follow from the row: common followings are not
    #: in the order of their own sort keys. None otherwise, and without a row.
    end: Position | None = None
    #: A number that changes whenever what others see of the list does; 0 for a list that only the
    #: owner sees.
    public_version: int = 0


#: The kind of an ``EdgeRow`` that is a request to follow. Of what the follower may have towards the
#: followed, it may exist next to a whisper only.
REQUEST = "request"

#: What an import does with a row that contradicts a stored edge: see ``Upkeep.import_edges``.
OnContradiction: TypeAlias = Literal["refuse", "resolve"]
#: What an import does with a row whose edge is stored with another time.
OnOtherTime: TypeAlias = Literal["replace", "newest", "oldest", "refuse"]

#: A page of an empty list.
EMPTY_SLICE = Slice(Rows(), False, 0, 0)


class Tally(Struct, frozen=True):
    """How long an account's lists are, and numbers that change whenever one of them changes."""

    following: int = 0
    whisper: int = 0
    black: int = 0
    follower: int = 0
    #: Change with followings and with followers, and with their groups.
    version: int = 0
    follower_version: int = 0
    #: Change with the same lists, but not with groups, which others do not see.
    public_version: int = 0
    public_follower_version: int = 0
    #: Changes with whispers and blacks.
    private_version: int = 0


#: The counts of an account without lists, and of an unknown one.
NO_TALLY = Tally()


class GroupRow(Struct, frozen=True):
    """A group of followings and the number of its members."""

    id: int
    name: str
    count: int


#: Whose followings are suggested: so many of the owner's followings, and so many of theirs.
SOURCES, TARGETS = 200, 200


class Suggestion(Struct, frozen=True, gc=False):
    """An account to follow, and why."""

    mid: int
    #: How many of the owner's followings follow it, among those that were examined.
    shared: int
    #: How many followers it has.
    followers: int

    @property
    def rank(self) -> tuple[float, int, int]:
        """Return what orders suggestions, the lowest first.

        That is the shared followers over the square root of all followers, squared: else those whom
        everybody follows would come first for everybody. Of equals the one with more shared
        followers comes first, then the lower mid.
        """
        return (-(self.shared**2) / max(self.followers, 1), -self.shared, self.mid)


# Imports create millions of these; no field can form a cycle, so the collector need not see them.
class EdgeRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A following, whisper, block or request, as files have it. Not validated when created."""

    follower: int
    followed: int
    #: When it began, in seconds since the Unix epoch.
    time: int
    #: "follow", "whisper", "block", or ``REQUEST``, which ``Upkeep.import_edges`` does not accept.
    #: All fields below but ``finer`` need "follow".
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


#: The follower, the sort key and the followed of a follow that has nothing more.
PlainFollow = tuple[int, int, int]


class PlainFollows(Struct, frozen=True):
    """The rows of an import that are all plain follows, for engines that can write them as tuples.

    Others iterate over them as over any rows.
    """

    #: Chunks of follows, not validated. An import is fastest if they are sorted.
    chunks: Iterable[Sequence[PlainFollow]]

    def __iter__(self) -> Iterator[EdgeRow]:
        """Yield the follows as edges."""
        for chunk in self.chunks:
            yield from map(plain_edge, chunk)


def plain_edge(follow: PlainFollow) -> EdgeRow:
    """Return a plain follow as an edge."""
    follower, sort_key, followed = follow
    time, finer = divmod(sort_key, sort_key_of_mtime(1))
    return EdgeRow(follower=follower, followed=followed, time=time, finer=finer)


class Imported(Struct, frozen=True):
    """How many rows an import wrote or did not write. The sum is the number of rows given."""

    #: Edges that the store did not have.
    new: int = 0
    #: Stored edges that got another time, special flag, groups, contract or number of visits, and
    #: rows that replaced stored edges which they contradict.
    changed: int = 0
    #: Edges that were stored already.
    unchanged: int = 0
    #: Rows that lost against a stored edge and were left out.
    conflicting: int = 0

    def __add__(self, other: Imported) -> Imported:
        return Imported(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.conflicting + other.conflicting,
        )


class OwnedGroup(NamedTuple):
    """A group that an account created, as exports have it."""

    owner: int
    id: int
    name: str


class SentRequest(NamedTuple):
    """``owner`` requests to follow ``target``, as copies and imports have it."""

    owner: int
    target: int
    sort_key: int


class Follower(NamedTuple):
    """``mid`` follows an account, since ``time`` in seconds since the Unix epoch."""

    mid: int
    time: int


class ReceivedRequest(NamedTuple):
    """``mid`` requests to follow an account, since ``time`` in seconds since the Unix epoch."""

    mid: int
    time: int


class Grant(NamedTuple):
    """A QR sign-in that was confirmed and not used yet; valid until ``expires``."""

    expires: int


#: A row of what is stored of an account.
About: TypeAlias = (
    AccountRow
    | Tally
    | OwnedGroup
    | EdgeRow
    | Follower
    | SentRequest
    | ReceivedRequest
    | Entry
    | Session
    | Grant
)


class Fault(NamedTuple):
    """An invariant that is broken, and the row that breaks it."""

    invariant: str
    detail: str
