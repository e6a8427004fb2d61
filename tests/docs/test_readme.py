"""Tests that run every command and snippet of the READMEs and of docs/service.md, in order."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from guanxi.service.config import load

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
READMES = ["README.md", "README.zh-CN.md"]
PAGES = [f"docs/{path.name}" for path in sorted(ROOT.glob("docs/*.md"))]
SERVE_BLOCK = "guanxi serve --store mine.db --port 8001\n"
BIN = Path(sys.executable).parent


def blocks(readme: str) -> list[tuple[str, str]]:
    """Return the language and the text of each code block."""
    return BLOCK.findall((ROOT / readme).read_text("utf-8"))


def interrupt(process: subprocess.Popen[str]) -> None:
    """Send Ctrl-C as a terminal does: to the command and to the processes that it started."""
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)


class Demo(NamedTuple):
    """A running ``make demo``: its output, and the variables that it prints for a second shell."""

    lines: list[str]
    exports: dict[str, str]


@pytest.fixture
def demo(readme: str) -> Iterator[Demo]:
    """Run ``make demo`` until the end of the test, in the language of a README."""
    process = subprocess.Popen(
        ["make", "demo", "ARGS=--port 0"],
        cwd=ROOT,
        env={**os.environ, "GUANXI_LANG": "zh" if "zh" in readme else "en"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    timer = threading.Timer(150, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    demo = Demo([], {})
    for line in process.stdout:
        demo.lines.append(line)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            demo.exports[name] = value
        if line.startswith("curl "):
            break
    timer.cancel()
    yield demo
    interrupt(process)


@pytest.mark.parametrize("readme", READMES)
def test_readme_commands_and_snippets_run(readme: str, demo: Demo, tmp_path: Path) -> None:
    assert demo.exports.keys() == {"GUANXI_BASE_URL", "GUANXI_SESSDATA", "GUANXI_BILI_JCT"}
    environment = os.environ | demo.exports
    environment["PATH"] = f"{BIN}:{os.environ['PATH']}"
    port = str(free_port())
    printed = []
    with ExitStack() as stack:
        for language, text in blocks(readme):
            if text == "make demo\n":
                printed.append(text)  # the fixture ran it
            elif language == "text":
                printed.append(text)
                assert set(text.splitlines(keepends=True)) <= set(demo.lines), "the demo's output"
            elif text == SERVE_BLOCK:
                printed.append(text)
                stack.enter_context(serving(text.replace("8001", port), environment, tmp_path))
            else:
                printed.append(run(language, text.replace("8001", port), environment, tmp_path))
    assert len(printed) == len(blocks(readme)) >= 12
    outputs = "".join(printed)
    assert '"list":[{"mid":14082,' in outputs, "the first listing"
    assert '{"code":0,"message":"0","ttl":1}' in outputs, "the first follow"
    assert "22014" in outputs, "the refused follow of the snippet"
    assert '"uname": "乙"' in outputs, "the follower in the newcomer's own data"


def run(language: str, text: str, environment: dict[str, str], folder: Path) -> str:
    """Run a block; return its output. It must succeed, and no request may be refused."""
    argv = ["bash", "-euc"] if language == "sh" else [sys.executable, "-c"]
    result = subprocess.run(
        [*argv, text],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, f"{text}\n{result.stderr}"
    assert '"code":-' not in result.stdout, f"{text}\n{result.stdout}"
    return result.stdout


@contextmanager
def serving(command: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the README's service on the store that earlier blocks created."""
    process = subprocess.Popen(
        command.split(),
        env=environment,
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        assert "http://127.0.0.1:" in process.stderr.readline()
        yield
    finally:
        interrupt(process)


def test_snippets_pass_a_strict_type_checker(tmp_path: Path) -> None:
    snippets = [text for language, text in blocks("README.md") if language == "python"]
    assert len(snippets) >= 4
    files = [tmp_path / f"snippet_{number}.py" for number in range(len(snippets))]
    for file, text in zip(files, snippets, strict=True):
        file.write_text(text, "utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *map(str, files)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_commands_of_the_service_page_run(tmp_path: Path) -> None:
    """All commands of docs/service.md run in one shell."""
    shell = "".join(text for language, text in blocks("docs/service.md") if language == "sh")
    for port in ("8001", "8002"):
        shell = shell.replace(port, str(free_port()))
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $!; wait' EXIT\n{shell}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert '"bili_jct"' in result.stdout
    assert "guanxi_requests" in result.stdout


def test_settings_of_the_service_page_load(tmp_path: Path) -> None:
    [text] = [text for language, text in blocks("docs/service.md") if language == "toml"]
    file = tmp_path / "guanxi.toml"
    file.write_text(text, "utf-8")
    settings = load(file=file, environ={})
    assert (settings.profile.name, settings.log_requests) == ("open", True)
    assert settings.profile.limits.following_cap == 5000
    assert settings.cors_origins == ("http://127.0.0.1:5173",)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert isinstance(port, int)
    return port


def test_both_readmes_have_the_same_blocks() -> None:
    english, chinese = (blocks(readme) for readme in READMES)
    for one, other in zip(english, chinese, strict=True):
        assert one == other or one[0] == other[0] == "text", "only outputs are in two languages"


@pytest.mark.parametrize("document", [*READMES, "CONTRIBUTING.md", *PAGES])
def test_test_files_named_in_a_page_exist(document: str) -> None:
    for path in re.findall(r"\btests/[\w/.]*\w", (ROOT / document).read_text("utf-8")):
        assert (ROOT / path).exists(), f"{document}: {path}"


@pytest.mark.parametrize(
    "document", [path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]]
)
def test_relative_links_point_to_existing_files(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / document).read_text("utf-8")):
        if not target.startswith("http"):
            assert (ROOT / document.parent / target).exists(), f"{document}: {target}"
