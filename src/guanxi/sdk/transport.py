"""Requests, responses, the transport protocols, and a transport for ASGI applications.

The default transport, over pyreqwest, is ``Network`` in ``aio.network`` and ``sync.network``; those
over httpcore2 are in ``httpcore``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from guanxi.contract.errors import ArgsException, TimeoutException
from guanxi.text import Text


class Request(Struct, frozen=True):
    """A request, ready to be sent. Its ``repr`` omits query, headers and body (secrets)."""

    method: str
    #: The full address, including the encoded query.
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    #: Seconds that remain of the call until the response must be complete; None for no limit.
    timeout: float | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"

    @property
    def writes(self) -> bool:
        """Return whether this request may change something, that is, its method is not GET.

        After a lost connection such a request must not be sent again.
        """
        return self.method != "GET"


class Response(Struct, frozen=True):
    """A response with its whole body. ``headers`` has lower-case names.

    ``cookies`` has the values of all Set-Cookie headers, which signing in and refreshing need.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class Transport(Protocol):
    """The protocol of an async client's transport; pass an implementation as ``transport=``."""

    async def send(self, request: Request) -> Response:
        """Send one request and return its response, of any status; do not follow redirects.

        Raise ``NetworkException`` of status 0 if there is no complete response, its subclass
        ``TimeoutException`` if there is none within ``request.timeout``.
        """
        ...

    async def close(self) -> None:
        """Close every connection. Closing again does nothing; must not raise."""
        ...


class SyncTransport(Protocol):
    """The protocol of a sync client's transport; pass an implementation as ``transport=``."""

    def send(self, request: Request) -> Response:
        """Send one request and return its response, of any status; do not follow redirects.

        Raise ``NetworkException`` of status 0 if there is no complete response, its subclass
        ``TimeoutException`` if there is none within ``request.timeout``.
        """
        ...

    def close(self) -> None:
        """Close every connection. Closing again does nothing; must not raise."""
        ...


def transport_name() -> str:
    """Return the transport that GUANXI_TRANSPORT names: ``pyreqwest`` or ``httpx2``; "" for none.

    Raise ``ArgsException`` for another name.
    """
    name = os.environ.get("GUANXI_TRANSPORT", "")
    if name not in {"", "pyreqwest", "httpx2"}:
        raise ArgsException("GUANXI_TRANSPORT: must be pyreqwest or httpx2")
    return name


_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
ASGIApplication = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class ASGITransport:
    """An async transport that passes requests to an ASGI application in this process.

    ``application`` gets each request as an ASGI scope. Its lifespan events are not run: whoever
    created it has to.
    """

    def __init__(self, application: ASGIApplication) -> None:
        self._application = application

    async def send(self, request: Request) -> Response:
        """Pass ``request`` to the application and return its response.

        Raise ``TimeoutException`` after ``request.timeout`` seconds, and what the application
        raises.
        """
        parts = urlsplit(request.url)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": parts.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in (*request.headers.items(), ("host", parts.netloc))
            ],
            "client": ("127.0.0.1", 0),
            "server": (parts.hostname, parts.port),
        }
        sent = False
        messages: list[_Message] = []

        async def receive() -> _Message:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": request.body or b"", "more_body": False}

        async def send(message: _Message) -> None:
            messages.append(message)

        try:
            async with asyncio.timeout(request.timeout):
                await self._application(scope, receive, send)
        except TimeoutError:
            raise TimeoutException(
                0, Text(f"{parts.netloc} 超时", f"{parts.netloc}: the time is over")
            ) from None
        start, *rest = messages
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
        ]
        cookies = tuple(value for name, value in headers if name == "set-cookie")
        body = b"".join(message.get("body", b"") for message in rest)
        return Response(start["status"], dict(headers), body, cookies)

    async def close(self) -> None:
        """Do nothing: there are no connections. Raises nothing."""
