"""The paths that every set of pages answers in addition to its own."""

from __future__ import annotations

#: Where the shared files are, and each file's type.
STATIC = "/web"
FILES = {
    "site.css": "text/css",
    "site.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
#: Switches the language and goes back.
LANGUAGE = f"{STATIC}/language"
PATHS = frozenset({*(f"{STATIC}/{name}" for name in FILES), LANGUAGE})
