"""Tests that run every example of the READMEs and of docs/ several times, in any order.

A reader tries the examples that he needs, in the order that he likes, against one demo and in one
folder, so each must be right whatever ran before. ``GUANXI_TEST_SEED=…`` repeats an order.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random, SystemRandom
from typing import TypeVar

import pytest

from guanxi.stores import open_store
from guanxi.stores.port import Query
from guanxi.world.videos import SEASON, VIDEO
from tests.counts import count
from tests.docs.examples import (
    PAGES,
    READMES,
    Programs,
    blocks,
    free_port,
    in_shell,
    on_the_demo,
    running_demo,
    story,
)

SEED = int(os.environ.get("GUANXI_TEST_SEED") or SystemRandom().randrange(1_000_000))
Item = TypeVar("Item")


def shuffled(items: list[Item]) -> list[Item]:
    """Return the items in an order by the seed, which is printed."""
    print(f"GUANXI_TEST_SEED={SEED}")
    return Random(SEED).sample(items, len(items))


@pytest.fixture(scope="module")
def demo() -> Iterator[dict[str, str]]:
    with running_demo() as environment:
        yield environment


@pytest.fixture(scope="module")
def programs(demo: dict[str, str]) -> Iterator[Programs]:
    with Programs(demo) as programs:
        yield programs


def test_examples_run_twice_in_a_row_and_in_any_order(
    demo: dict[str, str], programs: Programs, tmp_path: Path
) -> None:
    """Each runs before each other one and after it, against one demo; and twice in a row.

    The short form runs each once, then the last two again in the reverse order.
    """
    examples = shuffled(on_the_demo([*READMES, *PAGES]))
    assert len(examples) >= 28
    again = examples[-count(2, len(examples)) :][::-1]
    for tag, text in [example for example in examples for _ in range(count(1, 2))] + again:
        if tag == "sh":
            in_shell(text, demo, tmp_path)
        else:
            printed = programs.run(text)
            assert printed.strip() or "assert " in text, f"{text}\nprints nothing"


@pytest.mark.parametrize("readme", READMES)
def test_the_script_for_another_library_prints_seven_lines(readme: str, programs: Programs) -> None:
    """Only its import differs from the original, however often the other examples ran before."""
    [script] = [text for _, text in blocks(readme) if "bilibili_api" in text]
    assert len([line for line in script.splitlines() if line]) <= 20
    assert script.count("guanxi") == 1, "only the import may name guanxi"
    printed = programs.run(script)
    assert printed.startswith("示例用户 粉丝 ")
    assert len(printed.splitlines()) == 7


@pytest.mark.long
def test_stories_run_again_and_in_any_order(tmp_path: Path) -> None:
    """All run in one folder, then again in the reverse order."""
    stories = [document for document in ("README.md", *PAGES) if story(document)]
    assert sorted(stories) == ["README.md", "docs/content.md", "docs/service.md"]
    stories = shuffled(stories)
    printed = dict.fromkeys(stories, "")
    for document in [*stories, *stories[::-1]]:
        shell = "".join(map(in_the_background, story(document)))
        for port in ("8001", "8002"):
            shell = shell.replace(port, str(free_port()))
        printed[document] += in_shell(
            f"trap 'jobs -p | xargs -r kill; wait' EXIT\n{shell}", {}, tmp_path
        )
    assert printed["README.md"].count('"uname": "乙"') == 2, "the follower in the reader's own data"
    assert printed["docs/service.md"].count('"bili_jct"') == 2
    assert printed["docs/service.md"].count("guanxi_requests") >= 2
    assert asyncio.run(works_in(tmp_path / "mine.db")) == ([170002, 170001], [(170001, 170002)])


def in_the_background(text: str) -> str:
    """Return a block of commands; a service is started in the background, and waited for."""
    if not re.fullmatch(r"guanxi serve .*[^&]\n", text):
        return text
    ready = "curl -s --retry 40 --retry-delay 1 --retry-connrefused http://127.0.0.1:8001/readyz"
    return f"{text[:-1]} &\n{ready}\n"


async def works_in(path: Path) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return the videos and the seasons of account 1."""
    store = await open_store(str(path))
    try:
        videos = await store.documents(VIDEO, 1, Query(order="pubdate", limit=9))
        seasons = await store.documents(SEASON, 1, Query(order="time", limit=9))
    finally:
        await store.close()
    return [video.aid for video in videos.items], [season.aids for season in seasons.items]
