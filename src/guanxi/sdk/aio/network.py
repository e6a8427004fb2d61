"""The default transport, over pyreqwest; imported by the first client that needs it."""

from __future__ import annotations

import atexit
import time
from datetime import timedelta
from functools import cache

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder

from guanxi.sdk.losses import lost
from guanxi.sdk.transport import Request, Response

#: Shorter than the keep-alive of servers, so that no closing connection is reused.
_IDLE_TIMEOUT = timedelta(seconds=4)


@cache
def _delay_exit() -> None:
    """Delay the exit of the process by 20 ms; once for all clients.

    pyreqwest's native thread releases a response shortly after returning it. A process whose
    interpreter exits before that aborts.
    """
    atexit.register(time.sleep, 0.02)


class Network:
    """A transport with a pool of connections. It follows no redirects and stores no cookies.

    Args:
        proxy: the address of a proxy; None for none, whatever the environment says.
        timeout: seconds that a request may take until its response is complete.
    """

    def __init__(self, *, proxy: str | None, timeout: float) -> None:
        builder = (
            ClientBuilder()
            .follow_redirects(False)
            .referer(False)
            .timeout(timedelta(seconds=timeout))
            .pool_idle_timeout(_IDLE_TIMEOUT)
            .no_proxy()
        )
        if proxy is not None:
            builder = builder.proxy(ProxyBuilder.all(proxy))
        self._proxy = proxy
        self._client: Client | None = builder.build()
        _delay_exit()

    async def send(self, request: Request) -> Response:
        """Send one request and return its response, of any HTTP status.

        Raise ``NetworkException`` of status 0 if there is no complete response, and
        ``RuntimeError`` if the transport is closed.
        """
        if self._client is None:
            raise RuntimeError("the transport is closed")
        try:
            builder = self._client.request(request.method, request.url)
            builder = builder.headers(request.headers)
            if request.body is not None:
                builder = builder.body_bytes(request.body)
            response = await builder.build().send()
            headers, body = response.headers, bytes(await response.bytes())
            cookies = tuple(headers.getall("set-cookie"))
            return Response(response.status, dict(headers), body, cookies)
        except PyreqwestError as error:
            network_error = lost(request, error, self._proxy)
        raise network_error  # not chained to pyreqwest's error, which quotes the whole address

    async def close(self) -> None:
        """Close every connection; closing again does nothing. A later ``send`` fails."""
        client = self._client
        self._client = None  # idle connections close only with the last reference to the client
        if client is not None:
            await client.close()
