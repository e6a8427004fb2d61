"""Send the responses of a connection: each in one write, and with little work for its headers."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

#: SO_LINGER that discards unsent bytes at once, instead of keeping them for a client that is stuck.
_DISCARD = struct.pack("ii", 1, 0)
#: Response bytes to buffer within one loop iteration; a page of a list is half of that.
_BUFFER_BYTES = 65_536
#: Headers by which uvicorn sends differently, and the one that may carry a secret, which no cache
#: of lines keeps.
_RARE = frozenset({b"connection", b"transfer-encoding", b"set-cookie"})
#: How many header lines are cached. Most are always the same, and few lengths are frequent.
_LINES = 1_024


class BufferedTransport(asyncio.Transport):
    """A transport that joins the writes of one event loop iteration into one.

    uvicorn writes the head and the body of a response separately. Sending each at once would take
    two system calls and wake the client twice.
    """

    def __init__(self, target: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop
        self._buffer: list[bytes | bytearray | memoryview] = []
        self._size = 0
        #: Whether nothing is read, even if uvicorn would read on.
        self.is_held = False

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

    def abort(self) -> None:
        """Close the connection without sending what is buffered, here or by the system."""
        with suppress(OSError):  # the client has closed it
            connection = self._target.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
        self._target.abort()

    def is_closing(self) -> bool:
        return self._target.is_closing()

    def pause_reading(self) -> None:
        self._target.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            self._target.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._target.get_extra_info(name, default)


class Flow(FlowControl):
    """Pauses of a connection, as uvicorn has them, without an event that is rarely needed.

    With it, an idle connection has 800 bytes more.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False
        self._writable: asyncio.Event | None = None

    async def drain(self) -> None:
        """Wait until the connection may be written to."""
        if self.write_paused:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None:
            self._writable.set()
            self._writable = None


class Pipeline(list[Any]):
    """Requests that wait, with the methods of the deque that uvicorn has, which is 700 bytes."""

    __slots__ = ()

    def appendleft(self, item: Any) -> None:
        self.insert(0, item)

    def popleft(self) -> Any:
        return self.pop(0)


class Cycle(RequestResponseCycle):
    """A request and its response, as uvicorn has them, but quicker for a short response.

    uvicorn checks each header of each response with two patterns and builds its line from four
    parts, which took a twelfth of a short request. Here lines are cached, and a head and a body
    that is whole are one write. Whatever is not frequent is left to uvicorn.
    """

    #: The head, until the first part of the body.
    _head = b""

    async def send(self, message: Any) -> None:
        if self._head:
            head, self._head = self._head, b""
            if self._is_whole(message):
                self.expected_content_length = 0
                self.response_complete = True
                self.message_event.set()
                self.transport.write(head + message.get("body", b""))
                self.on_response()
                return
            self.transport.write(head)
        elif not self.response_started and self._begin(message):
            return
        await super().send(message)

    def _is_whole(self, message: Any) -> bool:
        """Return whether a message after the head ends a response that keeps the connection."""
        return (
            message["type"] == "http.response.body"
            and len(message.get("body", b"")) == self.expected_content_length
            and not message.get("more_body", False)
            and self.keep_alive
            and not self.disconnected
            and not self.flow.write_paused
        )

    def _begin(self, message: Any) -> bool:
        """Keep the head of a response; return False if it has to be left to uvicorn."""
        headers = list(message.get("headers", ()))
        values = dict(headers)
        if (
            message["type"] != "http.response.start"
            or b"content-length" not in values
            or not _RARE.isdisjoint(values)
            or self.scope["method"] == "HEAD"
            or not self.keep_alive
            or self.disconnected
        ):
            return False
        lines = [line_of(name, value) for name, value in self.default_headers + headers]
        self.response_started = True
        self.waiting_for_100_continue = self.chunked_encoding = False
        self.expected_content_length = int(values[b"content-length"])
        self._head = b"".join([STATUS_LINE[message["status"]], *lines, b"\r\n"])
        return True


@lru_cache(_LINES)
def line_of(name: bytes, value: bytes) -> bytes:
    """Return the line of a header. Raise RuntimeError if its name or its value is not valid."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("invalid header")
    return b"%b: %b\r\n" % (name, value)
