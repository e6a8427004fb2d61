"""Write a software bill of materials in CycloneDX 1.6: ``python -m tools.sbom [LOCK]``.

``dist/guanxi.cdx.json`` lists each package of a lock file (``requirements/image.lock`` if none is
named) with its version, the hashes of its files that the lock allows, and the licence that the
installed package states; the licence of a package that is not installed is left out. The same
lock gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from guanxi import __version__

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "dist" / "guanxi.cdx.json"
_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^ +# (?:via |  )([A-Za-z0-9._-]+)(?: \(.*)?$")


class Locked(NamedTuple):
    """A package of a lock file; ``marker`` says where it is installed, None for everywhere."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    required_by: tuple[str, ...]

    @property
    def address(self) -> str:
        """The package's address, as a package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> Iterator[Locked]:
    """Yield the packages of a lock file that uv wrote."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if match := _PACKAGE.match(block):
            name, version, marker = match.groups()
            lines = block.splitlines()
            via = tuple(found[1] for line in lines if (found := _VIA.match(line)))
            yield Locked(name, version, marker, tuple(_HASH.findall(block)), via)


def bill(text: str) -> dict[str, Any]:
    """Return the bill of materials of a lock file's text, as JSON data."""
    packages = [*locked(text)]
    own = f"pkg:pypi/guanxi@{__version__}"
    addresses: dict[str, list[str]] = {}  # a package may have another version for an old Python
    for one in packages:
        addresses.setdefault(one.name, []).append(one.address)
    requires: dict[str, set[str]] = {own: set(), **{one.address: set() for one in packages}}
    for package in packages:
        for parent in package.required_by:
            for address in addresses.get(parent, [own]):
                requires[address].add(package.address)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "guanxi",
                "version": __version__,
                "purl": own,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_component(one) for one in packages],
        "dependencies": [
            {"ref": one, "dependsOn": sorted(others)} for one, others in sorted(requires.items())
        ],
    }


def _component(package: Locked) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.address,
        "name": package.name,
        "version": package.version,
        "purl": package.address,
    }
    if licences := _licences(package.name):
        component["licenses"] = licences
    properties = [{"name": "guanxi:sha256", "value": one} for one in package.hashes]
    if package.marker:
        properties.append({"name": "guanxi:marker", "value": package.marker.strip()})
    return component | {"properties": properties}


def _licences(name: str) -> list[dict[str, Any]]:
    """Return what an installed package states as its licence, as CycloneDX has it."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    if expressions := metadata.get_all("License-Expression"):
        return [{"expression": expressions[0]}]
    classifiers = metadata.get_all("Classifier") or []
    names = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    stated = [one.partition("\n")[0].strip() for one in metadata.get_all("License") or []]
    return [{"license": {"name": one}} for one in names or stated if one]


def main() -> None:
    lock = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "requirements" / "image.lock"
    found = bill(lock.read_text("utf-8"))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{OUTPUT.relative_to(ROOT)}: {len(found['components'])} packages")


if __name__ == "__main__":
    main()
