"""The programs of docs/embedding.md, each run as its first line says, with users that sign in."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "examples" / "embedding"
#: How each program is run, as its docstring says, and that it prints its address.
COMMANDS = {
    "fastapi_app": "uvicorn fastapi_app:app",
    "starlette_app": "uvicorn starlette_app:app",
    "django_app": "uvicorn django_app:app",
    "flask_app": "flask --app flask_app run",
}
FOLLOW = "/graph/x/relation/modify"


class Host:
    """A running program, and a browser that keeps its cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: dict[str, str] = {}
        self._open = build_opener(HTTPCookieProcessor(CookieJar())).open

    def call(
        self,
        method: str,
        path: str,
        form: Mapping[str, object] | str | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """Send a request and return the status and the decoded body."""
        body = form if isinstance(form, str) else urlencode(form or {})
        data = None if method == "GET" else body.encode()
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(self.url + path, data, sent, method=method)
        try:
            with self._open(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except HTTPError as error:
            return error.code, None


@contextmanager
def running(name: str, folder: Path) -> Iterator[Host]:
    """Run a program in a folder, on a free port, until the block ends."""
    command = [
        sys.executable,
        "-W",
        "error::ResourceWarning",
        "-m",
        *COMMANDS[name].split(),
        "--port",
        "0",
    ]
    environment = {"PYTHONPATH": str(PROGRAMS), "PATH": "/usr/bin:/bin"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stderr=log, stdout=log) as process,
    ):
        try:
            yield Host(_address(process, folder / "log"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    text = (folder / "log").read_text()
    assert "Traceback" not in text, text
    assert "Warning" not in text.replace("WARNING: This is a development server", ""), text


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the log shows the program's address."""
    for _ in range(600):
        if found := re.search(r"unning on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(log.read_text())


def test_each_program_says_how_to_run_it() -> None:
    programs = {path.stem: path.read_text("utf-8") for path in PROGRAMS.glob("*.py")}
    assert programs.keys() == COMMANDS.keys()
    for name, text in programs.items():
        assert f"\nRun it with `{COMMANDS[name]}`.\n" in text
    page = (ROOT / "docs" / "embedding.md").read_text("utf-8")
    assert [page.count(text) for text in programs.values()] == [1] * len(programs)


@pytest.mark.long
def test_fastapi(tmp_path: Path) -> None:
    with running("fastapi_app", tmp_path) as host:
        assert host.call("PUT", "/following/2")[0] == 401
        for name in ("a", "b", "c"):
            password = base64.b64encode(f"{name}:secret".encode()).decode()
            assert host.call("POST", "/sign-up", Authorization=f"Basic {password}")[0] == 200
            assert host.call("POST", "/sign-up", Authorization=f"Basic {password}")[0] == 409
        wrong = base64.b64encode(b"a:wrong").decode()
        assert host.call("POST", "/sign-in", Authorization=f"Basic {wrong}")[0] == 401
        for name, target in (("b", 3), ("a", 2)):
            password = base64.b64encode(f"{name}:secret".encode()).decode()
            status, answer = host.call("POST", "/sign-in", Authorization=f"Basic {password}")
            assert status == 200
            host.headers = {"Authorization": f"Bearer {answer['token']}"}
            assert host.call("PUT", f"/following/{target}") == (200, {"followers": 1})
            assert host.call("PUT", f"/following/{target}") == (200, {"followers": 1})
        assert host.call("GET", "/suggestions") == (200, [3])
        status, answer = host.call("GET", "/graph/x/space/myinfo")
        assert (status, answer["data"]["name"]) == (200, "a")
        form = {"fid": 3, "act": 1, "re_src": 11}
        assert host.call("POST", FOLLOW, form)[1]["code"] == 0
        assert host.call("POST", FOLLOW, form, Origin="https://evil.example")[1]["code"] == -111
        host.headers = {}
        assert host.call("POST", FOLLOW, form)[1]["code"] == -101


def test_starlette(tmp_path: Path) -> None:
    with running("starlette_app", tmp_path) as host:
        assert host.call("GET", "/")[0] == 401
        assert host.call("POST", "/sign-in", "no-such")[0] == 401
        assert host.call("POST", "/sign-in", "blue-lake") == (200, {"mid": 1})
        assert host.call("POST", "/sign-in", "blue-lake")[0] == 401
        form = {"fid": 2, "act": 1, "re_src": 11}
        # The cookie signs in, so the page's origin has to be sent.
        assert host.call("POST", FOLLOW, form)[1]["code"] == -111
        assert host.call("POST", FOLLOW, form, Origin=host.url)[1]["code"] == 0
        assert host.call("GET", "/") == (200, [{"mid": 2, "name": "user 2"}])
        assert host.call("GET", "/graph/healthz") == (200, {"status": "ok"})
        assert "paths" in host.call("GET", "/graph/openapi.json")[1]


@pytest.mark.long
def test_django(tmp_path: Path) -> None:
    with running("django_app", tmp_path) as host:
        assert host.call("GET", "/")[0] == 401
        mids = [
            host.call("POST", "/sign-up", {"name": name, "password": "secret"})[1]["mid"]
            for name in ("a", "b")
        ]
        assert host.call("POST", "/sign-in", {"name": "a", "password": "wrong"})[0] == 401
        form = {"fid": mids[1], "act": 1, "re_src": 11}
        assert host.call("POST", FOLLOW, form)[1]["code"] == -101
        signed_in = host.call("POST", "/sign-in", {"name": "a", "password": "secret"})
        assert signed_in == (200, {"mid": mids[0]})
        assert host.call("POST", FOLLOW, form, Sec_Fetch_Site="cross-site")[1]["code"] == -111
        assert host.call("POST", FOLLOW, form, Sec_Fetch_Site="same-origin")[1]["code"] == 0
        assert host.call("GET", "/") == (200, {"following": ["b"]})


def test_flask(tmp_path: Path) -> None:
    with running("flask_app", tmp_path) as host:
        assert host.call("GET", "/")[0] == 401
        for name in ("a", "b"):
            new = {"name": name, "password": "secret"}
            assert host.call("POST", "/sign-up", new)[0] == 200
            assert host.call("POST", "/sign-up", new)[0] == 409
        for name, other, mutual in (("a", 2, False), ("b", 1, True)):
            assert host.call("POST", "/sign-in", {"name": name, "password": "x"})[0] == 401
            assert host.call("POST", "/sign-in", {"name": name, "password": "secret"})[0] == 200
            assert host.call("POST", f"/follow/{other}") == (200, {"mutual": mutual})
            assert host.call("POST", f"/follow/{other}") == (200, {"mutual": mutual})
        assert host.call("GET", "/") == (200, {"following": ["a"], "total": 1})
