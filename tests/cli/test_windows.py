"""On Windows the SDK and the tools run, and the service says kindly that it does not.

There is no Windows here. A process that lacks what Windows lacks, and says that it is one, finds
imports and calls of ours that only POSIX has; the tests of the forge run on a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.recorder import Answer, envelope, recording

#: What others need of this system is imported first, then what Windows lacks goes.
LIKE_WINDOWS = """
import asyncio, concurrent.futures, http.server, importlib, logging.handlers, multiprocessing
import os, pkgutil, signal, socket, sqlite3, ssl, subprocess, sys, tempfile, webbrowser
import httpcore2, jinja2, keyring, multipart, platformdirs, pyreqwest.client, pyreqwest.proxy
import rich.console, rich.progress, rich.table, segno, starlette.applications, typer, uvicorn
import starlette.responses, starlette.routing, starlette.middleware, httptools, uvicorn.protocols
import typer.core, typer.main, mcp.server

for module in "fcntl grp pty pwd resource syslog termios tty uvloop".split():
    sys.modules[module] = None
for name in (
    "O_CLOEXEC O_NOFOLLOW O_NONBLOCK chown fchmod fchown fork getegid geteuid getgid getpgid getuid"
    " killpg pread pwrite register_at_fork sched_yield setsid sysconf"
).split():
    if hasattr(os, name):
        delattr(os, name)
for name in "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2".split():
    delattr(signal, name)
del socket.AF_UNIX
sys.platform = "win32"
"""


def printed(program: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a program as on Windows; return its status and all that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", LIKE_WINDOWS + program, *arguments],
        env=os.environ | {"LC_ALL": "C.UTF-8"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.long
def test_the_sdk_and_the_tools_run(tmp_path: Path) -> None:
    """All modules are imported; a client with a pace, whose file is not shared there, sends."""
    with recording(lambda request: Answer(envelope([{"tagid": 0}]))) as server:
        status, shown = printed(
            """
import guanxi
for name in "sdk user toolbox manage web contract text exceptions settings cli.tools".split():
    top = importlib.import_module(f"guanxi.{name}")
    for found in pkgutil.walk_packages(getattr(top, "__path__", []), f"guanxi.{name}."):
        importlib.import_module(found.name)
from guanxi.cli import COMMANDS, main
from guanxi.cli.app import imported
for name, command in COMMANDS.items():
    if command.extra != "service":
        imported(name)
for use in (lambda: guanxi.Graph, lambda: importlib.import_module("guanxi.testing.service")):
    try:
        use()
    except ImportError as error:
        print(error)
with guanxi.SyncClient(pace=guanxi.Pace()) as client:
    print(client.call("relation.groups"))
sys.argv[1:] = ["api", "relation.groups"]
main()
""",
            GUANXI_BASE_URL=server.url,
            GUANXI_SESSDATA="x",
            GUANXI_BILI_JCT="y",
            XDG_STATE_HOME=str(tmp_path),
        )
    assert status == 0, shown
    graph, testing, groups, api = shown.split("\n", 3)
    assert graph == testing
    assert graph.startswith("the stores and the service of guanxi need Linux or macOS: on Windows")
    assert groups == "[{'tagid': 0}]"
    assert json.loads(api) == [{"tagid": 0}]
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh_CN.UTF-8", "请用 WSL 或容器"),
        pytest.param("C.UTF-8", "on Windows run them in WSL", marks=pytest.mark.long),
    ],
)
def test_a_command_of_the_service_says_what_it_needs(locale: str, words: str) -> None:
    program = "from guanxi.cli import main; sys.argv[1:] = ['serve']; main()"
    status, shown = printed(program, LC_ALL=locale)
    assert status == 1
    assert words in shown
    assert "Traceback" not in shown
