"""How connections are accepted: many at once, within the system's limits, and each closed once."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest
import uvloop

from guanxi.service import accepting, listening
from guanxi.service.answers import bad_request
from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.service.listening import Served, bind, serving
from tests.service.logged import lines_of, logged

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)

#: The event loops of a machine with uvloop, and of one without it.
LOOPS = pytest.mark.parametrize(
    "new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)
NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def empty(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})


def run(new_loop: NewLoop, work: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work())  # type: ignore[arg-type]  # a coroutine


@contextmanager
def connected(listener: socket.socket, count: int) -> Iterator[Sequence[socket.socket]]:
    """Yield clients that the system has connected; nobody has accepted them yet."""
    with ExitStack() as stack:
        address = listener.getsockname()
        yield [stack.enter_context(socket.create_connection(address)) for _ in range(count)]


@asynccontextmanager
async def answering(*listeners: socket.socket, app: ASGI = empty) -> AsyncIterator[None]:
    async with serving(*(Served(app, one, bad_request) for one in listeners)):
        yield


async def response(client: socket.socket) -> bytes:
    client.setblocking(False)
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1_000), 30)


@LOOPS
@pytest.mark.parametrize("address", [0, 1])
def test_clients_that_connect_at_once_are_accepted_in_few_turns(
    new_loop: NewLoop, address: int
) -> None:
    """One per turn of the event loop starves the last, because each turn serves all others."""
    turns = 0
    answered: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answered.append(turns)
        await empty(scope, receive, send)

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    async def work() -> None:
        with (
            bind("127.0.0.1", 0) as first,
            bind("127.0.0.1", 0) as second,
            connected((first, second)[address], 100) as clients,
        ):
            for client in clients:
                client.sendall(_REQUEST)
            turn()
            async with answering(first, second, app=app):
                for client in clients:
                    assert (await response(client)).startswith(b"HTTP/1.1 200 ")

    run(new_loop, work)
    assert len(answered) == 100
    assert max(answered) - min(answered) < 10


class Counted(socket.socket):
    """A listening socket that counts the calls of ``accept``."""

    calls = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.calls += 1
        return super().accept()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open nothing while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)  # the first free descriptor
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@LOOPS
def test_without_a_free_descriptor_clients_wait(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop rests meanwhile, the log gets one line, and then all are answered."""
    monkeypatch.setattr(listening, "most_connections", lambda: 1_000)
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.05)

    async def work() -> None:
        with bind("127.0.0.1", 0) as bound, logged() as lines:
            listener = Counted(fileno=bound.detach())
            async with answering(listener):
                with ExitStack() as stack:
                    clients = [stack.enter_context(socket.socket()) for _ in range(3)]
                    with no_descriptor_left():
                        for client in clients:
                            client.connect(listener.getsockname())
                            client.sendall(_REQUEST)
                        await asyncio.sleep(0.5)
                        assert 1 < listener.calls < 20
                    for client in clients:
                        assert (await response(client)).startswith(b"HTTP/1.1 200 ")
            events = [line["event"] for line in lines_of(lines)]
            assert events == ["connections not accepted"]

    run(new_loop, work)


@LOOPS
def test_connections_leave_descriptors_for_the_store(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "most_connections", lambda: 3)

    async def work() -> None:
        with bind("127.0.0.1", 0) as listener, connected(listener, 4) as clients:
            for client in clients:
                client.sendall(_REQUEST)
            async with answering(listener):
                for client in clients[:3]:
                    assert await response(client)
                last = asyncio.create_task(response(clients[3]))
                await asyncio.sleep(0.3)
                assert not last.done()
                clients[0].close()
                assert await last

    run(new_loop, work)


def test_the_limit_of_descriptors_bounds_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for limit, most in ((1_024, 896), (200, 100)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            assert accepting.most_connections() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.long
@LOOPS
def test_no_descriptor_is_closed_twice(new_loop: NewLoop) -> None:
    """A second close would hit whatever has the number by then: another client's connection."""
    closed = 0

    async def work() -> None:
        nonlocal closed
        with bind("127.0.0.1", 0) as listener:
            async with answering(listener):
                for resets in (False, True, True, False, True):
                    with connected(listener, 20) as clients:
                        for number, client in enumerate(clients):
                            if number % 2:
                                client.sendall(_REQUEST)
                            if resets:
                                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    # These get the numbers of the connections that end meanwhile.
                    files = []
                    for _ in range(100):
                        files.append(os.open("/dev/null", os.O_RDONLY))
                        await asyncio.sleep(0)
                    await asyncio.sleep(0.05)
                    files += [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
                    gc.collect()
                    for file in files:
                        assert os.fstat(file).st_rdev == os.stat("/dev/null").st_rdev
                        os.close(file)
                        closed += 1

    run(new_loop, work)
    assert closed == 600


@LOOPS
def test_a_server_that_cannot_listen_ends_the_others(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no more memory for it")

    monkeypatch.setattr(listening, "Accepting", broken)

    async def enter() -> None:
        with (
            bind("127.0.0.1", 0) as listener,
            pytest.raises(OSError, match="no more memory") as caught,
        ):
            async with asyncio.timeout(10), answering(listener):
                pass
        waited = isinstance(caught.value.__context__, asyncio.CancelledError)
        assert not waited, "until the time-out"

    run(new_loop, enter)
