"""The bill of materials: rules of CycloneDX 1.6, and that it has what the lock file has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from guanxi import __version__
from tools.sbom import bill

ROOT = Path(__file__).parents[1]
_UUID = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_LOCK = """\
# made by make lock
a==1.0 \\
    --hash=sha256:{one} \\
    --hash=sha256:{two}
    # via guanxi (pyproject.toml)
b-c==2.5 ; sys_platform != 'win32' \\
    --hash=sha256:{two}
    # via
    #   guanxi (pyproject.toml)
    #   a
""".format(one="1" * 64, two="2" * 64)  # fmt: skip


def faults(found: dict[str, Any]) -> list[str]:
    """Return which rules of the schema a bill breaks, of those that readers rely on."""
    broken = []
    for name, expected in (("bomFormat", "CycloneDX"), ("specVersion", "1.6"), ("version", 1)):
        if found.get(name) != expected:
            broken.append(name)
    if not re.fullmatch(_UUID, found.get("serialNumber", "")):
        broken.append("serialNumber")
    components = [found["metadata"]["component"], *found["components"]]
    for one in components:
        if one.get("type") not in ("application", "library") or not one.get("name"):
            broken.append(f"{one}: type, name")
        if one.get("purl") != f"pkg:pypi/{one['name']}@{one['version']}":
            broken.append(f"{one['name']}: purl")
        licences = one.get("licenses", [])
        # Either one expression, or licences with an id or a name.
        if not (len(licences) == 1 and licences[0].keys() == {"expression"}) and any(
            licence.keys() != {"license"} or len(licence["license"]) != 1 for licence in licences
        ):
            broken.append(f"{one['name']}: licenses")
    refs = [one["bom-ref"] for one in components]
    if len(refs) != len(set(refs)):
        broken.append("bom-ref twice")
    for one in found["dependencies"]:
        if not {one["ref"], *one["dependsOn"]} <= set(refs):
            broken.append(f"{one['ref']}: depends on what is not there")
        if len(one["dependsOn"]) != len(set(one["dependsOn"])):
            broken.append(f"{one['ref']}: depends twice")
    if sorted(one["ref"] for one in found["dependencies"]) != sorted(refs):
        broken.append("dependencies")
    return broken


def test_what_a_lock_file_says_is_in_the_bill() -> None:
    found = bill(_LOCK)
    assert [(one["name"], one["version"]) for one in found["components"]] == [
        ("a", "1.0"),
        ("b-c", "2.5"),
    ]
    assert found["components"][1]["properties"] == [
        {"name": "guanxi:sha256", "value": "2" * 64},
        {"name": "guanxi:marker", "value": "sys_platform != 'win32'"},
    ]
    assert found["dependencies"] == [
        {"ref": "pkg:pypi/a@1.0", "dependsOn": ["pkg:pypi/b-c@2.5"]},
        {"ref": "pkg:pypi/b-c@2.5", "dependsOn": []},
        {
            "ref": f"pkg:pypi/guanxi@{__version__}",
            "dependsOn": ["pkg:pypi/a@1.0", "pkg:pypi/b-c@2.5"],
        },
    ]
    assert faults(found) == []


@pytest.mark.parametrize("lock", ["image", "dev"])
def test_the_bill_of_a_lock_file_is_whole_and_valid(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8")
    found = bill(text)
    assert faults(found) == []
    names = re.findall(r"^([\w.-]+)==", text, re.M)
    assert [one["name"] for one in found["components"]] == names
    hashes = [one for part in found["components"] for one in part["properties"]]
    assert sum(one["name"] == "guanxi:sha256" for one in hashes) == text.count("--hash=sha256:")
    licensed = [one["name"] for one in found["components"] if "licenses" in one]
    assert len(licensed) >= 0.8 * len(names), "what is for another system is not installed"
    assert found == bill(text)


@pytest.mark.parametrize(
    ("name", "value"), [("serialNumber", "1"), ("specVersion", "9"), ("dependencies", [])]
)
def test_a_broken_rule_is_found(name: str, value: object) -> None:
    assert faults(bill(_LOCK) | {name: value}) == [name]
