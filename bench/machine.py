"""Start the processes of a measurement, each on its own core."""

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
#: The cache of graphs; the output of the last started server.
CACHE = Path(__file__).parent / ".cache"
LOG = CACHE / "server.log"
#: The environment variable that names a folder for profiles; if unset, nothing is profiled.
PROFILE = "GUANXI_BENCH_PROFILE"
#: Whether this system can pin a process to a core.
_PINS = hasattr(os, "sched_setaffinity")
_START_SECONDS, _STOP_SECONDS = 30.0, 20.0


class Cores(NamedTuple):
    """The core for the server and the core for the load: the same if there is only one."""

    serve: int
    load: int


def cores() -> Cores:
    """Return the first and the last core that this process may use."""
    free = sorted(os.sched_getaffinity(0)) if _PINS else [0]
    return Cores(free[0], free[-1])


def pinned(core: int | None) -> Callable[[], None] | None:
    """Return a `preexec_fn` that pins a process to `core`; None if it cannot or need not."""
    return None if core is None or not _PINS else partial(os.sched_setaffinity, 0, [core])


def foreign_cpu() -> float:
    """Return seconds of CPU since boot used by other programs and, as steal time, other machines.

    This process, its descendants and the kernel do not count. Return 0.0 without /proc/stat.
    """
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, *rest = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    stolen = rest[5]
    parents, cpu = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended
            # After the name: the parent is field 1, user time field 11, that of ended children 13.
            fields = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            parents[number], cpu[number] = int(fields[1]), int(fields[11]) + int(fields[13])
    ours = sum(ticks for number, ticks in cpu.items() if _is_descendant(number, parents))
    return (user + nice + stolen - ours) / os.sysconf("SC_CLK_TCK")


def _is_descendant(number: int, parents: dict[int, int]) -> bool:
    """Return whether process `number` is this process or its descendant."""
    while number and number != os.getpid():
        number = parents.get(number, 0)
    return number != 0


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Pin this process to a core while the block runs."""
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
    """Start this Python with `args` on a core (None: any), with `bench` and `guanxi` importable."""
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
    """Run a Python program that listens on `port`; yield its URL, and stop it after the block.

    Raise RuntimeError if it exits or does not respond within 30 seconds. Its output is in `LOG`.
    """
    with LOG.open("wb") as log:
        process = python(*args, core=core, stdout=log.fileno(), stderr=log.fileno())
    try:
        _wait_until_ready(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def guanxi(*args: str) -> Sequence[str]:
    """Return the Python arguments that run the `guanxi` command with `args`."""
    return ("-c", "from guanxi.cli import main; main()", *args)


@contextmanager
def serving(store: Path | str, core: int | None, *options: str) -> Iterator[str]:
    """Run `guanxi serve` with default settings; yield its URL. Raises as `server` does."""
    port = free_port()
    command = guanxi("serve", "--store", str(store), "--port", str(port), *options)
    if PROFILE in os.environ:
        command = ("-m", "bench.profiled", os.environ[PROFILE], str(store), str(port))
    with server(core, port, *command) as url:
        yield url


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing uses at present."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server exited with status {process.returncode}: see {LOG}")
        probe = HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        with closing(probe), suppress(OSError):
            probe.request("GET", "/")
            probe.getresponse().read()
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not respond within {_START_SECONDS:.0f} s: see {LOG}")
