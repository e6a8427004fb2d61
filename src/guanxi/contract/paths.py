"""Paths with parameters in them: ``/{mid}/dynamic``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def placeholders(template: str) -> tuple[str, ...]:
    """The parameters that stand in a path, by wire name."""
    return tuple(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The path for these values, each encoded; ``KeyError`` names one that is missing."""
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


def matcher(template: str) -> Callable[[str], dict[str, str] | None]:
    """A function from a decoded path to the parameters in it, None for another path."""
    parts = _PLACEHOLDER.split(template)
    names = parts[1::2]
    pattern = re.compile("([^/]+)".join(re.escape(part) for part in parts[::2]))

    def match(path: str) -> dict[str, str] | None:
        found = pattern.fullmatch(path)
        return dict(zip(names, found.groups(), strict=True)) if found else None

    return match
