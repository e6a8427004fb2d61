"""What a kind of content is: a value from which a store needs no more than rows of one table.

A document belongs to an owner. A kind says what its documents are, which number tells them apart,
by which numbers they are ordered, by which values they are filtered, and which text is searched. A
new kind is a declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
Value = int | str

#: The id of the one document of a kind that has one an owner.
ONLY = 0


class Entry(Struct, frozen=True, kw_only=True):
    """A document as a store keeps it."""

    owner: int
    kind: str
    id: int
    #: What it is ordered by, and what it is filtered by, by name.
    keys: dict[str, int]
    filters: dict[str, Value]
    #: What is searched, case folded; empty where nothing is.
    text: str
    body: bytes


def _only(_document: object) -> int:
    return ONLY


def _no_text(_document: object) -> str:
    return ""


class Kind(Struct, Generic[T], frozen=True, kw_only=True, eq=False):
    """A kind of content."""

    name: str
    #: The type of its documents.
    body: type[T]
    #: Tells an owner's documents apart.
    id: Callable[[T], int] = _only
    keys: Mapping[str, Callable[[T], int]] = {}
    filters: Mapping[str, Callable[[T], Value]] = {}
    text: Callable[[T], str] = _no_text
    #: Its ids are one row of numbers over all owners, so that a document is found by its id alone;
    #: putting it for another owner moves it.
    unique: bool = False

    def entry(self, owner: int, document: T) -> Entry:
        """A document, ready to be kept."""
        return Entry(
            owner=owner,
            kind=self.name,
            id=self.id(document),
            keys={name: key(document) for name, key in self.keys.items()},
            filters={name: value(document) for name, value in self.filters.items()},
            text=self.text(document).casefold(),
            body=msgspec.json.encode(document, order="deterministic"),  # of sets, too
        )

    def read(self, body: bytes) -> T:
        """A document that was kept."""
        return msgspec.json.decode(body, type=self.body)
