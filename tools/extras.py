"""Write into the install pages how many packages each extra brings, and how large they are.

    python -m tools.extras

installs each extra into a new environment, in the versions of requirements/dev.lock and with
compiled bytecode, as pip does. It needs what `make release-check` installs. The counts follow from
the metadata of the installed packages alone, so a test compares them; the sizes are measured here.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.release_check import ROOT, environment, pythons

PYTHON = "3.13"
#: The system of the figures, in the words of markers.
SYSTEM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": f"{PYTHON}.0",
    "python_version": PYTHON,
    "sys_platform": "linux",
}
#: The pages with the table, and how the figures and the date below them are written there.
PAGES = {
    "docs/start/install.md": ("{count}, {megabytes} MB", "measured on {day}"),
    "docs/zh/start/install.md": ("{count} 个，{megabytes} MB", "{day} 测得"),
}
_ROW = re.compile(
    r"^(\|.*\| `pip install '?guanxi(?:\[([\w,-]+)\])?'?` \| )([^|]*)( \|.*\|)$", re.M
)


class Size(NamedTuple):
    """What an extra installs: the number of packages besides guanxi, and bytes with guanxi."""

    packages: int
    size: int


def requirements() -> dict[str, list[Requirement]]:
    """Return the requirements of each extra of pyproject.toml, those of the SDK alone by ""."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {name: [Requirement(one) for one in each] for name, each in lists.items()}


def brought(extras: str) -> set[str]:
    """Return the names of the packages that some extras install on ``SYSTEM``, without guanxi.

    ``extras`` are separated by commas. Raise PackageNotFoundError for a package that is not
    installed here.
    """
    ours = requirements()
    waiting = [*ours[""], Requirement(f"guanxi[{extras}]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        name, wanted = canonicalize_name(one.name), frozenset(one.extras)
        if (name, wanted) in seen:
            continue
        if name == "guanxi":
            waiting += [other for each in wanted for other in ours[each]]
        elif _applies(one, frozenset()):
            seen.add((name, wanted))
            needed = map(Requirement, importlib.metadata.requires(name) or ())
            waiting += [_unmarked(other) for other in needed if _applies(other, wanted)]
    return {name for name, _ in seen}


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Return whether a requirement of a package holds on ``SYSTEM``, for some extras of it."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**SYSTEM, "extra": one}) for one in {"", *extras})


def _unmarked(requirement: Requirement) -> Requirement:
    requirement.marker = None
    return requirement


def cells(page: str) -> dict[str, str]:
    """Return the figures of each row in an install page's text, by the extras of the row."""
    return {found[2] or "": found[3] for found in _ROW.finditer(page)}


def measured(wheel: Path, extras: str, python: str) -> Size:
    """Return what some extras install into a new environment of a Python."""
    with tempfile.TemporaryDirectory() as folder:
        made = environment(
            Path(folder) / "environment", python, f"{wheel}[{extras}]", "--compile-bytecode",
            "--constraint", str(ROOT / "requirements" / "dev.lock"),
        )  # fmt: skip
    return Size(made.packages - 1, made.size)


def written(page: str, sizes: dict[str, Size], cell: str) -> str:
    """Return an install page's text with the figures in each row."""

    def row(found: re.Match[str]) -> str:
        size = sizes[found[2] or ""]
        return (
            found[1] + cell.format(count=size.packages, megabytes=round(size.size / 1e6)) + found[4]
        )

    return _ROW.sub(row, page)


def main() -> None:
    """Measure each row and write the tables; exit if a count is not what the metadata says."""
    if not (python := pythons().get(PYTHON)):
        sys.exit(f"Python {PYTHON} is not here")
    rows = {extras for name in PAGES for extras in cells((ROOT / name).read_text("utf-8"))}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        [wheel] = Path(folder).glob("*.whl")
        sizes = {extras: measured(wheel, extras, python) for extras in sorted(rows)}
    for extras, size in sizes.items():
        print(f"[{extras}]: {size.packages} packages, {size.size / 1e6:.1f} MB")
        if size.packages != len(brought(extras)):
            sys.exit(f"by the metadata {len(brought(extras))} packages")
    for name, (cell, when) in PAGES.items():
        path = ROOT / name
        page = written(path.read_text("utf-8"), sizes, cell)
        dated = re.escape(when).replace(re.escape("{day}"), r"\d{4}-\d\d-\d\d")
        path.write_text(re.sub(dated, when.format(day=datetime.now(UTC).date()), page), "utf-8")


if __name__ == "__main__":
    main()
