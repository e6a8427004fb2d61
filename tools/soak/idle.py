"""Idle connections: what 10,000 of them cost, and whether others are answered meanwhile.

``python -m tools.soak.idle PORT NUMBER`` connects so often, has one response on each connection,
prints a line, and holds the connections until the end of standard input. Then it prints how many
the service has closed. A process of its own, as both ends of so many are too many for one.
"""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.machine import python
from tools.soak.client import get

#: How many connections come from one local address: a port of it is used once.
_OF_ADDRESS = 5_000
_SECONDS = 60.0


def most_handles() -> int:
    """Let this process open as many handles as it may; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Held:
    """Idle connections that another process holds."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def closed(self) -> int:
        """Close the connections; return how many of them the service had closed before.

        Raise RuntimeError if the process failed.
        """
        output, _ = self._process.communicate(timeout=_SECONDS)
        if self._process.returncode:
            raise RuntimeError(f"the holder ended with status {self._process.returncode}")
        return int(output)


@contextmanager
def holding(port: int, number: int) -> Iterator[Held]:
    """Hold idle connections while the block runs. Raise RuntimeError if one was not answered."""
    pipe = subprocess.PIPE
    process = python("-m", "tools.soak.idle", str(port), str(number), stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"held\n":
            raise RuntimeError("the idle connections were not answered")
        yield Held(process)
    finally:
        process.kill()
        process.communicate()


def _hold(port: int, number: int) -> Iterator[socket.socket]:
    request = get("/x/relation/stat", vmid=1)
    for index in range(number):
        local = f"127.0.0.{2 + index // _OF_ADDRESS}"
        connection = socket.create_connection(("127.0.0.1", port), _SECONDS, (local, 0))
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        if not received.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"refused: {received[:200]!r}")
        yield connection


def main() -> None:
    """Hold the connections."""
    port, number = map(int, sys.argv[1:])
    most_handles()
    connections = list(_hold(port, number))
    print("held", flush=True)
    sys.stdin.read()
    poll = select.epoll()
    for connection in connections:
        poll.register(connection, select.EPOLLIN)
    print(len(poll.poll(0, number)))


if __name__ == "__main__":
    main()
