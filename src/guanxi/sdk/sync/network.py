# Made by `make generate` from src/guanxi/sdk/aio/network.py.
# Do not edit: edit that instead.

"""The default transport, over pyreqwest; loaded by the first client that needs it."""

from __future__ import annotations

import atexit
import time
from datetime import timedelta

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder

from guanxi.sdk.losses import lost
from guanxi.sdk.transport import Request, Response

#: Shorter than servers keep a connection open, so that none is reused as it closes.
_IDLE = timedelta(seconds=4)


#: pyreqwest's own thread lets go of an answer a moment after it was given. A process whose
#: interpreter ended within that moment would abort, so its end waits.
atexit.register(time.sleep, 0.02)


class Network:
    """Connections to servers, kept for reuse. Follows no redirect, keeps no cookie.

    Args:
        proxy: its address; None for none, whatever the environment says.
        timeout: seconds that a request may take, its answer included.
    """

    def __init__(self, *, proxy: str | None, timeout: float) -> None:
        builder = (
            SyncClientBuilder()
            .follow_redirects(False)
            .referer(False)
            .timeout(timedelta(seconds=timeout))
            .pool_idle_timeout(_IDLE)
            .no_proxy()
        )
        if proxy is not None:
            builder = builder.proxy(ProxyBuilder.all(proxy))
        self._client = builder.build()

    def send(self, request: Request) -> Response:
        """Send one request and read its answer whole."""
        try:
            building = self._client.request(request.method, request.url)
            building = building.headers(request.headers)
            if request.body is not None:
                building = building.body_bytes(request.body)
            answer = building.build().send()
            headers, body = answer.headers, bytes(answer.bytes())
            cookies = tuple(headers.getall("set-cookie"))
            return Response(answer.status, dict(headers), body, cookies)
        except PyreqwestError as error:
            problem = lost(request, error)
        raise problem  # out here, where nothing chains it to an error that quotes the address

    def close(self) -> None:
        """Let go of every connection."""
        client = self._client
        del self._client  # idle connections end with the last name for it, and no sooner
        client.close()
