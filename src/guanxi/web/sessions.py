"""Who may use pages that are not for everybody: sessions in memory, until the process ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from guanxi.web.site import set_cookie

T = TypeVar("T")

_MOST = 1_000
_HOURS = 12


class Sessions(Generic[T]):
    """The sessions of one set of pages, each with a value. The cookie is SameSite=Strict."""

    def __init__(self, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        """``cookie`` is the cookie's name; ``clock`` returns seconds."""
        self._cookie, self._clock = cookie, clock
        self._values: dict[str, tuple[float, T]] = {}

    def of(self, request: Request) -> T | None:
        """Return the value of a request's session, None without one or after 12 hours."""
        token = request.cookies.get(self._cookie, "")
        until, value = self._values.get(token, (0.0, None))
        if value is not None and until < self._clock():
            del self._values[token]
            return None
        return value

    def open(self, request: Request, response: Response, value: T) -> None:
        """Open a session and give its cookie to the browser; the oldest of over 1,000 ends."""
        token = secrets.token_urlsafe(32)
        if len(self._values) >= _MOST:
            del self._values[next(iter(self._values))]
        self._values[token] = self._clock() + _HOURS * 3_600, value
        set_cookie(request, response, self._cookie, token, strict=True)

    def close(self, request: Request) -> None:
        """End a request's session, if it has one."""
        self._values.pop(request.cookies.get(self._cookie, ""), None)

    def __repr__(self) -> str:
        return f"Sessions({self._cookie!r}, {len(self._values)} open)"
