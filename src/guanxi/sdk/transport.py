"""What carries requests: two protocols of two verbs, and an ASGI application in their place.

The default, over pyreqwest, is in ``aio.network`` and its twin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from msgspec import Struct


class Request(Struct, frozen=True):
    """A request, ready to be sent. Its ``repr`` leaves out all that may hold a secret."""

    method: str
    #: The whole address, the query encoded in it.
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"

    @property
    def writes(self) -> bool:
        """Whether sending it twice may do something twice."""
        return self.method != "GET"


class Response(Struct, frozen=True):
    """An answer, read whole. ``headers`` has lower-case names.

    ``cookies`` has the values of all its Set-Cookie headers: a sign-in and a refresh need them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


class Transport(Protocol):
    """What an async client sends through. No answer is a ``NetworkException`` of status 0."""

    async def send(self, request: Request) -> Response:
        """Send one request and read its answer whole, without following a redirect."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class SyncTransport(Protocol):
    """What a sync client sends through. No answer is a ``NetworkException`` of status 0."""

    def send(self, request: Request) -> Response:
        """Send one request and read its answer whole, without following a redirect."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
ASGIApplication = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class ASGITransport:
    """A transport without a network: requests go to an ASGI application in this process.

    It starts no lifespan: whoever made the application does.
    """

    def __init__(self, application: ASGIApplication) -> None:
        self._application = application

    async def send(self, request: Request) -> Response:
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

        await self._application(scope, receive, send)
        start, *rest = messages
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
        ]
        cookies = tuple(value for name, value in headers if name == "set-cookie")
        body = b"".join(message.get("body", b"") for message in rest)
        return Response(start["status"], dict(headers), body, cookies)

    async def close(self) -> None:
        """Nothing to let go of."""
