"""All kinds of content, and the decoder of a line of a content file."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from guanxi.contract.params import LATEST
from guanxi.world import clock, feed, keys, marks, mine, profile, videos, works
from guanxi.world.kind import Entry, Kind

#: Every kind that the modules of this package declare.
KINDS: tuple[Kind[Any], ...] = tuple(
    value
    for module in (profile, videos, works, feed, mine, marks, keys)
    for value in vars(module).values()
    if isinstance(value, Kind)
)
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in KINDS}


#: How many posts a repost may go back.
MAX_ORIGINS = 100


class Line(Struct, frozen=True, kw_only=True):
    """A line of a content file (JSON Lines): owner's mid, name of the kind, and document."""

    owner: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    kind: str
    document: msgspec.Raw


def entry_of(line: bytes) -> Entry:
    """Return the entry for a line of a content file: JSON in the form of ``Line``.

    Raise ``ValueError`` if it is invalid, an id or key is not 0 to 2**63 - 1, a time that is shown
    as text is after the year 9999, a birthday is no day, or a post is the repost of more than
    ``MAX_ORIGINS`` others; the text names the field and the reason.
    """
    try:
        row = msgspec.json.decode(line, type=Line)
        if row.kind not in BY_NAME:
            raise ValueError(f"kind: {row.kind!r} is not a kind of content")
        kind = BY_NAME[row.kind]
        document = kind.read(bytes(row.document))
        _check(document)
        entry = kind.entry(row.owner, document)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except KeyError as error:
        raise ValueError(f"business: {error} is not one of {', '.join(mine.BUSINESSES)}") from None
    for name, number in (("id", entry.id), *entry.keys.items()):
        if not 0 <= number < 2**63:
            raise ValueError(f"{name}: {number} is out of range")
    return entry


def _check(document: Any) -> None:
    """Raise ValueError for a field that decodes, but that no response could show."""
    birthday = getattr(document, "birthday", "")
    if birthday:
        try:
            clock.seconds_of_day(birthday)
        except ValueError:
            raise ValueError(f"birthday: {birthday!r} is not a day (YYYY-MM-DD)") from None
    for _ in range(MAX_ORIGINS):
        time = getattr(document, "time", 0)
        if not 0 <= time <= LATEST:
            raise ValueError(f"time: {time} is not a Unix time in seconds")
        document = getattr(document, "origin", None)
        if document is None:
            return
    raise ValueError(f"origin: more than {MAX_ORIGINS} posts")
