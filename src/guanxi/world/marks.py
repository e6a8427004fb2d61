"""Marks that an account sets on others, and that it alone sees: muted, and not to be suggested."""

from __future__ import annotations

from msgspec import Struct

from guanxi.contract.params import LATEST
from guanxi.world.kind import Kind


class Mark(Struct, frozen=True):
    """A mark on the account ``target``, set at ``time``, in seconds since the Unix epoch."""

    target: int
    time: int
    #: When it ends, in seconds since the Unix epoch; ``LATEST`` for never.
    until: int = LATEST


MUTE = Kind(
    name="mute",
    body=Mark,
    id=lambda mark: mark.target,
    keys={"time": lambda mark: mark.time, "until": lambda mark: mark.until},
)
#: An account that is not to be suggested.
DISMISSAL = Kind(
    name="dismissal",
    body=Mark,
    id=lambda mark: mark.target,
    keys={"time": lambda mark: mark.time, "until": lambda mark: mark.until},
)
