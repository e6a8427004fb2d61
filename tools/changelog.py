"""The notes of one version, from CHANGELOG.md: `python -m tools.changelog 0.1.0`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from guanxi import __version__

ROOT = Path(__file__).parents[1]
_HEADING = re.compile(r"^## (.+)$", re.M)
#: The parts of a version, in Keep a Changelog.
PARTS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def versions(text: str) -> dict[str, str]:
    """Return what each version of a changelog says, by its name: `Unreleased`, `0.1.0`."""
    _, *pieces = _HEADING.split(text)
    names = [re.sub(r"^\[?([^\]\s]+)\]?.*", r"\1", heading) for heading in pieces[::2]]
    return dict(zip(names, [piece.strip() for piece in pieces[1::2]], strict=True))


def faults(text: str) -> list[str]:
    """Return what Keep a Changelog would have otherwise."""
    found = []
    for heading in _HEADING.findall(text):
        if heading != "Unreleased" and not re.fullmatch(r"\S+ - \d{4}-\d\d-\d\d", heading):
            found.append(f"{heading}: a version has its date, as 0.1.0 - 2026-01-31")
    for name, notes in versions(text).items():
        parts = re.findall(r"^### (.+)$", notes, re.M)
        found += [f"{name}: {part}" for part in parts if part not in PARTS]
        if len({*parts}) < len(parts):
            found.append(f"{name}: a part is there twice")
    return found


def notes(text: str, version: str) -> str:
    """Return the notes of a version. Raise ValueError if it has none or is not the package's."""
    if version != __version__:
        raise ValueError(f"the tag is {version}, the package is {__version__}")
    found = versions(text).get(version, "")
    if not found:
        raise ValueError(f"CHANGELOG.md has no notes of {version}")
    return found


if __name__ == "__main__":
    try:
        print(notes((ROOT / "CHANGELOG.md").read_text("utf-8"), *sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
