"""The versions of dependencies that an installation may get."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

#: The last defective version of each package; docs/dependencies.md has the defects.
DEFECTIVE = {"uvloop": "0.22.1", "starlette": "1.3.0", "cryptography": "49.0.0"}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(("name", "version"), DEFECTIVE.items(), ids=DEFECTIVE)
def test_no_version_with_a_known_defect_is_admitted(name: str, version: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    required = [one for one in requirements() if one.name == name]
    assert required
    for one in required:  # an extra each
        assert version not in one.specifier
        assert f"| {name} {one.specifier} |" in page


def test_uvloop_is_not_required_where_it_does_not_exist() -> None:
    (uvloop,) = [one for one in requirements() if one.name == "uvloop"]
    assert uvloop.marker is not None
    cpython = {"sys_platform": "linux", "platform_python_implementation": "CPython"}
    assert uvloop.marker.evaluate(cpython)
    assert not uvloop.marker.evaluate(cpython | {"sys_platform": "win32"})
    assert not uvloop.marker.evaluate(cpython | {"platform_python_implementation": "PyPy"})
