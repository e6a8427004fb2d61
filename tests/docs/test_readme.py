"""``make demo`` and the READMEs' commands and snippets on it, and facts of all pages.

``test_any_order`` runs all examples, those on a reader's own store too, in other orders.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from guanxi.service.configuration import load
from tests.docs.examples import PAGES, READMES, ROOT, blocks, in_shell, on_the_demo
from tools.tools_page import masked

LANGUAGES = {"README.md": "en", "README.zh-CN.md": "zh"}
#: The commands of the tools in both READMEs.
[TOOLS] = [text for tag, text in blocks("README.md") if tag == "sh" and "guanxi undo" in text]


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
        env={**os.environ, "GUANXI_LANG": LANGUAGES[readme]},
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
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that the command started
    process.communicate(timeout=30)


@pytest.mark.parametrize("readme", READMES)
def test_the_blocks_of_a_readme_run_in_order_on_a_demo(
    readme: str, demo: Demo, tmp_path: Path
) -> None:
    assert demo.exports.keys() == {"GUANXI_BASE_URL", "GUANXI_SESSDATA", "GUANXI_BILI_JCT"}
    [of_the_tools] = [text for tag, text in blocks(readme) if tag == "text"]
    environment = {**demo.exports, "GUANXI_LANG": LANGUAGES[readme]}
    outputs = ""
    for tag, text in on_the_demo([readme]):
        if text == TOOLS:
            check_excerpt(of_the_tools, in_shell(f"exec 2>&1\n{text}", environment, tmp_path))
        elif readme == READMES[0]:  # the others are the same
            command = text if tag == "sh" else f"python -W error - <<'PROGRAM'\n{text}PROGRAM\n"
            outputs += in_shell(command, environment, tmp_path)
    if readme != READMES[0]:
        return
    assert outputs.startswith("2 1\n"), "the ten lines: a follow, and one follower"
    assert "\n22014 " in outputs, "the refused follow"
    assert "\nFalse ['alice']\n" in outputs, "the follower in the graph"


def check_excerpt(excerpt: str, printed: str) -> None:
    """Check that an output has the lines of an excerpt, in which … is for lines left out."""
    printed, position = "\n" + masked(printed), 0
    for part in masked(excerpt).split("…\n"):
        position = printed.find("\n" + part, position)
        assert position >= 0, f"not printed:\n{part}\nbut:{printed}"
        position += len(part)


def test_an_excerpt_is_compared_line_by_line() -> None:
    check_excerpt("a\n…\nc\nd\n", "a\nb\nc\nd\n")
    for printed in ("a\nb\n", "ac\nd\n", "a\nc\nb\nd\n", "c\nd\na\n"):
        with pytest.raises(AssertionError):
            check_excerpt("a\n…\nc\nd\n", printed)


@pytest.mark.long
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


def test_settings_of_the_service_page_load(tmp_path: Path) -> None:
    [text] = [text for language, text in blocks("docs/service.md") if language == "toml"]
    file = tmp_path / "guanxi.toml"
    file.write_text(text, "utf-8")
    settings = load(file=file, environ={})
    assert (settings.profile.name, settings.log_requests) == ("open", True)
    assert settings.profile.limits.following_cap == 5000
    [token] = settings.tokens()
    assert (token.name, [*token.scopes], token.expires) == ("prometheus", ["metrics"], 1830211200)
    assert settings.cors_origins == ("http://127.0.0.1:5173",)


def test_both_readmes_have_the_same_blocks() -> None:
    english, chinese = (blocks(readme) for readme in READMES)
    for one, other in zip(english, chinese, strict=True):
        assert one == other or one[0] == other[0] == "text", "only outputs are in two languages"


@pytest.mark.parametrize("document", [*READMES, "CONTRIBUTING.md", *PAGES])
def test_test_files_named_in_a_page_exist(document: str) -> None:
    for path in re.findall(r"\btests/[\w/.]*\w", (ROOT / document).read_text("utf-8")):
        assert (ROOT / path).exists(), f"{document}: {path}"


@pytest.mark.parametrize(
    "document",
    [path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]],
)
def test_relative_links_point_to_existing_files(document: Path) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)#\"]+)", text):
        if not target.startswith("http"):
            assert (ROOT / document.parent / target).exists(), f"{document}: {target}"
