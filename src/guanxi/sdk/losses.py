"""The errors of requests that got no complete response."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from guanxi.contract.errors import AnswerTooLargeException, NetworkException, TimeoutException
from guanxi.sdk.transport import Request
from guanxi.text import Text

#: The words of errors that clients raise without a request.
OVER = Text(
    "调用的时间已到，请求没有发送；timeout= 可延长",
    "the call's time is over, and the request was not sent; timeout= allows more",
)
FORKED = Text(
    "客户端在 fork 之前建立，不能在子进程使用：请在子进程里新建 Client 或 SyncClient",
    "the client was made before a fork: make a new Client or SyncClient in the child process",
)
FORKED_TWICE = Text(
    "父进程和祖父进程都有客户端，fork 之后不能再建：请用 spawn 启动进程，或在 fork 之后才建客户端，"
    "或 pip install 'guanxi[httpx2]'",
    "no client can be made after a fork whose parent and grandparent have clients: start the"
    " process with spawn, make the first client after the fork, or pip install 'guanxi[httpx2]'",
)
_NOT_CONNECTED = "client error (Connect)"


def lost(request: Request, error: Exception, proxy: str | None = None) -> NetworkException:
    """Return the ``NetworkException`` of a request that pyreqwest failed to complete.

    Its status is 0 and its message has the host, that of the proxy if there is one, and the root
    cause, not the whole address. ``sent`` is False if no connection was made, so that the server
    cannot have seen the request. It is a ``TimeoutException`` if the time was over.
    """
    details: dict[str, Any] = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    # The first cause quotes the whole address, which may contain an access key.
    root = causes[-1] if len(causes) > 1 else type(error).__name__
    return not_answered(
        request,
        root,
        proxy=proxy,
        is_over=isinstance(error, TimeoutError),
        sent=_NOT_CONNECTED not in causes,
    )


def not_answered(
    request: Request, reason: str, *, proxy: str | None, is_over: bool, sent: bool
) -> NetworkException:
    """Return the ``NetworkException`` of status 0; a ``TimeoutException`` if ``is_over``.

    ``reason`` is shown, so it must contain no secret. ``sent`` says whether the server may have
    seen the request.
    """
    host = urlsplit(request.url).netloc
    zh, en = "", ""
    if proxy is not None:
        through = urlsplit(proxy).netloc.rpartition("@")[2]  # without user and password
        zh, en = f"（经代理 {through}）", f" through the proxy {through}"
    text = Text(f"{host}{zh} 没有响应：{reason}", f"{host}{en}: {reason}")
    kind = TimeoutException if is_over else NetworkException
    return kind(0, text, sent=sent)


def too_large(request: Request, limit: int) -> AnswerTooLargeException:
    """Return the error of a response with more than ``limit`` bytes."""
    host = urlsplit(request.url).netloc
    return AnswerTooLargeException(
        f"{host}: the response has more than {limit:,} bytes; max_response= allows more"
    )
