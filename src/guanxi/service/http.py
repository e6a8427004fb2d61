"""uvicorn as this service runs it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guanxi.service.app import ASGI

#: What a request's line and headers may have in all, and how long they may take to come. What is in
#: a body is the endpoint's to bound.
_HEAD_BYTES, _HEAD_SECONDS = 65_536, 20
#: How long an idle connection is kept, and how long a running request has to end at shutdown.
_IDLE_SECONDS, _GRACE_SECONDS = 60, 5
#: Connections that may wait to be taken.
_WAITING = 2_048
#: What is held of answers until a turn of the loop ends; a page is half of it.
_HELD_BYTES = 65_536


class _Gathering(asyncio.Transport):
    """A transport that sends at once, when the loop turns, what was written to it in a turn.

    uvicorn writes the head and the body of an answer apart. To send each when it is written takes
    two system calls, and wakes the client twice, while others still wait for their answers.
    """

    def __init__(self, to: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._to, self._loop = to, loop
        self._held: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._held and not self._to.is_closing():
            self._to.write(b"".join(self._held))
        self._held.clear()
        self._size = 0

    def close(self) -> None:
        self.flush()
        self._to.close()

    def is_closing(self) -> bool:
        return self._to.is_closing()

    def pause_reading(self) -> None:
        self._to.pause_reading()

    def resume_reading(self) -> None:
        self._to.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._to.get_extra_info(name, default)


class _Protocol(HttpToolsProtocol):
    """uvicorn's, with the bounds that it lacks: on a request's head, and on the wait for the rest.

    uvicorn itself closes a connection on which nothing comes after an answer; here belong one on
    which nothing ever comes, and one on which a request begins and does not go on.
    """

    #: Between requests; in the head of one.
    _between, _in_head = True, False
    _head_bytes = 0
    _patience: asyncio.TimerHandle | None = None

    # asyncio's base class takes any transport, uvicorn's those that write.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # so
        self._gathering = _Gathering(transport, self.loop)
        super().connection_made(self._gathering)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_no_more()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's lets the way close
        """Keep the way open to a client that has asked all it will, and may still read."""
        self._gathering.flush()
        waits = self._answering() and not self.cycle.more_body
        if waits:
            self.cycle.keep_alive = False
        return waits

    def on_message_begin(self) -> None:
        self._between, self._in_head = False, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._await_no_more()
        if self._head_bytes > _HEAD_BYTES and self._head_size() > _HEAD_BYTES:
            raise ValueError("head too large")  # uvicorn answers 400
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between = True
        self._await_no_more()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._between and not data.strip(b"\r\n"):
            return  # empty lines before a request say nothing, nor do they keep a connection
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            self._head_bytes = 0
        elif self._head_bytes > _HEAD_BYTES:
            self.send_400_response("Request head too large.")
        if self._in_head or not (self._between or self._answering()):
            self._await_more()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # there is none before the first

    def _await_more(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _await_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self._answering():  # an earlier request of the connection
            self._await_more()
        else:
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's, without its signal handlers, and telling when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A process with several servers ends them in its own order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def serving(*served: tuple[ASGI, socket.socket]) -> AsyncIterator[None]:
    """Serve applications, each on a listening socket, while the block runs; end them in order."""
    servers = [_Server(_config(application)) for application, _ in served]
    running = [
        asyncio.create_task(server.serve([listener]))
        for server, (_, listener) in zip(servers, served, strict=True)
    ]
    try:
        for server in servers:
            await server.listening.wait()
        yield
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


def _config(application: ASGI) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        interface="asgi3",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # whatever is below, any client can cause
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_WAITING,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on an address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_WAITING)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """The address that a socket is bound to."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
