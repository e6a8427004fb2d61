"""docs/architecture.md and CONTRIBUTING name code that exists, and what they say is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
#: A name that the page says is in the file it links next.
NAMES = re.findall(r"`(\w+)` in\s+\[[^]]+\]\(([^)]+)\)", PAGE)


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@pytest.mark.parametrize(("name", "file"), NAMES)
def test_a_named_thing_is_in_its_file(name: str, file: str) -> None:
    source = (ROOT / "docs" / file).read_text("utf-8")
    assert re.search(rf"^(class|def|async def) {name}\b|^ *{name} = ", source, re.M)


def test_the_page_names_some() -> None:
    assert {name for name, _ in NAMES} >= {"decide", "Client", "RelationArea"}


def test_the_map_of_contributing_leads_to_what_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text.partition("\nWhere do I change")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 20
    paths = re.findall(r"`((?:src|tests|tools|docs|deploy|\.github|requirements)/[\w./-]*)`", table)
    assert len(paths) >= 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
