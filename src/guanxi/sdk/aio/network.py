"""The default transport, over pyreqwest; imported by the first client that needs it."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder

from guanxi.contract.errors import ForkedException
from guanxi.sdk.losses import FORKED_TWICE, lost, too_large
from guanxi.sdk.received import headers_of, set_cookies_of
from guanxi.sdk.settings import MAX_RESPONSE
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
        timeout: seconds that a request without a ``timeout`` of its own may take until its
            response is complete.
        max_response: the most bytes of a decompressed body that are read.

    Raise ``ForkedException`` where pyreqwest cannot start: in a child of a fork whose parent has
    clients and is itself a child that has.
    """

    def __init__(
        self, *, proxy: str | None, timeout: float, max_response: int = MAX_RESPONSE
    ) -> None:
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
        self._max_response = max_response
        self._client: Client | None = _built(builder)
        _delay_exit()

    async def send(self, request: Request) -> Response:
        """Send one request and return its response, of any HTTP status.

        Raise ``NetworkException`` of status 0 if there is no complete response,
        ``AnswerTooLargeException`` if its body is larger than ``max_response``, and
        ``RuntimeError`` if the transport is closed.
        """
        if self._client is None:
            raise RuntimeError("the transport is closed")
        try:
            builder = self._client.request(request.method, request.url)
            builder = builder.headers(request.headers)
            if request.body is not None:
                builder = builder.body_bytes(request.body)
            if request.timeout is not None:
                builder = builder.timeout(timedelta(seconds=request.timeout))
            async with builder.build_streamed() as response:
                # One byte more than allowed, so that nothing behind it is read or decompressed.
                body = bytes(await response.body_reader.read(self._max_response + 1) or b"")
                if len(body) > self._max_response:
                    raise too_large(request, self._max_response)
                headers = headers_of(response.headers)
                return Response(response.status, headers, body, set_cookies_of(response.headers))
        except PyreqwestError as error:
            network_error = lost(request, error, self._proxy)
        raise network_error  # not chained to pyreqwest's error, which quotes the whole address

    async def close(self) -> None:
        """Close every connection; closing again does nothing. A later ``send`` fails."""
        client = self._client
        self._client = None  # idle connections close only with the last reference to the client
        if client is not None:
            await client.close()


def _built(builder: ClientBuilder) -> Client:
    """Return the client of a builder, also in a process that was forked from one with clients.

    pyreqwest's runtime of one thread does not survive a fork and cannot start again. Its other
    runtime starts in the child, if no parent has used that.
    """
    makes: tuple[Callable[[], Client], ...] = (
        builder.build,
        lambda: builder.runtime_multithreaded(True).build(),
    )
    for make in makes:
        try:
            return make()
        except RuntimeError as error:
            if "fork" not in str(error):
                raise
    raise ForkedException(FORKED_TWICE)
