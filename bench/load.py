"""The load: requests over kept-alive connections, one at a time on each, without a pause.

It is a program of its own, so that it has a core of its own: ``python -m bench.load`` reads a plan
on stdin and writes what it saw on stdout. Connections are driven by epoll by hand: a request costs
the load less than it costs the barest server, so that it is the server that is measured.
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
#: Before the span that is measured.
WARM_SECONDS = 0.3
_GIVE_UP_SECONDS = 30.0
_BUFFER = 256 * 1024


class Plan(Struct, frozen=True, kw_only=True):
    """What is sent, and for how long."""

    port: int
    #: For each connection its whole requests, in order.
    sequences: list[list[bytes]]
    seconds: float
    #: Begin again at the end of a sequence; otherwise the load ends with the first that does.
    cycled: bool = True
    #: Requests a second over all connections, evenly; None for as many as are answered.
    rate: float | None = None
    #: What each body begins with.
    begins: bytes = b'{"code":0,'


class Seen(Struct, frozen=True, kw_only=True):
    """What came back within the span: the rate, and seconds that answers took.

    Where the plan had a rate, an answer's time counts from when its request was due.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    #: The share of its core that the load took: near 1 it is the load that was measured.
    busy: float = 0.0
    #: The first answer that was not a 200 with the body that was wanted; empty for none.
    wrong: str = ""

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


class Loading:
    """A load under way."""

    def __init__(self, plan: Plan, core: int) -> None:
        pipe = subprocess.PIPE
        self._seconds = plan.seconds
        self._process = python("-m", "bench.load", core=core, stdin=pipe, stdout=pipe)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.msgpack.encode(plan))
        self._process.stdin.close()
        self._process.stdin = None

    def seen(self) -> Seen:
        """What it saw, once it ended. ``Wrong`` for answers that are not those of the line."""
        told, _ = self._process.communicate(timeout=self._seconds + 2 * _GIVE_UP_SECONDS)
        if self._process.returncode:
            raise Wrong(f"the load ended with status {self._process.returncode}")
        return _right(msgspec.json.decode(told, type=Seen))


def _right(seen: Seen) -> Seen:
    if seen.wrong:
        raise Wrong(f"an answer was {seen.wrong}")
    if not seen.answers:
        raise Wrong("nothing was answered")
    return seen


def shared(requests: Sequence[bytes], connections: int) -> list[list[bytes]]:
    """Requests that any connection may send, dealt out."""
    return [list(requests[at::connections]) for at in range(connections)]


def load(plan: Plan, core: int) -> Seen:
    """Load until it ends: by wrk, where it is there and can do what the plan says."""
    counted = plan.seconds >= 1 and plan.rate is None  # wrk counts whole seconds
    if plan.cycled and counted and shutil.which("wrk"):
        return _wrk(plan, core)
    return Loading(plan, core).seen()


def _wrk(plan: Plan, core: int) -> Seen:
    """The same with wrk, which looks at the status of each answer and at no body."""
    requests = [request for sequence in plan.sequences for request in sequence]
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
        file.flush()
        options = [f"--connections={len(plan.sequences)}", f"--duration={ceil(plan.seconds)}s"]
        options.append(f"--timeout={_GIVE_UP_SECONDS:.0f}s")
        script = ["--script", str(Path(__file__).with_name("wrk.lua"))]
        url = f"http://127.0.0.1:{plan.port}"
        before = _children()
        done = subprocess.run(
            ["wrk", "--threads=1", *options, *script, url, "--", file.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=pinned(core),
            timeout=plan.seconds + _GIVE_UP_SECONDS,
            check=True,
        )
    seen = _right(msgspec.json.decode(done.stderr, type=Seen))
    return replace(seen, busy=(_children() - before) / seen.seconds)


def _children() -> float:
    """Seconds of CPU that processes took which this one started, and which ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Connection:
    """One connection: its requests, and how much of the answer is still to come."""

    __slots__ = ("at", "got", "missing", "requests", "since", "socket")

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _GIVE_UP_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.requests, self.at = requests, 0
        #: Bytes of the answer that are still to come; 0 before its head is whole.
        self.missing, self.got = 0, b""
        self.since = 0.0


def run(plan: Plan) -> Seen:
    """Load until the time is over; an answer that is wrong ends it at once."""
    connections = [_Connection(plan.port, requests) for requests in plan.sequences]
    by_number = {one.socket.fileno(): one for one in connections}
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
    taken: list[float] = []
    wrong = ""
    last = began
    exhausted = False
    try:
        while not wrong and not exhausted and last < until:
            last = now()
            while idle and (not gap or due <= last):
                one = idle.popleft()
                if one.at == len(one.requests):
                    if not plan.cycled:
                        exhausted = True
                        break
                    one.at = 0
                one.socket.send(one.requests[one.at])
                one.at += 1
                one.since = due if gap else now()
                due += gap
            wait = min(due, until) - last if idle else until - last
            for number, _ in poll.poll(max(wait, 0.0)):
                one = by_number[number]
                size = one.socket.recv_into(view)
                if not size:
                    wrong = "a closed connection"
                    break
                if one.missing:
                    one.missing -= size
                else:
                    head = one.got + buffer[:size]
                    whole = _body(head, plan.begins)
                    if whole is None:
                        one.got = bytes(head)
                        continue
                    if whole < 0:
                        wrong = repr(bytes(head[:300]))
                        break
                    one.got = b""
                    one.missing = whole - len(head)
                if not one.missing:
                    last = now()
                    if last > counted_from:
                        taken.append(last - one.since)
                    idle.append(one)
                    if not gap and one.at < len(one.requests):
                        # the usual case, without a turn around the loop
                        idle.pop()
                        one.socket.send(one.requests[one.at])
                        one.at += 1
                        one.since = now()
    finally:
        for one in connections:
            one.socket.close()
        poll.close()
    taken.sort()
    return Seen(
        answers=len(taken),
        seconds=max(min(last, until) - counted_from, 1e-9),
        p50=taken[len(taken) // 2] if taken else 0.0,
        p99=taken[len(taken) * 99 // 100] if taken else 0.0,
        busy=(time.process_time() - busy) / (now() - began),
        wrong=wrong,
    )


def _body(head: bytes | bytearray, begins: bytes) -> int | None:
    """How long an answer is in all; None where that is not told yet, -1 where it is not wanted."""
    end = head.find(_HEAD_END)
    if end < 0:
        return None
    body = end + 4
    if len(head) < body + len(begins) and head.startswith(_OK):
        return None
    at = head.find(_LENGTH, 0, end)
    if at < 0 or not head.startswith(_OK) or not head.startswith(begins, body):
        return -1
    line = head.find(b"\r", at)
    return body + int(head[at + len(_LENGTH) : line])


def main() -> None:
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(run(plan)))


if __name__ == "__main__":
    main()
