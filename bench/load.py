"""The load generator: requests over keep-alive connections, one at a time on each.

``python -m bench.load`` reads a `Plan` (MessagePack) from stdin and writes a `Measurement` (JSON)
to stdout; a separate process can have its own core. It uses epoll directly, so that a request costs
the generator less than it costs the barest server, and the server limits the rate.
"""

from __future__ import annotations

import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.lines import Wrong
from bench.machine import pinned, python

_HEAD_END, _LENGTH = b"\r\n\r\n", b"content-length: "
_OK = b"HTTP/1.1 200"
#: Load before the measurement begins.
WARM_SECONDS = 0.3
_GIVE_UP_SECONDS = 30.0
_BUFFER = 256 * 1024


class Plan(Struct, frozen=True, kw_only=True):
    """The requests of a load, and its duration."""

    port: int
    #: For each connection, its complete raw requests in order.
    sequences: list[list[bytes]]
    seconds: float
    #: Whether to repeat the sequences; otherwise the load ends when the first one is exhausted.
    cycled: bool = True
    #: Requests per second over all connections, evenly spaced; None for no limit.
    rate: float | None = None
    #: The required beginning of each response body.
    begins: bytes = b'{"code":0,'


class Measurement(Struct, frozen=True, kw_only=True):
    """The result of a load: the number of responses and their latencies in seconds.

    If the plan has a rate, latency counts from when the request was due.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    #: The generator's CPU share: near 1, the generator and not the server limited the rate.
    busy: float = 0.0
    #: The first response other than a 200 with the required body; empty if there was none.
    wrong: str = ""

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


class Loading:
    """A load that runs in a separate process, started at once on the given core."""

    def __init__(self, plan: Plan, core: int) -> None:
        pipe = subprocess.PIPE
        self._seconds = plan.seconds
        self._process = python("-m", "bench.load", core=core, stdin=pipe, stdout=pipe)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.msgpack.encode(plan))
        self._process.stdin.close()
        self._process.stdin = None

    def result(self) -> Measurement:
        """Wait for the load to end and return its measurement.

        Raise Wrong if a response was wrong, none came, or the generator failed.
        """
        output, _ = self._process.communicate(timeout=self._seconds + 2 * _GIVE_UP_SECONDS)
        if self._process.returncode:
            raise Wrong(f"the load generator exited with status {self._process.returncode}")
        return _checked(msgspec.json.decode(output, type=Measurement))


def _checked(measurement: Measurement) -> Measurement:
    if measurement.wrong:
        raise Wrong(f"unexpected response: {measurement.wrong}")
    if not measurement.answers:
        raise Wrong("no response arrived")
    return measurement


def deal(requests: Sequence[bytes], connections: int) -> list[list[bytes]]:
    """Distribute `requests` evenly over the connections."""
    return [list(requests[index::connections]) for index in range(connections)]


def load(plan: Plan, core: int) -> Measurement:
    """Run a load and return its measurement. Raise Wrong as `Loading.result` does.

    Uses wrk if it is installed and supports the plan.
    """
    counted = plan.seconds >= 1 and plan.rate is None  # wrk counts whole seconds
    if plan.cycled and counted and shutil.which("wrk"):
        return _wrk(plan, core)
    return Loading(plan, core).result()


def _wrk(plan: Plan, core: int) -> Measurement:
    """Run a load with wrk, which checks the status of each response but not the body."""
    requests = [request for sequence in plan.sequences for request in sequence]
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
        file.flush()
        options = [f"--connections={len(plan.sequences)}", f"--duration={ceil(plan.seconds)}s"]
        options.append(f"--timeout={_GIVE_UP_SECONDS:.0f}s")
        script = ["--script", str(Path(__file__).with_name("wrk.lua"))]
        url = f"http://127.0.0.1:{plan.port}"
        before = _children_cpu()
        process = subprocess.run(
            ["wrk", "--threads=1", *options, *script, url, "--", file.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=pinned(core),
            timeout=plan.seconds + _GIVE_UP_SECONDS,
            check=True,
        )
    measurement = _checked(msgspec.json.decode(process.stderr, type=Measurement))
    return replace(measurement, busy=(_children_cpu() - before) / measurement.seconds)


def _children_cpu() -> float:
    """Return the CPU seconds of this process's ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Connection:
    """A connection: its requests, and how much of the current response is missing."""

    __slots__ = ("index", "missing", "received", "requests", "since", "socket")

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _GIVE_UP_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.requests, self.index = requests, 0
        #: Bytes of the response still to come (0 until its head is complete); the head so far.
        self.missing, self.received = 0, b""
        self.since = 0.0


def run(plan: Plan) -> Measurement:
    """Run the load in this process and return its measurement.

    A wrong response or a closed connection ends it early, and is in `Measurement.wrong`.
    """
    connections = [_Connection(plan.port, requests) for requests in plan.sequences]
    by_number = {connection.socket.fileno(): connection for connection in connections}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    idle = deque(connections)
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    now = time.perf_counter
    began, busy = now(), time.process_time()
    counted_from, until = began + WARM_SECONDS, began + WARM_SECONDS + plan.seconds
    gap = 1 / plan.rate if plan.rate else 0.0
    due = began
    durations: list[float] = []
    wrong = ""
    last = began
    exhausted = False
    try:
        while not wrong and not exhausted and last < until:
            last = now()
            while idle and (not gap or due <= last):
                connection = idle.popleft()
                if connection.index == len(connection.requests):
                    if not plan.cycled:
                        exhausted = True
                        break
                    connection.index = 0
                connection.socket.send(connection.requests[connection.index])
                connection.index += 1
                connection.since = due if gap else now()
                due += gap
            wait = min(due, until) - last if idle else until - last
            for number, _ in poll.poll(max(wait, 0.0)):
                connection = by_number[number]
                size = connection.socket.recv_into(view)
                if not size:
                    wrong = "a closed connection"
                    break
                if connection.missing:
                    connection.missing -= size
                else:
                    head = connection.received + buffer[:size]
                    length = _body(head, plan.begins)
                    if length is None:
                        connection.received = bytes(head)
                        continue
                    if length < 0:
                        wrong = repr(bytes(head[:300]))
                        break
                    connection.received = b""
                    connection.missing = length - len(head)
                if not connection.missing:
                    last = now()
                    if last > counted_from:
                        durations.append(last - connection.since)
                    idle.append(connection)
                    if not gap and connection.index < len(connection.requests):
                        # The common case: send the next request without another pass of the loop.
                        idle.pop()
                        connection.socket.send(connection.requests[connection.index])
                        connection.index += 1
                        connection.since = now()
    finally:
        for connection in connections:
            connection.socket.close()
        poll.close()
    durations.sort()
    return Measurement(
        answers=len(durations),
        seconds=max(min(last, until) - counted_from, 1e-9),
        p50=durations[len(durations) // 2] if durations else 0.0,
        p99=durations[len(durations) * 99 // 100] if durations else 0.0,
        busy=(time.process_time() - busy) / (now() - began),
        wrong=wrong,
    )


def _body(head: bytes | bytearray, begins: bytes) -> int | None:
    """Return the total length of a response from its beginning `head`.

    Return None if more bytes are needed, and -1 if the status or the body is not as required.
    """
    end = head.find(_HEAD_END)
    if end < 0:
        return None
    body = end + 4
    if len(head) < body + len(begins) and head.startswith(_OK):
        return None
    index = head.find(_LENGTH, 0, end)
    if index < 0 or not head.startswith(_OK) or not head.startswith(begins, body):
        return -1
    line = head.find(b"\r", index)
    return body + int(head[index + len(_LENGTH) : line])


def main() -> None:
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(run(plan)))


if __name__ == "__main__":
    main()
