"""Try an installed guanxi, from the wheel alone: `python -I smoke.py sdk tools service testing …`.

It is copied out of the repository and run by the Python of an environment that has guanxi and some
extras; each word names what must work there. It needs nothing else, and prints what it tried.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

os.environ |= {"GUANXI_SESSDATA": "x", "GUANXI_BILI_JCT": "y"}
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
SCRIPT = Path(sysconfig.get_path("scripts")) / ("guanxi.exe" if os.name == "nt" else "guanxi")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"code": 0, "message": "0", "ttl": 1, "data": [{"tagid": 0}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _command(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [SCRIPT, *arguments], env=os.environ | environment, capture_output=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout.decode()


def sdk() -> None:
    from guanxi import Client, SyncClient, user

    async def call(url: str) -> object:
        async with Client(base_url=url) as client:
            return await client.call("relation.groups")

    with _server() as url, SyncClient(base_url=url) as client:
        assert client.call("relation.groups") == [{"tagid": 0}] == asyncio.run(call(url))
    assert callable(user.User(1).get_relation_info)


def httpx2() -> None:
    os.environ["GUANXI_TRANSPORT"] = "httpx2"
    try:
        sdk()
    finally:
        del os.environ["GUANXI_TRANSPORT"]


def without_extras() -> None:
    done = subprocess.run([SCRIPT, "serve"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"pip install 'guanxi[" in done.stderr, done.stderr


def tools() -> None:
    assert "guanxi" in _command("--version")
    with _server() as url:
        assert json.loads(_command("api", "relation.groups", GUANXI_BASE_URL=url))
    assert _command("manage", "--help")
    from guanxi.manage import application
    from guanxi.web import site

    for module, parts in ((application, ["templates"]), (site, ["static", "templates"])):
        for part in parts:
            found = [*(Path(str(module.__file__)).parent / part).iterdir()]
            assert found, part


def service() -> None:
    from guanxi import SyncGraph

    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "a.db")
        with SyncGraph.open(store) as graph:
            graph.put_account(1, name="a")
            graph.put_account(2, name="b")
            graph.follow(1, 2)
            assert graph.relation(1, 2).following
        _command("check", "--store", store)


def testing() -> None:
    from urllib.request import urlopen

    from guanxi import SyncClient
    from guanxi.testing import running

    with running() as service:
        service.add_accounts(1, 2)
        session = service.sign_in(1)
        from guanxi import Credential

        credential = Credential(session.sessdata, session.bili_jct)
        with SyncClient(base_url=service.base_url, credential=credential) as client:
            client.relation.follow(2)
            assert client.relation.stat(1).following == 1
        page = urlopen(f"{service.base_url}/docs", timeout=30).read().decode()
        assert ".css" in page
    assert find_spec("cryptography")


def postgres() -> None:
    from guanxi.stores.postgresql import PostgreSQLStore

    assert PostgreSQLStore.__name__


def files() -> None:
    from guanxi import SyncGraph

    with tempfile.TemporaryDirectory() as folder:
        store, edges = str(Path(folder) / "a.db"), Path(folder) / "edges.csv"
        edges.write_text("follower,followed\n1,2\n", "utf-8")
        with SyncGraph.open(store) as graph:
            graph.put_account(1, name="a")
            graph.put_account(2, name="b")
        _command("store", "import", "edges", str(edges), "--store", store)


def crypto() -> None:
    assert find_spec("cryptography")


def mcp() -> None:
    assert _command("mcp", "--help")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        globals()[name.replace("-", "_")]()
        print(f"{name}: works", flush=True)
