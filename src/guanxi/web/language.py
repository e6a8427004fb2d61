"""Which language a page is in: the person's choice, or else what the browser prefers."""

from __future__ import annotations

from guanxi.text import Language

#: The cookie with the person's choice.
COOKIE = "guanxi_language"
#: Preferences after so many are not read: the header is the browser's to choose.
_MOST = 20


def language_of(chosen: str | None, accepted: str) -> Language:
    """Return the language of a page.

    ``chosen`` is the value of the cookie, ``accepted`` that of the header Accept-Language. English
    where neither names Chinese or English.
    """
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    best: Language = "en"
    weight = 0.0
    for part in accepted.split(",")[:_MOST]:
        name, _, quality = part.partition(";")
        primary = name.strip().lower().partition("-")[0]
        if primary in ("zh", "en") and (found := _weight(quality)) > weight:
            best, weight = ("zh" if primary == "zh" else "en"), found
    return best


def _weight(parameter: str) -> float:
    """Return the weight that ``q=0.8`` gives, 1 without one, and 0 if it is invalid."""
    _, equals, number = parameter.partition("=")
    if not equals:
        return 1.0
    try:
        weight = float(number)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
