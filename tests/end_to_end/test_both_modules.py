"""One program, run by the stranger's module and by ours, on one world: they tell the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guanxi.demo.world import HERO
from guanxi.testing import RunningService, SignedIn
from tests.end_to_end.test_stranger import PYTHON, ROOT, pytestmark

__all__ = ["pytestmark"]

HERE = ROOT / "tests" / "end_to_end"
OTHER = 2


@pytest.fixture
def told(demo: RunningService, hero: SignedIn) -> dict[str, dict[str, Any]]:
    """What each of the two tells, by function."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "GUANXI_BASE_URL": demo.base_url,
        "GUANXI_SESSDATA": hero.sessdata,
        "GUANXI_BILI_JCT": hero.bili_jct,
        "MID": str(HERO),
        "OTHER": str(OTHER),
    }
    program = (HERE / "both.py").read_text("utf-8").partition("import asyncio")
    runs: dict[str, tuple[list[Path | str], str]] = {
        "theirs": ([PYTHON, HERE / "stranger_script.py"], "from bilibili_api import user\n"),
        "ours": ([sys.executable, "-"], "from guanxi import user\n"),
    }
    found = {}
    for name, (argv, front) in runs.items():
        done = subprocess.run(
            argv,
            input=front + "".join(program[1:]),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_they_tell_the_same(told: dict[str, dict[str, Any]]) -> None:
    ours, theirs = told["ours"], told["theirs"]
    assert ours.keys() == theirs.keys()
    differing = {name for name in ours if ours[name] != theirs[name]}
    assert not differing, {
        name: (str(ours[name])[:300], str(theirs[name])[:300]) for name in differing
    }
    refused = {name for name, one in theirs.items() if isinstance(one, dict) and "error" in one}
    assert {name for name in refused if not name.startswith("other's")} == set()
    empty = {name for name, one in ours.items() if not one and not name.startswith("other's")}
    assert not empty, "nothing of the hero's comes back empty"
