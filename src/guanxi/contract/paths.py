"""Paths with parameters in them: ``/{mid}/dynamic``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def placeholders(template: str) -> tuple[str, ...]:
    """Return the wire names of the parameters in a path template, such as ``/{mid}``, in order."""
    return tuple(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a path template with its parameters replaced by ``values``, percent-encoded.

    ``values`` are by wire name. Raise ``KeyError`` with the name of a parameter that has no value;
    other values are ignored.
    """
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


def matcher(template: str) -> Callable[[str], dict[str, str] | None]:
    """Return a function that parses a decoded path into its parameters' values by wire name.

    The function returns None for a path that does not match the template. A value is never empty
    and has no slash.
    """
    parts = _PLACEHOLDER.split(template)
    names = parts[1::2]
    pattern = re.compile("([^/]+)".join(re.escape(part) for part in parts[::2]))

    def match(path: str) -> dict[str, str] | None:
        found = pattern.fullmatch(path)
        return dict(zip(names, found.groups(), strict=True)) if found else None

    return match
