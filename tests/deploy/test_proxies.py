"""The examples of nginx and Caddy, run for real where they are installed.

Only addresses, certificates and folders are replaced, so that they run here as any user.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from guanxi.contract import endpoints as e
from guanxi.contract.limits import OPEN
from guanxi.service.config import Settings
from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.testing import RunningService, running
from tests.docs.examples import free_port
from tests.service.test_workers import until

DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME, _ADMIN = "relation.example.com", "admin.relation.example.com"
#: Where the clients are, which is no proxy.
_CLIENT = "127.0.0.5"
_PATH = f"{e.STAT.path}?vmid=1"


@contextmanager
def behind_a_proxy(seen: list[tuple[str, str]]) -> Iterator[RunningService]:
    """Run a service that trusts this machine; ``seen`` gets each request's client and its Host."""

    def wrap(application: ASGI) -> ASGI:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope["client"][0], dict(scope["headers"])[b"host"].decode()))
            await application(scope, receive, send)

        return watched

    trusting = Settings(profile=OPEN, trusted_proxies=("127.0.0.1",))
    with running(settings=trusting, wrap=wrap) as service:
        yield service


def connection(port: int, host: str) -> HTTPSConnection:
    """Return a connection to a proxy by the name that its certificate has."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    one = HTTPSConnection(host, port, context=context, timeout=30)
    tcp = socket.create_connection(("127.0.0.1", port), 30, (_CLIENT, 0))
    one.sock = context.wrap_socket(tcp, server_hostname=host)
    return one


def get(port: int, host: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    one = connection(port, host)
    try:
        one.request("GET", path, headers=headers)
        response = one.getresponse()
        return response.status, response.read()
    finally:
        one.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of our own and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "guanxi.crt", folder / "guanxi.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def replaced(text: str, *pairs: tuple[str, object]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@contextmanager
def started(argv: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a proxy until the block ends; it listens when the block begins."""
    with (
        (folder / "output").open("w") as output,
        subprocess.Popen(
            argv,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={"HOME": str(folder), "PATH": "/usr/bin"},
        ) as process,
    ):

        def listens() -> bool:
            assert process.poll() is None, (folder / "output").read_text()
            with suppress(OSError), connection(port, _NAME).sock:
                return True
            return False

        try:
            until(listens)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def check(port: int, service: RunningService, seen: list[tuple[str, str]]) -> None:
    """Check what both proxies must do: the client's address, the bounds, and the event stream."""
    service.add_accounts(1)
    forged = {"Host": _NAME, "X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
    for _ in range(3):
        status, body = get(port, _NAME, _PATH, forged)
        assert (status, json.loads(body)["code"]) == (200, 0)
    assert seen == [(_CLIENT, _NAME)] * 3, "what the client wrote is not believed"
    one = connection(port, _NAME)
    one.request("POST", e.MODIFY.path, body=b"a=" + b"x" * 2_000_000, headers={"Host": _NAME})
    assert one.getresponse().status in (413, 502), "Caddy answers 502 if guanxi was faster"
    one.close()
    bearer = {"Host": _ADMIN, "Authorization": f"Bearer {service.admin_token}"}
    assert get(port, _ADMIN, "/accounts/1", bearer)[0] == 200
    service.do(lambda store: store.set_changes(True))
    one = connection(port, _ADMIN)
    one.request("GET", "/changes", headers=bearer | {"Accept": "text/event-stream"})
    response = one.getresponse()
    assert response.status == 200
    service.add_accounts(2)
    line = b""
    while not line.startswith(b"data:"):
        line = response.readline()
    assert json.loads(line.removeprefix(b"data:"))["actor"] == 2, "it is not held back"
    response.close()
    one.close()


@pytest.mark.long
def test_nginx(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    seen: list[tuple[str, str]] = []
    port = free_port()
    crt, key = certificate(tmp_path)
    with behind_a_proxy(seen) as service:
        text = replaced(
            (DEPLOY / "nginx.conf").read_text("utf-8"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("server 127.0.0.1:8000", "server " + service.base_url.removeprefix("http://")),
            ("http://127.0.0.1:8002", service.admin_url),
            ("/etc/nginx/guanxi.crt", crt),
            ("/etc/nginx/guanxi.key", key),
            ("/var/log/nginx/error.log", tmp_path / "error.log"),
            ("/run/nginx.pid", tmp_path / "nginx.pid"),
            ("worker_processes auto", "worker_processes 1"),
            ("allow 10.0.0.0/8", "allow 127.0.0.0/8"),
            ("http {\n", f"http {{\n{_temporary(tmp_path)}"),
        )
        (tmp_path / "nginx.conf").write_text(text)
        argv = [nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        with started([*argv, "-g", "daemon off;"], port, tmp_path):
            check(port, service, seen)


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in kinds)


@pytest.mark.long
def test_caddy(tmp_path: Path) -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed")
    seen: list[tuple[str, str]] = []
    port = free_port()
    crt, key = certificate(tmp_path)
    own = f"{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {tmp_path}\n}}\n"
    tls = f"\ttls {crt} {key}\n"
    with behind_a_proxy(seen) as service:
        text = replaced(
            (DEPLOY / "Caddyfile").read_text("utf-8"),
            ("127.0.0.1:8000", service.base_url.removeprefix("http://")),
            ("127.0.0.1:8002", service.admin_url.removeprefix("http://")),
            ("remote_ip 10.0.0.0/8", "remote_ip 127.0.0.0/8"),
        )
        text, times = re.subn(
            rf"^((?:admin\.)?{re.escape(_NAME)}) \{{\n",
            rf"https://\1:{port} {{\n{tls}",
            text,
            flags=re.M,
        )
        assert times == 2
        (tmp_path / "Caddyfile").write_text(own + text)
        with started([caddy, "run", "--config", "Caddyfile"], port, tmp_path):
            check(port, service, seen)
