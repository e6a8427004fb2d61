"""Decoding and checking of stored documents, shared by every engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import msgspec

from guanxi.accounts.account import state_at
from guanxi.accounts.rights import CALLER
from guanxi.contract.endpoint import Does
from guanxi.graph.pair import mtime_of
from guanxi.stores.port import CallerRefused, Fault, StoreError
from guanxi.text import Text
from guanxi.world.kind import Entry, Kind, Value
from guanxi.world.kinds import BY_NAME

T = TypeVar("T")


def check_declared(names: Iterable[str], known: Collection[str]) -> None:
    """Raise KeyError for the first name not in ``known``.

    An undeclared name would otherwise silently match nothing.
    """
    for name in names:
        if name not in known:
            raise KeyError(name)


def in_order(counted: Iterable[tuple[Value, int]]) -> dict[Value, int]:
    """Return counts by the value of a filter, numbers before texts and each in ascending order."""
    return dict(sorted(counted, key=lambda pair: (isinstance(pair[0], str), pair[0])))


def document(kind: Kind[T], owner: int, id: int, body: bytes) -> T:
    """Decode and return a document's body. Raise StoreError, with owner and id, if that fails."""
    try:
        return kind.read(body)
    except msgspec.MsgspecError as error:
        raise StoreError(
            Text(
                f"{owner} 的 {kind.name} {id} 无法读取：{error}",
                f"the {kind.name} {id} of {owner} cannot be read: {error}",
            )
        ) from None


def entry(owner: int, kind: str, body: bytes) -> Entry:
    """Decode a body of the kind named ``kind``, and return the entry that stores it.

    Raise StoreError if that fails or ``kind`` is not declared.
    """
    try:
        return BY_NAME[kind].entry(owner, BY_NAME[kind].read(body))
    except (LookupError, msgspec.MsgspecError) as error:
        raise StoreError(
            Text(
                f"{owner} 的一份 {kind} 无法读取：{error}",
                f"a {kind} of {owner} cannot be read: {error}",
            )
        ) from None


_READ = "a document can be read"
_DERIVED = "what a document is found by is that of its body"

#: The invariants of one document, as ``Fault`` names them.
INVARIANTS = (_READ, _DERIVED)


def broken_invariant(
    kind: str, owner: int, body: bytes, stored: object, derive: Callable[[Entry], object]
) -> str | None:
    """Check a stored document; return the text of the invariant that it breaks, or None.

    Its ``body`` must be readable as ``kind``, a declared kind, and ``stored``, the columns stored
    with it, must equal what ``derive`` computes from its entry.
    """
    declaration = BY_NAME.get(kind)
    if declaration is None:
        return _READ
    try:
        entry = declaration.entry(owner, declaration.read(body))
    except (msgspec.MsgspecError, LookupError):
        return _READ
    return None if stored == derive(entry) else _DERIVED


def document_fault(invariant: str, owner: int, kind: str, id: int) -> Fault:
    """Return the ``Fault`` that says which document breaks ``invariant``."""
    return Fault(invariant, f"{owner}, {kind} {id}")


def refuse_caller(stored: tuple[int, int] | None, now: int) -> None:
    """Raise ``CallerRefused`` if an account may change nothing; None: it is unknown.

    ``stored`` is its state, and the end of its ban, in the transaction of the change; ``now`` is
    the current time's sort key.
    """
    code = 0 if stored is None else CALLER[state_at(*stored, mtime_of(now)), Does.WRITE]
    if code:
        raise CallerRefused(code)
