"""Run one program with another library's module and with ours; both return the same data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from guanxi.demo.world import HERO
from guanxi.testing import running
from tests.end_to_end.test_stranger import PYTHON, ROOT, pytestmark

__all__ = ["pytestmark"]

HERE = ROOT / "tests" / "end_to_end"
OTHER = 2


RUNS: dict[str, tuple[list[Path | str], str]] = {
    "theirs": ([PYTHON, HERE / "stranger_script.py"], "from bilibili_api import user\n"),
    "ours": ([sys.executable, "-"], "from guanxi import user\n"),
}


def results_of(argv: list[Path | str], front: str, store: Path) -> dict[str, Any]:
    """Run the program with a module, on its own copy of the store; return the results by name."""
    program = (HERE / "both.py").read_text("utf-8").partition("import asyncio")
    with running(store=store) as service:
        hero = service.sign_in(HERO)
        done = subprocess.run(
            argv,
            input=front + "".join(program[1:]),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "GUANXI_BASE_URL": service.base_url,
                "GUANXI_SESSDATA": hero.sessdata,
                "GUANXI_BILI_JCT": hero.bili_jct,
                "MID": str(HERO),
                "OTHER": str(OTHER),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(results, dict)
    return results


def without_version(result: Any) -> Any:
    """Return a result without ``re_version``, which changes when counted visits are written."""
    if isinstance(result, dict):
        return {key: value for key, value in result.items() if key != "re_version"}
    return result


def test_both_modules_return_the_same(filled: Path, tmp_path: Path) -> None:
    ours, theirs = (
        results_of(*RUNS[name], store=Path(shutil.copy(filled, tmp_path / name)))
        for name in ("ours", "theirs")
    )
    assert ours.keys() == theirs.keys()
    differing = {
        name for name in ours if without_version(ours[name]) != without_version(theirs[name])
    }
    assert differing == {"mine get_cheese"}, {
        name: (str(ours[name])[:300], str(theirs[name])[:300]) for name in differing
    }
    # Theirs is one page of a function without pages, ours is the list.
    courses, page = ours["mine get_cheese"], theirs["mine get_cheese"]
    assert courses["items"][: len(page["items"])] == page["items"]
    assert len(courses["items"]) == page["page"]["total"] > len(page["items"])
    refused = {
        name for name, result in theirs.items() if isinstance(result, dict) and "error" in result
    }
    assert {name for name in refused if not name.startswith("other's")} == set()
    empty = {name for name, result in ours.items() if not result and not name.startswith("other's")}
    written = {"set_space_notice", "edit_self_info"}
    written |= {"delete_viewed_videos_from_toview", "clear_toview_list"}
    assert empty == written, "every read returns data, and no write does"
    assert ours["get_space_notice again"] == "新的公告"
    assert (ours["get_self_info again"]["name"], ours["get_self_info again"]["sign"]) == (
        "新名字",
        "新签名",
    )
    assert ours["get_toview_list again"]["count"] < ours["get_toview_list"]["count"]
    assert ours["get_toview_list empty"]["count"] == 0
