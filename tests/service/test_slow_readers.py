"""Clients that request much and read nothing: let go after a time, and in little memory."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.service import http, listening
from guanxi.service.exchange import Scope, Send
from guanxi.service.forms import Receive
from guanxi.testing import RunningService, running
from tests.service.client import call, raw

#: The largest response, which no buffer takes whole.
_LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: [::]\r\n\r\n"
_SMALL = b"GET /x/web-interface/nav HTTP/1.1\r\nHost: [::]\r\n\r\n"
_NO_CONTENT = (b"content-length", b"0")
_LAST = b"GET /nope HTTP/1.1\r\nHost: [::]\r\nConnection: close\r\n\r\n"


@contextmanager
def unread(service: RunningService, sent: bytes) -> Iterator[socket.socket]:
    """Yield a client with a small buffer that has sent its requests."""
    address = urlsplit(service.base_url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(30)
        client.connect((address.hostname, address.port))
        client.sendall(sent)
        yield client


def closed(client: socket.socket) -> bool:
    """Wait until the service closes a connection of which nothing is read."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)  # and POLLHUP, POLLERR, which are always reported
    return bool(poll.poll(10_000))


def read_whole(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65_536), b""))


def send_all(client: socket.socket, sent: bytes) -> None:
    with suppress(OSError):  # the test ends the connection before
        client.sendall(sent)


def fill(connection: socket.socket) -> int:
    """Send until the system's buffers are full; return how many bytes they took."""
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += connection.send(bytes(65_536))
    return sent


@pytest.mark.parametrize(
    "sent",
    [_LARGE, _LARGE * 50, _LARGE + _LAST, _LARGE.replace(b"Host", b"Connection: close\r\nHost")],
    ids=["one", "pipelined", "and-another", "closing"],
)
def test_a_client_that_never_reads_is_disconnected(
    sent: bytes, documented: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WRITE_SECONDS", 0.3)
    with ExitStack() as stack:
        clients = [stack.enter_context(unread(documented, sent)) for _ in range(5)]
        assert call(documented, e.NAV).code == -101, "others are answered meanwhile"
        for client in clients:
            assert closed(client)
            with pytest.raises(ConnectionResetError):  # what the system had buffered was discarded
                read_whole(client)


def test_a_client_that_reads_gets_everything(
    documented: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each response has the time anew, and a response that was read is not timed."""
    monkeypatch.setattr(http, "WRITE_SECONDS", 5)
    answers = raw(documented.base_url, _LARGE * 20 + _LAST)
    assert answers.count(b"HTTP/1.1 200 ") == 20
    assert answers.count(b"HTTP/1.1 404 ") == 1


def test_what_the_system_buffers_for_a_client_is_bounded() -> None:
    with listening.bind("127.0.0.1", 0) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            connection.setblocking(False)
            client.settimeout(30)
            for _ in range(10):  # without a bound, the system makes the buffer larger and larger
                sent = fill(connection)
                while sent:
                    sent -= len(client.recv(sent))
            sent = fill(connection)
            received = client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            assert sent < 2 * http.SEND_BYTES + received


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such time")
def test_a_client_that_acknowledges_nothing_is_let_go_by_the_system() -> None:
    with listening.bind("127.0.0.1", 0) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            ms = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert ms == 1_000 * http.WRITE_SECONDS


def test_requests_with_bodies_may_be_pipelined(documented: RunningService) -> None:
    """To read a body makes uvicorn read on; what is read waits all the same."""
    form = b"x=" + b"y" * 3_000
    head = b"POST /x/relation/modify HTTP/1.1\r\nHost: [::]\r\nContent-Length: %d\r\n" % len(form)
    one = head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + form
    address = urlsplit(documented.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        sender = threading.Thread(target=client.sendall, args=(one * 500 + _LAST,))
        sender.start()
        answers = read_whole(client)
        sender.join()
    assert answers.count(b"HTTP/1.1 200 ") == 500
    assert answers.count(b"HTTP/1.1 404 ") == 1


def test_the_memory_of_a_connection_is_bounded(documented: RunningService) -> None:
    tracemalloc.start()
    try:
        with ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(unread(documented, _LARGE + _SMALL * 90))
                stack.enter_context(unread(documented, _LARGE + _SMALL * 5_000))
            assert call(documented, e.NAV).code == -101
            _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * 1_000_000


def test_a_flood_of_bodies_is_read_as_its_turn_comes() -> None:
    """To read a body makes uvicorn read on, which must not gather what is not parsed yet."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0.0001)  # as a write does; meanwhile the loop reads
        await send({"type": "http.response.start", "status": 200, "headers": [_NO_CONTENT]})
        await send({"type": "http.response.body"})

    flood = (b"POST / HTTP/1.1\r\nHost: [::]\r\nContent-Length: 100\r\n\r\n" + b"y" * 100) * 60_000
    with running(wrap=lambda _application: app) as service:
        address = urlsplit(service.base_url)
        client = socket.create_connection((address.hostname, address.port), timeout=30)
        with client:
            sender = threading.Thread(target=send_all, args=(client, flood))
            tracemalloc.start()
            try:
                sender.start()
                answered = 0
                while answered < 1_000:
                    answered += client.recv(65_536).count(b"HTTP/1.1 200 ")
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
                client.shutdown(socket.SHUT_RDWR)
                sender.join()
    assert most < 3_000_000
