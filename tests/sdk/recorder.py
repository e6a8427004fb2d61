"""A small real server that records its requests, and both clients to send them with."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

from guanxi import Client, Clock, Credential, Request, Response, SyncClient, SyncClock
from guanxi.contract import pages, sign
from guanxi.sdk import httpcore
from guanxi.sdk.aio import network as async_network
from guanxi.sdk.sync import network as sync_network


@dataclass
class Received:
    """A received request, parsed."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    @property
    def cookies(self) -> dict[str, str]:
        morsels = SimpleCookie(self.headers.get("cookie", ""))
        return {name: morsel.value for name, morsel in morsels.items()}


@dataclass
class Answer:
    """A response to send; a body other than bytes is sent as JSON."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: The values of the Set-Cookie headers.
    cookies: tuple[str, ...] = ()
    #: Bytes by which Content-Length exceeds the body.
    cut_short: int = 0


#: Returns the response to a request; None closes the connection instead.
Handle = Callable[[Received], Answer | None]


def envelope(data: Any = None, code: int = 0, message: str = "0") -> dict[str, Any]:
    """Return a documented response body; without ``data`` if it is None."""
    body = {"code": code, "message": message, "ttl": 1}
    return body if data is None else {**body, "data": data}


@dataclass
class Recorder:
    """A recording server on loopback: its address, requests and numbers of connections."""

    url: str
    received: list[Received] = field(default_factory=list)
    opened: int = 0
    open_count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def only_request(self) -> Received:
        """Return the only request; raise ValueError if there is not exactly one."""
        (request,) = self.received
        return request

    def closes_all_connections(self) -> bool:
        """Return whether every connection is closed within 15 s: before the idle time-out."""
        deadline = time.monotonic() + 15
        while self.open_count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.open_count == 0


_TRANSPORTS = [httpcore, async_network, sync_network]
_IDLE = {module: module._IDLE_TIMEOUT * 10 for module in _TRANSPORTS}


@contextmanager
def recording(handle: Handle = lambda request: Answer(envelope())) -> Iterator[Recorder]:
    """Run a server that responds with ``handle`` and records its requests.

    Clients that are made meanwhile close idle connections only after 40 s.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet
        timeout = 30

        def setup(self) -> None:
            super().setup()
            with recorder.lock:
                recorder.opened += 1
                recorder.open_count += 1

        def finish(self) -> None:
            try:
                super().finish()
            finally:
                with recorder.lock:
                    recorder.open_count -= 1

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, headers, body)
            with recorder.lock:
                recorder.received.append(request)
            answer = handle(request)
            if answer is None:
                self.close_connection = True
                return
            text = answer.body
            raw = text if isinstance(text, bytes) else json.dumps(text).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(raw) + answer.cut_short))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            for cookie in answer.cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(raw)
            self.close_connection = bool(answer.cut_short) or self.close_connection

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder = Recorder(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with ExitStack() as patches:
            for module in _TRANSPORTS:
                patches.enter_context(mock.patch.object(module, "_IDLE_TIMEOUT", _IDLE[module]))
            yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


#: The keys that ``wbi`` returns, and the mixin key that clients derive from them.
IMG_KEY, SUB_KEY = "a" * 32, "b" * 32
MIXIN = sign.mixin_key(IMG_KEY, SUB_KEY)
#: The access id in a space's page; it does not expire during these tests.
ACCESS_ID = ".".join(
    urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b"{}", b'{"iat":1700000000,"ttl":9000000000}', b"proof")
)


def wbi(handle: Handle) -> Handle:
    """Return a handler of wbi keys and pages of spaces that passes other requests to ``handle``."""

    def answer(request: Received) -> Answer | None:
        if request.path == "/x/web-interface/nav":
            images = {
                "img_url": f"https://a/{IMG_KEY}.png",
                "sub_url": f"https://a/{SUB_KEY}.png",
            }
            return Answer(envelope({"isLogin": False, "wbi_img": images}, -101, "账号未登录"))
        if request.path.endswith("/dynamic"):
            return Answer(pages.space_page(ACCESS_ID).encode())
        return handle(request)

    return answer


class FakeClock(Clock):
    """A clock that advances only by sleeping, and records each sleep in ``slept``."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.now = start
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class FakeSyncClock(SyncClock):
    """A ``FakeClock`` for the sync client."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.now = start
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


#: A credential with secrets that are easy to search for.
SIGNED_IN = Credential(sessdata="sess-secret", bili_jct="jct-secret")
SIGNED_OUT = Credential()

Use = Callable[[Any], Any]


class Kind:
    """The async or the sync client, both used in the same way (see ``do``)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def clock(self) -> Any:
        return FakeClock() if self.name == "async" else FakeSyncClock()

    def script(self, clock: Any, *answers: Answer) -> Any:
        return (AsyncScript if self.name == "async" else SyncScript)(clock, *answers)

    def do(self, use: Use, **settings: Any) -> Any:
        """Open a client, call ``use`` with it, close it, and return the result of ``use``.

        An awaitable is awaited first; an iterator is returned as a list.
        """
        settings.setdefault("credential", SIGNED_IN)
        if self.name == "async":
            return asyncio.run(_do_async(use, settings))
        with SyncClient(**settings) as client:
            result = use(client)
            return list(result) if inspect.isgenerator(result) else result


async def _do_async(use: Use, settings: dict[str, Any]) -> Any:
    async with Client(**settings) as client:
        result = use(client)
        if inspect.isasyncgen(result):
            return [item async for item in result]
        return await result if inspect.isawaitable(result) else result


KINDS = (Kind("async"), Kind("sync"))


class Script:
    """A transport that returns ``answers`` in turn, the last one again and again.

    It replaces the network in tests of clients of the documents' hosts.
    """

    def __init__(self, clock: Any, *answers: Answer) -> None:
        self.clock = clock
        self.answers = list(answers) or [Answer(envelope())]
        self.sent: list[Request] = []
        #: The time at which each request was sent.
        self.times: list[float] = []
        self.in_progress = 0
        self.closed = 0
        #: Seconds that a response takes, by the clock.
        self.duration = 0.0

    def reply(self, request: Request) -> Response:
        self.sent.append(request)
        self.times.append(self.clock.monotonic())
        self.clock.now += self.duration
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return Response(answer.status, answer.headers, raw, answer.cookies)


class AsyncScript(Script):
    async def send(self, request: Request) -> Response:
        self.in_progress += 1
        assert self.in_progress == 1, "two requests at the same time"
        await asyncio.sleep(0)
        response = self.reply(request)
        await asyncio.sleep(0)
        self.in_progress -= 1
        return response

    async def close(self) -> None:
        self.closed += 1


class SyncScript(Script):
    def send(self, request: Request) -> Response:
        self.in_progress += 1
        assert self.in_progress == 1, "two requests at the same time"
        response = self.reply(request)
        self.in_progress -= 1
        return response

    def close(self) -> None:
        self.closed += 1
