"""The programs in docs/embedding.md, from examples/embedding."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = "docs/embedding.md"
#: A program's place in the page: its path, then the block that shows it.
PLACE = re.compile(r"(<!-- (examples/embedding/\w+\.py) -->\n```py\n).*?(```\n)", re.S)


def page(root: Path) -> str:
    """Return the page with each program as its file has it."""

    def program(match: re.Match[str]) -> str:
        return match[1] + (root / match[2]).read_text("utf-8") + match[3]

    return PLACE.sub(program, (root / PAGE).read_text("utf-8"))
