"""Types of the handlers: their arguments, their results, and the refusal they raise."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from guanxi.contract import errors
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import Profile
from guanxi.contract.params import InvalidParameter
from guanxi.service.config import Settings
from guanxi.stores.port import Store


class Service(NamedTuple):
    """The store, settings and clock that every handler uses."""

    store: Store
    settings: Settings
    #: Returns nanoseconds since the Unix epoch, as a store's clock does.
    clock: Callable[[], int] = time.time_ns

    @property
    def profile(self) -> Profile:
        """Return the profile of the settings."""
        return self.settings.profile

    def now(self) -> int:
        """Return the time in seconds since the Unix epoch."""
        return self.clock() // 10**9


class Answer(NamedTuple):
    """A handler's result: encoded data and extra response headers."""

    data: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


#: Called with the service, the caller's mid (0 for nobody) and the decoded params; returns the
#: encoded data, and may raise Refused, InvalidParameter or StoreError.
Handler = Callable[[Service, int, Any], Awaitable[bytes | Answer]]


class WithCookies(NamedTuple):
    """A handler that also takes the request's cookies by name, as its fourth argument."""

    handler: Callable[[Service, int, Any, Mapping[str, str]], Awaitable[bytes | Answer]]


class Refused(Exception):
    """A refused request: a response with a code other than 0.

    ``data`` is encoded JSON, empty for none; ``invalid`` is appended to the message.
    """

    def __init__(
        self,
        code: int,
        invalid: InvalidParameter | None = None,
        *,
        message: str = "",
        data: bytes = b"",
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.invalid = invalid
        #: Replaces the endpoint's message for the code, unless empty.
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers

    def message_for(self, endpoint: Endpoint | None) -> str:
        """Return the response's message: the endpoint's for the code, then ``invalid`` if any.

        Without an endpoint, it has the code's general text. This refusal's own ``message``, if not
        empty, replaces either; otherwise raise KeyError for an unknown code.
        """
        plain = self.message or (
            errors.CODES[self.code].wire_message
            if endpoint is None
            else endpoint.message(self.code)
        )
        return f"{plain}: {self.invalid.text.both}" if self.invalid else plain


def refuse_if(code: int, invalid: InvalidParameter | None = None) -> None:
    """Raise ``Refused`` with ``code`` and ``invalid`` if the code is not 0."""
    if code:
        raise Refused(code, invalid)
