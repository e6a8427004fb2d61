"""What a graph returns: plain, frozen values with the mids of accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from msgspec import Struct

from guanxi.accounts.account import Privacy, State
from guanxi.contract.errors import ApiException

T = TypeVar("T")
#: What comes of a follow.
Followed = Literal["followed", "requested"]
Outcome = Literal["follow", "request", "unfollow", "unchanged", "refused"]


def moment(seconds: int) -> datetime:
    """Return a time in seconds since the Unix epoch as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


class Person(Struct, frozen=True, kw_only=True):
    """An account."""

    mid: int
    name: str
    face: str
    sign: str
    state: State
    privacy: Privacy


class Erased(Struct, frozen=True, kw_only=True):
    """An account that was erased."""

    mid: int
    #: How much was deleted, by what it was; what there was none of is omitted.
    counts: Mapping[str, int]


class Item(Struct, frozen=True, gc=False):  # positional: made by the thousand
    """An account in a list of another one, the owner."""

    mid: int
    name: str
    face: str
    sign: str
    #: When the relation began, in seconds since the Unix epoch.
    time: int
    #: Whether the two follow each other.
    mutual: bool = False
    #: Whether the owner marked it as special.
    special: bool = False
    #: Ids of the owner's groups that hold it.
    groups: tuple[int, ...] = ()

    @property
    def since(self) -> datetime:
        """Return when the relation began, in UTC."""
        return moment(self.time)


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list."""

    items: list[T]
    #: Where the next page begins; None at the end of the list.
    cursor: str | None
    #: How many items the whole list has; None if that is not counted.
    total: int | None


class Relation(Struct, frozen=True, kw_only=True):
    """What an account has towards another, and whether that one follows it."""

    following: bool = False
    followed_by: bool = False
    blocked: bool = False
    #: Whether the account requests to follow the other one, which approves its followers.
    requested: bool = False
    #: Whether the account has muted the other one, until a time that has not come.
    muted: bool = False
    special: bool = False
    #: Ids of the groups that hold the other account.
    groups: tuple[int, ...] = ()
    #: When the following or the block began, in seconds since the Unix epoch; 0 for neither.
    time: int = 0

    @property
    def mutual(self) -> bool:
        """Return whether the two follow each other."""
        return self.following and self.followed_by

    @property
    def since(self) -> datetime | None:
        """Return when the following or the block began, in UTC; None for neither."""
        return moment(self.time) if self.time else None


class Group(Struct, frozen=True, kw_only=True):
    """A group of followings that an account made."""

    id: int
    name: str
    count: int


class Counts(Struct, frozen=True, kw_only=True):
    """How long the lists of an account are."""

    following: int
    followers: int
    blocked: int
    #: Those whom the account follows in secret; only an import makes such relations.
    whispers: int


class Mute(Struct, frozen=True, kw_only=True):
    """An account that another one has muted."""

    mid: int
    #: When it was muted, in seconds since the Unix epoch.
    time: int
    #: When that ends; None for never.
    until: datetime | None

    @property
    def since(self) -> datetime:
        """Return when it was muted, in UTC."""
        return moment(self.time)


class Suggested(Struct, frozen=True, kw_only=True):
    """An account to follow, and why."""

    mid: int
    name: str
    face: str
    sign: str
    #: How many of those whom one follows follow it, of those that were examined.
    shared: int
    followers: int


class Imported(Struct, frozen=True, kw_only=True):
    """What an import of followings does with one account."""

    mid: int
    #: ``follow`` or ``unfollow`` (done, or in a preview to be done), ``unchanged``, ``refused``.
    outcome: Outcome
    #: Why it is refused.
    error: ApiException | None = None
