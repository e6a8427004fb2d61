"""The examples of the READMEs and of docs/: their code blocks, and how the tests run them."""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import dropwhile
from pathlib import Path

from tools import forks
from tools.tools_page import FILE

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
READMES = ["README.md", "README.zh-CN.md"]
#: The pages of docs/, in its folders too, but for those that are made of docstrings.
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted(ROOT.glob("docs/**/*.md"))
    if path.parent.name != "api"
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_COMMAND = "from guanxi.cli import main; main()"


def blocks(document: str) -> list[tuple[str, str]]:
    """Return the language and the text of each code block."""
    return _BLOCK.findall((ROOT / document).read_text("utf-8"))


def commands(document: str) -> list[str]:
    """Return the blocks of shell commands of a page, without ``make demo``."""
    return [text for tag, text in blocks(document) if tag == "sh" and text != "make demo\n"]


def story(document: str) -> list[str]:
    """Return what a page lets a reader type who fills a store of his own, as one session.

    These are its commands from the first that names the store on.
    """
    return list(dropwhile(lambda text: "--store mine.db" not in text, commands(document)))


def on_the_demo(documents: list[str]) -> list[tuple[str, str]]:
    """Return the language and the text of each other example, each once.

    Programs that a page saves as files are run with the commands that it shows after them, by
    ``tools.tools_page``.
    """
    found = [
        (tag, text)
        for document in documents
        for tag, text in blocks(document)
        if (tag == "python" and not FILE.match(text))
        or (text in commands(document) and text not in story(document))
    ]
    return list(dict.fromkeys(found))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextmanager
def running_demo() -> Iterator[dict[str, str]]:
    """Run ``guanxi demo``; yield the variables that it prints for another shell."""
    argv = ["demo", "--json", "--port", "0", "--accounts", "200", "--edges", "2000"]
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *argv], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline())
    yield {
        "GUANXI_BASE_URL": facts["base_url"],
        "GUANXI_SESSDATA": facts["sessdata"],
        "GUANXI_BILI_JCT": facts["bili_jct"],
    }
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


@cache
def _programs() -> Path:
    """Return a folder with a ``guanxi`` that starts quickly, until the tests end."""
    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(forks.commands())


def in_shell(text: str, environment: dict[str, str], folder: Path) -> str:
    """Run commands in one shell; return their output. They must succeed, and none be refused."""
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env=os.environ
        | {"PATH": f"{_programs()}:{BIN}:{os.environ['PATH']}", "XDG_DATA_HOME": str(folder)}
        | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, f"{text}\n{result.stderr}"
    assert '"code":-' not in result.stdout, f"{text}\n{result.stdout}"
    return result.stdout


class Programs:
    """A process that runs Python programs, each in a fork; it ends with the ``with`` block."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", Path(__file__).with_name("runner.py")],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def run(self, text: str) -> str:
        """Run a program; return its output. It must succeed without warnings."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        status, output, errors = json.loads(self._process.stdout.readline())
        assert (status, errors) == (0, ""), f"{text}\n{errors}"
        return str(output)
