"""Values that every engine derives from a card and stores with it, and the check of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from guanxi.accounts.account import DEREGISTERED_CARD, Card, State, tail_of
from guanxi.stores.port import Fault

#: The version of the encoding below, to be raised with it: `guanxi check` reports older rows.
TAIL_VERSION = 1

#: An account that was created without a card is named this, followed by its mid.
PLAIN_NAME = "用户"

_encode = msgspec.json.Encoder().encode


def encoded_tail(card: Card) -> bytes:
    """Return the tail of a list item: the JSON of its ``ItemTail``, with "," in place of "{"."""
    return b"," + _encode(tail_of(card))[1:]


#: What the tail of a card that has only a name contains before and after the name.
BEFORE_NAME, AFTER_NAME = encoded_tail(Card(name=PLAIN_NAME)).split(_encode(PLAIN_NAME))
_QUOTE = ord('"')


def stored_tail(card: Card) -> bytes:
    """Return what a store keeps of a tail: if the card has only a name, that as JSON, else all.

    Most accounts of an imported graph have only a name, and the rest of their tails is the same.
    """
    tail, name = encoded_tail(card), _encode(card.name)
    return name if tail == BEFORE_NAME + name + AFTER_NAME else tail


def whole_tails(stored: dict[int, bytes]) -> dict[int, bytes]:
    """Complete the values of ``stored``, from ``stored_tail``, in place; return it."""
    for mid, tail in stored.items():
        if tail[0] == _QUOTE:
            stored[mid] = BEFORE_NAME + tail + AFTER_NAME
    return stored


class Derived(NamedTuple):
    """An account's state and card, and the stored values that derive from them.

    ``folded`` is the name in folded case, ``tail`` that of ``stored_tail``; it and ``version`` are
    None without a stored tail.
    """

    mid: int
    state: State
    card: Card
    folded: str
    version: int | None
    tail: bytes | None


_ERASED = "a deregistered account's card is erased"
_FOLDED = "a name without case is that of the card"
_TAIL = "a tail is that of the card"

#: The invariants of one card, as ``Fault`` names them.
INVARIANTS = (_ERASED, _FOLDED, _TAIL)


def faults_of(row: Derived) -> Iterator[Fault]:
    """Check an account's card; yield a fault for each invariant that it breaks.

    The stored values (folded name, tail and its version) must be those derived from the card, and
    the card of a deregistered account must be erased.
    """
    mid, state, card, folded, version, tail = row
    if state is State.DEREGISTERED and card != DEREGISTERED_CARD:
        yield Fault(_ERASED, f"{mid}")
    if folded != card.name.casefold():
        yield Fault(_FOLDED, f"{mid}")
    if (version, tail) != (TAIL_VERSION, stored_tail(card)):
        yield Fault(_TAIL, f"{mid}")
