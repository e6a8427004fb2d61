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


class Derived(NamedTuple):
    """An account's state and card, and the stored values that derive from them.

    ``folded`` is the name in folded case; ``version`` and ``tail`` are None without a stored tail.
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
    if (version, tail) != (TAIL_VERSION, encoded_tail(card)):
        yield Fault(_TAIL, f"{mid}")
