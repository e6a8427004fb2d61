"""The layer around the application: it records requests, answers stubs, and makes faults happen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from guanxi.contract import errors
from guanxi.contract.endpoint import Does
from guanxi.emulator import bodies
from guanxi.emulator.call import Call, Captured
from guanxi.emulator.faults import Armed
from guanxi.emulator.requests import Requests
from guanxi.emulator.stubs import Placed, StubRequest, Stubs, response_of, stub_headers
from guanxi.emulator.targets import has_path, nearest
from guanxi.service import cors, logs, pages
from guanxi.service.app import Application, below
from guanxi.service.exchange import ASGI, Exchange, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.handling import Service

#: The key under which a scope has its call.
_CALL = "guanxi.emulator"
#: How many parts a slow body has, and over how many seconds it is sent by default.
_PARTS, _SLOW_SECONDS = 10, 1.0


class _Abandoned(Exception):
    """A request that was waiting when the service was renewed."""


class Emulated:
    """An ASGI application in front of the service's own."""

    def __init__(
        self, application: Application, service: Service, log: Requests, stubs: Stubs
    ) -> None:
        self._application, self._service = application, service
        self._log, self._stubs = log, stubs
        #: The faults that are set, and for stale reads the application of each.
        self.faults: list[Armed] = []
        self.stale: dict[int, ASGI] = {}
        self._renewed = asyncio.Event()
        self._origins = frozenset(origin.encode() for origin in service.settings.cors_origins)
        application.observe(observed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (not self._stubs and _is_page(scope)):
            await self._application(scope, receive, send)
            return
        call = Call(scope, receive, send, self._service, self._log)
        scope[_CALL] = call
        try:
            await self._handle(call)
        except _Abandoned:
            call.cut()
            return
        except BaseException:
            await call.record(None)
            raise
        await call.record(None)

    def abandon(self) -> None:
        """Cut the connections of requests that a delay holds: none acts after this."""
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        """Wait so long; raise _Abandoned if the service is renewed meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._renewed.wait()
        except TimeoutError:
            return
        raise _Abandoned

    async def _handle(self, call: Call) -> None:
        fault, delay = None, 0.0
        if self.faults:
            await call.body.read()
            fault, delay = self._chosen(call)
        if delay and not (fault and fault.fault.body == "slow"):
            await self._wait(delay)
        found = self._stubs.find(call.method, call.path) if self._stubs else None
        act = self._stubbed(call, *found) if found is not None else self._application
        if fault is not None:
            await self._failing(call, fault, delay, act)
        elif found is None and call.endpoint is None and not _is_known(call.path):
            await self._near(call)
        else:
            await act(call.scope, call.body.receive, call.forward)

    def _chosen(self, call: Call) -> tuple[Armed | None, float]:
        """Return the fault that decides a request's response, the last set, and all delays."""
        decides, delay, params = None, 0.0, call.params()
        for armed in reversed(self.faults):
            free = decides is None or armed.fault.only_delays
            if armed.applies(call.endpoint, call.path, params, call.seconds, free=free):
                call.faults.append(str(armed.fault))
                delay += armed.seconds()
                if not armed.fault.only_delays:
                    decides = armed
        return decides, delay

    async def _failing(self, call: Call, armed: Armed, delay: float, act: ASGI) -> None:
        """Answer a request as a fault says."""
        fault = armed.fault
        if fault.half:
            await self._half(call, armed, act)
        elif fault.code is not None:
            await self._refuse(
                call, *bodies.refused(fault, fault.code, call.endpoint, self._service)
            )
        elif fault.status is not None:
            await self._refuse(call, *bodies.page(fault))
        elif fault.drop is not None:
            await _DROPS[fault.drop](call, act)
        elif fault.body is not None:
            await _BODIES[fault.body](call, await _captured(call, act), delay)
        elif fault.stale and act is self._application and _reads(call):
            await self.stale[armed.number](call.scope, call.body.receive, call.forward)
        else:
            await act(call.scope, call.body.receive, call.forward)

    async def _half(self, call: Call, armed: Armed, act: ASGI) -> None:
        response = await _captured(call, act)
        if not bodies.is_second_half(call.endpoint, call.params(), response.body):
            await call.respond(*response)
            return
        code = armed.fault.code or errors.RequestIntercepted.number
        call.exchange = None  # its code is not sent
        await self._refuse(call, *bodies.refused(armed.fault, code, call.endpoint, self._service))

    async def _refuse(self, call: Call, status: int, headers: bodies.Headers, body: bytes) -> None:
        await call.respond(status, headers + self._cors(call), body)

    async def _near(self, call: Call) -> None:
        """Answer a request that no endpoint has as the application does, with near endpoints."""
        response = await _captured(call, self._application)
        near = nearest(call.method, call.path)
        if near and response.body:  # a HEAD has none
            body = bodies.with_reason(response.body, f"; near: {', '.join(near)}")
            response = response._replace(body=body)
        await call.respond(*response)

    def _stubbed(self, call: Call, placed: Placed, in_path: dict[str, str]) -> ASGI:
        """Return an application that answers as a stub says; HTTP 500 if its function fails."""

        async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
            call.is_stub = True
            self._stubs.count(placed)
            await call.body.read()
            request = StubRequest(
                call.method,
                call.path,
                call.params(in_path),
                await call.caller(),
                {
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in call.headers.items()
                },
                call.body.kept,
            )
            try:
                response, body = await response_of(placed.stub, request)
                headers = stub_headers(response)
            except Exception:
                logs.LOG.exception("a stub failed")
                plain = [(b"content-type", b"text/plain")]
                await _send(call, send, Captured(500, plain, b"the stub failed"))
                return
            await _send(call, send, Captured(response.status, headers + self._cors(call), body))

        return answer

    def _cors(self, call: Call) -> bodies.Headers:
        if not self._origins:
            return []
        return [*cors.response_headers(self._origins, call.scope["headers"])]


async def _send(call: Call, send: Send, response: Captured) -> None:
    """Send a response by ``send``, recorded first with the code of its body."""
    await call.record(response.status, response.body)
    length = (b"content-length", b"%d" % len(response.body))
    headers = [*response.headers, length]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = b"" if call.method == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body})


def observed(exchange: Exchange) -> None:
    """Note what the application made of a request in its call."""
    call = exchange.scope.get(_CALL)
    if call is not None:
        call.exchange = exchange


def _reads(call: Call) -> bool:
    return call.endpoint is not None and call.endpoint.does is Does.READ


def _is_page(scope: Scope) -> bool:
    return below(scope.get("root_path", ""), scope["path"]) in pages.PATHS


def _is_known(path: str) -> bool:
    return path in pages.PATHS or has_path(path)


async def _captured(call: Call, act: ASGI) -> Captured:
    """Return the whole response of an application to a call, which is not sent."""
    status, headers, body = 500, [], bytearray()

    async def capture(message: Any) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        else:
            body.extend(message.get("body", b""))

    await act(call.scope, call.body.receive, capture)
    return Captured(status, headers, bytes(body))


async def _drop_before(call: Call, _act: ASGI) -> None:
    await call.record(None)
    call.cut()


async def _drop_while(call: Call, act: ASGI) -> None:
    """Cut the connection once the application has begun; what it does then is its own affair."""
    await call.body.read()
    acting = asyncio.ensure_future(_captured(call, act))
    await asyncio.sleep(0)
    await call.record(None)
    call.cut()
    await acting


async def _drop_after(call: Call, act: ASGI) -> None:
    await _captured(call, act)
    await call.record(None)
    call.cut()


async def _truncated(call: Call, response: Captured, _delay: float) -> None:
    await call.record(response.status, response.body)
    await call.begin(response.status, response.headers, len(response.body))
    await call.part(response.body[: len(response.body) // 2], more=True)
    call.cut(flush=True)


async def _slow(call: Call, response: Captured, delay: float) -> None:
    await call.record(response.status, response.body)
    await call.begin(response.status, response.headers, len(response.body))
    size = -(-len(response.body) // _PARTS) or 1
    for start in range(0, len(response.body), size):
        await asyncio.sleep((delay or _SLOW_SECONDS) / _PARTS)
        await call.part(response.body[start : start + size], more=True)
    await call.part(b"", more=False)


async def _html(call: Call, response: Captured, _delay: float) -> None:
    headers, body = bodies.html()
    await call.respond(200, headers, body, recorded=response.body)


async def _empty(call: Call, response: Captured, _delay: float) -> None:
    await call.respond(response.status, response.headers, b"", recorded=response.body)


async def _wrong_type(call: Call, response: Captured, _delay: float) -> None:
    body = bodies.wrong_type(response.body)
    await call.respond(response.status, response.headers, body, recorded=response.body)


_DROPS: dict[str, Callable[[Call, ASGI], Awaitable[None]]] = {
    "before": _drop_before,
    "while": _drop_while,
    "after": _drop_after,
}
_BODIES: dict[str, Callable[[Call, Captured, float], Awaitable[None]]] = {
    "truncated": _truncated,
    "slow": _slow,
    "html": _html,
    "empty": _empty,
    "wrong-type": _wrong_type,
}
