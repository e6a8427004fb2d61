"""Every example of the pages by area runs, against a demo of its page's own."""

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
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    return [text for of, text in BLOCK.findall(text) if of == language]


@pytest.fixture
def demo() -> Iterator[dict[str, str]]:
    """The variables that ``guanxi demo`` prints for the next shell; it runs meanwhile."""
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
    """What an example prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env=os.environ | demo,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{text}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, demo: dict[str, str]) -> None:
    found = blocks(page, "python")
    assert found
    for text in found:
        assert run(text, demo).strip(), f"{text}\nshows nothing"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_newcomers_script(readme: str, demo: dict[str, str]) -> None:
    """Written against the original, but for its import."""
    text = (ROOT / readme).read_text("utf-8")
    [script] = [text for of, text in BLOCK.findall(text) if "bilibili_api" in text]
    assert len([line for line in script.splitlines() if line]) <= 20
    assert script.count("guanxi") == 1, "the import alone"
    shown = run(script, demo)
    assert shown.startswith("示例用户 粉丝 ")
    assert len(shown.splitlines()) == 7


def test_every_page_is_run() -> None:
    with_examples = {
        path.stem for path in (ROOT / "docs").glob("*.md") if blocks(path.stem, "python")
    }
    assert with_examples == set(PAGES)


def example_lines() -> list[bytes]:
    [shell] = blocks("content", "sh")
    _, _, rest = shell.partition("<<'END'\n")
    return rest.partition("\nEND\n")[0].encode().splitlines()


@pytest.mark.parametrize("line", example_lines())
def test_lines_of_the_content_page(line: bytes) -> None:
    assert entry_of(line).kind in BY_NAME
    written, kept = json.loads(line), json.loads(entry_of(line).body)
    assert holds(kept, written["document"]), "a field that is passed over"


def holds(kept: object, written: object) -> bool:
    """Whether what was written is kept, besides defaults."""
    if isinstance(written, dict):
        return isinstance(kept, dict) and all(
            name in kept and holds(kept[name], value) for name, value in written.items()
        )
    return kept == written


def test_commands_of_the_content_page(tmp_path: Path) -> None:
    [shell] = blocks("content", "sh")
    commands = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euc", shell],
        env=os.environ | {"PATH": f"{commands}:{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    async def read() -> tuple[list[int], list[tuple[int, ...]]]:
        store = await open_store(str(tmp_path / "mine.db"))
        try:
            videos = await store.documents(VIDEO, 1, Query(order="pubdate", limit=9))
            seasons = await store.documents(SEASON, 1, Query(order="time", limit=9))
        finally:
            await store.close()
        return [video.aid for video in videos.items], [season.aids for season in seasons.items]

    assert asyncio.run(read()) == ([170002, 170001], [(170001, 170002)])
