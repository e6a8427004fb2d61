"""What every engine keeps beside a card and derives from it, and how that is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from guanxi.accounts.account import DEREGISTERED_CARD, Card, State, tail_of
from guanxi.stores.port import Fault

#: The version of the encoding below. It rises when that changes; `guanxi check` names old rows.
TAIL_VERSION = 1

#: An account that nobody described is called this and its mid.
PLAIN = "用户"

_encode = msgspec.json.Encoder().encode


def encoded_tail(card: Card) -> bytes:
    """The part of a list item that the account decides, ready to follow other fields."""
    return b"," + _encode(tail_of(card))[1:]


class Derived(NamedTuple):
    """An account's card, and what is kept beside it that derives from it."""

    mid: int
    state: State
    card: Card
    folded: str
    version: int | None
    tail: bytes | None


_ERASED = "a deregistered account's card is erased"
_FOLDED = "a name without case is that of the card"
_TAIL = "a tail is that of the card"

#: All that is checked of one card, by name.
INVARIANTS = (_ERASED, _FOLDED, _TAIL)


def faults_of(kept: Derived) -> Iterator[Fault]:
    """What derives from a card, derived again."""
    mid, state, card, folded, version, tail = kept
    if state is State.DEREGISTERED and card != DEREGISTERED_CARD:
        yield Fault(_ERASED, f"{mid}")
    if folded != card.name.casefold():
        yield Fault(_FOLDED, f"{mid}")
    if (version, tail) != (TAIL_VERSION, encoded_tail(card)):
        yield Fault(_TAIL, f"{mid}")
