"""Bare ASGI applications on the same server, and with the same settings, as guanxi.

``python -m bench.bare PORT FILE`` sends the response bodies of FILE in turn: unchanged, or encoded
for each request from prepared structs.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from guanxi.contract.structs import RelationPage
from guanxi.service.answers import bad_request
from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.listening import Served, bind, serving

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-type", b"application/json; charset=utf-8"),
)


class Envelope(Struct):
    """The response to a request for a page."""

    code: int
    message: str
    ttl: int
    data: RelationPage


class Bodies(Struct):
    """Response bodies, to be sent in turn."""

    bodies: list[bytes]
    #: Whether to decode the bodies once and encode the structs for each request.
    encoded: bool = False


def application(next_body: Callable[[], bytes]) -> ASGI:
    """Return an ASGI application that sends `next_body()` to every request."""

    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = next_body()
        length = (b"content-length", b"%d" % len(body))
        start = {"status": 200, "headers": [*_HEADERS, length]}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body})

    return respond


def next_body_of(bodies: Bodies) -> Callable[[], bytes]:
    """Return a function that returns the next body, starting again after the last."""
    if not bodies.encoded:
        return cycle(bodies.bodies).__next__
    decode = msgspec.json.Decoder(Envelope).decode
    envelopes, encode = (
        cycle([decode(body) for body in bodies.bodies]),
        msgspec.json.Encoder().encode,
    )
    return lambda: encode(next(envelopes))


async def serve(app: ASGI, port: int) -> None:
    """Serve `app` on 127.0.0.1 until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with bind("127.0.0.1", port) as listener:
        async with serving(Served(app, listener, bad_request)):
            await stop.wait()


def main() -> None:
    bodies = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=Bodies)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(application(next_body_of(bodies)), int(sys.argv[1])))


if __name__ == "__main__":
    main()
