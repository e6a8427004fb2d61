"""Run a script from standard input with another client, under its own interpreter.

Only the destination of its requests is changed: they go to GUANXI_BASE_URL, with the same path.
"""

from __future__ import annotations

import os
import sys

import bilibili_api
import httpx

_TARGET = httpx.URL(os.environ["GUANXI_BASE_URL"])
_send = httpx.AsyncHTTPTransport.handle_async_request


async def _redirected(
    transport: httpx.AsyncHTTPTransport, request: httpx.Request
) -> httpx.Response:
    request.url = request.url.copy_with(scheme=_TARGET.scheme, host=_TARGET.host, port=_TARGET.port)
    return await _send(transport, request)


httpx.AsyncHTTPTransport.handle_async_request = _redirected
bilibili_api.select_client("httpx")
exec(compile(sys.stdin.read(), "script", "exec"))
