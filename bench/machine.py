"""Processes of a measurement: each on the core that is meant for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
#: Graphs, kept; and what the server that was started last had to say.
CACHE = Path(__file__).parent / ".cache"
LOG = CACHE / "server.log"
#: Names, in the environment, a folder for profiles; without it nothing is profiled.
PROFILE = "GUANXI_BENCH_PROFILE"
#: Whether this system lets a process choose its core.
_PINS = hasattr(os, "sched_setaffinity")
_START_SECONDS, _END_SECONDS = 30.0, 20.0


class Cores(NamedTuple):
    """One core serves, the other loads; on a machine with a single core both are that."""

    serve: int
    load: int


def cores() -> Cores:
    """The first and the last core that this process may use."""
    free = sorted(os.sched_getaffinity(0)) if _PINS else [0]
    return Cores(free[0], free[-1])


def pinned(core: int | None) -> Callable[[], None] | None:
    """What a process of a core does before it begins."""
    return None if core is None or not _PINS else partial(os.sched_setaffinity, 0, [core])


def others() -> float:
    """Seconds of CPU so far that neither this process nor any below it used, nor the kernel."""
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, *rest = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    stolen = rest[5]
    parents, used = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            # Behind the name: parent at 1, then what it used itself and its ended children did.
            fields = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            parents[number], used[number] = int(fields[1]), int(fields[11]) + int(fields[13])
    ours = sum(taken for number, taken in used.items() if _below(number, parents))
    return (user + nice + stolen - ours) / os.sysconf("SC_CLK_TCK")


def _below(number: int, parents: dict[int, int]) -> bool:
    """Whether a process is this one, or was started by it or by one that was."""
    while number and number != os.getpid():
        number = parents.get(number, 0)
    return number != 0


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This process itself on a core, while the block runs."""
    if not _PINS:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def python(
    *args: str,
    core: int | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """This interpreter in a process of its own, on a core, where `bench` and `guanxi` are found."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return subprocess.Popen(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=pinned(core),
    )


@contextmanager
def server(core: int | None, port: int, *args: str) -> Iterator[str]:
    """A program that listens on a port, while the block runs; its address."""
    with LOG.open("wb") as log:
        process = python(*args, core=core, stdout=log.fileno(), stderr=log.fileno())
    try:
        _await(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def guanxi(*args: str) -> Sequence[str]:
    """What this interpreter is given to run the command."""
    return ("-c", "from guanxi.cli import main; main()", *args)


@contextmanager
def serving(store: Path | str, core: int | None, *options: str) -> Iterator[str]:
    """`guanxi serve`, as anybody starts it."""
    port = free_port()
    command = guanxi("serve", "--store", str(store), "--port", str(port), *options)
    if PROFILE in os.environ:
        command = ("-m", "bench.profiled", os.environ[PROFILE], str(store), str(port))
    with server(core, port, *command) as url:
        yield url


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended with status {process.returncode}: see {LOG}")
        probe = HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        with closing(probe), suppress(OSError):
            probe.request("GET", "/")
            probe.getresponse().read()
            return
        time.sleep(0.02)
    raise RuntimeError(f"a server does not answer: see {LOG}")
