"""Run ASGI applications on uvicorn, with bounds on request heads and slow clients."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guanxi.service.exchange import ASGI

#: The largest request line and headers in bytes, and the seconds in which they must arrive. Bodies
#: are bounded by the application.
_HEAD_BYTES, _HEAD_SECONDS = 65_536, 20
#: Seconds until an idle connection is closed, and seconds to finish requests at shutdown.
_IDLE_SECONDS, _GRACE_SECONDS = 60, 5
#: How many connections may wait to be accepted.
_BACKLOG = 2_048
#: Response bytes to buffer within one loop iteration; a page of a list is half of that.
_BUFFER_BYTES = 65_536


class _BufferedTransport(asyncio.Transport):
    """A transport that joins the writes of one event loop iteration into one.

    uvicorn writes the head and the body of a response separately. Sending each at once would take
    two system calls and wake the client twice.
    """

    def __init__(self, target: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop
        self._buffer: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._buffer:
            self._loop.call_soon(self.flush)
        self._buffer.append(data)
        self._size += len(data)
        if self._size > _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._buffer and not self._target.is_closing():
            self._target.write(b"".join(self._buffer))
        self._buffer.clear()
        self._size = 0

    def close(self) -> None:
        self.flush()
        self._target.close()

    def is_closing(self) -> bool:
        return self._target.is_closing()

    def pause_reading(self) -> None:
        self._target.pause_reading()

    def resume_reading(self) -> None:
        self._target.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._target.get_extra_info(name, default)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on a request's head and on the wait for its remainder.

    uvicorn closes connections that are idle after a response. This also closes those that never
    send anything, and those that send only part of a request.
    """

    #: Whether the connection is between requests, or in the head of one.
    _between, _in_head = True, False
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    # asyncio's base class takes any transport, uvicorn's those that write.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # so
        self._transport_buffer = _BufferedTransport(transport, self.loop)
        super().connection_made(self._transport_buffer)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns None
        """Return whether to keep the connection open after the client closed its sending side.

        True while a whole request is being answered; the connection is closed after the response.
        """
        self._transport_buffer.flush()
        keep_open = self._answering() and not self.cycle.more_body
        if keep_open:
            self.cycle.keep_alive = False
        return keep_open

    def on_message_begin(self) -> None:
        self._between, self._in_head = False, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        if self._head_bytes > _HEAD_BYTES and self._head_size() > _HEAD_BYTES:
            raise ValueError("head too large")  # uvicorn answers 400
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between = True
        self._stop_timer()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._between and not data.strip(b"\r\n"):
            return  # empty lines before a request do not keep a connection open
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._head_bytes = 0
        elif self._head_bytes > _HEAD_BYTES:
            self.send_400_response("Request head too large.")
        if self._in_head or not (self._between or self._answering()):
            self._start_timer()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # there is none before the first

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(_HEAD_SECONDS, self._on_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timeout(self) -> None:
        self._timer = None
        if self._answering():  # an earlier request of the connection
            self._start_timer()
        else:
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with events for its start and stop.

    uvicorn itself looks ten times a second whether it should stop.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening, self.stopping = asyncio.Event(), asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: a process with several servers stops them in a set order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Renew the ``date`` header once a second until ``stopping`` is set."""
        while not self.stopping.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1)


@asynccontextmanager
async def serving(*pairs: tuple[ASGI, socket.socket]) -> AsyncIterator[None]:
    """Serve ASGI applications, each on its listening socket, while the block runs.

    The block starts once all listen. After it, the sockets are closed and running requests get
    ``_GRACE_SECONDS`` to finish.
    """
    servers = [_Server(_config(application)) for application, _ in pairs]
    running = [
        asyncio.create_task(server.serve([listener]))
        for server, (_, listener) in zip(servers, pairs, strict=True)
    ]
    try:
        for server in servers:
            await server.listening.wait()
        yield
    finally:
        for server in servers:
            server.stopping.set()
        await asyncio.gather(*running)


def _config(application: ASGI) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        interface="asgi3",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # any client can cause lower levels
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def bind(host: str, port: int) -> socket.socket:
    """Return a TCP socket that listens on an address; port 0 picks a free port.

    Raise OSError if the address cannot be resolved or bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the ``http://`` URL of the address that a socket is bound to."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
