"""A layer of ASGI that injects faults into a service, and logs every request that it lets through.

    faults = Faulty(seed=1, rates={refuse(22002): 0.1, dropped_after: 0.05})
    with running(wrap=faults.around) as service: ...

A fault receives the exchange and decides whether the service sees the request, and what the client
sees.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive

Message = MutableMapping[str, Any]


class Passed(Struct, frozen=True):
    """A request that the service has handled: its path, its fields, and the code it answered."""

    path: str
    fields: dict[str, str]
    code: int


class Exchange(Struct, frozen=True):
    """One request: ``handle`` lets the service handle it, ``respond`` answers the client."""

    handle: Callable[[], Awaitable[list[Message]]]
    respond: Callable[[list[Message]], Awaitable[None]]
    fields: dict[str, str]


Fault = Callable[[Exchange], Awaitable[None]]


async def passed(exchange: Exchange) -> None:
    """Inject nothing."""
    await exchange.respond(await exchange.handle())


def refuse(code: int, status: int = 200) -> Fault:
    """Return a fault: the service does not see the request, and the client gets a code."""

    async def refused(exchange: Exchange) -> None:
        body = json.dumps({"code": code, "message": "injected", "ttl": 1}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        await exchange.respond([start, {"type": "http.response.body", "body": body}])

    return refused


async def dropped_before(exchange: Exchange) -> None:
    """Drop the connection; the service does not see the request."""
    await exchange.respond(_CUT_OFF)


async def dropped_after(exchange: Exchange) -> None:
    """Let the service handle the request, then drop the connection, as a time-out does."""
    await exchange.handle()
    await exchange.respond(_CUT_OFF)


async def accepted_only(exchange: Exchange) -> None:
    """Answer 0, and let the service see nothing."""
    await refuse(0)(exchange)


#: A response of which the server sends less than it announces: it closes the connection then.
_CUT_OFF: list[Message] = [
    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]},
    {"type": "http.response.body", "body": b"", "more_body": True},
]


class Faulty:
    """Draws a fault for each request that changes something, and for each of ``reads`` too.

    ``rates`` has the probability of each fault; without a fault the request passes. ``plan`` has
    faults for single requests, by the account that they are about, and wins. ``log`` has what the
    service handled, in order. ``on_request`` and ``on_response`` are called before and after each
    request that changes something, with how many came before.
    """

    def __init__(
        self,
        seed: int = 0,
        rates: Mapping[Fault, float] | None = None,
        *,
        reads: Mapping[Fault, float] | None = None,
    ) -> None:
        self._draw = Random(seed)
        self.rates, self.reads = dict(rates or {}), dict(reads or {})
        self.by_account: dict[str, list[Fault]] = {}
        self.log: list[Passed] = []
        self.requests = 0
        self.writes = 0
        self.on_request: Callable[[int], None] = lambda number: None
        self.on_response: Callable[[int], None] = lambda number: None

    def around(self, application: ASGI) -> ASGI:
        """Return an application with faults; pass it as ``running(wrap=…)``."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            writes = scope["method"] == "POST"
            self.requests += 1
            messages = await _received(receive)
            form = b"".join(message.get("body", b"") for message in messages)
            fields = dict(parse_qsl(form.decode()))

            async def handle() -> list[Message]:
                sent: list[Message] = []

                async def keep(message: Message) -> None:
                    sent.append(message)

                remaining = iter(messages)

                async def replay() -> Message:
                    return next(remaining, None) or dict(await receive())

                await application(scope, replay, keep)
                if writes:
                    self.log.append(Passed(scope["path"], fields, _code(sent)))
                return sent

            async def respond(answer: list[Message]) -> None:
                for message in answer:
                    await send(message)

            fault = self._fault(fields) if writes else self._drawn(self.reads)
            number = self.writes
            if writes:
                self.writes += 1
                self.on_request(number)
            await fault(Exchange(handle, respond, fields))
            if writes:
                self.on_response(number)

        return faulty

    def _fault(self, fields: Mapping[str, str]) -> Fault:
        drawn = self._drawn(self.rates)
        planned = self.by_account.get(fields.get("fid") or fields.get("fids") or "")
        return planned.pop(0) if planned else drawn

    def _drawn(self, rates: Mapping[Fault, float]) -> Fault:
        point = self._draw.random()
        for fault, rate in rates.items():
            if point < rate:
                return fault
            point -= rate
        return passed


async def _received(receive: Receive) -> list[Message]:
    messages: list[Message] = []
    while True:
        messages.append(dict(await receive()))
        if not messages[-1].get("more_body"):
            return messages


def _code(sent: list[Message]) -> int:
    body = b"".join(message.get("body", b"") for message in sent)
    return int(json.loads(body)["code"])
