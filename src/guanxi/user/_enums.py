"""The documented enums, their members and wire values."""

from __future__ import annotations

from enum import Enum


class RelationType(Enum):
    """What ``User.modify_relation`` does.

    ``SUBSCRIBE`` follows, ``UNSUBSCRIBE`` unfollows, ``BLOCK`` and ``UNBLOCK`` say so,
    ``REMOVE_FANS`` ends the other's following. ``SUBSCRIBE_SECRETLY`` is deprecated: silent
    followings are retired, and the server answers -400 to it. Documents 000 and 001.
    """

    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    SUBSCRIBE_SECRETLY = 3
    BLOCK = 5
    UNBLOCK = 6
    REMOVE_FANS = 7


class OrderType(Enum):
    """The order of followings: ``desc`` newest first, ``asc`` oldest first (000, 001)."""

    desc = "desc"
    asc = "asc"
