"""``make`` lists its tasks by use, and CONTRIBUTING has each, and a first change that works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from guanxi.contract import limits

ROOT = Path(__file__).parents[2]
#: Tasks that only other tasks need.
_INNER = {"help", "others-if-possible"}


def tasks() -> set[str]:
    """Return the targets that the Makefile declares as tasks."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    [names] = re.findall(r"^\.PHONY: (.*)$", text, re.M)
    return set(names.split()) - _INNER


def listed(makefile: Path) -> list[str]:
    """Return the lines that ``make`` prints in the folder of a Makefile."""
    done = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=makefile.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_each_task_is_listed_once_in_a_group() -> None:
    groups: dict[str, list[str]] = {}
    for line in listed(ROOT / "Makefile"):
        if line and not line.startswith(" ") and "=" not in line:
            groups[line] = []
        elif found := re.match(r"  make (\S+) +\S", line):
            groups[[*groups][-1]].append(found[1])
    listed_names = [name for names in groups.values() for name in names]
    assert sorted(listed_names) == sorted(tasks())
    assert all(groups.values()), "a group without a task"
    assert [*groups][:3] == ["Start", "Test", "Check"], "what a newcomer needs is first"
    assert groups["Start"] == ["setup", "demo"]


def test_no_line_is_wider_than_80_columns() -> None:
    assert [line for line in listed(ROOT / "Makefile") if len(line) > 80] == []


def test_a_long_description_goes_on_below_where_it_began(tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    text = (ROOT / "Makefile").read_text("utf-8")
    words = " ".join(["word"] * 25)
    makefile.write_text(f"{text}\n##@ More\n\nmore: ## {words}\n", "utf-8")
    lines = listed(makefile)
    begin = lines.index("More") + 1
    first, *others = lines[begin : lines.index("", begin)]
    column = first.index("word")
    assert first.startswith("  make more ")
    assert {line[:column] for line in others} == {" " * column}
    assert " ".join(line[column:] for line in [first, *others]) == words
    assert max(len(line) for line in [first, *others]) <= 80


def test_contributing_has_a_row_for_each_task() -> None:
    rows = re.findall(r"^\| (`make .*?) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
    assert {name for row in rows for name in re.findall(r"`make ([a-z-]+)", row)} == tasks()


def test_the_first_change_of_contributing_fails_before_it_and_passes_after_it() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [test] = re.findall(r"^```python\n(def test.*?)^```$", text, re.M | re.S)
    [name] = re.findall(r"^def (\w+)", test)
    source = Path(limits.__file__).read_text("utf-8")
    changed, count = re.subn(r"( session_days: .*) = 180$", r"\1 = 90", source, flags=re.M)
    assert count == 1, "the line that a reader changes"
    after = ModuleType("guanxi.contract.limits_after")
    exec(changed, vars(after))
    before: dict[str, Any] = {"PROFILES": limits.PROFILES}
    later: dict[str, Any] = {"PROFILES": after.PROFILES}
    exec(test, before)
    exec(test, later)
    with pytest.raises(AssertionError):
        before[name]()
    later[name]()
