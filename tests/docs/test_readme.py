"""Every command and every snippet of both READMEs runs, in order, as a newcomer would run them."""

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

import pytest

from guanxi.service.config import load

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
READMES = ["README.md", "README.zh-CN.md"]
DOCUMENTS = [f"docs/{path.name}" for path in sorted(ROOT.glob("docs/*.md"))]
SERVES = "guanxi serve --store mine.db --port 8001\n"
COMMANDS = Path(sys.executable).parent


def blocks(readme: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / readme).read_text("utf-8"))


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, as a terminal sends it: to the command and to what the command started."""
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)


@pytest.fixture
def exports() -> Iterator[dict[str, str]]:
    """What ``make demo`` prints for the second shell; the demo runs meanwhile."""
    demo = subprocess.Popen(
        ["make", "demo", "ARGS=--port 0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert demo.stdout is not None
    patience = threading.Timer(150, os.killpg, (demo.pid, signal.SIGKILL))
    patience.start()
    found = {}
    for line in demo.stdout:
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value
        if line.startswith("curl "):
            break
    patience.cancel()
    yield found
    interrupt(demo)


@pytest.mark.parametrize("readme", READMES)
def test_readme(readme: str, exports: dict[str, str], tmp_path: Path) -> None:
    assert exports.keys() == {"GUANXI_BASE_URL", "GUANXI_SESSDATA", "GUANXI_BILI_JCT"}
    environment = os.environ | exports
    environment["PATH"] = f"{COMMANDS}:{os.environ['PATH']}"
    port = str(free_port())
    ran = []
    with ExitStack() as stack:
        for language, text in blocks(readme):
            if text == "make demo\n":
                ran.append(text)  # by the fixture
            elif text == SERVES:
                ran.append(text)
                stack.enter_context(serving(text.replace("8001", port), environment, tmp_path))
            else:
                ran.append(run(language, text.replace("8001", port), environment, tmp_path))
    assert len(ran) == len(blocks(readme)) >= 12
    answers = "".join(ran)
    assert '"list":[{"mid":14082,' in answers, "the first listing"
    assert '{"code":0,"message":"0","ttl":1}' in answers, "the first follow"
    assert "22014" in answers, "the refused follow of the snippet"
    assert '"uname": "乙"' in answers, "the follower in one's own data"


def run(language: str, text: str, environment: dict[str, str], folder: Path) -> str:
    """What a block prints; it must succeed, and be refused nothing."""
    argv = ["bash", "-euc"] if language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*argv, text],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    assert '"code":-' not in done.stdout, f"{text}\n{done.stdout}"
    return done.stdout


@contextmanager
def serving(command: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """The service of the README, on the store made before."""
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
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *map(str, files)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_service_document(tmp_path: Path) -> None:
    """The commands of docs/service.md, as one session of a shell."""
    shell = "".join(text for language, text in blocks("docs/service.md") if language == "sh")
    for port in ("8001", "8002"):
        shell = shell.replace(port, str(free_port()))
    environment = os.environ | {"PATH": f"{COMMANDS}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $!; wait' EXIT\n{shell}"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"bili_jct"' in done.stdout
    assert "guanxi_requests" in done.stdout


def test_settings_of_the_service_document(tmp_path: Path) -> None:
    [text] = [text for language, text in blocks("docs/service.md") if language == "toml"]
    file = tmp_path / "guanxi.toml"
    file.write_text(text, "utf-8")
    settings = load(file=file, environ={})
    assert (settings.profile.name, settings.log_requests) == ("open", True)
    assert settings.profile.limits.following_cap == 5000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert isinstance(port, int)
    return port


def test_both_languages_show_the_same() -> None:
    english, chinese = (blocks(readme) for readme in READMES)
    assert english == chinese


@pytest.mark.parametrize("document", [*READMES, "CONTRIBUTING.md", *DOCUMENTS])
def test_tests_that_are_named_exist(document: str) -> None:
    for named in re.findall(r"\btests/[\w/.]*\w", (ROOT / document).read_text("utf-8")):
        assert (ROOT / named).exists(), f"{document}: {named}"


@pytest.mark.parametrize(
    "document", [path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]]
)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", (ROOT / document).read_text("utf-8")):
        if not target.startswith("http"):
            assert (ROOT / document.parent / target).exists(), f"{document}: {target}"
