"""The requests that each client sends, and the responses that are right."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

RENAME, NAV, BLACKS = "/x/relation/tag/update", "/x/web-interface/nav", "/x/relation/blacks"


class Kind(StrEnum):
    """How a client sends a request's fields."""

    NONE = "none"
    FORM = "form"
    MULTIPART = "multipart"
    JSON = "json"


class Row(NamedTuple):
    """One request. ``{group}``, ``{name}`` and ``{csrf}`` in its fields are filled in."""

    title: str
    method: str
    path: str
    kind: Kind = Kind.NONE
    #: Fields of the query, and of the body.
    query: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, str], ...] = ()
    #: Whether the cookies are sent with their values in double quotes.
    quoted: bool = False
    status: int = 200
    #: The code of the envelope; None for a response without a body.
    code: int | None = 0
    #: Only curl sends a target that is not percent-encoded.
    raw: bool = False

    @property
    def renames(self) -> bool:
        """Return whether the request, if it is carried out, gives the group its name."""
        return self.path == RENAME and self.code == 0


_FIELDS = (("tagid", "{group}"), ("name", "{name}"), ("csrf", "{csrf}"))

ROWS = (
    Row("GET", "GET", NAV),
    Row("HEAD", "HEAD", NAV, code=None),
    Row("GET, empty optional parameters", "GET", BLACKS, query=(("ps", ""), ("pn", ""))),
    Row("GET, quoted cookies", "GET", NAV, quoted=True),
    Row("POST, form", "POST", RENAME, Kind.FORM, body=_FIELDS),
    Row(
        "POST, form, cookies in double quotes", "POST", RENAME, Kind.FORM, body=_FIELDS, quoted=True
    ),
    Row("POST, multipart", "POST", RENAME, Kind.MULTIPART, body=_FIELDS),
    Row("POST, query alone", "POST", RENAME, query=_FIELDS),
    Row(
        "POST, query and form",
        "POST",
        RENAME,
        Kind.FORM,
        query=(("name", "query"), *_FIELDS[::2]),
        body=_FIELDS[1:2],
    ),
    Row("POST, JSON", "POST", RENAME, Kind.JSON, body=_FIELDS, status=415, code=-400),
    Row(
        "GET, target not encoded",
        "GET",
        NAV,
        query=(("name", "山新"),),
        status=400,
        code=-400,
        raw=True,
    ),
)
