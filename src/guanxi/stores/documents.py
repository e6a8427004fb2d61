"""What every engine asks of documents, and how what is kept of them is checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import msgspec

from guanxi.stores.port import Fault, StoreError
from guanxi.world.kind import Entry, Kind
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")


def declared(names: Iterable[str], known: Collection[str]) -> None:
    """A name that a kind does not declare would meet nothing, and nobody would see why."""
    for name in names:
        if name not in known:
            raise KeyError(name)


def document(kind: Kind[T], owner: int, id: int, body: bytes) -> T:
    """A document from its body."""
    try:
        return kind.read(body)
    except msgspec.MsgspecError as wrong:
        raise StoreError(f"the {kind.name} {id} of {owner} cannot be read: {wrong}") from None


def entry(owner: int, kind: str, body: bytes) -> Entry:
    """A document as it was put, from its body."""
    try:
        return BY_NAME[kind].entry(owner, BY_NAME[kind].read(body))
    except (LookupError, msgspec.MsgspecError) as wrong:
        raise StoreError(f"a {kind} of {owner} cannot be read: {wrong}") from None


_READ = "a document can be read"
_DERIVED = "what a document is found by is that of its body"

#: All that is checked of one document, by name.
INVARIANTS = (_READ, _DERIVED)


def broken(
    kind: str, owner: int, body: bytes, kept: object, keeps: Callable[[Entry], object]
) -> str | None:
    """The invariant that does not hold of a document: what is ``kept`` of it, made again."""
    known = BY_NAME.get(kind)
    if known is None:
        return _READ
    try:
        entry = known.entry(owner, known.read(body))
    except (msgspec.MsgspecError, LookupError):
        return _READ
    return None if kept == keeps(entry) else _DERIVED


def fault(invariant: str, owner: int, kind: str, id: int) -> Fault:
    """A fault of a document."""
    return Fault(invariant, f"{owner}, {kind} {id}")
