"""The lists of an account, their orders, how much of them is visible, pages and cursors."""

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
    """The orders of a list: newest first, oldest first, most visited first."""

    NEWEST = "desc"
    OLDEST = "asc"
    VISITED = "attention"


#: The lists that have an order by visits, as does every group; others have no visits.
BY_VISITS = frozenset({Listing.FOLLOWINGS, Listing.FRIENDS})


class Window(Struct, frozen=True):
    """The rows of a list to read: ``limit`` rows from index ``offset``, which counts from 0."""

    offset: int
    limit: int


def window(pn: int, ps: int, visible: int) -> Window:
    """Return the window of page ``pn`` (from 1) of ``ps`` items, cut to the first ``visible`` rows.

    A page past the visible rows has limit 0.
    """
    offset = (pn - 1) * ps
    return Window(min(offset, visible), max(0, min(ps, visible - offset)))


def visible_followings(limits: Limits, *, own: bool) -> int:
    """Return how many rows of a list of followings its reader may see, from the start.

    ``own``: the reader is the list's owner.
    """
    return limits.own_followings if own else limits.others_followings


class Position(Struct, frozen=True):
    """The position of a row in a list, after which the next page begins.

    ``visits`` counts in the order by visits only.
    """

    sort_key: int
    mid: int
    visits: int = 0


_PACKED = struct.Struct(">QQQ")


def encode_cursor(position: Position) -> str:
    """Return a position as a cursor: opaque, URL-safe text.

    Raise struct.error if a number is negative or exceeds 64 bits.
    """
    packed = _PACKED.pack(position.sort_key, position.mid, position.visits)
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> Position | None:
    """Return the position of a cursor, or None for "", the start of a list.

    Raise ValueError for text that is not a cursor.
    """
    if not cursor:
        return None
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = Position(*_PACKED.unpack(packed))
    except (ValueError, struct.error):
        raise ValueError("not a cursor of this service") from None
    largest = max(position.sort_key, position.mid, position.visits)
    if largest >= 2**63 or encode_cursor(position) != cursor:  # base64 ignores foreign characters
        raise ValueError("not a cursor of this service")
    return position
