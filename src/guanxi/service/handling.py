"""Types of the handlers: their arguments, their results, and the refusal they raise."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from guanxi.accounts.chance import Chance, system
from guanxi.contract.limits import Profile
from guanxi.contract.params import InvalidParameter
from guanxi.service.config import Settings
from guanxi.stores.port import Store

#: Reasons of -101 where a handler finds out.
NO_SESSION = "not signed in: the credential is missing or wrong, or its session has ended"
NO_ACCOUNT = "the account was deregistered"
#: The reason of -102.
BANNED = "the account is banned: it may read, and changes nothing"
#: The reason of 40061 for a caller that only a host's own gate knows.
UNKNOWN_CALLER = "the caller has no account in the store"


class Service(NamedTuple):
    """The store, settings, clock and chance that every handler uses."""

    store: Store
    settings: Settings
    #: Returns nanoseconds since the Unix epoch, as a store's clock does.
    clock: Callable[[], int] = time.time_ns
    #: Draws tokens and ids; none but an emulator sets it.
    chance: Chance = system
    #: Called with how many followings a request began.
    followed: Callable[[int], object] = lambda _count: None

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

    The response's message is the endpoint's for the code. ``reason`` is what was wrong with this
    request, in English: the field or header first, then what would be right. It must show no secret
    and nothing private of another account; what a terminal would obey of it becomes an escape.
    ``data`` is encoded JSON, empty for none.
    """

    def __init__(
        self,
        code: int,
        reason: str | InvalidParameter = "",
        *,
        data: bytes = b"",
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.reason = _escaped(str(reason))
        self.data = data
        self.status = status
        self.headers = headers


def _escaped(text: str) -> str:
    """Return a text whose characters that cannot be printed are escapes, as in Python.

    A reason may repeat a header or a name of the request; programs print reasons as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def refuse_if(code: int, reasons: Mapping[int, str]) -> None:
    """Raise ``Refused`` with ``code`` and its reason in ``reasons`` if the code is not 0.

    Raise KeyError if ``reasons`` lacks the code.
    """
    if code:
        raise Refused(code, reasons[code])
