"""What a handler is given, and how it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from guanxi.contract import errors
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import Profile
from guanxi.contract.params import InvalidParameter
from guanxi.stores.port import Store


class Service(NamedTuple):
    """What every handler works with."""

    store: Store
    profile: Profile


class Answer(NamedTuple):
    """Encoded data, and headers that go with it."""

    data: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


#: From the service, the caller's mid (0 for nobody) and the decoded request to the encoded data.
Handler = Callable[[Service, int, Any], Awaitable[bytes | Answer]]


class WithCookies(NamedTuple):
    """A handler that needs the request's cookies besides, by name."""

    handler: Callable[[Service, int, Any, Mapping[str, str]], Awaitable[bytes | Answer]]


class Refused(Exception):
    """The answer is a code other than 0; ``data`` is encoded, and empty for none."""

    def __init__(
        self,
        code: int,
        complaint: InvalidParameter | None = None,
        *,
        message: str = "",
        data: bytes = b"",
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.complaint = complaint
        #: For a message that no endpoint can know beforehand; else the endpoint's for the code.
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers

    def told(self, endpoint: Endpoint | None) -> str:
        """The message as an endpoint tells it, and what is wrong."""
        plain = self.message or (
            errors.CODES[self.code].wire_message
            if endpoint is None
            else endpoint.message(self.code)
        )
        return f"{plain}: {self.complaint}" if self.complaint else plain


def refuse_if(code: int, complaint: InvalidParameter | None = None) -> None:
    """Raise ``Refused`` for a code other than 0."""
    if code:
        raise Refused(code, complaint)
