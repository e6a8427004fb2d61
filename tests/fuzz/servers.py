"""Target: whatever bytes a server answers to the SDK, over a real connection.

The first two bytes of an input choose the call, of the client or of ``guanxi.user``, async or sync;
the rest is what the server sends before it closes the connection. A call ends with a value or with
a documented exception, shows no secret, and sends nothing to another host.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import strategies as st

from guanxi import ApiException, Client, Clock, SyncClient, SyncClock, user
from guanxi.contract.endpoint import Endpoint
from tests.emulator.test_sdk import MODULE, TYPED
from tests.fuzz.pieces import JSON, damaged, fitting, json_bytes
from tests.fuzz.responses import CREDENTIAL, SECRETS, assert_silent
from tests.fuzz.target import Check, Target

#: Replaced by the address of another server in what a server sends.
ELSEWHERE = b"<elsewhere>"
_HEAD_END = b"\r\n\r\n"


class Raw:
    """A server on loopback that answers every request with the same bytes, then closes."""

    def __init__(self, host: str) -> None:
        self.answer = b""
        #: The heads of the requests that arrived.
        self.heads: list[bytes] = []
        self._listener = socket.create_server((host, 0))
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        received = b""
        while _HEAD_END not in received:
            part = connection.recv(65_536)
            if not part:
                return
            received += part
        head, _, body = received.partition(_HEAD_END)
        self.heads.append(head)
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length:")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65_536)
        connection.sendall(self.answer)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


class _NoWait(SyncClock):
    def sleep(self, seconds: float) -> None:
        pass


class _NoAsyncWait(Clock):
    async def sleep(self, seconds: float) -> None:
        pass


def _sync(use: Callable[[Any], Any], url: str) -> object:
    with SyncClient(base_url=url, credential=CREDENTIAL, clock=_NoWait(), timeout=5) as client:
        return use(client)


def _asynchronous(use: Callable[[Any], Any], url: str) -> object:
    async def run() -> object:
        clock = _NoAsyncWait()
        async with Client(base_url=url, credential=CREDENTIAL, clock=clock, timeout=5) as client:
            return await use(client)

    return asyncio.run(run())


def _of_module(use: Callable[[Any], Any], url: str) -> object:
    async def run() -> object:
        clock = _NoAsyncWait()
        async with Client(base_url=url, credential=CREDENTIAL, clock=clock, timeout=5) as client:
            with user.using(client):
                return await use(CREDENTIAL)

    return asyncio.run(run())


Run = Callable[[Callable[[Any], Any], str], object]
CALLS: list[tuple[Run, Callable[[Any], Any], Endpoint]] = [
    *((_sync, call.use, call.endpoint) for call in TYPED),
    *((_asynchronous, call.use, call.endpoint) for call in TYPED),
    *((_of_module, call.use, call.endpoint) for call in MODULE),
]


@contextmanager
def opened() -> Iterator[Check]:
    """Yield the check of this target, with the hostile server and the one of another host."""
    server, other = Raw("127.0.0.1"), Raw("127.0.0.2")
    other.answer = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"code":0,"data":{}}\r\n'

    def check(raw: bytes) -> object:
        if len(raw) < 2:
            raise ApiException
        run, use, _ = CALLS[int.from_bytes(raw[:2], "big") % len(CALLS)]
        server.heads.clear()
        server.answer = raw[2:].replace(ELSEWHERE, other.url.encode())
        try:
            return run(use, server.url)
        except ApiException as error:
            assert_silent(error)
            raise
        finally:
            assert not other.heads, "something was sent to another host"
            for head in server.heads:
                assert b"hostile" not in head, "a cookie that the server set was sent back"
                assert head.count(b"\ncookie: ") + head.count(b"\nCookie: ") <= 1

    try:
        yield check
    finally:
        server.close()
        other.close()


_STATUS = st.sampled_from(
    [b"200 OK"] * 8
    + [
        b"301 Moved",
        b"302 Found",
        b"303 See Other",
        b"307 Temporary",
        b"308 Permanent",
        b"304 Same",
    ]
    + [b"401 No", b"412 Banned", b"429 Busy", b"502 Bad", b"100 Continue", b"204 None", b"999 Odd"]
)
_HEADERS = st.sampled_from(
    [
        b"Location: <elsewhere>/x",
        b"Location: //127.0.0.2/",
        b"Location: https://api.bilibili.com/",
        b"Refresh: 0; url=<elsewhere>",
        b"Set-Cookie: SESSDATA=hostile; Domain=127.0.0.1; Path=/",
        b"Set-Cookie: SESSDATA=hostile; Domain=.bilibili.com",
        b"Set-Cookie: =hostile",
        b"Set-Cookie: hostile",
        b"Set-Cookie: bili_jct=hostile\x9b31m",
        b"Content-Encoding: gzip",
        b"Content-Encoding: br",
        b"Content-Encoding: zstd",
        b"Content-Encoding: x",
        b"Content-Length: 5",
        b"Content-Length: 99999999999",
        b"Content-Length: -1",
        b"Transfer-Encoding: chunked",
        b"Content-Type: text/html; charset=utf-16",
        b'Alt-Svc: h2="<elsewhere>"',
        b"WWW-Authenticate: Basic",
        b"Proxy-Authenticate: Basic",
        b"Retry-After: 99999999999",
        b"X: \xff\x9b",
        b"X" * 70_000 + b": y",
        b": y",
        b"Connection: keep-alive",
        b"Upgrade: h2c",
    ]
)


@st.composite
def _responses(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(0, len(CALLS) - 1))
    endpoint = CALLS[number][2]
    data = draw(fitting(endpoint.data or Any))
    body = f'{{"code":0,"message":"{draw(st.sampled_from(SECRETS))}","data":{data}}}'
    raw = draw(json_bytes(JSON | st.just(body) | st.just(body)))
    status = draw(_STATUS)
    headers = draw(st.lists(_HEADERS, max_size=2))
    if draw(st.integers(0, 4)):
        headers.append(b"Content-Length: %d" % len(raw))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/2", b"ICY", b""]))
    whole = b"%b %b\r\n%b\r\n" % (version, status, b"".join(one + b"\r\n" for one in headers))
    return number.to_bytes(2, "big") + draw(st.just(whole + raw) | damaged(st.just(whole + raw)))


TARGETS = (Target("server", opened, _responses(), (ApiException,), (15, 700), steps=None),)
