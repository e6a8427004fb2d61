"""Every kind of content there is, and the lines that a file of content is made of."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from guanxi.world import feed, mine, profile, videos, works
from guanxi.world.kind import Entry, Kind

KINDS: tuple[Kind[Any], ...] = tuple(
    value
    for room in (profile, videos, works, feed, mine)
    for value in vars(room).values()
    if isinstance(value, Kind)
)
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS}


class Line(Struct, frozen=True, kw_only=True):
    """A line of JSON Lines: whose it is, of which kind, and the document itself."""

    owner: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    kind: str
    document: msgspec.Raw


def entry_of(line: bytes) -> Entry:
    """A line of a file of content; ``ValueError`` says what is wrong with it, and where."""
    try:
        one = msgspec.json.decode(line, type=Line)
        if one.kind not in BY_NAME:
            raise ValueError(f"there is no kind {one.kind!r}")
        kind = BY_NAME[one.kind]
        entry = kind.entry(one.owner, kind.read(bytes(one.document)))
    except msgspec.MsgspecError as wrong:
        raise ValueError(str(wrong)) from None
    except KeyError as unknown:
        raise ValueError(f"{unknown} is no business of a history") from None
    for name, number in (("id", entry.id), *entry.keys.items()):
        if not 0 <= number < 2**63:
            raise ValueError(f"{name}: {number} is out of range")
    return entry
