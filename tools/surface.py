"""The public surface: every public name with its signature, as tests/surface.txt has it.

A name without a leading underscore in one of the MODULES is public; so are the public methods of
its classes. A change needs a line in CHANGELOG.md (docs/versioning.md), so the file is rewritten
only with some words of that line:

    python -m tools.surface 'A second transport'
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tools import changelog

MODULES = ("guanxi", "guanxi.user", "guanxi.exceptions", "guanxi.testing", "guanxi.toolbox")
ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "surface.txt"
_HEAD = "# Written by tools/surface.py. The last change is in CHANGELOG.md as: "


def _signature(value: Any) -> str:
    try:
        found = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    # The form of such a default differs between Pythons, or between two runs.
    found = re.sub(r"<(?:built-in )?function (\S+)(?: at 0x[0-9a-f]+)?>", r"\1", found)
    return re.sub(r"<(\w+\.\w+): [^>]*>", r"\1", found)


def _names(module: Any) -> list[str]:
    """Return the public names of a module, in order; without `__all__`, those defined in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    )


def _members(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        for member in kind:
            yield f"{name}.{member.name} = {member.value!r}"
        return
    for base in reversed([one for one in kind.__mro__ if one.__module__.startswith("guanxi")]):
        for attribute, value in vars(base).items():
            if attribute.startswith("_") or getattr(kind, attribute, None) is None:
                continue
            plain = inspect.unwrap(getattr(kind, attribute))
            if isinstance(value, property):
                yield f"{name}.{attribute}"
            elif callable(plain):
                yield f"{name}.{attribute}{_signature(plain)}"


def lines() -> Iterator[str]:
    """Yield a line for each public name, in order."""
    for path in MODULES:
        module = import_module(path)
        for name in _names(module):
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            full = f"{path}.{name}"
            if inspect.isclass(value):
                is_error = issubclass(value, BaseException)
                bases = ", ".join(one.__name__ for one in value.__bases__)
                yield f"class {full}({bases})" + (
                    "" if is_error else f" {_signature(value)}".rstrip()
                )
                if not is_error:
                    yield from sorted({*_members(full, value)})
            elif callable(value):
                yield f"{full}{_signature(value)}"
            else:
                yield full


def surface(words: str) -> str:
    """Return the text of the file, with words of CHANGELOG.md."""
    return f"{_HEAD}{words}\n" + "\n".join(lines()) + "\n"


def words_of(text: str) -> str:
    """Return the words of CHANGELOG.md that a surface was written with."""
    return text.partition("\n")[0].removeprefix(_HEAD)


def is_in_changelog(words: str, text: str) -> bool:
    """Return whether the newest part of a changelog has these words."""
    newest = next(iter(changelog.versions(text).values()), "")
    return len(words) > 9 and " ".join(words.split()) in " ".join(newest.split())


if __name__ == "__main__":
    WORDS = " ".join(sys.argv[1:])
    if not is_in_changelog(WORDS, (ROOT / "CHANGELOG.md").read_text("utf-8")):
        sys.exit("CHANGELOG.md lacks a line with these words under its newest version")
    FILE.write_text(surface(WORDS), "utf-8")
