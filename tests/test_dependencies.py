"""docs/dependencies.md has a row for each direct dependency, with reason and licence."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_COLUMNS = ["package", "why", "what would replace it", "licence", "last release"]
#: Licences under which a package may be imported by guanxi.
_PERMISSIVE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "any-OSI"}


class Row(NamedTuple):
    """What the page says of a package."""

    reason: str
    replacement: str
    licence: str
    released: str


def rows(page: str) -> dict[str, Row]:
    """Return the row of each package of a page's tables, the first if there are several.

    A row may be of several packages, which are separated by commas, as their licences and dates
    are where they differ.
    """
    found: dict[str, Row] = {}
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        header, _, *lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in
                             table.splitlines()]  # fmt: skip
        if header != _COLUMNS:
            continue
        for package, reason, replacement, licences, dates in lines:
            names = [canonicalize_name(name.split()[0]) for name in package.split(", ")]
            each = [each_of(cell, len(names)) for cell in (licences, dates)]
            for name, licence, released in zip(names, *each, strict=True):
                found.setdefault(name, Row(reason, replacement, licence, released))
    return found


def each_of(cell: str, number: int) -> list[str]:
    """Return a value for each of some packages: the cell's values, or its only one for all."""
    values = cell.split(", ")
    return values * number if len(values) == 1 else values


PAGE = rows((ROOT / "docs" / "dependencies.md").read_text("utf-8"))


def settings() -> dict[str, Any]:
    """Return what pyproject.toml has."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def project() -> dict[str, Any]:
    """Return the table ``project`` of pyproject.toml."""
    table: dict[str, Any] = settings()["project"]
    return table


def direct() -> Iterator[str]:
    """Yield the name of each package that pyproject.toml names."""
    lists = [
        settings()["build-system"]["requires"],
        project()["dependencies"],
        *project()["optional-dependencies"].values(),
        *settings()["dependency-groups"].values(),
    ]
    for one in lists:
        for requirement in one:
            if isinstance(requirement, str):  # a table includes another group
                yield canonicalize_name(Requirement(requirement).name)


def unjustified(names: Iterator[str], page: dict[str, Row]) -> set[str]:
    """Return the names of packages, without guanxi itself, that lack a row or one of its cells."""
    return {name for name in names if name != "guanxi" and not all(page.get(name, [""]))}


def stated(name: str) -> set[str]:
    """Return the licences that an installed package states, as SPDX or by the classifiers."""
    metadata = importlib.metadata.metadata(name)
    if expressions := metadata.get_all("License-Expression"):
        return {*expressions}
    texts = [one for key in ("License", "Classifier") for one in metadata.get_all(key) or []]
    known = {
        "MIT": {"MIT"},
        "BSD": {"BSD-3-Clause", "BSD-2-Clause"},
        "Apache": {"Apache-2.0"},
        "any-OSI": {"any-OSI"},
    }
    classifiers = " ".join(text for text in texts if "License ::" in text or "\n" not in text)
    return {one for word, licences in known.items() if word in classifiers for one in licences}


def test_every_direct_dependency_has_a_row() -> None:
    assert unjustified(direct(), PAGE) == set()


def test_a_package_without_a_row_or_a_cell_is_found() -> None:
    table = f"| {' | '.join(_COLUMNS)} |\n|---|---|---|---|---|\n"
    both = "| a_b, c | x | y | MIT, ISC | 2026-01-02 |\n"
    page = rows(f"{table}{both}| d | x |  | MIT | 2026-01-02 |\n")
    assert page["a-b"] == Row("x", "y", "MIT", "2026-01-02")
    assert page["c"].licence == "ISC"
    assert unjustified(iter(["a-b", "c", "d", "e", "guanxi"]), page) == {"d", "e"}


def test_no_row_is_left_over() -> None:
    """Except of tools that the Makefile installs, of what comes with another package, of a file."""
    assert PAGE.keys() - set(direct()) == {"pyyaml", "pip-audit", "axe-core"}


def test_the_sdk_has_two_dependencies() -> None:
    names = [Requirement(one).name for one in project()["dependencies"]]
    assert names == ["msgspec", "pyreqwest"]


@pytest.mark.parametrize("name", sorted(PAGE))
def test_a_row_has_a_date_and_the_licence_that_the_package_states(name: str) -> None:
    row = PAGE[name]
    assert date(2024, 1, 1) < date.fromisoformat(row.released) <= date.today()
    try:
        licences = stated(name)
    except importlib.metadata.PackageNotFoundError:
        return  # it is in an environment of its own
    if name == "pyreqwest":  # it states none, and contains the text of Apache-2.0
        [text] = [file for file in importlib.metadata.files(name) or () if file.name == "LICENSE"]
        assert "Apache License" in text.read_text("utf-8")
        licences = {"Apache-2.0"}
    parts = set(re.split(r" OR | AND ", row.licence))
    assert row.licence in licences or parts <= licences, licences


def test_what_guanxi_imports_is_permissively_licensed() -> None:
    extras = project()["optional-dependencies"].values()
    for requirement in [*project()["dependencies"], *(one for extra in extras for one in extra)]:
        name = canonicalize_name(Requirement(requirement).name)
        if name != "guanxi":
            assert set(re.split(r" OR | AND ", PAGE[name].licence)) <= _PERMISSIVE, name
