"""Servers that send too much, too slowly or too deep, and clients in a forked process."""

from __future__ import annotations

import gzip
import os
import resource
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import pytest

from guanxi import (
    AnswerTooLargeException,
    ApiException,
    ArgsException,
    Client,
    NetworkException,
    SyncClient,
    TimeoutException,
    TooManyRequests,
    request_settings,
)
from guanxi.sdk.transport import transport_name
from tests.sdk.recorder import Answer, Kind, Received, Script, envelope, recording, wbi

#: Writes a response to a socket; the connection is then closed.
Write = Callable[[socket.socket], None]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def serving(write: Write) -> Iterator[str]:
    """Run a server on loopback that passes each connection to ``write`` after a request's head."""

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while b"\r\n\r\n" not in connection.recv(65_536):
                pass
            write(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=talk, args=(connection,)))
                threads[-1].start()

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    for thread in threads:
        thread.join()


def groups(client: Any) -> Any:
    return client.call("relation.groups")


# --- Size ---


def endless_body(connection: socket.socket) -> None:
    connection.sendall(CHUNKED)
    chunk = b"10000\r\n" + b"0" * 65_536 + b"\r\n"
    while True:
        connection.sendall(chunk)


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x: " + b"a" * 1000 + b"\r\n")


def endless_trailers(connection: socket.socket) -> None:
    connection.sendall(CHUNKED + b"0\r\n")
    while True:
        connection.sendall(b"x: " + b"a" * 1000 + b"\r\n")


def endless_chunk_extension(connection: socket.socket) -> None:
    connection.sendall(CHUNKED + b"1;")
    while True:
        connection.sendall(b"a" * 65_536)


#: How many zeros a bomb has.
MANY = 200_000_000
#: They, compressed by Node's ``zlib.brotliCompressSync`` with a window of 2**24.
BROTLI = (
    "z///fwAkYOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/n//8/ABIAcVgAuvf//P//B0ACIA4LQPf+n////wBIAMRh"
    "Aeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA4rAAdO//+f//D4AEQBwWgO79P////wGQAIjDAtC9/8//4HUA"
    "EgBxWAC6ues="
)


@cache
def deflated(window: int) -> bytes:
    """Return the zeros, compressed by zlib, without ever holding them; ``window`` is its wbits."""
    packer = zlib.compressobj(9, wbits=window)
    zeros = b"0" * 1_000_000
    return b"".join(packer.compress(zeros) for _ in range(MANY // len(zeros))) + packer.flush()


def zstd() -> bytes:
    """Return the zeros as a frame of Zstandard: blocks of 128 KiB that repeat one byte."""
    block, most = (1 << 1 | 1 << 17 << 3).to_bytes(3, "little") + b"0", MANY >> 17
    last = (1 | 1 << 1 | (MANY - (most << 17)) << 3).to_bytes(3, "little") + b"0"
    return b"\x28\xb5\x2f\xfd\x00\x38" + block * most + last


#: By the content coding: the zeros in 152 bytes to 195 KB.
BOMBS = {
    "gzip": lambda: deflated(31),
    "deflate": lambda: deflated(15),
    "br": lambda: b64decode(BROTLI),
    "zstd": zstd,
}
#: What the transport accepts.
CODINGS = {"gzip"} if transport_name() == "httpx2" else {*BOMBS}


def bomb(coding: str) -> Write:
    """Return what sends a response that is a bomb in this content coding."""
    body = BOMBS[coding]()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"

    def write(connection: socket.socket) -> None:
        connection.sendall(head.encode() + body)

    return write


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (endless_body, AnswerTooLargeException),
        (endless_headers, NetworkException),
        (endless_trailers, NetworkException),
        (endless_chunk_extension, NetworkException),
    ],
)
def test_a_response_without_end_is_not_read(
    kind: Kind, write: Write, error: type[ApiException]
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(write) as url, pytest.raises(error) as caught:
        kind.do(groups, base_url=url, clock=kind.clock())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "kilobytes"  # the bound is 16 MB, of which there may be copies
    if isinstance(caught.value, AnswerTooLargeException):
        assert "16,777,216 bytes" in str(caught.value)
        assert "max_response=" in str(caught.value)


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_a_bomb_is_not_decompressed(kind: Kind, coding: str) -> None:
    test_a_response_without_end_is_not_read(kind, bomb(coding), AnswerTooLargeException)


def test_the_transport_accepts_no_other_coding(kind: Kind) -> None:
    with recording() as server:
        kind.do(groups, base_url=server.url)
    accepted = server.only_request().headers["accept-encoding"]
    assert {*accepted.replace(" ", "").split(",")} == CODINGS


def test_the_bound_is_of_decompressed_bytes_and_can_be_set(kind: Kind) -> None:
    body = gzip.compress(b'{"code":0,"data":"%b"}' % (b"a" * 5000))
    answer = Answer(body, headers={"Content-Encoding": "gzip"})
    with recording(lambda request: answer) as server:
        fits = kind.do(groups, base_url=server.url, max_response=5020)
        with pytest.raises(AnswerTooLargeException):
            kind.do(groups, base_url=server.url, max_response=5019)
    assert fits == "a" * 5000
    assert len(server.received) == 2  # it is not sent again


def test_a_body_in_slow_pieces_is_read_to_its_end(kind: Kind) -> None:
    def write(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        for piece in (b'{"code":0,', b'"data":', b'"whole"}'):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            time.sleep(0.02)
        connection.sendall(b"0\r\n\r\n")

    with serving(write) as url:
        assert kind.do(groups, base_url=url) == "whole"


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1"])
@pytest.mark.parametrize("make", [Client, SyncClient])
def test_an_invalid_bound_raises(make: Any, value: Any) -> None:
    with pytest.raises(ArgsException, match=r"^max_response: "):
        make(max_response=value)
    with pytest.raises(ArgsException, match=r"^max_response: "):
        request_settings.set("max_response", value)


# --- Time ---


def test_a_slow_drip_ends_with_the_time_of_the_call(kind: Kind) -> None:
    connections: list[socket.socket] = []

    def drip(connection: socket.socket) -> None:
        connections.append(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b"0")
            time.sleep(0.02)

    with serving(drip) as url, pytest.raises(TimeoutException):
        kind.do(groups, base_url=url, timeout=0.3)
    assert len(connections) == 1  # before, three requests of 0.3 s each, and pauses between them


def elapsing(kind: Kind, seconds: float, *answers: Answer) -> Script:
    """Return a transport whose responses take so many seconds of its clock."""
    transport: Script = kind.script(kind.clock(), *answers)
    transport.duration = seconds
    return transport


def lost_after(script: Script) -> Script:
    """Make a transport fail with a lost connection after its duration."""

    def reply(request: Any) -> Any:
        script.sent.append(request)
        script.clock.now += script.duration
        script.in_progress = 0
        raise NetworkException(0, "lost")

    script.reply = reply  # type: ignore[method-assign]
    return script


def test_retries_stop_when_the_time_is_over(kind: Kind) -> None:
    transport = lost_after(elapsing(kind, 2.0))
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:1", "timeout": 5.0}
    with pytest.raises(NetworkException, match="lost"):
        kind.do(groups, transport=transport, clock=transport.clock, **settings)
    assert len(transport.sent) == 2  # 2 s, 0.5 s, 2 s; the next wait is 1 s or more
    first, second = transport.sent
    assert first.timeout == pytest.approx(5.0)
    assert second.timeout is not None
    assert 5.0 - 2.0 - 0.75 <= second.timeout <= 5.0 - 2.0 - 0.25


def test_a_wait_for_a_busy_server_that_is_too_long_is_not_begun(kind: Kind) -> None:
    transport = elapsing(kind, 0.0, Answer(envelope(None, -799)))
    with pytest.raises(TooManyRequests):
        kind.do(groups, transport=transport, clock=transport.clock, timeout=4.0)
    assert len(transport.sent) == 1
    assert transport.clock.slept == []


def test_pauses_of_the_pace_do_not_count(kind: Kind) -> None:
    keys = wbi(lambda request: None)(Received("GET", "/x/web-interface/nav", {}, b""))
    assert keys is not None
    transport = elapsing(kind, 0.1, keys, Answer(envelope("data")))
    settings: dict[str, Any] = {"transport": transport, "clock": transport.clock, "timeout": 0.5}
    assert kind.do(lambda c: c.call("relation.mutual", {"mid": 7}), **settings) == "data"
    keys_at, call_at = transport.times
    assert call_at - keys_at >= 1.1


def test_the_requests_that_a_call_needs_are_part_of_its_time(kind: Kind) -> None:
    def handle(request: Received) -> Answer:
        return Answer(envelope("data"))

    def slow(request: Received) -> Answer | None:
        clock.now += 4.0
        return wbi(handle)(request)

    clock = kind.clock()
    with recording(slow) as server, pytest.raises(TimeoutException) as caught:
        kind.do(
            lambda c: c.call("relation.mutual", {"mid": 7}),
            base_url=server.url,
            clock=clock,
            timeout=3.0,
        )
    assert not caught.value.sent
    assert len(server.received) == 1


# --- Forks ---


def in_a_process(source: str) -> str:
    """Run a script in a process of its own that may fork; return what it prints."""
    start = "import os\nfrom guanxi import *\nfrom tests.sdk.recorder import *\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", start + textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.stderr == ""
    return done.stdout


FORKED = """
def report(name, use):
    try:
        print(name, use(), flush=True)
    except ForkedException as error:
        print(name, isinstance(error, RuntimeError), error, flush=True)

def fork(use):
    pid = os.fork()
    if pid == 0:
        try:
            use()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

server = {url!r}
old = {make}(base_url=server, credential=SIGNED_IN)
def again():
    report("old", lambda: {old})
    report("new", lambda: Kind("sync").do(lambda c: c.call("relation.groups"), base_url=server))
    report("async", lambda: Kind("async").do(lambda c: c.call("relation.groups"), base_url=server))
    fork(lambda: report("grandchild", lambda: SyncClient(base_url=server)))
report("before", lambda: {old})
fork(again)
report("parent", lambda: {after})
"""


@pytest.mark.parametrize(
    ("make", "old", "after"),
    [
        ("SyncClient", 'old.call("relation.groups")', 'old.call("relation.groups")'),
        (
            "Client",
            'asyncio.run(old.call("relation.groups"))',
            'asyncio.run(old.call("relation.groups"))',
        ),
    ],
)
def test_clients_and_forks(
    make: str, old: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a choice, the grandchild has the other transport: tests/sdk/test_transports.py."""
    monkeypatch.setenv("GUANXI_TRANSPORT", "pyreqwest")
    with recording(lambda request: Answer(envelope("data"))) as server:
        printed = in_a_process(FORKED.format(url=server.url, make=make, old=old, after=after))
    lines = printed.splitlines()
    assert lines[0] == "before data"
    assert lines[1].startswith("old True the client was made before a fork: make a new Client")
    assert lines[2:4] == ["new data", "async data"]
    assert lines[4].startswith("grandchild True no client can be made after a fork")
    assert lines[5:] == ["parent data"]
    assert len(server.received) == 4
