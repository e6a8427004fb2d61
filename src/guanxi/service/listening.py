"""Serve ASGI applications on listening sockets, and stop without a request that fails."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from guanxi.service.accepting import Accepting, most_connections
from guanxi.service.exchange import ASGI
from guanxi.service.http import SEND_BYTES, WRITE_SECONDS, Protocol, Refuse
from guanxi.service.overload import Overload

#: Seconds until an idle connection is closed, and seconds to finish requests at shutdown.
_IDLE_SECONDS, _GRACE_SECONDS = 60, 5
#: Seconds that connections of a worker that is replaced have for their next request.
DRAIN_SECONDS = 10.0
#: Seconds between looks at whether they are closed.
_LOOK_SECONDS = 0.02
#: How many connections may wait to be accepted.
_BACKLOG = 2_048
#: What the host of a Unix socket begins with; its path follows.
UNIX = "unix:"
#: The permissions of a Unix socket: its group may connect, such as that of a proxy.
_UNIX_MODE = 0o660
#: The first descriptor that systemd passes.
_FIRST_PASSED = 3


class Served(NamedTuple):
    """An ASGI application, its listening socket, and its way to refuse what is not HTTP."""

    application: ASGI
    listener: socket.socket
    #: Returns the JSON body of a 400 response that has this reason.
    bad_request: Callable[[str], bytes]
    #: Returns the response to a request in an overload; None if all requests are to be answered.
    overloaded: Refuse | None = None


class _State(ServerState):
    """What the connections of a server share."""

    #: Whether every response closes its connection.
    is_draining = False
    #: What bounds the requests of a turn; None for no bound.
    overload: Overload | None = None


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with events for its start and stop.

    It accepts connections itself (``accepting``). uvicorn's has the event loop accept them, and
    looks ten times a second whether it should stop.
    """

    def __init__(self, config: uvicorn.Config, *, bounded: bool = False) -> None:
        super().__init__(config)
        self.listening, self.stopping = asyncio.Event(), asyncio.Event()
        self.state = self.server_state = _State()
        if bounded:
            self.state.overload = Overload()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: a process with several servers stops them in a set order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections from ``sockets``; uvicorn's would have the event loop accept them."""
        self.servers = []  # the event loop's, of which there are none
        self._accepting = [
            Accepting(one, self._protocol, self.server_state.connections, most_connections())
            for one in sockets or ()
        ]
        for accepting in self._accepting:
            accepting.start()
        self.started = True
        self.listening.set()

    def _protocol(self) -> asyncio.Protocol:
        new_protocol: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = new_protocol(
            config=self.config, server_state=self.server_state, app_state={}
        )
        return protocol

    async def drain(self) -> None:
        """Accept nothing more, and let each connection close with its next response.

        That response says so (``Connection: close``). Return when all are closed, or after
        ``DRAIN_SECONDS``: the connections that have sent no request until then are still open.
        """
        end = time.monotonic() + DRAIN_SECONDS
        for accepting in self._accepting:
            await accepting.stop()
        self.state.is_draining = True
        for connection in list(self.state.connections):
            # A response whose head was sent did not say so: the connection has another request.
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        while self.state.connections and time.monotonic() < end:  # noqa: ASYNC110 - uvicorn's set
            await asyncio.sleep(_LOOK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, close the sockets, and finish requests as uvicorn does."""
        for accepting in self._accepting:
            await accepting.stop()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Renew the ``date`` header once a second until ``stopping`` is set."""
        while not self.stopping.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1)


@asynccontextmanager
async def serving(*served: Served) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
    """Serve ASGI applications, each on its listening socket, while the block runs.

    The block starts once all listen. After it, the sockets are closed and running requests get
    ``_GRACE_SECONDS`` to finish. It gets a function that does so politely before: it accepts
    nothing more, and waits until every connection had a last response that closes it, or
    ``DRAIN_SECONDS``. Raise what ends a server before it listens.
    """
    servers = [_Server(_config(one), bounded=one.overloaded is not None) for one in served]
    running = [
        asyncio.create_task(server.serve([one.listener]))
        for server, one in zip(servers, served, strict=True)
    ]
    try:
        for server, task in zip(servers, running, strict=True):
            listening = asyncio.create_task(server.listening.wait())
            await asyncio.wait((listening, task), return_when=asyncio.FIRST_COMPLETED)
            listening.cancel()
            if task.done():
                task.result()
                raise RuntimeError("a server ended before it listened")
        yield partial(_drain, servers)
    finally:
        for server in servers:
            server.stopping.set()
        await asyncio.gather(*running, return_exceptions=True)


async def _drain(servers: list[_Server]) -> None:
    await asyncio.gather(*(server.drain() for server in servers))


def _config(served: Served) -> uvicorn.Config:
    return uvicorn.Config(
        served.application,
        interface="asgi3",
        # uvicorn calls it as it would call the class.
        http=partial(  # type: ignore[arg-type]
            Protocol, bad_request=served.bad_request, overloaded=served.overloaded
        ),
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
    """Return a socket that listens on an address; port 0 picks a free port.

    A host ``unix:PATH`` is a Unix socket, for which the port has no meaning. Raise OSError if the
    address cannot be resolved or bound.
    """
    if host.startswith(UNIX):
        return _bind_unix(host.removeprefix(UNIX))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        _prepare(listener)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (TypeError, UnicodeError):  # what cannot be the name of a host
        listener.close()
        raise socket.gaierror(socket.EAI_NONAME, f"{host}: no name of a host") from None
    except OSError:
        listener.close()
        raise
    return listener


def _prepare(listener: socket.socket) -> None:
    """Set what accepted connections inherit.

    The second drops clients that stop reading or acknowledging what the system has buffered.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    if listener.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * WRITE_SECONDS)


def _bind_unix(name: str) -> socket.socket:
    """Return a Unix socket that listens on a path; one that nobody listens on is replaced.

    Raise OSError if the path cannot be bound, or another process listens on it.
    """
    path = Path(name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _prepare(listener)
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.stat().st_mode):  # of a process that was killed
                with (
                    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other,
                    suppress(ConnectionRefusedError),
                ):
                    other.connect(name)
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                path.unlink()
        listener.bind(name)
        path.chmod(_UNIX_MODE)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def is_passed() -> bool:
    """Return whether systemd passed a listening socket to this process."""
    passed = os.environ.get("LISTEN_PID") == str(os.getpid())
    return passed and os.environ.get("LISTEN_FDS", "0") != "0"


def listener_of(host: str, port: int) -> socket.socket:
    """Return the socket that systemd passed (socket activation), or else ``bind(host, port)``.

    It stays open for systemd, so that clients wait while the service restarts. Raise OSError as
    ``bind`` does.
    """
    if not is_passed():
        return bind(host, port)
    listener = socket.socket(fileno=os.dup(_FIRST_PASSED))
    _prepare(listener)
    listener.listen(_BACKLOG)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of the address that a socket is bound to: ``http://…``, or ``unix:PATH``."""
    if listener.family == socket.AF_UNIX:
        return f"{UNIX}{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
