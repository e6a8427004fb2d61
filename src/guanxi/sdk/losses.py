"""Turn pyreqwest's errors into ``NetworkException``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from guanxi.contract.errors import NetworkException
from guanxi.sdk.transport import Request
from guanxi.text import Text

_NOT_CONNECTED = "client error (Connect)"


def lost(request: Request, error: Exception, proxy: str | None = None) -> NetworkException:
    """Return the ``NetworkException`` of a request that pyreqwest failed to complete.

    Its status is 0 and its message has the host, that of the proxy if there is one, and the root
    cause, not the whole address. ``sent`` is False if no connection was made, so that the server
    cannot have seen the request.
    """
    details: dict[str, Any] = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    # The first cause quotes the whole address, which may contain an access key.
    root = causes[-1] if len(causes) > 1 else type(error).__name__
    host = urlsplit(request.url).netloc
    zh, en = "", ""
    if proxy is not None:
        through = urlsplit(proxy).netloc.rpartition("@")[2]  # without user and password
        zh, en = f"（经代理 {through}）", f" through the proxy {through}"
    text = Text(f"{host}{zh} 没有响应：{root}", f"{host}{en}: {root}")
    return NetworkException(0, text, sent=_NOT_CONNECTED not in causes)
