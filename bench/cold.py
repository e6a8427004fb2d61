"""Lines of clients that connect at once: their first responses, and those that follow.

``python -m bench.cold connect`` reads a `load.Plan` (MessagePack) from stdin and writes `Waits`
(JSON) to stdout. ``python -m bench.cold serve STORE PORT`` runs `guanxi serve`, except that the
event loop's own server accepts the connections.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from subprocess import PIPE

import msgspec
import uvicorn
from msgspec import Struct

from bench import requests
from bench.lines import Bench, Line, Sides, Wrong
from bench.load import Plan, deal
from bench.machine import free_port, guanxi, python, server, serving
from bench.reads import port_of
from guanxi.service import listening

_BUFFER = 256 * 1024


class Waits(Struct, frozen=True):
    """The 99th percentiles of milliseconds until a response.

    ``first`` is of each connection's first response, counted from its connect; ``steady`` is of
    the responses in the second half of the load.
    """

    first: float
    steady: float


def connect(plan: Plan) -> Waits:
    """Open all connections at once, and send on each one request after another.

    Raise Wrong for a response other than 200, a closed connection, and if responses stop.
    """
    poll, began = select.epoll(), time.perf_counter()
    clients: dict[int, tuple[socket.socket, Iterator[bytes]]] = {}
    since: dict[int, float] = {}
    first: dict[int, float] = {}
    steady: list[float] = []
    for sequence in plan.sequences:
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):
            client.connect(("127.0.0.1", plan.port))
        clients[client.fileno()] = client, cycle(sequence)
        since[client.fileno()] = time.perf_counter()
        poll.register(client.fileno(), select.EPOLLOUT)
    connecting = set(clients)
    while (now := time.perf_counter()) < began + plan.seconds:
        for number, _ in poll.poll(0.1):
            client, sent = clients[number]
            if number in connecting:
                connecting.discard(number)
                poll.modify(number, select.EPOLLIN)
            else:
                if not client.recv(_BUFFER).startswith(b"HTTP/1.1 200"):
                    raise Wrong("a response other than 200, or a closed connection")
                now = time.perf_counter()
                if number not in first:
                    first[number] = now - since[number]
                elif now > began + plan.seconds / 2:
                    steady.append(now - since[number])
                since[number] = now
            client.send(next(sent))
    if not steady:
        raise Wrong("no response in the second half of the load")
    # A connection without a response has waited for the whole load, at least.
    firsts = [first.get(number, plan.seconds) for number in clients]
    return Waits(_p99(firsts), _p99(steady))


def _p99(seconds: list[float]) -> float:
    return 1e3 * sorted(seconds)[len(seconds) * 99 // 100]


def waits(bench: Bench, url: str, connections: int) -> Waits:
    """Return the waits of ``connections`` clients that read edges, measured in another process."""
    sequences = deal(requests.edge(bench.graph), connections)
    plan = Plan(port=port_of(url), sequences=sequences, seconds=max(bench.seconds, 1.0))
    process = python("-m", "bench.cold", "connect", core=bench.cores.load, stdin=PIPE, stdout=PIPE)
    output, _ = process.communicate(msgspec.msgpack.encode(plan), timeout=plan.seconds + 60)
    if process.returncode:
        raise Wrong(f"the clients exited with status {process.returncode}")
    return msgspec.json.decode(output, type=Waits)


@contextmanager
def _against_steady(bench: Bench, connections: int) -> Iterator[Sides]:
    """Both sides are of one load: the second returns what the first has measured with it."""
    measured: list[Waits] = []

    def first() -> float:
        measured.append(waits(bench, url, connections))
        return measured[-1].first

    with serving(bench.graph.store, bench.cores.serve) as url:
        first()
        yield Sides(first, lambda: measured[-1].steady)


@contextmanager
def _against_one_a_turn(bench: Bench, connections: int) -> Iterator[Sides]:
    store, core, port = bench.graph.store, bench.cores.serve, free_port()
    with (
        serving(store, core) as url,
        server(core, port, "-m", "bench.cold", "serve", str(store), str(port)) as other,
    ):
        sides = Sides(*(lambda at=at: waits(bench, at, connections).first for at in (url, other)))
        sides.ours()
        sides.theirs()
        yield sides


def serve_one_a_turn(store: str, port: str) -> None:
    """Run `guanxi serve` with uvicorn's own way of accepting connections."""

    async def startup(self: listening._Server, sockets: list[socket.socket] | None = None) -> None:
        self._accepting = []
        await uvicorn.Server.startup(self, sockets)
        self.listening.set()

    listening._Server.startup = startup  # type: ignore[method-assign]  # meant
    _, _, *arguments = guanxi("serve", "--store", store, "--port", port)
    from guanxi.cli import main as command

    sys.argv[1:] = arguments
    command()


LINES = (
    *(
        Line(
            name=f"cold-{connections}",
            what=f"first responses of {connections} clients that connect at once, p99",
            against="the later responses of the same clients, p99",
            unit="ms",
            bound=6.0,
            at_most=True,
            quick=connections == 64,
            sides=partial(_against_steady, connections=connections),
        )
        for connections in (64, 128)
    ),
    Line(
        name="cold-accept",
        what="first responses of 128 clients that connect at once, p99",
        against="guanxi with the event loop's server, which accepts one connection per turn",
        unit="ms",
        bound=0.5,
        at_most=True,
        quick=False,
        sides=partial(_against_one_a_turn, connections=128),
    ),
)


def main() -> None:
    command, *arguments = sys.argv[1:]
    if command == "serve":
        serve_one_a_turn(*arguments)
    else:
        plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
        sys.stdout.buffer.write(msgspec.json.encode(connect(plan)))


if __name__ == "__main__":
    main()
