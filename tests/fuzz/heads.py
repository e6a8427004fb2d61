"""Target: whatever bytes a client sends to the real server, over a real connection.

An input is what one client sends before it closes its side. What must be true of the responses is
read from them alone, by a strict reader of HTTP; the server's log and the requests that the
application got are looked at too.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from hypothesis import strategies as st

from guanxi.testing import running
from tests.fuzz.pieces import damaged, mixed
from tests.fuzz.target import Check, Target, assert_plain
from tests.service.bodies import multipart, part

#: The statuses that docs/codes.md has for what is not a request of this API, and those of pages.
_STATUSES = {200, 307, 400, 404, 405, 408, 413, 415, 421}
#: The path of the request that hides in the body of another one.
SMUGGLED = "/x/web-interface/nav"
_INNER = f"GET {SMUGGLED}?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class Read(NamedTuple):
    """A response: its status, and its body."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def exchanged(address: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes, close the sending side, and return all that comes back."""
    with socket.create_connection(address, timeout=30) as connection:
        # Small, or the server would have answered, and closed, before it is sent.
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        with suppress(OSError):
            while part := connection.recv(65_536):
                received += part
        return bytes(received)


def responses(raw: bytes, *, is_head: bool = False) -> list[Read]:
    """Read responses one after another; raise AssertionError for anything but whole ones."""
    found = []
    while raw:
        head, separator, raw = raw.partition(b"\r\n\r\n")
        assert separator, f"an incomplete head: {head!r}"
        first, *lines = head.split(b"\r\n")
        version, status, _ = first.split(b" ", 2)
        assert version == b"HTTP/1.1"
        headers = {}
        for line in lines:
            name, separator, value = line.partition(b": ")
            assert separator, line
            assert name.lower() not in headers or name.lower() == b"set-cookie", line
            headers[name.lower()] = value
        if status == b"100":
            continue
        length = 0 if is_head else int(headers[b"content-length"])
        assert len(raw) >= length, "a body is cut off"
        found.append(Read(int(status), headers, raw[:length]))
        raw = raw[length:]
    return found


def check_response(one: Read) -> None:
    """Check what is true of every response of the service: status, headers, and a JSON body."""
    assert one.status in _STATUSES, one
    assert one.headers[b"x-content-type-options"] == b"nosniff", one
    kind = one.headers.get(b"content-type", b"")
    if kind.startswith(b"application/json"):
        body = json.loads(one.body)
        assert "Traceback" not in one.body.decode()
        if isinstance(body, dict):
            assert_plain(str(body.get("reason", "")))
    elif one.body:
        assert kind.startswith((b"text/html", b"text/javascript", b"text/css", b"text/plain")), one


class _Errors(logging.Handler):
    """Keep what the server logs of errors: it never meets one because of a client."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def opened() -> Iterator[Check]:
    """Yield the check of this target, against a service of its own."""
    errors = _Errors()
    loggers = [logging.getLogger(name) for name in ("guanxi", "guanxi.service", "uvicorn.error")]
    with running() as service:
        for logger in loggers:
            logger.addHandler(errors)
        service.add_accounts(1, 2)
        parts = urlsplit(service.base_url)
        assert parts.hostname
        assert parts.port
        address = parts.hostname, parts.port

        def check(raw: bytes) -> list[Read]:
            service.emulator.requests.clear()
            received = exchanged(address, raw)
            heads = raw.count(b"HEAD ") + raw.count(b"head ")
            found = [] if heads else responses(received)
            for one in found:
                check_response(one)
            if not is_ambiguous(raw):
                assert len(found) <= raw.count(b"HTTP/") + raw.count(b"\n") + 1
            else:
                paths = [f"{one.path}?{dict(one.params)}" for one in service.requests]
                assert not any("smuggled" in path for path in paths), "a request was smuggled"
            assert not errors.lines, errors.lines
            alive = exchanged(address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert alive.startswith(b"HTTP/1.1 200 "), "the server does not answer any more"
            return found

        try:
            yield check
        finally:
            for logger in loggers:
                logger.removeHandler(errors)


# --- shapes of which two servers might disagree where a request ends ---

#: What declares the length of a body in two ways, or in one that a proxy may read otherwise.
AMBIGUOUS = (
    b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n",
    b"Content-Length: %d\r\nContent-Length: 0\r\n",
    b"Content-Length: 0\r\nContent-Length: %d\r\n",
    b"Content-Length: %d, 0\r\n",
    b"Content-Length: +%d\r\n",
    b"Content-Length: 0x%x\r\n",
    b"Content-Length : %d\r\n",
    b" Content-Length: %d\r\n",
    b"Content-Length: %d\x0b\r\n",
    b"Content-Length:\n %d\r\n",
    b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding: chunked, identity\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding:\x0bchunked\r\nContent-Length: %d\r\n",
    b"Transfer-Encoding: identity\r\nContent-Length: %d\r\n",
    b"X: y\nContent-Length: %d\r\n",
    b"X: y\rContent-Length: %d\r\n",
    b"X: \0\r\nContent-Length: %d\r\n",
)
_MARK = b"ambiguous"


def is_ambiguous(raw: bytes) -> bool:
    return raw.startswith(b"POST /x/relation/modify?" + _MARK)


def ambiguous(shape: bytes, body: bytes) -> bytes:
    """Return a request whose body, by one reading, is followed by another request in it."""
    head = b"POST /x/relation/modify?" + _MARK + b" HTTP/1.1\r\nHost: localhost\r\n"
    lengths = (len(body),) if b"%" in shape else ()
    return head + shape % lengths + b"\r\n" + body


BODIES = (b"0\r\n\r\n" + _INNER, _INNER, b"1;\n\r\nx\r\n0\r\n\r\n" + _INNER)
SMUGGLING = st.builds(ambiguous, st.sampled_from(AMBIGUOUS), st.sampled_from(BODIES))

_LINES = (
    *(
        b"Host: localhost\r\n",
        b"Host: localhost\r\nHost: b\r\n",
        b"host:\ta\r\n",
        b"Connection: close\r\n",
    ),
    *(b"Connection: keep-alive, x\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"X: y\n"),
    *(b"Expect: 100-continue\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Cookie: SESSDATA=\xff; bili_jct=%zz\r\n", b"X:\r\n folded\r\n", b"X" * 3_000 + b": y\r\n"),
    *(
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"X: y\r\n" * 201,
        b"\x9b: y\r\n",
        b"X\0: y\r\n",
        b": y\r\n",
    ),
    *(b"Content-Type: multipart/form-data; boundary=guanxi-0a1b\r\n", b"User-Agent: python\r\n"),
    *(b"Content-Type: text/\x9b31m\r\n", b"Content-Encoding: gzip\r\n", b"Range: bytes=0-\r\n"),
    *(b"Origin: http://evil.test\r\n", b"Host: evil.test\r\n", b"Accept: \x1b[31m\r\n"),
)
_TARGETS = (
    *(b"/", b"/healthz", b"/openapi.json", b"/docs", b"/x/relation/stat?vmid=1", b"*", b"//a/b"),
    *(
        b"/x/relation/modify",
        b"/%00",
        b"/%2e%2e/",
        b"/x?%zz&=&&",
        b"http://localhost/healthz",
        b"a:80",
    ),
    *(b"/\xff", b"/" + b"a" * 70_000, b"/x/relation/followings?vmid=1&order=\x1b[31m", b"/ x", b""),
    *(b"/x/relation/stat?vmid=%1b%5b31m", b"http://[::1", b"/x/tag/%9b31m", b"/x/relation/tags"),
)
_METHODS = (
    *(b"GET", b"GET", b"GET", b"POST", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"),
    *(b"CONNECT", b"get", b"G\0T", b"PRI", b"M-SEARCH", b"\x16\x03\x01", b"X" * 5_000, b""),
)
_VERSIONS = (b" HTTP/1.1\r\n",) * 5 + (
    *(
        b" HTTP/1.0\r\n",
        b" HTTP/0.9\r\n",
        b" HTTP/2.0\r\n",
        b" HTTP/1.1\n",
        b"\r\n",
        b"  HTTP/1.1\r\n",
    ),
)
_CONTENT = (
    *(b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n", b"-1\r\n\r\n"),
    *(b"fffffffffffffffff\r\n", b"0\r\n\r\n", b"vmid=1", multipart(part("fid", "2")), _INNER),
)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    """Draw up to three requests on one connection."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        parts += [draw(st.sampled_from(_METHODS)), b" ", draw(st.sampled_from(_TARGETS))]
        parts += [draw(st.sampled_from(_VERSIONS)), draw(st.just(b"Host: localhost\r\n"))]
        parts += draw(st.lists(st.sampled_from(_LINES), max_size=3))
        parts += [b"\r\n", draw(st.sampled_from(_CONTENT))]
    return b"".join(parts)


TARGETS = (
    Target(
        "http",
        opened,
        damaged(_requests())
        | SMUGGLING
        | mixed(b"GET / HTTP/1.1\r\n", b"\r\n", b"Host: localhost", b"\n"),
        counts=(25, 240),
        steps=None,
    ),
)
