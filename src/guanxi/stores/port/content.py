"""The port's verbs on documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from guanxi.world.kind import ONLY, Entry, Kind, Value

T = TypeVar("T")


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

    async def put(self, entries: Sequence[Entry], *, by: int = 0) -> None:
        """Store documents, all or none. Raise KeyError for a kind that is not declared.

        A document replaces the one with the same owner, kind and id; one of a ``unique`` kind also
        replaces the one that another owner has under its id. ``by`` is the account that makes the
        change, 0 for nobody: raise CallerRefused if it is banned or deregistered by then. Raise
        OverflowError for an owner, id or key over 64 bits, StoreUnavailable (not written) or
        StoreTimeout (perhaps written).
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

    async def documents_of(
        self, kind: Kind[T], owners: Sequence[int], ids: Sequence[int] | None = None
    ) -> dict[tuple[int, int], T]:
        """Return the documents that several owners have, by owner and id, in one read.

        ``ids`` restricts that to these ids of each; those without a document are omitted. None
        means every id, which is for a kind of which an owner has few. Raise StoreError if one
        cannot be decoded, StoreUnavailable if the read fails.
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

        ``text`` is as in ``Query``: in any case, "" for every document. Values without a document
        are omitted. Raise KeyError for an undeclared filter, StoreUnavailable if the read fails.
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
        *,
        by: int = 0,
    ) -> int:
        """Delete an owner's documents that match ``where``; return their number.

        ``ids`` restricts that to these ids; None means every id, and an empty sequence no id.
        ``by`` is as in ``put``; SQLite deletes a large number in several transactions, each of
        which checks it. Raise
        KeyError for an undeclared filter. Raise StoreUnavailable (not written) or StoreTimeout
        (perhaps written).
        """
