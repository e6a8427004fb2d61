"""Read the headers of a response of pyreqwest, whatever bytes a server sent in them."""

from __future__ import annotations

from typing import Any


def headers_of(received: Any) -> dict[str, str]:
    """Return the headers of a response by name, in lower case; the first of a name counts.

    A header with other characters than ASCII is omitted: pyreqwest cannot return it.
    """
    try:
        return dict(received)
    except ValueError:
        return {name: value for name in received for value in _values(received, name)[:1]}


def set_cookies_of(received: Any) -> tuple[str, ...]:
    """Return the values of all Set-Cookie headers; none if one has other characters than ASCII."""
    return _values(received, "set-cookie")


def _values(received: Any, name: str) -> tuple[str, ...]:
    try:
        return tuple(received.getall(name))
    except ValueError:
        return ()
