"""One request on its way through the emulator: what it sent, and what is recorded of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

import msgspec

from guanxi.accounts import secrets
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import Limits
from guanxi.emulator.clock import monotonic
from guanxi.emulator.requests import HIDDEN, SECRETS, Recorded, Requests
from guanxi.emulator.targets import canonical, endpoint_of
from guanxi.service import http
from guanxi.service.app import below
from guanxi.service.exchange import NO_ENDPOINT, Exchange, Scope, Send
from guanxi.service.forms import Receive, form_fields
from guanxi.service.handling import Refused, Service
from guanxi.service.request import Pairs, cookies, fields, headers_of
from guanxi.stores.port import StoreError

#: How many seconds a request's body may take before its faults are looked for without it.
_BODY_SECONDS = 10.0
_Message = MutableMapping[str, Any]


class Captured(NamedTuple):
    """A whole response that was not sent yet."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Body:
    """A request's body, which the application reads and the emulator reads along."""

    def __init__(self, receive: Receive, most: int) -> None:
        """``most`` is the number of bytes that are kept."""
        self._receive, self._most = receive, most
        self._kept = bytearray()
        self._read_ahead: list[Any] = []
        self._is_whole = False

    async def receive(self) -> Any:
        """Return the next message, as the ASGI specification says."""
        if self._read_ahead:
            return self._read_ahead.pop(0)
        return await self._next()

    async def _next(self) -> Any:
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        if len(self._kept) < self._most:
            self._kept += message.get("body", b"")
        return message

    async def read(self) -> None:
        """Read the body ahead, up to the bytes that are kept; the application still gets it all."""
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while not self._is_whole and len(self._kept) < self._most:
                    self._read_ahead.append(await self._next())
        except TimeoutError:  # the application has a rule of its own for these
            pass

    @property
    def kept(self) -> bytes:
        return bytes(self._kept)


class Call:
    """A request, its endpoint and its parameters; it is recorded once, before its response."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, service: Service, log: Requests
    ) -> None:
        self.scope, self._send, self._service, self._log = scope, send, service, log
        self.method: str = scope["method"]
        self.path: str = below(scope.get("root_path", ""), scope["path"])
        self.endpoint: Endpoint | None
        self.endpoint, self._in_path = endpoint_of(self.method, self.path)
        self.headers = headers_of(scope["headers"])
        self.body = Body(receive, service.profile.limits.body_bytes + 1)
        #: What the application made of it; None where it did not get it.
        self.exchange: Exchange | None = None
        self.faults: list[str] = []
        self.is_stub = False
        self._started, self._time = monotonic(), service.clock() / 1e9
        self._number = log.number()
        self._is_recorded = False

    @property
    def seconds(self) -> float:
        """Return when it arrived, by the service's clock."""
        return self._time

    def pairs(self) -> Pairs:
        """Return the fields of query, form and path as sent; none where they cannot be decoded."""
        limits: Limits = self._service.profile.limits
        none: frozenset[str] = frozenset()
        pairs: Pairs = []
        try:
            pairs += fields(self.scope["query_string"], none, limits.fields)[0]
            pairs += form_fields(self.body.kept, self.headers, none, limits)[0]
        except Refused:
            pass
        return [*pairs, *self._in_path.items()]

    def params(self, more: Mapping[str, str] = {}) -> dict[str, str]:
        """Return the parameters by wire name, the secret ones without their values."""
        params = canonical(self.endpoint, [*self.pairs(), *more.items()])
        return {name: HIDDEN if name in SECRETS else text for name, text in params.items()}

    async def caller(self) -> int:
        """Return the mid of who sent it, 0 for nobody, where the application did not get it."""
        sent = dict(self.pairs()).get("access_key", "")
        try:
            jar = cookies(self.headers.get(b"cookie", b""), self._service.profile.limits.cookies)
        except Refused:
            jar = {}
        token = sent or jar.get("SESSDATA", "")
        if not token:
            return 0
        try:
            session = await self._service.store.session(secrets.session_digest(token))
        except StoreError:  # the request is recorded all the same
            return 0
        return 0 if session is None or session.expires <= self._service.now() else session.mid

    async def record(self, status: int | None, body: bytes | None = None) -> None:
        """Add it to the recorded requests, unless it is there already.

        ``status`` is that of its response, None for none; ``body`` is the response's where the
        application has not answered.
        """
        if self._is_recorded:
            return
        self._is_recorded = True
        exchange, code = self.exchange, _code_in(body)
        if exchange is not None:
            code = exchange.code
        mid = await self.caller() if exchange is None else exchange.account
        self._log.add(
            Recorded(
                number=self._number,
                time=self._time,
                method=self.method,
                path=self.path,
                endpoint=NO_ENDPOINT if self.endpoint is None else self.endpoint.name,
                params=self.params(),
                mid=mid,
                status=status,
                code=None if status is None else code,
                milliseconds=round(1_000 * (monotonic() - self._started), 3),
                fault="; ".join(self.faults),
                stub=self.is_stub,
            )
        )

    async def forward(self, message: _Message) -> None:
        """Send a message of the application's response, recorded before its first."""
        if message["type"] == "http.response.start":
            await self.record(message["status"])
        await self._send(message)

    async def respond(
        self,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        *,
        recorded: bytes | None = None,
    ) -> None:
        """Send a whole response. ``recorded`` is a body whose code is recorded instead."""
        await self.record(status, body if recorded is None else recorded)
        await self.begin(status, headers, len(body))
        await self.part(b"" if self.method == "HEAD" else body, more=False)

    async def begin(self, status: int, headers: list[tuple[bytes, bytes]], length: int) -> None:
        """Send the head of a response with this many bytes of body."""
        sized = headers
        if self.method != "HEAD" or length:  # the application says what a GET would have had
            kept = [pair for pair in headers if pair[0] != b"content-length"]
            sized = [*kept, (b"content-length", b"%d" % length)]
        await self._send({"type": "http.response.start", "status": status, "headers": sized})

    async def part(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def cut(self, *, flush: bool = False) -> None:
        """Close the connection without what is left of the response; see ``http.cut``."""
        http.cut(self._send, flush=flush)


def _code_in(body: bytes | None) -> int | None:
    try:
        decoded = msgspec.json.decode(body or b"")
    except msgspec.DecodeError:
        return None
    code = decoded.get("code") if isinstance(decoded, dict) else None
    return code if isinstance(code, int) else None
