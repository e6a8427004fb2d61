"""Overload: what happens to requests when four times as many arrive as a worker can answer.

``python -m tools.soak.overload`` reads a `Load` (MessagePack) from standard input, sends it, and
writes what came back, an `Outcome`, to standard output: a process of its own, so that it can have
its own core. Requests arrive evenly spaced whether or not earlier ones were answered, each on a
connection that waits for nothing.
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from bench.machine import python

_GIVE_UP_SECONDS = 20.0
_BUFFER = 1 << 18
_HEAD_END, _LENGTH = b"\r\n\r\n", b"content-length: "


class Load(Struct, frozen=True, kw_only=True):
    """Requests, sent in turns, over some connections for some seconds."""

    port: int
    requests: list[bytes]
    connections: int
    seconds: float
    #: Requests a second; None for the next one on each connection once the last was answered.
    rate: float | None = None
    #: Seconds that a connection waits after it was refused, as ``Retry-After`` says.
    wait: float = 1.0


class Outcome(Struct, frozen=True, kw_only=True):
    """What came back. Each response: seconds since the start, its HTTP status, its seconds."""

    responses: list[tuple[float, int, float]]
    seconds: float
    #: Arrivals for which no connection was free, as the service had not answered them.
    unsent: int
    #: What a response with the status 503 lacked; "" if none did.
    wrong: str
    #: The share of a core that this process used.
    busy: float

    def count(self, status: int) -> int:
        """Return how many responses had a status."""
        return sum(one[1] == status for one in self.responses)

    def milliseconds(self, status: int, share: float, since: float = 0.0) -> float:
        """Return below which time a share of the responses with a status was, 0 without any."""
        found = sorted(one[2] for one in self.responses if one[1] == status and one[0] >= since)
        return 1_000 * found[int(share * (len(found) - 1))] if found else 0.0


def start(load: Load, core: int | None) -> subprocess.Popen[bytes]:
    """Begin to send a load from a process on a core; its outcome is what `outcome` returns."""
    pipe = subprocess.PIPE
    process = python("-m", "tools.soak.overload", core=core, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    process.stdin.write(msgspec.msgpack.encode(load))
    process.stdin.close()
    process.stdin = None
    return process


def outcome(process: subprocess.Popen[bytes]) -> Outcome:
    """Wait for the end of a load and return its outcome. Raise RuntimeError if it failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load ended with status {process.returncode}")
    return msgspec.msgpack.decode(output, type=Outcome)


class _Connection:
    __slots__ = ("received", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _GIVE_UP_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent, self.received = 0.0, b""


def run(load: Load) -> Outcome:
    """Send a load from this process."""
    connections = [_Connection(load.port) for _ in range(load.connections)]
    by_number = {one.socket.fileno(): one for one in connections}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    idle = deque(connections)
    #: Those that were refused, and until when they wait.
    refused: deque[tuple[float, _Connection]] = deque()
    now, view = time.perf_counter, memoryview(bytearray(_BUFFER))
    began, busy = now(), time.process_time()
    until = began + load.seconds
    gap = 1 / load.rate if load.rate else 0.0
    due, index, unsent, wrong = began, 0, 0, ""
    responses: list[tuple[float, int, float]] = []
    at = began
    while at < until or len(idle) + len(refused) < len(connections):
        at = now()
        while refused and refused[0][0] <= at:
            idle.append(refused.popleft()[1])
        if at > until + _GIVE_UP_SECONDS:
            wrong = wrong or f"{len(connections) - len(idle)} requests without a response"
            break
        while at < until and idle and due <= at:
            connection = idle.popleft()
            connection.socket.send(load.requests[index % len(load.requests)])
            connection.sent, index, due = now(), index + 1, due + gap
        if gap and not idle and due < at:  # nobody is left to send them
            missed = int((at - due) / gap) + 1
            unsent, due = unsent + missed, due + missed * gap
        wait = max(0.0, min(due, until) - at) if idle and at < until else 0.01
        for number, _ in poll.poll(wait):
            connection = by_number[number]
            size = connection.socket.recv_into(view)
            if not size:
                wrong = wrong or "a closed connection"
                poll.unregister(number)
                continue
            received = connection.received + view[:size]
            if not _is_whole(received):
                connection.received = received
                continue
            connection.received, ended, status = b"", now(), int(received[9:12])
            responses.append((connection.sent - began, status, ended - connection.sent))
            if status == 503 and not wrong:
                wrong = _missing(received)
            elif status not in (200, 503):
                wrong = wrong or repr(received[:300])
            if status == 503 and load.wait:
                refused.append((ended + load.wait, connection))
            else:
                idle.append(connection)
    for connection in connections:
        connection.socket.close()
    seconds = now() - began
    busy = (time.process_time() - busy) / seconds
    return Outcome(responses=responses, seconds=load.seconds, unsent=unsent, wrong=wrong, busy=busy)


def _is_whole(received: bytes) -> bool:
    end = received.find(_HEAD_END)
    if end < 0:
        return False
    index = received.find(_LENGTH, 0, end)
    line = received.find(b"\r", index)
    return len(received) >= end + 4 + int(received[index + len(_LENGTH) : line])


def _missing(received: bytes) -> str:
    """Return what a refusal lacks of what a client needs to know; "" if nothing."""
    if b"\r\nretry-after: 1\r\n" not in received:
        return f"no retry-after: {received[:300]!r}"
    return "" if b'"code":-503' in received else f"no code -503: {received[:300]!r}"


def mixed(reads: Sequence[bytes], writes: Sequence[bytes], every: int) -> list[bytes]:
    """Return reads with one of the writes after each ``every`` of them."""
    sent: list[bytes] = []
    for index, read in enumerate(reads):
        sent.append(read)
        if writes and index % every == every - 1:
            sent.append(writes[(index // every) % len(writes)])
    return sent


def statuses(found: Outcome) -> dict[int, int]:
    """Return how many responses had each status."""
    return dict(Counter(one[1] for one in found.responses))


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.msgpack.encode(run(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load)))
    )
