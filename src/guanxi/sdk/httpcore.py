"""The transports over httpcore2, for processes that fork and machines without pyreqwest.

httpcore2 is the HTTP core of httpx2; the extra ``httpx2`` installs it. It keeps no native thread,
so it works in any child of a fork.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
import weakref
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore2

from guanxi.sdk.losses import not_answered, too_large
from guanxi.sdk.settings import MAX_RESPONSE
from guanxi.sdk.transport import Request, Response

#: Shorter than the keep-alive of servers, so that no closing connection is reused.
_IDLE_TIMEOUT = 4.0
#: How many requests of one async client are sent at the same time; more wait for these.
_MOST_AT_ONCE = 64
#: A zlib stream with the header of gzip.
_GZIP = 31
_FAILURES = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    zlib.error,
)
_NOT_CONNECTED = (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.ProxyError)


class _Sending:
    """One request in progress: when it must end, and its stream once it has one."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._stream: httpcore2.NetworkStream | None = None
        self._is_given_up = False

    def left(self) -> float:
        """Return the seconds that are left; raise ``TimeoutException`` of httpcore2 if none are."""
        left = self._ends - time.monotonic()
        if left <= 0 or self._is_given_up:
            raise httpcore2.ReadTimeout("the time is over")
        return left

    def uses(self, stream: httpcore2.NetworkStream) -> float:
        """Note the stream in use; return the seconds that are left."""
        self._stream = stream
        return self.left()

    def give_up(self) -> None:
        """End the request in whatever thread it is being sent."""
        self._is_given_up = True
        if self._stream is not None:
            used: socket.socket = self._stream.get_extra_info("socket")
            with suppress(OSError):  # it was closed meanwhile
                used.shutdown(socket.SHUT_RDWR)


_sending: ContextVar[_Sending] = ContextVar("_sending")


def _is_of_another(_record: logging.LogRecord) -> bool:
    return _sending.get(None) is None


# httpcore2 logs every header of a response, which may be a new SESSDATA.
for _part in ("connection", "http11", "proxy", "socks"):
    logging.getLogger(f"httpcore2.{_part}").addFilter(_is_of_another)


class _Stream(httpcore2.NetworkStream):
    """A stream whose every step takes at most what is left of the request's time.

    httpcore2 allows each step the same time anew, so that a server which sends a byte now and
    then would keep a caller for ever.
    """

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._inner.read(max_bytes, _sending.get().uses(self._inner))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, _sending.get().uses(self._inner))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        left = _sending.get().uses(self._inner)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    """Opens connections in what is left of the request's time."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = _sending.get().left()
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates that the system trusts, read once: that takes 20 ms."""
    return httpcore2.default_ssl_context()


class SyncNetwork:
    """A transport with a pool of connections. It follows no redirects and stores no cookies.

    Args:
        proxy: the address of a proxy; None for none, whatever the environment says.
        timeout: seconds that a request without a ``timeout`` of its own may take until its
            response is complete.
        max_response: the most bytes of a decompressed body that are read.
    """

    def __init__(
        self, *, proxy: str | None, timeout: float, max_response: int = MAX_RESPONSE
    ) -> None:
        self._proxy = proxy
        self._timeout = timeout
        self._max_response = max_response
        self._pool: httpcore2.ConnectionPool | None = httpcore2.ConnectionPool(
            ssl_context=_trusted(),
            proxy=None if proxy is None else _proxy(urlsplit(proxy)),
            max_connections=None,
            keepalive_expiry=_IDLE_TIMEOUT,
            network_backend=_Backend(),
        )
        # A client that nobody closed drops its connections with it, as over the other transport.
        self._dropping = weakref.finalize(self, self._pool.close)
        self._dropping.atexit = False

    def send(self, request: Request) -> Response:
        """Send one request and return its response, of any HTTP status.

        Raise ``NetworkException`` of status 0 if there is no complete response,
        ``AnswerTooLargeException`` if its body is larger than ``max_response``, and
        ``RuntimeError`` if the transport is closed.
        """
        return self.send_as(self.sending(request), request)

    def sending(self, request: Request) -> _Sending:
        """Begin the time of a request."""
        return _Sending(self._timeout if request.timeout is None else request.timeout)

    def send_as(self, sending: _Sending, request: Request) -> Response:
        """Send a request whose time has begun, as ``send`` does."""
        if self._pool is None:
            raise RuntimeError("the transport is closed")
        token = _sending.set(sending)
        try:
            return self._exchanged(self._pool, request)
        except _FAILURES as error:
            # An error of the protocol may quote a header.
            reason = str(error) if isinstance(error, httpcore2.NetworkError) else ""
            failure = not_answered(
                request,
                reason or type(error).__name__,
                proxy=self._proxy,
                is_over=isinstance(error, httpcore2.TimeoutException),
                sent=not isinstance(error, _NOT_CONNECTED),
            )
        finally:
            _sending.reset(token)
        raise failure  # not chained: the frames of that error have the headers

    def _exchanged(self, pool: httpcore2.ConnectionPool, request: Request) -> Response:
        url, headers = _head(request)
        content = request.body or (b"" if request.writes else None)
        with pool.stream(request.method, url, headers=headers, content=content) as response:
            return self._read(request, response)

    def _read(self, request: Request, response: httpcore2.Response) -> Response:
        headers: dict[str, str] = {}
        cookies: list[str] = []
        for name, value in response.headers:
            if value.isascii():  # as of the other transport: what is not ASCII is omitted
                headers.setdefault(name.decode().lower(), value.decode())
                if name.lower() == b"set-cookie":
                    cookies.append(value.decode())
        packed = headers.get("content-encoding", "").lower() == "gzip"
        unpack = zlib.decompressobj(_GZIP)
        parts: list[bytes] = []
        room = self._max_response
        for chunk in response.iter_stream():
            # One byte more than allowed, so that nothing behind it is decompressed.
            part = unpack.decompress(chunk, room + 1) if packed else chunk
            room -= len(part)
            if room < 0:
                raise too_large(request, self._max_response)
            parts.append(part)
        if packed and parts and not unpack.eof:
            raise zlib.error("the body is cut off")
        return Response(response.status, headers, b"".join(parts), tuple(cookies))

    def close(self) -> None:
        """Close every connection; closing again does nothing. A later ``send`` fails."""
        self._pool = None
        self._dropping()


class Network:
    """The async transport: a ``SyncNetwork`` in threads, so that any event loop may use it.

    Its arguments, results and errors are those of ``SyncNetwork``.
    """

    def __init__(
        self, *, proxy: str | None, timeout: float, max_response: int = MAX_RESPONSE
    ) -> None:
        self._network = SyncNetwork(proxy=proxy, timeout=timeout, max_response=max_response)
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, "guanxi-network")

    async def send(self, request: Request) -> Response:
        """Send one request and return its response, of any HTTP status."""
        sending = self._network.sending(request)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, self._network.send_as, sending, request
            )
        except asyncio.CancelledError:
            sending.give_up()
            raise

    async def close(self) -> None:
        """Close every connection and end the threads; closing again does nothing."""
        self._network.close()
        self._threads.shutdown(wait=False)


def _host(parts: SplitResult) -> bytes:
    name = parts.hostname or ""
    return name.encode() if name.isascii() else name.encode("idna")


def _head(request: Request) -> tuple[httpcore2.URL, list[tuple[str | bytes, str | bytes]]]:
    """Return the address and the headers of a request as httpcore2 has them."""
    parts = urlsplit(request.url)
    host = _host(parts)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    url = httpcore2.URL(scheme=parts.scheme, host=host, port=parts.port, target=target)
    shown = b"[%b]" % host if b":" in host else host
    if parts.port is not None:
        shown += b":%d" % parts.port
    return url, [("host", shown), ("accept-encoding", "gzip"), *request.headers.items()]


def _proxy(parts: SplitResult) -> httpcore2.Proxy:
    """Return the proxy of an address, with its user and password."""
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username).encode(), unquote(parts.password or "").encode())
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
    url = httpcore2.URL(scheme=parts.scheme, host=_host(parts), port=port, target="/")
    return httpcore2.Proxy(url, auth)
