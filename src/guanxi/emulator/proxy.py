"""An HTTP proxy that leads the documents' hosts to the service: for clients with fixed hosts.

It takes CONNECT for those hosts and port 443, answers TLS with a certificate of an authority that
is made for this run, and hands the requests on. Everything else is refused.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from guanxi.emulator.authority import identity
from guanxi.service.hosts import DOCUMENTED
from guanxi.service.listening import bind, url_of

_HEAD_BYTES, _HEAD_SECONDS = 16_384, 20
_CHUNK = 65_536
_OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_REFUSED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_WHY = b"only CONNECT to the documents' hosts and port 443"


class Proxy:
    """A running proxy: its URL, and the file with the certificate of its authority."""

    def __init__(self, service_url: str, port: int = 0) -> None:
        """Bind a port for a proxy to the service at a URL; call ``start`` on its event loop.

        Raise OSError if it cannot be bound, and ModuleNotFoundError, which says what to
        install, without the package cryptography.
        """
        address = urlsplit(service_url)
        self._service = address.hostname, address.port
        self._context, certificate = identity(DOCUMENTED)
        self._listener = bind("127.0.0.1", port)
        self.url = url_of(self._listener)
        self._folder = tempfile.TemporaryDirectory(prefix="guanxi-authority-")
        self.authority = Path(self._folder.name, "authority.pem")
        self.authority.write_bytes(certificate)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._accepted, sock=self._listener, limit=_HEAD_BYTES
        )

    async def close(self) -> None:
        """Close the proxy with its connections, and delete the authority's file."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        self._folder.cleanup()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:  # at the close; the server would log it
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            head = b""
        if not _is_allowed(head):
            writer.write(_REFUSED % (len(_WHY), _WHY))
            await writer.drain()
            return
        writer.write(_OPENED)
        await writer.drain()
        async with asyncio.timeout(_HEAD_SECONDS):
            await writer.start_tls(self._context)
        to_service, from_service = await self._connected()
        try:
            # As one side ends, so does the other: HTTP/1.1 knows no half of a connection.
            copies = [
                asyncio.ensure_future(_copied(reader, to_service)),
                asyncio.ensure_future(_copied(from_service, writer)),
            ]
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
        finally:
            to_service.close()

    async def _connected(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection(*self._service)
        return writer, reader


def _is_allowed(head: bytes) -> bool:
    """Return whether the head of a request is CONNECT to a host of the documents, port 443."""
    method, _, rest = head.partition(b" ")
    target, _, _ = rest.partition(b" ")
    host, _, port = target.decode("latin-1").rpartition(":")
    return method == b"CONNECT" and host.lower() in DOCUMENTED and port == "443"


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
