"""A request to an application in this process, without a connection."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from guanxi.emulator.bodies import Headers
from guanxi.emulator.call import Captured
from guanxi.service.exchange import ASGI


async def sent(application: ASGI, method: str, path: str, headers: Headers) -> Captured:
    """Send a request without a body to an application, and return its whole response.

    ``path`` is percent-encoded and may have a query. The status is 0 if nothing was sent.
    """
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method.upper(),
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }
    status, received, body = 0, list[tuple[bytes, bytes]](), bytearray()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, received
        if message["type"] == "http.response.start":
            status, received = message["status"], [*message.get("headers", ())]
        else:
            body.extend(message.get("body", b""))

    await application(scope, receive, send)
    return Captured(status, received, bytes(body))
