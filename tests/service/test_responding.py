"""Responses of any application, as they are on the wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from guanxi.testing import RunningService, running

LENGTH_3 = (b"content-length", b"3")
_ERROR = b"Internal Server Error"


class Case(NamedTuple):
    """The messages of an application, and what a client reads of the response."""

    headers: list[tuple[bytes, bytes]]
    #: The parts of the body; ``more_body`` of all but the last.
    parts: list[bytes]
    received: bytes
    method: str = "GET"
    status: int = 200
    #: Whether another request is answered on the same connection.
    goes_on: bool = True


CASES = {
    "whole": Case([LENGTH_3], [b"abc"], b"content-length: 3\r\n\r\nabc"),
    "two parts": Case([LENGTH_3], [b"a", b"bc"], b"content-length: 3\r\n\r\nabc"),
    "late end": Case([LENGTH_3], [b"abc", b""], b"content-length: 3\r\n\r\nabc"),
    "empty": Case([(b"content-length", b"0")], [b""], b"content-length: 0\r\n\r\n"),
    "no length": Case(
        [(b"x-a", b"b")],
        [b"abc", b""],
        b"x-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    "head": Case([LENGTH_3], [b"abc"], b"content-length: 3\r\n\r\n", method="HEAD"),
    "no content": Case([], [b""], b"\r\n", status=204),
    "several of one name": Case(
        [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), LENGTH_3],
        [b"abc"],
        b"set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 3\r\n\r\nabc",
    ),
    "close": Case(
        [LENGTH_3, (b"connection", b"close")],
        [b"abc"],
        b"content-length: 3\r\nconnection: close\r\n\r\nabc",
        goes_on=False,
    ),
    "a line break in a value": Case(
        [LENGTH_3, (b"x-a", b"b\r\nx-c: d")],
        [b"abc"],
        b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
        b"connection: close\r\n\r\n" + _ERROR,
        status=500,
        goes_on=False,
    ),
    "a colon in a name": Case(
        [LENGTH_3, (b"x:a", b"b")],
        [b"abc"],
        b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
        b"connection: close\r\n\r\n" + _ERROR,
        status=500,
        goes_on=False,
    ),
}


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    """Return a service that answers a path by the case of that name."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        case = CASES[scope["path"].strip("/")]
        status = 200 if case.status == 500 else case.status
        await send({"type": "http.response.start", "status": status, "headers": case.headers})
        for index, part in enumerate(case.parts):
            more = index + 1 < len(case.parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    with running(wrap=lambda _: application) as service:
        yield service


@pytest.mark.parametrize("name", CASES)
def test_a_response_is_sent_as_the_application_gives_it(name: str, service: RunningService) -> None:
    case, address = CASES[name], urlsplit(service.base_url)
    path = name.replace(" ", "%20")
    request = f"{case.method} /{path} HTTP/1.1\r\nHost: [::]\r\n\r\n".encode()
    last = b"GET /close HTTP/1.1\r\nHost: [::]\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(request + last)
        read = b"".join(iter(lambda: connection.recv(65_536), b""))
    lines = read.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 %d " % case.status)
    assert lines[1].startswith(b"date: ")
    rest = read.split(b"\r\n", 2)[2]
    assert rest.startswith(case.received)
    answered_again = rest.removeprefix(case.received)
    assert answered_again.startswith(b"HTTP/1.1 200 OK\r\n") == case.goes_on
    assert answered_again.endswith(CASES["close"].received) == case.goes_on
