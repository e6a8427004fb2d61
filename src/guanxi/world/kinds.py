"""All kinds of content, and the decoder of a line of a content file."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from guanxi.world import feed, mine, profile, videos, works
from guanxi.world.kind import Entry, Kind

#: Every kind that the modules of this package declare.
KINDS: tuple[Kind[Any], ...] = tuple(
    value
    for module in (profile, videos, works, feed, mine)
    for value in vars(module).values()
    if isinstance(value, Kind)
)
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS}


class Line(Struct, frozen=True, kw_only=True):
    """A line of a content file (JSON Lines): owner's mid, name of the kind, and document."""

    owner: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    kind: str
    document: msgspec.Raw


def entry_of(line: bytes) -> Entry:
    """Return the entry for a line of a content file: JSON in the form of ``Line``.

    Raise ``ValueError`` if it is invalid, or an id or key is not 0 to 2**63 - 1; the text names the
    field and the reason.
    """
    try:
        row = msgspec.json.decode(line, type=Line)
        if row.kind not in BY_NAME:
            raise ValueError(f"kind: {row.kind!r} is not a kind of content")
        kind = BY_NAME[row.kind]
        entry = kind.entry(row.owner, kind.read(bytes(row.document)))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    except KeyError as error:
        raise ValueError(f"business: {error} is not one of {', '.join(mine.BUSINESSES)}") from None
    for name, number in (("id", entry.id), *entry.keys.items()):
        if not 0 <= number < 2**63:
            raise ValueError(f"{name}: {number} is out of range")
    return entry
