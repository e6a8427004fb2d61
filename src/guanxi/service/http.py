"""uvicorn as this service runs it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guanxi.service.app import ASGI

#: What a request's line and headers may have in all. What is in a body is the endpoint's to bound.
_HEAD_BYTES = 65_536
#: How long an idle connection is kept, and how long a running request has to end at shutdown.
_IDLE_SECONDS, _GRACE_SECONDS = 60, 5
#: Connections that may wait to be taken.
_WAITING = 2_048


class _Protocol(HttpToolsProtocol):
    """uvicorn's, with the bound on a request's head that its parser lacks."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > _HEAD_BYTES:
            self.send_400_response("Request head too large.")


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
