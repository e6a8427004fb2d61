"""``guanxi serve`` as a process of its own, with two workers and an address of administration."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from bench.machine import free_port

ROOT = Path(__file__).parents[2]
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class Running(NamedTuple):
    """A running service. The repr omits the token of its administration."""

    pid: int
    port: int
    admin_port: int
    token: str

    def __repr__(self) -> str:
        return f"Running(pid={self.pid}, port={self.port})"


@contextmanager
def serving(
    store: str,
    folder: Path,
    *options: str,
    handles: int | None = None,
) -> Iterator[Running]:
    """Run the service while the block runs; its log is the file ``log`` in ``folder``.

    Each of its processes may open ``handles`` handles; None for as many as this one. Raise
    RuntimeError if it does not answer within a minute, or ends with another status than 0.
    """
    port, admin_port, token = free_port(), free_port(), secrets.token_hex(16)
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    command = [sys.executable, "-m", "guanxi", "serve", "--store", store, "--port", str(port)]
    command += ["--admin", f"127.0.0.1:{admin_port}", *options]
    if handles is not None:
        command = ["sh", "-c", f'ulimit -n {handles}; exec "$@"', "sh", *command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path, "GUANXI_ADMIN_TOKEN": token},
            stdout=log,
            stderr=log,
        )
    try:
        # This address is served once all workers are ready: the first one would get everybody.
        _wait_until_ready(process, admin_port)
        yield Running(process.pid, port, admin_port, token)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    if status:
        raise RuntimeError(f"the service ended with status {status}:\n{logged(folder)}")


def logged(folder: Path) -> str:
    """Return the end of what the service logged."""
    return (folder / "log").read_text("utf-8", "replace")[-4_000:]


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        with closing(connection), suppress(OSError):
            connection.request("GET", "/livez")
            connection.getresponse().read()
            return
        time.sleep(0.05)
    raise RuntimeError("the service did not start")
