"""The table of the install pages has each extra, with the packages that it brings."""

from __future__ import annotations

import sys

import pytest

from tools.extras import PAGES, Size, brought, cells, requirements, written
from tools.release_check import ROOT

TEXTS = {name: (ROOT / name).read_text("utf-8") for name in PAGES}


def missing(page: str) -> set[str]:
    """Return the extras, "" for none, that no row of an install page's text has."""
    return requirements().keys() - {name for extras in cells(page) for name in extras.split(",")}


@pytest.mark.parametrize("name", PAGES)
def test_each_extra_has_a_row(name: str) -> None:
    assert missing(TEXTS[name]) == set()


def test_an_extra_without_a_row_is_found() -> None:
    page = TEXTS["docs/start/install.md"]
    assert missing(page.replace("guanxi[tools,mcp]", "guanxi[tools]")) == {"mcp"}
    assert missing(page.replace("`pip install guanxi`", "`pip install x`")) == {""}


@pytest.mark.skipif(sys.platform != "linux", reason="some packages are for Linux alone")
@pytest.mark.parametrize("name", PAGES)
def test_a_row_counts_what_the_installed_packages_need(name: str) -> None:
    for extras, cell in cells(TEXTS[name]).items():
        count, megabytes = (int("".join(filter(str.isdigit, part)))
                            for part in cell.replace("，", ",").split(","))  # fmt: skip
        assert count == len(brought(extras)), extras
        assert megabytes > 0


def test_both_languages_have_the_same_figures() -> None:
    english, chinese = (cells(text) for text in TEXTS.values())
    assert english == {extras: cell.replace(" 个，", ", ") for extras, cell in chinese.items()}


def test_the_packages_of_extras_are_those_of_each_together() -> None:
    assert brought("") == {"msgspec", "pyreqwest"}
    assert brought("files") == brought("parquet") == {*brought(""), "duckdb"}
    assert brought("testing") == brought("service") | brought("crypto")
    assert "socksio" in brought("httpx2"), "an extra of a package"
    assert "uvloop" in brought("service"), "a marker of the system"
    assert "importlib-metadata" not in brought("tools"), "of an older Python alone"


@pytest.mark.parametrize(("name", "cell"), [(name, cell) for name, (cell, _) in PAGES.items()])
def test_figures_are_written_into_their_rows_alone(name: str, cell: str) -> None:
    sizes = {extras: Size(number, 1_600_000 * number)
             for number, extras in enumerate(cells(TEXTS[name]))}  # fmt: skip
    page = written(TEXTS[name], sizes, cell)
    assert cells(page)["service"] == cell.format(count=2, megabytes=3)
    assert [line for line in page.splitlines() if "pip install" not in line] == [
        line for line in TEXTS[name].splitlines() if "pip install" not in line
    ]
