"""Rewrite the output of every command in docs/tools.md: ``python -m tools.tools_page``.

The commands of its ``console`` blocks run in order, in one shell each, on a demo of their own with
an empty folder for archives. What must vary (ports, times, folders, ids) is written as a reader of
the example would see it, and ``masked`` removes it for the comparison of tests.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "tools.md"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.M | re.S)
_COMMAND = "from guanxi.cli import main; main()"
#: The prompt of a command; further lines of one begin with the second.
_PROMPT, _MORE = "$ ", "> "
_DEMO = ("demo", "--json", "--port", "0", "--accounts", "400", "--edges", "6000")
#: What a comparison ignores: times, and how long something is.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d([ T\n]\d\d:\d\d(:\d\d)?)?"), "DATE"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"[\d,]+ bytes"), "N bytes"),
    (re.compile(r"\b1[6-9]\d{8}\b"), "TIME"),
)


def page(text: str) -> str:
    """Return the page with the outputs that its commands have now."""
    with _session() as run:
        return _BLOCK.sub(lambda block: _run(block[0], run), text)


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


class _Shell:
    def __init__(self, environment: dict[str, str], replaced: dict[str, str], folder: str) -> None:
        self._environment, self._replaced, self._folder = environment, replaced, folder

    def __call__(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        if "Traceback" in done.stdout:
            raise RuntimeError(f"{command}\n{done.stdout}")
        text = done.stdout.replace("\ufeff", "")  # an invisible mark at the beginning of CSV
        for one, other in self._replaced.items():
            text = text.replace(one, other)
        status = f"(exit status {done.returncode})\n" if done.returncode else ""
        return "".join(line.rstrip() + "\n" for line in text.splitlines()) + status


def _run(block: str, run: _Shell) -> str:
    written = ""
    for command in commands(block):
        written += _PROMPT + command.replace("\n", f"\n{_MORE}") + "\n" + run(command)
    return written


@contextmanager
def _session() -> Iterator[_Shell]:
    """Yield what runs a command, signed in to a demo of its own."""
    with tempfile.TemporaryDirectory() as folder:
        demo = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *_DEMO], stdout=subprocess.PIPE, text=True
        )
        try:
            assert demo.stdout is not None
            facts = json.loads(demo.stdout.readline())
            url = facts["base_url"]
            port = url.rpartition(":")[2]
            environment = {
                **{name: value for name, value in os.environ.items() if "GUANXI" not in name},
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "XDG_DATA_HOME": f"{folder}/share",
                "XDG_CONFIG_HOME": f"{folder}/config",
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
                "GUANXI_LANG": "en",
                "GUANXI_BASE_URL": url,
                "GUANXI_SESSDATA": facts["sessdata"],
                "GUANXI_BILI_JCT": facts["bili_jct"],
            }
            (Path(folder) / "work").mkdir()
            replaced = {
                f"{folder}/share": "/home/me/.local/share",
                f"127.0.0.1:{port}": "127.0.0.1:8000",
                f"127.0.0.1-{port}": "127.0.0.1-8000",
            }
            yield _Shell(environment, replaced, f"{folder}/work")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=30)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
