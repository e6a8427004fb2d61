"""The README's script for another library: run with that library and with guanxi."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.demo.content import make_content
from guanxi.demo.world import HERO, World, make_world
from guanxi.testing import running
from tests.end_to_end.test_stranger import PYTHON, ROOT, pytestmark

__all__ = ["pytestmark"]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(accounts=200, edges=2_000)


@pytest.fixture
def environment(world: World) -> Iterator[dict[str, str]]:
    with running() as service:
        service.do(
            lambda store: store.import_edges(
                lambda: world.edges, accounts=world.accounts, groups=world.groups
            )
        )
        service.do(lambda store: store.put(make_content(world)))
        hero = service.sign_in(HERO)
        yield {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "GUANXI_BASE_URL": service.base_url,
            "GUANXI_SESSDATA": hero.sessdata,
            "GUANXI_BILI_JCT": hero.bili_jct,
        }


def script() -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    [found] = [
        block
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        if "was:" in block
    ]
    return str(found)


def shown(argv: list[Path | str], text: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        argv, input=text, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_of_the_readme_differs_only_in_its_import(
    world: World, environment: dict[str, str]
) -> None:
    ours = script()
    original, changed = re.subn(r"^from guanxi import .*# it was: ", "", ours, flags=re.M)
    assert changed == 1
    assert "guanxi" not in original
    theirs = shown([PYTHON, ROOT / "tests/end_to_end/stranger_script.py"], original, environment)
    assert theirs == shown([sys.executable, "-"], ours, environment)
    followers = sum(edge.followed == HERO and edge.kind == "follow" for edge in world.edges)
    assert theirs.startswith(f"{world.accounts[HERO][0].name} 粉丝 {followers}\n")
