"""Write and parse the two HTML pages that clients read.

A space's page carries the access id (``w_webid``), a token of which clients read two claims; the
page of a cookie refresh carries its csrf. Documents 000; sections 2.3 and 6 of the wire catalogue.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import unquote

import msgspec

_PAGE = (
    '<!DOCTYPE html><html lang="zh-Hans"><head><meta charset="utf-8"></head><body>{}</body></html>'
)
_SCRIPT, _SCRIPT_END = (re.compile(text, re.IGNORECASE) for text in (r"<script\b", "</script"))
_DIV, _DIV_END = (re.compile(text, re.IGNORECASE) for text in (r"<div\b", "</div"))
_RENDER_DATA = re.compile(r"""\bid=(["'])__RENDER_DATA__\1""", re.IGNORECASE)
_REFRESH_CSRF = re.compile(r"""\bid=(["'])1-name\1""", re.IGNORECASE)
#: The most characters of the data in a page; one with more counts as one without.
_MOST_CHARACTERS = 65_536


def space_page(access_id: str) -> str:
    """Return the HTML of a space's page: only the access id, in a script ``__RENDER_DATA__``."""
    data = msgspec.json.encode({"access_id": access_id}).decode().replace("<", "\\u003c")
    script = f'<script id="__RENDER_DATA__" type="application/json">{data}</script>'
    return _PAGE.format(script)


def access_id_of(page: str) -> str | None:
    """Return the access id in the HTML of a space's page, or None if the page has none.

    Data of more than 65,536 characters counts as none.

    Raise ``ValueError`` if the page's data is not JSON (plain or percent-encoded).
    """
    text = _content(page, _SCRIPT, _RENDER_DATA, _SCRIPT_END)
    if text is None:
        return None
    text = text.strip()
    try:
        data = msgspec.json.decode(text if text.startswith("{") else unquote(text))
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("the page's data is not JSON") from None
    access_id = data.get("access_id") if isinstance(data, dict) else None
    return access_id if isinstance(access_id, str) else None


def access_id_ends(access_id: str) -> int | None:
    """Return when an access id expires, in seconds since the Unix epoch; None if malformed.

    The signature is not checked.
    """
    try:
        payload = access_id.split(".")[1]
        claims: Any = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        issued, seconds = claims["iat"], claims["ttl"]
    except (LookupError, TypeError, ValueError, msgspec.DecodeError, RecursionError):
        return None
    whole = isinstance(issued, int) and isinstance(seconds, int)
    return issued + seconds if whole else None


def refresh_page(csrf: str) -> str:
    """Return the HTML page of a cookie refresh, which contains its csrf."""
    from html import escape  # loads the table of all entities, which most runs do not need

    return _PAGE.format(f'<div id="1-name">{escape(csrf)}</div>')


def refresh_csrf_of(page: str) -> str | None:
    """Return the csrf in the HTML page of a cookie refresh, or None if it is missing or empty.

    One of more than 65,536 characters or with an invalid reference counts as missing.
    """
    from html import unescape

    text = _content(page, _DIV, _REFRESH_CSRF, _DIV_END)
    try:
        return unescape(text or "").strip() or None
    except ValueError:  # a reference with more digits than Python converts
        return None


def _content(
    page: str, tag: re.Pattern[str], mark: re.Pattern[str], closing: re.Pattern[str]
) -> str | None:
    """Return the text between the first ``tag`` with ``mark`` and ``closing``, None if missing.

    Also None for a text of more than ``_MOST_CHARACTERS``. No character is read more than twice,
    whatever a page contains: one expression for all of it would be quadratic.
    """
    start = 0
    while found := tag.search(page, start):
        start = page.find(">", found.end()) + 1
        if not start:
            return None
        if mark.search(page, found.end(), start):
            end = closing.search(page, start)
            text = page[start : end.start()] if end else None
            return text if text is not None and len(text) <= _MOST_CHARACTERS else None
    return None
