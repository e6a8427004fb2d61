"""The lines that docs/content.md shows of a file of content."""

from __future__ import annotations

import json

import pytest

from guanxi.world.kinds import BY_NAME, entry_of
from tests.docs.examples import blocks


def example_lines() -> list[bytes]:
    """Return the lines of the JSON Lines file in docs/content.md."""
    [shell] = [text for tag, text in blocks("docs/content.md") if tag == "sh"]
    _, _, rest = shell.partition("<<'END'\n")
    return rest.partition("\nEND\n")[0].encode().splitlines()


@pytest.mark.parametrize("line", example_lines())
def test_lines_of_the_content_page_lose_no_field(line: bytes) -> None:
    assert entry_of(line).kind in BY_NAME
    document, stored = json.loads(line)["document"], json.loads(entry_of(line).body)
    assert contains(stored, document), "a field was dropped"


def contains(stored: object, expected: object) -> bool:
    """Return whether ``stored`` equals ``expected``, apart from additional keys of objects."""
    if isinstance(expected, dict):
        return isinstance(stored, dict) and all(
            name in stored and contains(stored[name], value) for name, value in expected.items()
        )
    return stored == expected
