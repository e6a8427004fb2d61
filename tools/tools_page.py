"""Rewrite the outputs of the pages that show commands: ``python -m tools.tools_page [PAGE…]``.

They are docs/tools.md, the tutorials, and their Chinese twins. The commands of a page's ``console``
blocks run in order, on a demo of their own and with an empty home. Each has a shell of its own,
which knows the variables and functions of those before it. A ``python`` block that begins with
``# NAME.py`` is the file of that name for the commands after it. What must vary (ports, times,
folders, ids) is written as a reader of the example would see it, and ``masked`` removes it for the
comparison of tests.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from guanxi.text import Language
from tools import forks

_DOCS = Path(__file__).parents[1] / "docs"
PAGE = _DOCS / "tools.md"
#: Every page whose outputs are those of its commands.
PAGES = (
    PAGE,
    *sorted((_DOCS / "tutorials").glob("*.md")),
    *sorted((_DOCS / "zh" / "tutorials").glob("*.md")),
    _DOCS / "zh" / "tools.md",
)
_BLOCK = re.compile(r"^```(console|python)\n(.*?)(?=^```$)", re.M | re.S)
#: How a Python program begins that the page's commands run.
FILE = re.compile(r"# (\w+\.py)\n")
_COMMAND = "from guanxi.cli import main; main()"
#: The prompt of a command; further lines of one begin with the second.
_PROMPT, _MORE = "$ ", "> "
_DEMO = ("demo", "--store", "demo.db", "--json", "--port", "0")
#: Runs a command after the variables and functions that its predecessors left in a file.
_SHELL = """source "$1"; eval "$2"; status=$?; { declare -px; declare -f; } > "$1"; exit $status"""
#: The ports that the page names: those of the demo and of a receiver of posts.
_PORTS = ("8000", "9000")
#: What a comparison ignores: times, and how long something is.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d([ T\n]\d\d:\d\d(:\d\d)?)?"), "DATE"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"[\d,]+ (bytes|字节)"), r"N \1"),
    (re.compile(r"\b1[6-9]\d{8}\b"), "TIME"),
    (re.compile(r"in \d+\.\d\ds"), "in N s"),
)


def page(text: str, language: Language = "en") -> str:
    """Return a page with the outputs that its commands have now, in a language."""
    with session(language, demo="demo.db" in text or "guanxi demo" in text) as run:
        return run_page(text, run)


def language_of(path: Path) -> Language:
    """Return the language of a page."""
    return "zh" if "zh" in path.relative_to(_DOCS).parts else "en"


def run_page(text: str, run: Shell) -> str:
    """Run the page's commands in a shell; return the page with their outputs."""

    def block(found: re.Match[str]) -> str:
        tag, code = found.groups()
        if tag == "console":
            return f"```{tag}\n{_run(code, run)}"
        if file := FILE.match(code):
            run.write(file[1], code)
        return found[0]

    return _BLOCK.sub(block, text)


def masked(text: str) -> str:
    """Return the page without what varies from run to run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def commands(block: str) -> list[str]:
    """Return the commands of a block, each as its lines, without prompts."""
    found: list[str] = []
    for line in block.splitlines():
        if line.startswith(_PROMPT):
            found.append(line.removeprefix(_PROMPT))
        elif line.startswith(_MORE) and found:
            found[-1] += "\n" + line.removeprefix(_MORE)
    return found


class Shell:
    """Runs commands in a folder, each in a bash of its own.

    ``ports`` are the port of each one that the page names.
    """

    def __init__(self, home: Path, environment: dict[str, str], ports: dict[str, str]) -> None:
        self.folder = home / "demo"
        self._environment = environment
        self._state = home / ".state"
        self._state.touch()
        self._ports = ports
        self._replaced = {str(home): "/home/me"} | {
            f"127.0.0.1{mark}{port}": f"127.0.0.1{mark}{shown}"
            for shown, port in ports.items()
            for mark in ":-"
        }
        #: The process groups of what commands left running.
        self._running: list[int] = []

    def __call__(self, command: str) -> str:
        """Run a command; return its output as the page shows it, with an exit status not 0.

        What it leaves running in the background runs until ``close``. Raise RuntimeError for a
        traceback, TimeoutExpired if it takes ten minutes.
        """
        process = subprocess.Popen(
            ["bash", "-c", _SHELL, "bash", str(self._state), self._with_real_ports(command)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._running.append(process.pid)
        text, _ = process.communicate(timeout=600)
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            self._running.remove(process.pid)
        if "Traceback" in text:
            raise RuntimeError(f"{command}\n{text}")
        text = text.replace("\ufeff", "")  # an invisible mark at the beginning of CSV
        for one, other in self._replaced.items():
            text = text.replace(one, other)
        status = f"(exit status {process.returncode})\n" if process.returncode else ""
        return "".join(line.rstrip() + "\n" for line in text.splitlines()) + status

    def write(self, name: str, program: str) -> None:
        """Write a program into the folder."""
        (self.folder / name).write_text(self._with_real_ports(program), "utf-8")

    def close(self) -> None:
        """End what the commands left running."""
        for group in self._running:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)

    def _with_real_ports(self, text: str) -> str:
        for shown, port in self._ports.items():
            text = re.sub(rf"\b{shown}\b", port, text)
        return text


def _run(block: str, run: Shell) -> str:
    written = ""
    for command in commands(block):
        written += _PROMPT + command.replace("\n", f"\n{_MORE}") + "\n" + run(command)
    return written


@contextmanager
def session(language: Language = "en", *, demo: bool = True) -> Iterator[Shell]:
    """Yield a shell in a folder of its own, signed in to a demo whose store is there.

    Without ``demo`` there is none, and nobody is signed in.
    """
    with tempfile.TemporaryDirectory() as home, forks.commands() as programs:
        folder = Path(home, "demo")
        folder.mkdir()
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GUANXI_", "XDG_"))
        }
        environment |= {
            "HOME": home,
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "GUANXI_LANG": language,
        }
        with ExitStack() as stack:
            exported = stack.enter_context(_demo(folder, environment)) if demo else {}
            port = exported.get("GUANXI_BASE_URL", "").rpartition(":")[2] or free_port()
            ports = dict(zip(_PORTS, (port, free_port()), strict=True))
            shell = Shell(Path(home), environment | exported, ports)
            try:
                yield shell
            finally:
                shell.close()


@contextmanager
def _demo(folder: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run a demo in a folder; yield the variables that it prints."""
    demo = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *_DEMO],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        facts = json.loads(demo.stdout.readline())
        yield {
            "GUANXI_BASE_URL": facts["base_url"],
            "GUANXI_SESSDATA": facts["sessdata"],
            "GUANXI_BILI_JCT": facts["bili_jct"],
        }
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=30)


def free_port() -> str:
    """Return a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def main(names: list[str]) -> None:
    """Rewrite the named pages, or all; one whose outputs only vary stays."""
    for path in [Path(name).resolve() for name in names] or PAGES:
        text = path.read_text("utf-8")
        written = page(text, language_of(path))
        if masked(written) != masked(text):
            path.write_text(written, "utf-8")
            print(f"wrote {path.relative_to(_DOCS.parent)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
