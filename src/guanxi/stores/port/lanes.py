"""The lanes of reads: which verb runs where, for whom, and how many may wait.

A read of a few rows is done at once. Others wait for their turn in one of two lanes, by the number
of rows that they may examine, so that no short read waits behind a long one. How many reads one
account, one address and all together have in a lane is bounded; one more is refused at once.
"""

# ruff: noqa: ARG001 - a rule has the arguments of its verb

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from guanxi.contract.limits import ALL
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT
from guanxi.stores.port.content import Query
from guanxi.stores.port.errors import StoreBusy
from guanxi.stores.port.rows import EXAMINED, SOURCES, TARGETS, AccountQuery, Tally
from guanxi.text import Text
from guanxi.world.kind import Kind

Key = TypeVar("Key", int, str)


class Lane(Enum):
    """Where a read runs."""

    AT_ONCE = "at once"
    SHORT = "short"
    LONG = "long"


#: The most rows that a read of these lanes costs; a longer one is in the next lane. (On SQLite, a
#: row of a list costs about half a microsecond.)
AT_ONCE_ROWS, SHORT_ROWS = 2_000, 30_000


class Bounds(NamedTuple):
    """How many reads may wait or run in one lane of one process."""

    account: int
    address: int
    all: int


BOUNDS = {Lane.SHORT: Bounds(32, 128, 256), Lane.LONG: Bounds(2, 8, 16)}


class Rows(Struct, frozen=True, gc=False):
    """How many rows a read examines: at most ``most``, and not more than its lists have."""

    most: int
    #: Accounts, and which of their counts (fields of ``Tally``); () if no count bounds the read.
    lists: tuple[tuple[int, str], ...] = ()
    #: How many rows of a list, read in its order, cost as much as one of these.
    weight: int = 1

    def cost(self, tallies: Mapping[int, Tally] = {}) -> int:
        """Return the cost, in rows of a list; not more than that of the lists with ``tallies``."""
        if not tallies:
            return self.weight * self.most
        counts = [int(getattr(tallies[mid], name)) for mid, name in self.lists if mid in tallies]
        return self.weight * (min(self.most, sum(counts)) if counts else self.most)


def lane_of(cost: int) -> Lane:
    """Return the lane of a read that costs so many rows."""
    if cost <= AT_ONCE_ROWS:
        return Lane.AT_ONCE
    return Lane.SHORT if cost <= SHORT_ROWS else Lane.LONG


#: The count of each list.
_COUNTS = {
    Listing.FOLLOWINGS: "following",
    Listing.FOLLOWERS: "follower",
    Listing.FRIENDS: "following",
    Listing.WHISPERS: "whisper",
    Listing.BLACKS: "black",
}


def _page(
    listing: Listing, owner: int, sort: Sort, window: Window, after: Position | None = None
) -> Rows:
    whole = sort is Sort.VISITED or listing is Listing.FRIENDS
    most = ALL if whole else window.offset + window.limit
    return Rows(most, ((owner, _COUNTS[listing]),))


def _members(
    owner: int, group: int, sort: Sort, window: Window, after: Position | None = None
) -> Rows:
    whole = sort is Sort.VISITED or group == DEFAULT
    return Rows(ALL if whole else window.offset + window.limit, ((owner, "following"),))


def _search(
    owner: int, text: str, within: int, window: Window, after: Position | None = None
) -> Rows:
    return Rows(within, ((owner, "following"),), weight=10)  # each is looked up by its mid


def _common(owner: int, other: int, window: Window, after: Position | None = None) -> Rows:
    return Rows(ALL, ((owner, "following"), (other, "following")), weight=3)


def _known_followers(
    owner: int, target: int, window: Window, after: Position | None = None
) -> Rows:
    return Rows(ALL, ((owner, "following"),), weight=3)


def _suggestions(owner: int, limit: int, now: int) -> Rows:
    return Rows(SOURCES, ((owner, "following"),), weight=TARGETS)


def _requests(mid: int, window: Window, after: Position | None = None) -> Rows:
    return Rows(window.offset + window.limit)  # not counted


def _about(owner: int, targets: Sequence[int]) -> Rows:
    return Rows(len(targets))


def _pairs(owner: int, targets: Sequence[int]) -> Rows:
    return Rows(len(targets), weight=4)  # two sides, each of several look-ups


def _each(mids: Sequence[int]) -> Rows:
    return Rows(len(mids))


def _named(names: Sequence[str]) -> Rows:
    return Rows(len(names))


def _list_accounts(query: AccountQuery, now: int) -> Rows:
    return Rows(3 * max(EXAMINED, query.limit))  # of each state


def _find(kind: Kind[Any], ids: Sequence[int]) -> Rows:
    return Rows(len(ids))


def _documents_of(kind: Kind[Any], owners: Sequence[int], ids: Sequence[int] | None = None) -> Rows:
    return Rows(len(owners) * (1 if ids is None else len(ids)))


def _documents(kind: Kind[Any], owner: int, query: Query) -> Rows:
    """How many an owner has is not counted: all of them is no large number, as of a log."""
    if query.where or query.text:
        return Rows(SHORT_ROWS)
    return Rows(min(query.offset + query.limit, SHORT_ROWS))


def _changes_after(cursor: object, limit: int) -> Rows:
    return Rows(limit)


Rule: TypeAlias = Lane | Callable[..., Rows]

#: The lane of each verb that reads, or how many rows it examines, from the verb's arguments. The
#: verbs of ``Upkeep`` that yield rows have a thread or connection of their own each.
LANES: dict[str, Rule] = {
    "page": _page,
    "members": _members,
    "search": _search,
    "common": _common,
    "known_followers": _known_followers,
    "suggestions": _suggestions,
    "pair": Lane.AT_ONCE,
    "pairs": _pairs,
    "requests": _requests,
    "sent_requests": _requests,
    "relations": _about,
    "attributes": _about,
    "tally": Lane.AT_ONCE,
    "groups": Lane.AT_ONCE,
    "account": Lane.AT_ONCE,
    "accounts_of": _each,
    "created": Lane.AT_ONCE,
    "cards": _each,
    "briefs": _each,
    "tails": _each,
    "list_accounts": _list_accounts,
    "session": Lane.AT_ONCE,
    "sessions_of": Lane.AT_ONCE,
    "mids": _named,
    "grant": Lane.AT_ONCE,
    "get": Lane.AT_ONCE,
    "find": _find,
    "documents_of": _documents_of,
    "documents": _documents,
    "changes_after": _changes_after,
    "changes_status": Lane.AT_ONCE,
    "count": Lane.SHORT,
    "counts": Lane.SHORT,
    "total": Lane.SHORT,
    "note": Lane.AT_ONCE,
    "admin_token": Lane.AT_ONCE,
    "admin_tokens": Lane.SHORT,
    "audit": Lane.SHORT,
    "erasure": Lane.AT_ONCE,
    "erasures": Lane.AT_ONCE,
}


class Reading(Protocol):
    """For whom a read is done."""

    @property
    def account(self) -> int:
        """Return the caller's mid, 0 for nobody."""
        ...

    @property
    def address(self) -> str:
        """Return the caller's IP address, "" if it is unknown."""
        ...

    def watching(self) -> AbstractContextManager[None]:
        """Return what is entered while a read waits or runs in the long lane.

        It may cancel the task, when nobody waits for the result any more.
        """
        ...


class Reader(Struct, frozen=True):
    """A ``Reading`` that nothing cancels."""

    account: int = 0
    address: str = ""

    def watching(self) -> AbstractContextManager[None]:
        return nullcontext()


#: For whom the current task reads.
READER: ContextVar[Reading] = ContextVar("guanxi_reader", default=Reader())  # noqa: B039


class Admission:
    """The reads that wait or run in one lane, counted by account and by address."""

    def __init__(self, lane: Lane) -> None:
        self._bounds, self._is_watched = BOUNDS[lane], lane is Lane.LONG
        self._accounts: Counter[int] = Counter()
        self._addresses: Counter[str] = Counter()
        self.all = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a read of the current ``READER`` during the block.

        Raise StoreBusy at once if the account, the address or the lane has as many as it may have.
        """
        reader, bounds = READER.get(), self._bounds
        if reader.account and self._accounts[reader.account] >= bounds.account:
            raise StoreBusy(
                Text("此账号同时进行的大型读取过多", "the account has too many long reads at once")
            )
        if reader.address and self._addresses[reader.address] >= bounds.address:
            raise StoreBusy(
                Text("此地址同时进行的大型读取过多", "the address has too many long reads at once")
            )
        if self.all >= bounds.all:
            raise StoreBusy(Text("等待的读取过多", "too many reads are waiting"))
        self._count(reader, 1)
        try:
            with reader.watching() if self._is_watched else nullcontext():
                yield
        finally:
            self._count(reader, -1)

    def _count(self, reader: Reading, number: int) -> None:
        self.all += number
        _add(self._accounts, reader.account, number)
        _add(self._addresses, reader.address, number)


def _add(counts: Counter[Key], key: Key, number: int) -> None:
    """Add to a count; forget it when it is 0, since there is no end of accounts and addresses."""
    counts[key] += number
    if not counts[key]:
        del counts[key]
