"""How far a tool has come."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Progress(Struct, frozen=True):
    """How far a tool has come with one part of its work.

    ``part`` is its name: a list, a kind of act. ``total`` is None while it is unknown. ``calls``
    is how many requests the tool has made, ``seconds_left`` how long the rest takes at the
    client's pace, None while that is unknown.
    """

    part: str
    done: int
    total: int | None = None
    calls: int = 0
    seconds_left: float | None = None


#: Called by a tool with its progress, often.
OnProgress = Callable[[Progress], None]
