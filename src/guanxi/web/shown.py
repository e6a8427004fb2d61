"""How values are shown: numbers, times, and texts that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from unicodedata import category
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: The cookie in which the browser's zone is kept, so that the server writes times in it.
ZONE_COOKIE = "guanxi_zone"
#: The number of colours that the style sheet has for faces.
COLOURS = 12
_LONGEST_ZONE = 64
#: The first of the characters that picture the control characters.
_PICTURES = 0x2400
_DELETE = 0x7F


#: The length of a date and a time in seconds.
_LENGTH = 19


def grouped(number: int) -> str:
    """Return a number with its digits in groups of three: ``12,345``."""
    return f"{number:,}"


def visible(text: str) -> str:
    """Return a text in which control characters are pictures: ``␀`` for NUL, ``␊`` for a line feed.

    Characters that change the direction of text, and others without a shape, become ``�``. Markup
    is left as it is: the template escapes it.
    """
    return text if text.isprintable() else "".join(_visible(one) for one in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines, each as ``visible`` returns it."""
    return "\n".join(map(visible, text.split("\n")))


def _visible(character: str) -> str:
    kind = category(character)
    if kind == "Cc":
        code = ord(character)
        return chr(_PICTURES + code) if code < 0x20 else ("␡" if code == _DELETE else "�")
    if kind in ("Cs", "Zl", "Zp") or (kind == "Cf" and character != "\u200d"):  # joins emoji
        return "�"
    return character


def letter(name: str) -> str:
    """Return the letter of a face: the first of a name with a shape, in upper case, or ``?``."""
    for character in name:
        if category(character)[0] in "LNS":
            return character.upper()[:1]
    return "?"


def colour(mid: int) -> int:
    """Return which of the ``COLOURS`` an account's face has."""
    return (mid * 2_654_435_761 >> 7) % COLOURS


def zone_named(name: str | None) -> tzinfo:
    """Return the time zone of an IANA name, UTC for none, for an unknown one and where none are."""
    if not name or len(name) > _LONGEST_ZONE or name.startswith(("/", ".")):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def local(seconds: float, zone: tzinfo) -> str:
    """Return a Unix time as ``2026-11-29 16:50:03`` in a zone; ``?`` outside of 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, zone).isoformat(" ", "seconds")[:_LENGTH]
    except (ValueError, OverflowError, OSError):
        return "?"


def iso(seconds: float) -> str:
    """Return a Unix time as ``2026-11-29T16:50:03Z``; "" outside of the years 1 to 9999."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC).isoformat('T', 'seconds')[:_LENGTH]}Z"
    except (ValueError, OverflowError, OSError):
        return ""
