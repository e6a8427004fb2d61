"""Refuse requests for a name that is not the service's own.

A page elsewhere can let its own name resolve to this machine (DNS rebinding); a browser then sends
its requests here, and lets the page read the responses. Their Host header still has that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from guanxi.contract.endpoint import DOMAIN, Host
from guanxi.text import Text
from guanxi.web.local import name_in

#: The documents' hosts, by whose names clients may call a demo or a fixture.
DOCUMENTED: tuple[str, ...] = tuple(host.value for host in Host)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_MISDIRECTED = 421
_REASON = "host: not a name of this service; its setting allowed_hosts has those"


def is_documented(name: str) -> bool:
    """Return whether a host is of the documents' domain."""
    return name == DOMAIN or name.endswith(f".{DOMAIN}")


def unfit_name(name: str) -> Text | None:
    """Return why a name cannot be one of the allowed hosts; None if it can."""
    if _NAME.fullmatch(name):
        return None
    return Text(
        f"{name!r} 应为小写的主机名，不带端口与协议",
        f"{name!r} must be a host's name in lower case, alone",
    )


def checked(
    application: ASGIApp, allowed: Collection[str], bad_request: Callable[[str], bytes]
) -> ASGIApp:
    """Return the application, with HTTP 421 for requests whose Host header has another name.

    Allowed are ``allowed``, localhost and the names below it, every IP address, which no page can
    have for a name of its own, and a request without the header, which no browser sends.
    ``bad_request`` returns the body of a refusal that has a reason.
    """
    names = frozenset(allowed)

    @lru_cache(256)
    def is_allowed(host: bytes) -> bool:
        name = name_in(host.decode("latin-1"))
        return name in names or name == "localhost" or name.endswith(".localhost") or _is_ip(name)

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not is_allowed(value):
                    await _refuse(send, bad_request(_REASON), scope["method"])
                    return
        await application(scope, receive, send)

    return check


async def _refuse(send: Send, body: bytes, method: str) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": _MISDIRECTED, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return name == ""
    return True
