"""Tests that run every example of the pages by area, each page against its own demo."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import Query
from guanxi.world.kinds import BY_NAME, entry_of
from guanxi.world.videos import SEASON, VIDEO

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
PAGES = ["relation", "space", "me", "login", "content"]
COMMAND = "from guanxi.cli import main; main()"


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    return [block for tag, block in BLOCK.findall(text) if tag == language]


@pytest.fixture
def demo() -> Iterator[dict[str, str]]:
    """Run ``guanxi demo``; yield the variables that it prints for another shell."""
    argv = ["demo", "--json", "--port", "0", "--accounts", "200", "--edges", "2000"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv], stdout=subprocess.PIPE, text=True
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


def run(text: str, demo: dict[str, str]) -> str:
    """Run an example in its own process; return its output. It must succeed without warnings."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env=os.environ | demo,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), f"{text}\n{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_something(page: str, demo: dict[str, str]) -> None:
    examples = blocks(page, "python")
    assert examples
    for text in examples:
        assert run(text, demo).strip(), f"{text}\nprints nothing"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_script_for_bilibili_api_runs(readme: str, demo: dict[str, str]) -> None:
    """The script is written for bilibili-api; only its import differs."""
    text = (ROOT / readme).read_text("utf-8")
    [script] = [text for _, text in BLOCK.findall(text) if "bilibili_api" in text]
    assert len([line for line in script.splitlines() if line]) <= 20
    assert script.count("guanxi") == 1, "only the import may name guanxi"
    printed = run(script, demo)
    assert printed.startswith("示例用户 粉丝 ")
    assert len(printed.splitlines()) == 7


def test_every_page_with_examples_is_listed() -> None:
    with_examples = {
        path.stem for path in (ROOT / "docs").glob("*.md") if blocks(path.stem, "python")
    }
    assert with_examples == set(PAGES)


def example_lines() -> list[bytes]:
    """Return the lines of the JSON Lines file in docs/content.md."""
    [shell] = blocks("content", "sh")
    _, _, rest = shell.partition("<<'END'\n")
    return rest.partition("\nEND\n")[0].encode().splitlines()


@pytest.mark.parametrize("line", example_lines())
def test_lines_of_the_content_page_lose_no_field(line: bytes) -> None:
    assert entry_of(line).kind in BY_NAME
    document, stored = json.loads(line)["document"], json.loads(entry_of(line).body)
    assert contains(stored, document), "a field was dropped"


def contains(stored: object, expected: object) -> bool:
    """Return whether ``stored`` equals ``expected``, apart from additional keys of objects."""
    if isinstance(expected, dict):
        return isinstance(stored, dict) and all(
            name in stored and contains(stored[name], value) for name, value in expected.items()
        )
    return stored == expected


def test_commands_of_the_content_page_fill_a_store(tmp_path: Path) -> None:
    [shell] = blocks("content", "sh")
    bin_folder = Path(sys.executable).parent
    result = subprocess.run(
        ["bash", "-euc", shell],
        env=os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr

    async def read() -> tuple[list[int], list[tuple[int, ...]]]:
        store = await open_store(str(tmp_path / "mine.db"))
        try:
            videos = await store.documents(VIDEO, 1, Query(order="pubdate", limit=9))
            seasons = await store.documents(SEASON, 1, Query(order="time", limit=9))
        finally:
            await store.close()
        return [video.aid for video in videos.items], [season.aids for season in seasons.items]

    assert asyncio.run(read()) == ([170002, 170001], [(170001, 170002)])
