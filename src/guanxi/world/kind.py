"""Kinds of content (video, note, …), declared so that a store needs one table for all of them.

A document belongs to an owner. Its kind declares its class, its id, the numbers that it can be
sorted by, the values that it can be filtered by, and the text that is searched. To add a kind,
declare a ``Kind``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

T = TypeVar("T")
Value = int | str

#: The id of the document of a kind that has only one document per owner.
ONLY = 0


class Entry(Struct, frozen=True, kw_only=True):
    """A document in the form that a store writes: encoded, with its sort and filter values."""

    owner: int
    kind: str
    id: int
    #: The values to sort by and to filter by, by name.
    keys: dict[str, int]
    filters: dict[str, Value]
    #: The text that is searched, case-folded; empty if the kind has none.
    text: str
    body: bytes


def _only_id(_document: object) -> int:
    return ONLY


def _empty_text(_document: object) -> str:
    return ""


class Kind(Struct, Generic[T], frozen=True, kw_only=True, eq=False):
    """A kind of content: how a store identifies, sorts, filters, searches and encodes it."""

    name: str
    #: The class of its documents.
    body: type[T]
    #: Returns a document's id, unique among the owner's documents of the kind.
    id: Callable[[T], int] = _only_id
    #: The sort keys, by name: each returns a number from 0 to 2**63 - 1.
    keys: Mapping[str, Callable[[T], int]] = {}
    #: The values that a query can require, by name.
    filters: Mapping[str, Callable[[T], Value]] = {}
    #: Returns the text that is searched.
    text: Callable[[T], str] = _empty_text
    #: Ids are unique over all owners, so that a document is found by its id alone. Storing it for
    #: another owner moves it.
    unique: bool = False

    def entry(self, owner: int, document: T) -> Entry:
        """Return an owner's document of this kind in the form that a store writes.

        ``document`` is not validated. Exceptions of the kind's functions (``id``, ``keys`` …) pass
        through.
        """
        return Entry(
            owner=owner,
            kind=self.name,
            id=self.id(document),
            keys={name: key(document) for name, key in self.keys.items()},
            filters={name: value(document) for name, value in self.filters.items()},
            text=self.text(document).casefold(),
            body=msgspec.json.encode(document, order="deterministic"),  # for sets, too
        )

    def read(self, body: bytes) -> T:
        """Decode and return the document in an entry's body.

        Raise ``msgspec.MsgspecError`` if the body is not a document of this kind.
        """
        return msgspec.json.decode(body, type=self.body)


class DocumentEdit(Struct, Generic[T], frozen=True, kw_only=True):
    """A change of some fields of a document. A missing one starts with its class's defaults."""

    kind: Kind[T]
    fields: Mapping[str, Any]
    id: int = ONLY

    def entry(self, owner: int, stored: T | None) -> Entry:
        """Return ``stored`` with the changed fields, in the form that a store writes.

        If ``stored`` is None, change a document with its class's defaults. Raise TypeError for an
        unknown field.
        """
        current: Any = self.kind.body() if stored is None else stored
        return self.kind.entry(owner, replace(current, **self.fields))
