"""The clients: programs that send one request at a time and return its status and body."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

from tools.clients.rows import Kind

_HERE = Path(__file__).parent
_SECONDS = 60


class Sent(NamedTuple):
    """A request for a client: ``body`` are urlencoded fields, or JSON."""

    method: str
    url: str
    kind: Kind
    body: str
    cookies: str
    quoted: bool


#: Sends a request and returns the status and the body of its response.
Send = Callable[[Sent], tuple[int, str]]


class Client(NamedTuple):
    """A client program."""

    title: str
    #: What must be installed, or "" if it is.
    missing: str
    start: Callable[[], Iterator[Send]]
    #: Whether it can send a target that is not percent-encoded.
    sends_raw: bool = False


def clients() -> list[Client]:
    """Return all clients, also those whose program is missing here."""
    curl, node, java = (_missing(name) for name in ("curl", "node", "java"))
    requests = "" if find_spec("requests") else "Python's requests is missing"
    return [
        Client("curl", curl, lambda: _curl("--http1.1"), sends_raw=True),
        Client("curl --http2", curl, lambda: _curl("--http2"), sends_raw=True),
        Client(
            "requests",
            requests,
            lambda: _by_lines([sys.executable, "-W", "ignore", str(_HERE / "with_requests.py")]),
        ),
        Client("fetch of Node", node, lambda: _by_lines(["node", str(_HERE / "client.mjs")])),
        Client("HttpClient of Java", java, lambda: _by_lines(["java", str(_HERE / "Client.java")])),
    ]


def _missing(program: str) -> str:
    return "" if shutil.which(program) else f"{program} is missing"


def _by_lines(command: list[str]) -> Iterator[Send]:
    """Run a program that reads a request a line and prints a response a line."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def send(sent: Sent) -> tuple[int, str]:
            quoting = "quoted" if sent.quoted else "plain"
            stdin.write("\t".join([*map(str, sent[:5]), quoting]) + "\n")
            stdin.flush()
            line = stdout.readline().rstrip("\n")
            if not line:
                raise RuntimeError(f"{command[0]} failed; its message is above")
            status, _, body = line.partition("\t")
            return int(status), body

        try:
            yield send
        finally:
            stdin.close()
            process.wait(_SECONDS)


def _curl(version: str) -> Iterator[Send]:
    def send(sent: Sent) -> tuple[int, str]:
        cookies = sent.cookies
        if sent.quoted:
            pairs = [pair.partition("=") for pair in cookies.split("; ")]
            cookies = "; ".join(f'{name}="{value}";$Path="/"' for name, _, value in pairs)
        command = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", str(_SECONDS), version]
        command += ["-H", f"Cookie: {cookies}", "-w", "\n%{http_code}"]
        command += ["-I", "-o", "/dev/null"] if sent.method == "HEAD" else ["-X", sent.method]
        fields = [f"{name}={value}" for name, value in parse_qsl(sent.body)]
        if sent.kind is Kind.FORM:
            command += [word for field in fields for word in ("--data-urlencode", field)]
        elif sent.kind is Kind.MULTIPART:
            command += [word for field in fields for word in ("-F", field)]
        elif sent.kind is Kind.JSON:
            command += ["-H", "Content-Type: application/json", "--data-raw", sent.body]
        done = subprocess.run(
            [*command, sent.url], capture_output=True, text=True, encoding="utf-8", check=True
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body.replace("\n", " ")

    yield send


@contextmanager
def started(client: Client) -> Iterator[Send]:
    """Start a client's program; yield the function that sends a request with it."""
    yield from client.start()
