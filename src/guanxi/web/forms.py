"""Forms: what a page sent, and the proof that it was one of our own pages that sent it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from guanxi.text import Text

#: The cookie by which a browser is known, and the field of a form that proves our page.
COOKIE, FIELD = "guanxi_browser", "_csrf"
_ID_LENGTH = 32
#: A selection of a long table has a field for each row.
_MOST_BYTES, _MOST_FIELDS = 262_144, 10_000
_HEX = frozenset("0123456789abcdef")

NOT_OURS = Text(
    "此表单不是本页面发来的，或页面已过期。请返回、刷新后再试。",
    "This form was not sent from a page of this service, or the page is out of date. Go back,"
    " reload and try again.",
)


class Refusal(HTTPException):
    """An HTTP status with a reason for the person, which the error page shows."""

    def __init__(self, status: int, reason: Text) -> None:
        super().__init__(status, str(reason))
        self.reason = reason


def new_id() -> str:
    """Return a new value for the browser's cookie."""
    return secrets.token_hex(_ID_LENGTH // 2)


def browser_id(request: Request) -> str:
    """Return the value of the browser's cookie, "" if it has none or one that is not ours."""
    value = request.cookies.get(COOKIE, "")
    return value if len(value) == _ID_LENGTH and set(value) <= _HEX else ""


def csrf_of(key: bytes, browser: str) -> str:
    """Return the csrf token of a browser's forms. ``key`` is a secret of the service."""
    return hmac.digest(key, b"csrf:" + browser.encode(), hashlib.sha256).hex()


class Fields(dict[str, str]):
    """The fields of a form; of several with one name the last counts, ``every`` has them all."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [*pairs]
        super().__init__(self._pairs)

    def every(self, name: str) -> list[str]:
        """Return the values of all fields with this name, in the order of the form."""
        return [value for one, value in self._pairs if one == name]


async def fields_of(request: Request, key: bytes) -> Fields:
    """Return the fields of a form that one of our pages sent, without its csrf token.

    Raise Refusal: 403 if another page sent it, 413 for over 256 KiB, 400 for over 10,000 fields or
    bytes that are not UTF-8.
    """
    if not is_own_origin(request):
        raise Refusal(403, NOT_OURS)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Refusal(413, Text("表单过大。", "The form is too large."))
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400, Text("无法读取表单。", "The form cannot be read.")) from None
    browser, given = browser_id(request), dict(pairs).get(FIELD, "")
    if not browser or not hmac.compare_digest(given.encode(), csrf_of(key, browser).encode()):
        raise Refusal(403, NOT_OURS)
    return Fields(pair for pair in pairs if pair[0] != FIELD)


def is_own_origin(request: Request) -> bool:
    """Return whether the browser says that a page of this address sent a request.

    A client that says nothing is no browser of today; it still needs the csrf token.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def local_path(address: str) -> str:
    """Return an address if it is a path of this service, else ``/``: for the way back of a form."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() else "/"
