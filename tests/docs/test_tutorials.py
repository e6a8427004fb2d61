"""The tutorials and the Chinese page of the tools: what they show is what their commands print.

If one fails: python -m tools.tools_page PAGE writes it anew; read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.tools_page import PAGE, PAGES, language_of, masked, page

OTHERS = [path for path in PAGES if path != PAGE]
#: In the short form, the one that needs no demo; others run the commands of the rest.
SHORT = {"risk-control.md"}


def marked(path: Path) -> object:
    long = path.name not in SHORT or language_of(path) == "zh"
    where = path.relative_to(PAGE.parent).as_posix()
    return pytest.param(path, id=where, marks=[pytest.mark.long] if long else [])


@pytest.mark.parametrize("path", [marked(path) for path in OTHERS])
def test_a_page_shows_what_its_commands_print(path: Path) -> None:
    text = path.read_text("utf-8")
    assert masked(page(text, language_of(path))) == masked(text)


def test_the_tutorials_exist_in_both_languages() -> None:
    names = {language: set[str]() for language in ("en", "zh")}
    for path in OTHERS:
        if path.parent.name == "tutorials":
            names[language_of(path)].add(path.name)
    assert names["en"] - names["zh"] == {"fastapi.md"}, "a product's pages are in English"
    assert not names["zh"] - names["en"]


def test_the_application_has_60_lines() -> None:
    text = (PAGE.parent / "tutorials" / "fastapi.md").read_text("utf-8")
    [program] = re.findall(r"^```python\n# app.py\n(.*?)^```$", text, re.M | re.S)
    assert len([line for line in program.splitlines() if line.strip()]) <= 60
