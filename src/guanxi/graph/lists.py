"""Which lists there are, who sees how much of them, and where a walk goes on."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import Enum

from msgspec import Struct

from guanxi.contract.limits import Limits


class Listing(Enum):
    """The lists that an account has."""

    FOLLOWINGS = "followings"
    FOLLOWERS = "followers"
    FRIENDS = "friends"
    WHISPERS = "whispers"
    BLACKS = "blacks"


class Sort(Enum):
    """The orders a list can be read in: newest first, oldest first, most visited first."""

    NEWEST = "desc"
    OLDEST = "asc"
    VISITED = "attention"


class Window(Struct, frozen=True):
    """A run of positions, from 0; ``limit`` 0 is none."""

    offset: int
    limit: int


def window(pn: int, ps: int, visible: int) -> Window:
    """Page ``pn`` of ``ps`` items within the first ``visible`` positions, the last page cut."""
    offset = (pn - 1) * ps
    return Window(min(offset, visible), max(0, min(ps, visible - offset)))


def visible_followings(limits: Limits, *, own: bool) -> int:
    """How many positions of a list of followings may be seen."""
    return limits.own_followings if own else limits.others_followings


class Position(Struct, frozen=True):
    """Where a walk stands: behind the item at this place, with this visit count and this mid."""

    sort_key: int
    mid: int
    visits: int = 0


_PACKED = struct.Struct(">QQI")


def encode_cursor(position: Position) -> str:
    """A position as an opaque text."""
    packed = _PACKED.pack(position.sort_key, position.mid, position.visits)
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> Position | None:
    """The position behind such a text; None where it begins. ``ValueError`` for another text."""
    if not cursor:
        return None
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        sort_key, mid, visits = _PACKED.unpack(packed)
    except (ValueError, struct.error):
        raise ValueError("not a cursor of this service") from None
    if max(sort_key, mid) >= 2**63:
        raise ValueError("not a cursor of this service")
    return Position(sort_key, mid, visits)
