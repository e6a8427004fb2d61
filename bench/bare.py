"""Bare ASGI applications, on the server that guanxi runs on, with its settings.

``python -m bench.bare PORT FILE`` answers with the bodies of a file, one after another: as they
are, or encoded for each request from structs that are ready.
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
from guanxi.service.app import ASGI, Scope, Send
from guanxi.service.http import bind, serving
from guanxi.service.request import Receive

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-type", b"application/json; charset=utf-8"),
)


class Answer(Struct):
    """What stands around a page."""

    code: int
    message: str
    ttl: int
    data: RelationPage


class Bodies(Struct):
    """What is answered, in turn."""

    bodies: list[bytes]
    #: Whether to keep structs, and encode them for each request.
    encoded: bool = False


def application(next_body: Callable[[], bytes]) -> ASGI:
    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        body = next_body()
        length = (b"content-length", b"%d" % len(body))
        start = {"status": 200, "headers": [*_HEADERS, length]}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body})

    return answer


def ready(told: Bodies) -> Callable[[], bytes]:
    if not told.encoded:
        return cycle(told.bodies).__next__
    decode = msgspec.json.Decoder(Answer).decode
    answers, encode = cycle([decode(body) for body in told.bodies]), msgspec.json.Encoder().encode
    return lambda: encode(next(answers))


async def serve(app: ASGI, port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with bind("127.0.0.1", port) as listener:
        async with serving((app, listener)):
            await stop.wait()


def main() -> None:
    told = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=Bodies)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(application(ready(told)), int(sys.argv[1])))


if __name__ == "__main__":
    main()
