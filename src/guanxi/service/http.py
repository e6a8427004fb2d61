"""Parse HTTP with uvicorn, with bounds on request heads and slow clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from guanxi.service.exchange import HALF_CLOSED, Scope, Send
from guanxi.service.overload import Overload
from guanxi.service.responding import BufferedTransport, Cycle, Flow, Pipeline, line_of

#: The largest request line and headers in bytes, and the seconds in which they must arrive. Bodies
#: are bounded by the application.
_HEAD_BYTES, _HEAD_SECONDS = 65_536, 20
#: The most headers of a request: each is a call of Python, and 64 KiB have room for 13,000.
_HEADERS = 200
#: Seconds in which a client must read what the system's buffer does not take of a response, and the
#: size of that buffer: Linux doubles it, and without a size lets it grow to 4 MB per connection.
WRITE_SECONDS, SEND_BYTES = 30, 131_072
#: How many bytes are parsed at once. Pipelined requests that follow are parsed when these have been
#: answered: parsed together, a packet of 256 KB with 9,000 requests would take 20 MB.
_PARSED_BYTES = 4_096

_HEAD_TOO_LARGE = f"head: at most {_HEAD_BYTES} bytes"
_TOO_MANY_HEADERS = f"head: at most {_HEADERS} headers"
_TRAILERS_TOO_LARGE = f"body: at most {_HEAD_BYTES} bytes of trailers or of a chunk's extensions"
_NO_HOST = "Host: missing; HTTP/1.1 requires it"
_HOSTS = "Host: given more than once"
_VERSION = "version: must be HTTP/1.1 or HTTP/1.0"
_TUNNEL = "method: CONNECT is not supported"
_TARGET = "target: must be a path, or a URL with a path; percent-encode all but ASCII as UTF-8"


#: Returns the headers and the body of a response with the status 503 to the request of a scope, or
#: None if that has to be answered.
Refuse: TypeAlias = Callable[[Scope], tuple[list[tuple[bytes, bytes]], bytes] | None]


class _Refused:
    """In place of a cycle: a request whose response was sent before its body is read."""

    response_started = response_complete = True
    keep_alive = more_body = False

    def __init__(self) -> None:
        self.message_event = asyncio.Event()


_REFUSED = _Refused()


#: What the timer of an idle connection runs in.
_NO_REQUEST = Context()


class _BadRequest(Exception):
    """A request that is not valid HTTP; raised within the parser's callbacks."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def cut(send: Send, *, flush: bool = False) -> None:
    """Close the connection of a request without what is left of its response.

    ``send`` is the function that ``serving`` gave to the application with the request; with that of
    another server, do nothing. The client sees a reset, or with ``flush`` first what was sent and
    then the end of the connection.
    """
    cycle = getattr(send, "__self__", None)
    if isinstance(cycle, RequestResponseCycle):
        cycle.disconnected = True
        transport: Any = cycle.transport
        if flush:
            transport.close()
        else:
            transport.abort()


class _Turn:
    """What waits in uvicorn's pipeline for the responses to earlier requests."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    async def run_asgi(self, _app: object) -> None:
        """Act, as uvicorn's own cycles run the application when it is their turn."""
        self._act()


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on heads and slow clients, and strict about what is HTTP.

    uvicorn closes connections that are idle after a response. This also closes those that never
    send anything, those that send only part of a request, and those that do not read. It ignores
    offers to upgrade, where uvicorn loses the message's body, and refuses what is not HTTP with a
    400 and a JSON body, in its turn after the responses to earlier requests.
    """

    #: Whether the connection is between requests, or in the head of one.
    _between, _in_head = True, False
    #: Bytes received of the current head, or without content of the current body (trailers); and
    #: the head's Host headers.
    _head_bytes = _hosts = 0
    #: How many requests began in the packet that is being parsed.
    _begun = 0
    _timer: asyncio.TimerHandle | None = None
    #: When the last response was sent, and what closes the connection some time after it.
    _idle_since = 0.0
    _idle_timer: asyncio.TimerHandle | None = None
    #: What was received and waits until pipelined requests before it are answered.
    _unparsed: bytearray
    #: Runs while a part of a response is unsent.
    _write_timer: asyncio.TimerHandle | None = None
    #: Why the connection is about to be closed with a 400 response; nothing more is read.
    _refusal: str | None = None

    def __init__(
        self,
        *args: Any,
        bad_request: Callable[[str], bytes],
        overloaded: Refuse | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._bad_request = bad_request
        self._overloaded: Any = overloaded
        self._unparsed = bytearray()
        self.pipeline = Pipeline()  # type: ignore[assignment]  # the methods that are used

    # asyncio's base class takes any transport, uvicorn's those that write.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # so
        transport.set_write_buffer_limits(high=0)  # pause whenever anything is unsent
        self._transport_buffer = BufferedTransport(transport, self.loop)
        super().connection_made(self._transport_buffer)
        self.flow = Flow(self._transport_buffer)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._unparsed.clear()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self._transport_buffer.abort)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns None
        """Return whether to keep the connection open after the client closed its sending side.

        True while a whole request is being answered; the connection is closed after the response.
        """
        self._transport_buffer.flush()
        if self._refusal is not None:  # which closes the connection
            return True
        keep_open = self._answering() and not self.cycle.more_body
        if keep_open:
            self.cycle.keep_alive = False
            drop = partial(self._drop, self.cycle)
            self.cycle.scope[HALF_CLOSED] = drop  # type: ignore[literal-required]  # ours
            self.cycle.message_event.set()
        return keep_open

    def _drop(self, cycle: RequestResponseCycle) -> None:
        """Close the connection without the response of ``cycle``."""
        cycle.disconnected = True
        self.transport.close()

    def on_message_begin(self) -> None:
        self._between, self._in_head, self._hosts = False, True, 0
        self._begun += 1
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # In place of uvicorn's: to look for Host in the finished list takes longer.
        if len(self.headers) == _HEADERS:
            raise _BadRequest(_TOO_MANY_HEADERS)
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._timer is not None:
            self._stop_timer()
        if self._head_bytes > _HEAD_BYTES and self._head_size() > _HEAD_BYTES:
            raise _BadRequest(_HEAD_TOO_LARGE)
        version = self.parser.get_http_version()
        if self._hosts != 1 or version != "1.1":
            self._check_version_and_host(version)
        if not self.parser.should_upgrade():
            self._begin_request(version)
            if getattr(self.server_state, "is_draining", False):
                self.cycle.keep_alive = False
            self.headers = []  # for trailers, which are no part of the head and are dropped
        elif self.parser.get_method() == b"CONNECT":
            raise _BadRequest(_TUNNEL)
        self._in_head = False

    def _begin_request(self, version: str) -> None:
        """Answer a request once those before it are answered; in place of uvicorn's."""
        url, scope = httptools.parse_url(self.url), self.scope
        path = url.path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        must_wait = self._answering()
        overload: Overload | None = self.server_state.overload  # type: ignore[attr-defined]  # ours
        if overload is not None and not overload.admits() and self._is_refused(must_wait, version):
            return
        self.cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and self.parser.should_keep_alive(),
            self.on_response_complete,
        )
        if must_wait:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._start_asgi_task(self.cycle, self.app)

    def _is_refused(self, must_wait: bool, version: str) -> bool:
        """Refuse a request in an overload; return False if it has to be answered all the same.

        So it is if it has no endpoint, if others on its connection or a client that does not read
        come first, or if the client waits for a 100 Continue: without it, no body might follow.
        """
        if must_wait or self.flow.write_paused or self.expect_100_continue:
            return False
        response = self._overloaded(self.scope)
        if response is None:
            return False
        headers, body = response
        stays_open = version != "1.0" and self.parser.should_keep_alive()
        stays_open = stays_open and not getattr(self.server_state, "is_draining", False)
        if not stays_open:
            headers.append((b"connection", b"close"))
        self.cycle = _REFUSED  # type: ignore[assignment]  # nothing of it is used but that it ended
        lines = [line_of(name, value) for name, value in self.server_state.default_headers]
        lines += [line_of(name, value) for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[503], *lines, b"\r\n", body]))
        self.server_state.total_requests += 1
        if stays_open:
            self._begin_idle()
        else:
            self.transport.close()
        return True

    def _check_version_and_host(self, version: str) -> None:
        """Raise _BadRequest for another version than 1.1 and 1.0, and a wrong number of Hosts."""
        if version not in ("1.0", "1.1"):
            raise _BadRequest(_VERSION)
        if self._hosts > 1:
            raise _BadRequest(_HOSTS)
        if version == "1.0":
            self.expect_100_continue = False  # such a client knows no 100 Continue
        elif not self._hosts:
            raise _BadRequest(_NO_HOST)

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        # In place of uvicorn's, which looks once more for an offer to upgrade.
        if self.parser.should_upgrade():  # the parser stopped after the head
            return
        self._between = True
        if self._timer is not None:
            self._stop_timer()
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        # In place of uvicorn's, which starts and stops a timer for each request.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._begin_idle()
        if self._unparsed:
            self._parse_on()

    def _begin_idle(self) -> None:
        self._idle_since = self.loop.time()
        if self._between:  # what is left of the request is 3 KB
            self.cycle = self.scope = None  # type: ignore[assignment]  # as before the first one
        if self._idle_timer is None:
            self._wait_idle(self.timeout_keep_alive)

    def _wait_idle(self, seconds: float) -> None:
        # Not in the context of the request, which would live as long as the timer.
        self._idle_timer = self.loop.call_later(seconds, self._close_if_idle, context=_NO_REQUEST)

    def _close_if_idle(self) -> None:
        """Close the connection if it has been idle since the last response, or wait on."""
        idle = self.loop.time() - self._idle_since
        if not self._between or self._answering():
            self._wait_idle(self.timeout_keep_alive)
        elif idle < self.timeout_keep_alive:
            self._wait_idle(self.timeout_keep_alive - idle)
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if len(data) <= _PARSED_BYTES and not self._unparsed:  # the common case
            self._parse(data)
        else:
            self._unparsed += data
            self._parse_on()

    def _parse_on(self) -> None:
        """Parse what was received until a request waits behind another; then read nothing more."""
        while self._unparsed and not self.pipeline:
            if self._refusal is not None or self.transport.is_closing():
                self._unparsed.clear()
                break
            part = bytes(self._unparsed[:_PARSED_BYTES])
            del self._unparsed[:_PARSED_BYTES]
            self._parse(part)
        transport = self._transport_buffer
        if self._unparsed:
            transport.is_held = True
            transport.pause_reading()
        elif transport.is_held:
            transport.is_held = False
            if not self.flow.read_paused:
                transport.resume_reading()

    def _parse(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        if self._between and data[0] in b"\r\n" and not data.strip(b"\r\n"):
            return  # empty lines before a request do not keep a connection open
        was_between = self._between
        was_in_body = not (was_between or self._in_head)
        self._head_bytes += len(data)
        self._begun = 0
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                self._ignore_offer(memoryview(data)[stopped.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(_reason(error))
            return
        if self._between:  # the common case: whole requests
            self._head_bytes = 0
            return
        if self.transport.is_closing():
            return
        if not self._in_head:
            if self._begun or not was_in_body:
                self._head_bytes = 0
        elif self._begun > was_between:  # the head began within this packet
            self._head_bytes = len(data) - self._start_of_head(data)
        if self._head_bytes > _HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE if self._in_head else _TRAILERS_TOO_LARGE)
            return
        if self._in_head or not self._answering():
            self._start_timer()

    def _ignore_offer(self, rest: memoryview) -> None:
        """Parse a head that offers to upgrade once more, without the offer; then ``rest``.

        The parser stops after such a head, as if another protocol followed. An offer that is not
        accepted is ignored (RFC 9110, 7.8): the body has its length, and other requests follow.
        Raise HttpParserError if what follows is not HTTP.
        """
        parts: list[bytes | memoryview] = [rest, self._head_without_offer()]
        while parts:
            part = parts.pop()
            try:
                self.parser.feed_data(part)
            except httptools.HttpParserUpgrade as stopped:
                parts += [memoryview(part)[stopped.args[0] :], self._head_without_offer()]

    def _head_without_offer(self) -> bytes:
        """Return the head of the current request without Upgrade, for a new parser."""
        first = b"%b %b HTTP/%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        # As uvicorn does it: to read on after a request that closes the connection.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"".join([first, *fields, b"\r\n"])

    def _refuse(self, reason: str) -> None:
        """Answer 400 in its turn and close the connection; read nothing more."""
        self._refusal = reason
        self._stop_timer()
        in_body = not (self._between or self._in_head)
        if in_body and not self._answering():  # the request was answered already
            self.transport.close()
        elif not self._answering():
            self._send_refusal(reason)
        elif in_body and not self.pipeline:  # the request that is being answered never arrives
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._send_refusal(reason)
        else:
            if in_body:
                self.pipeline.popleft()
            turn: Any = _Turn(partial(self._send_refusal, reason))
            self.pipeline.appendleft((turn, self.app))

    def _send_refusal(self, reason: str) -> None:
        body = self._bad_request(reason)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[400], *lines, b"\r\n", body]))
        self.transport.close()

    def _start_of_head(self, packet: bytes) -> int:
        """Return where in a packet the head begins of which the packet has the first part."""
        if not self.url:
            return len(packet)
        return packet.rfind(self.parser.get_method() + b" " + self.url)

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

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _on_timeout(self) -> None:
        self._timer = None
        if self._answering():  # an earlier request of the connection
            self._start_timer()
        else:
            self.transport.close()


def _reason(error: httptools.HttpParserError) -> str:
    """Return why the parser failed: what its callback raised, or what it met."""
    raised = error.__context__
    if isinstance(raised, _BadRequest):
        return raised.reason
    # A callback fails for no other reason: uvicorn's parses the target.
    if isinstance(error, httptools.HttpParserInvalidURLError | httptools.HttpParserCallbackError):
        return _TARGET
    met = str(error)  # a fixed text of the parser
    return f"request: not HTTP: {met}"
